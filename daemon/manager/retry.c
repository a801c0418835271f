/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/retry.h"

#include "base/timer.h"

#define RETRY_DELAY_SOON (2 * USEC_PER_SEC)
#define RETRY_DELAY_FIRST (60 * USEC_PER_SEC)
#define RETRY_DELAY_MAX (300 * USEC_PER_SEC) /* Windows may free a port any minute */

void retry_init(Retry *retry, Observer *observer) {
        *retry = (Retry){ .observer = observer, .delay = { .name = "retry", .max = RETRY_DELAY_MAX } };
}

void retry_cancel(Retry *retry) {
        retry->timer = sd_event_source_disable_unref(retry->timer);
        retry->postponed[0] = '\0';
}

void retry_now(Retry *retry) {
        Context *c = retry->observer->c;

        retry_cancel(retry);
        if (retry->observer->sshd.ask_again)
                home_finder_forget(c->home_finder);
        mode_ask(c->mode);
        observer_forget(retry->observer);
        context_evaluate_later(c, TRIGGER_OTHER);
}

static int retry_on_timer(sd_event_source *, uint64_t, void *userdata) {
        retry_now(userdata);
        return 0;
}

usec_t retry_later(Retry *retry, bool soon) {
        usec_t delay;

        retry->delay.first = soon ? RETRY_DELAY_SOON : RETRY_DELAY_FIRST;
        delay = delay_next_at(&retry->delay, clock_usec(CLOCK_MONOTONIC));
        timer_arm_or_end(retry->observer->c->event, &retry->timer, delay, USEC_PER_SEC, retry->delay.name,
                         retry_on_timer, retry);
        return delay;
}

void retry_postpone(Retry *retry, int error, const char *why) {
        const Context *c = retry->observer->c;
        usec_t delay = retry_later(retry, context_is_passing(c, error) || error == -ECANCELED);

        /* --reset has ended long before such a timer. */
        retry->too_often = error == -EBUSY;
        snprintf(retry->postponed, sizeof(retry->postponed),
                 c->stage == STAGE_RESTORING ? "%s" : "%s; tried again in %u s", why,
                 (unsigned) (delay / USEC_PER_SEC));
}

bool retry_allows_move(Retry *retry) {
        if (backoff_allows(&retry->moves, 1, clock_usec(CLOCK_MONOTONIC)))
                return true;

        retry_postpone(retry, -EBUSY,
                       retry->taken ? "another took the port before sshd could, at the third try "
                                      "within a minute"
                                    : "sshd was moved or started three times within a minute");
        return false;
}
