/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/timer.h"

int timer_arm(sd_event *event, sd_event_source **source, usec_t delay, usec_t slack, const char *name,
              sd_event_time_handler_t handler, void *userdata) {
        sd_event_source *timer;
        int r;

        r = sd_event_add_time_relative(event, &timer, CLOCK_MONOTONIC, delay, slack, handler, userdata);
        if (r < 0)
                return r;

        (void) sd_event_source_set_description(timer, name);
        sd_event_source_disable_unref(*source);
        *source = timer;
        return 0;
}

void timer_arm_or_end(sd_event *event, sd_event_source **source, usec_t delay, usec_t slack,
                      const char *name, sd_event_time_handler_t handler, void *userdata) {
        int r = timer_arm(event, source, delay, slack, name, handler, userdata);

        if (r < 0)
                (void) sd_event_exit(event, r);
}

bool timer_is_armed(sd_event_source *source) {
        return source && sd_event_source_get_enabled(source, NULL) > 0;
}
