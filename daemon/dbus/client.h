/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "core/status.h"

/* How programs read what the daemon tells on the bus. */

/* Reads all of the daemon's properties, with the timeout that @bus has for every call. Returns 0; or a negative
 * errno, and sets @error if the bus or the daemon answered with one. */
int client_get_status(sd_bus *bus, sd_bus_error *error, Status *ret);

/* Takes the properties of an a{sv} over into @status; the others stay as they were. Text becomes printable,
 * and a word that only a newer daemon knows becomes "unknown". Returns 0; or a negative errno, when some
 * properties may already have been taken over. */
int client_read_properties(sd_bus_message *m, Status *status);
