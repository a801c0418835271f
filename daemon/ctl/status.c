/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/daemon.h"
#include "ctl/json.h"
#include "ctl/picture.h"

int verb_status(Ctl *ctl) {
        Status status;
        int r;

        r = ctl_get_status(ctl, &status);
        if (r != CTL_OK)
                return r;
        if (ctl->line.options[OPTION_JSON]) {
                ctl_json_print(ctl_json_status(&status));
                return CTL_OK;
        }

        picture_draw(stdout, &status, ctl->color, clock_usec(CLOCK_REALTIME));
        return CTL_OK;
}

int verb_listeners(Ctl *ctl) {
        static const char row[] = "%-*s  %5s  %-15s  %s%s\n";
        int width = (int) strlen("address");
        Status status;
        int r;

        r = ctl_get_status(ctl, &status);
        if (r != CTL_OK)
                return r;
        if (ctl->line.options[OPTION_JSON]) {
                ctl_json_print(ctl_json_listeners(&status));
                return CTL_OK;
        }

        for (size_t i = 0; i < status.n_listeners; i++)
                if ((int) strlen(status.listeners[i].address) > width)
                        width = (int) strlen(status.listeners[i].address);

        fputs(ctl_style(ctl, STYLE_FAINT), stdout);
        printf(row, width, "address", "port", "holder", "unit", ctl_style(ctl, STYLE_PLAIN));
        for (size_t i = 0; i < status.n_listeners; i++) {
                const StatusListener *listener = &status.listeners[i];
                char port[8];

                snprintf(port, sizeof(port), "%u", listener->port);
                printf(row, width, listener->address, port, holder_to_string(listener->holder),
                       isempty(listener->unit) ? "-" : listener->unit, "");
        }
        return CTL_OK;
}
