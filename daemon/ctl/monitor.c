/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/epoll.h>

#include "ctl/json.h"
#include "dbus/client.h"
#include "systemd/bus.h"

typedef struct Monitor {
        Ctl *ctl;
        sd_event *event;
        char owner[256]; /* the daemon's unique name on the bus; "" while it isn't running */
        Status status;
        char line[STATUS_LINE_SIZE]; /* the line of the status that was printed last */
} Monitor;

/* ── output ── */

static json_object *new_event(const char *name) {
        json_object *event = json_object_new_object();

        ctl_json_add_text(event, "Event", name);
        return event;
}

/* Prints @event with --json, else the time and @text; NULL: people have read it already. Takes @event over. */
static void monitor_print(Monitor *m, json_object *event, Style style, const char *text) {
        char clock[16] = "";
        time_t now = time(NULL);
        struct tm local;

        if (m->ctl->line.options[OPTION_JSON])
                ctl_json_print(json_object_get(event));
        else if (text) {
                if (localtime_r(&now, &local))
                        (void) strftime(clock, sizeof(clock), "%H:%M:%S", &local);
                printf("%s%s%s  %s", ctl_style(m->ctl, STYLE_FAINT), clock, ctl_style(m->ctl, STYLE_PLAIN),
                       ctl_style(m->ctl, style));
                wrap_text(stdout, text, 10, m->ctl->columns, WRAP_NEVER);
                fputs(ctl_style(m->ctl, STYLE_PLAIN), stdout);
        }
        json_object_put(event);

        /* On a full disk nothing more would be seen. */
        if (fflush(stdout) != 0)
                (void) sd_event_exit(m->event, CTL_FAILED);
}

/* People read a line for the status, and only if that line has changed. It tells of each move, too. */
static void monitor_print_status(Monitor *m) {
        json_object *event = new_event("Status");
        char old[STATUS_LINE_SIZE];

        json_object_object_add(event, "Status", ctl_json_status(&m->status));
        memcpy(old, m->line, sizeof(old));
        status_line(&m->status, m->line);
        monitor_print(m, event, picture_style(m->status.state), streq(m->line, old) ? NULL : m->line);
}

/* ── signals ── */

static void monitor_on_properties_changed(Monitor *m, sd_bus_message *message) {
        const char *interface, *names[STATUS_CHANGES_MAX];
        Status old = m->status;

        if (sd_bus_message_read(message, "s", &interface) >= 0 && streq(interface, BUS_INTERFACE) &&
            client_read_properties(message, &m->status) >= 0 && status_changes(&old, &m->status, names) > 0)
                monitor_print_status(m);
}

/* People read the same in the line of the status. */
static void monitor_on_event(Monitor *m, sd_bus_message *message, const char *types,
                             const char *const keys[]) {
        json_object *event = new_event(sd_bus_message_get_member(message));
        char clean[80];
        const char *text;
        uint16_t port;

        for (size_t i = 0; types[i]; i++)
                if (types[i] == 'q' && sd_bus_message_read(message, "q", &port) > 0)
                        ctl_json_add_number(event, keys[i], port);
                else if (types[i] == 's' && sd_bus_message_read(message, "s", &text) > 0)
                        ctl_json_add_text(event, keys[i], printable(text, clean, sizeof(clean)));
        monitor_print(m, event, STYLE_PLAIN, NULL);
}

static int on_signal(sd_bus_message *message, void *userdata, sd_bus_error *) {
        static const struct {
                const char *member, *types, *keys[3];
        } signals[] = {
                { "Conflict", "qss", { "Port", "Holder", "Detail" } },
                { "Relocated", "qq", { "From", "To" } },
                { "Restored", "q", { "Port" } },
        };
        Monitor *m = userdata;

        /* Any program on the bus may send us signals of these names. */
        if (isempty(m->owner) || !streq(strempty(sd_bus_message_get_sender(message)), m->owner))
                return 0;
        if (streq(sd_bus_message_get_member(message), "PropertiesChanged"))
                monitor_on_properties_changed(m, message);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                if (streq(sd_bus_message_get_member(message), signals[i].member) &&
                    sd_bus_message_has_signature(message, signals[i].types))
                        monitor_on_event(m, message, signals[i].types, signals[i].keys);
        return 0;
}

static int on_name_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *) {
        Monitor *m = userdata;
        const char *name, *old, *new;

        if (sd_bus_message_read(message, "sss", &name, &old, &new) < 0 || !streq(name, BUS_NAME))
                return 0;

        snprintf(m->owner, sizeof(m->owner), "%s", new);
        if (isempty(new)) {
                monitor_print(m, new_event("Stopped"), STYLE_BAD,
                              "wslportd has ended; waiting until it is started again");
                return 0;
        }
        monitor_print(m, new_event("Started"), STYLE_PLAIN, "wslportd is running again");
        m->line[0] = '\0';
        if (client_get_status(m->ctl->bus, NULL, &m->status) >= 0) /* else it has ended again */
                monitor_print_status(m);
        return 0;
}

static int on_disconnected(sd_bus_message *, void *userdata, sd_bus_error *) {
        Monitor *m = userdata;

        return sd_event_exit(m->event,
                             ctl_error(CTL_NOT_RUNNING, "the system bus has ended the connection"));
}

/* ── set-up ── */

static int monitor_subscribe(Monitor *m) {
        int r;

        r = sd_bus_add_match(m->ctl->bus, NULL,
                             "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                             "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" BUS_NAME
                             "'",
                             on_name_owner_changed, m);
        if (r >= 0)
                r = sd_bus_match_signal(m->ctl->bus, NULL, BUS_NAME, BUS_PATH, NULL, NULL, on_signal, m);
        if (r >= 0)
                r = sd_bus_match_signal(m->ctl->bus, NULL, "org.freedesktop.DBus.Local",
                                        "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                        "Disconnected", on_disconnected, m);
        return r;
}

static int monitor_set_up_event(Monitor *m) {
        int r;

        (void) block_signals((const int[]){ SIGINT, SIGTERM, 0 });
        r = sd_event_new(&m->event);
        if (r >= 0)
                r = sd_event_add_signal(m->event, NULL, SIGINT, NULL, NULL); /* NULL: it ends the loop */
        if (r >= 0)
                r = sd_event_add_signal(m->event, NULL, SIGTERM, NULL, NULL);
        if (r < 0)
                return r;

        /* Without a handler the loop ends as soon as the reader of a pipe has gone, not at the next line. -EPERM: a
         * file can't be watched. */
        r = sd_event_add_io(m->event, NULL, STDOUT_FILENO, EPOLLERR, NULL, NULL);
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

int verb_monitor(Ctl *ctl) {
        Monitor m = { .ctl = ctl };
        int r;

        r = ctl_connect(ctl);
        if (r != CTL_OK)
                return r;

        r = monitor_subscribe(&m);
        if (r < 0)
                return ctl_error(CTL_FAILED, "can't subscribe to signals: %s", strerrordesc_np(-r));
        r = monitor_find_owner(&m);
        if (r != CTL_OK)
                return r;

        r = monitor_set_up_event(&m);
        if (r >= 0) {
                monitor_print_status(&m);
                r = sd_event_loop(m.event);
        }
        (void) sd_bus_detach_event(ctl->bus);
        sd_event_unref(m.event);
        return r < 0 ? ctl_error(CTL_FAILED, "%s", strerrordesc_np(-r)) : r;
}
