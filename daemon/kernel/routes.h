/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <net/if.h>
#include <netinet/in.h>
#include <systemd/sd-event.h>

#include "base/util.h"
#include "core/endpoint.h"
#include "core/model.h"
#include "kernel/netlink.h"

/* The links, routes and addresses of this network namespace, by rtnetlink: the traces that WSL's networking
 * mode leaves, and the addresses that other machines can use. */
typedef struct Routes Routes;

typedef struct RouteFacts {
        bool has_loopback0;
        bool loopback_routed; /* TCP to 127.0.0.1 leaves through loopback0, by table 127 */
        bool virtio;          /* loopback0 is on that bus; the kernel names the bus since 5.14 */
} RouteFacts;

typedef struct Address {
        int family; /* AF_INET, AF_INET6 */
        union {
                struct in_addr in;
                struct in6_addr in6;
        } address;
        unsigned index; /* of the interface */
        char interface[IF_NAMESIZE];
        AddressKind kind;
} Address;

/* Must not free the Routes. */
typedef void (*RoutesCallback)(void *userdata);

int routes_new(Routes **ret);
Routes *routes_free(Routes *routes);
DEFINE_TRIVIAL_CLEANUP(Routes *, routes_free);

int routes_read(Routes *routes, RouteFacts *ret);

/* Returns MODE_MIRRORED, MODE_CONSOMME, or MODE_UNKNOWN: the modes nat, bridged and none leave no trace, and
 * neither does mirrored before its set-up is complete. (microsoft/WSL, NetworkManager.cpp) */
NetworkingMode route_facts_to_mode(const RouteFacts *facts);

/* Writes the addresses that other machines can use to @ret, at most @size of them: those of global scope, on
 * interfaces that are up, but not on loopback nor on those of containers and virtual machines. Returns their
 * number, which can be more than @size, or a negative errno. */
int routes_list_addresses(Routes *routes, Address *ret, size_t size);

/* Takes those out of @endpoints whose address this machine has on any interface, of whatever scope. Returns 0,
 * or a negative errno and the set is as it was. */
int routes_keep_absent(Routes *routes, Endpoints *endpoints);

/* Judges by the range alone: Tailscale gives out 100.64.0.0/10, which providers' NAT uses too, and
 * fd7a:115c:a1e0::/48. @address is a struct in_addr or in6_addr. */
AddressKind address_to_kind(int family, const void *address);

/* "192.0.2.1", "2001:db8::1". Returns @buffer. */
const char *address_format(const Address *address, char buffer[static INET6_ADDRSTRLEN]);

/* Calls back when links, IPv4 rules or routes, or addresses have changed: once, 200 ms after the last
 * change, but no later than 1 s after the first. Whoever reads them after this call misses no change.
 * Returns 0 or a negative errno. */
int routes_watch(Routes *routes, sd_event *event, RoutesCallback callback, void *userdata);

typedef struct Link {
        unsigned index;
        unsigned flags; /* IFF_… */
        char name[IF_NAMESIZE];
        bool virtio; /* the bus of its device */
} Link;

typedef struct Route {
        unsigned interface; /* index, 0: none */
        uint32_t table;
} Route;

/* The parsers take any bytes behind a message header whose length is right. They return 0, or -EBADMSG.
 * routes_parse_address() returns 1, or 0 for an address that isn't to be listed, and leaves .interface
 * empty. */
int routes_parse_link(const struct nlmsghdr *message, Link *ret);
int routes_parse_route(const struct nlmsghdr *message, Route *ret);
int routes_parse_address(const struct nlmsghdr *message, Address *ret);
