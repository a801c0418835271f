/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <netinet/in.h>
#include <systemd/sd-event.h>

#include "kernel/netlink.h"
#include "base/util.h"

/* The TCP sockets of this network namespace, which all WSL distros share, as the kernel's inet_diag shows
 * them. An MPTCP listener shows as well: by its TCP subflow, which has the inode of the MPTCP socket.
 * Sockets that are bound but don't listen don't show. */
typedef struct Sockets Sockets;

#define SOCKETS_WATCH_MAX 16U

typedef struct Listener {
        int family; /* AF_INET, AF_INET6 */
        union {
                struct in_addr in;
                struct in6_addr in6;
        } address;
        bool v6only; /* false with AF_INET6 and address ::, and IPv4 is listened to as well */
        uint16_t port;
        unsigned interface; /* index, 0: any */
        uint32_t inode;     /* as in the link text socket:[inode] of /proc/PID/fd; 0: in no file */
        uid_t uid;          /* of whom made it */
        uint64_t cgroup_id; /* of who made it: inode of the cgroup2 directory, 1 its root, 0 unknown */
} Listener;

typedef enum SocketEvent {
        SOCKET_EVENTS_LOST,     /* anything may have happened: ask again; the port is 0 */
        SOCKET_LISTENER_CLOSED, /* or a socket that was only bound */
        SOCKET_SESSION_ENDED,   /* the port isn't free yet where it leaves a TIME_WAIT */
} SocketEvent;

/* Must not free the Sockets; may call sockets_watch() and sockets_unwatch(). */
typedef void (*SocketsCallback)(SocketEvent event, uint16_t port, void *userdata);

int sockets_new(Sockets **ret);
Sockets *sockets_free(Sockets *sockets);
DEFINE_TRIVIAL_CLEANUP(Sockets *, sockets_free);

/* Writes the listeners of @port (0: of every port) to @ret, IPv4 before IPv6, at most @size of them. Returns
 * how many there are, which can be more than @size, or a negative errno. */
int sockets_list_listeners(Sockets *sockets, uint16_t port, Listener *ret, size_t size);

/* The same of those that root made. */
int sockets_list_listeners_of_root(Sockets *sockets, uint16_t port, Listener *ret, size_t size);

/* Returns how many sockets have @port as their local port and neither listen nor are closed: sessions in any
 * state, half-open ones and TIME_WAIT included. Each of them keeps the port from Windows. Negative errno.
 *
 * No event tells that a TIME_WAIT has ended, or a FIN_WAIT2 that nobody has open. *ret_ends_in: in how many µs the
 * next one is due, USEC_INFINITY where none waits. The kernel is late by up to 1/8 of the minute (its timer
 * wheel), and says 0 then. */
int sockets_count_sessions(Sockets *sockets, uint16_t port, usec_t *ret_ends_in);

/* Whether it takes connections over IPv4. */
static inline bool listener_has_ipv4(const Listener *listener) {
        return listener->family == AF_INET || !listener->v6only;
}

/* "0.0.0.0", "::1". Returns @buffer. */
const char *listener_format_address(const Listener *listener, char buffer[static INET6_ADDRSTRLEN]);

/* Tells when a socket with one of @ports as its local port is closed, a millisecond or so later. The kernel
 * filters: other ports cause no wake-up. Called again it changes the ports, with no event lost, and the
 * callback. Costs the kernel some µs for each TCP socket that is closed, of any port: watch while it matters
 * only. 1 to SOCKETS_WATCH_MAX ports, else -EINVAL. On failure, what was watched stays so. */
int sockets_watch(Sockets *sockets, sd_event *event, const uint16_t *ports, size_t n_ports,
                  SocketsCallback callback, void *userdata);
void sockets_unwatch(Sockets *sockets);

/* The parsers, for any bytes behind a message header whose length is right. 0, or -EBADMSG. */
int sockets_parse_listener(const struct nlmsghdr *message, Listener *ret);
int sockets_parse_event(const struct nlmsghdr *message, SocketEvent *ret_event, uint16_t *ret_port);
