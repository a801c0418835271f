/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/routes.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/timer.h"

#define LOOPBACK_NAME "loopback0"
#define ADDRESSES_MAX 256U
#define MIRRORED_MAX 64U

#define QUIET_USEC (200 * USEC_PER_MSEC)
#define LATEST_USEC USEC_PER_SEC
#define ACCURACY_USEC (10 * USEC_PER_MSEC)

struct Routes {
        Netlink *requests;

        char mirrored[MIRRORED_MAX][IF_NAMESIZE]; /* the interfaces that WSL mirrors */
        size_t n_mirrored;
        Address addresses[ADDRESSES_MAX];
        size_t n_addresses;
        bool fresh; /* nothing has changed since these were read */

        Netlink *events;
        sd_event_source *source;
        sd_event_source *timer; /* runs while a change waits to be told */
        usec_t latest;          /* when a waiting change is told at the latest; 0: none waits */
        ChangeHandler callback;
        void *userdata;
};

int routes_new(Routes **ret) {
        _cleanup_(routes_freep) Routes *routes = calloc(1, sizeof(*routes));
        int r;

        if (!routes)
                return -ENOMEM;

        r = netlink_new(&routes->requests, NETLINK_ROUTE);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(routes);
        return 0;
}

void routes_free(Routes *routes) {
        if (!routes)
                return;

        sd_event_source_disable_unref(routes->timer);
        sd_event_source_disable_unref(routes->source);
        netlink_free(routes->events);
        netlink_free(routes->requests);
        free(routes);
}

static int take_link(const struct nlmsghdr *message, void *userdata) {
        return message ? rtnetlink_parse_link(message, userdata) : 0;
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
        return message ? rtnetlink_parse_route(message, userdata) : 0;
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

int routes_read_mode(Routes *routes, NetworkingMode *ret) {
        Route route = {};
        Link link = {};
        int r;

        r = read_link(routes, LOOPBACK_NAME, 0, &link);
        if (r >= 0)
                r = read_loopback_route(routes, &route);
        /* These errors mean that there is no loopback0, no route, or that the route refuses. */
        if (r < 0 && r != -ENODEV && r != -ENETUNREACH && r != -EHOSTUNREACH && r != -EACCES && r != -EINVAL)
                return r;

        *ret = route_to_mode(&route, &link);
        return 0;
}

static int add_address(const struct nlmsghdr *message, void *userdata) {
        Routes *routes = userdata;
        int r;

        if (!message)
                routes->n_addresses = 0;
        if (!message || routes->n_addresses == ADDRESSES_MAX)
                return 0;

        r = rtnetlink_parse_address(message, &routes->addresses[routes->n_addresses]);
        if (r > 0 && routes->addresses[routes->n_addresses].usable)
                routes->n_addresses++;
        return r;
}

static int add_mirrored(const struct nlmsghdr *message, void *userdata) {
        Routes *routes = userdata;
        int r;

        if (!message)
                routes->n_mirrored = 0;
        if (!message || routes->n_mirrored == MIRRORED_MAX)
                return 0;

        r = rtnetlink_parse_rule(message, routes->mirrored[routes->n_mirrored]);
        if (r > 0 && !streq(routes->mirrored[routes->n_mirrored], LOOPBACK_NAME))
                routes->n_mirrored++;
        return r;
}

static int read_all(Routes *routes, uint16_t type, uint8_t family, NetlinkVisit visit, void *userdata) {
        uint8_t buffer[64] __attribute__((aligned(8))) = {};
        struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
        struct rtgenmsg *header;

        request->nlmsg_type = type;
        request->nlmsg_flags = NLM_F_DUMP;
        header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
        header->rtgen_family = family;
        return netlink_ask(routes->requests, request, visit, userdata);
}

/* True if other machines can use the addresses of @link. In mirrored mode WSL mirrors it, or it is a device or a
 * point-to-point link, as WireGuard and Tailscale have: others lead to containers and virtual machines. In other
 * modes only bridges are known to lead there. */
static bool is_outer(const Routes *routes, const Link *link) {
        if ((link->flags & IFF_LOOPBACK) || !(link->flags & IFF_RUNNING) || streq(link->name, LOOPBACK_NAME))
                return false;
        if ((link->flags & IFF_POINTOPOINT) || link->kind == LINK_DEVICE || link->kind == LINK_VIRTIO)
                return true;

        for (size_t i = 0; i < routes->n_mirrored; i++)
                if (streq(link->name, routes->mirrored[i]))
                        return true;
        return routes->n_mirrored == 0 && link->kind != LINK_BRIDGE;
}

static int read_addresses(Routes *routes) {
        size_t count = 0;
        int r;

        r = read_all(routes, RTM_GETRULE, AF_INET, add_mirrored, routes);
        if (r < 0 && r != -EAFNOSUPPORT && r != -EOPNOTSUPP) /* these two: a kernel without rules */
                return r;
        r = read_all(routes, RTM_GETADDR, AF_UNSPEC, add_address, routes); /* both families */
        if (r < 0)
                return r;

        for (size_t i = 0; i < routes->n_addresses; i++) {
                Address address = routes->addresses[i];
                Link link = {};

                r = read_link(routes, NULL, address.index, &link);
                if (r < 0 && r != -ENODEV)
                        return r;
                if (r < 0 || !is_outer(routes, &link))
                        continue;

                if (address.kind == ADDRESS_LAN && startswith(link.name, "tailscale"))
                        address.kind = ADDRESS_TAILSCALE;
                else if (address.kind == ADDRESS_LAN && (link.flags & IFF_POINTOPOINT))
                        address.kind = ADDRESS_MESH;
                routes->addresses[count++] = address;
        }
        routes->n_addresses = count;
        return 0;
}

int routes_list_addresses(Routes *routes, Address *ret, size_t size) {
        int r = routes->fresh ? 0 : read_addresses(routes);

        if (r < 0)
                return r;
        routes->fresh = routes->events;

        for (size_t i = 0; i < routes->n_addresses && i < size; i++)
                ret[i] = routes->addresses[i];
        return (int) routes->n_addresses;
}

typedef struct Absent {
        const Endpoints *all;
        Endpoints left;
} Absent;

static int take_local(const struct nlmsghdr *message, void *userdata) {
        Absent *absent = userdata;
        Address address;
        size_t n = 0;
        int r;

        if (!message) {
                absent->left = *absent->all;
                return 0;
        }
        r = rtnetlink_parse_address(message, &address);
        if (r <= 0)
                return r;

        for (size_t i = 0; i < absent->left.n; i++)
                if (!endpoint_has_address_of(&absent->left.items[i], &address.endpoint))
                        absent->left.items[n++] = absent->left.items[i];
        absent->left.n = n;
        return 0;
}

int routes_keep_absent(Routes *routes, Endpoints *endpoints) {
        Absent absent = { .all = endpoints, .left = *endpoints };
        int r;

        r = read_all(routes, RTM_GETADDR, AF_UNSPEC, take_local, &absent);
        if (r < 0)
                return r;

        *endpoints = absent.left;
        return 0;
}

static int on_settled(sd_event_source *, usec_t, void *userdata) {
        Routes *routes = userdata;

        routes->latest = 0;
        routes->callback(routes->userdata);
        return 0;
}

static int on_change(sd_event_source *source, int, uint32_t, void *userdata) {
        sd_event *event = sd_event_source_get_event(source);
        Routes *routes = userdata;
        usec_t now, due;

        if (netlink_receive(routes->events) == 0)
                return 0;
        routes->fresh = false;

        now = clock_usec(CLOCK_MONOTONIC);
        if (routes->latest == 0)
                routes->latest = now + LATEST_USEC;
        due = now + QUIET_USEC < routes->latest ? now + QUIET_USEC : routes->latest;
        timer_arm_or_end(event, &routes->timer, due > now ? due - now : 0, ACCURACY_USEC, "routes-settled",
                         on_settled, routes);
        return 0;
}

int routes_watch(Routes *routes, sd_event *event, ChangeHandler callback, void *userdata) {
        static const unsigned groups[] = {
                RTNLGRP_LINK,        RTNLGRP_IPV4_RULE,   RTNLGRP_IPV4_ROUTE,
                RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
        };
        _cleanup_(netlink_freep) Netlink *events = NULL;
        int r;

        routes->callback = callback;
        routes->userdata = userdata;
        r = netlink_new(&events, NETLINK_ROUTE);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(groups); i++)
                r = netlink_join(events, groups[i]);
        if (r >= 0)
                r = sd_event_add_io(event, &routes->source, netlink_get_fd(events), EPOLLIN, on_change,
                                    routes);
        if (r < 0)
                return r;

        (void) sd_event_source_set_description(routes->source, "routes-changed");
        routes->events = TAKE_PTR(events);
        return 0;
}
