/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/decision.h"
#include "unit/core/rules.h"

static const Rule rules[] = {
        { .name = "mirrored, in nat: nothing",
          .relocate = RELOCATE_MIRRORED, .mode = MODE_NAT, .service = SERVICE_RUNNING,
          .facts = { SSHD(HOME) }, .action = ACTION_NONE, .state = STATE_CLEAR },
        { .name = "never: nothing",
          .relocate = RELOCATE_NEVER, .facts = { WINDOWS(HOME), FREE(2222) }, .action = ACTION_NONE,
          .state = STATE_UNMANAGED },
        { .name = "never, sshd was moved: back",
          .relocate = RELOCATE_NEVER, .moved_to = 2222, .action = ACTION_RESTORE, .port = HOME,
          .state = STATE_CLEAR },
        { .name = "never, sshd failed on the port it was moved to: back, and start",
          .relocate = RELOCATE_NEVER, .moved_to = 2222, .service = SERVICE_TO_START,
          .facts = { LINUX(2222) }, .action = ACTION_RESTORE, .port = HOME, .then_start = true,
          .state = STATE_CLEAR },
        { .name = "never, sshd was moved and runs: nothing",
          .relocate = RELOCATE_NEVER, .moved_to = 2222, .service = SERVICE_RUNNING, .facts = { SSHD(2222) },
          .action = ACTION_NONE, .state = STATE_UNMANAGED },
        { .name = "never, home without IPv4: nothing",
          .relocate = RELOCATE_NEVER, .service = SERVICE_RUNNING, .settled = SETTLED_WITHOUT_IPV4,
          .facts = { NO_IPV4(HOME, BIND_FREE) }, .action = ACTION_NONE, .state = STATE_UNMANAGED },
        { .name = "moved, and no WSL any more: back",
          .mode = MODE_NOT_WSL, .moved_to = 2222, .action = ACTION_RESTORE, .port = HOME,
          .state = STATE_CLEAR },
        { .name = "moved, in nat: back",
          .mode = MODE_NAT, .moved_to = 2222, .action = ACTION_RESTORE, .port = HOME, .state = STATE_CLEAR },
        { .name = "moved, in nat, sshd runs: not before the next boot",
          .mode = MODE_NAT, .moved_to = 2222, .service = SERVICE_RUNNING, .facts = { SSHD(2222) },
          .action = ACTION_NONE, .state = STATE_RELOCATED },
        { .name = "sshd failed for another reason: nothing",
          .service = SERVICE_FAILED, .facts = { WINDOWS(HOME) }, .action = ACTION_NONE,
          .state = STATE_CONFLICT },
        { .name = "sshd is stopped: nothing",
          .service = SERVICE_INACTIVE, .action = ACTION_NONE, .state = STATE_UNKNOWN },
        { .name = "a condition isn't met: nothing",
          .service = SERVICE_INACTIVE, .unmet = true, .facts = { WINDOWS(HOME) }, .action = ACTION_NONE,
          .state = STATE_CONFLICT },
        { .name = "a condition isn't met, sshd was moved: nothing",
          .service = SERVICE_INACTIVE, .unmet = true, .moved_to = 2222, .action = ACTION_NONE,
          .state = STATE_RELOCATED },
        { .name = "another network: nothing",
          .own_network = true, .facts = { WINDOWS(HOME), FREE(2222) }, .action = ACTION_NONE, .state = STATE_CLEAR },
        { .name = "another network, sshd runs: nothing",
          .own_network = true, .service = SERVICE_RUNNING, .settled = SETTLED_WITHOUT_PORT,
          .facts = { WINDOWS(HOME), FREE(2222) }, .action = ACTION_NONE, .state = STATE_CLEAR },
        { .name = "another network, sshd was moved: back",
          .own_network = true, .moved_to = 2222, .facts = { WINDOWS(HOME) }, .action = ACTION_RESTORE, .port = HOME,
          .state = STATE_CLEAR },
        { .name = "another network, somebody asks: nothing",
          .own_network = true, .service = SERVICE_RUNNING, .request = REQUEST_RELOCATE, .facts = { FREE(2222) },
          .action = ACTION_NONE, .state = STATE_CLEAR },
        { .name = "sshd is not installed: nothing",
          .service = SERVICE_ABSENT, .action = ACTION_NONE, .state = STATE_UNMANAGED },
        { .name = "the kernel shows the listener before systemd tells of it: nothing",
          .by_socket = true, .moved_to = 2222, .facts = { SSHD(2222) }, .action = ACTION_NONE,
          .state = STATE_RELOCATED },
        { .name = "sshd is starting: nothing",
          .service = SERVICE_STARTING, .facts = { WINDOWS(HOME), FREE(2222) }, .action = ACTION_NONE,
          .state = STATE_CONFLICT },
};

/* Situations, and the cause that each state has there. */
static const Rule causes[] = {
        { .name = "Windows' sshd has home, no candidate is free: no-candidate",
          .facts = { { .port = HOME, .holder = HOLDER_WINDOWS_OPENSSH, .bind = BIND_REFUSED_BY_WINDOWS }, WINDOWS(2222),
                     WINDOWS(22022), WINDOWS(2200), WINDOWS(2201), WINDOWS(2202), WINDOWS(2203) },
          .state = STATE_BLOCKED, .cause = CAUSE_NO_CANDIDATE },
        { .name = "Windows' sshd has home: windows-openssh-holds",
          .facts = { { .port = HOME, .holder = HOLDER_WINDOWS_OPENSSH, .bind = BIND_REFUSED_BY_WINDOWS } },
          .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT, .cause = CAUSE_WINDOWS_OPENSSH_HOLDS },
        { .name = "Windows refuses home: windows-refuses",
          .facts = { WINDOWS(HOME) }, .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT,
          .cause = CAUSE_WINDOWS_REFUSES },
        { .name = "nginx has home: linux-holds",
          .facts = { LINUX(HOME) }, .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT,
          .cause = CAUSE_LINUX_HOLDS },
        { .name = "another distro has home: other-distro-holds",
          .facts = { { .port = HOME, .holder = HOLDER_OTHER_DISTRO } }, .action = ACTION_RELOCATE, .port = 2222,
          .state = STATE_CONFLICT, .cause = CAUSE_OTHER_DISTRO_HOLDS },
        { .name = "Windows has home on IPv4, sshd on IPv6: windows-refuses",
          .service = SERVICE_RUNNING, .settled = SETTLED_WITHOUT_IPV4,
          .facts = { NO_IPV4(HOME, BIND_REFUSED_BY_WINDOWS), FREE(2222) }, .action = ACTION_RELOCATE, .port = 2222,
          .state = STATE_CONFLICT, .cause = CAUSE_WINDOWS_REFUSES },
        { .name = "no answer about home: host-silent",
          .facts = { ANSWER(HOME, BIND_NO_ANSWER) }, .state = STATE_UNKNOWN, .cause = CAUSE_HOST_SILENT },
        { .name = "no answer about a candidate: host-silent",
          .facts = { WINDOWS(HOME), ANSWER(2222, BIND_NO_ANSWER) }, .state = STATE_CONFLICT, .cause = CAUSE_HOST_SILENT },
        { .name = "the tracker is dead: tracker-dead",
          .facts = { ANSWER(HOME, BIND_TRACKER_DEAD) }, .state = STATE_BLOCKED, .cause = CAUSE_TRACKER_DEAD },
        { .name = "a ListenAddress has the port: fixed-by-configuration",
          .fixed = true, .facts = { WINDOWS(HOME) }, .state = STATE_BLOCKED, .cause = CAUSE_FIXED_BY_CONFIGURATION },
        { .name = "sshd refuses its configuration, and is down: configuration-refused",
          .refused = true, .state = STATE_UNKNOWN, .cause = CAUSE_CONFIGURATION_REFUSED },
        { .name = "sshd refuses its configuration, and can't be moved: configuration-refused",
          .refused = true, .service = SERVICE_RUNNING, .settled = SETTLED_WITHOUT_PORT, .facts = { LINUX(HOME) },
          .port_missing = true, .ask_again = true, .state = STATE_BLOCKED, .cause = CAUSE_CONFIGURATION_REFUSED },
        { .name = "sshd's own address is missing: no-address",
          .cannot_bind = true, .state = STATE_UNKNOWN, .cause = CAUSE_NO_ADDRESS },
        { .name = "sshd is stopped: owner-stopped",
          .service = SERVICE_INACTIVE, .state = STATE_UNKNOWN, .cause = CAUSE_OWNER_STOPPED },
        { .name = "sshd is moved, and stopped: owner-stopped",
          .service = SERVICE_INACTIVE, .moved_to = 2222, .state = STATE_RELOCATED, .cause = CAUSE_OWNER_STOPPED },
        { .name = "sshd is stopped, and Windows refuses home: windows-refuses",
          .service = SERVICE_INACTIVE, .facts = { WINDOWS(HOME) }, .state = STATE_CONFLICT,
          .cause = CAUSE_WINDOWS_REFUSES },
        { .name = "the limit of moves is reached: too-often",
          .too_often = true, .facts = { WINDOWS(HOME), FREE(2222) }, .state = STATE_BLOCKED, .cause = CAUSE_TOO_OFTEN },
        { .name = "never: policy",
          .relocate = RELOCATE_NEVER, .facts = { WINDOWS(HOME) }, .state = STATE_UNMANAGED, .cause = CAUSE_POLICY },
        { .name = "a port that is no candidate: policy",
          .request = REQUEST_RELOCATE, .request_port = 80, .service = SERVICE_RUNNING, .facts = { SSHD(HOME) },
          .state = STATE_CLEAR, .cause = CAUSE_POLICY },
        { .name = "moved, and Windows has home: windows-refuses",
          .moved_to = 2222, .service = SERVICE_RUNNING, .facts = { SSHD(2222), WINDOWS(HOME) }, .state = STATE_RELOCATED,
          .cause = CAUSE_WINDOWS_REFUSES },
        { .name = "moved, and home is free again: policy",
          .moved_to = 2222, .service = SERVICE_RUNNING, .facts = { SSHD(2222), FREE(HOME) }, .state = STATE_RELOCATED,
          .cause = CAUSE_POLICY },
        { .name = "moved as somebody has asked, whoever has home: requested",
          .moved_to = 2222, .requested = true, .service = SERVICE_RUNNING, .facts = { SSHD(2222), WINDOWS(HOME) },
          .state = STATE_RELOCATED, .cause = CAUSE_REQUESTED },
        { .name = "moved, and sshd is starting: as before",
          .moved_to = 2222, .service = SERVICE_STARTING, .facts = { WINDOWS(HOME) }, .state = STATE_RELOCATED,
          .cause = CAUSE_WINDOWS_REFUSES },
        { .name = "moved, mirrored: policy",
          .relocate = RELOCATE_MIRRORED, .moved_to = 2222, .service = SERVICE_RUNNING, .facts = { SSHD(2222) },
          .state = STATE_RELOCATED, .cause = CAUSE_POLICY },
};

static void test_nothing_in_the_way_has_no_cause(void) {
        const PortFact facts[] = { { .port = HOME, .holder = HOLDER_SSHD, .bind = BIND_REFUSED_BY_WINDOWS } };
        Config config = test_config(RELOCATE_CONFLICT, RESTORE_MANUAL);
        Snapshot snapshot = test_snapshot();
        Decision decision;

        snapshot.service = SERVICE_RUNNING;
        snapshot.facts = facts;
        snapshot.n_facts = 1;
        policy_decide(&config, &snapshot, &decision);
        test_equal_int(decision.state, STATE_CLEAR);
        test_equal_string(cause_to_string(decision.cause), "none");
}

/* The reason of a move that is over says why sshd stays there. */
static void test_a_moved_sshd_has_a_reason(void) {
        const PortFact facts[] = { SSHD(2222), FREE(HOME) };
        Config config = test_config(RELOCATE_CONFLICT, RESTORE_MANUAL);
        Snapshot snapshot = test_snapshot();
        Decision decision;

        snapshot.service = SERVICE_RUNNING;
        snapshot.moved_to = 2222;
        snapshot.facts = facts;
        snapshot.n_facts = ELEMENTSOF(facts);
        policy_decide(&config, &snapshot, &decision);
        test_equal_string(decision.reason, "Restore=manual keeps sshd on 2222");
        config.relocate = RELOCATE_MIRRORED;
        policy_decide(&config, &snapshot, &decision);
        test_equal_string(decision.reason, "Relocate=mirrored leaves 22 to Windows");
        snapshot.requested = true;
        policy_decide(&config, &snapshot, &decision);
        test_equal_string(decision.reason, "somebody asked for port 2222");
}

static void test_mode_unknown_does_nothing(void) {
        Config config = test_config(RELOCATE_CONFLICT, RESTORE_AUTO);
        const PortFact facts[] = { WINDOWS(HOME), FREE(2222) };
        Snapshot snapshot = test_snapshot();
        Decision decision;

        snapshot.mode = MODE_UNKNOWN;
        snapshot.facts = facts;
        snapshot.n_facts = ELEMENTSOF(facts);
        policy_decide(&config, &snapshot, &decision);
        test_equal_int(decision.action, ACTION_NONE);
        test_equal_int(decision.state, STATE_UNKNOWN);
}

static void test_refusal_of_our_file_takes_it_away(void) {
        Config config = test_config(RELOCATE_CONFLICT, RESTORE_MANUAL);
        Snapshot snapshot = test_snapshot();
        Decision decision;

        snapshot.verdict = SSHD_VERDICT_OUR_FILE_REFUSED;
        snapshot.moved_to = 2222;
        policy_decide(&config, &snapshot, &decision);
        test_equal_int(decision.action, ACTION_RESTORE);
        test_equal_int(decision.then_start, false);

        /* systemd does not start a failed service again. */
        snapshot.service = SERVICE_FAILED;
        policy_decide(&config, &snapshot, &decision);
        test_equal_int(decision.action, ACTION_RESTORE);
        test_equal_int(decision.then_start, true);
}

static void test_a_failed_service_has_its_reason(void) {
        Config config = test_config(RELOCATE_CONFLICT, RESTORE_MANUAL);
        Snapshot snapshot = test_snapshot();
        Decision decision;

        snapshot.service = SERVICE_FAILED;
        snapshot.verdict = SSHD_VERDICT_REFUSED;
        snapshot.verdict_detail = "no hostkeys available";
        policy_decide(&config, &snapshot, &decision);
        test_equal_int(decision.action, ACTION_NONE);
        test_contains(decision.reason, "no hostkeys available");

        snapshot.verdict = SSHD_VERDICT_VALID;
        policy_decide(&config, &snapshot, &decision);
        test_contains(decision.reason, "not because of a port");
}

/* sshd accepts its configuration and does not tell where it would listen. */
static void test_an_unknown_home_leaves_our_file(void) {
        Config config = test_config(RELOCATE_CONFLICT, RESTORE_MANUAL);
        Snapshot snapshot = test_snapshot();
        Decision decision;

        snapshot.home = (Home){ 0 };
        snapshot.moved_to = 2222;
        policy_decide(&config, &snapshot, &decision);
        test_equal_int(decision.action, ACTION_NONE);
        test_equal_int(decision.state, STATE_UNKNOWN);
}

static void test_postponed_move_waits(void) {
        Config config = test_config(RELOCATE_CONFLICT, RESTORE_MANUAL);
        const PortFact facts[] = { WINDOWS(HOME), FREE(2222) }, moved[] = { FREE(HOME), SSHD(2222) };
        Snapshot snapshot = test_snapshot();
        Decision decision;

        snapshot.postponed = "tried again in 60 s";
        snapshot.facts = facts;
        snapshot.n_facts = ELEMENTSOF(facts);
        policy_decide(&config, &snapshot, &decision);
        test_equal_int(decision.action, ACTION_NONE);
        test_equal_int(decision.state, STATE_BLOCKED);
        test_contains(decision.reason, "tried again in 60 s");

        /* The way back is postponed too. */
        snapshot.facts = moved;
        snapshot.moved_to = 2222;
        snapshot.home.reads_our_file = true;
        snapshot.service = SERVICE_RUNNING;
        snapshot.request = REQUEST_RESTORE;
        policy_decide(&config, &snapshot, &decision);
        test_equal_int(decision.action, ACTION_NONE);
        test_equal_int(decision.state, STATE_RELOCATED);
        test_contains(decision.reason, "tried again in 60 s");
}

static const PortFact *fact_of(const Snapshot *s, uint16_t port) {
        static const PortFact unknown = { 0 };

        for (size_t i = 0; i < s->n_facts; i++)
                if (s->facts[i].port == port)
                        return &s->facts[i];
        return &unknown;
}

static bool is_free(const Snapshot *s, uint16_t port) {
        return fact_of(s, port)->bind == BIND_FREE;
}

static bool sshd_has_moved(const Snapshot *s) {
        return s->moved_to != 0 && fact_of(s, s->moved_to)->holder == HOLDER_SSHD;
}

/* A running sshd is to bind a port on IPv4 that it has on IPv6. */
static bool mends_ipv4(const Snapshot *s, uint16_t port) {
        return s->service == SERVICE_RUNNING && s->settled == SETTLED_WITHOUT_IPV4 && !s->by_socket && !s->postponed &&
               fact_of(s, port)->holder == HOLDER_SSHD && fact_of(s, port)->lacks_ipv4;
}

/* A port that sshd was to be moved to was asked for in vain: another is asked for before sshd's files are touched. */
static bool has_refused_candidate(const Snapshot *s) {
        for (size_t i = 0; i < s->n_facts; i++)
                if (s->facts[i].port != HOME &&
                    (s->facts[i].bind == BIND_REFUSED_BY_WINDOWS || s->facts[i].bind == BIND_FAILED))
                        return true;
        return false;
}

/* The promise that a decision breaks, for people; NULL: none. */
static const char *broken_promise(const Config *c, const Snapshot *s, const Decision *d) {
        bool outage = s->by_socket && s->service == SERVICE_RUNNING && s->settled == SETTLED_WITHOUT_PORT &&
                      fact_of(s, HOME)->holder != HOLDER_SSHD && !sshd_has_moved(s);
        bool binds = s->service == SERVICE_QUEUED || s->service == SERVICE_TO_START || outage;
        bool undo = c->relocate == RELOCATE_NEVER || s->verdict == SSHD_VERDICT_OUR_FILE_REFUSED ||
                    (d->action == ACTION_RESTORE && s->request == REQUEST_RESTORE);

        if (d->reason[0] == '\0')
                return "a decision without a reason";

        switch (d->action) {
        case ACTION_NONE:
                return NULL;
        case ACTION_PROBE:
                if (!mode_shares_ports(s->mode) || s->verdict != SSHD_VERDICT_VALID || undo)
                        return "a bind where sshd isn't to be moved";
                if (fact_of(s, d->port)->bind != BIND_NOT_ASKED)
                        return "a question asked twice";
                if (s->postponed && s->service == SERVICE_TO_START)
                        return "a bind for a start that has to wait";
                if (mends_ipv4(s, d->port) && (d->port == s->moved_to || c->relocate != RELOCATE_MIRRORED))
                        return NULL;
                if (d->port == HOME && s->service == SERVICE_RUNNING && !outage)
                        return s->request == REQUEST_RESTORE ||
                                               (c->restore == RESTORE_AUTO && fact_of(s, HOME)->holder_left)
                                       ? NULL
                                       : "the home port bound to have a look";
                if (d->port == HOME)
                        return !binds                           ? "the home port bound where sshd isn't about to"
                               : c->relocate == RELOCATE_MIRRORED ? "the home port bound under Relocate=mirrored"
                                                                  : NULL;
                if (config_allows_port(c, d->port) && has_refused_candidate(s) && (!binds || d->port != s->moved_to))
                        return s->home.port_fixed || s->postponed       ? "a bind for a move that can't be made"
                               : binds || s->service == SERVICE_RUNNING ? NULL
                                                                        : "a bind for a service that isn't to run";
                if (!binds)
                        return "a bind for a service that isn't about to bind";
                return config_allows_port(c, d->port) && d->port == s->moved_to ? NULL : "a needless bind";
        case ACTION_RELOCATE:
                if (!mode_shares_ports(s->mode) || s->verdict != SSHD_VERDICT_VALID || undo)
                        return "a move that isn't called for";
                if (!config_allows_port(c, d->port) || d->port == HOME)
                        return "a move outside of the policy";
                if (!is_free(s, d->port) && fact_of(s, d->port)->bind != BIND_NOT_ASKED)
                        return "a move to a port that is known to be taken";
                if (fact_of(s, d->port)->holder == HOLDER_SSHD)
                        return d->port == s->last_port ? NULL : "a move to where sshd is for another reason";
                if (fact_of(s, d->port)->holder != HOLDER_UNKNOWN && fact_of(s, d->port)->holder != HOLDER_NONE)
                        return "a move to a port that somebody listens on";
                if (s->home.port_fixed || s->postponed)
                        return "a move that can't be made";
                if (!binds && s->service != SERVICE_RUNNING)
                        return "a move of a service that isn't to run";
                return NULL;
        case ACTION_RESTORE:
                if (s->moved_to == 0)
                        return "a way back from nowhere";
                if (d->then_start && (s->service != SERVICE_FAILED || s->verdict != SSHD_VERDICT_OUR_FILE_REFUSED) &&
                    (s->service != SERVICE_TO_START || s->postponed ||
                     (c->relocate != RELOCATE_NEVER && mode_shares_ports(s->mode))))
                        return "a start that was not called for";
                if (s->service == SERVICE_STARTING || s->service == SERVICE_STOPPING ||
                    s->service == SERVICE_UNKNOWN)
                        return "a file taken away in the middle of a change";
                if (s->service == SERVICE_RUNNING)
                        return fact_of(s, HOME)->holder == HOLDER_SSHD || is_free(s, HOME)
                                               ? NULL
                                               : "a file taken away under a running sshd";
                if (!s->home.reads_our_file && s->verdict == SSHD_VERDICT_VALID)
                        return NULL; /* sshd doesn't read our file */
                if (s->mode == MODE_UNKNOWN && !undo)
                        return "a way back in an unknown mode";
                if (mode_shares_ports(s->mode) && !undo && !is_free(s, HOME))
                        return "a way back to a port that isn't known to be free";
                return NULL;
        case ACTION_START:
                if ((s->service != SERVICE_TO_START && !outage && !mends_ipv4(s, d->port)) ||
                    !mode_shares_ports(s->mode) || s->postponed)
                        return "a start of what did not fail for its port";
                return is_free(s, d->port) ? NULL : "a start on a port that isn't known to be free";
        case ACTION_ENABLE:
        case ACTION_DISABLE_SOCKET:
        case ACTION_ENABLE_SOCKET:
                if (s->booting || s->postponed || c->relocate == RELOCATE_NEVER || s->mode == MODE_UNKNOWN)
                        return "units changed at the wrong time";
                if (d->action == ACTION_ENABLE)
                        return c->ensure_enabled && s->not_enabled && s->service == SERVICE_INACTIVE
                                               ? NULL
                                               : "a service enabled that isn't to be";
                if (s->verdict != SSHD_VERDICT_VALID)
                        return "units changed for an sshd that would not start";
                return (c->socket_activation == SOCKET_ACTIVATION_DISABLE) == (d->action == ACTION_DISABLE_SOCKET)
                                       ? NULL
                                       : "a socket changed against the policy";
        case _ACTION_MAX:
        default:
                return "no such action";
        }
}

static const PortFact home_facts[] = {
        ANSWER(HOME, BIND_NOT_ASKED), FREE(HOME),  WINDOWS(HOME), { .port = HOME, .holder = HOLDER_WINDOWS_OPENSSH },
        LINUX(HOME),                  SSHD(HOME),  { .port = HOME, .holder = HOLDER_OTHER_DISTRO },
        ANSWER(HOME, BIND_NO_ANSWER), ANSWER(HOME, BIND_TRACKER_DEAD), ANSWER(HOME, BIND_FAILED),
        { .port = HOME, .holder = HOLDER_LINUX, .bind = BIND_REFUSED_BY_LINUX },
        { .port = HOME, .holder_left = true },
        NO_IPV4(HOME, BIND_NOT_ASKED), NO_IPV4(HOME, BIND_FREE), NO_IPV4(HOME, BIND_REFUSED_BY_WINDOWS),
};

static const PortFact candidate_facts[] = {
        ANSWER(2222, BIND_NOT_ASKED), FREE(2222),  WINDOWS(2222), LINUX(2222), SSHD(2222),
        ANSWER(2222, BIND_NO_ANSWER), ANSWER(2222, BIND_TRACKER_DEAD),
        NO_IPV4(2222, BIND_NOT_ASKED),   NO_IPV4(2222, BIND_FREE),
};

static const uint16_t moved_ports[] = { 0, 2222, 4000 }, last_ports[] = { 0, 2222 };

static void check_all_facts(const Config *config, Snapshot *s) {
        for (size_t home = 0; home < ELEMENTSOF(home_facts); home++)
                for (size_t candidate = 0; candidate < ELEMENTSOF(candidate_facts); candidate++)
                        for (unsigned next = 0; next < 3; next++) {
                                PortFact facts[] = {
                                        home_facts[home],
                                        candidate_facts[candidate],
                                        ANSWER(22022, next == 0   ? BIND_NOT_ASKED
                                                      : next == 1 ? BIND_FREE
                                                                  : BIND_REFUSED_BY_WINDOWS),
                                };
                                Decision decision;
                                const char *broken;

                                s->facts = facts;
                                s->n_facts = ELEMENTSOF(facts);
                                policy_decide(config, s, &decision);
                                broken = broken_promise(config, s, &decision);
                                if (broken)
                                        test_fail("%s: mode %s, service %s, booting %d, verdict %d, Relocate=%s, "
                                                  "Restore=%s, displaced to %u, last %u, home %s %s: %s %u",
                                                  broken, networking_mode_to_string(s->mode),
                                                  service_phase_to_string(s->service), s->booting, s->verdict,
                                                  relocate_policy_to_string(config->relocate),
                                                  restore_policy_to_string(config->restore), s->moved_to,
                                                  s->last_port, holder_to_string(facts[0].holder),
                                                  bind_answer_to_string(facts[0].bind),
                                                  action_to_string(decision.action), decision.port);
                        }
}

/* Each combination of modes, services, verdicts, policies and holders. */
static void test_promises(const void *row) {
        const struct { const char *name; NetworkingMode mode; } *m = row;
        Snapshot s = test_snapshot();

        s.mode = m->mode;
        for (unsigned i = 0; i < _SERVICE_MAX * 2 * 4 * 9 * _RELOCATE_MAX * _RESTORE_MAX * 3 * 2; i += test_slowness()) {
                unsigned k = i;
                Config config;

#define PICK(n) ({ unsigned picked = k % (n); k /= (n); picked; })
                s.service = (ServicePhase) PICK(_SERVICE_MAX);
                s.booting = PICK(2);
                s.verdict = (SshdVerdict) PICK(4);
                unsigned obstacle = PICK(9);
                test_fix(&s.home, obstacle == 1);
                s.postponed = obstacle == 2 ? "later" : NULL;
                s.home.reads_our_file = obstacle != 3;
                s.request = obstacle == 4 ? REQUEST_RESTORE : obstacle == 5 ? REQUEST_RELOCATE : REQUEST_NONE;
                s.settled = obstacle % 2 ? SETTLED_WITHOUT_PORT : SETTLED_WITHOUT_IPV4;
                s.by_socket = obstacle >= 6;
                s.unapplied = obstacle == 7;
                s.not_enabled = s.socket_disabled = s.switch_unfinished = obstacle == 8;
                RelocatePolicy relocate = (RelocatePolicy) PICK(_RELOCATE_MAX);
                RestorePolicy restore = (RestorePolicy) PICK(_RESTORE_MAX);
                s.moved_to = moved_ports[PICK(ELEMENTSOF(moved_ports))];
                s.last_port = last_ports[PICK(ELEMENTSOF(last_ports))];
#undef PICK
                config = test_config(relocate, restore);
                config.ensure_enabled = obstacle == 8;
                config.socket_activation = obstacle == 6 ? SOCKET_ACTIVATION_DISABLE : SOCKET_ACTIVATION_KEEP;
                check_all_facts(&config, &s);
        }
}

static const struct {
        const char *name;
        NetworkingMode mode;
} modes[] = {
        { "unknown", MODE_UNKNOWN }, { "mirrored", MODE_MIRRORED },       { "nat", MODE_NAT },
        { "consomme", MODE_CONSOMME }, { "virtioproxy", MODE_VIRTIOPROXY }, { "bridged", MODE_BRIDGED },
        { "none", MODE_NONE },       { "wsl1", MODE_WSL1 },               { "not-wsl", MODE_NOT_WSL },
};

_Static_assert(ELEMENTSOF(modes) == _MODE_MAX, "every mode is there");

/* Whichever ports are free, questions and answers come to an end, with one move at the most. */
static void test_every_conflict_settles(void) {
        for (unsigned truth = 0; truth < 1U << 7; truth++) {
                static const uint16_t ports[] = { HOME, 2222, 22022, 2200, 2201, 2202, 2203 };
                Config config = test_config(RELOCATE_CONFLICT, RESTORE_BOOT);
                PortFact facts[ELEMENTSOF(ports)];
                Snapshot s = test_snapshot();
                unsigned moves = 0, steps = 0;
                Decision d;

                s.facts = facts;
                for (;; steps++) {
                        test_assert(steps < 20);
                        policy_decide(&config, &s, &d);
                        if (d.action == ACTION_NONE)
                                break;

                        size_t i = 0;
                        while (ports[i] != d.port)
                                i++;
                        if (fact_of(&s, d.port)->port == 0) {
                                test_assert(s.n_facts < ELEMENTSOF(facts));
                                facts[s.n_facts++] = (truth & (1U << i)) != 0 ? (PortFact) FREE(d.port)
                                                                       : (PortFact) WINDOWS(d.port);
                        }
                        if (d.action == ACTION_RELOCATE && truth & (1U << i)) {
                                s.moved_to = d.port;
                                moves++;
                        }
                }
                test_assert(moves <= 1);
                test_equal_int(d.state, (truth & 1) != 0 ? STATE_CLEAR : truth != 0 ? STATE_RELOCATED : STATE_BLOCKED);
        }
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_rule, rules),
                TEST_TABLE(test_rule, causes),
                TEST(test_nothing_in_the_way_has_no_cause),
                TEST(test_a_moved_sshd_has_a_reason),
                TEST(test_mode_unknown_does_nothing),
                TEST(test_refusal_of_our_file_takes_it_away),
                TEST(test_a_failed_service_has_its_reason),
                TEST(test_an_unknown_home_leaves_our_file),
                TEST(test_postponed_move_waits),
                TEST_TABLE(test_promises, modes),
                TEST(test_every_conflict_settles),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
