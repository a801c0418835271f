/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* How much of the CPU something may cost that others can cause as often as they like. A burst is done at once;
 * over time it has its share, and waits for it. Pure: the caller has the clocks. */

#define PACE_BURST (20 * USEC_PER_MSEC)
#define PACE_SHARE 250U /* the part of one CPU: 1/250 */
#define PACE_DELAY_MAX (60 * USEC_PER_SEC) /* as where a timer has to do, without the tracepoint */

typedef struct Pace {
        usec_t debt; /* of CPU time, at *noted_at* */
        usec_t noted_at;
} Pace;

/* How long to wait from @now until it may be done again; 0: not at all. µs, PACE_DELAY_MAX at the most. */
usec_t pace_delay(const Pace *pace, usec_t now);

/* Notes that it was done, which has cost @spent µs of CPU time and ended at @now. */
void pace_note(Pace *pace, usec_t now, usec_t spent);
