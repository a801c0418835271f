/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl.h"

int verb_status(Ctl *ctl, int argc, char *argv[]) {
        char line[STATUS_LINE_SIZE];
        Status status;
        int r;

        (void) argv;
        if (argc > 1)
                return ctl_error(CTL_USAGE, "status takes no argument");

        r = ctl_get_status(ctl, false, &status);
        if (r != CTL_OK)
                return r;

        report_status_line(&status, line);
        puts(line);
        return CTL_OK;
}
