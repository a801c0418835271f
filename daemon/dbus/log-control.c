/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/log-control.h"

#include "dbus/getter.h"

#define LOG_CONTROL_PATH "/org/freedesktop/LogControl1"
#define LOG_CONTROL_INTERFACE "org.freedesktop.LogControl1"

static const char *set_level(Log *log, const char *value) {
        return log_level_from_string(value, &log->max_level) < 0
                               ? "LogLevel has to be emerg, alert, crit, err, warning, notice, info or debug"
                               : NULL;
}

static const char *set_target(Log *log, const char *value) {
        if (streq(value, "auto"))
                log->journal = log_open(log->max_level).journal;
        else if (streq(value, "journal") || streq(value, "console"))
                log->journal = streq(value, "journal");
        else
                return "LogTarget has to be auto, journal or console (standard error)";
        return NULL;
}

static void log_control_set(sd_bus_message *call, void *userdata) {
        LogControl *c = userdata;
        const char *property, *value, *wrong;
        int r;

        r = sd_bus_message_read(call, "ssv", NULL, &property, "s", &value);
        wrong = r < 0                         ? "the value has to be a string"
                : streq(property, "LogLevel") ? set_level(c->log, value)
                                              : set_target(c->log, value);
        if (wrong)
                (void) sd_bus_reply_method_errorf(call, SD_BUS_ERROR_INVALID_ARGS, "%s", wrong);
        else
                (void) sd_bus_reply_method_return(call, NULL);
}

/* Whether @m is Set() of a property that can be set here. */
static bool is_set(sd_bus_message *m) {
        const char *interface, *property;

        return sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "Set") > 0 &&
               sd_bus_message_has_signature(m, "ssv") > 0 &&
               sd_bus_message_read(m, "ss", &interface, &property) >= 0 &&
               sd_bus_message_rewind(m, true) >= 0 && streq(interface, LOG_CONTROL_INTERFACE) &&
               (streq(property, "LogLevel") || streq(property, "LogTarget"));
}

/* libsystemd calls this before the vtable. A setter of the vtable has to answer at once, and can't wait for
 * polkit. */
static int log_control_on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        LogControl *c = userdata;

        (void) error;
        return is_set(m) ? authorizer_ask(c->authorizer, m, c->action, log_control_set, c) : 0;
}

DEFINE_BUS_GETTER(level, "s", log_level_to_string(((const LogControl *) userdata)->log->max_level));
DEFINE_BUS_GETTER(target, "s", ((const LogControl *) userdata)->log->journal ? "journal" : "console");
DEFINE_BUS_GETTER(identifier, "s", program_invocation_short_name);

/* libsystemd wants a setter for each writable property. It is never called: log_control_on_message() comes
 * first. */
static int property_set(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *value, void *userdata, sd_bus_error *error) {
        (void) bus, (void) path, (void) interface, (void) property, (void) value, (void) userdata;
        return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "this property can't be set this way");
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

int log_control_add(LogControl *c, sd_bus *bus) {
        int r;

        r = sd_bus_add_object(bus, NULL, LOG_CONTROL_PATH, log_control_on_message, c);
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus, NULL, LOG_CONTROL_PATH, LOG_CONTROL_INTERFACE,
                                             log_control_vtable, c);
        return r < 0 ? r : 0;
}
