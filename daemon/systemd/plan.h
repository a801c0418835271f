/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

/* The jobs that make a unit listen where its files say. They depend on what listens, and on what has
 * changed. Pure. */

typedef enum JobKind {
        JOB_RELOAD,        /* ReloadOrTryRestartUnit: leaves a unit alone that doesn't run */
        JOB_START,         /* ResetFailedUnit, StartUnit */
        JOB_RESTART,       /* ResetFailedUnit, TryRestartUnit; and StartUnit for a unit that has failed */
        JOB_STOP,          /* ResetFailedUnit, StopUnit; leaves an inactive service alone */
        JOB_LOOK,          /* none: goes on if the unit is up */
        JOB_DAEMON_RELOAD, /* Reload: systemd reads every unit file again and runs the generators */
        JOB_ENABLE,        /* EnableUnitFiles; takes effect with the next JOB_DAEMON_RELOAD */
        JOB_DISABLE,       /* DisableUnitFiles, likewise */
} JobKind;

typedef struct Shape {
        bool by_socket;       /* a socket unit listens in the service's place */
        bool accept;          /* the socket unit hands each connection to a process of its own */
        bool has_service;     /* a service may be up, on what the socket unit handed to it */
        bool broke;           /* a job on the unit has failed: it may be down by that, not by its owner */
        bool command_changes; /* the service's command differs from the one it was started with */
        bool was_inactive;    /* the unit that is to be started has neither run nor failed */
} Shape;

typedef struct PlanStep {
        JobKind kind;
        bool socket; /* the step is the socket unit's, else the service's */
} PlanStep;

#define PLAN_STEPS_MAX 6

typedef struct Plan {
        PlanStep steps[PLAN_STEPS_MAX];
        size_t n;
} Plan;

void plan_add(Plan *plan, JobKind kind, bool socket);

/* Has a unit in @phase listen anew. The plan is empty for a unit that neither runs nor is to be started.
 * @again: an earlier plan may have left the unit in any state. */
void plan_apply(const Shape *shape, ServicePhase phase, bool again, Plan *ret);

/* Changes which unit listens, now and at the next boot. @start: the unit that takes the other's place is started, by
 * nobody else. */
void plan_enable_service(bool start, Plan *ret);
void plan_disable_socket(bool start, Plan *ret); /* the service takes the socket's place */
void plan_enable_socket(bool service_stays_enabled, bool start,
                        Plan *ret); /* the socket takes its place again */
