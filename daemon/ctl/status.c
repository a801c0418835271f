/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/ctl.h"

#include "ctl/json.h"
#include "ctl/picture.h"

int verb_status(Ctl *ctl, int argc, char *argv[]) {
        char picture[PICTURE_SIZE];
        Status status;
        int r;

        r = ctl_check_arguments(argc, argv, 0);
        if (r == CTL_OK)
                r = ctl_get_status(ctl, &status);
        if (r != CTL_OK)
                return r;
        if (ctl->json)
                return ctl_json_print(ctl_json_status(&status));

        picture_draw(&status, ctl->color, clock_usec(CLOCK_REALTIME), picture);
        fputs(picture, stdout);
        return CTL_OK;
}

int verb_listeners(Ctl *ctl, int argc, char *argv[]) {
        static const char row[] = "%-*s  %5s  %-15s  %s%s\n";
        int width = (int) strlen("address");
        Status status;
        int r;

        r = ctl_check_arguments(argc, argv, 0);
        if (r == CTL_OK)
                r = ctl_get_status(ctl, &status);
        if (r != CTL_OK)
                return r;
        if (ctl->json)
                return ctl_json_print(ctl_json_listeners(&status));

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
