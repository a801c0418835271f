/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/verb.h"

#include "process/child.h"

static void copy_output(const ChildResult *result, void *userdata) {
        if (result->exit_status == 0)
                *(char **) userdata = strdup(result->output);
}

char *ctl_run(const char *const argv[], usec_t timeout) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(child_freep) Child *child = NULL;
        char *output = NULL;

        if (sd_event_new(&event) >= 0 &&
            child_spawn(event, argv, NULL, PROGRAM_ALL, timeout, copy_output, &output, &child) >= 0)
                (void) child_wait(event, child);
        return output;
}
