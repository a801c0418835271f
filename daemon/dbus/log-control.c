/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/log-control.h"

#define LOG_CONTROL_PATH "/org/freedesktop/LogControl1"
#define LOG_CONTROL_INTERFACE "org.freedesktop.LogControl1"
#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

struct LogControl {
        Log *log;
        Authorizer *authorizer;
        const char *action;
        sd_bus_slot *filter_slot, *vtable_slot;
};

int log_control_new(Log *log, Authorizer *authorizer, const char *action, LogControl **ret) {
        LogControl *c = malloc(sizeof(*c));

        if (!c)
                return -ENOMEM;

        *c = (LogControl){ .log = log, .authorizer = authorizer, .action = action };
        *ret = c;
        return 0;
}

LogControl *log_control_free(LogControl *c) {
        if (!c)
                return NULL;

        (void) log_control_attach(c, NULL);
        free(c);
        return NULL;
}

static const char *set_level(Log *log, const char *value) {
        return log_level_from_string(value, &log->max_level) < 0
                               ? "LogLevel is emerg, alert, crit, err, warning, notice, info or debug"
                               : NULL;
}

static const char *set_target(Log *log, const char *value) {
        if (streq(value, "auto"))
                log->journal = log_open(log->max_level).journal;
        else if (streq(value, "journal") || streq(value, "console"))
                log->journal = streq(value, "journal");
        else
                return "LogTarget is auto, journal or console (standard error)";
        return NULL;
}

static void log_control_set(sd_bus_message *call, void *userdata) {
        LogControl *c = userdata;
        const char *interface, *property, *value, *wrong;
        int r;

        r = sd_bus_message_read(call, "ss", &interface, &property);
        if (r < 0 || !streq(interface, LOG_CONTROL_INTERFACE)) {
                (void) sd_bus_reply_method_errorf(call, SD_BUS_ERROR_UNKNOWN_INTERFACE,
                                                  "no such interface here");
                return;
        }
        if (streq(property, "SyslogIdentifier")) {
                (void) sd_bus_reply_method_errorf(call, SD_BUS_ERROR_PROPERTY_READ_ONLY, "it can't be set");
                return;
        }
        if (!streq(property, "LogLevel") && !streq(property, "LogTarget")) {
                (void) sd_bus_reply_method_errorf(call, SD_BUS_ERROR_UNKNOWN_PROPERTY,
                                                  "no such property here");
                return;
        }

        r = sd_bus_message_read(call, "v", "s", &value);
        wrong = r < 0                         ? "a string is wanted"
                : streq(property, "LogLevel") ? set_level(c->log, value)
                                              : set_target(c->log, value);
        if (wrong)
                (void) sd_bus_reply_method_errorf(call, SD_BUS_ERROR_INVALID_ARGS, "%s", wrong);
        else
                (void) sd_bus_reply_method_return(call, NULL);
}

/* Before the table below has its turn, which can't answer later: to ask libsystemd there who calls would
 * wait. */
static int log_control_on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        LogControl *c = userdata;

        (void) error;
        if (sd_bus_message_is_method_call(m, PROPERTIES_INTERFACE, "Set") <= 0 ||
            sd_bus_message_has_signature(m, "ssv") <= 0)
                return 0;
        return authorizer_ask(c->authorizer, m, c->action, log_control_set, c);
}

static int property_level(sd_bus *bus, const char *path, const char *interface, const char *property,
                          sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const LogControl *c = userdata;

        (void) bus, (void) path, (void) interface, (void) property, (void) error;
        return sd_bus_message_append(reply, "s", log_level_to_string(c->log->max_level));
}

static int property_target(sd_bus *bus, const char *path, const char *interface, const char *property,
                           sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const LogControl *c = userdata;

        (void) bus, (void) path, (void) interface, (void) property, (void) error;
        return sd_bus_message_append(reply, "s", c->log->journal ? "journal" : "console");
}

static int property_identifier(sd_bus *bus, const char *path, const char *interface, const char *property,
                               sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        (void) bus, (void) path, (void) interface, (void) property, (void) userdata, (void) error;
        return sd_bus_message_append(reply, "s", program_invocation_short_name);
}

/* Not reached: Set() is answered before. */
static int property_set(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *value, void *userdata, sd_bus_error *error) {
        (void) bus, (void) path, (void) interface, (void) property, (void) value, (void) userdata;
        return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "it can't be set this way");
}

static const sd_bus_vtable log_control_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_WRITABLE_PROPERTY("LogLevel", "s", property_level, property_set, 0,
                                 SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_WRITABLE_PROPERTY("LogTarget", "s", property_target, property_set, 0,
                                 SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("SyslogIdentifier", "s", property_identifier, 0, 0),
        SD_BUS_VTABLE_END,
};

int log_control_attach(LogControl *c, sd_bus *bus) {
        int r;

        c->filter_slot = sd_bus_slot_unref(c->filter_slot);
        c->vtable_slot = sd_bus_slot_unref(c->vtable_slot);
        if (!bus)
                return 0;

        r = sd_bus_add_object(bus, &c->filter_slot, LOG_CONTROL_PATH, log_control_on_message, c);
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus, &c->vtable_slot, LOG_CONTROL_PATH, LOG_CONTROL_INTERFACE,
                                             log_control_vtable, c);
        return r < 0 ? r : 0;
}
