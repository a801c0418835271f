/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* How often something may be done, and how long to wait when it was too often or in vain. Pure: the caller
 * has the clock. */

#define BACKOFF_BURST 3
#define BACKOFF_WINDOW (60 * USEC_PER_SEC)
#define BACKOFF_DELAY_SOON (2 * USEC_PER_SEC)
#define BACKOFF_DELAY_FIRST (60 * USEC_PER_SEC)
#define BACKOFF_DELAY_MAX (3600 * USEC_PER_SEC)

typedef struct Backoff {
        usec_t recent[BACKOFF_BURST]; /* the last times, a ring */
        unsigned next;
        unsigned n;
        usec_t delay;      /* the last one; 0: none */
        usec_t delayed_at; /* when it was given */
} Backoff;

/* False where it was done BACKOFF_BURST times within the last BACKOFF_WINDOW. */
bool backoff_allows(const Backoff *backoff, usec_t now);

/* Whether it may be done twice from @now: for what isn't needed, and may have to be undone. */
bool backoff_allows_two(const Backoff *backoff, usec_t now);

/* Notes that it is done at @now. */
void backoff_note(Backoff *backoff, usec_t now);

/* How long to wait from @now: BACKOFF_DELAY_FIRST, twice as long each time up to BACKOFF_DELAY_MAX, and
 * again the first after a time without a call that is as long as what would have come. µs. */
usec_t backoff_delay(Backoff *backoff, usec_t now);

/* The same where it may be different in a moment: it begins with BACKOFF_DELAY_SOON. */
usec_t backoff_delay_soon(Backoff *backoff, usec_t now);
