/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/endpoint.h"
#include "core/model.h"

/* A Home says where sshd would listen without us. A Placement says where our files place sshd. Together they say
 * where sshd should listen. Pure. */

typedef struct Home {
        Endpoints movable; /* a Port line, or the drop-in of a socket unit, gives them their port */
        Endpoints fixed;   /* a ListenAddress, or the service's own -p, does: our files can't move them */
        uint16_t ports[SSHD_PORTS_MAX];  /* of both, each once; the first one is "the" home port */
        size_t n_ports;                  /* 0: unknown */
        bool port_fixed;                 /* sshd's own configuration has fixed ones; .fixed is empty all the
                                           same where a socket unit listens in its place */
        bool reads_our_file;             /* sshd takes the port file in */
        bool without_ipv4, without_ipv6; /* sshd can't have that family: the kernel or the unit forbids it */
} Home;

typedef struct Placement {
        uint16_t port; /* sshd is moved there; 0: it isn't moved */
        Mechanism mechanism;
        uint16_t beside[SSHD_PORTS_MAX]; /* with a drop-in: movable home ports that stay beside .port */
        size_t n_beside;
} Placement;

/* The first of sshd's own ports; 0: unknown. */
static inline uint16_t home_first_port(const Home *home) {
        return home->n_ports > 0 ? home->ports[0] : 0;
}

/* All endpoints: @i counts from 0 to home_size(), the movable ones first. */
static inline size_t home_size(const Home *home) {
        return home->movable.n + home->fixed.n;
}

static inline const Endpoint *home_endpoint(const Home *home, size_t i) {
        return i < home->movable.n ? &home->movable.items[i] : &home->fixed.items[i - home->movable.n];
}

/* True if sshd has endpoints, and each of them is in @absent, a subset of them. */
static inline bool home_is_absent(const Home *home, const Endpoints *absent) {
        return absent->n > 0 && absent->n == home_size(home);
}

/* Returns 0 or -E2BIG. */
int home_add(Home *home, const Endpoint *endpoint, bool fixed);

/* Makes each endpoint a fixed one, or a movable one. .port_fixed stays. */
void home_fix(Home *home, bool fixed);

/* True if our files can take sshd from @port, a home port. */
bool home_can_leave(const Home *home, uint16_t port);

/* True if sshd has endpoints, and none of them is an IPv4 one. */
bool home_is_ipv6_only(const Home *home);

/* Writes the endpoints that sshd has on @port: a home port, or the port of @placement. Leaves out those of a
 * family that sshd can't have. */
void home_on_port(const Home *home, const Placement *placement, uint16_t port, Endpoints *ret);

/* Writes the addresses with which a bind() of @port is to be tried. The first is 0.0.0.0 or :: if sshd takes it,
 * else one of its own that isn't in @absent: another program may have the port on other addresses. The second is "",
 * unless @each and sshd takes ::. Then it is the other wildcard: a socket unit fails if it lacks one family, and
 * systemd binds :: for both. */
void home_probe_addresses(const Home *home, const Endpoints *absent, uint16_t port, bool each,
                          char ret[2][INET6_ADDRSTRLEN]);

/* True if @actual is where sshd should listen by @placement, and nothing else. */
bool home_is_placed(const Home *home, const Placement *placement, const Endpoints *actual);
