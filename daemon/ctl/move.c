/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>

#include "ctl/json.h"
#include "systemd/bus.h"

/* Verbs that ask the daemon to act. The daemon answers when it is done; then wslportctl prints the daemon's
 * state. */

/* Longer than any move takes, and polkit may have to ask a person first. */
#define CALL_TIMEOUT (120 * USEC_PER_SEC)

static void print_line(const Ctl *ctl, const Status *status) {
        char line[STATUS_LINE_SIZE];

        status_line(status, line);
        wrap_text(stdout, line, 0, ctl->columns, WRAP_NEVER);
}

int verb_call(Ctl *ctl) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const Verb *verb = ctl->line.verb;
        uint16_t port = 0; /* the daemon chooses */
        char method[40];
        int r;

        r = ctl->line.argument ? ctl_parse_port(&ctl->line, &port) : CTL_OK;
        if (r == CTL_OK)
                r = ctl_connect(ctl);
        if (r != CTL_OK)
                return r;

        snprintf(method, sizeof(method), "%c%s", toupper((unsigned char) verb->name[0]), verb->name + 1);
        (void) sd_bus_set_method_call_timeout(ctl->bus, CALL_TIMEOUT);
        r = sd_bus_call_method(ctl->bus, BUS_NAME, BUS_PATH, BUS_INTERFACE, method, &error, NULL,
                               verb->argument ? "q" : "", port);
        return r < 0 ? ctl_bus_error(&error, r) : ctl_show_status(ctl, ctl_json_status, print_line);
}
