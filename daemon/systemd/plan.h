/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

/* Which jobs make a unit listen where its files say. That differs by what listens and by what has changed. */

typedef enum JobKind {
        JOB_RELOAD,      /* ReloadOrTryRestartUnit: leaves a unit that doesn't run alone */
        JOB_START,       /* ResetFailedUnit, StartUnit */
        JOB_RESTART,     /* ResetFailedUnit, RestartUnit */
        JOB_TRY_RESTART, /* ResetFailedUnit, TryRestartUnit */
        JOB_STOP,        /* ResetFailedUnit, StopUnit */
        JOB_DAEMON_RELOAD, /* the manager's own: every unit file is read again, generators run */
        JOB_ENABLE,        /* EnableUnitFiles, DisableUnitFiles; take effect with the next daemon-reload */
        JOB_DISABLE,
} JobKind;

typedef struct Shape {
        bool by_socket;       /* a socket unit listens in the service's place */
        bool accept;          /* it hands each connection to a process of its own */
        bool service_runs;    /* the service is up, on what the socket handed to it */
        bool command_changes; /* the service's command is not what it was started with */
} Shape;

typedef struct PlanStep {
        JobKind kind;
        bool socket; /* of the socket unit, else of the service */
} PlanStep;

#define PLAN_STEPS_MAX 6

typedef struct Plan {
        PlanStep steps[PLAN_STEPS_MAX];
        size_t n;
} Plan;

void plan_add(Plan *plan, JobKind kind, bool socket);

/* What to do with a unit in @phase: nothing where it doesn't run and didn't fail for want of a port. With @again,
 * where an earlier plan may have left it in any state. */
void plan_apply(const Shape *shape, ServicePhase phase, bool again, Plan *ret);

/* Which unit is to listen from now on, and at the next boot. @start: nobody else will start it. */
void plan_enable_service(bool start, Plan *ret);
void plan_disable_socket(bool start, Plan *ret);                 /* the service takes its place */
void plan_enable_socket(bool service_stays_enabled, Plan *ret); /* and back */
