/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/json.h"

static void print_picture(const Ctl *ctl, const Status *status) {
        picture_draw(stdout, status, ctl->color, ctl->columns == WRAP_NEVER ? COLUMNS_FULL : ctl->columns,
                     clock_usec(CLOCK_REALTIME));
}

int verb_status(Ctl *ctl) {
        Status status;
        int r;

        if (ctl->line.options[OPTION_QUIET]) {
                r = ctl_get_status(ctl, &status);
                return r != CTL_OK                                                      ? r
                       : status.state == STATE_CLEAR || status.state == STATE_RELOCATED ? CTL_OK
                                                                                        : CTL_FAILED;
        }
        return ctl_show_status(ctl, ctl_json_status, print_picture);
}

static void print_listeners(const Ctl *ctl, const Status *status) {
        static const char row[] = "%-*s %5s  %-12s %s%s\n";
        int width = (int) strlen("address");

        for (size_t i = 0; i < status->n_listeners; i++)
                if ((int) strlen(status->listeners[i].address) > width)
                        width = (int) strlen(status->listeners[i].address);

        fputs(ctl_style(ctl, STYLE_FAINT), stdout);
        printf(row, width, "address", "port", "holder", "unit", ctl_style(ctl, STYLE_PLAIN));
        for (size_t i = 0; i < status->n_listeners; i++) {
                const StatusListener *listener = &status->listeners[i];
                char port[8];

                snprintf(port, sizeof(port), "%u", listener->port);
                printf(row, width, listener->address, port, holder_to_string(listener->holder),
                       isempty(listener->unit) ? "-" : listener->unit, "");
        }
}

int verb_listeners(Ctl *ctl) {
        return ctl_show_status(ctl, ctl_json_listeners, print_listeners);
}
