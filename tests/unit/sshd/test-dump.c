/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/dump.h"
#include "unit/test.h"

/* Taken from real `sshd -T -o Port=1` runs, cut to what matters. */
#define ANY(port) "listenaddress [::]:" #port "\nlistenaddress 0.0.0.0:" #port "\n"

static const struct {
        const char *name;
        const char *text;
        uint16_t moved_to;
        const char *home; /* "22 2022" */
        bool fixed, ipv4, ipv6;
        int n_addresses;
} dumps[] = {
        { "nothing configured", "port 1\naddressfamily any\n" ANY(1), 0, "22", false, true, true, 2 },
        { "as OpenSSH 10.6 writes it", "Port 1\nAddressFamily any\nListenAddress [::]:1\nListenAddress 0.0.0.0:1\n", 0,
          "22", false, true, true, 2 },
        { "displaced", "port 1\nport 2222\n" ANY(1) ANY(2222), 2222, "22", false, true, true, 2 },
        { "Port 22 in the main file", "port 1\nport 22\n" ANY(1) ANY(22), 0, "22", false, true, true, 2 },
        { "Port 22 and displaced", "port 1\nport 2222\nport 22\n" ANY(1) ANY(2222) ANY(22), 2222, "22",
          false, true, true, 2 },
        { "two ports", "port 1\nport 22\nport 2022\n" ANY(1) ANY(22) ANY(2022), 0, "22 2022", false, true,
          true, 2 },
        { "the user has our port too", "port 1\nport 2222\nport 2222\n" ANY(1) ANY(2222) ANY(2222), 2222,
          "2222", false, true, true, 2 },
        { "IPv4 only", "port 1\nlistenaddress 0.0.0.0:1\n", 0, "22", false, true, false, 1 },
        { "IPv6 only", "port 1\nlistenaddress [::]:1\n", 0, "22", false, false, true, 1 },
        { "an address without a port", "port 1\nlistenaddress 192.0.2.1:1\n", 0, "22", false, true, false, 1 },
        { "an address with a port", "port 1\nlistenaddress 0.0.0.0:22\n", 0, "22", true, true, false, 0 },
        { "an address with a port, displaced in vain", "port 1\nport 2222\nlistenaddress 0.0.0.0:22\n", 2222,
          "22", true, true, false, 0 },
        { "addresses with and without", "port 1\nlistenaddress 192.0.2.1:1\nlistenaddress 127.0.0.1:2022\n",
          0, "2022", true, true, false, 1 },
        { "two addresses of a family", "port 1\nlistenaddress 192.0.2.1:1\nlistenaddress 192.0.2.2:1\n", 0, "22", false,
          true, false, 2 },
        { "with a scope and a routing domain",
          "port 1\nlistenaddress [fe80::1%eth0]:1\nlistenaddress 192.0.2.1:1 rdomain red\n", 0, "22", false,
          true, true, 2 },
};

static void test_home(const void *data) {
        const __typeof__(dumps[0]) *row = data;
        char ports[64] = "";
        SshdDump dump;
        SshdHome home;

        test_equal_int(sshd_dump_parse(row->text, &dump), 0);
        sshd_dump_home(&dump, row->moved_to, &home);
        for (size_t i = 0; i < home.n_ports; i++)
                snprintf(ports + strlen(ports), sizeof(ports) - strlen(ports), "%s%u", i ? " " : "",
                         home.ports[i]);
        test_equal_string(ports, row->home);
        test_equal_int(home.port_fixed, row->fixed);
        test_equal_int(home.ipv4, row->ipv4);
        test_equal_int(home.ipv6, row->ipv6);
        test_equal_int(home.n_addresses, row->n_addresses);
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
          "port 1\nport 2\nport 3\nport 4\nport 5\nport 6\nport 7\nport 8\nport 9\nport 10\nport 11\nport "
          "12\n"
          "port 13\nport 14\nport 15\nport 16\nport 17\n" ANY(1),
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
        { "the first of two", "a: Bad configuration option: Foo\r\na: terminating, 1 bad configuration options\r\n",
          "a: Bad configuration option: Foo", false },
        { "empty lines before it", "\n\nan error\n", "an error", false },
        { "remarks before it", "debug1: sshd version OpenSSH_9.2\nUnsupported option Foo\nan error\n", "an error",
          false },
        { "as OpenSSH 9.2 and 10.6 write them",
          "/tmp/a line 2: Deprecated option UsePrivilegeSeparation\r\n"
          "/tmp/a line 3: Unsupported option GSSAPIAuthentication\r\n"
          "/tmp/a line 5: unsupported option \"maybe\".\r\n",
          "/tmp/a line 5: unsupported option \"maybe\".", false },
        { "no keys, and a remark", "/tmp/c line 1: Deprecated option UsePrivilegeSeparation\r\n"
          "sshd: no hostkeys available -- exiting.\r\n", "sshd: no hostkeys available -- exiting.", false },
        { "nothing of a line can be shown", "\r\n\303\244\n \nan error\n", "an error", false },
        { "remarks only", "debug1: one\ndebug1: two\n", "debug1: one", false },
        { "no end", "an error", "an error", false },
        { "what a terminal would obey", "an \033[31merror\177\200\n", "an [31merror", false },
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
                TEST_TABLE(test_refused, refused),
                TEST_TABLE(test_errors, errors),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
