/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dbus/authorize.h"
#include "base/log.h"

/* org.freedesktop.LogControl1(5): log level and target at run time, for `systemctl service-log-level`. What
 * is set lasts until the configuration is read again. */
typedef struct LogControl LogControl;

/* @log is changed by it; both outlive it. @action of polkit's is what setting needs. Returns 0 or -ENOMEM.
 */
int log_control_new(Log *log, Authorizer *authorizer, const char *action, LogControl **ret);
LogControl *log_control_free(LogControl *control);
DEFINE_TRIVIAL_CLEANUP(LogControl *, log_control_free);

/* Is to be found on @bus from now on, and with NULL on none. Returns 0 or a negative errno. */
int log_control_attach(LogControl *control, sd_bus *bus);
