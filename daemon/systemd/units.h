/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "systemd/bus.h"
#include "systemd/plan.h"
#include "sshd/options.h"

/* The ssh service and socket as systemd sees them. Asks over a bus that its owner opened: PID 1's private
 * socket before the system bus is there, the system bus afterwards, where the bus daemon keeps other units'
 * signals from waking us. */

#define UNIT_STREAMS_SIZE 1024

typedef struct UnitState {
        char id[256];
        char load_state[24], active_state[24], sub_state[32], unit_file_state[32], result[32];
        uint32_t job; /* 0: none queued */
        uint32_t main_pid;
        int32_t main_code, main_status; /* how the main process ended last: CLD_… and its status */
        char control_group[256];        /* below the root of the cgroup2 hierarchy */
        bool overridden;                /* a drop-in of ours is in force */

        /* A service's: its command and what `$NAME` in it may mean. Empty where it has not just one command. */
        SshdCommand command;
        char environment[SSHD_COMMAND_SIZE], environment_files[512]; /* words */

        /* A socket's. */
        bool accept;
        char streams[UNIT_STREAMS_SIZE]; /* words: the addresses, as systemd writes them */
} UnitState;

/* The name of our drop-ins: behind all others, a generator's `addresses.conf` among them. */
#define UNIT_DROP_IN "zz-wslportd.conf"

/* What the ssh service, and the socket unit that starts it, are called. */
typedef struct UnitPair {
        const char *service, *socket;
} UnitPair;

#define UNIT_PAIRS 2
extern const UnitPair unit_pairs[UNIT_PAIRS];

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

/* While it is held, signals lead to no reading: whoever works on the units has systemd to himself. Ends with one. */
void units_hold(Units *units, bool hold);

/* Whether a reading is under way, so that what is known may be out of date. Then the handler is called after it. */
bool units_is_reading(Units *units);

/* What is managed: each NULL where there is none, or it isn't known. */
typedef struct ManagedUnits {
        const UnitState *service, *socket;
} ManagedUnits;

ManagedUnits units_managed(const Units *units);

/* A socket unit that is, or is about to be, listening for the service, or that failed to, while the service isn't up
 * by itself; NULL where there is none. */
const UnitState *units_socket(const Units *units);

/* Whether a socket unit is to listen at the next boot. */
bool units_socket_is_enabled(const Units *units);

/* What the words of systemd come to. Pure. */
ServicePhase unit_state_to_phase(const UnitState *state);
ServicePhase socket_state_to_phase(const UnitState *state);

/* What plan_apply() has to know of them; .command_changes is left to the caller. Pure. */
Shape units_shape(ManagedUnits managed);

/* Reads the answer to Get() of the property @name (a socket's, or else a service's) into its field of @state, which is zeroed
 * before. Returns 0 or more, or a negative errno, then the field is undefined; -ENOENT for what isn't read. */
int unit_read_property(sd_bus_message *m, bool is_socket, const char *name, UnitState *state);

/* Reads systemd's property Listen, a variant of a(ss), as words: what are streams. Returns 0 or a negative errno. */
int unit_read_streams(sd_bus_message *m, char *ret, size_t size);
