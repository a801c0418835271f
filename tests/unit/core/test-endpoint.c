/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/endpoint.h"
#include "unit/test.h"

/* As systemd writes addresses, and what isn't one with a port. */
static const struct {
        const char *name;
        const char *address; /* NULL: none */
        uint16_t port;
        bool ipv6;
        const char *scope; /* NULL: none */
} endpoints[] = {
        { "0.0.0.0:22", "0.0.0.0", 22, false, NULL },
        { "192.0.2.1:65535", "192.0.2.1", 65535, false, NULL },
        { "[::]:22", "::", 22, true, NULL },
        { "[2001:db8::1]:1", "2001:db8::1", 1, true, NULL },
        { "[::ffff:192.0.2.1]:22", "::ffff:192.0.2.1", 22, true, NULL },
        { "[fe80::1%eth0]:22", "fe80::1%eth0", 22, true, NULL },
        { "[fe80::1]:22%eth0", "fe80::1", 22, true, "eth0" },
        { "[fe80::1]:22%123456789012345678901234567890a", "fe80::1", 22, true, "123456789012345678901234567890a" },
        { "0.0.0.0:22 rdomain red", "0.0.0.0", 22, false, NULL },
        { "[0123456789012345678901234567890123456789012345678901234567890]:22",
          "0123456789012345678901234567890123456789012345678901234567890", 22, true, NULL },
        { "[012345678901234567890123456789012345678901234567890123456789012]:22",
          "012345678901234567890123456789012345678901234567890123456789012", 22, true, NULL },

        { "[0123456789012345678901234567890123456789012345678901234567890123]:22", NULL, 0, false, NULL },
        { "/run/sshd.sock", NULL, 0, false, NULL },
        { "/run/sshd:22", NULL, 0, false, NULL },
        { "@sshd", NULL, 0, false, NULL },
        { "@sshd:22", NULL, 0, false, NULL },
        { "vsock:2:22", NULL, 0, false, NULL },
        { "vsock::22", NULL, 0, false, NULL },
        { "22", NULL, 0, false, NULL },
        { "", NULL, 0, false, NULL },
        { ":22", NULL, 0, false, NULL },
        { "[]:22", NULL, 0, false, NULL },
        { "::22", NULL, 0, false, NULL },
        { "[::]", NULL, 0, false, NULL },
        { "[::]22", NULL, 0, false, NULL },
        { "[::22", NULL, 0, false, NULL },
        { "[::]:", NULL, 0, false, NULL },
        { "[::]:0", NULL, 0, false, NULL },
        { "[::]:65536", NULL, 0, false, NULL },
        { "[::]:000022", NULL, 0, false, NULL },
        { "[::]:ssh", NULL, 0, false, NULL },
        { "[::]:22x", NULL, 0, false, NULL },
        { "[fe80::1]:22%123456789012345678901234567890ab", NULL, 0, false, NULL },
        { "[fe80::1]:22%", NULL, 0, false, NULL },
        { "[fe80::1%eth0]:22%eth0", NULL, 0, false, NULL },
        { "[fe80::1]:%eth0", NULL, 0, false, NULL },
        { "192.0.2.1:22%eth0", NULL, 0, false, NULL },
        { "0.0.0.0", NULL, 0, false, NULL },
        { "0.0.0.0:", NULL, 0, false, NULL },
        { "0.0.0.0 :22", NULL, 0, false, NULL },
        { "localhost:22", NULL, 0, false, NULL },
};

static void test_endpoint(const void *data) {
        const __typeof__(endpoints[0]) *row = data;
        Endpoint endpoint = { .address = "x", .port = 7 };

        test_equal_int(endpoint_parse(row->name, &endpoint), row->address ? 0 : -EBADMSG);
        test_equal_string(endpoint.address, row->address ? row->address : "x");
        test_equal_int(endpoint.port, row->address ? row->port : 7);
        test_equal_int(endpoint.ipv6, row->ipv6);
        test_equal_string(endpoint.scope, strempty(row->scope));
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_endpoint, endpoints),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
