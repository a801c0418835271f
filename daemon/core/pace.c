/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/pace.h"

#define DEBT_MAX (PACE_BURST + PACE_DELAY_MAX / PACE_SHARE)

static usec_t debt_now(const Pace *pace, usec_t now) {
        usec_t paid = (now - pace->noted_at) / PACE_SHARE;

        return pace->debt > paid ? pace->debt - paid : 0;
}

usec_t pace_delay(const Pace *pace, usec_t now) {
        usec_t debt = debt_now(pace, now);

        return debt > PACE_BURST ? (debt - PACE_BURST) * PACE_SHARE : 0;
}

void pace_note(Pace *pace, usec_t now, usec_t spent) {
        usec_t debt = debt_now(pace, now);

        pace->debt = spent < DEBT_MAX - debt ? debt + spent : DEBT_MAX;
        pace->noted_at = now;
}
