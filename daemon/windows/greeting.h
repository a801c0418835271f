/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "windows/banner.h"

/* One connection to 127.0.0.1, to read how a server there greets. It names a holder and proves nothing by
 * its absence: in mirrored mode a port that nobody listens on may hang instead of refusing. Never to be
 * repeated in a loop: each connection can itself keep Windows from binding the port, and sshd counts those
 * that don't authenticate. */

typedef enum GreetingResult {
        GREETING_SSH,     /* *banner says who */
        GREETING_OTHER,   /* something listens, and did not greet as SSH, or not in time */
        GREETING_REFUSED, /* nothing listens */
        GREETING_UNKNOWN, /* no connection within the time */
} GreetingResult;

typedef struct Greeting Greeting;

/* Called once, unless freed before; may free the greeting. @banner is set for GREETING_SSH only. */
typedef void (*GreetingHandler)(uint16_t port, GreetingResult result, const Banner *banner, void *userdata);

/* @timeout in µs, for all of it. Returns 0 or a negative errno. */
int greeting_start(sd_event *event, uint16_t port, usec_t timeout, GreetingHandler handler, void *userdata,
                   Greeting **ret);

Greeting *greeting_free(Greeting *greeting);
DEFINE_TRIVIAL_CLEANUP(Greeting *, greeting_free);
