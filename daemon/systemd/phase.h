/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "systemd/plan.h"
#include "systemd/unit.h"

/* What systemd's words about the ssh units mean to wslportd. Pure. */

/* NULL: unknown. */
ServicePhase unit_state_to_phase(const UnitState *service);
ServicePhase socket_state_to_phase(const UnitState *socket);

/* The units that wslportd manages. Each is NULL where there is none, or where it isn't known. */
typedef struct ManagedUnits {
        const UnitState *service;
        const UnitState *socket; /* as of units_socket() */
} ManagedUnits;

/* The phase of the unit that listens: of the socket unit if there is one, else of the service. */
ServicePhase managed_phase(ManagedUnits managed);

/* The Shape for plan_apply(), but for .command_changes, which the caller knows. */
Shape managed_shape(ManagedUnits managed);
