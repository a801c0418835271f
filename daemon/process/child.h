/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "process/program.h"

/* A program run beside the event loop, by the helper where there is one, with a deadline and bounded output. What it prints is kept by the
 * kernel in a pipe each (64 KiB, pipe(7)) and read once, when it has ended: a child that prints more stands
 * still until its deadline. */
#define CHILD_OUTPUT_MAX (64 * 1024)

typedef struct Child Child;

typedef struct ChildResult {
        bool timed_out;     /* it was killed at the deadline */
        int exit_status;    /* 0 … 255; -1 if it did not exit by itself, or what it said could not be read */
        const char *output; /* its stdout, up to the first NUL byte; valid during the call only */
        const char *errors; /* its stderr, likewise */
} ChildResult;

/* Called once, unless the child is freed before. The child may be freed in it. */
typedef void (*ChildHandler)(const ChildResult *result, void *userdata);

/* Starts @argv (argv[0] is an absolute path, NULL ends the list) with /dev/null as input and a minimal
 * environment.
 * @timeout is from now, in µs. SIGCHLD must be blocked, as sd_event_add_child(3) wants it.
 * Returns 0, or a negative errno and nothing was started; that the program can't be executed comes as the
 * exit status 127. */
int child_spawn(sd_event *event, const char *const argv[], ProgramRights rights, usec_t timeout,
                ChildHandler handler, void *userdata, Child **ret);

/* Variables that child_spawn_with() can add. */
#define CHILD_ENVIRONMENT_MAX 4

/* The same, with @environment (NAME=value each, NULL ends the list) beside the minimal one. */
int child_spawn_with(sd_event *event, const char *const argv[], const char *const environment[],
                     ProgramRights rights, usec_t timeout, ChildHandler handler, void *userdata, Child **ret);

/* Kills it if it still runs, without waiting for that; its handler is not called any more. */
Child *child_free(Child *child);
DEFINE_TRIVIAL_CLEANUP(Child *, child_free);
