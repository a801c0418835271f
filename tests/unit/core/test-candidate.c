/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/config-file.h"
#include "core/rules.h"
#include "unit/core/rules.h"

static const Rule rules[] = {
        { .name = "Windows has home: the first candidate",
          .facts = { WINDOWS(HOME) }, .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT },
        { .name = "the first candidate is known to be free: the first candidate",
          .facts = { WINDOWS(HOME), FREE(2222) }, .action = ACTION_RELOCATE, .port = 2222,
          .state = STATE_CONFLICT },
        { .name = "the last port comes first",
          .last_port = 2201, .facts = { WINDOWS(HOME) }, .action = ACTION_RELOCATE, .port = 2201,
          .state = STATE_CONFLICT },
        { .name = "a last port that is no candidate does not count",
          .last_port = 4000, .facts = { WINDOWS(HOME) }, .action = ACTION_RELOCATE, .port = 2222,
          .state = STATE_CONFLICT },
        { .name = "taken candidates are passed over, and the next is asked for before files are written",
          .facts = { WINDOWS(HOME), WINDOWS(2222), LINUX(22022), WINDOWS(2200) }, .action = ACTION_PROBE,
          .port = 2201, .state = STATE_CONFLICT },
        { .name = "a candidate behind refused ones, free: sshd is moved there",
          .facts = { WINDOWS(HOME), WINDOWS(2222), FREE(22022) }, .action = ACTION_RELOCATE, .port = 22022,
          .state = STATE_CONFLICT },
        { .name = "a candidate that Linux has: the next, with its files",
          .facts = { WINDOWS(HOME), LINUX(2222) }, .action = ACTION_RELOCATE, .port = 22022,
          .state = STATE_CONFLICT },
        { .name = "a candidate that could not be tried is passed over, and the next is asked for before files are written",
          .facts = { WINDOWS(HOME), ANSWER(2222, BIND_FAILED) }, .action = ACTION_PROBE, .port = 22022,
          .state = STATE_CONFLICT },
        { .name = "the one candidate that nobody has could not be tried: no word of every candidate",
          .facts = { WINDOWS(HOME), ANSWER(2222, BIND_FAILED), LINUX(22022), WINDOWS(2200), WINDOWS(2201), WINDOWS(2202), WINDOWS(2203) },
          .action = ACTION_NONE, .state = STATE_CONFLICT },
        { .name = "every candidate is taken: blocked",
         
          .facts = { WINDOWS(HOME), WINDOWS(2222), LINUX(22022), WINDOWS(2200), WINDOWS(2201), WINDOWS(2202), WINDOWS(2203) },
          .action = ACTION_NONE, .state = STATE_BLOCKED },
        { .name = "a Linux process has home: the first candidate",
          .facts = { LINUX(HOME), FREE(2222) }, .action = ACTION_RELOCATE, .port = 2222,
          .state = STATE_CONFLICT },
        { .name = "another distro has home: the first candidate",
          .facts = { { .port = HOME, .holder = HOLDER_OTHER_DISTRO }, FREE(2222) },
          .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT },
        { .name = "Windows does not answer about a candidate: nothing",
          .facts = { WINDOWS(HOME), ANSWER(2222, BIND_NO_ANSWER), FREE(22022) }, .action = ACTION_NONE,
          .state = STATE_CONFLICT },
        { .name = "the tracker dies between two questions: blocked",
          .facts = { WINDOWS(HOME), ANSWER(2222, BIND_TRACKER_DEAD), FREE(22022) }, .action = ACTION_NONE,
          .state = STATE_BLOCKED },
        { .name = "consomme shares ports too: the first candidate",
          .mode = MODE_CONSOMME, .facts = { WINDOWS(HOME), FREE(2222) }, .action = ACTION_RELOCATE,
          .port = 2222, .state = STATE_CONFLICT },
        { .name = "another home port is a candidate, and free: nothing",
          .other_home = 2222, .facts = { WINDOWS(HOME), FREE(2222) }, .action = ACTION_NONE,
          .state = STATE_CLEAR },
        { .name = "another home port is a candidate, a socket unit binds all or nothing: the next candidate",
          .other_home = 2222, .by_socket = true, .facts = { WINDOWS(HOME), FREE(2222) },
          .action = ACTION_RELOCATE, .port = 22022, .n_beside = 1, .state = STATE_CONFLICT },
        { .name = "a socket unit with another home port: ask whether it can keep that one",
          .other_home = 3333, .by_socket = true, .facts = { WINDOWS(HOME) }, .action = ACTION_PROBE,
          .port = 3333, .state = STATE_UNKNOWN },
        { .name = "a socket unit, another home port is taken: not kept",
          .other_home = 3333, .by_socket = true, .facts = { WINDOWS(HOME), WINDOWS(3333) },
          .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT },
        { .name = "a ListenAddress fixes another home port: that one stays by itself",
          .other_home = 3333, .other_fixed = true, .facts = { WINDOWS(HOME), FREE(3333) },
          .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT },
        { .name = "a ListenAddress fixes the port that Windows has, and not the other",
          .other_home = 3333, .other_fixed = true, .facts = { FREE(HOME), WINDOWS(3333) },
          .action = ACTION_NONE, .n_beside = 1, .state = STATE_BLOCKED },
};

static void test_explicit_port_is_not_moved(void) {
        Config config = test_config(RELOCATE_CONFLICT, RESTORE_MANUAL);
        const PortFact facts[] = { WINDOWS(HOME) };
        Snapshot snapshot = test_snapshot();
        Decision decision;

        test_fix(&snapshot.home, true);
        snapshot.facts = facts;
        snapshot.n_facts = 1;
        policy_decide(&config, &snapshot, &decision);
        test_equal_int(decision.action, ACTION_NONE);
        test_equal_int(decision.state, STATE_BLOCKED);
        test_contains(decision.reason, "ListenAddress");
}

static const struct {
        const char *name;
        uint16_t moved_to, port;
        ConfigPlace place; /* of CandidatePorts= */
        const char *reason;
} refusals[] = {
        { "the home port, from elsewhere",
          .moved_to = 2222,
          .port = HOME,
          .reason = "22 is sshd's own port; to take sshd there: `wslportctl restore`" },
        { "the home port, where sshd is",
          .port = HOME,
          .reason = "22 is sshd's own port; to take sshd there: `wslportctl restore`" },
        { "no candidate by default",
          .port = 8080,
          .reason = "8080 is not among CandidatePorts: add it in " CONFIG_FILE
                    ", then `wslportctl reload`" },
        { "no candidate by a drop-in",
          .port = 8080,
          .place = { "/etc/wslportd.conf.d/ports.conf", 2 },
          .reason = "8080 is not among CandidatePorts: add it in /etc/wslportd.conf.d/ports.conf, then "
                    "`wslportctl reload`" },
};

/* Somebody asks for a port that sshd can't be moved to: the reason says what to type. */
static void test_refusal(const void *data) {
        const __typeof__(refusals[0]) *row = data;
        Config config = test_config(RELOCATE_CONFLICT, RESTORE_MANUAL);
        const PortFact facts[] = { SSHD(row->moved_to == 0 ? HOME : row->moved_to) };
        Snapshot snapshot = test_snapshot();
        Decision decision;

        config.places[CONFIG_CANDIDATE_PORTS] = row->place;
        snapshot.booting = false;
        snapshot.service = SERVICE_RUNNING;
        snapshot.moved_to = row->moved_to;
        snapshot.request = REQUEST_RELOCATE;
        snapshot.request_port = row->port;
        snapshot.facts = facts;
        snapshot.n_facts = 1;
        policy_decide(&config, &snapshot, &decision);
        test_equal_int(decision.action, ACTION_NONE);
        test_equal_string(decision.reason, row->reason);
}

/* Windows excludes the whole of a long range: a few questions reach its end, and no port is asked about
 * twice. */
static void test_long_range_is_not_walked(void) {
        Config config = { .candidates = { { 1024, 65535 } }, .n_candidates = 1 };
        PortFact facts[128] = { WINDOWS(HOME) };
        Snapshot snapshot = test_snapshot();
        Decision decision;

        snapshot.facts = facts;
        snapshot.n_facts = 1;
        for (;;) {
                policy_decide(&config, &snapshot, &decision);
                if (decision.action == ACTION_NONE)
                        break;
                test_equal_int(decision.action, snapshot.n_facts == 1 ? ACTION_RELOCATE : ACTION_PROBE);
                for (size_t i = 0; i < snapshot.n_facts; i++)
                        test_assert(facts[i].port != decision.port);
                test_assert(snapshot.n_facts < ELEMENTSOF(facts));
                facts[snapshot.n_facts++] = (PortFact) WINDOWS(decision.port);
        }
        test_equal_int(decision.state, STATE_BLOCKED);
        test_assert(snapshot.n_facts < 48);
        test_contains(decision.reason, "among those that were tried");
}

/* Windows excludes most of a range, and ports are free at its end only. */
static void test_free_end_of_a_range_is_found(void) {
        Config config = test_config(RELOCATE_CONFLICT, RESTORE_MANUAL);
        PortFact facts[64] = { WINDOWS(HOME), WINDOWS(2222), LINUX(22022) };
        Snapshot snapshot = test_snapshot();
        Decision decision;

        config.candidates[2] = (PortRange){ 2200, 2299 };
        snapshot.facts = facts;
        snapshot.n_facts = 3;
        for (;;) {
                policy_decide(&config, &snapshot, &decision);
                test_equal_string(action_to_string(decision.action), "probe");
                if (decision.port >= 2296)
                        break;
                test_assert(snapshot.n_facts < 24);
                facts[snapshot.n_facts++] = (PortFact) WINDOWS(decision.port);
        }
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_rule, rules),
                TEST_TABLE(test_refusal, refusals),
                TEST(test_explicit_port_is_not_moved),
                TEST(test_long_range_is_not_walked),
                TEST(test_free_end_of_a_range_is_found),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
