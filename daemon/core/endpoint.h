/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <netinet/in.h>

#include "base/util.h"

/* An address and a port that sshd, or a socket unit, listens on; and sets of them. */

typedef struct Endpoint {
        bool ipv6;
        union {
                struct in_addr in;
                struct in6_addr in6;
        } address;
        uint16_t port;
        char scope[32]; /* an interface, of a link-local address; "" where there is none. Of a listener in the
                           kernel: the number of the interface that it is bound to */
} Endpoint;

/* "0.0.0.0:22", "[::]:22", as sshd has it "[fe80::1%eth0]:22", as systemd has it "[fe80::1]:22%eth0"; a
 * blank ends it, "rdomain …" may follow. -EBADMSG for anything else, as a path or "vsock:2:22". */
int endpoint_parse(const char *s, Endpoint *ret);

/* @address is a struct in_addr or in6_addr, as @family says. */
Endpoint endpoint_make(int family, const void *address, uint16_t port);

#define ENDPOINT_SIZE (sizeof("[]:65535%") + INET6_ADDRSTRLEN + 32)

/* Writes the address, without the scope. Returns @ret. */
const char *endpoint_print_address(const Endpoint *endpoint, char ret[static INET6_ADDRSTRLEN]);

/* Writes it as systemd does. Returns @ret. */
const char *endpoint_print(const Endpoint *endpoint, char ret[static ENDPOINT_SIZE]);

/* The scope doesn't count: no two interfaces here have the same link-local address. */
bool endpoint_equal(const Endpoint *a, const Endpoint *b);
bool endpoint_has_address_of(const Endpoint *a, const Endpoint *b);
bool endpoint_is_loopback(const Endpoint *endpoint);

/* True for 0.0.0.0 and ::. */
bool endpoint_is_any(const Endpoint *endpoint);

#define ENDPOINTS_MAX 32

/* A set. */
typedef struct Endpoints {
        Endpoint items[ENDPOINTS_MAX];
        size_t n;
} Endpoints;

/* Returns 0, also where the set has it already, or -E2BIG. */
int endpoints_add(Endpoints *set, const Endpoint *endpoint);
bool endpoints_have(const Endpoints *set, const Endpoint *endpoint);
bool endpoints_have_all(const Endpoints *set, const Endpoints *subset);
bool endpoints_have_port(const Endpoints *set, uint16_t port);
bool endpoints_have_address_of(const Endpoints *set, const Endpoint *endpoint);
bool endpoints_have_family(const Endpoints *set, bool ipv6);

/* True if a socket on @endpoint keeps one of @set from being bound: the same port on the same address, or either is
 * 0.0.0.0 or ::. */
bool endpoints_meet(const Endpoints *set, const Endpoint *endpoint);

/* True if one of @streams, which are words, is an address with this @port. */
bool streams_have_port(const char *streams, uint16_t port);
