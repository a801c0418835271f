/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/rules.h"

/* ACTION_DISABLE_SOCKET if the service is to take its socket unit's place, ACTION_ENABLE_SOCKET if the
 * socket unit is to take it back, else ACTION_NONE. */
static Action wanted_switch(const Config *config, const Snapshot *s) {
        bool disable = config->socket_activation == SOCKET_ACTIVATION_DISABLE && !s->switch_failed;

        if (disable &&
            ((s->by_socket && (s->service == SERVICE_RUNNING || s->service == SERVICE_TO_START)) ||
             (s->switch_unfinished && s->service == SERVICE_INACTIVE)))
                return ACTION_DISABLE_SOCKET;
        /* A switch that was begun is ended all the same. */
        if (config->socket_activation == SOCKET_ACTIVATION_UNREADABLE && !s->switch_unfinished)
                return ACTION_NONE;
        if (!disable && s->socket_disabled)
                return ACTION_ENABLE_SOCKET;
        return ACTION_NONE;
}

/* False if sshd would not start, or if a conflict could not be solved afterwards: our file can't move a
 * service whose port is fixed, while a drop-in moves its socket unit. */
static bool can_switch(const Snapshot *s, Action action) {
        return s->verdict == SSHD_VERDICT_VALID &&
               !(action == ACTION_DISABLE_SOCKET && s->by_socket && s->home.port_fixed);
}

void switch_tell_waiting(const Config *config, const Snapshot *s, Decision *d) {
        Action action = wanted_switch(config, s);
        size_t length = strlen(d->reason);

        if (s->switch_failed)
                snprintf(d->reason + length, sizeof(d->reason) - length,
                         "; SocketActivation=disable waits until wslportd is reloaded: %s did not come up",
                         strempty(s->unit_name));
        if (s->switch_failed || action == ACTION_NONE || d->action != ACTION_NONE ||
            d->state == STATE_UNMANAGED || can_switch(s, action))
                return;

        snprintf(d->reason + length, sizeof(d->reason) - length, "; SocketActivation=%s waits: %s%s",
                 socket_activation_to_string(config->socket_activation),
                 s->verdict == SSHD_VERDICT_UNKNOWN ? "it isn't known whether sshd accepts its configuration"
                 : s->verdict != SSHD_VERDICT_VALID ? "sshd does not accept its configuration"
                 : isempty(s->port_fixed_by)        ? "a ListenAddress with a port"
                                                    : s->port_fixed_by,
                 s->verdict != SSHD_VERDICT_VALID ? "" : " fixes the service's port");
}

bool switch_decide(const Config *config, const Snapshot *s, Decision *d) {
        Action action = wanted_switch(config, s);

        if (s->booting || s->postponed)
                return false;

        if (s->not_enabled && s->service == SERVICE_INACTIVE && config->ensure_enabled)
                decide(d, STATE_UNKNOWN, CAUSE_POLICY, ACTION_ENABLE, 0,
                       "EnsureEnabled=yes, and %s is not enabled", strempty(s->unit_name));
        else if (action != ACTION_NONE && can_switch(s, action))
                decide(d, STATE_UNKNOWN, CAUSE_POLICY, action, 0, "SocketActivation=%s",
                       socket_activation_to_string(config->socket_activation));
        else
                return false;
        return true;
}
