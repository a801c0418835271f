/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "facts/home-finder.h"
#include "systemd/sequence.h"

/* Changes which unit listens, now and at the next boot. Whoever listens is stopped only after the other was seen to
 * work: Windows has answered a bind() of the port, and sshd accepts its configuration. */

typedef struct SwitchRequest {
        Plan plan;
        DisabledSocket units; /* names, and what is noted */
        bool noted; /* .units is noted before the first step, so that a switch which is cut off is carried out once more */
        bool runs;                     /* a unit listens that is stopped: the socket unit, or the service */
        bool socket;                   /* it is the socket unit */
        uint16_t port;                 /* where it listens; 0: Windows isn't asked */
        const char *program, *options; /* sshd's, as for sshd_ask() */
} SwitchRequest;

typedef struct UnitSwitch UnitSwitch;

/* As SequenceHandler, also for the look before the first step. */
typedef void (*SwitchHandler)(int result, const char *word, void *userdata);

/* @bus is where systemd1 answers. @request is copied, but for the options. Returns 0, or a negative errno and nothing was
 * changed. */
int unit_switch_start(sd_event *event, sd_bus *bus, const SwitchRequest *request, SwitchHandler handler,
                      void *userdata, UnitSwitch **ret);

/* True once the last step has begun. */
bool unit_switch_is_at_end(const UnitSwitch *s);

UnitSwitch *unit_switch_free(UnitSwitch *s);
DEFINE_TRIVIAL_CLEANUP(UnitSwitch *, unit_switch_free);
