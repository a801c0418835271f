/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/log.h"
#include "dbus/authorize.h"

/* org.freedesktop.LogControl1(5): sets the log level and target at run time, for `systemctl
 * service-log-level`, until the configuration is read again. All that it points to has to outlive the buses
 * that it was added to. */
typedef struct LogControl {
        Log *log; /* changed by Set() */
        Authorizer *authorizer;
        const char *action; /* polkit's action, which Set() needs */
} LogControl;

/* Adds the interface to @bus, for as long as the bus lives. Returns 0 or a negative errno. */
int log_control_add(LogControl *control, sd_bus *bus);
