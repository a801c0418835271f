/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/dump.h"
#include "unit/test.h"

/* Taken from real `sshd -T -o Port=1` runs, cut to what matters. */
#define TEN(line) line line line line line line line line line line
#define ANY(port) "listenaddress [::]:" #port "\nlistenaddress 0.0.0.0:" #port "\n"

static const struct {
        const char *name;
        const char *text;
        uint16_t moved_to;
        bool not_the_owners; /* the port of our file, where sshd has it twice */
        const char *movable, *fixed; /* words */
} dumps[] = {
        { "nothing configured", "port 1\naddressfamily any\n" ANY(1), 0, false, "[::]:22 0.0.0.0:22", "" },
        { "as OpenSSH 10.6 writes it", "Port 1\nAddressFamily any\nListenAddress [::]:1\nListenAddress 0.0.0.0:1\n", 0,
          false, "[::]:22 0.0.0.0:22", "" },
        { "displaced", "port 1\nport 2222\n" ANY(1) ANY(2222), 2222, false, "[::]:22 0.0.0.0:22", "" },
        { "Port 22 in the main file", "port 1\nport 22\n" ANY(1) ANY(22), 0, false, "[::]:22 0.0.0.0:22", "" },
        { "Port 22 and displaced", "port 1\nport 2222\nport 22\n" ANY(1) ANY(2222) ANY(22), 2222, false,
          "[::]:22 0.0.0.0:22", "" },
        { "two ports", "port 1\nport 22\nport 2022\n" ANY(1) ANY(22) ANY(2022), 0, false,
          "[::]:22 0.0.0.0:22 [::]:2022 0.0.0.0:2022", "" },
        { "the owner has our port too", "port 1\nport 2222\nport 2222\n" ANY(1) ANY(2222) ANY(2222), 2222, false,
          "[::]:2222 0.0.0.0:2222", "" },
        { "our file is included twice", "port 1\nport 2222\nport 2222\n" ANY(1) ANY(2222) ANY(2222), 2222, true,
          "[::]:22 0.0.0.0:22", "" },
        { "our file is included twice, beside Port 22",
          "port 1\nport 2222\nport 22\nport 2222\n" ANY(1) ANY(2222) ANY(22) ANY(2222), 2222, true, "[::]:22 0.0.0.0:22", "" },
        { "the owner's own port 1", "port 1\nport 1\n" ANY(1) ANY(1), 0, false, "[::]:1 0.0.0.0:1", "" },
        { "IPv4 only", "port 1\nlistenaddress 0.0.0.0:1\n", 0, false, "0.0.0.0:22", "" },
        { "IPv6 only", "port 1\nlistenaddress [::]:1\n", 0, false, "[::]:22", "" },
        { "an address without a port", "port 1\nlistenaddress 192.0.2.1:1\n", 0, false, "192.0.2.1:22", "" },
        { "an address with a port", "port 1\nlistenaddress 0.0.0.0:22\n", 0, false, "", "0.0.0.0:22" },
        { "an address with a port, displaced in vain", "port 1\nport 2222\nlistenaddress 0.0.0.0:22\n", 2222, false, "",
          "0.0.0.0:22" },
        { "addresses with and without", "port 1\nlistenaddress 192.0.2.1:1\nlistenaddress 127.0.0.1:2022\n", 0, false,
          "192.0.2.1:22", "127.0.0.1:2022" },
        { "the same address with and without, and no Port line",
          "port 1\nlistenaddress 192.0.2.1:1\nlistenaddress 192.0.2.1:22\n", 0, false, "192.0.2.1:22", "192.0.2.1:22" },
        { "the same address with and without, and its port in a Port line",
          "port 1\nport 22\nlistenaddress 192.0.2.1:1\nlistenaddress 192.0.2.1:22\nlistenaddress 192.0.2.1:22\n", 0, false,
          "192.0.2.1:22", "192.0.2.1:22" },
        { "-p, which drops the sentinel", "port 22\n" ANY(22), 0, false, "", "[::]:22 0.0.0.0:22" },
        { "-p, displaced in vain", "port 22\n" ANY(22), 2222, false, "", "[::]:22 0.0.0.0:22" },
        { "-p beside an address with a port", "port 2022\nlistenaddress 192.0.2.1:2022\nlistenaddress 127.0.0.1:22\n", 0,
          false, "", "192.0.2.1:2022 127.0.0.1:22" },
        { "two addresses of a family", "port 1\nlistenaddress 192.0.2.1:1\nlistenaddress 192.0.2.2:1\n", 0, false,
          "192.0.2.1:22 192.0.2.2:22", "" },
        { "with a scope and a routing domain",
          "port 1\nlistenaddress [fe80::1%eth0]:1\nlistenaddress 192.0.2.1:1 rdomain red\n", 0, false,
          "[fe80::1]:22%eth0 192.0.2.1:22", "" },
};

static void test_is(const Endpoints *set, const char *words) {
        char text[512] = "";

        for (size_t i = 0; i < set->n; i++) {
                char word[ENDPOINT_SIZE];

                test_assert(words_append(text, sizeof(text), endpoint_print(&set->items[i], word)));
        }
        for (char *c = text; c[0] || c[1]; c++)
                if (*c == '\0')
                        *c = ' ';
        test_equal_string(text, words);
}

static void test_home(const void *data) {
        const __typeof__(dumps[0]) *row = data;
        SshdDump dump;
        Home home;

        test_equal_int(sshd_dump_parse(row->text, &dump), 0);
        test_equal_int(sshd_dump_home(&dump, row->moved_to, !row->not_the_owners, &home), 0);
        test_is(&home.movable, row->movable);
        test_is(&home.fixed, row->fixed);
        test_equal_int(home.port_fixed, home.fixed.n > 0);
}

static void test_too_much_for_a_home(void) {
        char text[1024] = "port 1\nlistenaddress 192.0.2.1:1\n";
        SshdDump dump;
        Home home = { .n_ports = 7 };

        for (unsigned i = 1; i <= SSHD_PORTS_MAX + 1; i++)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "port %u\nlistenaddress 192.0.2.1:%u\n", 100 + i,
                         100 + i);
        test_equal_int(sshd_dump_parse(text, &dump), 0);
        test_equal_int(sshd_dump_home(&dump, 0, false, &home), -E2BIG);
        test_equal_int(home.n_ports, 7);
}

static const struct {
        const char *name;
        const char *text;
        int result;
} refused[] = {
        { "empty", "", -EBADMSG },
        { "no address", "port 22\n", -EBADMSG },
        { "no port", ANY(22), -EBADMSG },
        { "a port too large", "port 65536\n" ANY(22), -EBADMSG },
        { "an address without a port", "port 22\nlistenaddress 0.0.0.0\n", -EBADMSG },
        { "an unclosed bracket", "port 22\nlistenaddress [::22\n", -EBADMSG },
        { "an empty address", "port 22\nlistenaddress :22\n", -EBADMSG },
        { "too many ports",
          TEN("port 1\n") TEN("port 2\n") TEN("port 3\n") TEN("port 4\n") ANY(1),
          -E2BIG },
};

static void test_refused(const void *data) {
        const __typeof__(refused[0]) *row = data;
        SshdDump dump = { .n_ports = 99 };

        test_equal_int(sshd_dump_parse(row->text, &dump), row->result);
        test_equal_int(dump.n_ports, 99);
}

static const struct {
        const char *name, *errors, *chosen;
        bool ours;
} errors[] = {
        { "nothing", "", "", false },
        { "one line", "/etc/ssh/sshd_config: line 3: Bad configuration option: Foo\r\n",
          "/etc/ssh/sshd_config: line 3: Bad configuration option: Foo", false },
        { "the first of two",
          "a: Bad configuration option: Foo\r\na: terminating, 1 bad configuration options\r\n",
          "a: Bad configuration option: Foo", false },
        { "empty lines before it", "\n\nan error\n", "an error", false },
        { "remarks before it", "debug1: sshd version OpenSSH_9.2\nUnsupported option Foo\nan error\n",
          "an error", false },
        { "as OpenSSH 9.2 and 10.6 write them",
          "/tmp/a line 2: Deprecated option UsePrivilegeSeparation\r\n"
          "/tmp/a line 3: Unsupported option GSSAPIAuthentication\r\n"
          "/tmp/a line 5: unsupported option \"maybe\".\r\n",
          "/tmp/a line 5: unsupported option \"maybe\".", false },
        { "no keys, and a remark",
          "/tmp/c line 1: Deprecated option UsePrivilegeSeparation\r\n"
          "sshd: no hostkeys available -- exiting.\r\n",
          "sshd: no hostkeys available -- exiting.", false },
        { "the box around a warning",
          "@@@@@@@@@@\r\n@ WARNING: UNPROTECTED PRIVATE KEY FILE! @\r\n@@@@@@@@@@\r\n"
          "Permissions 0644 for '/k' are too open.\r\n",
          "Permissions 0644 for '/k' are too open.", false },
        { "nothing of a line can be shown", "\r\n\303\244\n \nan error\n", "an error", false },
        { "remarks only", "debug1: one\ndebug1: two\n", "debug1: one", false },
        { "no end", "an error", "an error", false },
        { "what a terminal would obey", "an \033[31merror\177\200\n", "an [31merror", false },
        { "a line before it that has no file",
          "sshd: Missing something\n/etc/ssh/a.conf line 3: Bad yes/no argument: often\n",
          "/etc/ssh/a.conf line 3: Bad yes/no argument: often", false },
        { "a remark with a file and a line", "/etc/ssh/a line 3: Deprecated option Foo\nan error\n", "an error", false },
        { "no keys, as they are missing",
          "Unable to load host key: /data/key\r\nsshd: no hostkeys available -- exiting.\r\n",
          "Unable to load host key: /data/key", false },
        { "no keys, as others can read them",
          "@@@@@@@@@@@@@@@@\r\n@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\r\n@@@@@@@@@@@@@@@@\r\n"
          "Permissions 0644 for '/etc/ssh/ssh_host_rsa_key' are too open.\r\n"
          "It is required that your private key files are NOT accessible by others.\r\n"
          "This private key will be ignored.\r\nsshd: no hostkeys available -- exiting.\r\n",
          "Permissions 0644 for '/etc/ssh/ssh_host_rsa_key' are too open.", false },
        { "our file", STATEDIR "/sshd.d/port.conf line 2: Badly formatted port number.\r\n",
          STATEDIR "/sshd.d/port.conf line 2: Badly formatted port number.", true },
};

static void test_errors(const void *data) {
        const __typeof__(errors[0]) *row = data;
        char text[256], cut[5];

        sshd_errors_choose(row->errors, text, sizeof(text));
        test_equal_string(text, row->chosen);
        test_equal_int(sshd_errors_name_ours(row->errors), row->ours);

        sshd_errors_choose(row->errors, cut, sizeof(cut));
        text[sizeof(cut) - 1] = '\0';
        test_equal_string(cut, text);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_home, dumps),
                TEST(test_too_much_for_a_home),
                TEST_TABLE(test_refused, refused),
                TEST_TABLE(test_errors, errors),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
