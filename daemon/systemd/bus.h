/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/util.h"

/* wslportd's name on the system bus, and its one object there. */
#define BUS_NAME "org.wslport1"
#define BUS_PATH "/org/wslport1"
#define BUS_INTERFACE "org.wslport1.Manager"

/* wslportd's own errors, which units/org.wslport1.Manager.xml describes. A published error keeps its name
 * and meaning. */
#define BUS_ERROR(name) "org.wslport1.Error." name
#define BUS_ERROR_BUSY BUS_ERROR("Busy")                        /* try again */
#define BUS_ERROR_INVALID_ARGUMENT BUS_ERROR("InvalidArgument") /* the text says what would be right */
#define BUS_ERROR_INVALID_CONFIGURATION BUS_ERROR("InvalidConfiguration") /* with file, line and key */
/* For now; the text says why. A request is answered with the name of its cause, where it has one. */
#define BUS_ERROR_NOT_POSSIBLE BUS_ERROR("NotPossible")

#define SYSTEMD1 "org.freedesktop.systemd1"
#define SYSTEMD1_PATH "/org/freedesktop/systemd1"
#define SYSTEMD1_MANAGER "org.freedesktop.systemd1.Manager"

/* These open connections without waiting and without bind(). libsystemd (257 does, 252 does not yet) bind()s a
 * client's socket to a name that describes the client; under WSL each bind() waits for the port tracker, and so for
 * Windows. libsystemd leaves a socket alone that it gets connected. */

/* PID 1's private socket: for root, and there before the system bus is. It has no bus daemon, so no names
 * and no Hello. */
int bus_open_private(sd_bus **ret);

/* The system bus. The signal Connected of org.freedesktop.DBus.Local comes when the bus daemon has answered.
 * -ENOENT or -ECONNREFUSED where the bus isn't there yet. */
int bus_open_system(sd_bus **ret);

/* Asks systemd for one property of @unit, of @interface. *@slot is replaced. @handler gets a variant, or an error.
 * Returns 0 or more, or a negative errno. */
int bus_ask_unit(sd_bus *bus, sd_bus_slot **slot, const char *unit, const char *interface,
                 const char *property, sd_bus_message_handler_t handler, void *userdata);

/* Closes without waiting for queued messages. */
sd_bus *bus_close(sd_bus *bus);
DEFINE_TRIVIAL_CLEANUP(sd_bus *, bus_close);
