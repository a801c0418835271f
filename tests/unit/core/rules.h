/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/decision.h"
#include "unit/test.h"

/* A rule of policy_decide() a row: a snapshot, and the decision that it leads to. Members that a row leaves
 * out have the values of test_config() and test_snapshot(). */

#define HOME 22

#define WINDOWS(p) { .port = p, .holder = HOLDER_WINDOWS, .bind = BIND_REFUSED_BY_WINDOWS }
#define FREE(p) { .port = p, .holder = HOLDER_NONE, .bind = BIND_FREE }
#define LINUX(p) { .port = p, .holder = HOLDER_LINUX, .detail = "nginx (pid 7)" }
#define SSHD(p) { .port = p, .holder = HOLDER_SSHD }
#define ANSWER(p, b) { .port = p, .bind = b }
#define NO_IPV4(p, b) { .port = p, .holder = HOLDER_SSHD, .lacks_ipv4 = true, .bind = b }

typedef struct Rule {
        const char *name;
        RelocatePolicy relocate;
        RestorePolicy restore;
        NetworkingMode mode;  /* MODE_UNKNOWN: mirrored */
        ServicePhase service; /* SERVICE_UNKNOWN: queued */
        bool booting, not_booting, no_auto_restore, requested, too_often, by_socket, unapplied, not_enabled, ensure_enabled, socket_disabled,
                        switch_unfinished, refused, fixed, other_fixed, cannot_bind, own_network, unmet;
        Settled settled;
        SocketActivation socket_activation;
        uint16_t other_home; /* a second home port; 0: none */
        Request request;
        uint16_t request_port;
        uint16_t moved_to, last_port;
        PortFact facts[8];
        Action action;
        uint16_t port;
        size_t n_beside;
        bool then_start, port_missing, ask_again;
        State state;
        Cause cause; /* CAUSE_NONE: any */
} Rule;

static inline Config test_config(RelocatePolicy relocate, RestorePolicy restore) {
        return (Config){
                .relocate = relocate,
                .restore = restore,
                .candidates = { { 2222, 2222 }, { 22022, 22022 }, { 2200, 2203 } },
                .n_candidates = 3,
        };
}

/* sshd listens on @port of each address, by a Port line or by lines ListenAddress with the port. */
static inline void test_add_home(Home *home, uint16_t port, bool fixed) {
        test_equal_int(home_add(home, &(Endpoint){ .port = port }, fixed), 0);
        test_equal_int(home_add(home, &(Endpoint){ .ipv6 = true, .port = port }, fixed), 0);
}

static inline Snapshot test_snapshot(void) {
        Snapshot snapshot = {
                .mode = MODE_MIRRORED,
                .service = SERVICE_QUEUED,
                .booting = true,
                .verdict = SSHD_VERDICT_VALID,
                .home = { .reads_our_file = true },
        };

        test_add_home(&snapshot.home, HOME, false);
        return snapshot;
}

/* As sshd's own configuration has it. */
static inline void test_fix(Home *home, bool fixed) {
        home_fix(home, fixed);
        home->port_fixed = fixed;
}

static inline void test_rule(const void *data) {
        const Rule *rule = data;
        Config config = test_config(rule->relocate, rule->restore);
        Snapshot snapshot = test_snapshot();
        Decision decision;

        if (rule->mode != MODE_UNKNOWN)
                snapshot.mode = rule->mode;
        if (rule->service != SERVICE_UNKNOWN) {
                snapshot.service = rule->service;
                snapshot.booting = rule->service != SERVICE_RUNNING;
        }
        config.ensure_enabled = rule->ensure_enabled;
        config.socket_activation = rule->socket_activation;
        snapshot.by_socket = rule->by_socket;
        snapshot.unapplied = rule->unapplied;
        snapshot.not_enabled = rule->not_enabled;
        snapshot.socket_disabled = rule->socket_disabled;
        snapshot.switch_unfinished = rule->switch_unfinished;
        snapshot.verdict = rule->refused ? SSHD_VERDICT_REFUSED : SSHD_VERDICT_VALID;
        snapshot.own_network = rule->own_network;
        snapshot.unmet = rule->unmet ? "ConditionPathExists=/x" : NULL;
        if (rule->other_home != 0)
                test_add_home(&snapshot.home, rule->other_home, rule->other_fixed);
        if (rule->fixed && rule->by_socket)
                snapshot.home.port_fixed = true; /* the socket unit's drop-in moves it all the same */
        else if (rule->fixed)
                test_fix(&snapshot.home, true);
        if (rule->not_booting)
                snapshot.booting = false;
        if (rule->booting)
                snapshot.booting = true;
        snapshot.cannot_bind = rule->cannot_bind ? "this machine has no address 192.0.2.1" : NULL;
        snapshot.moved_to = rule->moved_to;
        snapshot.last_port = rule->last_port;
        snapshot.settled = rule->settled;
        snapshot.no_auto_restore = rule->no_auto_restore;
        snapshot.requested = rule->requested;
        snapshot.postponed = rule->too_often ? "tried again in 60 s" : NULL;
        snapshot.too_often = rule->too_often;
        snapshot.request = rule->request;
        snapshot.request_port = rule->request_port;
        snapshot.facts = rule->facts;
        while (snapshot.n_facts < ELEMENTSOF(rule->facts) && rule->facts[snapshot.n_facts].port != 0)
                snapshot.n_facts++;

        policy_decide(&config, &snapshot, &decision);
        test_equal_string(action_to_string(decision.action), action_to_string(rule->action));
        test_equal_int(decision.port, rule->port);
        test_equal_int(decision.then_start, rule->then_start);
        test_equal_int(decision.n_beside, rule->n_beside);
        test_equal_int(decision.action == ACTION_NONE && decision.port_missing, rule->port_missing);
        test_equal_int(decision.action == ACTION_NONE && decision.ask_again, rule->ask_again);
        test_equal_string(state_to_string(decision.state), state_to_string(rule->state));
        if (rule->cause != CAUSE_NONE)
                test_equal_string(cause_to_string(decision.cause), cause_to_string(rule->cause));
        test_assert(decision.reason[0] != '\0');
}
