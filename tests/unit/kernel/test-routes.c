/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <time.h>

#include "kernel/routes.h"
#include "unit/netns.h"
#include "unit/test.h"

static NetworkingMode read_mode(Routes *routes) {
        NetworkingMode mode = _MODE_MAX;

        test_equal_int(routes_read_mode(routes, &mode), 0);
        return mode;
}

static void test_reads_mode(void) {
        _cleanup_(routes_freep) Routes *routes = NULL;

        netns_enter();
        test_equal_int(routes_new(&routes), 0);
        test_equal_int(read_mode(routes), MODE_UNKNOWN);

        /* Follows WSL's own set-up. No step by itself makes the mirrored mode. */
        netns_ip("link add loopback0 type veth peer name windows");
        netns_ip("addr add 169.254.73.152/30 dev loopback0");
        netns_ip("link set windows up");
        netns_ip("link set loopback0 up");
        netns_run("echo 1 > /proc/sys/net/ipv4/conf/loopback0/route_localnet");
        test_equal_int(read_mode(routes), MODE_UNKNOWN);

        netns_ip("rule del pref 0");
        netns_ip("rule add pref 0 iif loopback0 ipproto 6 lookup local");
        netns_ip("rule add pref 1 ipproto 6 lookup 127");
        netns_ip("rule add pref 2 lookup local");
        test_equal_int(read_mode(routes), MODE_UNKNOWN);

        netns_ip("route add 127.0.0.1 via 169.254.73.153 dev loopback0 onlink table 127");
        test_equal_int(read_mode(routes), MODE_MIRRORED);

        /* A route by another table isn't WSL's. */
        netns_ip("route flush table 127");
        netns_ip("rule add pref 1 ipproto 6 lookup 99");
        netns_ip("route add 127.0.0.1 via 169.254.73.153 dev loopback0 onlink table 99");
        test_equal_int(read_mode(routes), MODE_UNKNOWN);

        /* A rule that refuses is an answer, not an error. */
        netns_ip("rule add pref 1 prohibit");
        netns_ip("rule del pref 1 lookup 99");
        test_equal_int(read_mode(routes), MODE_UNKNOWN);

        netns_ip("link del loopback0");
        test_equal_int(read_mode(routes), MODE_UNKNOWN);
}

static const Address *find_address(const Address *addresses, int n, const char *text) {
        char buffer[INET6_ADDRSTRLEN];

        for (int i = 0; i < n; i++)
                if (streq(endpoint_print_address(&addresses[i].endpoint, buffer), text))
                        return &addresses[i];
        return NULL;
}

static void test_lists_addresses(void) {
        _cleanup_(routes_freep) Routes *routes = NULL;
        const Address *address;
        Address addresses[8];
        int n;

        netns_enter();
        test_equal_int(routes_new(&routes), 0);
        test_equal_int(routes_list_addresses(routes, addresses, ELEMENTSOF(addresses)), 0);

        netns_ip("link add eth0 type veth peer name far");
        netns_ip("link set far up");
        netns_ip("addr add 192.0.2.7/24 dev eth0");
        netns_ip("addr add 100.101.102.103 peer 100.100.100.100 dev eth0"); /* a prefix of 32 bits */
        netns_ip("addr add 198.51.100.1/24 dev eth0 scope link");
        netns_ip("addr add 10.255.255.254/32 dev lo");
        test_equal_int(routes_list_addresses(routes, addresses, ELEMENTSOF(addresses)), 0); /* down */

        netns_ip("link set eth0 up");
        netns_ip("addr add 2001:db8::7/64 dev eth0 nodad");
        netns_ip("link add docker0 type bridge"); /* other machines can't reach it */
        netns_ip("link set docker0 up");
        netns_ip("addr add 172.17.0.1/16 dev docker0");
        n = routes_list_addresses(routes, addresses, ELEMENTSOF(addresses));
        test_equal_int(n, 3);
        address = find_address(addresses, n, "192.0.2.7");
        test_assert(address);
        test_equal_int(address->kind, ADDRESS_LAN);
        address = find_address(addresses, n, "100.101.102.103"); /* the peer's address isn't listed */
        test_assert(address);
        test_equal_int(address->kind, ADDRESS_TAILSCALE);
        address = find_address(addresses, n, "2001:db8::7");
        test_assert(address);
        test_assert(address->endpoint.ipv6);

        test_equal_int(routes_list_addresses(routes, addresses, 1), 3);
        test_equal_int(routes_list_addresses(routes, NULL, 0), 3);

        netns_ip("link set far down"); /* no carrier */
        test_equal_int(routes_list_addresses(routes, addresses, ELEMENTSOF(addresses)), 0);
}

/* Makes an interface that is up and has an address, as a LAN's, a container's or a mesh's. */
static void add_interface(const char *name, const char *type, const char *address) {
        char arguments[200];

        snprintf(arguments, sizeof(arguments), "link add %s type %s", name, type);
        netns_ip(arguments);
        snprintf(arguments, sizeof(arguments), "addr add %s dev %s", address, name);
        netns_ip(arguments);
        snprintf(arguments, sizeof(arguments), "link set %s up", name);
        netns_ip(arguments);
}

/* Makes a tunnel as Tailscale and NetBird do. It lasts as long as the descriptor is open. */
static int add_tunnel(const char *name, short flags, const char *address) {
        struct ifreq request = { .ifr_flags = flags | IFF_NO_PI };
        char arguments[200];
        int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

        if (fd < 0)
                test_skip("/dev/net/tun: %s", strerror(errno));
        snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
        if (ioctl(fd, TUNSETIFF, &request) < 0)
                test_skip("TUNSETIFF: %s", strerror(errno));
        snprintf(arguments, sizeof(arguments), "addr add %s dev %s", address, name);
        netns_ip(arguments);
        snprintf(arguments, sizeof(arguments), "link set %s up", name);
        netns_ip(arguments);
        return fd;
}

/* Reads all addresses, as "192.0.2.7 lan, 100.64.0.1 tailscale". */
static const char *list(Routes *routes, char ret[static 512]) {
        Address addresses[16];
        int n = routes_list_addresses(routes, addresses, ELEMENTSOF(addresses));
        char buffer[INET6_ADDRSTRLEN];
        size_t used = 0;

        test_assert(n >= 0 && n < (int) ELEMENTSOF(addresses));
        ret[0] = '\0';
        for (int i = 0; i < n; i++)
                used += (size_t) snprintf(ret + used, 512 - used, "%s%s %s", i == 0 ? "" : ", ",
                                          endpoint_print_address(&addresses[i].endpoint, buffer),
                                          address_kind_to_string(addresses[i].kind));
        return ret;
}

static void test_tells_whose_an_interface_is(void) {
        _cleanup_close_ int tailscale = -1, netbird = -1, machine = -1;
        _cleanup_(routes_freep) Routes *routes = NULL;
        char text[512];

        netns_enter();
        test_equal_int(routes_new(&routes), 0);
        add_interface("loopback0", "veth peer name far-loopback0", "192.0.2.1/24");
        add_interface("eth0", "veth peer name far-eth0", "192.0.2.2/24");
        add_interface("eth1", "veth peer name far-eth1", "192.0.2.3/24");
        add_interface("lxdbr0", "bridge", "192.0.2.4/24");
        add_interface("flannel.1", "vxlan id 1 dstport 8472 dev eth0", "192.0.2.5/32");
        for (size_t i = 0; i < 3; i++)
                netns_ip((const char *[]){ "link set far-loopback0 up", "link set far-eth0 up",
                                           "link set far-eth1 up" }[i]);
        tailscale = add_tunnel("tailscale0", IFF_TUN, "192.0.2.6/24"); /* of a range of its owner's choice */
        netbird = add_tunnel("wt0", IFF_TUN, "100.92.14.5/16");
        machine = add_tunnel("tap0", IFF_TAP, "192.0.2.7/24");

        /* Without WSL's rules, as in the other modes, a bridge alone is inner. */
        test_equal_string(list(routes, text), "192.0.2.2 lan, 192.0.2.3 lan, 192.0.2.5 lan, "
                                              "192.0.2.6 tailscale, 100.92.14.5 mesh, 192.0.2.7 lan");

        /* The rules of loopback0 come first, and say nothing about the others. */
        netns_ip("rule add pref 0 iif loopback0 ipproto 6 lookup local");
        netns_ip("rule add pref 0 iif loopback0 ipproto 17 lookup local");
        test_equal_string(list(routes, text), "192.0.2.2 lan, 192.0.2.3 lan, 192.0.2.5 lan, "
                                              "192.0.2.6 tailscale, 100.92.14.5 mesh, 192.0.2.7 lan");

        netns_ip("rule add pref 0 iif eth0 ipproto 6 lookup local");
        netns_ip("rule add pref 0 iif eth0 ipproto 17 lookup local");
        test_equal_string(list(routes, text), "192.0.2.2 lan, 192.0.2.6 tailscale, 100.92.14.5 mesh");

        /* Rules that aren't WSL's. */
        netns_ip("rule add pref 0 iif eth1 ipproto 17 lookup local");
        netns_ip("rule add pref 0 iif eth1 ipproto 6 lookup 99");
        netns_ip("rule add pref 0 iif eth1 ipproto 6 prohibit");
        netns_ip("rule add pref 0 oif eth1 ipproto 6 lookup local");
        netns_ip("-6 rule add pref 0 iif eth1 ipproto 6 lookup local");
        test_equal_string(list(routes, text), "192.0.2.2 lan, 192.0.2.6 tailscale, 100.92.14.5 mesh");

        netns_ip("rule add pref 0 iif eth1 ipproto 6 lookup local");
        netns_ip("rule del pref 0 iif eth0 ipproto 6 lookup local");
        test_equal_string(list(routes, text), "192.0.2.3 lan, 192.0.2.6 tailscale, 100.92.14.5 mesh");

        /* The owner of a bridge may mirror it by a rule as WSL's. */
        netns_ip("rule add pref 0 iif lxdbr0 ipproto 6 lookup local");
        test_equal_string(list(routes, text),
                          "192.0.2.3 lan, 192.0.2.4 lan, 192.0.2.6 tailscale, 100.92.14.5 mesh");
}

/* More rules than are counted: those beyond, and whatever they name, are inner. */
static void test_many_rules(void) {
        _cleanup_(routes_freep) Routes *routes = NULL;
        char text[512];

        netns_enter();
        test_equal_int(routes_new(&routes), 0);
        add_interface("eth0", "veth peer name far-eth0", "192.0.2.2/24");
        netns_ip("link set far-eth0 up");
        netns_run("for n in $(seq 1000); do echo rule add pref 0 iif x$n ipproto 6 lookup local; done | "
                  "ip -batch -");
        test_equal_string(list(routes, text), "");
        netns_ip("rule add pref 0 iif eth0 ipproto 6 lookup local"); /* stands behind them */
        test_equal_string(list(routes, text), "");
}

static void count(void *userdata) {
        ++*(unsigned *) userdata;
}

static usec_t now_usec(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (usec_t) ts.tv_sec * USEC_PER_SEC + (usec_t) ts.tv_nsec / 1000;
}

/* Turns the loop for @duration; returns how often it woke up. */
static unsigned turn(sd_event *event, usec_t duration) {
        usec_t end = now_usec() + duration, now;
        unsigned turns = 0;

        while ((now = now_usec()) < end) {
                int r = sd_event_run(event, end - now);

                test_assert(r >= 0);
                turns += r > 0;
        }
        return turns;
}

static void test_tells_once(void) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(routes_freep) Routes *routes = NULL;
        unsigned told = 0;
        usec_t start;

        netns_enter();
        test_equal_int(sd_event_new(&event), 0);
        test_equal_int(routes_new(&routes), 0);
        test_equal_int(routes_watch(routes, event, count, &told), 0);
        test_equal_int(turn(event, 400 * USEC_PER_MSEC), 0);

        netns_ip("addr add 192.0.2.7/24 dev lo");
        start = now_usec();
        for (unsigned i = 0; i < 100 && told == 0; i++)
                test_assert(sd_event_run(event, USEC_PER_SEC) >= 0);
        test_equal_int(told, 1);
        printf("# told %" PRIu64 " ms after the change\n", (now_usec() - start) / USEC_PER_MSEC);
        test_assert(now_usec() - start >= 150 * USEC_PER_MSEC);

        /* One change of each kind, all within the pause, are told once. */
        netns_ip("link add eth0 type veth peer name far");
        netns_ip("rule add pref 7 lookup 99");
        netns_ip("route add 203.0.113.0/24 dev lo table 99");
        test_assert(turn(event, 600 * USEC_PER_MSEC) >= 2);
        test_equal_int(told, 2);

        test_equal_int(turn(event, 600 * USEC_PER_MSEC), 0);
        test_equal_int(told, 2);
}

/* What is listed changes with an event, and with nothing else. */
static void test_lists_what_has_changed(void) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(routes_freep) Routes *routes = NULL;
        unsigned told = 0;
        char text[512];

        netns_enter();
        add_interface("eth0", "veth peer name far-eth0", "192.0.2.2/24");
        add_interface("eth1", "veth peer name far-eth1", "192.0.2.3/24");
        netns_ip("link set far-eth0 up");
        netns_ip("rule add pref 0 iif eth0 ipproto 6 lookup local");
        test_equal_int(sd_event_new(&event), 0);
        test_equal_int(routes_new(&routes), 0);
        test_equal_int(routes_watch(routes, event, count, &told), 0);
        test_equal_string(list(routes, text), "192.0.2.2 lan");

        netns_ip("link set far-eth1 up");
        netns_ip("rule add pref 0 iif eth1 ipproto 6 lookup local");
        test_equal_string(list(routes, text), "192.0.2.2 lan"); /* the event hasn't been seen */
        turn(event, 600 * USEC_PER_MSEC);
        test_assert(told > 0);
        test_equal_string(list(routes, text), "192.0.2.2 lan, 192.0.2.3 lan");

        netns_ip("rule del pref 0 iif eth0 ipproto 6 lookup local");
        turn(event, 600 * USEC_PER_MSEC);
        test_equal_string(list(routes, text), "192.0.2.3 lan");
}

static const char *const change_rows[] = {
        "link set lo mtu 40000",
        "rule add pref 7 lookup 99",
        "route add 203.0.113.0/24 dev lo table 99",
        "addr change 127.0.0.1/8 dev lo valid_lft 1000 preferred_lft 1000", /* changes no route */
        "addr add 2001:db8::7/64 dev lo",
};

static void test_tells_each(const void *data) {
        const char *const *command = data;
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(routes_freep) Routes *routes = NULL;
        unsigned told = 0;

        netns_enter();
        test_equal_int(sd_event_new(&event), 0);
        test_equal_int(routes_new(&routes), 0);
        test_equal_int(routes_watch(routes, event, count, &told), 0);
        netns_ip(*command);
        turn(event, 400 * USEC_PER_MSEC);
        test_equal_int(told, 1);
}

/* Makes changes faster than the pause, until they were told twice. Returns the time that took, and the
 * longest time between two changes. */
static usec_t storm(sd_event *event, const unsigned *told, usec_t *ret_gap) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        usec_t start = now_usec(), last = start, now = start;
        struct ifreq request = { .ifr_name = "lo" };

        *ret_gap = 0;
        while (*told < 2 && now < start + 60 * USEC_PER_SEC) {
                request.ifr_mtu = request.ifr_mtu == 40000 ? 50000 : 40000;
                test_assert(ioctl(fd, SIOCSIFMTU, &request) == 0);
                now = now_usec();
                if (now - last > *ret_gap)
                        *ret_gap = now - last;
                last = now;
                turn(event, 20 * USEC_PER_MSEC);
        }
        return now - start;
}

static void test_storm(void) {
        netns_enter();
        /* On a busy machine the test may stand still for longer than the pause: then this was no storm. */
        for (unsigned i = 0; i < 10; i++) {
                _cleanup_(sd_event_unrefp) sd_event *event = NULL;
                _cleanup_(routes_freep) Routes *routes = NULL;
                unsigned told = 0;
                usec_t took, gap;

                test_equal_int(sd_event_new(&event), 0);
                test_equal_int(routes_new(&routes), 0);
                test_equal_int(routes_watch(routes, event, count, &told), 0);
                took = storm(event, &told, &gap);
                printf("# told %u times in %" PRIu64 " ms, changes at most %" PRIu64 " ms apart\n", told,
                       took / USEC_PER_MSEC, gap / USEC_PER_MSEC);
                if (gap > 150 * USEC_PER_MSEC)
                        continue;
                /* If the pause alone counted, the storm would never be told. */
                test_equal_int(told, 2);
                test_assert(took >= 1900 * USEC_PER_MSEC || test_slowness() > 1); /* a slow kernel tells late, and makes a pause */

                netns_ip("link set lo mtu 60000"); /* and once more after the storm */
                for (unsigned n = 0; n < 100 && told == 2; n++)
                        test_assert(sd_event_run(event, USEC_PER_SEC) >= 0);
                test_equal_int(told, 3);
                return;
        }
        test_skip("this machine is too busy");
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_reads_mode),
                TEST(test_lists_addresses),
                TEST(test_tells_whose_an_interface_is),
                TEST(test_many_rules),
                TEST(test_tells_once),
                TEST(test_lists_what_has_changed),
                TEST_TABLE(test_tells_each, change_rows),
                TEST(test_storm),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
