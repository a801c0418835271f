/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/backoff.h"
#include "manager/observe.h"

/* When sshd may be moved or started, and when everything is asked anew because no event will tell that it is
 * different. */
typedef struct Retry {
        Observer *observer;
        Backoff moves; /* and starts */
        Delay delay;
        usec_t delayed_at; /* when it was given last */
        sd_event_source *timer;
        char postponed[REASON_SIZE / 2]; /* why sshd is left alone until .timer goes off; "": it isn't */
} Retry;

void retry_init(Retry *retry, Observer *observer);
void retry_done(Retry *retry);

/* Everything is asked anew after a while, a longer one each time; @soon: it may be different in a moment.
 * Returns that while, or 0 where the timer can't be had; then the daemon ends. */
usec_t retry_later(Retry *retry, bool soon);

/* The same, and sshd is left alone until then, because of @error, and for people, @why. */
void retry_postpone(Retry *retry, int error, const char *why);

/* Nothing that has failed counts any more: all is asked anew now. */
void retry_now(Retry *retry);

/* wslinfo, which is slow while Windows comes up, has not told the mode, and the routes don't tell each. */
bool is_mode_late(const Mode *mode);
