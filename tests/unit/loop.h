/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "unit/test.h"

/* Runs the loop until nothing happens for 100 ms. Returns how often it woke up. */
static inline unsigned settle(sd_event *event) {
        unsigned turns = 0;
        int r;

        while ((r = sd_event_run(event, 100 * USEC_PER_MSEC)) > 0)
                turns++;
        test_equal_int(r, 0);
        return turns;
}
