/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/rules.h"

/* True if an sshd that was moved is to go back now. Restore=auto needs a hint that each home port is free,
 * as nobody binds a home port to find out. */
static bool wants_home(const Config *config, const Snapshot *s) {
        if (s->request == REQUEST_RESTORE)
                return true;
        if (config->relocate != RELOCATE_CONFLICT || config->restore != RESTORE_AUTO || s->requested ||
            s->no_auto_restore)
                return false;

        for (size_t i = 0; i < s->home.n_ports; i++) {
                const PortFact fact = snapshot_fact(s, s->home.ports[i]);

                if (port_fact_availability(&fact) != PORT_FREE && !fact.holder_left &&
                    fact.holder != HOLDER_SSHD)
                        return false;
        }
        return s->home.n_ports > 0;
}

/* Somebody asks to move an sshd that listens: whether it can be done or not, the state is @state until then. */
static void decide_requested(const Config *config, const Snapshot *s, State state, Decision *d) {
        candidate_choose(config, s, d, CAUSE_REQUESTED, "somebody asked for it");
        d->state = state;
}

/* Decides for an sshd that was moved, and that listens there. */
static void listens_moved(const Config *config, const Snapshot *s, Decision *d) {
        bool there = s->request_port == 0 ? config_allows_port(config, s->moved_to)
                                          : s->request_port == s->moved_to;
        PortFact obstacle;

        if (s->request == REQUEST_RELOCATE && !there)
                decide_requested(config, s, STATE_RELOCATED, d);
        else if (s->request == REQUEST_RESTORE && config->relocate == RELOCATE_MIRRORED)
                decide(d, STATE_RELOCATED, CAUSE_POLICY, ACTION_NONE, 0,
                       "Relocate=mirrored keeps sshd on %u", s->moved_to);
        else if (!wants_home(config, s))
                decide_stay(config, s, d);
        else if (s->postponed)
                decide(d, STATE_RELOCATED, s->too_often ? CAUSE_TOO_OFTEN : CAUSE_NONE, ACTION_NONE, 0,
                       "sshd stays on %u: %s", s->moved_to, s->postponed);
        else if (s->verdict != SSHD_VERDICT_VALID)
                decide(d, STATE_RELOCATED, CAUSE_CONFIGURATION_REFUSED, ACTION_NONE, 0,
                       "sshd refuses its own configuration: %s",
                       s->verdict_detail ? s->verdict_detail : "not known why");
        else if (!decide_way_home(config, s, STATE_RELOCATED, d, &obstacle))
                decide_by_fact(d, STATE_RELOCATED, ACTION_NONE, 0, &obstacle);
}

/* A socket unit runs without its sockets. systemd 255 and later close them at a daemon-reload that brings
 * other addresses, and call the unit listening all the same. Only a restart mends that, so the unit counts
 * as one to be started. */
static void socket_closed(const Config *config, const Snapshot *s, Decision *d) {
        Snapshot down = *s;

        down.service = SERVICE_TO_START;
        if (snapshot_is_home(s, s->moved_to))
                down.moved_to = 0;
        d->ask_again = true;
        start_decide(config, &down, d);
}

/* A way back was cut off before anybody told sshd: our file is gone, and sshd listens where it was moved
 * to. */
static bool is_back_on_disk_only(const Config *config, const Snapshot *s) {
        return s->verdict == SSHD_VERDICT_VALID && s->moved_to == 0 && s->last_port != 0 &&
               !snapshot_is_home(s, s->last_port) && snapshot_sshd_has(s, s->last_port) &&
               config_allows_port(config, s->last_port);
}

static void put_file_back(const Snapshot *s, Decision *d) {
        decide(d, STATE_RELOCATED, s->postponed && s->too_often ? CAUSE_TOO_OFTEN : CAUSE_NONE,
               s->postponed ? ACTION_NONE : ACTION_RELOCATE, s->postponed ? 0 : s->last_port,
               "sshd is on %u still%s%s", s->last_port, s->postponed ? "; " : "", strempty(s->postponed));
        candidate_keep_others(s, d);
}

/* Decides for an sshd that runs and does not listen on @expected. */
static void port_missing(const Config *config, const Snapshot *s, uint16_t expected, Decision *d) {
        const PortFact fact = snapshot_fact(s, expected);
        bool has_home = snapshot_sshd_has_home(s);
        char why[96];

        d->port_missing = true;
        decide(d, STATE_UNKNOWN, CAUSE_NONE, ACTION_NONE, 0,
               s->settled == SETTLED_UNSEEN ? "who listens on %u could not be seen"
                                            : "sshd runs, but does not listen on %u",
               expected);
        if (s->settled != SETTLED_WITHOUT_PORT)
                return;

        if (s->by_socket && !has_home)
                socket_closed(config, s, d);
        else if (is_back_on_disk_only(config, s))
                put_file_back(s, d);
        else if (holder_is_stranger(fact.holder) || fact.bind == BIND_REFUSED_BY_WINDOWS) {
                /* A stranger has one family of the port, and clients of that family reach the stranger. (Had
                 * it both, sshd would have ended.) Or sshd was about to bind another port, and has one
                 * family of that port or none. */
                d->ask_again = !has_home;
                candidate_replace(config, s, &fact, d);
        } else if (has_home) {
                snprintf(why, sizeof(why), "sshd could not have %u", expected);
                candidate_replace_home(config, s, expected, port_fact_cause(&fact), why, d);
        } else if (s->mode == MODE_CONSOMME) {
                /* Under consomme a refused bind() succeeds, on a random port. (microsoft/WSL; replayed) */
                d->ask_again = true;
                candidate_choose(config, s, d, CAUSE_WINDOWS_REFUSES,
                                 "sshd listens on another port than %u, as where consomme refused it",
                                 expected);
        }
}

/* Decides for an sshd that has the port of @fact on IPv6 only: somebody else had IPv4 when sshd started. */
static void mend_ipv4(const Config *config, const Snapshot *s, const PortFact *fact, Decision *d) {
        char why[160];

        port_fact_describe(fact, why, sizeof(why));
        decide(d, d->state, port_fact_cause(fact), ACTION_NONE, 0, "%s%s%s", why, s->postponed ? "; " : "",
               strempty(s->postponed));
        if (s->settled != SETTLED_WITHOUT_IPV4 || s->postponed || s->verdict != SSHD_VERDICT_VALID)
                return;

        d->ask_again = fact->bind != BIND_TRACKER_DEAD;
        if (fact->bind == BIND_NOT_ASKED)
                decide(d, d->state, d->cause, ACTION_PROBE, fact->port,
                       "asking whether sshd can have %u on IPv4", fact->port);
        else if (fact->bind == BIND_FREE)
                decide(d, d->state, d->cause, ACTION_START, fact->port, "%s, and IPv4 is free", why);
        else if (fact->bind == BIND_REFUSED_BY_WINDOWS || fact->bind == BIND_REFUSED_BY_LINUX) {
                candidate_replace(config, s, fact, d);
                if (d->state == STATE_CLEAR) /* sshd makes do with another home port */
                        d->ask_again = false;
        }
}

/* Comes after all other rules, as clients reach this sshd by IPv6. A socket unit has all of its addresses,
 * or fails. */
static void mend_ipv4_of(const Config *config, const Snapshot *s, const uint16_t ports[], size_t n,
                         Decision *d) {
        for (size_t i = 0; i < n && !s->by_socket; i++) {
                const PortFact fact = snapshot_fact(s, ports[i]);

                if (fact.holder == HOLDER_SSHD && fact.lacks_ipv4) {
                        mend_ipv4(config, s, &fact, d);
                        return;
                }
        }
}

/* The first home port that sshd does not listen on; 0: none. */
static uint16_t first_missing(const Snapshot *s) {
        for (size_t i = 0; i < s->home.n_ports; i++)
                if (!snapshot_sshd_has(s, s->home.ports[i]))
                        return s->home.ports[i];

        return 0;
}

void running_decide(const Config *config, const Snapshot *s, Decision *d) {
        bool moved = s->moved_to != 0 && !snapshot_is_home(s, s->moved_to);
        const PortFact home = snapshot_fact(s, s->home.ports[0]);
        uint16_t missing = first_missing(s);

        if (moved && missing == 0 && s->request == REQUEST_NONE && config->relocate == RELOCATE_CONFLICT &&
            snapshot_sshd_has(s, s->moved_to))
                decide(d, STATE_RELOCATED, CAUSE_NONE, ACTION_RESTORE, home.port,
                       "sshd has its own port %u, and %u beside it", home.port, s->moved_to);
        else if (moved && snapshot_sshd_has(s, s->moved_to)) {
                listens_moved(config, s, d);
                if (d->action == ACTION_NONE && s->request == REQUEST_NONE)
                        mend_ipv4_of(config, s, &s->moved_to, 1, d);
        } else if (missing != 0)
                port_missing(config, s, moved ? s->moved_to : missing, d);
        else if (config->relocate == RELOCATE_MIRRORED)
                candidate_choose(config, s, d, CAUSE_POLICY, "Relocate=mirrored leaves %u to Windows",
                                 home.port);
        else if (s->request == REQUEST_RELOCATE)
                decide_requested(config, s, STATE_CLEAR, d);
        else if (s->moved_to != 0)
                /* A move was cut off before anybody told sshd. */
                decide(d, STATE_CLEAR, CAUSE_NONE, ACTION_RESTORE, home.port,
                       "sshd has its own port, and wslportd's file names another");
        else {
                decide_by_fact(d, STATE_CLEAR, ACTION_NONE, 0, &home);
                mend_ipv4_of(config, s, s->home.ports, s->home.n_ports, d);
        }
}
