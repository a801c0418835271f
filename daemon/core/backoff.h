/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* How often something may be done. Pure: the caller has the clock. */

#define BACKOFF_BURST 3
#define BACKOFF_WINDOW (60 * USEC_PER_SEC)

typedef struct Backoff {
        usec_t recent[BACKOFF_BURST]; /* the last times, a ring */
        unsigned next;
        unsigned n;
} Backoff;

/* True if the action may be repeated @times times from @now on, at most BACKOFF_BURST times within
 * BACKOFF_WINDOW. */
bool backoff_allows(const Backoff *backoff, unsigned times, usec_t now);

/* Notes that it is done at @now. */
void backoff_note(Backoff *backoff, usec_t now);
