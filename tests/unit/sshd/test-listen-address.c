/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/listen-address.h"
#include "unit/test.h"

static const struct {
        const char *name;
        bool sets_port;
} lines[] = {
        { "ListenAddress 0.0.0.0:22", true },
        { "  listenaddress\t[::]:22", true },
        { "ListenAddress=\"0.0.0.0:22\"", true },
        { "ListenAddress host.example:22 rdomain red", true },
        { "ListenAddress 0.0.0.0", false },
        { "ListenAddress ::", false },
        { "ListenAddress fe80::1", false },
        { "ListenAddress [::]", false },
        { "#ListenAddress 0.0.0.0:22", false },
        { "ListenAddresses 0.0.0.0:22", false },
        { "ListenAddress", false },
        { "", false },
};

static void test_sets_port(const void *data) {
        const __typeof__(lines[0]) *row = data;

        test_equal_int(listen_address_sets_port(row->name), row->sets_port);
}

static const struct {
        const char *name, *line;
        bool loopback;
} addresses[] = {
        { "IPv4", "ListenAddress 127.0.0.1", true },
        { "another of IPv4", "\tlistenaddress = \"127.0.0.2\"", true },
        { "with a port", "ListenAddress 127.0.0.1:22", true },
        { "IPv6", "ListenAddress ::1", true },
        { "IPv6 with a port", "ListenAddress [::1]:22", true },
        { "a name", "ListenAddress localhost", true },
        { "all", "ListenAddress 0.0.0.0", false },
        { "all of IPv6", "ListenAddress ::", false },
        { "begins like it", "ListenAddress ::1234", false },
        { "another address", "ListenAddress 192.0.2.127", false },
        { "a comment", "#ListenAddress 127.0.0.1", false },
        { "another keyword", "ListenAddresses 127.0.0.1", false },
        { "no value", "ListenAddress", false },
};

static void test_loopback(const void *data) {
        const __typeof__(addresses[0]) *row = data;

        test_equal_int(listen_address_is_loopback(row->line), row->loopback);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_sets_port, lines),
                TEST_TABLE(test_loopback, addresses),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
