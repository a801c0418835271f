/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/ctl.h"

#include <stdarg.h>

#include "ctl/picture.h"
#include "dbus/client.h"
#include "process/child.h"
#include "systemd/bus.h"
#include "windows/wsl.h"

void ctl_done(Ctl *ctl) {
        ctl->bus = sd_bus_flush_close_unref(ctl->bus);
}

int ctl_error(int status, const char *format, ...) {
        va_list arguments;

        fputs("wslportctl: ", stderr);
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fputc('\n', stderr);
        return status;
}

int ctl_check_arguments(int argc, char *argv[], int n_arguments) {
        char text[41];

        for (int i = 1; i < argc; i++)
                if (argv[i][0] == '-')
                        return ctl_error(CTL_USAGE, "%s has no option \"%s\"; see wslportctl help %s",
                                         argv[0], printable(argv[i], text, sizeof(text)), argv[0]);
        if (argc - 1 > n_arguments)
                return ctl_error(CTL_USAGE, "%s takes %s; see wslportctl help %s", argv[0],
                                 n_arguments == 0 ? "no argument" : "one argument at the most", argv[0]);
        return CTL_OK;
}

/* ── programs ── */

static void copy_output(const ChildResult *result, void *userdata) {
        if (result->exit_status == 0)
                *(char **) userdata = strdup(result->output);
}

char *ctl_run(const char *const argv[], usec_t timeout) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(child_freep) Child *child = NULL;
        char *output = NULL;

        if (sd_event_new(&event) >= 0 &&
            child_spawn(event, argv, PROGRAM_ALL, timeout, copy_output, &output, &child) >= 0)
                (void) child_wait(event, child);
        return output;
}

/* ── the bus ── */

/* Why the daemon isn't there: on such a machine it can't be, or else. */
static const char *why_absent(const char *otherwise) {
        NetworkingMode mode = MODE_UNKNOWN;
        const char *text;

        (void) wsl_detect(&mode);
        text = picture_absence(mode);
        return text ? text : otherwise;
}

int ctl_connect(Ctl *ctl, bool quiet) {
        int r;

        if (ctl->bus)
                return CTL_OK;

        r = bus_open_system(NULL, &ctl->bus);
        if (r >= 0) {
                /* An agent that is there may ask the person; in a script nobody would answer. */
                (void) sd_bus_set_allow_interactive_authorization(ctl->bus, isatty(STDIN_FILENO));
                return CTL_OK;
        }
        if (!quiet) {
                char text[160];

                snprintf(text, sizeof(text),
                         "the system bus can't be reached (%s), and so wslportd can't: "
                         "dbus must be installed, and /etc/wsl.conf have systemd=true",
                         strerrordesc_np(-r));
                (void) ctl_error(CTL_NOT_RUNNING, "%s", why_absent(text));
        }
        return CTL_NOT_RUNNING;
}

int ctl_bus_error(const sd_bus_error *error, int r) {
        static const char not_running[] = "wslportd does not run; it is started by: systemctl start wslportd "
                                          "(what can be seen without it: wslportctl diagnose)";
        static const char no_answer[] = "wslportd has not answered; see: systemctl status wslportd";
        static const struct {
                const char *name;
                int status;
                const char *text; /* NULL: the error's own */
        } known[] = {
                { SD_BUS_ERROR_SERVICE_UNKNOWN, CTL_NOT_RUNNING, not_running },
                { SD_BUS_ERROR_NAME_HAS_NO_OWNER, CTL_NOT_RUNNING, not_running },
                { SD_BUS_ERROR_NO_REPLY, CTL_NOT_RUNNING, no_answer },
                { SD_BUS_ERROR_TIMEOUT, CTL_NOT_RUNNING, no_answer }, /* libsystemd's own */
                { SD_BUS_ERROR_ACCESS_DENIED, CTL_NOT_ALLOWED, "not allowed; try it with sudo" },
                { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, CTL_NOT_ALLOWED,
                  "not allowed; try it with sudo" },
                { BUS_ERROR_INVALID_ARGUMENT, CTL_USAGE, NULL },
                { BUS_ERROR_NOT_POSSIBLE, CTL_NOT_POSSIBLE, NULL },
                { BUS_ERROR_BUSY, CTL_NOT_POSSIBLE, NULL },
        };
        const char *text = NULL;
        int status = CTL_FAILED;
        char clean[700];

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (sd_bus_error_has_name(error, known[i].name)) {
                        status = known[i].status;
                        text = known[i].text;
                }
        /* Of a user whom it doesn't know, the bus ends the connection too. */
        if (r == -ENOTCONN || r == -ECONNRESET || r == -EPIPE) {
                status = CTL_NOT_RUNNING;
                text = "the system bus has ended the connection";
        }

        if (text == not_running)
                text = why_absent(not_running);
        if (!text)
                text = error->message ? error->message : strerrordesc_np(-r);
        return ctl_error(status, "%s", printable(text, clean, sizeof(clean)));
}

int ctl_get_status(Ctl *ctl, Status *ret) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = ctl_connect(ctl, false);
        if (r != CTL_OK)
                return r;

        r = client_get_status(ctl->bus, &error, ret);
        return r < 0 ? ctl_bus_error(&error, r) : CTL_OK;
}
