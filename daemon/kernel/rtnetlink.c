/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/rtnetlink.h"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#define LOOPBACK_TABLE 127U

/* Returns NULL for an attribute that isn't a string. */
static const char *get_text(const struct nlattr *attribute) {
        return mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0 ? NULL : mnl_attr_get_str(attribute);
}

int rtnetlink_parse_link(const struct nlmsghdr *message, Link *ret) {
        const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
        const char *name = "", *kind = "", *bus = "";
        const struct nlattr *attribute, *inner;
        Link link = {};

        if (message->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(message) < sizeof(*info))
                return -EBADMSG;

        NETLINK_FOREACH_ATTRIBUTE(attribute, message, sizeof(*info)) {
                uint16_t type = mnl_attr_get_type(attribute);

                if (type == IFLA_IFNAME)
                        name = get_text(attribute);
                else if (type == IFLA_PARENT_DEV_BUS_NAME)
                        bus = get_text(attribute);
                else if (type == IFLA_LINKINFO)
                        NETLINK_FOREACH_NESTED (inner, attribute)
                                if (mnl_attr_get_type(inner) == IFLA_INFO_KIND)
                                        kind = get_text(inner);
        }
        if (!name || !kind || !bus || strlen(name) >= sizeof(link.name))
                return -EBADMSG;

        strcpy(link.name, name);
        link.index = (unsigned) info->ifi_index;
        link.flags = info->ifi_flags;
        if (!isempty(bus))
                link.kind = streq(bus, "virtio") ? LINK_VIRTIO : LINK_DEVICE;
        else if (streq(kind, "bridge"))
                link.kind = LINK_BRIDGE;

        *ret = link;
        return 0;
}

int rtnetlink_parse_rule(const struct nlmsghdr *message, char ret[static IF_NAMESIZE]) {
        const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *attribute;
        const char *interface = "";
        bool tcp = false;

        if (message->nlmsg_type != RTM_NEWRULE || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return -EBADMSG;

        NETLINK_FOREACH_ATTRIBUTE(attribute, message, sizeof(*header)) {
                if (mnl_attr_get_type(attribute) == FRA_IIFNAME)
                        interface = get_text(attribute);
                else if (mnl_attr_get_type(attribute) == FRA_IP_PROTO)
                        tcp = mnl_attr_get_payload_len(attribute) == 1 &&
                              mnl_attr_get_u8(attribute) == IPPROTO_TCP;
        }
        if (!interface || strlen(interface) >= IF_NAMESIZE)
                return -EBADMSG;
        if (isempty(interface) || !tcp || header->table != RT_TABLE_LOCAL)
                return 0;

        strcpy(ret, interface);
        return 1;
}

int rtnetlink_parse_route(const struct nlmsghdr *message, Route *ret) {
        const struct rtmsg *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *attribute;
        Route route = {};

        if (message->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return -EBADMSG;

        route.table = header->rtm_table;

        NETLINK_FOREACH_ATTRIBUTE(attribute, message, sizeof(*header)) {
                if (mnl_attr_get_type(attribute) != RTA_OIF)
                        continue;
                if (mnl_attr_validate(attribute, MNL_TYPE_U32) < 0)
                        return -EBADMSG;
                route.interface = mnl_attr_get_u32(attribute);
        }

        *ret = route;
        return 0;
}

int rtnetlink_parse_address(const struct nlmsghdr *message, Address *ret) {
        const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *attribute, *own = NULL;
        Address address = {};
        uint32_t flags;
        size_t size;

        if (message->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return -EBADMSG;

        if (header->ifa_family != AF_INET && header->ifa_family != AF_INET6)
                return 0;
        size = header->ifa_family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
        flags = header->ifa_flags;

        NETLINK_FOREACH_ATTRIBUTE(attribute, message, sizeof(*header)) {
                switch (mnl_attr_get_type(attribute)) {
                case IFA_ADDRESS: /* beside an IFA_LOCAL it is the other end of a point-to-point link */
                        own = own ?: attribute;
                        break;

                case IFA_LOCAL:
                        own = attribute;
                        break;

                case IFA_FLAGS:
                        if (mnl_attr_validate(attribute, MNL_TYPE_U32) < 0)
                                return -EBADMSG;
                        flags = mnl_attr_get_u32(attribute);
                        break;
                }
        }

        if (!own || mnl_attr_get_payload_len(own) != size)
                return -EBADMSG;
        address.endpoint = endpoint_make(header->ifa_family, mnl_attr_get_payload(own), 0);
        address.kind = address_to_kind(&address.endpoint, header->ifa_prefixlen);
        address.index = header->ifa_index;
        address.usable = header->ifa_scope == RT_SCOPE_UNIVERSE &&
                         !(flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED));

        *ret = address;
        return 1;
}

NetworkingMode route_to_mode(const Route *route, const Link *loopback0) {
        if (route->table != LOOPBACK_TABLE || route->interface != loopback0->index)
                return MODE_UNKNOWN;

        return loopback0->kind == LINK_VIRTIO ? MODE_CONSOMME : MODE_MIRRORED;
}

AddressKind address_to_kind(const Endpoint *address, unsigned prefix) {
        static const uint8_t tailscale6[] = { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 };
        const struct in6_addr *in6 = &address->address.in6;
        in_addr_t in = ntohl(address->address.in.s_addr);
        bool link_local = address->ipv6 ? IN6_IS_ADDR_LINKLOCAL(in6) : in >> 16 == 0xa9fe;
        bool tailscale = address->ipv6 ? prefix == 128 && memcmp(in6, tailscale6, sizeof(tailscale6)) == 0
                                       : prefix == 32 && in >> 22 == 0x64400000 >> 22;

        return endpoint_is_loopback(address) ? ADDRESS_LOOPBACK
               : link_local                  ? ADDRESS_LINK_LOCAL
               : tailscale                   ? ADDRESS_TAILSCALE
                                             : ADDRESS_LAN;
}
