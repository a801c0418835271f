/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/verb.h"

#include "dbus/client.h"
#include "systemd/bus.h"
#include "windows/wsl.h"

/* Why the daemon doesn't run on this kind of machine; NULL: it should run. */
static const char *why_absent(void) {
        NetworkingMode mode = MODE_UNKNOWN;

        (void) wsl_detect(&mode);
        return picture_absence(mode);
}

int ctl_connect(Ctl *ctl) {
        const char *why;
        int r;

        if (ctl->bus)
                return CTL_OK;

        r = bus_open_system(&ctl->bus);
        if (r >= 0) {
                /* On a terminal polkit may ask for a password. In a script nobody would answer. */
                (void) sd_bus_set_allow_interactive_authorization(ctl->bus, isatty(STDIN_FILENO));
                return CTL_OK;
        }
        why = why_absent();
        if (why)
                return ctl_error(CTL_NOT_RUNNING, "%s", why);
        return ctl_error(CTL_NOT_RUNNING,
                         "wslportd can't be reached, because there is no system bus (%s): "
                         "dbus must be installed, and /etc/wsl.conf must have systemd=true",
                         strerrordesc_np(-r));
}

int ctl_bus_error(const sd_bus_error *error, int r) {
        static const char not_running[] = "wslportd isn't running; systemctl start wslportd";
        static const char no_answer[] = "wslportd has not answered; see: systemctl status wslportd";
        static const struct {
                const char *name;
                int status;
                const char *text; /* NULL: the error's own */
        } known[] = {
                { SD_BUS_ERROR_SERVICE_UNKNOWN, CTL_NOT_RUNNING, not_running },
                { SD_BUS_ERROR_NAME_HAS_NO_OWNER, CTL_NOT_RUNNING, not_running },
                { SD_BUS_ERROR_NO_REPLY, CTL_NOT_RUNNING, no_answer },
                { SD_BUS_ERROR_TIMEOUT, CTL_NOT_RUNNING, no_answer },
                { SD_BUS_ERROR_ACCESS_DENIED, CTL_NOT_ALLOWED, "not allowed; try it with sudo" },
                { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, CTL_NOT_ALLOWED,
                  "not allowed; try it with sudo" },
                { BUS_ERROR_INVALID_ARGUMENT, CTL_USAGE, NULL },
                { BUS_ERROR_INVALID_CONFIGURATION, CTL_FAILED, NULL },
        };
        const char *text = NULL, *why;
        int status = startswith(strempty(error->name), BUS_ERROR("")) ? CTL_NOT_POSSIBLE : CTL_FAILED;
        char clean[700];

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (sd_bus_error_has_name(error, known[i].name)) {
                        status = known[i].status;
                        text = known[i].text;
                }
        /* The bus daemon also ends the connection of a user who isn't in passwd(5). */
        if (r == -ENOTCONN || r == -ECONNRESET || r == -EPIPE) {
                status = CTL_NOT_RUNNING;
                text = "the system bus has ended the connection";
        }

        if (!text)
                text = error->message ?: strerrordesc_np(-r);
        else if (text == not_running && (why = why_absent()))
                text = why;
        return ctl_error(status, "%s", printable(text, clean, sizeof(clean)));
}

int ctl_get_status(Ctl *ctl, Status *ret) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = ctl_connect(ctl);
        if (r != CTL_OK)
                return r;

        r = client_get_status(ctl->bus, &error, ret);
        return r < 0 ? ctl_bus_error(&error, r) : CTL_OK;
}
