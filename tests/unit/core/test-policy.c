/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/policy.h"
#include "unit/test.h"

#define HOME 22

static Config test_config(RelocatePolicy relocate, RestorePolicy restore) {
        return (Config){
                .relocate = relocate,
                .restore = restore,
                .candidates = { { 2222, 2222 }, { 22022, 22022 }, { 2200, 2203 } },
                .n_candidates = 3,
        };
}

static Snapshot test_snapshot(void) {
        return (Snapshot){
                .mode = MODE_MIRRORED,
                .service = SERVICE_QUEUED,
                .booting = true,
                .verdict = SSHD_VERDICT_VALID,
                .home = { .ports = { HOME }, .n_ports = 1, .reads_our_file = true, .ipv4 = true, .ipv6 = true },
        };
}

#define WINDOWS(p) { .port = p, .holder = HOLDER_WINDOWS, .bind = BIND_REFUSED_BY_WINDOWS }
#define FREE(p) { .port = p, .holder = HOLDER_NONE, .bind = BIND_FREE }
#define LINUX(p) { .port = p, .holder = HOLDER_LINUX, .detail = "nginx (pid 7)" }
#define SSHD(p) { .port = p, .holder = HOLDER_SSHD }
#define ANSWER(p, b) { .port = p, .bind = b }
#define NO_IPV4(p, b) { .port = p, .holder = HOLDER_SSHD, .lacks_ipv4 = true, .bind = b }

/* One rule a row: what is known, and what is to be done about it. */
typedef struct Rule {
        const char *name;
        RelocatePolicy relocate;
        RestorePolicy restore;
        NetworkingMode mode; /* MODE_UNKNOWN: mirrored */
        ServicePhase service; /* SERVICE_UNKNOWN: queued */
        bool booting, not_booting, no_auto_restore, by_socket, unapplied, not_enabled, ensure_enabled, socket_disabled,
                        switch_unfinished, refused, fixed;
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
} Rule;

static const Rule rules[] = {
        { .name = "nothing known: the home port is asked about",
          .action = ACTION_PROBE, .port = HOME, .state = STATE_UNKNOWN },
        { .name = "home is free: nothing to do", .facts = { FREE(HOME) },
          .action = ACTION_NONE, .port = HOME, .state = STATE_CLEAR },
        { .name = "Windows has home: to the first candidate", .facts = { WINDOWS(HOME) },
          .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT },
        { .name = "the first candidate is free: there", .facts = { WINDOWS(HOME), FREE(2222) },
          .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT },
        { .name = "the last good port comes first", .last_port = 2201, .facts = { WINDOWS(HOME) },
          .action = ACTION_RELOCATE, .port = 2201, .state = STATE_CONFLICT },
        { .name = "a last good port outside the policy does not count", .last_port = 4000,
          .facts = { WINDOWS(HOME) }, .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT },
        { .name = "taken candidates are passed over",
          .facts = { WINDOWS(HOME), WINDOWS(2222), LINUX(22022), WINDOWS(2200) },
          .action = ACTION_RELOCATE, .port = 2201, .state = STATE_CONFLICT },
        { .name = "a candidate that could not be tried is passed over",
          .facts = { WINDOWS(HOME), ANSWER(2222, BIND_FAILED) },
          .action = ACTION_RELOCATE, .port = 22022, .state = STATE_CONFLICT },
        { .name = "every candidate taken: blocked",
          .facts = { WINDOWS(HOME), WINDOWS(2222), LINUX(22022), WINDOWS(2200), WINDOWS(2201), WINDOWS(2202),
                     WINDOWS(2203) },
          .action = ACTION_NONE, .state = STATE_BLOCKED },
        { .name = "a Linux process has home: the same", .facts = { LINUX(HOME), FREE(2222) },
          .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT },
        { .name = "another distro has home: the same",
          .facts = { { .port = HOME, .holder = HOLDER_OTHER_DISTRO }, FREE(2222) },
          .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT },
        { .name = "Windows does not answer: nothing", .facts = { ANSWER(HOME, BIND_NO_ANSWER) },
          .action = ACTION_NONE, .state = STATE_UNKNOWN },
        { .name = "Windows does not answer about a candidate: nothing",
          .facts = { WINDOWS(HOME), ANSWER(2222, BIND_NO_ANSWER), FREE(22022) },
          .action = ACTION_NONE, .state = STATE_CONFLICT },
        { .name = "the tracker is dead: blocked", .facts = { ANSWER(HOME, BIND_TRACKER_DEAD) },
          .action = ACTION_NONE, .state = STATE_BLOCKED },
        { .name = "the tracker dies between: blocked",
          .facts = { WINDOWS(HOME), ANSWER(2222, BIND_TRACKER_DEAD), FREE(22022) },
          .action = ACTION_NONE, .state = STATE_BLOCKED },
        { .name = "consomme shares ports too", .mode = MODE_CONSOMME, .facts = { WINDOWS(HOME), FREE(2222) },
          .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT },

        { .name = "mirrored: home is not even asked about", .relocate = RELOCATE_MIRRORED,
          .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT },
        { .name = "mirrored: a running sshd leaves home", .relocate = RELOCATE_MIRRORED,
          .service = SERVICE_RUNNING, .facts = { SSHD(HOME), FREE(2222) },
          .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT },
        { .name = "mirrored, but in nat: nothing", .relocate = RELOCATE_MIRRORED, .mode = MODE_NAT,
          .service = SERVICE_RUNNING, .facts = { SSHD(HOME) }, .action = ACTION_NONE, .state = STATE_CLEAR },
        { .name = "never: nothing", .relocate = RELOCATE_NEVER, .facts = { WINDOWS(HOME), FREE(2222) },
          .action = ACTION_NONE, .state = STATE_UNMANAGED },
        { .name = "never: a kept decision is undone", .relocate = RELOCATE_NEVER, .moved_to = 2222,
          .action = ACTION_RESTORE, .port = HOME, .state = STATE_CLEAR },
        { .name = "never: sshd failed on the kept port: on its own, and up", .relocate = RELOCATE_NEVER,
          .moved_to = 2222, .service = SERVICE_TO_START, .facts = { LINUX(2222) },
          .action = ACTION_RESTORE, .port = HOME, .then_start = true, .state = STATE_CLEAR },
        { .name = "never: not under a running sshd", .relocate = RELOCATE_NEVER, .moved_to = 2222,
          .service = SERVICE_RUNNING, .facts = { SSHD(2222) }, .action = ACTION_NONE, .state = STATE_UNMANAGED },

        { .name = "kept, manual: only the kept port is asked about", .moved_to = 2222,
          .action = ACTION_PROBE, .port = 2222, .state = STATE_RELOCATED },
        { .name = "kept, manual: it is free", .moved_to = 2222, .facts = { FREE(2222) },
          .action = ACTION_NONE, .port = 2222, .state = STATE_RELOCATED },
        { .name = "kept, and taken meanwhile: the next", .moved_to = 2222, .facts = { WINDOWS(2222) },
          .action = ACTION_RELOCATE, .port = 22022, .state = STATE_CONFLICT },
        { .name = "kept, boot: home is asked about first", .restore = RESTORE_BOOT, .moved_to = 2222,
          .action = ACTION_PROBE, .port = HOME, .state = STATE_RELOCATED },
        { .name = "kept, boot: home is free again", .restore = RESTORE_BOOT, .moved_to = 2222,
          .facts = { FREE(HOME) }, .action = ACTION_RESTORE, .port = HOME, .state = STATE_CLEAR },
        { .name = "kept, auto: the same", .restore = RESTORE_AUTO, .moved_to = 2222,
          .facts = { FREE(HOME) }, .action = ACTION_RESTORE, .port = HOME, .state = STATE_CLEAR },
        { .name = "kept, boot: home is still taken", .restore = RESTORE_BOOT, .moved_to = 2222,
          .facts = { WINDOWS(HOME) }, .action = ACTION_PROBE, .port = 2222, .state = STATE_RELOCATED },
        { .name = "kept, boot: no answer about home keeps everything", .restore = RESTORE_BOOT,
          .moved_to = 2222, .facts = { ANSWER(HOME, BIND_NO_ANSWER) },
          .action = ACTION_NONE, .state = STATE_UNKNOWN },
        { .name = "kept, boot: a later start is no boot", .restore = RESTORE_BOOT, .moved_to = 2222,
          .not_booting = true, .action = ACTION_PROBE, .port = 2222, .state = STATE_RELOCATED },
        { .name = "kept, boot, but never home in mirrored", .relocate = RELOCATE_MIRRORED,
          .restore = RESTORE_BOOT, .moved_to = 2222,
          .action = ACTION_PROBE, .port = 2222, .state = STATE_RELOCATED },
        { .name = "kept, but the policy has another list now", .moved_to = 4000, .facts = { FREE(4000) },
          .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT },
        { .name = "kept, and running there", .moved_to = 2222, .service = SERVICE_RUNNING,
          .facts = { SSHD(2222) }, .action = ACTION_NONE, .state = STATE_RELOCATED },
        { .name = "half of home, a moment ago: it may come to the rest", .service = SERVICE_RUNNING,
          .facts = { NO_IPV4(HOME, BIND_NOT_ASKED) }, .action = ACTION_NONE, .port = HOME, .state = STATE_CLEAR },
        { .name = "half of home, for good: is the rest free?", .service = SERVICE_RUNNING, .settled = SETTLED_WITHOUT_IPV4,
          .facts = { NO_IPV4(HOME, BIND_NOT_ASKED) }, .action = ACTION_PROBE, .port = HOME, .state = STATE_CLEAR },
        { .name = "half of home, and the rest is free: it is told", .service = SERVICE_RUNNING, .settled = SETTLED_WITHOUT_IPV4,
          .facts = { NO_IPV4(HOME, BIND_FREE) }, .action = ACTION_START, .port = HOME, .state = STATE_CLEAR },
        { .name = "half of home, and Windows has the rest: away", .service = SERVICE_RUNNING, .settled = SETTLED_WITHOUT_IPV4,
          .facts = { NO_IPV4(HOME, BIND_REFUSED_BY_WINDOWS), FREE(2222) },
          .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT },
        { .name = "half of home, and no answer about the rest: it is asked again", .service = SERVICE_RUNNING,
          .settled = SETTLED_WITHOUT_IPV4, .facts = { NO_IPV4(HOME, BIND_NO_ANSWER) },
          .action = ACTION_NONE, .port = HOME, .ask_again = true, .state = STATE_CLEAR },
        { .name = "half of home, and no answer about a candidate: the same", .service = SERVICE_RUNNING,
          .settled = SETTLED_WITHOUT_IPV4, .facts = { NO_IPV4(HOME, BIND_REFUSED_BY_WINDOWS), ANSWER(2222, BIND_NO_ANSWER) },
          .action = ACTION_NONE, .ask_again = true, .state = STATE_CONFLICT },
        { .name = "half of home, and the tracker is dead: a running sshd is left alone", .service = SERVICE_RUNNING,
          .settled = SETTLED_WITHOUT_IPV4, .facts = { NO_IPV4(HOME, BIND_TRACKER_DEAD) },
          .action = ACTION_NONE, .port = HOME, .state = STATE_CLEAR },
        { .name = "half of home, by a socket unit: that is how it is made", .service = SERVICE_RUNNING, .by_socket = true,
          .settled = SETTLED_WITHOUT_IPV4, .facts = { NO_IPV4(HOME, BIND_NOT_ASKED) },
          .action = ACTION_NONE, .port = HOME, .state = STATE_CLEAR },
        { .name = "half of home, never: nothing", .relocate = RELOCATE_NEVER, .service = SERVICE_RUNNING,
          .settled = SETTLED_WITHOUT_IPV4, .facts = { NO_IPV4(HOME, BIND_FREE) }, .action = ACTION_NONE, .state = STATE_UNMANAGED },
        { .name = "half of the second home port: the first stays", .service = SERVICE_RUNNING, .settled = SETTLED_WITHOUT_IPV4,
          .other_home = 4000, .facts = { SSHD(HOME), NO_IPV4(4000, BIND_REFUSED_BY_WINDOWS), FREE(2222) },
          .action = ACTION_RELOCATE, .port = 2222, .n_beside = 1, .state = STATE_CONFLICT },
        { .name = "half of home, Windows has the rest, and another port is sshd's: it stays so", .service = SERVICE_RUNNING,
          .settled = SETTLED_WITHOUT_IPV4, .other_home = 2222, .facts = { NO_IPV4(HOME, BIND_REFUSED_BY_WINDOWS), SSHD(2222) },
          .action = ACTION_NONE, .port = HOME, .state = STATE_CLEAR },
        { .name = "kept, and half of it: is the rest free?", .moved_to = 2222, .service = SERVICE_RUNNING,
          .settled = SETTLED_WITHOUT_IPV4, .facts = { NO_IPV4(2222, BIND_NOT_ASKED) },
          .action = ACTION_PROBE, .port = 2222, .state = STATE_RELOCATED },
        { .name = "kept, and half of it, the rest is free", .moved_to = 2222, .service = SERVICE_RUNNING,
          .settled = SETTLED_WITHOUT_IPV4, .facts = { NO_IPV4(2222, BIND_FREE) },
          .action = ACTION_START, .port = 2222, .state = STATE_RELOCATED },
        { .name = "kept, and half of it, the rest is Windows': the next", .moved_to = 2222, .last_port = 2222,
          .service = SERVICE_RUNNING, .settled = SETTLED_WITHOUT_IPV4, .facts = { NO_IPV4(2222, BIND_REFUSED_BY_WINDOWS) },
          .action = ACTION_RELOCATE, .port = 22022, .state = STATE_CONFLICT },
        { .name = "kept, and not WSL any more: undone", .mode = MODE_NOT_WSL, .moved_to = 2222,
          .action = ACTION_RESTORE, .port = HOME, .state = STATE_CLEAR },
        { .name = "kept, and nat: undone", .mode = MODE_NAT, .moved_to = 2222,
          .action = ACTION_RESTORE, .port = HOME, .state = STATE_CLEAR },
        { .name = "kept, nat, and running: not before the next boot", .mode = MODE_NAT, .moved_to = 2222,
          .service = SERVICE_RUNNING, .facts = { SSHD(2222) }, .action = ACTION_NONE, .state = STATE_RELOCATED },

        { .name = "failed to bind: asked as at boot", .service = SERVICE_TO_START,
          .action = ACTION_PROBE, .port = HOME, .state = STATE_UNKNOWN },
        { .name = "failed to bind, home free now: started", .service = SERVICE_TO_START,
          .facts = { FREE(HOME) }, .action = ACTION_START, .port = HOME, .state = STATE_CLEAR },
        { .name = "failed to bind, kept port free: started", .service = SERVICE_TO_START,
          .moved_to = 2222, .facts = { FREE(2222) },
          .action = ACTION_START, .port = 2222, .state = STATE_RELOCATED },
        { .name = "failed to bind, conflict: moved", .service = SERVICE_TO_START,
          .facts = { WINDOWS(HOME), FREE(2222) },
          .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT },
        { .name = "failed for another reason: left alone", .service = SERVICE_FAILED,
          .facts = { WINDOWS(HOME) }, .action = ACTION_NONE, .state = STATE_CONFLICT },
        { .name = "not to run: left alone", .service = SERVICE_INACTIVE,
          .action = ACTION_NONE, .state = STATE_UNKNOWN },
        { .name = "not installed", .service = SERVICE_ABSENT,
          .action = ACTION_NONE, .state = STATE_UNMANAGED },
        { .name = "running on home", .service = SERVICE_RUNNING, .facts = { SSHD(HOME) },
          .action = ACTION_NONE, .port = HOME, .state = STATE_CLEAR },
        { .name = "auto, and running there: home is not asked about", .restore = RESTORE_AUTO, .moved_to = 2222,
          .service = SERVICE_RUNNING, .facts = { SSHD(2222), ANSWER(HOME, BIND_NOT_ASKED) },
          .action = ACTION_NONE, .state = STATE_RELOCATED },
        { .name = "auto: home was seen free", .restore = RESTORE_AUTO, .moved_to = 2222,
          .service = SERVICE_RUNNING, .facts = { SSHD(2222), { .port = HOME, .holder_left = true } },
          .action = ACTION_PROBE, .port = HOME, .state = STATE_RELOCATED },
        { .name = "auto: and Windows grants it", .restore = RESTORE_AUTO, .moved_to = 2222,
          .service = SERVICE_RUNNING, .facts = { SSHD(2222), FREE(HOME) },
          .action = ACTION_RESTORE, .port = HOME, .state = STATE_RELOCATED },
        { .name = "auto: but somebody asked for it to be there", .restore = RESTORE_AUTO, .moved_to = 2222,
          .no_auto_restore = true, .service = SERVICE_RUNNING, .facts = { SSHD(2222), { .port = HOME, .holder_left = true } },
          .action = ACTION_NONE, .state = STATE_RELOCATED },
        { .name = "manual: seen free is not asked for", .moved_to = 2222,
          .service = SERVICE_RUNNING, .facts = { SSHD(2222), { .port = HOME, .holder_left = true } },
          .action = ACTION_NONE, .state = STATE_RELOCATED },
        { .name = "manual: Restore() asks", .moved_to = 2222, .request = REQUEST_RESTORE,
          .service = SERVICE_RUNNING, .facts = { SSHD(2222) },
          .action = ACTION_PROBE, .port = HOME, .state = STATE_RELOCATED },
        { .name = "manual: Restore() where Windows has it", .moved_to = 2222, .request = REQUEST_RESTORE,
          .service = SERVICE_RUNNING, .facts = { SSHD(2222), WINDOWS(HOME) },
          .action = ACTION_NONE, .state = STATE_RELOCATED },
        { .name = "Relocate(22022)", .request = REQUEST_RELOCATE, .request_port = 22022,
          .service = SERVICE_RUNNING, .facts = { SSHD(HOME) },
          .action = ACTION_RELOCATE, .port = 22022, .state = STATE_CONFLICT },
        { .name = "Relocate(22022) from elsewhere", .request = REQUEST_RELOCATE, .request_port = 22022,
          .moved_to = 2222, .service = SERVICE_RUNNING, .facts = { SSHD(2222) },
          .action = ACTION_RELOCATE, .port = 22022, .state = STATE_CONFLICT },
        { .name = "a socket unit that could not bind: asked as at boot", .by_socket = true,
          .service = SERVICE_TO_START, .action = ACTION_PROBE, .port = HOME, .state = STATE_UNKNOWN },
        { .name = "a socket unit that listens and doesn't: not at once", .by_socket = true, .service = SERVICE_RUNNING,
          .action = ACTION_NONE, .port_missing = true, .state = STATE_UNKNOWN },
        { .name = "a socket unit that listens and doesn't: asked", .by_socket = true, .service = SERVICE_RUNNING,
          .settled = SETTLED_WITHOUT_PORT, .action = ACTION_PROBE, .port = HOME, .state = STATE_UNKNOWN },
        { .name = "a socket unit that listens and doesn't: restarted", .by_socket = true, .service = SERVICE_RUNNING,
          .settled = SETTLED_WITHOUT_PORT, .facts = { FREE(HOME) }, .action = ACTION_START, .port = HOME, .state = STATE_CLEAR },
        { .name = "the same while relocated", .by_socket = true, .service = SERVICE_RUNNING, .moved_to = 2222,
          .settled = SETTLED_WITHOUT_PORT, .facts = { FREE(2222) }, .action = ACTION_START, .port = 2222, .state = STATE_RELOCATED },
        { .name = "a socket unit that listens and doesn't, and no answer: it is asked again", .by_socket = true,
          .service = SERVICE_RUNNING, .settled = SETTLED_WITHOUT_PORT, .facts = { ANSWER(HOME, BIND_NO_ANSWER) },
          .action = ACTION_NONE, .port_missing = true, .ask_again = true, .state = STATE_UNKNOWN },
        { .name = "a socket unit that listens and doesn't, and the question failed: the same", .by_socket = true,
          .service = SERVICE_RUNNING, .settled = SETTLED_WITHOUT_PORT, .facts = { ANSWER(HOME, BIND_FAILED) },
          .action = ACTION_NONE, .port_missing = true, .ask_again = true, .state = STATE_UNKNOWN },
        { .name = "kept, but /run is empty: put in place", .moved_to = 2222, .unapplied = true,
          .facts = { FREE(2222) }, .action = ACTION_RELOCATE, .port = 2222, .state = STATE_RELOCATED },
        { .name = "systemd listens before it says so", .by_socket = true, .moved_to = 2222,
          .facts = { SSHD(2222) }, .action = ACTION_NONE, .state = STATE_RELOCATED },

        { .name = "of two ports one is the policy's and free: nothing", .other_home = 2222,
          .facts = { WINDOWS(HOME), FREE(2222) }, .action = ACTION_NONE, .state = STATE_CLEAR },
        { .name = "the same for a socket unit: all or nothing, so moved", .other_home = 2222, .by_socket = true,
          .facts = { WINDOWS(HOME), FREE(2222) }, .action = ACTION_RELOCATE, .port = 22022, .n_beside = 1,
          .state = STATE_CONFLICT },
        { .name = "which it can have of the others is asked first", .other_home = 3333, .by_socket = true,
          .facts = { WINDOWS(HOME) }, .action = ACTION_PROBE, .port = 3333, .state = STATE_UNKNOWN },
        { .name = "and what it can't have isn't kept", .other_home = 3333, .by_socket = true,
          .facts = { WINDOWS(HOME), WINDOWS(3333) }, .action = ACTION_RELOCATE, .port = 2222,
          .state = STATE_CONFLICT },
        { .name = "asked to move, of two ports the other stays", .other_home = 3333, .service = SERVICE_RUNNING,
          .request = REQUEST_RELOCATE, .facts = { SSHD(HOME), SSHD(3333) }, .action = ACTION_RELOCATE, .port = 2222,
          .n_beside = 1, .state = STATE_CONFLICT },
        { .name = "and again", .other_home = 3333, .service = SERVICE_RUNNING, .moved_to = 2222,
          .request = REQUEST_RELOCATE, .request_port = 2200, .facts = { SSHD(2222), SSHD(3333) },
          .action = ACTION_RELOCATE, .port = 2200, .n_beside = 1, .state = STATE_CONFLICT },
        { .name = "of two ports sshd has the policy's: nothing", .other_home = 2222, .service = SERVICE_RUNNING,
          .settled = SETTLED_WITHOUT_PORT, .facts = { WINDOWS(HOME), SSHD(2222) }, .action = ACTION_NONE, .port_missing = true,
          .state = STATE_CLEAR },
        { .name = "of two ports the other stays", .other_home = 3333, .service = SERVICE_RUNNING, .settled = SETTLED_WITHOUT_PORT,
          .facts = { ANSWER(HOME, BIND_NOT_ASKED), SSHD(3333), FREE(2222) }, .action = ACTION_RELOCATE, .port = 2222,
          .n_beside = 1, .state = STATE_CONFLICT },

        { .name = "not enabled: said", .service = SERVICE_INACTIVE, .not_booting = true, .not_enabled = true,
          .action = ACTION_NONE, .state = STATE_UNKNOWN },
        { .name = "EnsureEnabled", .service = SERVICE_INACTIVE, .not_booting = true, .not_enabled = true,
          .ensure_enabled = true, .action = ACTION_ENABLE, .state = STATE_UNKNOWN },
        { .name = "EnsureEnabled: one that was stopped stays so", .service = SERVICE_INACTIVE, .not_booting = true,
          .ensure_enabled = true, .action = ACTION_NONE, .state = STATE_UNKNOWN },
        { .name = "EnsureEnabled: not under never", .service = SERVICE_INACTIVE, .not_booting = true,
          .not_enabled = true, .ensure_enabled = true, .relocate = RELOCATE_NEVER, .action = ACTION_NONE,
          .state = STATE_UNMANAGED },
        { .name = "SocketActivation=disable", .by_socket = true, .service = SERVICE_RUNNING, .not_booting = true,
          .socket_activation = SOCKET_ACTIVATION_DISABLE, .facts = { SSHD(HOME) }, .action = ACTION_DISABLE_SOCKET,
          .state = STATE_UNKNOWN },
        { .name = "SocketActivation=disable: not where the service would not start", .by_socket = true,
          .service = SERVICE_RUNNING, .socket_activation = SOCKET_ACTIVATION_DISABLE, .refused = true,
          .facts = { SSHD(HOME) }, .action = ACTION_NONE, .port = HOME, .state = STATE_CLEAR },
        { .name = "SocketActivation=disable: not where the service could not be moved", .by_socket = true,
          .service = SERVICE_RUNNING, .socket_activation = SOCKET_ACTIVATION_DISABLE, .fixed = true, .moved_to = 2222,
          .facts = { WINDOWS(HOME), SSHD(2222) }, .action = ACTION_NONE, .state = STATE_RELOCATED },
        { .name = "SocketActivation=disable: a fixed port, and the socket can be moved", .by_socket = true,
          .service = SERVICE_TO_START, .not_booting = true, .socket_activation = SOCKET_ACTIVATION_DISABLE, .fixed = true,
          .facts = { WINDOWS(HOME), FREE(2222) }, .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT },
        { .name = "SocketActivation=keep again: not where sshd would not start", .service = SERVICE_RUNNING,
          .socket_disabled = true, .refused = true, .facts = { SSHD(HOME) },
          .action = ACTION_NONE, .port = HOME, .state = STATE_CLEAR },
        { .name = "SocketActivation=disable: not during boot", .by_socket = true, .booting = true,
          .service = SERVICE_RUNNING, .socket_activation = SOCKET_ACTIVATION_DISABLE, .facts = { SSHD(HOME) }, .action = ACTION_NONE, .port = HOME,
          .state = STATE_CLEAR },
        { .name = "SocketActivation=keep again", .service = SERVICE_RUNNING, .not_booting = true,
          .socket_disabled = true, .facts = { SSHD(HOME) }, .action = ACTION_ENABLE_SOCKET, .state = STATE_UNKNOWN },
        { .name = "SocketActivation=disable, cut off when nothing listened: once more", .service = SERVICE_INACTIVE,
          .not_booting = true, .socket_disabled = true, .switch_unfinished = true,
          .socket_activation = SOCKET_ACTIVATION_DISABLE, .action = ACTION_DISABLE_SOCKET, .state = STATE_UNKNOWN },
        { .name = "SocketActivation=disable, done, and stopped since: left alone", .service = SERVICE_INACTIVE,
          .not_booting = true, .socket_disabled = true, .socket_activation = SOCKET_ACTIVATION_DISABLE,
          .action = ACTION_NONE, .state = STATE_UNKNOWN },
        { .name = "no ssh service", .service = SERVICE_ABSENT, .action = ACTION_NONE, .state = STATE_UNMANAGED },
        { .name = "Relocate(80): a refusal is no conflict", .request = REQUEST_RELOCATE, .request_port = 80,
          .service = SERVICE_RUNNING, .facts = { SSHD(HOME) }, .action = ACTION_NONE, .state = STATE_CLEAR },
        { .name = "Relocate(22022), which Windows has", .request = REQUEST_RELOCATE, .request_port = 22022,
          .service = SERVICE_RUNNING, .facts = { SSHD(HOME), WINDOWS(22022) }, .action = ACTION_NONE,
          .state = STATE_CLEAR },
        { .name = "Relocate(80) from elsewhere: it stays there", .request = REQUEST_RELOCATE, .request_port = 80,
          .moved_to = 2222, .service = SERVICE_RUNNING, .facts = { SSHD(2222) }, .action = ACTION_NONE,
          .state = STATE_RELOCATED },
        { .name = "consomme: sshd fell for a refused bind", .mode = MODE_CONSOMME, .settled = SETTLED_WITHOUT_PORT,
          .service = SERVICE_RUNNING, .facts = { ANSWER(HOME, BIND_NOT_ASKED) },
          .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT },
        { .name = "consomme: no answer about where it could go", .mode = MODE_CONSOMME, .settled = SETTLED_WITHOUT_PORT,
          .service = SERVICE_RUNNING, .facts = { ANSWER(HOME, BIND_NOT_ASKED), ANSWER(2222, BIND_NO_ANSWER) },
          .action = ACTION_NONE, .port_missing = true, .ask_again = true, .state = STATE_CONFLICT },
        { .name = "a way back was cut off: the file is put back", .settled = SETTLED_WITHOUT_PORT, .last_port = 2222,
          .service = SERVICE_RUNNING, .facts = { ANSWER(HOME, BIND_NOT_ASKED), SSHD(2222) },
          .action = ACTION_RELOCATE, .port = 2222, .state = STATE_RELOCATED },
        { .name = "a stranger has home by one family, sshd runs on the other", .settled = SETTLED_WITHOUT_PORT,
          .service = SERVICE_RUNNING, .facts = { LINUX(HOME) },
          .action = ACTION_RELOCATE, .port = 2222, .state = STATE_CONFLICT },
        { .name = "sshd has one family of a port that another took first, Windows has home", .settled = SETTLED_WITHOUT_PORT,
          .service = SERVICE_RUNNING, .facts = { WINDOWS(HOME), ANSWER(2222, BIND_REFUSED_BY_LINUX) },
          .action = ACTION_RELOCATE, .port = 22022, .state = STATE_CONFLICT },
        { .name = "the same, and no answer about the next: it is asked again", .settled = SETTLED_WITHOUT_PORT,
          .service = SERVICE_RUNNING,
          .facts = { WINDOWS(HOME), ANSWER(2222, BIND_REFUSED_BY_LINUX), ANSWER(22022, BIND_NO_ANSWER) },
          .action = ACTION_NONE, .port_missing = true, .ask_again = true, .state = STATE_CONFLICT },
        { .name = "the same, a moment before: it may still come to listen",
          .service = SERVICE_RUNNING, .facts = { WINDOWS(HOME), ANSWER(2222, BIND_REFUSED_BY_LINUX) },
          .action = ACTION_NONE, .port_missing = true, .state = STATE_UNKNOWN },
        { .name = "a stranger has the kept port by one family", .settled = SETTLED_WITHOUT_PORT, .moved_to = 2222,
          .service = SERVICE_RUNNING, .facts = { LINUX(2222) },
          .action = ACTION_RELOCATE, .port = 22022, .state = STATE_CONFLICT },
        { .name = "consomme: sshd is not given up at once", .mode = MODE_CONSOMME,
          .service = SERVICE_RUNNING, .facts = { ANSWER(HOME, BIND_NOT_ASKED) },
          .action = ACTION_NONE, .port_missing = true, .state = STATE_UNKNOWN },
        { .name = "starting: wait", .service = SERVICE_STARTING, .facts = { WINDOWS(HOME), FREE(2222) },
          .action = ACTION_NONE, .state = STATE_CONFLICT },
};

static void test_rule(const void *data) {
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
        snapshot.home.port_fixed = rule->fixed;
        if (rule->other_home != 0)
                snapshot.home.ports[snapshot.home.n_ports++] = rule->other_home;
        if (rule->not_booting)
                snapshot.booting = false;
        if (rule->booting)
                snapshot.booting = true;
        snapshot.moved_to = rule->moved_to;
        snapshot.last_port = rule->last_port;
        snapshot.settled = rule->settled;
        snapshot.no_auto_restore = rule->no_auto_restore;
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
        test_assert(decision.reason[0] != '\0');
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

static void test_what_could_not_be_seen_is_not_told(void) {
        Config config = test_config(RELOCATE_CONFLICT, RESTORE_MANUAL);
        Snapshot snapshot = test_snapshot();
        Decision decision;

        snapshot.service = SERVICE_RUNNING;
        snapshot.settled = SETTLED_UNSEEN;
        policy_decide(&config, &snapshot, &decision);
        test_equal_int(decision.action, ACTION_NONE);
        test_equal_int(decision.state, STATE_UNKNOWN);
        test_contains(decision.reason, "could not be seen");
}

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

static void test_config_broken_by_ours_is_undone(void) {
        Config config = test_config(RELOCATE_CONFLICT, RESTORE_MANUAL);
        Snapshot snapshot = test_snapshot();
        Decision decision;

        snapshot.verdict = SSHD_VERDICT_OUR_FILE_REFUSED;
        snapshot.moved_to = 2222;
        policy_decide(&config, &snapshot, &decision);
        test_equal_int(decision.action, ACTION_RESTORE);
        test_equal_int(decision.then_start, false);

        /* systemd tries that no more. */
        snapshot.service = SERVICE_FAILED;
        policy_decide(&config, &snapshot, &decision);
        test_equal_int(decision.action, ACTION_RESTORE);
        test_equal_int(decision.then_start, true);
}

static void test_explicit_port_is_not_moved(void) {
        Config config = test_config(RELOCATE_CONFLICT, RESTORE_MANUAL);
        const PortFact facts[] = { WINDOWS(HOME) };
        Snapshot snapshot = test_snapshot();
        Decision decision;

        snapshot.home.port_fixed = true;
        snapshot.facts = facts;
        snapshot.n_facts = 1;
        policy_decide(&config, &snapshot, &decision);
        test_equal_int(decision.action, ACTION_NONE);
        test_equal_int(decision.state, STATE_BLOCKED);
        test_contains(decision.reason, "ListenAddress");
}

static void test_hold_is_kept(void) {
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

        /* And on the way back. */
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

/* Windows excludes the whole of a long range: the end is reached in few questions, none is asked twice. */
static void test_long_range_is_not_walked(void) {
        Config config = { .candidates = { { 1024, 65535 } }, .n_candidates = 1 };
        PortFact facts[128] = { WINDOWS(HOME) };
        Snapshot snapshot = test_snapshot();
        Decision decision;

        snapshot.facts = facts;
        snapshot.n_facts = 1;
        for (;;) {
                policy_decide(&config, &snapshot, &decision);
                if (decision.action != ACTION_RELOCATE)
                        break;
                for (size_t i = 0; i < snapshot.n_facts; i++)
                        test_assert(facts[i].port != decision.port);
                test_assert(snapshot.n_facts < ELEMENTSOF(facts));
                facts[snapshot.n_facts++] = (PortFact) WINDOWS(decision.port);
        }
        test_equal_int(decision.state, STATE_BLOCKED);
        test_assert(snapshot.n_facts < 32);
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

/* A running sshd is to bind the other half of a port that it has. */
static bool mends_ipv4(const Snapshot *s, uint16_t port) {
        return s->service == SERVICE_RUNNING && s->settled == SETTLED_WITHOUT_IPV4 && !s->by_socket && !s->postponed &&
               fact_of(s, port)->holder == HOLDER_SSHD && fact_of(s, port)->lacks_ipv4;
}

/* The promises, for one decision. */
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
                if (!binds)
                        return "a bind for a service that isn't about to bind";
                return policy_allows(c, d->port) && d->port == s->moved_to ? NULL : "a needless bind";
        case ACTION_RELOCATE:
                if (!mode_shares_ports(s->mode) || s->verdict != SSHD_VERDICT_VALID || undo)
                        return "a move that isn't called for";
                if (!policy_allows(c, d->port) || d->port == HOME)
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
                        return NULL; /* sshd doesn't read it */
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

/* All modes, services, verdicts, policies and holders against each other. */
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
                s.home.port_fixed = obstacle == 1;
                s.postponed = obstacle == 2 ? "hold" : NULL;
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

/* Whatever the ports really are, asking and being answered comes to an end, with at most one move in it. */
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
                        test_assert(s.n_facts < ELEMENTSOF(facts));
                        facts[s.n_facts++] = (truth & (1U << i)) != 0 ? (PortFact) FREE(d.port)
                                                               : (PortFact) WINDOWS(d.port);
                        if (d.action == ACTION_RELOCATE && truth & (1U << i)) {
                                s.moved_to = d.port;
                                moves++;
                        }
                }
                test_assert(moves <= 1);
                test_equal_int(d.state, (truth & 1) != 0 ? STATE_CLEAR : truth != 0 ? STATE_RELOCATED : STATE_BLOCKED);
        }
}

static const struct {
        const char *name;
        PortFact fact;
} described[] = {
        { "sshd has 22", SSHD(HOME) },
        { "sshd has 22 on IPv6 only", NO_IPV4(HOME, BIND_NOT_ASKED) },
        { "sshd has 22 on IPv6 only, and Windows refuses it on IPv4", NO_IPV4(HOME, BIND_REFUSED_BY_WINDOWS) },
        { "nginx (pid 7) holds 22", LINUX(HOME) },
        { "a Linux process holds 22", { .port = HOME, .holder = HOLDER_LINUX } },
        { "another WSL distro holds 22", { .port = HOME, .holder = HOLDER_OTHER_DISTRO } },
        { "Windows holds 22", { .port = HOME, .holder = HOLDER_WINDOWS_OPENSSH } },
        { "Windows (a thing) holds 22", { .port = HOME, .holder = HOLDER_WINDOWS, .detail = "a thing" } },
        { "Windows refuses 22 (a program has it, or an excluded port range)", WINDOWS(HOME) },
        { "22 is free", FREE(HOME) },
        { "Windows refuses 22 (a program has it, or an excluded port range)", ANSWER(HOME, BIND_REFUSED_BY_WINDOWS) },
        { "a Linux socket that doesn't listen holds 22", ANSWER(HOME, BIND_REFUSED_BY_LINUX) },
        { "WSL's port tracker is dead: nothing can bind a port until `wsl --shutdown`", ANSWER(HOME, BIND_TRACKER_DEAD) },
        { "Windows does not answer about 22", ANSWER(HOME, BIND_NO_ANSWER) },
        { "22 could not be tried", ANSWER(HOME, BIND_FAILED) },
        { "22 could not be tried (Too many open files)",
          { .port = HOME, .bind = BIND_FAILED, .detail = "Too many open files" } },
        { "nothing here listens on 22", { .port = HOME, .holder = HOLDER_NONE } },
        { "nothing is known yet", ANSWER(HOME, BIND_NOT_ASKED) },
};

/* The name is what is said. */
static void test_described(const void *data) {
        const __typeof__(described[0]) *row = data;
        char text[REASON_SIZE];

        port_fact_describe(&row->fact, text, sizeof(text));
        test_equal_string(text, row->name);
}

static void test_nothing_is_described(void) {
        char text[REASON_SIZE];

        port_fact_describe(NULL, text, sizeof(text));
        test_equal_string(text, "nothing is known yet");
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_rule, rules),
                TEST(test_mode_unknown_does_nothing),
                TEST(test_what_could_not_be_seen_is_not_told),
                TEST(test_broken_sshd_config_is_told),
                TEST(test_config_broken_by_ours_is_undone),
                TEST(test_explicit_port_is_not_moved),
                TEST(test_hold_is_kept),
                TEST(test_long_range_is_not_walked),
                TEST_TABLE(test_promises, modes),
                TEST(test_every_conflict_settles),
                TEST_TABLE(test_described, described),
                TEST(test_nothing_is_described),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
