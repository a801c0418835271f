/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <time.h>

#include "kernel/routes.h"
#include "unit/netns.h"
#include "unit/test.h"

typedef struct ModeRow {
        const char *name;
        RouteFacts facts;
        NetworkingMode mode;
} ModeRow;

static const ModeRow mode_rows[] = {
        { "nothing", {}, MODE_UNKNOWN },
        { "an interface alone", { .has_loopback0 = true }, MODE_UNKNOWN },
        { "routed", { true, true, false }, MODE_MIRRORED },
        { "routed, virtio", { true, true, true }, MODE_CONSOMME },
};

static void test_mode(const void *data) {
        const ModeRow *row = data;

        test_equal_int(route_facts_to_mode(&row->facts), row->mode);
}

typedef struct KindRow {
        const char *name; /* the address itself */
        AddressKind kind;
} KindRow;

static const KindRow kind_rows[] = {
        { "192.168.1.7", ADDRESS_LAN },
        { "100.63.255.255", ADDRESS_LAN },
        { "100.64.0.0", ADDRESS_TAILSCALE },
        { "100.127.255.255", ADDRESS_TAILSCALE },
        { "100.128.0.0", ADDRESS_LAN },
        { "127.0.0.1", ADDRESS_LOOPBACK },
        { "127.255.255.255", ADDRESS_LOOPBACK },
        { "128.0.0.0", ADDRESS_LAN },
        { "169.254.73.152", ADDRESS_LINK_LOCAL },
        { "169.253.0.1", ADDRESS_LAN },
        { "::1", ADDRESS_LOOPBACK },
        { "fe80::1", ADDRESS_LINK_LOCAL },
        { "febf::1", ADDRESS_LINK_LOCAL },
        { "fd7a:115c:a1e0::1", ADDRESS_TAILSCALE },
        { "fd7a:115c:a1e0:ab12:4843:cd96:626b:430b", ADDRESS_TAILSCALE },
        { "fd7a:115c:a1e1::1", ADDRESS_LAN },
        { "2001:db8::1", ADDRESS_LAN },
};

static void test_kind(const void *data) {
        const KindRow *row = data;
        struct sockaddr_storage storage;
        const void *address = &((struct sockaddr_in *) &storage)->sin_addr;

        (void) netns_address(row->name, 0, &storage);
        if (storage.ss_family == AF_INET6)
                address = &((struct sockaddr_in6 *) &storage)->sin6_addr;

        test_equal_int(address_to_kind(storage.ss_family, address), row->kind);
        test_assert(!isempty(address_kind_to_string(row->kind)));
}

static void test_reads_facts(void) {
        _cleanup_(routes_freep) Routes *routes = NULL;
        RouteFacts facts = {};

        netns_enter();
        test_equal_int(routes_new(&routes), 0);
        test_equal_int(routes_read(routes, &facts), 0);
        test_assert(!facts.has_loopback0 && !facts.loopback_routed);

        /* Follows WSL's own set-up. No step by itself makes the mirrored mode. */
        netns_ip("link add loopback0 type veth peer name windows");
        netns_ip("addr add 169.254.73.152/30 dev loopback0");
        netns_ip("link set windows up");
        netns_ip("link set loopback0 up");
        netns_run("echo 1 > /proc/sys/net/ipv4/conf/loopback0/route_localnet");
        test_equal_int(routes_read(routes, &facts), 0);
        test_assert(facts.has_loopback0 && !facts.loopback_routed);

        netns_ip("rule del pref 0");
        netns_ip("rule add pref 0 iif loopback0 ipproto 6 lookup local");
        netns_ip("rule add pref 1 ipproto 6 lookup 127");
        netns_ip("rule add pref 2 lookup local");
        test_equal_int(routes_read(routes, &facts), 0);
        test_assert(facts.has_loopback0 && !facts.loopback_routed);

        netns_ip("route add 127.0.0.1 via 169.254.73.153 dev loopback0 onlink table 127");
        test_equal_int(routes_read(routes, &facts), 0);
        test_assert(facts.has_loopback0 && facts.loopback_routed);
        test_assert(!facts.virtio);
        test_equal_int(route_facts_to_mode(&facts), MODE_MIRRORED);

        /* A route by another table isn't WSL's. */
        netns_ip("route flush table 127");
        netns_ip("rule add pref 1 ipproto 6 lookup 99");
        netns_ip("route add 127.0.0.1 via 169.254.73.153 dev loopback0 onlink table 99");
        test_equal_int(routes_read(routes, &facts), 0);
        test_assert(facts.has_loopback0 && !facts.loopback_routed);

        /* A rule that refuses is an answer, not an error. */
        netns_ip("rule add pref 1 prohibit");
        netns_ip("rule del pref 1 lookup 99");
        test_equal_int(routes_read(routes, &facts), 0);
        test_assert(facts.has_loopback0 && !facts.loopback_routed);

        netns_ip("link del loopback0");
        test_equal_int(routes_read(routes, &facts), 0);
        test_assert(!facts.has_loopback0);
}

static const Address *find_address(const Address *addresses, int n, const char *text) {
        char buffer[INET6_ADDRSTRLEN];

        for (int i = 0; i < n; i++)
                if (streq(address_format(&addresses[i], buffer), text))
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
        netns_ip("addr add 100.101.102.103 peer 100.100.100.100 dev eth0");
        netns_ip("addr add 198.51.100.1/24 dev eth0 scope link");
        netns_ip("addr add 10.255.255.254/32 dev lo");
        test_equal_int(routes_list_addresses(routes, addresses, ELEMENTSOF(addresses)), 0); /* down */

        netns_ip("link set eth0 up");
        netns_ip("addr add 2001:db8::7/64 dev eth0 nodad");
        netns_ip("link add docker0 type veth peer name container"); /* other machines can't reach it */
        netns_ip("link set container up");
        netns_ip("link set docker0 up");
        netns_ip("addr add 172.17.0.1/16 dev docker0");
        n = routes_list_addresses(routes, addresses, ELEMENTSOF(addresses));
        test_equal_int(n, 3);
        address = find_address(addresses, n, "192.0.2.7");
        test_assert(address);
        test_equal_string(address->interface, "eth0");
        test_equal_int(address->kind, ADDRESS_LAN);
        address = find_address(addresses, n, "100.101.102.103"); /* the peer's address isn't listed */
        test_assert(address);
        test_equal_int(address->kind, ADDRESS_TAILSCALE);
        address = find_address(addresses, n, "2001:db8::7");
        test_assert(address);
        test_equal_int(address->family, AF_INET6);

        test_equal_int(routes_list_addresses(routes, addresses, 1), 3);
        test_equal_int(routes_list_addresses(routes, NULL, 0), 3);

        netns_ip("link set far down"); /* no carrier */
        test_equal_int(routes_list_addresses(routes, addresses, ELEMENTSOF(addresses)), 0);
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
        test_equal_int(routes_watch(routes, event, count, &told), -EALREADY);
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
                test_assert(took >= 1900 * USEC_PER_MSEC);

                netns_ip("link set lo mtu 60000"); /* and once more after the storm */
                for (unsigned n = 0; n < 100 && told == 2; n++)
                        test_assert(sd_event_run(event, USEC_PER_SEC) >= 0);
                test_equal_int(told, 3);
                return;
        }
        test_skip("this machine is too busy");
}

typedef struct BusRow {
        const char *name; /* the bus itself */
        size_t length;
        int r;
        bool virtio;
} BusRow;

static const BusRow bus_rows[] = {
        { "vmbus", 6, 0, false },      { "virtio", 7, 0, true },
        { "pci", 4, 0, false },        { "vmbus without an end", 5, -EBADMSG, 0 },
        { "nothing", 0, -EBADMSG, 0 },
};

static void test_parses_bus(const void *data) {
        uint8_t buffer[256] __attribute__((aligned(8)));
        struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
        struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
        const BusRow *row = data;
        Link link = { .index = 77 };

        message->nlmsg_type = RTM_NEWLINK;
        info->ifi_index = 5;
        info->ifi_flags = IFF_UP;
        mnl_attr_put_strz(message, IFLA_IFNAME, "loopback0");
        mnl_attr_put(message, IFLA_PARENT_DEV_BUS_NAME, row->length, row->name);

        test_equal_int(routes_parse_link(message, &link), row->r);
        if (row->r < 0) {
                test_equal_int(link.index, 77);
                return;
        }
        test_equal_int(link.virtio, row->virtio);
        test_equal_int(link.index, 5);
        test_equal_int(link.flags, IFF_UP);
        test_equal_string(link.name, "loopback0");
}

static void test_parses_malformed(void) {
        uint8_t buffer[256] __attribute__((aligned(8)));
        struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
        struct ifaddrmsg *header;
        Address address;
        Route route;
        Link link;

        message->nlmsg_type = RTM_NEWLINK;
        test_equal_int(routes_parse_link(message, &link), -EBADMSG);
        mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
        mnl_attr_put_strz(message, IFLA_IFNAME, "a-name-of-17-chars");
        test_equal_int(routes_parse_link(message, &link), -EBADMSG);
        message->nlmsg_type = RTM_NEWROUTE;
        message->nlmsg_len = MNL_NLMSG_HDRLEN;
        test_equal_int(routes_parse_route(message, &route), -EBADMSG);
        mnl_nlmsg_put_extra_header(message, sizeof(struct rtmsg));
        mnl_attr_put_u8(message, RTA_OIF, 1);
        test_equal_int(routes_parse_route(message, &route), -EBADMSG);

        message = mnl_nlmsg_put_header(buffer);
        message->nlmsg_type = RTM_NEWADDR;
        test_equal_int(routes_parse_address(message, &address), -EBADMSG);
        header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
        test_equal_int(routes_parse_address(message, &address), 0); /* a family that isn't read */
        header->ifa_family = AF_INET6;
        test_equal_int(routes_parse_address(message, &address), -EBADMSG);
        mnl_attr_put_u32(message, IFA_ADDRESS, 0);
        test_equal_int(routes_parse_address(message, &address), -EBADMSG);
        header->ifa_family = AF_INET;
        test_equal_int(routes_parse_address(message, &address), 1);
        mnl_attr_put_u32(message, IFA_FLAGS, IFA_F_TENTATIVE);
        test_equal_int(routes_parse_address(message, &address), 0);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_mode, mode_rows),
                TEST_TABLE(test_kind, kind_rows),
                TEST(test_reads_facts),
                TEST(test_lists_addresses),
                TEST(test_tells_once),
                TEST_TABLE(test_tells_each, change_rows),
                TEST(test_storm),
                TEST_TABLE(test_parses_bus, bus_rows),
                TEST(test_parses_malformed),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
