/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/status.h"
#include "kernel/owner.h"
#include "kernel/sockets.h"
#include "systemd/units.h"

/* Who listens on a port in this network namespace: the kernel's listeners, each classified by its owner and
 * by the managed units. The daemon, `wslportctl diagnose` and --reset all ask here. Windows' listeners don't
 * show; they are facts/naming's. */

#define PORT_VIEW_LISTENERS_MAX 16

/* How long a helper may be silent, which usually answers within 1 ms, and how long one event's looks may wait for it:
 * meanwhile nobody else is answered. */
#define HOLDERS_PATIENCE (300 * USEC_PER_MSEC)
#define HOLDERS_PATIENCE_IN_ALL (1 * USEC_PER_SEC)

typedef struct PortView {
        Holder holder;        /* HOLDER_NONE if nothing here listens; a stranger comes before sshd */
        SocketOwner stranger; /* with HOLDER_LINUX: the process */
        Endpoints actual;     /* those of the listeners that are the managed unit's */
        bool loopback_only;   /* the managed unit listens, and other machines can't reach it */
        StatusListener listeners[PORT_VIEW_LISTENERS_MAX];
        size_t n_listeners;
        usec_t helper_time; /* µs of CPU that the helper took */
} PortView;

/* Looks at @port. With @port 0 it looks at each port and lists sshd's listeners only. If more listeners
 * exist than fit, root's come first. Strangers beside @expected, where sshd should be, don't count;
 * @expected is empty where that isn't known. It never binds. It may wait for the helper, HOLDERS_PATIENCE from the
 * start or from the last answer, and HOLDERS_PATIENCE_IN_ALL from @since, when the event came (CLOCK_MONOTONIC); then a
 * user's listener is a stranger's. Returns 0 or a negative errno. */
int holders_look(Sockets *sockets, ManagedUnits managed, const Endpoints *expected, uint16_t port,
                 usec_t since, PortView *ret);

/* The same, with waits of seconds, for a program that may see less than the daemon. Where the listener's owner can't be seen, the
 * daemon's @status decides (NULL: no daemon answers). Where systemd tells of no unit, root's process named
 * sshd is the managed one. */
int holders_look_best_effort(Sockets *sockets, ManagedUnits managed, const Endpoints *expected,
                             uint16_t port, const Status *status, PortView *ret);

/* True if sshd is the holder, and has all of @expected. */
bool port_view_is_complete(const PortView *view, const Endpoints *expected);

/* True if sshd is the holder, and @expected has endpoints of IPv4, and sshd has each of them. */
bool port_view_has_ipv4(const PortView *view, const Endpoints *expected);

/* True if sshd is the holder on IPv6 only, although @expected has 0.0.0.0. */
bool port_view_lacks_ipv4(const PortView *view, const Endpoints *expected);
