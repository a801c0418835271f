/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/context.h"

void context_give_up(Context *c, int error, const char *what) {
        log_error_errno(&c->log, error, "%s", what);
        (void) sd_event_exit(c->event, error);
}

void context_evaluate_later(Context *c, Trigger trigger) {
        int r;

        c->triggers |= trigger;
        r = sd_event_source_set_enabled(c->evaluation, SD_EVENT_ONESHOT);
        if (r < 0)
                context_give_up(c, r, "The next evaluation could not be scheduled");
}

int context_on_timer(sd_event_source *, uint64_t, void *userdata) {
        context_evaluate_later(userdata, TRIGGER_OTHER);
        return 0;
}

bool context_is_passing(const Context *c, int error) {
        sd_bus *bus = systemd_link_bus(c->link);

        return errno_is_passing(error) || !bus || sd_bus_is_open(bus) <= 0;
}
