/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/rules.h"

/* Decides for an sshd that is about to bind the port of @fact, which isn't known to be free. */
static void ask_or_replace(const Config *config, const Snapshot *s, const PortFact *fact, Decision *d) {
        Availability a = port_fact_availability(fact);

        if (a == PORT_NOT_ASKED)
                decide_probe(d, s->moved_to != 0 ? STATE_RELOCATED : STATE_UNKNOWN, fact->port);
        else if (a == PORT_TAKEN)
                candidate_replace(config, s, fact, d);
        else
                decide_by_fact(d, a == PORT_TRACKER_DEAD ? STATE_BLOCKED : STATE_UNKNOWN, ACTION_NONE, 0,
                               fact);
}

static void start_at_home(const Config *config, const Snapshot *s, Decision *d) {
        const PortFact home = snapshot_fact(s, s->home.ports[0]);
        PortFact obstacle;

        if (config->relocate == RELOCATE_MIRRORED)
                candidate_choose(config, s, d, CAUSE_POLICY, "Relocate=mirrored leaves %u to Windows",
                                 home.port);
        else if (find_obstacle(s, &obstacle))
                ask_or_replace(config, s, &obstacle, d);
        else {
                decide_by_fact(d, STATE_CLEAR, ACTION_NONE, 0, &home);
                decide_start_if_down(s, home.port, d);
        }
}

static void start_moved(const Config *config, const Snapshot *s, Decision *d) {
        const PortFact fact = snapshot_fact(s, s->moved_to);
        PortFact obstacle;
        Availability a;

        if (s->booting && config->restore != RESTORE_MANUAL && config->relocate != RELOCATE_MIRRORED) {
                if (decide_way_home(config, s, STATE_CLEAR, d, &obstacle))
                        return;
                a = port_fact_availability(&obstacle);
                /* No answer, or a dead tracker: a question about another port would fare no better. */
                if (a == PORT_NO_ANSWER || a == PORT_TRACKER_DEAD) {
                        ask_or_replace(config, s, &obstacle, d);
                        return;
                }
        }

        if (!config_allows_port(config, s->moved_to) && config->n_candidates > 0)
                candidate_choose(config, s, d, CAUSE_POLICY, "CandidatePorts does not have %u any more",
                                 s->moved_to);
        else if (port_fact_availability(&fact) != PORT_FREE)
                ask_or_replace(config, s, &fact, d);
        else {
                decide_stay(config, s, d);
                decide_start_if_down(s, s->moved_to, d);
                if (s->unapplied && !s->postponed) {
                        d->action = ACTION_RELOCATE;
                        d->port = s->moved_to;
                }
        }
}

void start_decide(const Config *config, const Snapshot *s, Decision *d) {
        if (s->verdict != SSHD_VERDICT_VALID) /* sshd won't get as far as bind() */
                decide_nothing(config, s, d, CAUSE_CONFIGURATION_REFUSED,
                               "sshd refuses its own configuration: %s", strempty(s->verdict_detail));
        else if (s->cannot_bind)
                decide_nothing(config, s, d, CAUSE_NO_ADDRESS, "%s", s->cannot_bind);
        else if (s->moved_to != 0)
                start_moved(config, s, d);
        else
                start_at_home(config, s, d);
}
