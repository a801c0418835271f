/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* How long to wait before something is tried again: twice as long each time, up to a bound. Pure: the caller
 * has the clock and the timer. */
typedef struct Delay {
        const char *name; /* of the timer */
        usec_t first, max;
        usec_t last;     /* the wait that was given last; 0: none since the last delay_reset() */
        usec_t given_at; /* when it was given */
} Delay;

/* The wait that begins at @now: .first, later twice the last one, but at least .first, and at most .max. It
 * is .first again after a time without a call that is as long as the last wait and the next one together. */
usec_t delay_next(Delay *delay, usec_t now);

/* It was not in vain: the next wait is .first. */
void delay_reset(Delay *delay);
