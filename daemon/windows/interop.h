/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/util.h"

/* Runs a program of Windows' own, below WSL's mount of drive C:. It runs as the Windows user, so it is only
 * for where somebody has asked for it. Whatever is on that drive may hang: it is touched in a child process
 * only. */

typedef enum InteropProgram {
        INTEROP_NETSH,
        INTEROP_NETSTAT,
        INTEROP_TASKLIST,
        INTEROP_REG,
        INTEROP_POWERSHELL,
        _INTEROP_PROGRAM_MAX,
} InteropProgram;

#define INTEROP_ARGUMENTS_MAX 8

typedef struct Interop Interop;

/* Called once, unless freed before; may free it. @error: 0 where the program has ended by itself, with
 * @exit_status and
 * @output (untrusted, up to the first NUL byte, valid during the call only); -ENOENT where it can't be run,
 * -ETIMEDOUT at the deadline, -EIO where it was killed. */
typedef void (*InteropHandler)(int error, int exit_status, const char *output, void *userdata);

/* @arguments end with NULL and are copied by the system before this returns. @timeout in µs. Returns 0;
 * -EOPNOTSUPP where this isn't WSL 2, or /etc/wsl.conf turns its way to Windows off; or another negative
 * errno. Nothing was started then. */
int interop_start(sd_event *event, InteropProgram program, const char *const arguments[], usec_t timeout,
                  InteropHandler handler, void *userdata, Interop **ret);

Interop *interop_free(Interop *interop);
DEFINE_TRIVIAL_CLEANUP(Interop *, interop_free);
