/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/home.h"
#include "unit/test.h"

/* Words: what sshd has, where a placement puts it, and what the kernel has to show. */
static const struct {
        const char *name;
        const char *movable, *fixed;
        Placement placement;
        const char *placed;
        uint16_t port; /* of .on_port */
        const char *on_port;
        bool without_ipv6;
} homes[] = {
        { "stock", "0.0.0.0:22 [::]:22", "", { .port = 2222 }, "0.0.0.0:2222 [::]:2222", 2222, "0.0.0.0:2222 [::]:2222", false },
        { "stock, at home", "0.0.0.0:22 [::]:22", "", { 0 }, "[::]:22 0.0.0.0:22", 22, "0.0.0.0:22 [::]:22", false },
        { "moved, its home port", "0.0.0.0:22 [::]:22", "", { .port = 2222 }, "0.0.0.0:2222 [::]:2222", 22,
          "0.0.0.0:22 [::]:22", false },
        { "a kernel without IPv6", "0.0.0.0:22 [::]:22", "", { .port = 2222 }, "0.0.0.0:2222 [::]:2222", 2222, "0.0.0.0:2222",
          true },
        { "two ports become one", "0.0.0.0:22 0.0.0.0:23", "", { .port = 2222 }, "0.0.0.0:2222", 2222, "0.0.0.0:2222", false },
        { "one of two ports stays", "0.0.0.0:22 0.0.0.0:23", "", { .port = 2222, .beside = { 23 }, .n_beside = 1 },
          "0.0.0.0:2222 0.0.0.0:23", 23, "0.0.0.0:23", false },
        { "an address fixes its port", "127.0.0.1:22", "192.0.2.1:2022", { .port = 2222 }, "127.0.0.1:2222 192.0.2.1:2022",
          2222, "127.0.0.1:2222", false },
        { "a fixed port", "127.0.0.1:22", "192.0.2.1:2022", { .port = 2222 }, "127.0.0.1:2222 192.0.2.1:2022", 2022,
          "192.0.2.1:2022", false },
        { "a socket unit's addresses differ", "0.0.0.0:22 127.0.0.1:8022", "",
          { .port = 2222, .beside = { 8022 }, .n_beside = 1 }, "0.0.0.0:2222 127.0.0.1:8022", 2222, "0.0.0.0:2222", false },
        { "not sshd's port", "0.0.0.0:22", "", { 0 }, "0.0.0.0:22", 2222, "", false },
};

static Endpoints read_set(const char *text) {
        Endpoints set = { 0 };
        Endpoint endpoint;

        for (; *text; text += strspn(text, " ")) {
                test_equal_int(endpoint_parse(text, &endpoint), 0);
                test_equal_int(endpoints_add(&set, &endpoint), 0);
                text += strcspn(text, " ");
        }
        return set;
}

static Home read_home(const char *movable_text, const char *fixed_text) {
        Endpoints movable = read_set(movable_text), fixed = read_set(fixed_text);
        Home home = { 0 };

        for (size_t i = 0; i < movable.n; i++)
                test_equal_int(home_add(&home, &movable.items[i], false), 0);
        for (size_t i = 0; i < fixed.n; i++)
                test_equal_int(home_add(&home, &fixed.items[i], true), 0);
        return home;
}

static bool are_equal(const Endpoints *a, const Endpoints *b) {
        return endpoints_have_all(a, b) && endpoints_have_all(b, a);
}

static void test_placement(const void *data) {
        const __typeof__(homes[0]) *row = data;
        Endpoints placed = read_set(row->placed), wanted = read_set(row->on_port), on_port;
        Home home = read_home(row->movable, row->fixed);

        home.without_ipv6 = row->without_ipv6;
        test_equal_int(home.port_fixed, !isempty(row->fixed));

        test_assert(home_is_placed(&home, &row->placement, &placed));
        placed.items[0].port ^= 1;
        test_assert(!home_is_placed(&home, &row->placement, &placed));
        placed.items[0].port ^= 1;
        placed.n--;
        test_assert(!home_is_placed(&home, &row->placement, &placed));
        placed.n++;
        placed.items[placed.n++] = (Endpoint){ .port = 9 };
        test_assert(!home_is_placed(&home, &row->placement, &placed));

        home_on_port(&home, &row->placement, row->port, &on_port);
        test_assert(are_equal(&on_port, &wanted));
}

/* Which addresses a bind() is tried with. */
static const struct {
        const char *name, *movable, *fixed, *absent;
        uint16_t port;
        const char *address, *other; /* for a socket unit, which needs each */
} probes[] = {
        { "nothing known", "", "", "", 22, "0.0.0.0", "" },
        { "stock", "0.0.0.0:22 [::]:22", "", "", 22, "0.0.0.0", "::" },
        { "stock, a candidate", "[::]:22 0.0.0.0:22", "", "", 2222, "0.0.0.0", "::" },
        { "IPv6 only", "[::]:22", "", "", 22, "::", "0.0.0.0" },
        { "an IPv6 address", "[2001:db8::1]:22", "", "", 22, "::", "" },
        { "one address", "127.0.0.5:22", "", "", 22, "127.0.0.5", "" },
        { "one address, a candidate", "127.0.0.5:22", "", "", 2222, "127.0.0.5", "" },
        { "an address that is absent", "192.0.2.1:22 127.0.0.1:22", "", "192.0.2.1:22", 22, "127.0.0.1", "" },
        { "the address of that port", "127.0.0.1:22", "192.0.2.1:2022", "", 2022, "192.0.2.1", "" },
        { "not a fixed one for a candidate", "127.0.0.1:22", "0.0.0.0:2022", "", 2222, "127.0.0.1", "" },
        { "not one that Windows isn't asked about", "127.0.0.5:22 192.0.2.1:22", "", "", 22, "192.0.2.1", "" },
        { "Windows is asked about 127.0.0.1", "127.0.0.5:22 127.0.0.1:22", "", "", 22, "127.0.0.1", "" },
        { "any before one", "127.0.0.1:22 0.0.0.0:22", "", "", 22, "0.0.0.0", "" },
};

static void test_probe_addresses(const void *data) {
        const __typeof__(probes[0]) *row = data;
        Endpoints absent = read_set(row->absent);
        Home home = read_home(row->movable, row->fixed);
        char at[2][INET6_ADDRSTRLEN];

        home_probe_addresses(&home, &absent, row->port, false, at);
        test_equal_string(at[0], row->address);
        test_equal_string(at[1], "");
        home_probe_addresses(&home, &absent, row->port, true, at);
        test_equal_string(at[0], row->address);
        test_equal_string(at[1], row->other);
        home.without_ipv6 = true;
        home_probe_addresses(&home, &absent, row->port, true, at);
        test_equal_string(at[1], "");
}

static void test_home(void) {
        Endpoints fixed = read_set("[::]:2022"), movable = read_set("0.0.0.0:22");
        Home home = { 0 };

        test_assert(!home_is_ipv6_only(&home));
        test_equal_int(home_add(&home, &fixed.items[0], true), 0);
        test_assert(home_is_ipv6_only(&home) && !home_can_leave(&home, 2022));
        test_equal_int(home_add(&home, &movable.items[0], false), 0);
        test_assert(!home_is_ipv6_only(&home) && home_can_leave(&home, 22));
        test_equal_int(home.n_ports, 2);
        home.without_ipv4 = true;
        test_assert(home_is_ipv6_only(&home));

        home_fix(&home, true);
        test_assert(!home_can_leave(&home, 22) && home.fixed.n == 2);
        home_fix(&home, false);
        test_assert(home_can_leave(&home, 22) && home_can_leave(&home, 2022) && home.movable.n == 2);

        home = (Home){ 0 };
        for (uint16_t i = 1; i <= SSHD_PORTS_MAX; i++)
                test_equal_int(home_add(&home, &(Endpoint){ .port = i }, i % 2), 0);
        test_equal_int(home_add(&home, &(Endpoint){ .port = SSHD_PORTS_MAX + 1 }, false), -E2BIG);
        test_equal_int(home.n_ports, SSHD_PORTS_MAX);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_placement, homes),
                TEST_TABLE(test_probe_addresses, probes),
                TEST(test_home),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
