/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/util.h"

/* Gathers what has changed, so that a burst is told once: the first change at once, what follows within
 * ANNOUNCE_PAUSE all together at its end. While nothing changes there is no timer. */
typedef struct Announcer Announcer;

#define ANNOUNCE_PAUSE (50 * USEC_PER_MSEC)
#define ANNOUNCE_NAMES_MAX 32

/* These (NULL-terminated) have changed. */
typedef void (*AnnounceHandler)(const char *const names[], void *userdata);

/* Returns 0 or -ENOMEM. */
int announcer_new(sd_event *event, AnnounceHandler handler, void *userdata, Announcer **ret);
Announcer *announcer_free(Announcer *announcer);
DEFINE_TRIVIAL_CLEANUP(Announcer *, announcer_free);

/* @names is NULL-terminated; the strings have to outlive the announcer, and there are at most
 * ANNOUNCE_NAMES_MAX different ones. Returns 0, or a negative errno where they could not be put off and were
 * told at once. */
int announcer_add(Announcer *announcer, const char *const names[]);

/* What is put off is not told any more: nobody listens. */
void announcer_forget(Announcer *announcer);
