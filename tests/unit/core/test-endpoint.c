/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/endpoint.h"
#include "unit/test.h"

/* As systemd and sshd write addresses, and what isn't one with a port. */
static const struct {
        const char *name, *printed; /* NULL: no address */
} endpoints[] = {
        { "0.0.0.0:22", "0.0.0.0:22" },
        { "192.0.2.1:65535", "192.0.2.1:65535" },
        { "[::]:22", "[::]:22" },
        { "[2001:db8::1]:1", "[2001:db8::1]:1" },
        { "[2001:DB8:0::1]:1", "[2001:db8::1]:1" },
        { "[::ffff:192.0.2.1]:22", "[::ffff:192.0.2.1]:22" },
        { "[fe80::1%eth0]:22", "[fe80::1]:22%eth0" },
        { "[fe80::1]:22%eth0", "[fe80::1]:22%eth0" },
        { "[fe80::1]:22%123456789012345678901234567890a", "[fe80::1]:22%123456789012345678901234567890a" },
        { "0.0.0.0:22 rdomain red", "0.0.0.0:22" },

        { "/run/sshd.sock", NULL },
        { "/run/sshd:22", NULL },
        { "@sshd", NULL },
        { "@sshd:22", NULL },
        { "vsock:2:22", NULL },
        { "vsock::22", NULL },
        { "22", NULL },
        { "", NULL },
        { ":22", NULL },
        { "[]:22", NULL },
        { "::22", NULL },
        { "[::]", NULL },
        { "[::]22", NULL },
        { "[::22", NULL },
        { "[::]:", NULL },
        { "[::]:0", NULL },
        { "[::]:65536", NULL },
        { "[::]:000022", NULL },
        { "[::]:ssh", NULL },
        { "[::]:22x", NULL },
        { "[0.0.0.0]:22", NULL },
        { "[012345678901234567890123456789012345678901234567890]:22", NULL },
        { "[fe80::1]:22%123456789012345678901234567890ab", NULL },
        { "[fe80::1]:22%", NULL },
        { "[fe80::1%]:22", NULL },
        { "[fe80::1%eth0]:22%eth0", NULL },
        { "[fe80::1]:%eth0", NULL },
        { "[fe80::1]:22%et/h0", NULL },
        { "192.0.2.1:22%eth0", NULL },
        { "192.0.2.1%eth0:22", NULL },
        { "0.0.0.0", NULL },
        { "0.0.0.0:", NULL },
        { "0.0.0.0 :22", NULL },
        { "1.2.3:22", NULL },
        { "localhost:22", NULL },
};

static void test_endpoint(const void *data) {
        const __typeof__(endpoints[0]) *row = data;
        Endpoint endpoint = { .port = 7 };
        char text[ENDPOINT_SIZE];

        test_equal_int(endpoint_parse(row->name, &endpoint), row->printed ? 0 : -EBADMSG);
        if (row->printed)
                test_equal_string(endpoint_print(&endpoint, text), row->printed);
        else
                test_equal_int(endpoint.port, 7);
}

static Endpoint read_endpoint(const char *s) {
        Endpoint endpoint;

        test_equal_int(endpoint_parse(s, &endpoint), 0);
        return endpoint;
}

static void test_set(void) {
        Endpoint any = read_endpoint("0.0.0.0:22"), other_port = read_endpoint("0.0.0.0:2222"),
                 ipv6 = read_endpoint("[::]:22"), lan = read_endpoint("192.0.2.1:22");
        Endpoints set = { 0 }, subset = { 0 };

        test_equal_int(endpoints_add(&set, &any), 0);
        test_equal_int(endpoints_add(&set, &any), 0);
        test_equal_int(endpoints_add(&set, &ipv6), 0);
        test_equal_int(set.n, 2);
        test_assert(endpoints_have(&set, &ipv6) && !endpoints_have(&set, &other_port));
        test_assert(endpoints_have_address_of(&set, &other_port) && !endpoints_have_address_of(&set, &lan));
        test_assert(endpoints_have_port(&set, 22) && !endpoints_have_port(&set, 2222));
        test_assert(endpoints_have_family(&set, true) && endpoints_have_family(&set, false));

        test_assert(endpoints_have_all(&set, &subset));
        test_equal_int(endpoints_add(&subset, &ipv6), 0);
        test_assert(endpoints_have_all(&set, &subset) && !endpoints_have_all(&subset, &set));
        test_assert(!endpoints_have_family(&subset, false));

        for (uint16_t i = 1; i < ENDPOINTS_MAX; i++)
                test_equal_int(endpoints_add(&subset, &(Endpoint){ .port = i }), 0);
        test_equal_int(endpoints_add(&subset, &(Endpoint){ .port = ENDPOINTS_MAX }), -E2BIG);
        test_equal_int(endpoints_add(&subset, &ipv6), 0);
}

static void test_kinds(void) {
        const Endpoint any = read_endpoint("0.0.0.0:22"), any6 = read_endpoint("[::]:22"),
                       loopback = read_endpoint("127.9.9.9:22"), loopback6 = read_endpoint("[::1]:22"),
                       lan = read_endpoint("192.0.2.1:22");

        test_assert(endpoint_is_any(&any) && endpoint_is_any(&any6) && !endpoint_is_any(&lan) && !endpoint_is_any(&loopback6));
        test_assert(endpoint_is_loopback(&loopback) && endpoint_is_loopback(&loopback6) && !endpoint_is_loopback(&lan) &&
                    !endpoint_is_loopback(&any6));
}

static void test_streams(void) {
        static const char streams[] = "/run/sshd.sock\0000.0.0.0:22\000vsock:2:22\000[::]:22\0000.0.0.0:22\0";

        test_assert(streams_have_port(streams, 22) && !streams_have_port(streams, 2));
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_endpoint, endpoints),
                TEST(test_set),
                TEST(test_kinds),
                TEST(test_streams),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
