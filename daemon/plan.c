/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan.h"

static void add(Plan *plan, JobKind kind, bool socket) {
        plan->steps[plan->n++] = (PlanStep){ .kind = kind, .socket = socket };
}

void plan_apply(const Shape *shape, ServicePhase phase, bool again, Plan *ret) {
        *ret = (Plan){ 0 };

        if (phase != SERVICE_RUNNING && phase != SERVICE_FAILED_TO_BIND)
                return;

        if (shape->by_socket) {
                /* A socket whose service runs isn't restarted (Debian), and the service would go on listening on
                 * what it was handed. Sessions live on: KillMode=process. */
                if (shape->service_runs && !shape->accept)
                        add(ret, JOB_STOP, false);
                add(ret, JOB_RESTART, true);
        } else if (phase == SERVICE_FAILED_TO_BIND)
                /* One that was down before is left so. */
                again ? (void) 0 : add(ret, JOB_START, false);
        else if (again)
                add(ret, JOB_RESTART, false);
        else
                add(ret, shape->command_changes ? JOB_TRY_RESTART : JOB_RELOAD, false);
}
