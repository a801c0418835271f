/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/config-file.h"
#include "core/rules.h"

/* Windows excludes whole ranges of ports, and each question to it costs time. After this many refusals in a row
 * within one range of CandidatePorts, each step is half of what is left of that range: 16 more questions reach its
 * end, and find a part there that is free. */
#define REFUSALS_BEFORE_LEAP 4

/* True if another candidate was asked for in vain. Its files were fine then: for the next only the port is in question. */
static bool has_asked_in_vain(const Snapshot *s) {
        for (size_t i = 0; i < s->n_facts; i++)
                if ((s->facts[i].bind == BIND_REFUSED_BY_WINDOWS || s->facts[i].bind == BIND_FAILED) &&
                    !snapshot_is_home(s, s->facts[i].port))
                        return true;
        return false;
}

/* True if @d is decided: @port is to be tried, or no port can be tried now. */
static bool try_port(const Snapshot *s, uint16_t port, const char *why, Decision *d) {
        const PortFact fact = snapshot_fact(s, port);
        Availability a = port_fact_availability(&fact);

        if (a == PORT_FREE || a == PORT_NOT_ASKED)
                decide(d, STATE_CONFLICT, d->cause,
                       a == PORT_NOT_ASKED && has_asked_in_vain(s) ? ACTION_PROBE : ACTION_RELOCATE, port,
                       "%s", why);
        else if (a == PORT_NO_ANSWER || a == PORT_TRACKER_DEAD)
                decide_by_fact(d, a == PORT_NO_ANSWER ? STATE_CONFLICT : STATE_BLOCKED, ACTION_NONE, 0,
                               &fact);
        else
                return false;
        return true;
}

/* *@skipped is set if ports of the range were left out. */
static bool try_range(const Snapshot *s, PortRange range, const char *why, bool *skipped, Decision *d) {
        unsigned refusals = 0;

        for (uint32_t port = range.first, step; port <= range.last; port += step) {
                if (!snapshot_is_home(s, (uint16_t) port)) {
                        if (try_port(s, (uint16_t) port, why, d))
                                return true;
                        refusals = snapshot_fact(s, (uint16_t) port).bind == BIND_REFUSED_BY_WINDOWS
                                                   ? refusals + 1
                                                   : 0;
                }
                step = refusals >= REFUSALS_BEFORE_LEAP ? (range.last - port) / 2 + 1 : 1;
                *skipped = *skipped || step > 1;
        }
        return false;
}

/* True, and it is told, if a candidate could not be asked for: it may be free. */
static bool tell_undecided(const Config *config, const Snapshot *s, const char *why, Decision *d) {
        char tried[160];

        for (size_t i = 0; i < s->n_facts; i++)
                if (config_allows_port(config, s->facts[i].port) &&
                    port_fact_availability(&s->facts[i]) == PORT_UNDECIDED) {
                        port_fact_describe(&s->facts[i], tried, sizeof(tried));
                        decide(d, STATE_CONFLICT, d->cause, ACTION_NONE, 0, "%s; %s", why, tried);
                        return true;
                }
        return false;
}

static void try_all(const Config *config, const Snapshot *s, const char *why, Decision *d) {
        bool skipped = false;

        if (s->last_port != 0 && config_allows_port(config, s->last_port) &&
            !snapshot_is_home(s, s->last_port) && try_port(s, s->last_port, why, d))
                return;

        for (size_t i = 0; i < config->n_candidates; i++)
                if (try_range(s, config->candidates[i], why, &skipped, d))
                        return;

        if (tell_undecided(config, s, why, d))
                return;
        decide(d, STATE_BLOCKED, CAUSE_NO_CANDIDATE, ACTION_NONE, 0,
               "%s, and " REASON_NO_CANDIDATE " is free%s: add one that is", why,
               skipped ? " among those that were tried" : "");
}

/* True if our files can take sshd from one of the ports that it isn't to keep. */
static bool leaves_a_port(const Snapshot *s, const Decision *d) {
        for (size_t i = 0; i < s->home.n_ports; i++)
                if (home_can_leave(&s->home, s->home.ports[i]) &&
                    !port_is_one_of(s->home.ports[i], d->beside, d->n_beside))
                        return true;
        return false;
}

/* Fixed ports stay without being asked to. */
static void keep(const Snapshot *s, uint16_t port, Decision *d) {
        if (home_can_leave(&s->home, port))
                d->beside[d->n_beside++] = port;
}

static void choose(const Config *config, const Snapshot *s, const char *why, Decision *d) {
        const ConfigPlace *place = &config->places[CONFIG_CANDIDATE_PORTS];
        const PortFact requested = snapshot_fact(s, s->request_port);

        if (s->verdict != SSHD_VERDICT_VALID)
                decide(d, STATE_BLOCKED, CAUSE_CONFIGURATION_REFUSED, ACTION_NONE, 0,
                       "%s, and sshd refuses its own configuration: %s", why,
                       s->verdict_detail ? s->verdict_detail : "not known why");
        else if (!leaves_a_port(s, d)) {
                decide(d, STATE_BLOCKED, CAUSE_FIXED_BY_CONFIGURATION, ACTION_NONE, 0,
                       "%s, and %s fixes sshd's port: take it out there, then sshd can be moved", why,
                       isempty(s->port_fixed_by) ? "a ListenAddress with a port" : s->port_fixed_by);
                d->ask_again = false; /* no later answer changes this */
        } else if (s->postponed)
                decide(d, STATE_BLOCKED, s->too_often ? CAUSE_TOO_OFTEN : d->cause, ACTION_NONE, 0, "%s; %s",
                       why, s->postponed);
        else if (s->request != REQUEST_RELOCATE || requested.port == 0)
                try_all(config, s, why, d);
        else if (snapshot_is_home(s, requested.port))
                decide(d, STATE_CONFLICT, CAUSE_POLICY, ACTION_NONE, 0,
                       "%u is sshd's own port; to take sshd there: `wslportctl restore`", requested.port);
        else if (!config_allows_port(config, requested.port))
                decide(d, STATE_CONFLICT, CAUSE_POLICY, ACTION_NONE, 0,
                       "%u is not among CandidatePorts: add it in %s, then `wslportctl reload`",
                       requested.port, place->line > 0 ? place->file : CONFIG_FILE);
        else if (!try_port(s, requested.port, why, d))
                decide_by_fact(d, STATE_CONFLICT, ACTION_NONE, 0, &requested);
}

void candidate_keep_others(const Snapshot *s, Decision *d) {
        for (size_t i = s->moved_to == 0 ? 1 : 0; i < s->home.n_ports; i++)
                if (snapshot_sshd_has(s, s->home.ports[i]))
                        keep(s, s->home.ports[i], d);
}

void candidate_choose(const Config *config, const Snapshot *s, Decision *d, Cause cause, const char *format,
                      ...) {
        char why[160];

        format_arguments(why, sizeof(why), format);
        candidate_keep_others(s, d);
        d->cause = cause;
        choose(config, s, why, d);
}

/* CandidatePorts may name another home port: then sshd's owner has provided for the conflict, and sshd makes
 * do with that port. Otherwise sshd is moved, and the other home ports stay. A service does without the
 * ports that it can't bind; a socket unit binds all of its ports or fails. */
void candidate_replace_home(const Config *config, const Snapshot *s, uint16_t port, Cause cause,
                            const char *why, Decision *d) {
        d->cause = cause;
        for (size_t i = 0; i < s->home.n_ports; i++) {
                const PortFact other = snapshot_fact(s, s->home.ports[i]);
                Availability a = port_fact_availability(&other);
                bool has = other.holder == HOLDER_SSHD;

                if (other.port == port || (!has && a == PORT_TAKEN))
                        continue;
                if (!s->by_socket && config_allows_port(config, other.port) &&
                    (has || (s->service != SERVICE_RUNNING && a != PORT_UNDECIDED))) {
                        decide(d, STATE_CLEAR, cause, ACTION_NONE, 0, "%s; %u is sshd's too", why,
                               other.port);
                        decide_start_if_down(s, other.port, d);
                        return;
                }
                if (s->by_socket && !has && a == PORT_NOT_ASKED && snapshot_is_about_to_bind(s)) {
                        decide_probe(d, STATE_UNKNOWN, other.port);
                        d->n_beside = 0;
                        return;
                }
                if (has || a == PORT_FREE || (!s->by_socket && a == PORT_NOT_ASKED))
                        keep(s, other.port, d);
        }
        choose(config, s, why, d);
}

void candidate_replace(const Config *config, const Snapshot *s, const PortFact *fact, Decision *d) {
        char why[160];

        port_fact_describe(fact, why, sizeof(why));
        if (snapshot_is_home(s, fact->port))
                candidate_replace_home(config, s, fact->port, port_fact_cause(fact), why, d);
        else
                candidate_choose(config, s, d, port_fact_cause(fact), "%s", why);
}
