/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sshd/options.h"
#include "systemd/bus.h"

/* One unit as systemd describes it by its properties. */

#define UNIT_STREAMS_SIZE 1024

/* The parts of the machine that the unit hides from sshd, or that sshd has for itself. */
typedef struct UnitSandbox {
        bool own_network; /* it listens in a network namespace of its own */
        bool without[2];  /* IPv4, IPv6: the service may not use that family */
        char hidden[512]; /* words: paths that the service doesn't see */
} UnitSandbox;

typedef struct UnitState {
        char id[256];
        char load_state[24], active_state[24], sub_state[32], unit_file_state[32], result[32];
        uint32_t job;      /* 0: none queued */
        uint32_t main_pid; /* another number: the service was started anew meanwhile */
        struct {
                uint64_t began, ceased; /* when it last began to start, and a service last ceased to run; µs */
                int32_t code, status; /* how the main process ended last: CLD_… and its status */
        } past;
        bool overridden; /* a drop-in of wslportd's is in force */
        bool makes_keys; /* host keys that are missing are made before a service starts sshd */
        UnitSandbox sandbox;
        char conditions[1024]; /* words: "ConditionPathExists=!/etc/ssh/sshd_not_to_be_run" */

        /* Of a service: its command, and what `$NAME` in the command may mean. Empty for a service that has
         * no command, or more than one. */
        SshdCommand command;
        char environment[SSHD_COMMAND_SIZE], environment_files[512]; /* words */

        /* Of a socket unit. */
        bool accept, free_bind;
        char streams[UNIT_STREAMS_SIZE]; /* words: the addresses, as systemd writes them */
} UnitState;

/* The file name of wslportd's drop-ins: it sorts behind all others, such as a generator's `addresses.conf`. */
#define UNIT_DROP_IN "zz-wslportd.conf"

/* The units to which a property belongs. */
typedef enum UnitPropertyOf {
        PROPERTY_OF_NAME = 1
                           << 0, /* every name, also without a unit: they tell whether to read the others */
        PROPERTY_OF_UNIT = 1 << 1,
        PROPERTY_OF_SERVICE = 1 << 2,
        PROPERTY_OF_KEYLESS =
                        1
                        << 3, /* a service, only while sshd lacks the key that each maker of host keys makes */
        PROPERTY_OF_SOCKET = 1 << 4,
} UnitPropertyOf;

typedef struct UnitProperty {
        UnitPropertyOf of;
        const char *interface, *name;
        int (*read)(sd_bus_message *m, char *field, size_t size);
        size_t offset, size; /* of its field in UnitState */
} UnitProperty;

#define UNIT_PROPERTIES 31
extern const UnitProperty unit_properties[UNIT_PROPERTIES];

/* Reads the answer to Get() of @property into its field of @state, which was zeroed before. Returns 0 or
 * more, or a negative errno, and then the field is undefined. */
int unit_read_property(sd_bus_message *m, const UnitProperty *property, UnitState *state);

/* True if one of the unit's hidden paths is @path, or a folder above it. */
bool unit_hides(const UnitState *state, const char *path);

/* Returns a condition for which systemd won't start the unit; NULL if there is none, or if only systemd can
 * tell. systemd tests them at the start: at boot, too late for us. (systemd/condition.c) */
const char *unit_find_unmet(const UnitState *state);

/* Reads systemd's property Listen, a variant of a(ss), and writes the addresses of its streams as words.
 * Returns 0 or a negative errno. */
int unit_read_streams(sd_bus_message *m, char *ret, size_t size);
