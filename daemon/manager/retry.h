/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/backoff.h"
#include "manager/observe.h"

/* Some facts change without an event. This object has all facts asked for again after a while, and says whether
 * sshd may be moved or started before then. */
typedef struct Retry {
        Observer *observer;
        Backoff moves; /* and starts, and tries of either */
        bool taken;    /* at the last one another took the port before sshd could */
        Delay delay;
        sd_event_source *timer;
        char postponed[REASON_SIZE / 2]; /* why sshd is left alone until .timer goes off; "": it isn't */
        bool too_often;                  /* that is for the limit */
} Retry;

void retry_init(Retry *retry, Observer *observer);

/* Nothing is postponed any more, and no timer will go off. */
void retry_cancel(Retry *retry);

/* Returns true if another move or start is within the limit. Otherwise postpones it, and says why. */
bool retry_allows_move(Retry *retry);

/* Asks everything anew now. */
void retry_now(Retry *retry);

/* Asks everything anew after a wait, which grows from call to call. @soon: the facts may change in a moment.
 * Returns the wait. */
usec_t retry_later(Retry *retry, bool soon);

/* The same, and sshd is left alone until then, since the last try ended with @error. @why is for people. */
void retry_postpone(Retry *retry, int error, const char *why);
