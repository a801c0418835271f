/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/util.h"

/* What the daemon is called on the system bus, and its one object there. */
#define BUS_NAME "org.wslport1"
#define BUS_PATH "/org/wslport1"
#define BUS_INTERFACE "org.wslport1.Manager"

/* The errors that are its own. Once out they keep name and meaning; units/org.wslport1.Manager.xml describes them. */
#define BUS_ERROR(name) "org.wslport1.Error." name
#define BUS_ERROR_BUSY BUS_ERROR("Busy")                                   /* try again */
#define BUS_ERROR_INVALID_ARGUMENT BUS_ERROR("InvalidArgument")            /* the text says what would be right */
#define BUS_ERROR_INVALID_CONFIGURATION BUS_ERROR("InvalidConfiguration")  /* with file, line and key */
#define BUS_ERROR_NOT_POSSIBLE BUS_ERROR("NotPossible")                    /* as things are; the text says why */

/* Connections that are opened without waiting and without bind(). libsystemd (257 does, 252 does not yet)
 * bind()s a client's socket to a name that describes it; under WSL each bind() waits for the port tracker
 * and so for Windows. A socket that is handed over connected is left as it is. @event may be NULL, for calls that wait. */

/* PID 1's private socket: there before the system bus is, for root. No bus daemon: no names, no Hello. */
int bus_open_private(sd_event *event, sd_bus **ret);

/* The system bus. "Connected" of org.freedesktop.DBus.Local tells when the bus daemon has answered.
 * -ENOENT or -ECONNREFUSED: not there yet. */
int bus_open_system(sd_event *event, sd_bus **ret);

/* Closes without waiting for what is still queued. */
sd_bus *bus_close(sd_bus *bus);
DEFINE_TRIVIAL_CLEANUP(sd_bus *, bus_close);
