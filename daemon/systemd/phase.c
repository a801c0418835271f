/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/phase.h"

#include <sys/wait.h>

/* sshd's exit status if it can't bind any address (OpenSSH log.c, fatal() → cleanup_exit(255)). */
#define SSHD_FATAL_STATUS 255

static ServicePhase phase_of(const UnitState *s, bool could_not_bind) {
        /* Its owner has stopped it, and the stop took longer than systemd allows. */
        bool stopped = streq(s->result, "timeout") && s->past.ceased > s->past.began;

        if (streq(s->active_state, "active") || streq(s->active_state, "reloading") ||
            streq(s->active_state, "refreshing"))
                return SERVICE_RUNNING;
        if (streq(s->active_state, "activating"))
                /* auto-restart: systemd waits between two tries, as Restart= asks for. */
                return startswith(s->sub_state, "auto-restart") && could_not_bind ? SERVICE_TO_START
                                                                                  : SERVICE_STARTING;
        if (streq(s->active_state, "deactivating"))
                return SERVICE_STOPPING;
        if (s->job != 0)
                return SERVICE_QUEUED;
        if (streq(s->active_state, "inactive"))
                return SERVICE_INACTIVE;
        if (streq(s->active_state, "failed"))
                return could_not_bind && !stopped ? SERVICE_TO_START : SERVICE_FAILED;
        return SERVICE_UNKNOWN;
}

/* A service whose bind() Windows never answers ends by systemd's timeout: sshd waits for nothing else when
 * it starts. */
ServicePhase unit_state_to_phase(const UnitState *s) {
        bool is_down = s && (streq(s->active_state, "inactive") || streq(s->active_state, "failed")),
             exited = s && s->past.code == CLD_EXITED && s->past.status == SSHD_FATAL_STATUS,
             forked = s && streq(s->result, "protocol") &&
                      s->past.code == 0; /* Type=forking: a child could not bind */

        if (!s)
                return SERVICE_UNKNOWN;
        if (streq(s->load_state, "not-found"))
                return SERVICE_ABSENT;
        if (is_down && streq(s->load_state, "masked"))
                return SERVICE_INACTIVE;
        if (is_down && !streq(s->load_state, "loaded"))
                return SERVICE_FAILED;
        return phase_of(s, streq(s->result, "timeout") || exited || forked);
}

ServicePhase socket_state_to_phase(const UnitState *s) {
        return s ? phase_of(s, streq(s->result, "resources")) : SERVICE_UNKNOWN;
}

ServicePhase managed_phase(ManagedUnits managed) {
        return managed.socket ? socket_state_to_phase(managed.socket) : unit_state_to_phase(managed.service);
}

Shape managed_shape(ManagedUnits managed) {
        const UnitState *unit = managed.socket ? managed.socket : managed.service;

        return (Shape){
                .by_socket = managed.socket,
                .was_inactive = unit && streq(unit->active_state, "inactive"),
                .accept = managed.socket && managed.socket->accept,
                .has_service = managed.service,
        };
}
