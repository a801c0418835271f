/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager-bus.h"

#include "bus.h"
#include "config.h"

#define RETRY_FIRST (500 * USEC_PER_MSEC)
#define RETRY_MAX (30 * USEC_PER_SEC)

struct ManagerBus {
        sd_event *event;
        const Log *log;
        const Status *status;
        const ManagerBusHandlers *handlers;
        void *userdata;
        sd_bus *bus;
        sd_bus_slot *vtable_slot, *connected_slot, *disconnected_slot, *name_slot;
        sd_event_source *retry_source;
        usec_t retry_delay;
};

static void manager_bus_close(ManagerBus *b) {
        b->vtable_slot = sd_bus_slot_unref(b->vtable_slot);
        b->connected_slot = sd_bus_slot_unref(b->connected_slot);
        b->disconnected_slot = sd_bus_slot_unref(b->disconnected_slot);
        b->name_slot = sd_bus_slot_unref(b->name_slot);
        b->bus = bus_close(b->bus);
}

ManagerBus *manager_bus_free(ManagerBus *b) {
        if (!b)
                return NULL;

        sd_event_source_disable_unref(b->retry_source);
        manager_bus_close(b);
        free(b);
        return NULL;
}

int manager_bus_new(sd_event *event, const Log *log, const Status *status,
                    const ManagerBusHandlers *handlers, void *userdata, ManagerBus **ret) {
        ManagerBus *b = malloc(sizeof(*b));

        if (!b)
                return -ENOMEM;

        *b = (ManagerBus){
                .event = event,
                .log = log,
                .status = status,
                .handlers = handlers,
                .userdata = userdata,
                .retry_delay = RETRY_FIRST,
        };
        *ret = b;
        return 0;
}

static int manager_bus_on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        ManagerBus *b = userdata;

        (void) source, (void) usec;
        b->retry_source = sd_event_source_disable_unref(b->retry_source);
        manager_bus_connect(b);
        return 0;
}

static void manager_bus_retry(ManagerBus *b) {
        int r;

        b->retry_source = sd_event_source_disable_unref(b->retry_source);
        r = sd_event_add_time_relative(b->event, &b->retry_source, CLOCK_MONOTONIC, b->retry_delay, 0,
                                       manager_bus_on_retry, b);
        if (r < 0) {
                log_error_errno(b->log, r, "D-Bus: no further attempt to connect is possible");
                (void) sd_event_exit(b->event, r);
        }
        b->retry_delay = b->retry_delay * 2 < RETRY_MAX ? b->retry_delay * 2 : RETRY_MAX;
}

static int manager_bus_on_name(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        ManagerBus *b = userdata;
        uint32_t code;

        (void) error;
        if (sd_bus_message_is_method_error(m, NULL))
                log_message(b->log, LOG_WARNING, "D-Bus: the name %s is refused: %s", BUS_NAME,
                            sd_bus_message_get_error(m)->message);
        /* 1 and 4 (DBus specification): it is ours */
        else if (sd_bus_message_read(m, "u", &code) >= 0 && code != 1 && code != 4)
                log_message(b->log, LOG_WARNING, "D-Bus: another process has the name %s", BUS_NAME);
        return 0;
}

static int manager_bus_on_connected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        ManagerBus *b = userdata;

        (void) m, (void) error;
        b->retry_delay = RETRY_FIRST;
        b->handlers->on_bus(b->bus, b->userdata);
        return 0;
}

static int manager_bus_on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        ManagerBus *b = userdata;

        (void) m, (void) error;
        log_message(b->log, LOG_INFO, "D-Bus: the connection ended, trying again");
        b->handlers->on_bus(NULL, b->userdata);
        manager_bus_close(b);
        manager_bus_retry(b);
        return 0;
}

void manager_bus_changed(ManagerBus *b, const char *const names[]) {
        int r;

        if (!b->bus || sd_bus_is_ready(b->bus) <= 0)
                return;

        r = sd_bus_emit_properties_changed_strv(b->bus, BUS_PATH, BUS_INTERFACE, (char **) names);
        if (r < 0)
                log_error_errno(b->log, r, "D-Bus: a change could not be told");
}

/* A call that waits for the bus daemon to say who its caller is; then it is root's to be carried out. */
typedef struct Authorization Authorization;
typedef void (*AuthorizedCall)(ManagerBus *b, sd_bus_message *call);

struct Authorization {
        ManagerBus *bus;
        sd_bus_message *call;
        AuthorizedCall carry_out;
};

static void authorization_free(void *userdata) {
        Authorization *a = userdata;

        sd_bus_message_unref(a->call);
        free(a);
}

static int authorization_on_caller(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Authorization *a = userdata;
        uint32_t uid;

        (void) error;
        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "u", &uid) < 0 || uid != 0)
                (void) sd_bus_reply_method_errorf(a->call, SD_BUS_ERROR_ACCESS_DENIED,
                                                  "only root may do this");
        else
                a->carry_out(a->bus, a->call);
        return 0;
}

/* The bus policy lets only root get here; that is asked once more, in case somebody's policy is wider. */
static int for_root(ManagerBus *b, sd_bus_message *call, AuthorizedCall carry_out) {
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        Authorization *a;
        int r;

        a = malloc(sizeof(*a));
        if (!a)
                return -ENOMEM;
        *a = (Authorization){ .bus = b, .call = sd_bus_message_ref(call), .carry_out = carry_out };

        r = sd_bus_call_method_async(sd_bus_message_get_bus(call), &slot, "org.freedesktop.DBus",
                                     "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                     "GetConnectionUnixUser", authorization_on_caller, a, "s",
                                     sd_bus_message_get_sender(call));
        if (r < 0) {
                authorization_free(a);
                return r;
        }
        (void) sd_bus_slot_set_destroy_callback(slot, authorization_free);
        (void) sd_bus_slot_set_floating(slot, 1);
        return 1;
}

static void carry_out_reload(ManagerBus *b, sd_bus_message *call) {
        _cleanup_free_ char *error = NULL;

        if (b->handlers->reload(&error, b->userdata) < 0)
                (void) sd_bus_reply_method_errorf(call, BUS_ERROR("InvalidConfiguration"), "%s",
                                                  error ? error : "the configuration could not be read");
        else
                (void) sd_bus_reply_method_return(call, NULL);
}

static void carry_out_request(ManagerBus *b, sd_bus_message *call, Request request, uint16_t port) {
        if (b->handlers->request(request, port, call, b->userdata) < 0)
                (void) sd_bus_reply_method_errorf(call, BUS_ERROR("Busy"),
                                                  "another request is under way; try again");
}

static void carry_out_relocate(ManagerBus *b, sd_bus_message *call) {
        uint16_t port;

        if (sd_bus_message_read(call, "q", &port) < 0)
                (void) sd_bus_reply_method_errorf(call, SD_BUS_ERROR_INVALID_ARGS, "a port is wanted");
        else
                carry_out_request(b, call, REQUEST_RELOCATE, port);
}

static void carry_out_restore(ManagerBus *b, sd_bus_message *call) {
        carry_out_request(b, call, REQUEST_RESTORE, 0);
}

static int method_reload(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) error;
        return for_root(userdata, m, carry_out_reload);
}

static int method_relocate(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) error;
        return for_root(userdata, m, carry_out_relocate);
}

static int method_restore(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) error;
        return for_root(userdata, m, carry_out_restore);
}

static const Status *status_of(void *userdata) {
        return ((ManagerBus *) userdata)->status;
}

#define DEFINE_GETTER(name, type, expression)                                                            \
        static int property_##name(sd_bus *bus, const char *path, const char *interface,                 \
                                   const char *property, sd_bus_message *reply, void *userdata,          \
                                   sd_bus_error *error) {                                                \
                const Status *status = status_of(userdata);                                              \
                                                                                                         \
                (void) bus, (void) path, (void) interface, (void) property, (void) error, (void) status; \
                return sd_bus_message_append(reply, type, (expression));                                 \
        }                                                                                                \
        struct swallow_the_semicolon

DEFINE_GETTER(version, "s", PROJECT_VERSION);
DEFINE_GETTER(networking_mode, "s", networking_mode_to_string(status->mode));
DEFINE_GETTER(state, "s", state_to_string(status->state));
DEFINE_GETTER(reason, "s", status->reason);
DEFINE_GETTER(home_port, "q", status->home_port);
DEFINE_GETTER(home_port_holder, "s", holder_to_string(status->home_holder));
DEFINE_GETTER(home_port_holder_detail, "s", status->home_detail);
DEFINE_GETTER(port, "q", status->port);
DEFINE_GETTER(unit, "s", status->unit);
DEFINE_GETTER(mechanism, "s", mechanism_to_string(status->mechanism));
DEFINE_GETTER(pinned_sessions, "u", status->pinned_sessions);
DEFINE_GETTER(listener_watch, "s", status->listener_watch ? status->listener_watch : "none");
DEFINE_GETTER(last_change, "t", status->last_change);
DEFINE_GETTER(configuration_file, "s", CONFIG_FILE);

static int property_listeners(sd_bus *bus, const char *path, const char *interface, const char *property,
                              sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Status *status = status_of(userdata);
        int r;

        (void) bus, (void) path, (void) interface, (void) property, (void) error;
        r = sd_bus_message_open_container(reply, 'a', "(sqss)");
        for (size_t i = 0; i < status->n_listeners && r >= 0; i++)
                r = sd_bus_message_append(
                                reply, "(sqss)", status->listeners[i].address, status->listeners[i].port,
                                holder_to_string(status->listeners[i].holder), status->listeners[i].unit);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int property_reachable(sd_bus *bus, const char *path, const char *interface, const char *property,
                              sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Status *status = status_of(userdata);
        int r;

        (void) bus, (void) path, (void) interface, (void) property, (void) error;
        r = sd_bus_message_open_container(reply, 'a', "(ss)");
        for (size_t i = 0; i < status->n_reachable && r >= 0; i++)
                r = sd_bus_message_append(reply, "(ss)", status->reachable[i].address,
                                          address_kind_to_string(status->reachable[i].kind));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

#define PROPERTY(name, type, getter) \
        SD_BUS_PROPERTY(name, type, getter, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Version", "s", property_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        PROPERTY("NetworkingMode", "s", property_networking_mode),
        PROPERTY("State", "s", property_state),
        PROPERTY("Reason", "s", property_reason),
        PROPERTY("HomePort", "q", property_home_port),
        PROPERTY("HomePortHolder", "s", property_home_port_holder),
        PROPERTY("HomePortHolderDetail", "s", property_home_port_holder_detail),
        PROPERTY("Port", "q", property_port),
        PROPERTY("Unit", "s", property_unit),
        PROPERTY("Mechanism", "s", property_mechanism),
        PROPERTY("Listeners", "a(sqss)", property_listeners),
        PROPERTY("PinnedSessions", "u", property_pinned_sessions),
        PROPERTY("Reachable", "a(ss)", property_reachable),
        PROPERTY("ListenerWatch", "s", property_listener_watch),
        PROPERTY("LastChangeUSec", "t", property_last_change),
        SD_BUS_PROPERTY("ConfigurationFile", "s", property_configuration_file, 0,
                        SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_METHOD_WITH_ARGS("Relocate", SD_BUS_ARGS("q", port), SD_BUS_NO_RESULT, method_relocate,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Restore", NULL, NULL, method_restore, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Reload", NULL, NULL, method_reload, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static int manager_bus_set_up(ManagerBus *b) {
        int r;

        r = sd_bus_match_signal_async(b->bus, &b->connected_slot, "org.freedesktop.DBus.Local",
                                      "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                      "Connected", manager_bus_on_connected, NULL, b);
        if (r >= 0)
                r = sd_bus_match_signal_async(b->bus, &b->disconnected_slot, "org.freedesktop.DBus.Local",
                                              "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                              "Disconnected", manager_bus_on_disconnected, NULL, b);
        if (r >= 0)
                r = sd_bus_add_object_vtable(b->bus, &b->vtable_slot, BUS_PATH, BUS_INTERFACE,
                                             manager_vtable, b);
        if (r >= 0)
                r = sd_bus_request_name_async(b->bus, &b->name_slot, BUS_NAME, 0, manager_bus_on_name, b);
        return r;
}

void manager_bus_connect(ManagerBus *b) {
        int r;

        r = bus_open_system(b->event, &b->bus);
        if (r >= 0) {
                r = manager_bus_set_up(b);
                if (r >= 0)
                        return;
                manager_bus_close(b);
        }

        log_message(b->log, LOG_DEBUG, "D-Bus: not to be had yet: %s", strerrordesc_np(-r));
        manager_bus_retry(b);
}
