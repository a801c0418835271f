/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* A program's beginning: who it is, what it may do, what it reads and writes. */

/* What a program may do of what the one that starts it may. Where that one isn't root, each is as that one. */
typedef enum ProgramRights {
        PROGRAM_ALL,   /* the same */
        PROGRAM_NONE,  /* it runs as nobody, without any capability */
        PROGRAM_READS, /* as nobody that may read every file (CAP_DAC_READ_SEARCH) */
        PROGRAM_BINDS, /* as nobody that may bind every port (CAP_NET_BIND_SERVICE) */
        _PROGRAM_RIGHTS_MAX,
} ProgramRights;

/* Makes this process the program @argv (argv[0] is an absolute path, NULL ends the list) with @environment, /dev/null as
 * input, and no other descriptor. It is killed when its parent ends. Where it can't be made it exits with 127. */
__attribute__((noreturn)) void program_exec(const char *const argv[], const char *const environment[],
                                            ProgramRights rights, int output_fd, int errors_fd);
