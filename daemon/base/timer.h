/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/util.h"

/* Has @handler called once, @delay from now, or up to @slack later (0: 250 ms, sd_event_add_time(3)), so
 * that one wake-up serves several things. A timer that *@source has already is set anew. @name is for the
 * loop's debug messages. Returns 0, or a negative errno, and *@source is as it was. */
int timer_arm(sd_event *event, sd_event_source **source, usec_t delay, usec_t slack, const char *name,
              sd_event_time_handler_t handler, void *userdata);

/* The same for a handler that nothing else would call. If there is no timer to be had, the loop ends with the error,
 * for systemd to start wslportd anew. */
void timer_arm_or_end(sd_event *event, sd_event_source **source, usec_t delay, usec_t slack,
                      const char *name, sd_event_time_handler_t handler, void *userdata);

/* True if the timer has yet to go off. @source may be NULL: there is no timer then. */
bool timer_is_armed(sd_event_source *source);
