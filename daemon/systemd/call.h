/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/util.h"

/* Calls to systemd that wait for the answer: for what runs by itself and ends, never for the daemon. No job is waited
 * for, so that its unit may be ordered after the caller. */

/* @types: "" or what goes with @unit, "ss" (a mode), "asbb" or "asb" (a list of it, and what else is asked).
 * Returns 0 or a negative errno. */
int systemd_call(sd_bus *bus, const char *method, const char *types, const char *unit);

/* Whether the unit's ActiveState is @state; false where systemd doesn't tell. */
bool systemd_is(sd_bus *bus, const char *unit, const char *state);
