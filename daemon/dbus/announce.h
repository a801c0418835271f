/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/util.h"

/* Gathers changed properties, so that a burst of changes makes few signals: the first change is announced at
 * once, all that follow within ANNOUNCE_PAUSE together at its end. While nothing changes there is no
 * timer. */
typedef struct Announcer Announcer;

#define ANNOUNCE_PAUSE (50 * USEC_PER_MSEC)
#define ANNOUNCE_NAMES_MAX 32

/* Announces the properties @names, NULL-terminated. */
typedef void (*AnnounceHandler)(const char *const names[], void *userdata);

/* Returns 0 or -ENOMEM. */
int announcer_new(sd_event *event, AnnounceHandler handler, void *userdata, Announcer **ret);
Announcer *announcer_free(Announcer *announcer);
DEFINE_TRIVIAL_CLEANUP(Announcer *, announcer_free);

/* Adds @names, NULL-terminated, which have to outlive the announcer; there are at most ANNOUNCE_NAMES_MAX
 * different ones. Returns 0, or a negative errno where there is no timer and all were announced at once. */
int announcer_add(Announcer *announcer, const char *const names[]);

/* Drops what is gathered: the bus is gone, and nobody listens. */
void announcer_forget(Announcer *announcer);
