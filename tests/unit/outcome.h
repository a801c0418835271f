/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "process/child.h"
#include "unit/test.h"

/* A child's result, for a test that waits for it. */
typedef struct Outcome {
        sd_event *event;
        Child *child;
        bool free_in_handler;
        unsigned calls;
        int error, exit_status;
        char output[CHILD_OUTPUT_MAX + 1], errors[256];
} Outcome;

static inline void outcome_on_end(const ChildResult *result, void *userdata) {
        Outcome *o = userdata;

        o->calls++;
        o->error = result->error;
        o->exit_status = result->exit_status;
        snprintf(o->output, sizeof(o->output), "%s", result->output);
        snprintf(o->errors, sizeof(o->errors), "%s", result->errors);
        if (o->free_in_handler)
                o->child = child_free(o->child);
}

static inline void outcome_wait(Outcome *o) {
        while (o->calls == 0)
                test_assert(sd_event_run(o->event, UINT64_MAX) >= 0);
        test_equal_int(o->calls, 1);
}
