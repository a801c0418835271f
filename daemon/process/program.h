/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* The last step of starting a program: its user, its rights, its environment and its descriptors. */

/* The uid and gid of programs that need no root. Services and people run as nobody, and could stop what else
 * does. systemd leaves 65520 to 65533 free (UIDS-GIDS.md); images of containers use the last two of these. */
#define PROGRAM_USER_ID 65523

/* sshd/run-directory.c, the library that sshd loads when it is asked. */
#define PROGRAM_PRELOAD LIBEXECDIR "/wslportd-run-directory.so"

/* The part of the starting process' rights that the program keeps. A starter that isn't root hands on all of
 * its rights. */
typedef enum ProgramRights {
        PROGRAM_ALL,
        PROGRAM_NONE,  /* the program runs as PROGRAM_USER_ID, without any capability */
        PROGRAM_READS, /* as root, whose only capability is to read every file (CAP_DAC_READ_SEARCH) */
        PROGRAM_BINDS, /* as PROGRAM_USER_ID that may bind every port (CAP_NET_BIND_SERVICE) */
        _PROGRAM_RIGHTS_MAX,
} ProgramRights;

/* Gives up what @rights don't keep, for good. Returns 0 or a negative errno. */
int program_drop_privileges(ProgramRights rights);

/* Returns 0, or -ENOSYS if the kernel is too old for program_exec(): Linux 5.9 brought close_range(), 5.11 its flag. */
int program_check(void);

/* Makes this process the program @argv (argv[0] is an absolute path, NULL ends the list), with /dev/null as input,
 * and with no descriptor but that and the two given. Its environment has PATH, LC_ALL=C, and @variable ("NAME=value")
 * if that isn't NULL. The program is killed when its parent ends. On failure the process exits with 127. */
__attribute__((noreturn)) void program_exec(const char *const argv[], const char *variable,
                                            ProgramRights rights, int output_fd, int errors_fd);
