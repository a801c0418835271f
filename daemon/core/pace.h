/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* Bounds the CPU time of work that others can cause as often as they like. A burst of work is done at once. Over
 * time the work gets PACE_SHARE of a CPU, and waits when it has used that up. Pure: the caller has the clocks. */

#define PACE_BURST (20 * USEC_PER_MSEC)
#define PACE_SHARE 250U                    /* 1/250 of one CPU */
#define PACE_DELAY_MAX (60 * USEC_PER_SEC) /* as where a timer has to do, without the tracepoint */

typedef struct Pace {
        usec_t debt; /* CPU time used beyond the share, as of .noted_at */
        usec_t noted_at;
} Pace;

/* Returns how long the work has to wait from @now on, in µs: 0 to PACE_DELAY_MAX. */
usec_t pace_delay(const Pace *pace, usec_t now);

/* Notes that work has ended at @now and has cost @spent µs of CPU time. */
void pace_note(Pace *pace, usec_t now, usec_t spent);
