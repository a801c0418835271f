/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "systemd/phase.h"

/* The ssh service and its socket unit, as systemd sees them now. Units asks over a bus that its owner has
 * opened: PID 1's private socket before the system bus is there, and the system bus afterwards, where the
 * bus daemon keeps other units' signals from waking us. */

/* The names of an ssh service, and of the socket unit that starts it. */
typedef struct UnitPair {
        char service[256], socket[256];
} UnitPair;

#define UNIT_PAIRS 2

/* Writes the pairs for which @unit, a value of Unit=, stands. Returns their number. */
size_t unit_pairs(const char *unit, UnitPair ret[static UNIT_PAIRS]);

typedef struct Units Units;

/* @unit is as for unit_pairs(). The handler is called after each complete reading that found a change, and after a
 * reading that failed. Returns 0 or a negative errno. */
int units_new(const char *unit, ChangeHandler handler, void *userdata, Units **ret);
void units_free(Units *units);
DEFINE_TRIVIAL_CLEANUP(Units *, units_free);

/* Asks over @bus from now on, and reads everything anew. With NULL, or on failure (a negative errno),
 * nothing is known any more. Returns 0 else. */
int units_attach(Units *units, sd_bus *bus);

/* While units are held, signals lead to no reading: whoever works on the units has systemd to himself. A
 * reading ends the hold. */
void units_hold(Units *units, bool hold);

/* True while a reading is under way, so that the units may be out of date. The handler is called after that
 * reading. */
bool units_is_reading(Units *units);

/* The managed service, or NULL while it isn't known. A loaded service comes before one that isn't loaded: a
 * machine without sshd gets its first name, with load_state "not-found". */
const UnitState *units_service(const Units *units);

/* A socket unit that listens in the service's place, or is about to, or has failed to; NULL where there is
 * none, or where the service is up by itself. */
const UnitState *units_socket(const Units *units);

ManagedUnits units_managed(const Units *units);

/* True if a socket unit is to listen at the next boot. */
bool units_socket_is_enabled(const Units *units);

/* True if a generator of systemd's makes the socket unit's addresses of sshd's configuration. (Ubuntu, openssh-server's
 * sshd-socket-generator) */
bool units_have_generator(void);
