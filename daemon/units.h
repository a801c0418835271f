/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "model.h"

#define SYSTEMD1 "org.freedesktop.systemd1"
#define SYSTEMD1_PATH "/org/freedesktop/systemd1"
#define SYSTEMD1_MANAGER "org.freedesktop.systemd1.Manager"

/* The ssh service and socket as systemd sees them. Asks over a bus that its owner opened: PID 1's private
 * socket before the system bus is there, the system bus afterwards, where the bus daemon keeps other units'
 * signals from waking us. */

typedef struct UnitState {
        char id[256];
        char load_state[24], active_state[24], sub_state[32], unit_file_state[32], result[32];
        uint32_t job; /* 0: none queued */
        uint32_t main_pid;
        int32_t main_code, main_status; /* how the main process ended last: CLD_… and its status */
        char control_group[256];        /* below the root of the cgroup2 hierarchy */
} UnitState;

typedef struct Units Units;

/* Called after each complete reading that found something changed. */
typedef void (*UnitsHandler)(void *userdata);

/* @unit is "auto" or the one service to look at. Returns 0 or -ENOMEM. */
int units_new(const char *unit, UnitsHandler handler, void *userdata, Units **ret);
Units *units_free(Units *units);
DEFINE_TRIVIAL_CLEANUP(Units *, units_free);

/* Asks over @bus from now on, and reads everything anew. NULL: over none, and nothing is known any more.
 * Returns 0 or a negative errno, then nothing is known. */
int units_attach(Units *units, sd_bus *bus);

/* Reads everything anew; signals do this by themselves. Returns 0 or a negative errno. */
int units_refresh(Units *units);

/* The managed service, NULL while it isn't known. One that is loaded comes before one that isn't, so that a
 * machine without sshd gets its first name with load_state "not-found". */
const UnitState *units_service(const Units *units);

/* A socket unit that is, or is about to be, listening for the service; NULL where there is none. */
const UnitState *units_socket(const Units *units);

/* What the words of systemd come to. Pure. */
ServicePhase unit_state_to_phase(const UnitState *state);
