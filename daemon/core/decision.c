/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/decision.h"

static const char *const action_words[_ACTION_MAX] = {
        [ACTION_NONE] = "none",
        [ACTION_PROBE] = "probe",
        [ACTION_RELOCATE] = "relocate",
        [ACTION_RESTORE] = "restore",
        [ACTION_START] = "start",
        [ACTION_ENABLE] = "enable",
        [ACTION_DISABLE_SOCKET] = "disable-socket",
        [ACTION_ENABLE_SOCKET] = "enable-socket",
};
DEFINE_WORDS(action, Action);

void decide(Decision *d, State state, Action action, uint16_t port, const char *format, ...) {
        d->state = state;
        d->action = action;
        d->port = port;
        format_arguments(d->reason, sizeof(d->reason), format);
}

void decide_by_fact(Decision *d, State state, Action action, uint16_t port, const PortFact *fact) {
        d->state = state;
        d->action = action;
        d->port = port;
        port_fact_describe(fact, d->reason, sizeof(d->reason));
}

void decide_probe(Decision *d, State state, uint16_t port) {
        decide(d, state, ACTION_PROBE, port, "asking whether sshd can have %u", port);
}

void decide_nothing(const Snapshot *s, Decision *d, const char *format, ...) {
        State state = s->home.n_ports > 0 ? STATE_CLEAR : STATE_UNKNOWN;
        char why[REASON_SIZE / 2], text[160];

        format_arguments(why, sizeof(why), format);

        if (s->moved_to != 0) {
                decide(d, STATE_RELOCATED, ACTION_NONE, 0, "%s; sshd's port is %u", why, s->moved_to);
                return;
        }

        for (size_t i = 0; i < s->home.n_ports; i++) {
                const PortFact fact = snapshot_fact(s, s->home.ports[i]);
                Availability a = port_fact_availability(&fact);

                if (a == PORT_FREE || fact.holder == HOLDER_SSHD ||
                    (fact.holder == HOLDER_NONE && !mode_shares_ports(s->mode)))
                        continue;
                if (a == PORT_TAKEN) {
                        port_fact_describe(&fact, text, sizeof(text));
                        decide(d, STATE_CONFLICT, ACTION_NONE, 0, "%s; %s", why, text);
                        return;
                }
                state = STATE_UNKNOWN;
        }
        decide(d, state, ACTION_NONE, 0, "%s", why);
}

void decide_start_if_down(const Snapshot *s, uint16_t port, Decision *d) {
        if (s->service != SERVICE_TO_START)
                return;

        if (s->postponed)
                decide(d, STATE_BLOCKED, ACTION_NONE, 0, "sshd is down, and %s", s->postponed);
        else {
                d->action = ACTION_START;
                d->port = port;
        }
}

bool find_obstacle(const Snapshot *s, PortFact *ret) {
        for (size_t i = 0; i < s->home.n_ports; i++) {
                *ret = snapshot_fact(s, s->home.ports[i]);
                if (port_fact_availability(ret) != PORT_FREE &&
                    (s->service != SERVICE_RUNNING || ret->holder != HOLDER_SSHD))
                        return true;
        }

        return false;
}

bool decide_way_home(const Snapshot *s, State restored, Decision *d, PortFact *ret_obstacle) {
        if (!find_obstacle(s, ret_obstacle)) {
                const PortFact home = snapshot_fact(s, s->home.ports[0]);

                decide_by_fact(d, restored, ACTION_RESTORE, home.port, &home);
                return true;
        }
        if (port_fact_availability(ret_obstacle) != PORT_NOT_ASKED)
                return false;

        decide(d, STATE_RELOCATED, ACTION_PROBE, ret_obstacle->port, "asking whether sshd can go back to %u",
               ret_obstacle->port);
        return true;
}
