/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/model.h"
#include "ctl/json.h"
#include "systemd/bus.h"

/* Verbs that ask the daemon to act. The daemon answers when it is done; then wslportctl prints the daemon's
 * state. */

/* Longer than any move takes, and polkit may have to ask a person first. */
#define CALL_TIMEOUT (120 * USEC_PER_SEC)

static void print_line(const Ctl *, const Status *status) {
        char line[STATUS_LINE_SIZE];

        status_line(status, line);
        puts(line);
}

/* @types: "q" for a method that takes @port, "" for one that takes nothing. */
static int call_and_print(Ctl *ctl, const char *method, const char *types, uint16_t port) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = ctl_connect(ctl, false);
        if (r != CTL_OK)
                return r;

        (void) sd_bus_set_method_call_timeout(ctl->bus, CALL_TIMEOUT);
        r = sd_bus_call_method(ctl->bus, BUS_NAME, BUS_PATH, BUS_INTERFACE, method, &error, NULL, types,
                               port);
        return r < 0 ? ctl_bus_error(&error, r) : ctl_show_status(ctl, ctl_json_status, print_line);
}

int verb_probe(Ctl *ctl) {
        return call_and_print(ctl, "Probe", "", 0);
}

int verb_restore(Ctl *ctl) {
        return call_and_print(ctl, "Restore", "", 0);
}

int verb_reload(Ctl *ctl) {
        return call_and_print(ctl, "Reload", "", 0);
}

int verb_relocate(Ctl *ctl) {
        uint16_t port = 0; /* the daemon chooses */
        char text[41];

        if (ctl->line.argument && parse_port(ctl->line.argument, &port) < 0)
                return ctl_error(CTL_USAGE, "\"%s\" is no port: a port is a number from 1 to 65535",
                                 printable(ctl->line.argument, text, sizeof(text)));
        return call_and_print(ctl, "Relocate", "q", port);
}
