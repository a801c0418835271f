/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/sequence.h"

#include "base/timer.h"
#include "systemd/bus.h"

/* A reload or restart takes 40 to 90 ms. The rest is for the unit's own checks and a slow machine. */
#define STEP_TIMEOUT (20 * USEC_PER_SEC)

struct Sequence {
        sd_bus *bus;
        Plan plan;
        size_t n_begun; /* the steps that have begun */
        char service[256], socket[256];
        const char *unit; /* the step's: one of these */
        sd_bus_slot *removed_slot, *disconnected_slot, *call_slot;
        sd_event_source *deadline_source;
        char job[128]; /* the object of the step's job; "" until systemd has named it */
        SequenceHandler handler;
        void *userdata;
};

static bool is_job(JobKind kind) {
        return kind < JOB_LOOK;
}

/* @mode: "replace", or "fail" where a job that waits would be turned around. (org.freedesktop.systemd1(5)) */
static int new_call(sd_bus *bus, JobKind kind, const char *unit, const char *mode, sd_bus_message **ret) {
        static const char *const methods[] = {
                [JOB_RELOAD] = "ReloadOrTryRestartUnit", [JOB_START] = "StartUnit",
                [JOB_RESTART] = "TryRestartUnit",        [JOB_STOP] = "StopUnit",
                [JOB_DAEMON_RELOAD] = "Reload",          [JOB_ENABLE] = "EnableUnitFiles",
                [JOB_DISABLE] = "DisableUnitFiles",
        };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, SYSTEMD1, SYSTEMD1_PATH, SYSTEMD1_MANAGER,
                                           methods[kind]);
        if (r >= 0 && is_job(kind))
                r = sd_bus_message_append(m, "ss", unit, mode);
        else if (r >= 0 && kind == JOB_ENABLE)
                r = sd_bus_message_append(m, "asbb", 1, unit, 0, 0);
        else if (r >= 0 && kind == JOB_DISABLE)
                r = sd_bus_message_append(m, "asb", 1, unit, 0);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(m);
        return 0;
}

static void sequence_stop(Sequence *s) {
        s->removed_slot = sd_bus_slot_unref(s->removed_slot);
        s->disconnected_slot = sd_bus_slot_unref(s->disconnected_slot);
        s->call_slot = sd_bus_slot_unref(s->call_slot);
        s->deadline_source = sd_event_source_disable_unref(s->deadline_source);
}

Sequence *sequence_free(Sequence *s) {
        if (!s)
                return NULL;

        sequence_stop(s);
        sd_bus_unref(s->bus);
        free(s);
        return NULL;
}

bool sequence_is_at_end(const Sequence *s) {
        return s->n_begun == s->plan.n;
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_state(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata);

/* Asks for the job, or whatever @kind is. */
static int ask_for(Sequence *s, JobKind kind) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r = 0;

        /* Without this, earlier failures count towards the start limit, and a unit that has failed stays
         * failed when it is stopped. systemd's error for a unit that hasn't failed doesn't matter. */
        if (is_job(kind) && kind != JOB_RELOAD)
                r = sd_bus_call_method_async(s->bus, NULL, SYSTEMD1, SYSTEMD1_PATH, SYSTEMD1_MANAGER,
                                             "ResetFailedUnit", NULL, NULL, "s", s->unit);
        if (r >= 0)
                r = new_call(s->bus, kind, s->unit, "fail", &call);
        s->call_slot = sd_bus_slot_unref(s->call_slot);
        return r < 0 ? r : sd_bus_call_async(s->bus, &s->call_slot, call, on_answer, s, 0);
}

static int begin_step(Sequence *s) {
        const PlanStep *step = &s->plan.steps[s->n_begun++];
        int r;

        s->unit = step->socket ? s->socket : s->service;
        s->job[0] = '\0';
        r = timer_arm(sd_bus_get_event(s->bus), &s->deadline_source, STEP_TIMEOUT, 0, "job-deadline",
                      on_deadline, s);
        if (r < 0)
                return r;
        if (step->kind != JOB_RESTART && step->kind != JOB_LOOK && (step->kind != JOB_STOP || step->socket))
                return ask_for(s, step->kind);
        return bus_ask_unit(s->bus, &s->call_slot, s->unit, SYSTEMD1 ".Unit", "ActiveState", on_state, s);
}

/* The step has ended, or it couldn't begin. */
static int end_step(Sequence *s, int result, const char *word) {
        if (result >= 0 && !sequence_is_at_end(s)) {
                result = begin_step(s);
                if (result >= 0)
                        return 0;
                word = strerrordesc_np(-result);
        }
        sequence_stop(s);
        s->handler(result < 0 ? result : 0, word, s->userdata);
        return 0;
}

static int end_by_error(Sequence *s, sd_bus_message *m) {
        const sd_bus_error *failure = sd_bus_message_get_error(m);
        bool waits = sd_bus_error_has_name(failure, SYSTEMD1 ".TransactionIsDestructive");

        return end_step(s, waits ? -ECANCELED : -sd_bus_message_get_errno(m),
                        failure->message ? failure->message : failure->name);
}

/* Takes systemd's word for what the unit is now. By that JOB_RESTART becomes a start or a restart, JOB_LOOK goes on or
 * ends the sequence, and a service that is down isn't stopped: a start of it may wait for us. */
static int on_state(sd_bus_message *m, void *userdata, sd_bus_error *) {
        Sequence *s = userdata;
        JobKind kind = s->plan.steps[s->n_begun - 1].kind;
        const char *state;
        int r;

        if (sd_bus_message_is_method_error(m, NULL))
                return end_by_error(s, m);
        r = sd_bus_message_read(m, "v", "s", &state);
        if (r >= 0 && kind == JOB_STOP && streq(state, "inactive"))
                return end_step(s, 0, state);
        if (r >= 0 && kind != JOB_STOP && (streq(state, "inactive") || streq(state, "deactivating")))
                return end_step(s, -ECANCELED, "its owner has stopped it");
        if (r >= 0 && kind == JOB_LOOK)
                return end_step(s, 0, state);
        if (r >= 0)
                r = ask_for(s, kind == JOB_RESTART && streq(state, "failed") ? JOB_START : kind);
        return r < 0 ? end_step(s, r, strerrordesc_np(-r)) : 0;
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *) {
        Sequence *s = userdata;
        const char *path;

        if (sd_bus_message_is_method_error(m, NULL))
                return end_by_error(s, m);
        if (!is_job(s->plan.steps[s->n_begun - 1].kind))
                return end_step(s, 0, "done");

        if (sd_bus_message_read(m, "o", &path) < 0 ||
            (size_t) snprintf(s->job, sizeof(s->job), "%s", path) >= sizeof(s->job))
                return end_step(s, -EBADMSG, "unreadable answer");
        return 0;
}

static int on_removed(sd_bus_message *m, void *userdata, sd_bus_error *) {
        const char *path, *result;
        Sequence *s = userdata;

        if (sd_bus_message_read(m, "uoss", NULL, &path, NULL, &result) < 0 || !streq(path, s->job))
                return 0;
        return end_step(s,
                        streq(result, "done")       ? 0
                        : streq(result, "canceled") ? -ECANCELED
                                                    : -EIO,
                        result);
}

/* Once systemd has named the job, no answer is outstanding, which would be an error now. */
static int on_disconnected(sd_bus_message *, void *userdata, sd_bus_error *) {
        return end_step(userdata, -ENOTCONN, "the connection with systemd ended");
}

static int on_deadline(sd_event_source *, uint64_t, void *userdata) {
        return end_step(userdata, -ETIMEDOUT, "no end in time");
}

int sequence_start(sd_bus *bus, const Plan *plan, const char *service, const char *socket,
                   SequenceHandler handler, void *userdata, Sequence **ret) {
        _cleanup_(sequence_freep) Sequence *s = malloc(sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        *s = (Sequence){ .bus = sd_bus_ref(bus), .plan = *plan, .handler = handler, .userdata = userdata };
        snprintf(s->service, sizeof(s->service), "%s", service);
        snprintf(s->socket, sizeof(s->socket), "%s", socket);

        r = sd_bus_match_signal_async(bus, &s->disconnected_slot, "org.freedesktop.DBus.Local",
                                      "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                      "Disconnected", on_disconnected, NULL, s);
        if (r >= 0)
                r = sd_bus_match_signal_async(bus, &s->removed_slot, SYSTEMD1, SYSTEMD1_PATH,
                                              SYSTEMD1_MANAGER, "JobRemoved", on_removed, NULL, s);
        if (r >= 0)
                r = begin_step(s);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(s);
        return 0;
}

/* ── for programs without a loop ── */

int systemd_call(sd_bus *bus, JobKind kind, const char *unit) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        r = new_call(bus, kind, unit, "replace", &call);
        if (r >= 0)
                r = sd_bus_call(bus, call, 0, NULL, NULL);
        return r < 0 ? r : 0;
}

bool systemd_is(sd_bus *bus, const char *unit, const char *state) {
        _cleanup_free_ char *path = NULL, *found = NULL;

        return sd_bus_path_encode(SYSTEMD1_PATH "/unit", unit, &path) >= 0 &&
               sd_bus_get_property_string(bus, SYSTEMD1, path, SYSTEMD1 ".Unit", "ActiveState", NULL,
                                          &found) >= 0 &&
               streq(found, state);
}
