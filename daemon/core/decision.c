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

void decide(Decision *d, State state, Cause cause, Action action, uint16_t port, const char *format, ...) {
        d->state = state;
        d->cause = cause;
        d->action = action;
        d->port = port;
        format_arguments(d->reason, sizeof(d->reason), format);
}

void decide_by_fact(Decision *d, State state, Action action, uint16_t port, const PortFact *fact) {
        char why[160];

        port_fact_describe(fact, why, sizeof(why));
        decide(d, state, port_fact_cause(fact), action, port, "%s", why);
}

void decide_probe(Decision *d, State state, uint16_t port) {
        decide(d, state, CAUSE_NONE, ACTION_PROBE, port, "asking whether sshd can have %u", port);
}

/* True, and the fact, for the first home port that somebody else is known to have. */
static bool find_taken(const Snapshot *s, PortFact *ret) {
        for (size_t i = 0; i < s->home.n_ports; i++) {
                *ret = snapshot_fact(s, s->home.ports[i]);
                if (ret->holder != HOLDER_SSHD && port_fact_availability(ret) == PORT_TAKEN)
                        return true;
        }
        return false;
}

/* True, and the fact, for a home port that keeps Restore=auto from taking sshd home. */
static bool find_hindrance(const Config *config, const Snapshot *s, PortFact *ret) {
        return config->restore == RESTORE_AUTO && config->relocate != RELOCATE_MIRRORED &&
               !s->no_auto_restore && find_obstacle(s, ret) && port_fact_cause(ret) != CAUSE_NONE;
}

void decide_stay(const Config *config, const Snapshot *s, Decision *d) {
        PortFact home;

        if (s->requested)
                decide(d, STATE_RELOCATED, CAUSE_REQUESTED, ACTION_NONE, 0, "somebody asked for port %u",
                       s->moved_to);
        else if (find_taken(s, &home) || find_hindrance(config, s, &home))
                decide_by_fact(d, STATE_RELOCATED, ACTION_NONE, 0, &home);
        else if (config->relocate == RELOCATE_MIRRORED)
                decide(d, STATE_RELOCATED, CAUSE_POLICY, ACTION_NONE, 0,
                       "Relocate=mirrored leaves %u to Windows", home_first_port(&s->home));
        else if (config->restore != RESTORE_AUTO)
                decide(d, STATE_RELOCATED, CAUSE_POLICY, ACTION_NONE, 0, "Restore=%s keeps sshd on %u",
                       restore_policy_to_string(config->restore), s->moved_to);
        else if (s->no_auto_restore)
                decide(d, STATE_RELOCATED, CAUSE_TOO_OFTEN, ACTION_NONE, 0,
                       "sshd stays on %u: it was moved too often within a minute", s->moved_to);
        else
                decide(d, STATE_RELOCATED, CAUSE_NONE, ACTION_NONE, 0,
                       "sshd stays on %u until its own port is seen to be free", s->moved_to);
}

void decide_nothing(const Config *config, const Snapshot *s, Decision *d, Cause cause, const char *format,
                    ...) {
        State state = s->home.n_ports > 0 ? STATE_CLEAR : STATE_UNKNOWN;
        char why[REASON_SIZE / 2], text[160];
        PortFact taken;

        format_arguments(why, sizeof(why), format);

        if (s->moved_to != 0) {
                decide_stay(config, s, d);
                decide(d, d->state, cause != CAUSE_NONE ? cause : d->cause, ACTION_NONE, 0, "%s", why);
                return;
        }
        if (find_taken(s, &taken)) {
                port_fact_describe(&taken, text, sizeof(text));
                decide(d, STATE_CONFLICT, port_fact_cause(&taken), ACTION_NONE, 0, "%s; %s", why, text);
                return;
        }

        for (size_t i = 0; i < s->home.n_ports; i++) {
                const PortFact fact = snapshot_fact(s, s->home.ports[i]);

                if (port_fact_availability(&fact) != PORT_FREE && fact.holder != HOLDER_SSHD &&
                    (fact.holder != HOLDER_NONE || mode_shares_ports(s->mode)))
                        state = STATE_UNKNOWN;
        }
        decide(d, state, cause, ACTION_NONE, 0, "%s", why);
}

void decide_start_if_down(const Snapshot *s, uint16_t port, Decision *d) {
        if (s->service != SERVICE_TO_START)
                return;

        if (s->postponed)
                decide(d, STATE_BLOCKED, s->too_often ? CAUSE_TOO_OFTEN : d->cause, ACTION_NONE, 0,
                       "sshd is down, and %s", s->postponed);
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

bool decide_way_home(const Config *config, const Snapshot *s, State restored, Decision *d,
                     PortFact *ret_obstacle) {
        if (!find_obstacle(s, ret_obstacle)) {
                const PortFact home = snapshot_fact(s, s->home.ports[0]);

                decide_by_fact(d, restored, ACTION_RESTORE, home.port, &home);
                return true;
        }
        if (port_fact_availability(ret_obstacle) != PORT_NOT_ASKED)
                return false;

        decide_stay(config, s, d);
        decide(d, d->state, d->cause, ACTION_PROBE, ret_obstacle->port,
               "asking whether sshd can go back to %u", ret_obstacle->port);
        return true;
}
