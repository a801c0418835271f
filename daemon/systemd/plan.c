/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/plan.h"

void plan_add(Plan *plan, JobKind kind, bool socket) {
        plan->steps[plan->n++] = (PlanStep){ .kind = kind, .socket = socket };
}

void plan_apply(const Shape *shape, ServicePhase phase, bool again, Plan *ret) {
        *ret = (Plan){ 0 };

        if (phase != SERVICE_RUNNING && phase != SERVICE_TO_START)
                return;

        if (shape->by_socket) {
                /* systemd doesn't restart a socket unit whose service runs (Debian), and the service would
                 * go on listening on what it was handed. Sessions survive: KillMode=process. If its owner's restart
                 * of the socket unit was refused for that, the service is all that listens. */
                if (shape->has_service && !shape->accept) {
                        if (!shape->broke)
                                plan_add(ret, JOB_LOOK, true);
                        plan_add(ret, JOB_STOP, false);
                }
                plan_add(ret, shape->broke ? JOB_STOP : JOB_RESTART, true);
                if (shape->broke) /* JOB_RESTART leaves a unit alone that is down */
                        plan_add(ret, JOB_START, true);
        } else if (phase == SERVICE_RUNNING)
                plan_add(ret, again || shape->command_changes ? JOB_RESTART : JOB_RELOAD, false);
        else if (!again) /* a service that was down before is left down */
                plan_add(ret, shape->was_inactive ? JOB_START : JOB_RESTART, false);
}

void plan_enable_service(bool start, Plan *ret) {
        *ret = (Plan){ 0 };
        plan_add(ret, JOB_ENABLE, false);
        plan_add(ret, JOB_DAEMON_RELOAD, false);
        if (start)
                plan_add(ret, JOB_START, false);
}

void plan_disable_socket(bool start, Plan *ret) {
        *ret = (Plan){ 0 };
        plan_add(ret, JOB_DISABLE, true);
        plan_add(ret, JOB_STOP, true);
        plan_add(ret, JOB_STOP, false); /* the service still listens on what the socket handed to it */
        /* The service is down here: systemd (252 to 257) may lose track of one that runs when its alias comes, and
         * its sshd would keep the port. On Ubuntu the service requires its socket, by a link that JOB_DISABLE has
         * removed. */
        plan_add(ret, JOB_ENABLE, false);
        plan_add(ret, JOB_DAEMON_RELOAD, false);
        if (start)
                plan_add(ret, JOB_START, false);
}

void plan_enable_socket(bool service_stays_enabled, bool start, Plan *ret) {
        *ret = (Plan){ 0 };
        plan_add(ret, JOB_ENABLE, true); /* fails for a masked one: then the service stays enabled */
        if (!service_stays_enabled)
                plan_add(ret, JOB_DISABLE, false);
        plan_add(ret, JOB_DAEMON_RELOAD, false);
        plan_add(ret, JOB_STOP, false);
        if (start)
                plan_add(ret, JOB_START, true);
}
