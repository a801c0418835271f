/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "process/program.h"

/* A program that runs beside the event loop, with a deadline. wslportd's helper runs it where there is a
 * helper, otherwise it is a child process of this one. Each module that asks a program has a function that
 * starts a Child, and one that reads the answer out of the ChildResult. The kernel keeps the output in two
 * pipes (CHILD_OUTPUT_MAX each), which are read once, when the program has ended. A program that prints more
 * stands still until its deadline. */
#define CHILD_OUTPUT_MAX (1024 * 1024)

typedef struct Child Child;

typedef struct ChildResult {
        /* 0: the program exited by itself. -ENOENT: it can't be executed (status 127). -ETIMEDOUT: it was
         * killed at the deadline. -EIO: something else killed it, or its output can't be read. */
        int error;
        int exit_status;             /* 0 … 255, or -1 where .error is set */
        const char *output, *errors; /* stdout and stderr up to the first NUL, until the handler returns */
} ChildResult;

/* Called once, unless the child is freed before. It may free the child. */
typedef void (*ChildHandler)(const ChildResult *result, void *userdata);

/* Starts @argv as program_exec() does (argv[0] is an absolute path, NULL ends the list), with one more @variable
 * ("NAME=value", or NULL) in the environment: the helper takes WSL_INTEROP, and LD_PRELOAD with PROGRAM_PRELOAD.
 * @timeout is in µs from now. The caller has SIGCHLD blocked, as sd_event_add_child(3) wants it. Returns 0, or a
 * negative errno, and then nothing was started. */
int child_spawn(sd_event *event, const char *const argv[], const char *variable, ProgramRights rights,
                usec_t timeout, ChildHandler handler, void *userdata, Child **ret);

/* For a caller that has nothing else to do: runs the loop until the child's handler was called. That handler
 * doesn't free the child. Returns 0 or a negative errno. */
int child_wait(sd_event *event, const Child *child);

/* Kills the program if it still runs, and doesn't wait for its end. The handler won't be called any more. */
Child *child_free(Child *child);
DEFINE_TRIVIAL_CLEANUP(Child *, child_free);
