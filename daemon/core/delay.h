/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* How long to wait before something is tried again: twice as long each time, up to a bound. Pure. */
typedef struct Delay {
        const char *name; /* of the timer */
        usec_t first, max;
        usec_t last; /* the wait that was given last; 0: none since the last delay_reset() */
} Delay;

/* Returns .first after delay_reset(), else twice .last, but at least .first, and at most .max. */
usec_t delay_next(Delay *delay);

/* To be called when the thing that was tried again has worked: the next wait is .first. */
void delay_reset(Delay *delay);
