/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/endpoint.h"
#include "kernel/netlink.h"

/* The TCP sockets of this network namespace, which all WSL distros share, by the kernel's inet_diag. It
 * shows an MPTCP listener, too, by its TCP subflow, which has the inode of the MPTCP socket. */
typedef struct Sockets Sockets;

#define SOCKETS_WATCH_MAX 16U

typedef struct Listener {
        Endpoint endpoint;
        bool v6only;        /* if false, an IPv6 socket with the address :: takes IPv4 connections as well */
        uint32_t inode;     /* as in the link text socket:[inode] of /proc/PID/fd; 0: in no file */
        uid_t uid;          /* of the process that made it */
        uint64_t cgroup_id; /* of that process: the cgroup2 directory's inode, 1: the root, 0: unknown */
} Listener;

int sockets_new(Sockets **ret);
void sockets_free(Sockets *sockets);
DEFINE_TRIVIAL_CLEANUP(Sockets *, sockets_free);

/* Writes the listeners of @port (0: of every port) to @ret, IPv4 before IPv6, at most @size of them. Returns
 * their number, which can be more than @size, or a negative errno and @ret is undefined. */
int sockets_list_listeners(Sockets *sockets, uint16_t port, Listener *ret, size_t size);

/* The same, for listeners that root made. */
int sockets_list_listeners_of_root(Sockets *sockets, uint16_t port, Listener *ret, size_t size);

/* Returns the number of sockets that have @port as their local port and neither listen nor are closed, or a
 * negative errno: sessions in any state, half-open ones and TIME_WAIT included. Each of them keeps the port
 * from Windows.
 *
 * No event comes at the end of a TIME_WAIT, of a half-open session, or of a FIN_WAIT2 that no process has open.
 * *ret_ends_in: the time in µs until the next of them may end, USEC_INFINITY where there is none. The kernel is late by
 * up to 1/8 of the minute (its timer wheel), and says 0 then. */
int sockets_count_sessions(Sockets *sockets, uint16_t port, usec_t *ret_ends_in);

/* Returns the number of sockets that have @port and have neither listened nor connected, or a negative errno. Before
 * Linux 6.8 the kernel tells of none (TCP_BOUND_INACTIVE). */
int sockets_count_bound(Sockets *sockets, uint16_t port);

/* Calls back a millisecond after a socket with one of @ports as its local port was closed. The kernel filters:
 * other ports cause no wake-up. Another call, also by @callback, changes ports and callback without losing an
 * event. A watch costs the kernel some µs for each closed TCP socket of any port: watch only while the answer
 * matters. Takes 1 to SOCKETS_WATCH_MAX ports, else returns -EINVAL. On failure the watch before goes on. */
int sockets_watch(Sockets *sockets, sd_event *event, const uint16_t *ports, size_t n_ports,
                  ChangeHandler callback, void *userdata);
void sockets_unwatch(Sockets *sockets); /* by the callback, too */

/* The parsers take any bytes behind a message header whose length is right. They return 0, or -EBADMSG. */
int sockets_parse_listener(const struct nlmsghdr *message, Listener *ret);
