/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/object.h"

#include "base/timer.h"
#include "core/config-file.h"
#include "core/delay.h"
#include "dbus/authorize.h"
#include "dbus/client-config.h"
#include "diagnose/diagnosis.h"
#include "systemd/bus.h"
#include "windows/firewall.h"

/* The longest host name that DNS allows (RFC 1035, 2.3.4). ssh_config(5) itself has no limit. */
#define CLIENT_HOST_MAX 253

/* The actions of units/org.wslport1.policy. */
#define ACTION(name) "org.wslport1." name

/* Answers of the bus daemon to RequestName() (D-Bus specification). */
#define NAME_IS_OURS 1
#define NAME_WAS_OURS_ALREADY 4

struct BusObject {
        sd_event *event;
        const Log *log;
        const Status *status;
        const BusObjectHandlers *handlers;
        void *userdata;
        Authorizer authorizer;
        Diagnosis for_root, for_users,
                        finders; /* a user has no end of ports to ask about, but of diagnoses */
        sd_bus *bus; /* NULL: there is no connection. Its slots are floating: they end with it. */
        sd_event_source *retry_timer;
        Delay retry;
};

/* ── signals ── */

void bus_object_changed(BusObject *o, const char *const names[]) {
        int r;

        if (!o->bus || sd_bus_is_ready(o->bus) <= 0)
                return;

        r = sd_bus_emit_properties_changed_strv(o->bus, BUS_PATH, BUS_INTERFACE, (char **) names);
        if (r < 0)
                log_error_errno(o->log, r, "D-Bus: PropertiesChanged can't be sent");
}

void bus_object_emit(BusObject *o, const char *signal, const char *types, ...) {
        va_list arguments;
        int r;

        if (!o->bus)
                return;

        va_start(arguments, types);
        r = sd_bus_emit_signalv(o->bus, BUS_PATH, BUS_INTERFACE, signal, types, arguments);
        va_end(arguments);
        if (r < 0 && r != -ENOTCONN)
                log_error_errno(o->log, r, "D-Bus: the signal %s can't be sent", signal);
}

/* ── methods that need to know who calls ── */

static const struct {
        const char *method, *action; /* no action: for everyone */
        Request request;             /* is answered when it is done */
} methods[] = {
        { "Probe", ACTION("probe"), REQUEST_PROBE },
        { "Relocate", ACTION("relocate"), REQUEST_RELOCATE },
        { "Restore", ACTION("restore"), REQUEST_RESTORE },
        { "Reload", ACTION("reload"), REQUEST_NONE },
        { "Diagnose", NULL, REQUEST_NONE },
        { "FindHolder", NULL, REQUEST_NONE },
};

/* Returns the index of @call's method in the table. The vtable sends no other method here. */
static size_t find_method(sd_bus_message *call) {
        size_t i = ELEMENTSOF(methods) - 1;

        while (i > 0 && !streq(sd_bus_message_get_member(call), methods[i].method))
                i--;
        return i;
}

static void carry_out_reload(BusObject *o, sd_bus_message *call) {
        _cleanup_free_ char *error = NULL;

        if (o->handlers->reload(&error, o->userdata) < 0)
                (void) sd_bus_reply_method_errorf(call, BUS_ERROR_INVALID_CONFIGURATION, "%s",
                                                  error ? error : "the configuration can't be read");
        else
                (void) sd_bus_reply_method_return(call, NULL);
}

static void carry_out(sd_bus_message *call, uint32_t uid, void *userdata) {
        size_t method = find_method(call);
        Request request = methods[method].request;
        BusObject *o = userdata;
        bool finds = streq(methods[method].method, "FindHolder");
        uint16_t port = 0;

        if (finds && (sd_bus_message_read(call, "q", &port) < 0 || port == 0))
                (void) sd_bus_reply_method_errorf(call, BUS_ERROR_INVALID_ARGUMENT,
                                                  "a port is a number from 1 to 65535");
        else if (!methods[method].action)
                diagnosis_answer(uid == 0    ? &o->for_root
                                 : port != 0 ? &o->finders
                                             : &o->for_users,
                                 call, uid, port);
        else if (request == REQUEST_NONE)
                carry_out_reload(o, call);
        else if (request == REQUEST_RELOCATE && sd_bus_message_read(call, "q", &port) < 0)
                (void) sd_bus_reply_method_errorf(call, SD_BUS_ERROR_INVALID_ARGS,
                                                  "Relocate() takes a port");
        else if (o->handlers->request(request, port, call, uid, o->userdata) < 0)
                (void) sd_bus_reply_method_errorf(call, BUS_ERROR_BUSY,
                                                  "another request is under way; try again");
}

static int method_of_somebody(sd_bus_message *m, void *userdata, sd_bus_error *) {
        BusObject *o = userdata;

        return authorizer_ask(&o->authorizer, m, methods[find_method(m)].action, carry_out, o);
}

/* ── methods for everyone ── */

/* Answers @m with an error if sshd has no port to write a text about. Returns 0 if sshd has one, else what
 * the handler has to return. */
static int refuse_without_port(const BusObject *o, sd_bus_message *m) {
        if (o->status->port != 0)
                return 0;
        return sd_bus_reply_method_errorf(m, BUS_ERROR_NOT_POSSIBLE, "sshd does not listen: %s",
                                          o->status->reason);
}

static int method_get_firewall_rules(sd_bus_message *m, void *userdata, sd_bus_error *) {
        const BusObject *o = userdata;
        char text[FIREWALL_TEXT_SIZE];
        FirewallScope scope;
        const char *word;
        int r;

        r = sd_bus_message_read(m, "s", &word);
        if (r < 0)
                return r;
        if (firewall_scope_from_string(word, &scope) < 0)
                return sd_bus_reply_method_errorf(m, BUS_ERROR_INVALID_ARGUMENT,
                                                  "the scope has to be lan, tailscale or any");
        r = refuse_without_port(o, m);
        if (r != 0)
                return r;

        firewall_render(scope, o->status->port, text);
        return sd_bus_reply_method_return(m, "s", text);
}

static int method_get_client_config(sd_bus_message *m, void *userdata, sd_bus_error *) {
        const BusObject *o = userdata;
        ClientConfig config = { .scope = FIREWALL_ANY, .status = o->status };
        _cleanup_free_ char *text = NULL;
        int r;

        r = sd_bus_message_read(m, "s", &config.host);
        if (r < 0)
                return r;
        r = refuse_without_port(o, m);
        if (r != 0)
                return r;

        r = strlen(config.host) > CLIENT_HOST_MAX ? -EINVAL : client_config_render(&config, &text);
        if (r == -EINVAL)
                return sd_bus_reply_method_errorf(m, BUS_ERROR_INVALID_ARGUMENT,
                                                  "a host has letters, digits, \".\", \"-\" and \"_\", %d "
                                                  "at most; empty means wsl",
                                                  CLIENT_HOST_MAX);
        if (r < 0)
                return sd_bus_reply_method_errorf(m, BUS_ERROR_NOT_POSSIBLE, "%s",
                                                  r == -EADDRNOTAVAIL ? "sshd listens on no address that "
                                                                        "other machines could use"
                                                                      : strerrordesc_np(-r));
        return sd_bus_reply_method_return(m, "s", text);
}

/* ── properties ── */

static int append_member(sd_bus_message *m, const StatusMember *member, const char *of) {
        const char *value = of + member->offset;

        return sd_bus_message_append_basic(
                        m, member->type[0],
                        member->words ? word_list_get(member->words, *(const unsigned *) value) : value);
}

static int append_list(sd_bus_message *m, const StatusMember *list, const char *status) {
        const char *item = status + list->offset;
        int r;

        r = sd_bus_message_open_container(m, 'a', list->type + 1);
        for (size_t n = *(const size_t *) (status + list->n_offset); n > 0 && r >= 0; n--) {
                r = sd_bus_message_open_container(m, 'r', list->item_type);
                for (const StatusMember *member = list->items; member->name && r >= 0; member++)
                        r = append_member(m, member, item);
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
                item += list->item_size;
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int property_of_status(sd_bus *, const char *, const char *, const char *name, sd_bus_message *reply,
                              void *userdata, sd_bus_error *) {
        const StatusMember *member = status_find_member(name);
        const BusObject *o = userdata;

        return (member->items ? append_list : append_member)(reply, member, (const char *) o->status);
}

static int property_configuration_file(sd_bus *, const char *, const char *, const char *,
                                       sd_bus_message *reply, void *, sd_bus_error *) {
        return sd_bus_message_append(reply, "s", CONFIG_FILE);
}

/* @name: of a member of Status. */
#define PROPERTY(name, type) \
        SD_BUS_PROPERTY(name, type, property_of_status, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Version", "s", property_of_status, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        PROPERTY("NetworkingMode", "s"),
        PROPERTY("State", "s"),
        PROPERTY("Cause", "s"),
        PROPERTY("Reason", "s"),
        PROPERTY("HomePort", "q"),
        PROPERTY("HomePortHolder", "s"),
        PROPERTY("HomePortHolderDetail", "s"),
        PROPERTY("Port", "q"),
        PROPERTY("Unit", "s"),
        PROPERTY("Mechanism", "s"),
        PROPERTY("Listeners", "a(sqss)"),
        PROPERTY("PinnedSessions", "u"),
        PROPERTY("Reachable", "a(ss)"),
        PROPERTY("ListenerWatch", "s"),
        PROPERTY("LastBind", "s"),
        PROPERTY("LastChangeUSec", "t"),
        SD_BUS_PROPERTY("ConfigurationFile", "s", property_configuration_file, 0,
                        SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_METHOD("Probe", NULL, NULL, method_of_somebody, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Relocate", SD_BUS_ARGS("q", port), SD_BUS_NO_RESULT, method_of_somebody,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Restore", NULL, NULL, method_of_somebody, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Reload", NULL, NULL, method_of_somebody, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Diagnose", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssss)", checks),
                                method_of_somebody, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("FindHolder", SD_BUS_ARGS("q", port),
                                SD_BUS_RESULT("s", holder, "s", detail), method_of_somebody,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetFirewallRules", SD_BUS_ARGS("s", scope), SD_BUS_RESULT("s", rules),
                                method_get_firewall_rules, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetClientConfig", SD_BUS_ARGS("s", host), SD_BUS_RESULT("s", config),
                                method_get_client_config, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("Conflict", SD_BUS_ARGS("q", port, "s", holder, "s", detail), 0),
        SD_BUS_SIGNAL_WITH_ARGS("Relocated", SD_BUS_ARGS("q", from, "q", to), 0),
        SD_BUS_SIGNAL_WITH_ARGS("Restored", SD_BUS_ARGS("q", port), 0),
        SD_BUS_VTABLE_END,
};

/* ── the connection ── */

static void bus_object_request_name(BusObject *o);

static int bus_object_on_retry(sd_event_source *, uint64_t, void *userdata) {
        BusObject *o = userdata;

        if (o->bus)
                bus_object_request_name(o);
        else
                bus_object_connect(o);
        return 0;
}

static void bus_object_retry(BusObject *o) {
        timer_arm_or_end(o->event, &o->retry_timer, delay_next_at(&o->retry, clock_usec(CLOCK_MONOTONIC)), 0,
                         o->retry.name, bus_object_on_retry, o);
}

static int bus_object_on_name(sd_bus_message *m, void *userdata, sd_bus_error *) {
        BusObject *o = userdata;
        uint32_t answer;

        if (sd_bus_message_is_method_error(m, NULL)) {
                /* The bus daemon may not have read org.wslport1.conf yet. */
                log_message(o->log, LOG_WARNING, "D-Bus: the name %s is refused, trying again: %s", BUS_NAME,
                            sd_bus_message_get_error(m)->message);
                bus_object_retry(o);
        } else if (sd_bus_message_read(m, "u", &answer) >= 0 && answer != NAME_IS_OURS &&
                   answer != NAME_WAS_OURS_ALREADY)
                log_message(o->log, LOG_WARNING,
                            "D-Bus: another process has the name %s, waiting until it ends", BUS_NAME);
        return 0;
}

static void bus_object_request_name(BusObject *o) {
        int r;

        r = sd_bus_request_name_async(o->bus, NULL, BUS_NAME, SD_BUS_NAME_QUEUE, bus_object_on_name, o);
        if (r < 0) {
                log_error_errno(o->log, r, "D-Bus: the name %s can't be requested, trying again", BUS_NAME);
                bus_object_retry(o);
        }
}

static void bus_object_close(BusObject *o) {
        /* A call that is still to be answered refers to its bus, and the bus would never be freed. */
        authorizer_forget(&o->authorizer);
        diagnosis_forget(&o->for_root);
        diagnosis_forget(&o->for_users);
        diagnosis_forget(&o->finders);
        o->bus = bus_close(o->bus);
}

static int bus_object_on_connected(sd_bus_message *, void *userdata, sd_bus_error *) {
        BusObject *o = userdata;

        o->handlers->on_bus(o->bus, o->userdata);
        return 0;
}

static int bus_object_on_disconnected(sd_bus_message *, void *userdata, sd_bus_error *) {
        BusObject *o = userdata;

        log_message(o->log, LOG_INFO, "D-Bus: the connection has ended, trying again");
        o->handlers->on_bus(NULL, o->userdata);
        bus_object_close(o);
        bus_object_retry(o);
        return 0;
}

static int bus_object_watch(BusObject *o, const char *member, sd_bus_message_handler_t handler) {
        return sd_bus_match_signal_async(o->bus, NULL, "org.freedesktop.DBus.Local",
                                         "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local", member,
                                         handler, NULL, o);
}

void bus_object_connect(BusObject *o) {
        int r;

        r = bus_open_system(&o->bus);
        if (r >= 0) /* after the evaluation, so that callers without pause can't keep the daemon from that */
                r = sd_bus_attach_event(o->bus, o->event, SD_EVENT_PRIORITY_IDLE + 1);
        if (r >= 0)
                r = bus_object_watch(o, "Connected", bus_object_on_connected);
        if (r >= 0)
                r = bus_object_watch(o, "Disconnected", bus_object_on_disconnected);
        if (r >= 0)
                r = sd_bus_add_object_vtable(o->bus, NULL, BUS_PATH, BUS_INTERFACE, vtable, o);
        if (r >= 0) {
                bus_object_request_name(o);
                return;
        }

        bus_object_close(o);
        log_message(o->log, LOG_DEBUG, "D-Bus: no connection yet: %s", strerrordesc_np(-r));
        bus_object_retry(o);
}

/* ── its life ── */

int bus_object_new(sd_event *event, const Log *log, const Status *status, const BusObjectHandlers *handlers,
                   void *userdata, BusObject **ret) {
        BusObject *o = malloc(sizeof(*o));

        if (!o)
                return -ENOMEM;

        *o = (BusObject){
                .event = event,
                .log = log,
                .status = status,
                .handlers = handlers,
                .userdata = userdata,
                .for_root = { .event = event, .log = log, .of_root = true },
                .for_users = { .event = event, .log = log },
                .finders = { .event = event, .log = log },
                .retry = { .name = "connect", .first = 500 * USEC_PER_MSEC, .max = 30 * USEC_PER_SEC },
        };
        *ret = o;
        return 0;
}

void bus_object_free(BusObject *o) {
        if (!o)
                return;

        sd_event_source_disable_unref(o->retry_timer);
        if (o->bus)
                bus_object_close(o);
        free(o);
}
