/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "kernel/rtnetlink.h"
#include "unit/netns.h"
#include "unit/test.h"

typedef struct ModeRow {
        const char *name;
        Route route;
        Link loopback0;
        NetworkingMode mode;
} ModeRow;

static const ModeRow mode_rows[] = {
        { "nothing", {}, {}, MODE_UNKNOWN },
        { "an interface alone", {}, { .index = 7 }, MODE_UNKNOWN },
        { "routed by another interface", { 6, 127 }, { .index = 7 }, MODE_UNKNOWN },
        { "routed by another table", { 7, 254 }, { .index = 7 }, MODE_UNKNOWN },
        { "routed", { 7, 127 }, { .index = 7 }, MODE_MIRRORED },
        { "routed, vmbus", { 7, 127 }, { .index = 7, .kind = LINK_DEVICE }, MODE_MIRRORED },
        { "routed, virtio", { 7, 127 }, { .index = 7, .kind = LINK_VIRTIO }, MODE_CONSOMME },
};

static void test_mode(const void *data) {
        const ModeRow *row = data;

        test_equal_int(route_to_mode(&row->route, &row->loopback0), row->mode);
}

typedef struct KindRow {
        const char *name; /* the address itself */
        unsigned prefix;
        AddressKind kind;
} KindRow;

static const KindRow kind_rows[] = {
        { "192.168.1.7", 24, ADDRESS_LAN },
        { "192.168.1.8", 32, ADDRESS_LAN },
        { "100.63.255.255", 32, ADDRESS_LAN },
        { "100.64.0.0", 32, ADDRESS_TAILSCALE },
        { "100.127.255.255", 32, ADDRESS_TAILSCALE },
        { "100.92.14.5", 16, ADDRESS_LAN }, /* as NetBird's */
        { "100.64.0.1", 10, ADDRESS_LAN },  /* as a provider's NAT may have */
        { "100.128.0.0", 32, ADDRESS_LAN },
        { "127.0.0.1", 8, ADDRESS_LOOPBACK },
        { "127.255.255.255", 32, ADDRESS_LOOPBACK },
        { "128.0.0.0", 8, ADDRESS_LAN },
        { "169.254.73.152", 32, ADDRESS_LINK_LOCAL },
        { "169.253.0.1", 16, ADDRESS_LAN },
        { "::1", 128, ADDRESS_LOOPBACK },
        { "fe80::1", 64, ADDRESS_LINK_LOCAL },
        { "febf::1", 128, ADDRESS_LINK_LOCAL },
        { "fd7a:115c:a1e0::1", 128, ADDRESS_TAILSCALE },
        { "fd7a:115c:a1e0:ab12:4843:cd96:626b:430b", 128, ADDRESS_TAILSCALE },
        { "fd7a:115c:a1e0::2", 48, ADDRESS_LAN },
        { "fd7a:115c:a1e1::1", 128, ADDRESS_LAN },
        { "2001:db8::1", 128, ADDRESS_LAN },
};

static void test_kind(const void *data) {
        const KindRow *row = data;
        struct sockaddr_storage storage;
        const void *address = &((struct sockaddr_in *) &storage)->sin_addr;
        Endpoint endpoint;

        (void) netns_address(row->name, 0, &storage);
        if (storage.ss_family == AF_INET6)
                address = &((struct sockaddr_in6 *) &storage)->sin6_addr;

        endpoint = endpoint_make(storage.ss_family, address, 0);
        test_equal_int(address_to_kind(&endpoint, row->prefix), row->kind);
        test_assert(!isempty(address_kind_to_string(row->kind)));
}

typedef struct BusRow {
        const char *name; /* the bus itself */
        size_t length;
        int r;
        LinkKind kind;
} BusRow;

static const BusRow bus_rows[] = {
        { "vmbus", 6, 0, LINK_DEVICE }, { "virtio", 7, 0, LINK_VIRTIO },
        { "usb", 4, 0, LINK_DEVICE },   { "vmbus without an end", 5, -EBADMSG, 0 },
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

        test_equal_int(rtnetlink_parse_link(message, &link), row->r);
        if (row->r < 0) {
                test_equal_int(link.index, 77);
                return;
        }
        test_equal_int(link.kind, row->kind);
        test_equal_int(link.index, 5);
        test_equal_int(link.flags, IFF_UP);
        test_equal_string(link.name, "loopback0");
}

static void test_parses_malformed(void) {
        uint8_t buffer[256] __attribute__((aligned(8)));
        struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
        struct ifaddrmsg *header;
        struct nlattr *nest;
        Address address;
        Route route;
        Link link;

        message->nlmsg_type = RTM_NEWLINK;
        test_equal_int(rtnetlink_parse_link(message, &link), -EBADMSG);
        mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
        mnl_attr_put_strz(message, IFLA_IFNAME, "a-name-of-17-chars");
        test_equal_int(rtnetlink_parse_link(message, &link), -EBADMSG);
        message = mnl_nlmsg_put_header(buffer);
        message->nlmsg_type = RTM_NEWLINK;
        mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
        nest = mnl_attr_nest_start(message, IFLA_LINKINFO);
        mnl_attr_put(message, IFLA_INFO_KIND, 6, "bridge"); /* without an end */
        mnl_attr_nest_end(message, nest);
        test_equal_int(rtnetlink_parse_link(message, &link), -EBADMSG);
        nest->nla_len -= 8; /* the kind is longer than the attribute that it stands in */
        test_equal_int(rtnetlink_parse_link(message, &link), 0);
        test_equal_int(link.kind, LINK_OTHER);
        message->nlmsg_type = RTM_NEWROUTE;
        message->nlmsg_len = MNL_NLMSG_HDRLEN;
        test_equal_int(rtnetlink_parse_route(message, &route), -EBADMSG);
        mnl_nlmsg_put_extra_header(message, sizeof(struct rtmsg));
        mnl_attr_put_u8(message, RTA_OIF, 1);
        test_equal_int(rtnetlink_parse_route(message, &route), -EBADMSG);

        message = mnl_nlmsg_put_header(buffer);
        message->nlmsg_type = RTM_NEWADDR;
        test_equal_int(rtnetlink_parse_address(message, &address), -EBADMSG);
        header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
        test_equal_int(rtnetlink_parse_address(message, &address), 0); /* a family that isn't read */
        header->ifa_family = AF_INET6;
        test_equal_int(rtnetlink_parse_address(message, &address), -EBADMSG);
        mnl_attr_put_u32(message, IFA_ADDRESS, 0);
        test_equal_int(rtnetlink_parse_address(message, &address), -EBADMSG);
        header->ifa_family = AF_INET;
        test_equal_int(rtnetlink_parse_address(message, &address), 1);
        test_assert(address.usable);
        mnl_attr_put_u32(message, IFA_FLAGS, IFA_F_TENTATIVE);
        test_equal_int(rtnetlink_parse_address(message, &address), 1);
        test_assert(!address.usable);
}

typedef struct RuleRow {
        const char *name;
        const char *interface; /* NULL: none */
        uint8_t protocol;
        uint8_t table;
        int r;
} RuleRow;

static const RuleRow rule_rows[] = {
        { "WSL's", "eth0", IPPROTO_TCP, RT_TABLE_LOCAL, 1 },
        { "of UDP", "eth0", IPPROTO_UDP, RT_TABLE_LOCAL, 0 },
        { "of all protocols", "eth0", 0, RT_TABLE_LOCAL, 0 },
        { "by another table", "eth0", IPPROTO_TCP, RT_TABLE_MAIN, 0 },
        { "of all interfaces", NULL, IPPROTO_TCP, RT_TABLE_LOCAL, 0 },
        { "of an interface without a name", "", IPPROTO_TCP, RT_TABLE_LOCAL, 0 },
        { "a name of 15 characters", "123456789012345", IPPROTO_TCP, RT_TABLE_LOCAL, 1 },
        { "a name of 16 characters", "1234567890123456", IPPROTO_TCP, RT_TABLE_LOCAL, -EBADMSG },
};

static void test_parses_rule(const void *data) {
        uint8_t buffer[256] __attribute__((aligned(8)));
        struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
        struct fib_rule_hdr *header;
        const RuleRow *row = data;
        char name[IF_NAMESIZE] = "untouched";

        message->nlmsg_type = RTM_NEWRULE;
        test_equal_int(rtnetlink_parse_rule(message, name), -EBADMSG); /* nothing behind the header */
        header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
        header->family = AF_INET;
        header->action = FR_ACT_TO_TBL;
        header->table = row->table;
        if (row->interface)
                mnl_attr_put_strz(message, FRA_IIFNAME, row->interface);
        if (row->protocol != 0)
                mnl_attr_put_u8(message, FRA_IP_PROTO, row->protocol);

        test_equal_int(rtnetlink_parse_rule(message, name), row->r);
        test_equal_string(name, row->r > 0 ? row->interface : "untouched");

        message->nlmsg_type = RTM_NEWROUTE;
        test_equal_int(rtnetlink_parse_rule(message, name), -EBADMSG);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_mode, mode_rows),
                TEST_TABLE(test_kind, kind_rows),
                TEST_TABLE(test_parses_bus, bus_rows),
                TEST_TABLE(test_parses_rule, rule_rows),
                TEST(test_parses_malformed),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
