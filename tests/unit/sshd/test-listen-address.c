/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/listen-address.h"
#include "unit/files.h"

static const struct {
        const char *name;
        bool sets_port, loopback;
} addresses[] = {
        { "0.0.0.0:22", true, false },
        { "[::]:22", true, false },
        { "host.example:22", true, false },
        { "0.0.0.0", false, false },
        { "::", false, false },
        { "fe80::1", false, false },
        { "[::]", false, false },
        { "", false, false },
        { "127.0.0.1", false, true },
        { "127.0.0.2:22", true, true },
        { "::1", false, true },
        { "[::1]:22", true, true },
        { "localhost", false, true },
        { "::1234", false, false },
        { "192.0.2.127", false, false },
};

static void test_address(const void *data) {
        const __typeof__(addresses[0]) *row = data;

        test_equal_int(listen_address_sets_port(row->name), row->sets_port);
        test_equal_int(listen_address_is_loopback(row->name), row->loopback);
}

#define MAIN "/etc/ssh/sshd_config: "

static const struct {
        const char *name, *files, *file, *text; /* .file NULL: none is found */
        unsigned line;
} finds[] = {
        { "in the main file", MAIN "Port 22\n" MAIN "ListenAddress 0.0.0.0:22\n", "/etc/ssh/sshd_config", "ListenAddress 0.0.0.0:22", 2 },
        { "quoted, and more behind it", MAIN "listenaddress=\"[::]:22\" rdomain red\n", "/etc/ssh/sshd_config", "listenaddress [::]:22", 1 },
        { "in a file of its own", MAIN "Include /etc/ssh/site.d/*\n/etc/ssh/site.d/a: # site\n/etc/ssh/site.d/a: ListenAddress 192.0.2.1:22\n",
          "/etc/ssh/site.d/a", "ListenAddress 192.0.2.1:22", 2 },
        { "in a drop-in that sshd doesn't read", MAIN "UsePAM yes\n/etc/ssh/sshd_config.d/a.conf: ListenAddress 0.0.0.0:22\n", NULL, NULL, 0 },
        { "without a port", MAIN "ListenAddress 0.0.0.0\n", NULL, NULL, 0 },
        { "in a comment", MAIN "#ListenAddress 0.0.0.0:22\n", NULL, NULL, 0 },
        { "another keyword, or none", MAIN "ListenAddresses 0.0.0.0:22\n" MAIN "ListenAddress\n", NULL, NULL, 0 },
        { "what a terminal would obey", MAIN "ListenAddress \033[2J:22\n", "/etc/ssh/sshd_config", "ListenAddress  [2J:22", 1 },
};

static void test_find(const void *data) {
        const __typeof__(finds[0]) *row = data;
        ListenAddressLine found = { 0 };
        TestRoot root = test_root();

        test_put_all(&root, row->files);
        test_equal_int(listen_address_find(root.path, "", listen_address_sets_port, &found), row->file != NULL);
        test_equal_string(found.place.file, strempty(row->file));
        test_equal_int(found.place.line, row->line);
        test_equal_string(found.text, strempty(row->text));
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_address, addresses),
                TEST_TABLE(test_find, finds),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
