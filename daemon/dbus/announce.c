/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/announce.h"

#include <assert.h>

struct Announcer {
        sd_event *event;
        sd_event_source *timer_source; /* NULL: nothing is gathered */
        const char *names[ANNOUNCE_NAMES_MAX + 1];
        size_t n;
        usec_t quiet_until;
        AnnounceHandler handler;
        void *userdata;
};

int announcer_new(sd_event *event, AnnounceHandler handler, void *userdata, Announcer **ret) {
        Announcer *a = malloc(sizeof(*a));

        if (!a)
                return -ENOMEM;

        *a = (Announcer){ .event = sd_event_ref(event), .handler = handler, .userdata = userdata };
        *ret = a;
        return 0;
}

Announcer *announcer_free(Announcer *a) {
        if (!a)
                return NULL;

        sd_event_source_disable_unref(a->timer_source);
        sd_event_unref(a->event);
        free(a);
        return NULL;
}

void announcer_forget(Announcer *a) {
        a->timer_source = sd_event_source_disable_unref(a->timer_source);
        a->n = 0;
}

static void announcer_tell(Announcer *a, usec_t now) {
        a->timer_source = sd_event_source_disable_unref(a->timer_source);
        a->quiet_until = now + ANNOUNCE_PAUSE;
        a->names[a->n] = NULL;
        a->n = 0;
        a->handler(a->names, a->userdata);
}

static int announcer_on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Announcer *a = userdata;
        usec_t now = usec;

        (void) source;
        (void) sd_event_now(a->event, CLOCK_MONOTONIC, &now);
        announcer_tell(a, now);
        return 0;
}

static void announcer_note(Announcer *a, const char *name) {
        for (size_t i = 0; i < a->n; i++)
                if (streq(a->names[i], name))
                        return;
        assert(a->n < ANNOUNCE_NAMES_MAX);
        a->names[a->n++] = name;
}

int announcer_add(Announcer *a, const char *const names[]) {
        usec_t now = 0;
        int r;

        for (; *names; names++)
                announcer_note(a, *names);
        if (a->n == 0 || a->timer_source)
                return 0;

        r = sd_event_now(a->event, CLOCK_MONOTONIC, &now);
        if (r >= 0 && now < a->quiet_until) {
                r = sd_event_add_time(a->event, &a->timer_source, CLOCK_MONOTONIC, a->quiet_until, 1,
                                      announcer_on_timer, a);
                if (r >= 0) {
                        (void) sd_event_source_set_description(a->timer_source, "announce");
                        return 0;
                }
        }

        announcer_tell(a, now);
        return r < 0 ? r : 0;
}
