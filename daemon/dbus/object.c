/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/object.h"

#include "dbus/announce.h"
#include "dbus/authorize.h"
#include "systemd/bus.h"
#include "dbus/client-config.h"
#include "core/config.h"
#include "diagnose/diagnosis.h"
#include "windows/firewall.h"
#include "dbus/log-control.h"

/* The longest name of DNS (RFC 1035, 2.3.4); one in a client's configuration has no limit. */
#define CLIENT_HOST_MAX 253

/* polkit's actions, of units/org.wslport1.policy */
#define ACTION(name) "org.wslport1." name

#define RETRY_FIRST (500 * USEC_PER_MSEC)
#define RETRY_MAX (30 * USEC_PER_SEC)

struct BusObject {
        sd_event *event;
        Log *log;
        const Status *status;
        const BusObjectHandlers *handlers;
        void *userdata;
        Authorizer *authorizer;
        Announcer *announcer;
        Diagnosis *diagnosis;
        LogControl *log_control;
        sd_bus *bus;
        sd_bus_slot *vtable_slot, *connected_slot, *disconnected_slot, *name_slot;
        sd_event_source *retry_source;
        usec_t retry_delay;
};

static void bus_object_close(BusObject *b) {
        /* Calls that are held keep the bus they came by, which would never end. */
        if (b->authorizer)
                authorizer_forget(b->authorizer);
        if (b->diagnosis)
                diagnosis_forget(b->diagnosis);
        if (b->announcer)
                announcer_forget(b->announcer);
        if (b->log_control)
                (void) log_control_attach(b->log_control, NULL);
        b->vtable_slot = sd_bus_slot_unref(b->vtable_slot);
        b->connected_slot = sd_bus_slot_unref(b->connected_slot);
        b->disconnected_slot = sd_bus_slot_unref(b->disconnected_slot);
        b->name_slot = sd_bus_slot_unref(b->name_slot);
        b->bus = bus_close(b->bus);
}

BusObject *bus_object_free(BusObject *b) {
        if (!b)
                return NULL;

        sd_event_source_disable_unref(b->retry_source);
        bus_object_close(b);
        log_control_free(b->log_control);
        diagnosis_free(b->diagnosis);
        announcer_free(b->announcer);
        authorizer_free(b->authorizer);
        free(b);
        return NULL;
}

static void bus_object_on_announce(const char *const names[], void *userdata) {
        BusObject *b = userdata;
        int r;

        if (!b->bus || sd_bus_is_ready(b->bus) <= 0)
                return;

        r = sd_bus_emit_properties_changed_strv(b->bus, BUS_PATH, BUS_INTERFACE, (char **) names);
        if (r < 0)
                log_error_errno(b->log, r, "D-Bus: a change could not be told");
}

int bus_object_new(sd_event *event, Log *log, const Status *status, const BusObjectHandlers *handlers,
                    void *userdata, BusObject **ret) {
        _cleanup_(bus_object_freep) BusObject *b = malloc(sizeof(*b));
        int r;

        if (!b)
                return -ENOMEM;

        *b = (BusObject){
                .event = event,
                .log = log,
                .status = status,
                .handlers = handlers,
                .userdata = userdata,
                .retry_delay = RETRY_FIRST,
        };

        r = authorizer_new(&b->authorizer);
        if (r >= 0)
                r = announcer_new(event, bus_object_on_announce, b, &b->announcer);
        if (r >= 0)
                r = diagnosis_new(event, log, &b->diagnosis);
        if (r >= 0)
                r = log_control_new(log, b->authorizer, ACTION("reload"), &b->log_control);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(b);
        return 0;
}

static void bus_object_request_name(BusObject *b);

static int bus_object_on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        BusObject *b = userdata;

        (void) source, (void) usec;
        b->retry_source = sd_event_source_disable_unref(b->retry_source);
        if (b->bus)
                bus_object_request_name(b);
        else
                bus_object_connect(b);
        return 0;
}

static void bus_object_retry(BusObject *b) {
        int r;

        b->retry_source = sd_event_source_disable_unref(b->retry_source);
        r = sd_event_add_time_relative(b->event, &b->retry_source, CLOCK_MONOTONIC, b->retry_delay, 0,
                                       bus_object_on_retry, b);
        if (r < 0) {
                log_error_errno(b->log, r, "D-Bus: no further attempt to connect is possible");
                (void) sd_event_exit(b->event, r);
        }
        b->retry_delay = b->retry_delay * 2 < RETRY_MAX ? b->retry_delay * 2 : RETRY_MAX;
}

static int bus_object_on_name(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        BusObject *b = userdata;
        uint32_t code;

        (void) error;
        if (sd_bus_message_is_method_error(m, NULL)) {
                /* The bus daemon may not have read our policy yet. */
                log_message(b->log, LOG_WARNING, "D-Bus: the name %s is refused, trying again: %s", BUS_NAME,
                            sd_bus_message_get_error(m)->message);
                bus_object_retry(b);
        }
        /* 1 and 4 (DBus specification): it is ours */
        else if (sd_bus_message_read(m, "u", &code) >= 0 && code != 1 && code != 4)
                log_message(b->log, LOG_WARNING,
                            "D-Bus: another process has the name %s, it is ours after that", BUS_NAME);
        return 0;
}

static void bus_object_request_name(BusObject *b) {
        int r;

        b->name_slot = sd_bus_slot_unref(b->name_slot);
        r = sd_bus_request_name_async(b->bus, &b->name_slot, BUS_NAME, SD_BUS_NAME_QUEUE,
                                      bus_object_on_name, b);
        if (r < 0) {
                log_error_errno(b->log, r, "D-Bus: the name %s could not be asked for, trying again", BUS_NAME);
                bus_object_retry(b);
        }
}

static int bus_object_on_connected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        BusObject *b = userdata;

        (void) m, (void) error;
        b->retry_delay = RETRY_FIRST;
        b->handlers->on_bus(b->bus, b->userdata);
        return 0;
}

static int bus_object_on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        BusObject *b = userdata;

        (void) m, (void) error;
        log_message(b->log, LOG_INFO, "D-Bus: the connection ended, trying again");
        b->handlers->on_bus(NULL, b->userdata);
        bus_object_close(b);
        bus_object_retry(b);
        return 0;
}

void bus_object_changed(BusObject *b, const char *const names[]) {
        int r;

        if (!b->bus || sd_bus_is_ready(b->bus) <= 0)
                return;

        r = announcer_add(b->announcer, names);
        if (r < 0)
                log_error_errno(b->log, r, "D-Bus: changes could not be gathered");
}

static void bus_object_emitted(BusObject *b, const char *signal, int r) {
        if (r < 0 && r != -ENOTCONN)
                log_error_errno(b->log, r, "D-Bus: the signal %s could not be sent", signal);
}

void bus_object_conflict(BusObject *b, uint16_t port, Holder holder, const char *detail) {
        if (b->bus)
                bus_object_emitted(b, "Conflict",
                                    sd_bus_emit_signal(b->bus, BUS_PATH, BUS_INTERFACE, "Conflict", "qss",
                                                       port, holder_to_string(holder), detail));
}

void bus_object_relocated(BusObject *b, uint16_t from, uint16_t to) {
        if (b->bus)
                bus_object_emitted(b, "Relocated",
                                    sd_bus_emit_signal(b->bus, BUS_PATH, BUS_INTERFACE, "Relocated", "qq",
                                                       from, to));
}

void bus_object_restored(BusObject *b, uint16_t port) {
        if (b->bus)
                bus_object_emitted(
                                b, "Restored",
                                sd_bus_emit_signal(b->bus, BUS_PATH, BUS_INTERFACE, "Restored", "q", port));
}

static void carry_out_reload(sd_bus_message *call, void *userdata) {
        BusObject *b = userdata;
        _cleanup_free_ char *error = NULL;

        if (b->handlers->reload(&error, b->userdata) < 0)
                (void) sd_bus_reply_method_errorf(call, BUS_ERROR_INVALID_CONFIGURATION, "%s",
                                                  error ? error : "the configuration could not be read");
        else
                (void) sd_bus_reply_method_return(call, NULL);
}

static void carry_out_request(BusObject *b, sd_bus_message *call, Request request, uint16_t port) {
        if (b->handlers->request(request, port, call, b->userdata) < 0)
                (void) sd_bus_reply_method_errorf(call, BUS_ERROR_BUSY,
                                                  "another request is under way; try again");
}

static void carry_out_probe(sd_bus_message *call, void *userdata) {
        carry_out_request(userdata, call, REQUEST_PROBE, 0);
}

static void carry_out_relocate(sd_bus_message *call, void *userdata) {
        uint16_t port;

        if (sd_bus_message_read(call, "q", &port) < 0)
                (void) sd_bus_reply_method_errorf(call, SD_BUS_ERROR_INVALID_ARGS, "a port is wanted");
        else
                carry_out_request(userdata, call, REQUEST_RELOCATE, port);
}

static void carry_out_restore(sd_bus_message *call, void *userdata) {
        carry_out_request(userdata, call, REQUEST_RESTORE, 0);
}

static int method_probe(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        BusObject *b = userdata;

        (void) error;
        return authorizer_ask(b->authorizer, m, ACTION("probe"), carry_out_probe, b);
}

static int method_relocate(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        BusObject *b = userdata;

        (void) error;
        return authorizer_ask(b->authorizer, m, ACTION("relocate"), carry_out_relocate, b);
}

static int method_restore(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        BusObject *b = userdata;

        (void) error;
        return authorizer_ask(b->authorizer, m, ACTION("restore"), carry_out_restore, b);
}

static int method_reload(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        BusObject *b = userdata;

        (void) error;
        return authorizer_ask(b->authorizer, m, ACTION("reload"), carry_out_reload, b);
}

static int method_diagnose(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        BusObject *b = userdata;

        (void) error;
        return diagnosis_answer(b->diagnosis, m);
}

/* For a text about the port that sshd has. Returns 0, or what the refusal returned. */
static int refuse_without_port(const BusObject *b, sd_bus_message *m) {
        if (b->status->port != 0)
                return 0;
        return sd_bus_reply_method_errorf(m, BUS_ERROR_NOT_POSSIBLE, "sshd does not listen: %s",
                                          b->status->reason);
}

static int method_get_firewall_rules(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const BusObject *b = userdata;
        char text[FIREWALL_TEXT_SIZE];
        FirewallScope scope;
        const char *word;
        int r;

        (void) error;
        r = sd_bus_message_read(m, "s", &word);
        if (r < 0)
                return r;
        if (firewall_scope_from_string(word, &scope) < 0)
                return sd_bus_reply_method_errorf(m, BUS_ERROR_INVALID_ARGUMENT,
                                                  "scope is lan, tailscale or any");
        r = refuse_without_port(b, m);
        if (r != 0)
                return r;

        firewall_render(scope, b->status->port, text);
        return sd_bus_reply_method_return(m, "s", text);
}

static int method_get_client_config(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const BusObject *b = userdata;
        ClientAddress addresses[STATUS_REACHABLE_MAX];
        ClientConfig config = { .addresses = addresses };
        char text[CLIENT_CONFIG_SIZE];
        int r;

        (void) error;
        r = sd_bus_message_read(m, "s", &config.host);
        if (r < 0)
                return r;
        r = refuse_without_port(b, m);
        if (r != 0)
                return r;

        config.port = b->status->port;
        config.mode = b->status->mode;
        for (; config.n_addresses < b->status->n_reachable; config.n_addresses++)
                addresses[config.n_addresses] = (ClientAddress){
                        .address = b->status->reachable[config.n_addresses].address,
                        .kind = b->status->reachable[config.n_addresses].kind,
                };
        r = strlen(config.host) > CLIENT_HOST_MAX ? -EINVAL
                                                  : client_config_render(&config, text, sizeof(text));
        if (r == -EINVAL)
                return sd_bus_reply_method_errorf(
                                m, BUS_ERROR_INVALID_ARGUMENT,
                                "host is of letters, digits, \".\", \"-\" and \"_\", of %d at the most; "
                                "empty: wsl",
                                CLIENT_HOST_MAX);
        if (r < 0)
                return sd_bus_reply_method_errorf(m, BUS_ERROR_NOT_POSSIBLE, "%s", strerrordesc_np(-r));
        return sd_bus_reply_method_return(m, "s", text);
}

static const Status *status_of(void *userdata) {
        return ((BusObject *) userdata)->status;
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
        SD_BUS_METHOD("Probe", NULL, NULL, method_probe, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Relocate", SD_BUS_ARGS("q", port), SD_BUS_NO_RESULT, method_relocate,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Restore", NULL, NULL, method_restore, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Reload", NULL, NULL, method_reload, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Diagnose", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssss)", checks),
                                method_diagnose, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetFirewallRules", SD_BUS_ARGS("s", scope), SD_BUS_RESULT("s", rules),
                                method_get_firewall_rules, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetClientConfig", SD_BUS_ARGS("s", host), SD_BUS_RESULT("s", config),
                                method_get_client_config, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("Conflict", SD_BUS_ARGS("q", port, "s", holder, "s", detail), 0),
        SD_BUS_SIGNAL_WITH_ARGS("Relocated", SD_BUS_ARGS("q", from, "q", to), 0),
        SD_BUS_SIGNAL_WITH_ARGS("Restored", SD_BUS_ARGS("q", port), 0),
        SD_BUS_VTABLE_END,
};

static int bus_object_set_up(BusObject *b) {
        int r;

        r = sd_bus_match_signal_async(b->bus, &b->connected_slot, "org.freedesktop.DBus.Local",
                                      "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                      "Connected", bus_object_on_connected, NULL, b);
        if (r >= 0)
                r = sd_bus_match_signal_async(b->bus, &b->disconnected_slot, "org.freedesktop.DBus.Local",
                                              "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                              "Disconnected", bus_object_on_disconnected, NULL, b);
        if (r >= 0)
                r = sd_bus_add_object_vtable(b->bus, &b->vtable_slot, BUS_PATH, BUS_INTERFACE,
                                             manager_vtable, b);
        if (r >= 0)
                r = log_control_attach(b->log_control, b->bus);
        if (r >= 0)
                bus_object_request_name(b);
        return r;
}

void bus_object_connect(BusObject *b) {
        int r;

        r = bus_open_system(b->event, &b->bus);
        if (r >= 0) {
                r = bus_object_set_up(b);
                if (r >= 0)
                        return;
                bus_object_close(b);
        }

        log_message(b->log, LOG_DEBUG, "D-Bus: not to be had yet: %s", strerrordesc_np(-r));
        bus_object_retry(b);
}
