/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/inputs.h"

#include <sys/stat.h>

#include "unit/test.h"

/* Every case stands in a folder of its own, as if it were /etc/ssh. */
static char config[64];

static void write_file(const char *name, const char *text) {
        _cleanup_fclose_ FILE *file = fopen(name, "w");

        test_assert(file);
        test_assert(fputs(text, file) >= 0);
}

static int folder_length(void) {
        return (int) (strrchr(config, '/') - config);
}

static void folder(const char *text) {
        static char path[] = "/tmp/wslportd-inputs.XXXXXX";

        test_assert(mkdtemp(path));
        test_assert(chdir(path) >= 0);
        snprintf(config, sizeof(config), "%s/sshd_config", path);
        test_assert(mkdir("d", 0755) >= 0);
        write_file("sshd_config", text);
        write_file("sshd", "");
}

static void clean_up(void) {
        char command[128];

        test_assert(chdir("/") >= 0);
        snprintf(command, sizeof(command), "rm -r %.*s", folder_length(), config);
        test_equal_int(system(command), 0);
}

static uint64_t inputs(void) {
        uint64_t number = 0;

        test_equal_int(sshd_inputs("./sshd", config, &number), 0);
        test_assert(number != 0);
        return number;
}

static void nothing(void) {
}

static void main_file(void) {
        _cleanup_fclose_ FILE *file = fopen("sshd_config", "a");

        test_assert(file);
        test_assert(fputs("#\n", file) >= 0);
}

static void new_file(void) {
        write_file("d/b.conf", "");
}

static void gone_file(void) {
        test_assert(unlink("d/a.conf") >= 0);
}

static void deep_file(void) {
        write_file("deep", "Port 24\n");
}

static void other_file(void) {
        write_file("d/a.txt", "Port 24\n");
}

static void program(void) {
        write_file("sshd", "another");
}

static void key(void) {
        write_file("ssh_host_rsa_key", "a key");
}

static void no_key(void) {
        test_assert(unlink("ssh_host_ed25519_key") >= 0);
}

static void key_for_all(void) {
        test_assert(chmod("ssh_host_ed25519_key", 0666) >= 0);
}

static void named_key(void) {
        test_assert(unlink("key") >= 0);
}

static void named_banner(void) {
        test_assert(unlink("banner") >= 0);
}

/* What is done to the folder, and whether sshd may say something else after it. */
static const struct {
        const char *name;
        void (*change)(void);
        bool matters;
} changes[] = {
        { "nothing", nothing, false },
        { "the main file", main_file, true },
        { "a file that is included now", new_file, true },
        { "a file that was included", gone_file, true },
        { "a file that an included one includes", deep_file, true },
        { "a file beside them", other_file, false },
        { "the program", program, true },
        { "a host key", key, true },
        { "a host key that is gone", no_key, true },
        { "a host key that anybody may write", key_for_all, true },
        { "a host key that is named", named_key, true },
        { "a banner", named_banner, false },
};

static void test_change(const void *data) {
        const __typeof__(changes[0]) *row = data;
        char text[256];
        uint64_t before;

        folder("");
        snprintf(text, sizeof(text),
                 "# Include nowhere\nInclude d/*.conf\nPort 22\nHostKey %.*s/key\nBanner %.*s/banner\n",
                 folder_length(), config, folder_length(), config);
        write_file("sshd_config", text);
        write_file("d/a.conf", "include=deep\n");
        write_file("deep", "Port 22\n");
        write_file("ssh_host_ed25519_key", "a key");
        write_file("key", "");
        write_file("banner", "");

        before = inputs();
        row->change();
        test_equal_int(inputs() != before, row->matters);
        clean_up();
}

static const struct {
        const char *name;
        const char *text;
        int expected;
} configs[] = {
        { "an empty one", "", 0 },
        { "addresses",
          "ListenAddress 192.0.2.1\nListenAddress 192.0.2.1:22\nListenAddress [fe80::1]:22\nListenAddress ::1\n", 0 },
        { "a host name", "ListenAddress localhost\n", -EOPNOTSUPP },
        { "a host name of hexadecimal digits", "ListenAddress cafe\n", -EOPNOTSUPP },
        { "the same, with a port", "listenaddress=cafe:22\n", -EOPNOTSUPP },
        { "an interface", "ListenAddress fe80::1%eth0\n", -EOPNOTSUPP },
        { "a routing domain", "ListenAddress 192.0.2.1 rdomain red\n", -EOPNOTSUPP },
        { "an include in quotes", "Include \"d/*.conf\"\n", -EOPNOTSUPP },
        { "a folder for a file", "Include d\n", -EOPNOTSUPP },
        { "one that includes itself", "Include sshd_config\n", -EOPNOTSUPP },
        { "nothing to include", "Include nowhere/*\n", 0 },
};

static void test_config(const void *data) {
        const __typeof__(configs[0]) *row = data;
        uint64_t number = 0;

        folder(row->text);
        test_equal_int(sshd_inputs("./sshd", config, &number), row->expected);
        test_equal_int(number == 0, row->expected < 0);
        clean_up();
}

static void test_without_a_main_file(void) {
        uint64_t number = 7;

        folder("");
        test_assert(unlink("sshd_config") >= 0);
        test_equal_int(sshd_inputs("./sshd", config, &number), -ENOENT);
        test_equal_int(number == 7, true);
        clean_up();
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_change, changes),
                TEST_TABLE(test_config, configs),
                TEST(test_without_a_main_file),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
