/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "systemd/plan.h"

/* One job of systemd's, or another call that it takes its time for, from the call to its end. That a job is
 * "done" says nothing about listeners: a reload is done when the signal was sent. */

typedef struct Job Job;

/* @result: 0 if the job ended as "done", else a negative errno; @word is systemd's word for it, or the
 * error's message. Called once, unless freed before; may free the job. */
typedef void (*JobHandler)(int result, const char *word, void *userdata);

/* @unit is not used for a daemon-reload. @timeout in µs. Freeing a job doesn't cancel it in systemd. Returns 0 or a negative errno. */
int job_start(sd_bus *bus, JobKind kind, const char *unit, usec_t timeout, JobHandler handler,
              void *userdata, Job **ret);

Job *job_free(Job *job);
DEFINE_TRIVIAL_CLEANUP(Job *, job_free);
