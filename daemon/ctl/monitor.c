/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/ctl.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <time.h>

#include "ctl/json.h"
#include "dbus/client.h"
#include "systemd/bus.h"

typedef struct Monitor {
        Ctl *ctl;
        sd_event *event;
        char owner[256]; /* the daemon's unique name on the bus; "" while it isn't there */
        Status status;
        char line[STATUS_LINE_SIZE]; /* the last that was printed */
} Monitor;

/* ── what is printed ── */

/* A full disk: nothing that follows would be seen either. */
static void monitor_check_output(Monitor *m) {
        if (ferror(stdout))
                (void) sd_event_exit(m->event, CTL_FAILED);
}

static void monitor_print(Monitor *m, Style style, const char *text) {
        time_t now = time(NULL);
        struct tm local;
        char clock[16] = "";

        if (localtime_r(&now, &local))
                (void) strftime(clock, sizeof(clock), "%H:%M:%S", &local);
        printf("%s%s%s  %s%s%s\n", ctl_style(m->ctl, STYLE_FAINT), clock, ctl_style(m->ctl, STYLE_PLAIN),
               ctl_style(m->ctl, style), text, style == STYLE_PLAIN ? "" : ctl_style(m->ctl, STYLE_PLAIN));
        monitor_check_output(m);
}

/* An event without more to say about it, and the beginning of one that has. */
static json_object *event_object(const char *name) {
        _cleanup_json_ json_object *object = json_object_new_object();

        return ctl_json_add_text(object, "Event", name) ? TAKE_PTR(object) : NULL;
}

/* Takes @object over; not @complete: there was no memory for all of it. */
static void monitor_print_object(Monitor *m, json_object *object, bool complete) {
        if (!complete) {
                json_object_put(object);
                object = NULL;
        }
        (void) ctl_json_print(object);
        monitor_check_output(m);
}

static void monitor_print_event(Monitor *m, const char *name, Style style, const char *text) {
        if (m->ctl->json)
                monitor_print_object(m, event_object(name), true);
        else
                monitor_print(m, style, text);
}

static Style style_of(const Status *status) {
        switch (status->state) {
        case STATE_CLEAR:
        case STATE_RELOCATED:
                return STYLE_GOOD;
        case STATE_CONFLICT:
        case STATE_BLOCKED:
                return STYLE_BAD;
        case STATE_UNKNOWN:
        case STATE_UNMANAGED:
        case _STATE_MAX:
        default:
                return STYLE_PLAIN;
        }
}

static void monitor_print_status(Monitor *m) {
        if (m->ctl->json) {
                json_object *object = event_object("Status");

                monitor_print_object(m, object, ctl_json_add(object, "Status", ctl_json_status(&m->status)));
                return;
        }

        status_line(&m->status, m->line);
        monitor_print(m, style_of(&m->status), m->line);
}

/* The line says the most important; what else has changed is named. */
static void monitor_print_changes(Monitor *m, const Status *old) {
        const char *names[STATUS_CHANGES_MAX];
        char line[STATUS_LINE_SIZE], text[512] = "also changed:";
        size_t used = strlen(text);

        if (status_changes(old, &m->status, names) == 0)
                return;

        status_line(&m->status, line);
        if (m->ctl->json || !streq(line, m->line)) {
                monitor_print_status(m);
                return;
        }
        for (size_t i = 0; names[i] && used < sizeof(text); i++)
                used += (size_t) snprintf(text + used, sizeof(text) - used, " %s", names[i]);
        monitor_print(m, STYLE_FAINT, text);
}

/* ── what comes from the bus ── */

/* Anybody may send us a signal of any name. */
static bool is_from_daemon(Monitor *m, sd_bus_message *message) {
        return !isempty(m->owner) && streq(strempty(sd_bus_message_get_sender(message)), m->owner);
}

static int on_properties_changed(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Monitor *m = userdata;
        const char *interface;
        Status old = m->status;

        (void) error;
        if (!is_from_daemon(m, message) || sd_bus_message_read(message, "s", &interface) < 0 ||
            !streq(interface, BUS_INTERFACE) || client_read_properties(message, &m->status) < 0)
                return 0;
        monitor_print_changes(m, &old);
        return 0;
}

static int on_conflict(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Monitor *m = userdata;
        const char *word, *detail;
        PortFact fact = { 0 };
        char text[200], clean[200];
        json_object *object;
        bool complete;

        (void) error;
        if (!is_from_daemon(m, message) ||
            sd_bus_message_read(message, "qss", &fact.port, &word, &detail) < 0)
                return 0;
        (void) holder_from_string(word, &fact.holder);
        printable(detail, fact.detail, sizeof(fact.detail));

        if (m->ctl->json) {
                object = event_object("Conflict");
                complete = ctl_json_add_number(object, "Port", fact.port) &&
                           ctl_json_add_text(object, "Holder", holder_to_string(fact.holder)) &&
                           ctl_json_add_text(object, "Detail", fact.detail);
                monitor_print_object(m, object, complete);
                return 0;
        }
        port_fact_describe(&fact, clean, sizeof(clean));
        snprintf(text, sizeof(text), "conflict: %.180s", clean);
        monitor_print(m, STYLE_BAD, text);
        return 0;
}

static int on_relocated(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Monitor *m = userdata;
        uint16_t from, to;
        char text[64];
        json_object *object;
        bool complete;

        (void) error;
        if (!is_from_daemon(m, message) || sd_bus_message_read(message, "qq", &from, &to) < 0)
                return 0;

        if (m->ctl->json) {
                object = event_object("Relocated");
                complete = ctl_json_add_number(object, "From", from) && ctl_json_add_number(object, "To", to);
                monitor_print_object(m, object, complete);
                return 0;
        }
        snprintf(text, sizeof(text), "relocated: from %u to %u", from, to);
        monitor_print(m, STYLE_STRONG, text);
        return 0;
}

static int on_restored(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Monitor *m = userdata;
        uint16_t port;
        char text[64];
        json_object *object;

        (void) error;
        if (!is_from_daemon(m, message) || sd_bus_message_read(message, "q", &port) < 0)
                return 0;

        if (m->ctl->json) {
                object = event_object("Restored");
                monitor_print_object(m, object, ctl_json_add_number(object, "Port", port));
                return 0;
        }
        snprintf(text, sizeof(text), "restored: back on %u", port);
        monitor_print(m, STYLE_STRONG, text);
        return 0;
}

static int on_all_properties(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Monitor *m = userdata;
        Status status;

        (void) error;
        memset(&status, 0, sizeof(status));
        if (sd_bus_message_is_method_error(message, NULL) || client_read_properties(message, &status) < 0)
                return 0; /* it has gone again, and the next one will be asked */
        m->status = status;
        monitor_print_status(m);
        return 0;
}

static int on_name_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Monitor *m = userdata;
        const char *name, *old, *new;

        (void) error;
        if (sd_bus_message_read(message, "sss", &name, &old, &new) < 0 || !streq(name, BUS_NAME))
                return 0;

        snprintf(m->owner, sizeof(m->owner), "%s", new);
        if (isempty(new)) {
                monitor_print_event(m, "Stopped", STYLE_BAD,
                                    "wslportd has ended; waiting for it to come back");
                return 0;
        }
        monitor_print_event(m, "Started", STYLE_PLAIN, "wslportd is there again");
        (void) sd_bus_call_method_async(m->ctl->bus, NULL, BUS_NAME, BUS_PATH,
                                        "org.freedesktop.DBus.Properties", "GetAll", on_all_properties, m,
                                        "s", BUS_INTERFACE);
        return 0;
}

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Monitor *m = userdata;

        (void) message, (void) error;
        return sd_event_exit(m->event, ctl_error(CTL_NOT_RUNNING, "the system bus has ended"));
}

static int on_reader_gone(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Monitor *m = userdata;

        (void) source, (void) fd, (void) revents;
        return sd_event_exit(m->event, CTL_OK);
}

/* ── its set-up ── */

static int monitor_subscribe(Monitor *m) {
        static const struct {
                const char *sender, *path, *interface, *member;
                sd_bus_message_handler_t handler;
        } signals[] = {
                { BUS_NAME, BUS_PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged",
                  on_properties_changed },
                { BUS_NAME, BUS_PATH, BUS_INTERFACE, "Conflict", on_conflict },
                { BUS_NAME, BUS_PATH, BUS_INTERFACE, "Relocated", on_relocated },
                { BUS_NAME, BUS_PATH, BUS_INTERFACE, "Restored", on_restored },
                { "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                  "Disconnected", on_disconnected },
        };
        int r;

        r = sd_bus_add_match(m->ctl->bus, NULL,
                             "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                             "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" BUS_NAME
                             "'",
                             on_name_owner_changed, m);
        for (size_t i = 0; i < ELEMENTSOF(signals) && r >= 0; i++)
                r = sd_bus_match_signal(m->ctl->bus, NULL, signals[i].sender, signals[i].path,
                                        signals[i].interface, signals[i].member, signals[i].handler, m);
        return r;
}

static int monitor_set_up_event(Monitor *m) {
        static const int endings[] = { SIGINT, SIGTERM };
        sigset_t set;
        int r;

        r = sd_event_new(&m->event);
        if (r < 0)
                return r;

        sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(endings); i++)
                sigaddset(&set, endings[i]);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        for (size_t i = 0; i < ELEMENTSOF(endings) && r >= 0; i++) /* without a handler: they end the loop */
                r = sd_event_add_signal(m->event, NULL, endings[i], NULL, NULL);
        if (r < 0)
                return r;

        /* Where the reader of a pipe goes away, nothing need be written to see it. Files can't be watched. */
        r = sd_event_add_io(m->event, NULL, STDOUT_FILENO, EPOLLERR, on_reader_gone, m);
        if (r < 0 && r != -EPERM)
                return r;
        return sd_bus_attach_event(m->ctl->bus, m->event, SD_EVENT_PRIORITY_NORMAL);
}

static int monitor_find_owner(Monitor *m) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *owner;

        if (sd_bus_call_method(m->ctl->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                               "org.freedesktop.DBus", "GetNameOwner", NULL, &reply, "s", BUS_NAME) >= 0 &&
            sd_bus_message_read(reply, "s", &owner) >= 0)
                snprintf(m->owner, sizeof(m->owner), "%s", owner);
        return ctl_get_status(m->ctl, &m->status);
}

int verb_monitor(Ctl *ctl, int argc, char *argv[]) {
        Monitor m = { .ctl = ctl };
        int r;

        r = ctl_check_arguments(argc, argv, 0);
        if (r == CTL_OK)
                r = ctl_connect(ctl, false);
        if (r != CTL_OK)
                return r;

        r = monitor_subscribe(&m);
        if (r < 0)
                return ctl_error(CTL_FAILED, "the bus lets nobody listen: %s", strerrordesc_np(-r));
        r = monitor_find_owner(&m);
        if (r != CTL_OK)
                return r;

        (void) setvbuf(stdout, NULL, _IOLBF, 0);
        r = monitor_set_up_event(&m);
        if (r >= 0) {
                monitor_print_status(&m);
                r = sd_event_loop(m.event);
        }
        (void) sd_bus_detach_event(ctl->bus);
        sd_event_unref(m.event);
        return r < 0 ? ctl_error(CTL_FAILED, "%s", strerrordesc_np(-r)) : r;
}
