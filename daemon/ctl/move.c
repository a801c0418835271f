/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/ctl.h"

#include "ctl/json.h"
#include "dbus/client.h"

/* Verbs that ask the daemon to act. The daemon answers when it is done; then wslportctl prints the daemon's
 * state. */

/* Longer than any move takes, and polkit may have to ask a person first. */
#define CALL_TIMEOUT (120 * USEC_PER_SEC)

static int print_what_is(Ctl *ctl) {
        char line[STATUS_LINE_SIZE];
        Status status;
        int r;

        r = ctl_get_status(ctl, &status);
        if (r != CTL_OK)
                return r;
        if (ctl->json)
                return ctl_json_print(ctl_json_status(&status));

        status_line(&status, line);
        puts(line);
        return CTL_OK;
}

/* @types: "q" for a method that takes @port, "" for one that takes nothing. */
static int call_and_print(Ctl *ctl, const char *method, const char *types, uint16_t port) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = ctl_connect(ctl, false);
        if (r != CTL_OK)
                return r;

        r = client_call(ctl->bus, method, CALL_TIMEOUT, &error, NULL, types, port);
        return r < 0 ? ctl_bus_error(&error, r) : print_what_is(ctl);
}

static int verb_without_arguments(Ctl *ctl, const char *method, int argc, char *argv[]) {
        int r = ctl_check_arguments(argc, argv, 0);

        return r != CTL_OK ? r : call_and_print(ctl, method, "", 0);
}

int verb_probe(Ctl *ctl, int argc, char *argv[]) {
        return verb_without_arguments(ctl, "Probe", argc, argv);
}

int verb_restore(Ctl *ctl, int argc, char *argv[]) {
        return verb_without_arguments(ctl, "Restore", argc, argv);
}

int verb_reload(Ctl *ctl, int argc, char *argv[]) {
        return verb_without_arguments(ctl, "Reload", argc, argv);
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

        return call_and_print(ctl, "Relocate", "q", port);
}
