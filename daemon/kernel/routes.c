/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/routes.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/timer.h"

#define LOOPBACK_NAME "loopback0"
#define LOOPBACK_TABLE 127U
#define ADDRESSES_MAX 256U

#define QUIET_USEC (200 * USEC_PER_MSEC)
#define LATEST_USEC USEC_PER_SEC
#define ACCURACY_USEC (10 * USEC_PER_MSEC)

struct Routes {
        Netlink *requests;

        Netlink *events;
        sd_event_source *source;
        sd_event_source *timer; /* runs while a change waits to be told */
        usec_t latest;          /* when a waiting change is told at the latest; 0: none waits */
        RoutesCallback callback;
        void *userdata;
};

int routes_new(Routes **ret) {
        _cleanup_(routes_freep) Routes *routes = NULL;
        int r;

        routes = calloc(1, sizeof(*routes));
        if (!routes)
                return -ENOMEM;

        r = netlink_new(&routes->requests, NETLINK_ROUTE);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(routes);
        return 0;
}

Routes *routes_free(Routes *routes) {
        if (!routes)
                return NULL;

        sd_event_source_disable_unref(routes->timer);
        sd_event_source_disable_unref(routes->source);
        netlink_free(routes->events);
        netlink_free(routes->requests);
        free(routes);
        return NULL;
}

int routes_parse_link(const struct nlmsghdr *message, Link *ret) {
        const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
        const struct nlattr *attribute;
        Link link = {};

        if (message->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(message) < sizeof(*info))
                return -EBADMSG;

        link.index = (unsigned) info->ifi_index;
        link.flags = info->ifi_flags;

        NETLINK_FOREACH_ATTRIBUTE(attribute, message, sizeof(*info)) {
                const char *text = mnl_attr_get_payload(attribute);

                switch (mnl_attr_get_type(attribute)) {
                case IFLA_IFNAME:
                        if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0 ||
                            strlen(text) >= sizeof(link.name))
                                return -EBADMSG;
                        strcpy(link.name, text);
                        break;

                case IFLA_PARENT_DEV_BUS_NAME:
                        if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0)
                                return -EBADMSG;
                        link.virtio = streq(text, "virtio");
                        break;
                }
        }

        *ret = link;
        return 0;
}

int routes_parse_route(const struct nlmsghdr *message, Route *ret) {
        const struct rtmsg *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *attribute;
        Route route = {};

        if (message->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return -EBADMSG;

        route.table = header->rtm_table;

        NETLINK_FOREACH_ATTRIBUTE(attribute, message, sizeof(*header)) {
                switch (mnl_attr_get_type(attribute)) {
                case RTA_OIF:
                        if (mnl_attr_validate(attribute, MNL_TYPE_U32) < 0)
                                return -EBADMSG;
                        route.interface = mnl_attr_get_u32(attribute);
                        break;

                case RTA_TABLE:
                        if (mnl_attr_validate(attribute, MNL_TYPE_U32) < 0)
                                return -EBADMSG;
                        route.table = mnl_attr_get_u32(attribute);
                        break;
                }
        }

        *ret = route;
        return 0;
}

int routes_parse_address(const struct nlmsghdr *message, Address *ret) {
        const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *attribute, *own = NULL;
        Address address = {};
        uint32_t flags;
        size_t size;

        if (message->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return -EBADMSG;

        address.family = header->ifa_family;
        flags = header->ifa_flags;
        if (address.family == AF_INET)
                size = sizeof(address.address.in);
        else if (address.family == AF_INET6)
                size = sizeof(address.address.in6);
        else
                return 0;

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
        if (header->ifa_scope != RT_SCOPE_UNIVERSE || (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)))
                return 0;

        memcpy(&address.address, mnl_attr_get_payload(own), size);
        address.kind = address_to_kind(address.family, &address.address);
        address.index = header->ifa_index;

        *ret = address;
        return 1;
}

static int take_link(const struct nlmsghdr *message, void *userdata) {
        return message ? routes_parse_link(message, userdata) : 0;
}

/* Finds the link by @name, or by @index where @name is NULL. -ENODEV: there is no such link. */
static int read_link(Routes *routes, const char *name, unsigned index, Link *ret) {
        uint8_t buffer[128] __attribute__((aligned(8))) = {};
        struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
        struct ifinfomsg *info;

        request->nlmsg_type = RTM_GETLINK;
        info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
        info->ifi_family = AF_UNSPEC;
        info->ifi_index = (int) index;
        if (name)
                mnl_attr_put_strz(request, IFLA_IFNAME, name);

        return netlink_ask(routes->requests, request, take_link, ret);
}

static int take_route(const struct nlmsghdr *message, void *userdata) {
        return message ? routes_parse_route(message, userdata) : 0;
}

/* Reads the route of a TCP connection to 127.0.0.1. The protocol matters: WSL's rules are about TCP and UDP
 * only. */
static int read_loopback_route(Routes *routes, Route *ret) {
        uint8_t buffer[128] __attribute__((aligned(8))) = {};
        struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
        struct rtmsg *header;

        request->nlmsg_type = RTM_GETROUTE;
        header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
        header->rtm_family = AF_INET;
        header->rtm_dst_len = 32;
        header->rtm_flags = RTM_F_LOOKUP_TABLE; /* without it each answer says table 254 */
        mnl_attr_put_u32(request, RTA_DST, htonl(INADDR_LOOPBACK));
        mnl_attr_put_u8(request, RTA_IP_PROTO, IPPROTO_TCP);

        return netlink_ask(routes->requests, request, take_route, ret);
}

int routes_read(Routes *routes, RouteFacts *ret) {
        Link link = {};
        Route route = {};
        int r;

        r = read_link(routes, LOOPBACK_NAME, 0, &link);
        if (r == -ENODEV) {
                *ret = (RouteFacts){};
                return 0;
        }
        if (r < 0)
                return r;

        r = read_loopback_route(routes, &route);
        /* These errors mean that there is no route, or that the route refuses. */
        if (r < 0 && r != -ENETUNREACH && r != -EHOSTUNREACH && r != -EACCES && r != -EINVAL)
                return r;

        *ret = (RouteFacts){
                .has_loopback0 = true,
                .loopback_routed = r >= 0 && route.interface == link.index && route.table == LOOPBACK_TABLE,
                .virtio = link.virtio,
        };
        return 0;
}

NetworkingMode route_facts_to_mode(const RouteFacts *facts) {
        if (!facts->has_loopback0 || !facts->loopback_routed)
                return MODE_UNKNOWN;

        return facts->virtio ? MODE_CONSOMME : MODE_MIRRORED;
}

typedef struct Found {
        Address addresses[ADDRESSES_MAX];
        size_t count;
} Found;

static int add_address(const struct nlmsghdr *message, void *userdata) {
        Found *found = userdata;
        int r;

        if (!message) {
                found->count = 0;
                return 0;
        }
        if (found->count == ADDRESSES_MAX)
                return 0;

        r = routes_parse_address(message, &found->addresses[found->count]);
        if (r < 0)
                return r;

        found->count += (size_t) r;
        return 0;
}

/* Interfaces of containers and virtual machines, whose addresses are of no use to other machines. */
static bool is_inner(const char *interface) {
        static const char *const names[] = { "docker", "br-", "veth", "virbr", "cni", "podman", "lxc" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (startswith(interface, names[i]))
                        return true;
        return false;
}

int routes_list_addresses(Routes *routes, Address *ret, size_t size) {
        uint8_t buffer[64] __attribute__((aligned(8))) = {};
        struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
        _cleanup_free_ Found *found = NULL;
        size_t count = 0;
        int r;

        found = calloc(1, sizeof(*found));
        if (!found)
                return -ENOMEM;

        request->nlmsg_type = RTM_GETADDR;
        request->nlmsg_flags = NLM_F_DUMP;
        mnl_nlmsg_put_extra_header(request, sizeof(struct ifaddrmsg)); /* AF_UNSPEC: both families */

        r = netlink_ask(routes->requests, request, add_address, found);
        if (r < 0)
                return r;

        for (size_t i = 0; i < found->count; i++) {
                Address address = found->addresses[i];
                Link link = {};

                r = read_link(routes, NULL, address.index, &link);
                if (r == -ENODEV)
                        continue;
                if (r < 0)
                        return r;
                if ((link.flags & IFF_LOOPBACK) || !(link.flags & IFF_RUNNING) || is_inner(link.name))
                        continue;

                memcpy(address.interface, link.name, sizeof(address.interface));
                found->addresses[count++] = address;
        }

        if (count > 0 && size > 0)
                memcpy(ret, found->addresses, (count < size ? count : size) * sizeof(*ret));
        return (int) count;
}

typedef struct Absent {
        const Endpoints *all;
        Endpoints left;
} Absent;

static int take_local(const struct nlmsghdr *message, void *userdata) {
        Absent *absent = userdata;
        const struct nlattr *attribute;
        const struct ifaddrmsg *header;
        Endpoint local = { 0 };
        size_t n = 0, size;

        if (!message) {
                absent->left = *absent->all;
                return 0;
        }
        header = mnl_nlmsg_get_payload(message);
        if (message->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return -EBADMSG;

        local.ipv6 = header->ifa_family == AF_INET6;
        size = local.ipv6 ? sizeof(local.address.in6) : sizeof(local.address.in);
        NETLINK_FOREACH_ATTRIBUTE(attribute, message, sizeof(*header)) {
                uint16_t type = mnl_attr_get_type(attribute);

                /* Beside an IFA_LOCAL, IFA_ADDRESS is the other end of a point-to-point link. */
                if ((type == IFA_LOCAL || (type == IFA_ADDRESS && n == 0)) &&
                    mnl_attr_get_payload_len(attribute) == size) {
                        memcpy(&local.address, mnl_attr_get_payload(attribute), size);
                        n = 1;
                }
        }
        if (n == 0 || (header->ifa_family != AF_INET && !local.ipv6))
                return 0;

        for (size_t i = n = 0; i < absent->left.n; i++)
                if (!endpoint_has_address_of(&absent->left.items[i], &local))
                        absent->left.items[n++] = absent->left.items[i];
        absent->left.n = n;
        return 0;
}

int routes_keep_absent(Routes *routes, Endpoints *endpoints) {
        uint8_t buffer[64] __attribute__((aligned(8))) = {};
        struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
        Absent absent = { .all = endpoints, .left = *endpoints };
        int r;

        request->nlmsg_type = RTM_GETADDR;
        request->nlmsg_flags = NLM_F_DUMP;
        mnl_nlmsg_put_extra_header(request, sizeof(struct ifaddrmsg));
        r = netlink_ask(routes->requests, request, take_local, &absent);
        if (r < 0)
                return r;

        *endpoints = absent.left;
        return 0;
}

AddressKind address_to_kind(int family, const void *address) {
        static const uint8_t tailscale6[] = { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 };
        struct in6_addr in6;
        struct in_addr in;

        if (family == AF_INET6) {
                memcpy(&in6, address, sizeof(in6));
                if (IN6_IS_ADDR_LOOPBACK(&in6))
                        return ADDRESS_LOOPBACK;
                if (IN6_IS_ADDR_LINKLOCAL(&in6))
                        return ADDRESS_LINK_LOCAL;
                if (memcmp(&in6, tailscale6, sizeof(tailscale6)) == 0)
                        return ADDRESS_TAILSCALE;
                return ADDRESS_LAN;
        }

        memcpy(&in, address, sizeof(in));
        if ((ntohl(in.s_addr) & 0xff000000) == 0x7f000000)
                return ADDRESS_LOOPBACK;
        if ((ntohl(in.s_addr) & 0xffff0000) == 0xa9fe0000)
                return ADDRESS_LINK_LOCAL;
        if ((ntohl(in.s_addr) & 0xffc00000) == 0x64400000)
                return ADDRESS_TAILSCALE;
        return ADDRESS_LAN;
}

const char *address_format(const Address *address, char buffer[static INET6_ADDRSTRLEN]) {
        if (!inet_ntop(address->family, &address->address, buffer, INET6_ADDRSTRLEN))
                buffer[0] = '\0';
        return buffer;
}

static int on_settled(sd_event_source *source, usec_t usec, void *userdata) {
        Routes *routes = userdata;

        (void) source, (void) usec;

        routes->latest = 0;
        routes->callback(routes->userdata);
        return 0;
}

static int on_change(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        sd_event *event = sd_event_source_get_event(source);
        Routes *routes = userdata;
        usec_t now, due;
        int r;

        (void) fd, (void) revents;

        if (netlink_receive(routes->events) == 0)
                return 0;

        r = sd_event_now(event, CLOCK_MONOTONIC, &now);
        if (r < 0)
                return r;
        if (routes->latest == 0)
                routes->latest = now + LATEST_USEC;
        due = now + QUIET_USEC < routes->latest ? now + QUIET_USEC : routes->latest;
        return timer_arm(event, &routes->timer, due > now ? due - now : 0, ACCURACY_USEC, "routes-settled",
                         on_settled, routes);
}

int routes_watch(Routes *routes, sd_event *event, RoutesCallback callback, void *userdata) {
        static const unsigned groups[] = {
                RTNLGRP_LINK,        RTNLGRP_IPV4_RULE,   RTNLGRP_IPV4_ROUTE,
                RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
        };
        _cleanup_(sd_event_source_unrefp) sd_event_source *source = NULL;
        _cleanup_(netlink_freep) Netlink *events = NULL;
        int r;

        if (routes->events)
                return -EALREADY;

        r = netlink_new(&events, NETLINK_ROUTE);
        if (r < 0)
                return r;

        for (size_t i = 0; i < ELEMENTSOF(groups); i++) {
                r = netlink_join(events, groups[i]);
                if (r < 0)
                        return r;
        }

        r = sd_event_add_io(event, &source, netlink_get_fd(events), EPOLLIN, on_change, routes);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(source, "routes-changed");

        routes->events = TAKE_PTR(events);
        routes->source = TAKE_PTR(source);
        routes->callback = callback;
        routes->userdata = userdata;
        return 0;
}
