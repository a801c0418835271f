/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "core/status.h"

/* How programs ask the daemon over the bus. None of these calls prints. */

/* Calls @method of the daemon with arguments of @types ("" for none) and waits for the reply, at most
 * @timeout µs, where 0 stands for the timeout that @bus has for every call. Returns 0 and the reply, where
 * @ret_reply isn't NULL; or a negative errno, and sets @error if the bus or the daemon answered with one. */
int client_call(sd_bus *bus, const char *method, usec_t timeout, sd_bus_error *error,
                sd_bus_message **ret_reply, const char *types, ...);

/* Reads all of the daemon's properties, with the timeout that @bus has for every call. Returns 0, or a
 * negative errno and @error as client_call(). */
int client_get_status(sd_bus *bus, sd_bus_error *error, Status *ret);

/* Takes the properties of an a{sv} over into @status; the others stay as they were. Text becomes printable,
 * and a word that only a newer daemon knows becomes "unknown". Returns 0; or a negative errno, when some
 * properties may already have been taken over. */
int client_read_properties(sd_bus_message *m, Status *status);
