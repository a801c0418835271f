/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* How long to wait before something is tried again: twice as long each time, up to a bound. Pure. */
typedef struct Delay {
        const char *name; /* of the timer */
        usec_t first, max;
        usec_t last;     /* the wait that was given last; 0: none since the last delay_reset() */
        usec_t given_at; /* when delay_next_at() gave it */
} Delay;

/* Returns .first after delay_reset(), else twice .last, but at least .first, and at most .max. */
usec_t delay_next(Delay *delay);

/* The same for something that may work for a moment only: the wait is .first again once nothing had to wait for as long
 * as the last wait and the next one together. @now is the time by any one clock. */
usec_t delay_next_at(Delay *delay, usec_t now);

/* To be called when the thing that was tried again has worked: the next wait is .first. */
void delay_reset(Delay *delay);
