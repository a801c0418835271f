/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/ctl.h"

#include "ctl/json.h"

/* What the daemon is asked to do. It answers when it is done; what is the case then is printed, not what was
 * asked. */

static int print_what_is(Ctl *ctl) {
        char line[STATUS_LINE_SIZE];
        Status status;
        int r;

        r = ctl_get_status(ctl, false, &status);
        if (r != CTL_OK)
                return r;
        if (ctl->json)
                return ctl_json_print(ctl_json_status(&status));

        status_line(&status, line);
        puts(line);
        return CTL_OK;
}

static int call_and_print(Ctl *ctl, const char *method, int argc, char *argv[]) {
        int r;

        r = ctl_check_arguments(argc, argv, 0);
        if (r == CTL_OK)
                r = ctl_call(ctl, method, NULL, "");
        return r != CTL_OK ? r : print_what_is(ctl);
}

int verb_probe(Ctl *ctl, int argc, char *argv[]) {
        return call_and_print(ctl, "Probe", argc, argv);
}

int verb_restore(Ctl *ctl, int argc, char *argv[]) {
        return call_and_print(ctl, "Restore", argc, argv);
}

int verb_reload(Ctl *ctl, int argc, char *argv[]) {
        return call_and_print(ctl, "Reload", argc, argv);
}

int verb_relocate(Ctl *ctl, int argc, char *argv[]) {
        uint16_t port = 0; /* by the policy's own order */
        int r;

        r = ctl_check_arguments(argc, argv, 1);
        if (r != CTL_OK)
                return r;
        if (argc > 1 && parse_port(argv[1], &port) < 0) {
                char text[41];

                return ctl_error(CTL_USAGE, "\"%s\" is no port; a number from 1 to 65535 is wanted, or none",
                                 printable(argv[1], text, sizeof(text)));
        }

        r = ctl_call(ctl, "Relocate", NULL, "q", port);
        return r != CTL_OK ? r : print_what_is(ctl);
}
