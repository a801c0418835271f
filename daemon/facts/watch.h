/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kernel/sockets.h"

/* Tells when something may have changed on sshd's ports. The kernel's tracepoint tells of listeners that
 * come and go; where it can't be had, a slow timer stands in. While somebody waits for a port, the ends of
 * its sessions are told too. */
typedef struct Watch Watch;

/* @sockets must outlive it. Returns 0 or -ENOMEM. */
int watch_new(sd_event *event, Sockets *sockets, ChangeHandler handler, void *userdata, Watch **ret);
void watch_free(Watch *watch);
DEFINE_TRIVIAL_CLEANUP(Watch *, watch_free);

/* Watches these ports only; none if @n_ports is 0. With @closes, sessions and bound sockets that end are
 * told too, which costs the kernel something for each socket that is closed. Cheap if nothing changes. Returns
 * 1 if the watch has begun only now, so that the caller has to look at the listeners once more; 0; or a negative errno
 * if ends can't be told. */
int watch_set(Watch *watch, const uint16_t *ports, size_t n_ports, bool closes);

/* To be called before the caller looks at the listeners: as long as they stay the same, the handler isn't
 * called because of them. (The tracepoint tells of those in other network namespaces too.) */
void watch_note(Watch *watch);

/* A call of the handler has led to @cpu_time µs of work. The next call waits until all of this takes no more
 * than its share of a CPU: anybody can listen and stop listening as often as he likes. */
void watch_charge(Watch *watch, usec_t cpu_time);

/* "tracepoint", "timer", or "none" while no port is watched. */
const char *watch_kind(const Watch *watch);

/* Why the tracepoint can't be had: a negative errno, or 0. */
int watch_fallback_reason(const Watch *watch);
