/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "kernel/sockets.h"

/* Tells that something may have changed on the ports that matter, by the best means to be had: the kernel's
 * tracepoint for listeners that come and go, or else a slow timer beside the events there are; and destroy
 * events while somebody waits for a port to become free. */
typedef struct Watch Watch;

/* @elsewhere: it may be of another network namespace; see watch_has_changed(). */
typedef void (*WatchHandler)(bool elsewhere, void *userdata);

/* @sockets outlives it. Returns 0 or -ENOMEM. */
int watch_new(sd_event *event, Sockets *sockets, WatchHandler handler, void *userdata, Watch **ret);
Watch *watch_free(Watch *watch);
DEFINE_TRIVIAL_CLEANUP(Watch *, watch_free);

/* Watches these ports and no others; 0 of them: none. @closes: the end of sessions and of bound sockets too,
 * which costs the kernel something for each socket that is closed. Cheap where nothing changed. Returns 0,
 * or a negative errno where even the timer could not be had. */
int watch_set(Watch *watch, const uint16_t *ports, size_t n_ports, bool closes);

/* To be called before the listeners are looked at, and whether they are others since then, or it isn't known. */
void watch_note(Watch *watch);
bool watch_has_changed(Watch *watch);

/* "tracepoint", "timer", or "none" where no port is watched. */
const char *watch_kind(const Watch *watch);

/* Why it isn't the tracepoint: a negative errno, or 0. */
int watch_fallback_reason(const Watch *watch);
