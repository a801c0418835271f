/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/util.h"

/* Tells when a TCP socket with one of some ports starts or stops listening, by the kernel's tracepoint
 * sock:inet_sock_set_state. It sees every network namespace without telling which, and every CPU that is
 * online when it is made, but none that comes later: so it says "ask again", and isn't the only one to say
 * so. Sockets that are bound but don't listen aren't seen. The kernel filters: other ports cause no wake-up.
 */
typedef struct ListenWatch ListenWatch;

#define LISTENWATCH_PORTS_MAX 16U

/* What happens at once is told once, or once for each CPU. Must not free the ListenWatch. */
typedef void (*ListenWatchCallback)(void *userdata);

/* 1 to LISTENWATCH_PORTS_MAX ports, else -EINVAL. To watch others, make a new one before freeing the old: a
 * filter can't be changed, and freeing the system's last one holds us up for some 50 ms, until every CPU has
 * left the tracepoint.
 *
 * Needs CAP_PERFMON, and a tracefs that someone has mounted. -ENOENT: there is none; -EACCES or -EPERM: we
 * may not; and what perf_event_open(2) lists. */
int listenwatch_new(ListenWatch **ret, sd_event *event, const uint16_t *ports, size_t n_ports,
                    ListenWatchCallback callback, void *userdata);
ListenWatch *listenwatch_free(ListenWatch *watch);
DEFINE_TRIVIAL_CLEANUP(ListenWatch *, listenwatch_free);
