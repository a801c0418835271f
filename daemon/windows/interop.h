/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "process/child.h"

/* Runs one of Windows' own programs, below WSL's mount of drive C:. The program runs as the Windows user: only for a user
 * who has asked for it. Drive C: may hang, so that only a child process touches it. */

typedef enum InteropProgram {
        INTEROP_NETSH,
        INTEROP_NETSTAT,
        INTEROP_TASKLIST,
        INTEROP_REG,
        INTEROP_POWERSHELL,
        _INTEROP_PROGRAM_MAX,
} InteropProgram;

#define INTEROP_ARGUMENTS_MAX 8

/* @arguments end with NULL and may change after the call. @timeout in µs. @handler gets what the program printed, which is
 * untrusted. Returns 0; -EOPNOTSUPP where this isn't WSL 2, or /etc/wsl.conf turns the way to Windows off; or another
 * negative errno. Nothing was started then. */
int interop_start(sd_event *event, InteropProgram program, const char *const arguments[], usec_t timeout,
                  ChildHandler handler, void *userdata, Child **ret);
