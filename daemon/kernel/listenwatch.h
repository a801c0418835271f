/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "kernel/netlink.h"

/* Tells when a TCP socket with one of some ports starts or stops listening, by the kernel's tracepoint
 * sock:inet_sock_set_state. It covers every network namespace without telling which, and the CPUs that are
 * online when the watch is made. So each call means "ask again". It doesn't see sockets that are only bound. The
 * kernel filters: other ports cause no wake-up. */
typedef struct ListenWatch ListenWatch;

#define LISTENWATCH_PORTS_MAX 16U

/* Takes 1 to LISTENWATCH_PORTS_MAX ports, else returns -EINVAL. Calls back once for several changes at the same
 * time, or once for each CPU. To watch other ports, make a new watch before freeing the old one: a filter can't
 * be changed, and freeing the system's last watch takes some 50 ms, until every CPU has left the tracepoint.
 * Returns 0, or a negative errno as tracepoint_open() does. */
int listenwatch_new(ListenWatch **ret, sd_event *event, const uint16_t *ports, size_t n_ports,
                    ChangeHandler callback, void *userdata);
void listenwatch_free(ListenWatch *watch);
DEFINE_TRIVIAL_CLEANUP(ListenWatch *, listenwatch_free);

/* True if the watch has lost a CPU, whose event has ended: a new watch has to be made. */
bool listenwatch_is_broken(const ListenWatch *watch);

/* Opens a socket that becomes readable when a CPU comes or goes: then the watch has to be made anew. Returns 0 or a
 * negative errno. */
int listenwatch_open_cpus(Netlink **ret);

/* A pause costs nothing, although anybody can start and stop listening a hundred thousand times a second. A
 * change during the pause may never be told: whoever ends the pause looks himself, afterwards. */
void listenwatch_pause(ListenWatch *watch, bool pause);
