/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/rules.h"
#include "unit/core/rules.h"

static const Rule rules[] = {
        { .name = "sshd is not enabled: nothing",
          .service = SERVICE_INACTIVE, .not_booting = true, .not_enabled = true, .action = ACTION_NONE,
          .state = STATE_UNKNOWN },
        { .name = "EnsureEnabled: enable",
          .service = SERVICE_INACTIVE, .not_booting = true, .not_enabled = true, .ensure_enabled = true,
          .action = ACTION_ENABLE, .state = STATE_UNKNOWN },
        { .name = "EnsureEnabled, its owner has stopped sshd: nothing",
          .service = SERVICE_INACTIVE, .not_booting = true, .ensure_enabled = true, .action = ACTION_NONE,
          .state = STATE_UNKNOWN },
        { .name = "EnsureEnabled, never: nothing",
          .service = SERVICE_INACTIVE, .not_booting = true, .not_enabled = true, .ensure_enabled = true,
          .relocate = RELOCATE_NEVER, .action = ACTION_NONE, .state = STATE_UNMANAGED },
        { .name = "SocketActivation=disable: the service instead of the socket",
          .by_socket = true, .service = SERVICE_RUNNING, .not_booting = true,
          .socket_activation = SOCKET_ACTIVATION_DISABLE, .facts = { SSHD(HOME) },
          .action = ACTION_DISABLE_SOCKET, .state = STATE_UNKNOWN },
        { .name = "SocketActivation=disable, the service would not start: nothing",
          .by_socket = true, .service = SERVICE_RUNNING, .socket_activation = SOCKET_ACTIVATION_DISABLE,
          .refused = true, .facts = { SSHD(HOME) }, .action = ACTION_NONE, .state = STATE_CLEAR },
        { .name = "SocketActivation=disable, the service could not be moved: nothing",
          .by_socket = true, .service = SERVICE_RUNNING, .socket_activation = SOCKET_ACTIVATION_DISABLE,
          .fixed = true, .moved_to = 2222, .facts = { WINDOWS(HOME), SSHD(2222) }, .action = ACTION_NONE,
          .state = STATE_RELOCATED },
        { .name = "SocketActivation=disable, the port is fixed: the socket is moved",
          .by_socket = true, .service = SERVICE_TO_START, .not_booting = true,
          .socket_activation = SOCKET_ACTIVATION_DISABLE, .fixed = true,
          .facts = { WINDOWS(HOME), FREE(2222) }, .action = ACTION_RELOCATE, .port = 2222,
          .state = STATE_CONFLICT },
        { .name = "SocketActivation=keep, sshd would not start: nothing",
          .service = SERVICE_RUNNING, .socket_disabled = true, .refused = true, .facts = { SSHD(HOME) },
          .action = ACTION_NONE, .state = STATE_CLEAR },
        { .name = "SocketActivation=disable, during boot: nothing",
          .by_socket = true, .booting = true, .service = SERVICE_RUNNING,
          .socket_activation = SOCKET_ACTIVATION_DISABLE, .facts = { SSHD(HOME) }, .action = ACTION_NONE,
          .state = STATE_CLEAR },
        { .name = "SocketActivation=keep: the socket again",
          .service = SERVICE_RUNNING, .not_booting = true, .socket_disabled = true, .facts = { SSHD(HOME) },
          .action = ACTION_ENABLE_SOCKET, .state = STATE_UNKNOWN },
        { .name = "SocketActivation= can't be read: the units stay as they are",
          .service = SERVICE_RUNNING, .not_booting = true, .socket_disabled = true,
          .socket_activation = SOCKET_ACTIVATION_UNREADABLE, .facts = { SSHD(HOME) }, .action = ACTION_NONE,
          .state = STATE_CLEAR },
        { .name = "SocketActivation=disable, cut off while nothing listened: once more",
          .service = SERVICE_INACTIVE, .not_booting = true, .socket_disabled = true,
          .switch_unfinished = true, .socket_activation = SOCKET_ACTIVATION_DISABLE,
          .action = ACTION_DISABLE_SOCKET, .state = STATE_UNKNOWN },
        { .name = "SocketActivation=disable, done, and sshd was stopped since: nothing",
          .service = SERVICE_INACTIVE, .not_booting = true, .socket_disabled = true,
          .socket_activation = SOCKET_ACTIVATION_DISABLE, .action = ACTION_NONE, .state = STATE_UNKNOWN },
};

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_rule, rules),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
