/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <net/if.h>

#include "core/endpoint.h"
#include "core/model.h"
#include "kernel/netlink.h"

/* The messages of rtnetlink, and what they say about WSL. */

typedef struct Address {
        Endpoint endpoint; /* without a port */
        unsigned index;    /* of the interface */
        AddressKind kind;
        bool usable; /* of global scope, and no other machine has it */
} Address;

typedef enum LinkKind {
        LINK_OTHER,
        LINK_BRIDGE,
        LINK_DEVICE, /* on a bus, which the kernel names since 5.14 */
        LINK_VIRTIO, /* on that bus */
} LinkKind;

typedef struct Link {
        unsigned index;
        unsigned flags; /* IFF_… */
        char name[IF_NAMESIZE];
        LinkKind kind;
} Link;

typedef struct Route {
        unsigned interface; /* index, 0: none */
        uint8_t table;      /* RT_TABLE_COMPAT (252) for a number that this type can't hold */
} Route;

/* These take any bytes behind a message header whose length is right. They return 0, or -EBADMSG.
 * rtnetlink_parse_address() returns 1, or 0 for an address of another family. */
int rtnetlink_parse_link(const struct nlmsghdr *message, Link *ret);
int rtnetlink_parse_route(const struct nlmsghdr *message, Route *ret);
int rtnetlink_parse_address(const struct nlmsghdr *message, Address *ret);

/* Returns 1 for a rule `iif @ret ipproto tcp lookup local`, and 0 for another. WSL has one for loopback0 and for
 * each interface that it mirrors. (microsoft/WSL, NetworkManager.cpp) */
int rtnetlink_parse_rule(const struct nlmsghdr *message, char ret[static IF_NAMESIZE]);

/* Judges by the route of TCP to 127.0.0.1 and the interface loopback0, zeroed where there is none. Returns
 * MODE_MIRRORED, MODE_CONSOMME, or MODE_UNKNOWN: the modes nat, bridged and none leave no trace, and neither does
 * mirrored before its set-up is complete. (microsoft/WSL, NetworkManager.cpp) */
NetworkingMode route_to_mode(const Route *route, const Link *loopback0);

/* Tailscale gives a machine an address of 100.64.0.0/10 with a prefix of 32 bits, and one of
 * fd7a:115c:a1e0::/48 with 128. Other meshes and providers' NAT use 100.64.0.0/10 with shorter ones. */
AddressKind address_to_kind(const Endpoint *address, unsigned prefix);
