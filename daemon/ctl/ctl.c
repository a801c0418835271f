/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/ctl.h"

#include <stdarg.h>

#include "systemd/bus.h"
#include "process/child.h"
#include "ctl/picture.h"
#include "windows/wsl.h"

/* Longer than any move takes; polkit may have a person asked meanwhile. */
#define CALL_TIMEOUT (120 * USEC_PER_SEC)

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

typedef struct Run {
        sd_event *event;
        char *output; /* NULL: it failed */
} Run;

static void run_on_end(const ChildResult *result, void *userdata) {
        Run *run = userdata;

        if (result->exit_status == 0)
                run->output = strdup(result->output);
        (void) sd_event_exit(run->event, 0);
}

char *ctl_run(const char *const argv[], usec_t timeout) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(child_freep) Child *child = NULL;
        Run run = { 0 };

        if (sd_event_new(&event) < 0)
                return NULL;
        run.event = event;
        if (child_spawn(event, argv, PROGRAM_ALL, timeout, run_on_end, &run, &child) < 0 ||
            sd_event_loop(event) < 0)
                return NULL;
        return run.output;
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

static int ctl_bus_error(const sd_bus_error *error, int r, bool quiet) {
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

        if (quiet && status == CTL_NOT_RUNNING)
                return status;
        if (text == not_running)
                text = why_absent(not_running);
        if (!text)
                text = error->message ? error->message : strerrordesc_np(-r);
        return ctl_error(status, "%s", printable(text, clean, sizeof(clean)));
}

int ctl_call(Ctl *ctl, const char *method, sd_bus_message **ret_reply, const char *types, ...) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        va_list arguments;
        int r;

        r = ctl_connect(ctl, false);
        if (r != CTL_OK)
                return r;

        r = sd_bus_message_new_method_call(ctl->bus, &call, BUS_NAME, BUS_PATH, BUS_INTERFACE, method);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(call, false);
        if (r >= 0 && !isempty(types)) {
                va_start(arguments, types);
                r = sd_bus_message_appendv(call, types, arguments);
                va_end(arguments);
        }
        if (r >= 0)
                r = sd_bus_call(ctl->bus, call, CALL_TIMEOUT, &error, &reply);
        if (r < 0)
                return ctl_bus_error(&error, r, false);

        if (ret_reply)
                *ret_reply = TAKE_PTR(reply);
        return CTL_OK;
}

/* ── properties ── */

typedef int (*PropertyReader)(sd_bus_message *m, Status *status);

static int read_text(sd_bus_message *m, char *ret, size_t size) {
        const char *text;
        int r;

        r = sd_bus_message_read(m, "s", &text);
        if (r >= 0)
                (void) printable(text, ret, size);
        return r;
}

#define DEFINE_TEXT_READER(name, member)                                     \
        static int read_##name(sd_bus_message *m, Status *status) {          \
                return read_text(m, status->member, sizeof(status->member)); \
        }                                                                    \
        struct swallow_the_semicolon

#define DEFINE_NUMBER_READER(name, type, member)                      \
        static int read_##name(sd_bus_message *m, Status *status) {   \
                return sd_bus_message_read(m, type, &status->member); \
        }                                                             \
        struct swallow_the_semicolon

/* A word of a newer daemon's is unknown here, not an error. */
#define DEFINE_WORD_READER(name, word, member)                      \
        static int read_##name(sd_bus_message *m, Status *status) { \
                char text[32];                                      \
                int r = read_text(m, text, sizeof(text));           \
                                                                    \
                if (r < 0)                                          \
                        return r;                                   \
                status->member = (__typeof__(status->member)) 0;    \
                (void) word##_from_string(text, &status->member);   \
                return 0;                                           \
        }                                                           \
        struct swallow_the_semicolon

DEFINE_WORD_READER(mode, networking_mode, mode);
DEFINE_WORD_READER(state, state, state);
DEFINE_WORD_READER(home_holder, holder, home_holder);
DEFINE_WORD_READER(mechanism, mechanism, mechanism);
DEFINE_TEXT_READER(reason, reason);
DEFINE_TEXT_READER(home_detail, home_detail);
DEFINE_TEXT_READER(unit, unit);
DEFINE_NUMBER_READER(home_port, "q", home_port);
DEFINE_NUMBER_READER(port, "q", port);
DEFINE_NUMBER_READER(pinned_sessions, "u", pinned_sessions);
DEFINE_NUMBER_READER(last_change, "t", last_change);

/* Status points to words that outlive it. */
static int read_listener_watch(sd_bus_message *m, Status *status) {
        static const char *const words[] = { "tracepoint", "timer", "none" };
        char text[32];
        int r = read_text(m, text, sizeof(text));

        if (r < 0)
                return r;
        status->listener_watch = NULL;
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(text, words[i]))
                        status->listener_watch = words[i];
        return 0;
}

static int read_listeners(sd_bus_message *m, Status *status) {
        const char *address, *holder, *unit;
        uint16_t port;
        int r;

        status->n_listeners = 0;
        memset(status->listeners, 0, sizeof(status->listeners));
        r = sd_bus_message_enter_container(m, 'a', "(sqss)");
        while (r >= 0 && (r = sd_bus_message_read(m, "(sqss)", &address, &port, &holder, &unit)) > 0) {
                StatusListener *listener;

                if (status->n_listeners == STATUS_LISTENERS_MAX)
                        continue;
                listener = &status->listeners[status->n_listeners++];
                listener->port = port;
                (void) holder_from_string(holder, &listener->holder);
                (void) printable(address, listener->address, sizeof(listener->address));
                (void) printable(unit, listener->unit, sizeof(listener->unit));
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_reachable(sd_bus_message *m, Status *status) {
        const char *address, *kind;
        int r;

        status->n_reachable = 0;
        memset(status->reachable, 0, sizeof(status->reachable));
        r = sd_bus_message_enter_container(m, 'a', "(ss)");
        while (r >= 0 && (r = sd_bus_message_read(m, "(ss)", &address, &kind)) > 0) {
                StatusAddress *to;

                if (status->n_reachable == STATUS_REACHABLE_MAX)
                        continue;
                to = &status->reachable[status->n_reachable++];
                (void) printable(address, to->address, sizeof(to->address));
                (void) address_kind_from_string(kind, &to->kind);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static const struct {
        const char *name, *type;
        PropertyReader read;
} properties[] = {
        { "NetworkingMode", "s", read_mode },
        { "State", "s", read_state },
        { "Reason", "s", read_reason },
        { "HomePort", "q", read_home_port },
        { "HomePortHolder", "s", read_home_holder },
        { "HomePortHolderDetail", "s", read_home_detail },
        { "Port", "q", read_port },
        { "Unit", "s", read_unit },
        { "Mechanism", "s", read_mechanism },
        { "Listeners", "a(sqss)", read_listeners },
        { "PinnedSessions", "u", read_pinned_sessions },
        { "Reachable", "a(ss)", read_reachable },
        { "ListenerWatch", "s", read_listener_watch },
        { "LastChangeUSec", "t", read_last_change },
};

static int read_property(sd_bus_message *m, Status *status) {
        const char *name, *type;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r >= 0)
                r = sd_bus_message_peek_type(m, NULL, &type);
        if (r < 0)
                return r;

        for (size_t i = 0; i < ELEMENTSOF(properties); i++) {
                if (!streq(name, properties[i].name) || !streq(type, properties[i].type))
                        continue;
                r = sd_bus_message_enter_container(m, 'v', type);
                if (r >= 0)
                        r = properties[i].read(m, status);
                return r < 0 ? r : sd_bus_message_exit_container(m);
        }
        return sd_bus_message_skip(m, "v");
}

int ctl_read_properties(sd_bus_message *m, Status *status) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_property(m, status);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int ctl_get_status(Ctl *ctl, bool quiet, Status *ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        Status status;
        int r;

        r = ctl_connect(ctl, quiet);
        if (r != CTL_OK)
                return r;

        memset(&status, 0, sizeof(status));
        r = sd_bus_message_new_method_call(ctl->bus, &call, BUS_NAME, BUS_PATH,
                                           "org.freedesktop.DBus.Properties", "GetAll");
        if (r >= 0)
                r = sd_bus_message_set_auto_start(call, false);
        if (r >= 0)
                r = sd_bus_message_append(call, "s", BUS_INTERFACE);
        if (r >= 0)
                r = sd_bus_call(ctl->bus, call, 0, &error, &reply);
        if (r >= 0)
                r = ctl_read_properties(reply, &status);
        if (r < 0)
                return ctl_bus_error(&error, r, quiet);

        *ret = status;
        return CTL_OK;
}
