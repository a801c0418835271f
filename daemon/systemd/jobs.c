/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/jobs.h"

#include "systemd/units.h"

struct Job {
        sd_bus_slot *match_slot, *call_slot, *disconnected_slot;
        sd_event_source *deadline_source;
        char path[128]; /* "" until systemd has named the job */
        JobHandler handler;
        void *userdata;
};

Job *job_free(Job *job) {
        if (!job)
                return NULL;

        sd_bus_slot_unref(job->match_slot);
        sd_bus_slot_unref(job->call_slot);
        sd_bus_slot_unref(job->disconnected_slot);
        sd_event_source_disable_unref(job->deadline_source);
        free(job);
        return NULL;
}

static int job_finish(Job *job, int result, const char *word) {
        job->match_slot = sd_bus_slot_unref(job->match_slot);
        job->disconnected_slot = sd_bus_slot_unref(job->disconnected_slot);
        job->deadline_source = sd_event_source_disable_unref(job->deadline_source);
        job->handler(result, word, job->userdata);
        return 0;
}

static int job_on_removed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *path, *result;
        Job *job = userdata;

        (void) error;
        if (sd_bus_message_read(m, "uoss", NULL, &path, NULL, &result) < 0 || !streq(path, job->path))
                return 0;

        return job_finish(job, streq(result, "done") ? 0 : -EIO, result);
}

static int job_on_called(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const sd_bus_error *failure = sd_bus_message_get_error(m);
        const char *path;
        Job *job = userdata;

        (void) error;
        if (failure)
                return job_finish(job, -sd_bus_message_get_errno(m),
                                  failure->message ? failure->message : failure->name);
        if (!job->match_slot)
                return job_finish(job, 0, "done");

        if (sd_bus_message_read(m, "o", &path) < 0 ||
            (size_t) snprintf(job->path, sizeof(job->path), "%s", path) >= sizeof(job->path))
                return job_finish(job, -EBADMSG, "unreadable answer");

        return 0;
}

/* A job that has a name already gets no answer any more, and so no error either. */
static int job_on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) m, (void) error;
        return job_finish(userdata, -ENOTCONN, "the connection with systemd ended");
}

static int job_on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        (void) source, (void) usec;
        return job_finish(userdata, -ETIMEDOUT, "no end in time");
}

/* Calls that are over when they are answered. */
static int job_call(Job *job, sd_bus *bus, JobKind kind, const char *unit) {
        switch (kind) {
        case JOB_DAEMON_RELOAD:
                return sd_bus_call_method_async(bus, &job->call_slot, SYSTEMD1, SYSTEMD1_PATH, SYSTEMD1_MANAGER,
                                                "Reload", job_on_called, job, NULL);
        case JOB_ENABLE:
                return sd_bus_call_method_async(bus, &job->call_slot, SYSTEMD1, SYSTEMD1_PATH, SYSTEMD1_MANAGER,
                                                "EnableUnitFiles", job_on_called, job, "asbb", 1, unit, 0, 0);
        case JOB_DISABLE:
                return sd_bus_call_method_async(bus, &job->call_slot, SYSTEMD1, SYSTEMD1_PATH, SYSTEMD1_MANAGER,
                                                "DisableUnitFiles", job_on_called, job, "asb", 1, unit, 0);
        case JOB_RELOAD:
        case JOB_START:
        case JOB_RESTART:
        case JOB_TRY_RESTART:
        case JOB_STOP:
        default:
                return -EINVAL;
        }
}

static const char *job_method(JobKind kind) {
        switch (kind) {
        case JOB_RELOAD:
                return "ReloadOrTryRestartUnit";
        case JOB_START:
                return "StartUnit";
        case JOB_RESTART:
                return "RestartUnit";
        case JOB_TRY_RESTART:
                return "TryRestartUnit";
        case JOB_STOP:
                return "StopUnit";
        case JOB_DAEMON_RELOAD:
        case JOB_ENABLE:
        case JOB_DISABLE:
        default:
                return NULL;
        }
}

int job_start(sd_bus *bus, JobKind kind, const char *unit, usec_t timeout, JobHandler handler,
              void *userdata, Job **ret) {
        const char *method = job_method(kind);
        _cleanup_(job_freep) Job *job = NULL;
        int r;

        job = malloc(sizeof(*job));
        if (!job)
                return -ENOMEM;
        *job = (Job){ .handler = handler, .userdata = userdata };

        r = sd_event_add_time_relative(sd_bus_get_event(bus), &job->deadline_source, CLOCK_MONOTONIC,
                                       timeout, 0, job_on_deadline, job);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(job->deadline_source, "job-deadline");
        r = sd_bus_match_signal_async(bus, &job->disconnected_slot, "org.freedesktop.DBus.Local",
                                      "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local", "Disconnected",
                                      job_on_disconnected, NULL, job);
        if (r < 0)
                return r;

        if (!method) {
                r = job_call(job, bus, kind, unit);
                if (r >= 0)
                        *ret = TAKE_PTR(job);
                return r;
        }

        r = sd_bus_match_signal_async(bus, &job->match_slot, SYSTEMD1, SYSTEMD1_PATH, SYSTEMD1_MANAGER,
                                      "JobRemoved", job_on_removed, NULL, job);
        if (r < 0)
                return r;

        /* Else earlier failures count towards the start limit, and one that failed is still failed when it is stopped.
         * That it isn't failed is no matter. */
        if (kind != JOB_RELOAD) {
                r = sd_bus_call_method_async(bus, NULL, SYSTEMD1, SYSTEMD1_PATH, SYSTEMD1_MANAGER,
                                             "ResetFailedUnit", NULL, NULL, "s", unit);
                if (r < 0)
                        return r;
        }

        r = sd_bus_call_method_async(bus, &job->call_slot, SYSTEMD1, SYSTEMD1_PATH, SYSTEMD1_MANAGER,
                                     method, job_on_called, job, "ss", unit, "replace");
        if (r < 0)
                return r;

        *ret = TAKE_PTR(job);
        return 0;
}
