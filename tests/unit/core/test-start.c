/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/rules.h"
#include "unit/core/rules.h"

static const Rule rules[] = {
        { .name = "nothing is known of home: ask",
          .action = ACTION_PROBE, .port = HOME, .state = STATE_UNKNOWN },
        { .name = "sshd can't bind at home, whoever holds its port: nobody asks about it",
          .cannot_bind = true, .action = ACTION_NONE, .state = STATE_UNKNOWN },
        { .name = "down, and sshd can't bind at home: it isn't started, and not moved",
          .service = SERVICE_TO_START, .cannot_bind = true, .facts = { WINDOWS(HOME) }, .action = ACTION_NONE,
          .state = STATE_CONFLICT },
        { .name = "home is free: nothing to do",
          .facts = { FREE(HOME) }, .action = ACTION_NONE, .state = STATE_CLEAR },
        { .name = "Windows does not answer about home: nothing",
          .facts = { ANSWER(HOME, BIND_NO_ANSWER) }, .action = ACTION_NONE, .state = STATE_UNKNOWN },
        { .name = "the tracker is dead: blocked",
          .facts = { ANSWER(HOME, BIND_TRACKER_DEAD) }, .action = ACTION_NONE, .state = STATE_BLOCKED },
        { .name = "mirrored: nobody asks about home",
          .relocate = RELOCATE_MIRRORED, .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT },
        { .name = "moved, manual: ask about that port only",
          .moved_to = 2222, .action = ACTION_PROBE, .port = 2222, .state = STATE_RELOCATED },
        { .name = "moved, manual, that port is free: nothing to do",
          .moved_to = 2222, .facts = { FREE(2222) }, .action = ACTION_NONE, .state = STATE_RELOCATED },
        { .name = "moved, that port is taken now: the next candidate",
          .moved_to = 2222, .facts = { WINDOWS(2222) }, .action = ACTION_PROBE, .port = 22022,
          .state = STATE_CONFLICT },
        { .name = "moved, boot: ask about home first",
          .restore = RESTORE_BOOT, .moved_to = 2222, .action = ACTION_PROBE, .port = HOME,
          .state = STATE_RELOCATED },
        { .name = "moved, boot, home is free again: back",
          .restore = RESTORE_BOOT, .moved_to = 2222, .facts = { FREE(HOME) }, .action = ACTION_RESTORE,
          .port = HOME, .state = STATE_CLEAR },
        { .name = "moved, auto, home is free again: back",
          .restore = RESTORE_AUTO, .moved_to = 2222, .facts = { FREE(HOME) }, .action = ACTION_RESTORE,
          .port = HOME, .state = STATE_CLEAR },
        { .name = "moved, boot, home is still taken: ask about the port it was moved to",
          .restore = RESTORE_BOOT, .moved_to = 2222, .facts = { WINDOWS(HOME) }, .action = ACTION_PROBE,
          .port = 2222, .state = STATE_RELOCATED },
        { .name = "moved, boot, no answer about home: nothing",
          .restore = RESTORE_BOOT, .moved_to = 2222, .facts = { ANSWER(HOME, BIND_NO_ANSWER) },
          .action = ACTION_NONE, .state = STATE_UNKNOWN },
        { .name = "moved, boot, a later start than the first: not home",
          .restore = RESTORE_BOOT, .moved_to = 2222, .not_booting = true, .action = ACTION_PROBE,
          .port = 2222, .state = STATE_RELOCATED },
        { .name = "moved, boot, mirrored: not home",
          .relocate = RELOCATE_MIRRORED, .restore = RESTORE_BOOT, .moved_to = 2222, .action = ACTION_PROBE,
          .port = 2222, .state = STATE_RELOCATED },
        { .name = "moved, that port is no candidate any more: the first candidate",
          .moved_to = 4000, .facts = { FREE(4000) }, .action = ACTION_RELOCATE, .port = 2222,
          .state = STATE_CONFLICT },
        { .name = "down for want of a port: ask",
          .service = SERVICE_TO_START, .action = ACTION_PROBE, .port = HOME, .state = STATE_UNKNOWN },
        { .name = "down for want of a port, to be started later: nobody asks before",
          .service = SERVICE_TO_START, .too_often = true, .action = ACTION_NONE, .state = STATE_BLOCKED },
        { .name = "down for want of a port, home is free now: start",
          .service = SERVICE_TO_START, .facts = { FREE(HOME) }, .action = ACTION_START, .port = HOME,
          .state = STATE_CLEAR },
        { .name = "down for want of a port, moved, that port is free now: start",
          .service = SERVICE_TO_START, .moved_to = 2222, .facts = { FREE(2222) }, .action = ACTION_START,
          .port = 2222, .state = STATE_RELOCATED },
        { .name = "down for want of a port, Windows has home: the first candidate",
          .service = SERVICE_TO_START, .facts = { WINDOWS(HOME), FREE(2222) }, .action = ACTION_RELOCATE,
          .port = 2222, .state = STATE_CONFLICT },
        { .name = "a socket unit is down for want of a port: ask",
          .by_socket = true, .service = SERVICE_TO_START, .action = ACTION_PROBE, .port = HOME,
          .state = STATE_UNKNOWN },
        { .name = "moved, and /run is empty: put the files in place",
          .moved_to = 2222, .unapplied = true, .facts = { FREE(2222) }, .action = ACTION_RELOCATE,
          .port = 2222, .state = STATE_RELOCATED },
};

static void test_broken_sshd_config_is_told(void) {
        Config config = test_config(RELOCATE_CONFLICT, RESTORE_MANUAL);
        Snapshot snapshot = test_snapshot();
        Decision decision;

        snapshot.verdict = SSHD_VERDICT_REFUSED;
        snapshot.verdict_detail = "/etc/ssh/sshd_config: line 3: Bad configuration option: Prot";
        policy_decide(&config, &snapshot, &decision);
        test_equal_int(decision.action, ACTION_NONE);
        test_contains(decision.reason, "line 3: Bad configuration option");
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_rule, rules),
                TEST(test_broken_sshd_config_is_told),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
