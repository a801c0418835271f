/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <net/if.h>
#include <netinet/in.h>
#include <systemd/sd-event.h>

#include "core/model.h"
#include "kernel/netlink.h"
#include "base/util.h"

/* What rtnetlink says of this network namespace: the traces of WSL's networking mode, and the addresses. */
typedef struct Routes Routes;

typedef enum LinkBus {
        LINK_BUS_UNKNOWN, /* the kernel names none (before 5.14), or another one */
        LINK_BUS_VMBUS,
        LINK_BUS_VIRTIO,
} LinkBus;

typedef struct RouteFacts {
        bool has_loopback0;
        bool loopback_routed; /* TCP to 127.0.0.1 leaves through loopback0, by table 127 */
        LinkBus bus;          /* loopback0's */
} RouteFacts;

typedef struct Address {
        int family; /* AF_INET, AF_INET6 */
        union {
                struct in_addr in;
                struct in6_addr in6;
        } address;
        char interface[IF_NAMESIZE];
        AddressKind kind;
} Address;

/* Must not free the Routes. */
typedef void (*RoutesCallback)(void *userdata);

int routes_new(Routes **ret);
Routes *routes_free(Routes *routes);
DEFINE_TRIVIAL_CLEANUP(Routes *, routes_free);

int routes_read(Routes *routes, RouteFacts *ret);

/* MODE_MIRRORED, MODE_CONSOMME, or MODE_UNKNOWN: nat, bridged and none leave no trace here, and nor does
 * mirrored before its set-up is through. (microsoft/WSL, NetworkManager.cpp) */
NetworkingMode route_facts_to_mode(const RouteFacts *facts);

/* Writes the addresses of global scope that are in use on interfaces that are up, the loopback one and
 * those of containers and virtual machines excepted, to @ret, at most @size of them. Returns how many there are, which can be more than @size, or a negative
 * errno. */
int routes_list_addresses(Routes *routes, Address *ret, size_t size);

/* By its range alone: 100.64.0.0/10 and fd7a:115c:a1e0::/48 are what Tailscale gives out; the former are
 * used by providers' NAT too. @address is a struct in_addr or in6_addr. */
AddressKind address_to_kind(int family, const void *address);

/* "192.0.2.1", "2001:db8::1". Returns @buffer. */
const char *address_format(const Address *address, char buffer[static INET6_ADDRSTRLEN]);

/* Tells that links, IPv4 rules or routes, or addresses have changed: once, 200 ms after the last change, but
 * no later than 1 s after the first. Ask after watching, not before, and no change is missed. */
int routes_watch(Routes *routes, sd_event *event, RoutesCallback callback, void *userdata);

typedef struct Link {
        unsigned index;
        unsigned flags; /* IFF_… */
        char name[IF_NAMESIZE];
        LinkBus bus;
} Link;

typedef struct Route {
        unsigned interface; /* index, 0: none */
        uint32_t table;
} Route;

/* The parsers, for any bytes behind a message header whose length is right. 0, or -EBADMSG;
 * routes_parse_address() returns 1, or 0 for an address that isn't to be listed. It leaves the name of the
 * interface empty. */
int routes_parse_link(const struct nlmsghdr *message, Link *ret);
int routes_parse_route(const struct nlmsghdr *message, Route *ret);
int routes_parse_address(const struct nlmsghdr *message, Address *ret, unsigned *ret_interface);
