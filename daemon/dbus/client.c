/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/client.h"

#include "base/printable.h"
#include "systemd/bus.h"

static int read_text(sd_bus_message *m, char *ret, size_t size) {
        const char *text;
        int r;

        r = sd_bus_message_read(m, "s", &text);
        if (r >= 0)
                (void) printable(text, ret, size);
        return r;
}

#define DEFINE_WORD_READER(member, word)                              \
        static int read_##member(sd_bus_message *m, Status *status) { \
                char text[32];                                        \
                int r = read_text(m, text, sizeof(text));             \
                                                                      \
                if (r < 0)                                            \
                        return r;                                     \
                status->member = (__typeof__(status->member)) 0;      \
                (void) word##_from_string(text, &status->member);     \
                return 0;                                             \
        }                                                             \
        struct swallow_the_semicolon

DEFINE_WORD_READER(mode, networking_mode);
DEFINE_WORD_READER(state, state);
DEFINE_WORD_READER(cause, cause);
DEFINE_WORD_READER(home_holder, holder);
DEFINE_WORD_READER(mechanism, mechanism);
DEFINE_WORD_READER(last_bind, bind_answer);

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

#define MEMBER(member) .offset = offsetof(Status, member), .size = sizeof(((Status *) NULL)->member)

typedef struct Property {
        const char *name, *type;
        /* NULL: the text or number itself goes to .offset of Status, where there are .size bytes for it. */
        int (*read)(sd_bus_message *m, Status *status);
        size_t offset, size;
} Property;

static const Property properties[] = {
        { "Version", "s", MEMBER(version) },
        { "NetworkingMode", "s", .read = read_mode },
        { "State", "s", .read = read_state },
        { "Cause", "s", .read = read_cause },
        { "Reason", "s", MEMBER(reason) },
        { "HomePort", "q", MEMBER(home_port) },
        { "HomePortHolder", "s", .read = read_home_holder },
        { "HomePortHolderDetail", "s", MEMBER(home_detail) },
        { "Port", "q", MEMBER(port) },
        { "Unit", "s", MEMBER(unit) },
        { "Mechanism", "s", .read = read_mechanism },
        { "Listeners", "a(sqss)", .read = read_listeners },
        { "PinnedSessions", "u", MEMBER(pinned_sessions) },
        { "Reachable", "a(ss)", .read = read_reachable },
        { "ListenerWatch", "s", MEMBER(listener_watch) },
        { "LastBind", "s", .read = read_last_bind },
        { "LastChangeUSec", "t", MEMBER(last_change) },
};

static int read_value(sd_bus_message *m, const Property *property, Status *status) {
        char *member = (char *) status + property->offset;

        if (property->read)
                return property->read(m, status);
        if (property->type[0] == 's')
                return read_text(m, member, property->size);
        return sd_bus_message_read_basic(m, property->type[0], member);
}

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
                        r = read_value(m, &properties[i], status);
                return r < 0 ? r : sd_bus_message_exit_container(m);
        }
        return sd_bus_message_skip(m, "v");
}

int client_read_properties(sd_bus_message *m, Status *status) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_property(m, status);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? r : 0;
}

int client_get_status(sd_bus *bus, sd_bus_error *error, Status *ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Status status;
        int r;

        memset(&status, 0, sizeof(status));
        r = sd_bus_call_method(bus, BUS_NAME, BUS_PATH, "org.freedesktop.DBus.Properties", "GetAll", error,
                               &reply, "s", BUS_INTERFACE);
        if (r >= 0)
                r = client_read_properties(reply, &status);
        if (r < 0)
                return r;

        *ret = status;
        return 0;
}
