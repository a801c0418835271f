/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "windows/text.h"

/* What is asked of Windows, by its own programs. Each question runs one program or a few, one after the
 * other, within one deadline. */

typedef enum WindowsQuestion {
        WINDOWS_EXCLUDED_RANGES, /* netsh: the ports that nobody may bind */
        WINDOWS_DYNAMIC_RANGE,   /* netsh: the ports that it gives out */
        WINDOWS_HOLDER,          /* netstat and tasklist: which process listens on a port */
        WINDOWS_SSHD_START,      /* reg: how its OpenSSH server is started */
        WINDOWS_RULES,           /* PowerShell: which rules of the firewalls let a port in */
        _WINDOWS_QUESTION_MAX,
} WindowsQuestion;

#define WINDOWS_RANGES_MAX 128

/* What was asked for is filled in, and only where @error is 0. Otherwise it is unknown: -EOPNOTSUPP where
 * there is no way to Windows (not WSL 2, or /etc/wsl.conf says so), -ENOENT where its program isn't there,
 * -ETIMEDOUT, -EIO where the program failed, -EBADMSG where what it said isn't understood, or another
 * negative errno. */
typedef struct WindowsAnswer {
        int error;
        PortRange ranges[WINDOWS_RANGES_MAX]; /* the dynamic one: the first */
        size_t n_ranges;
        char holder[WINDOWS_NAME_SIZE]; /* "sshd.exe"; "" where nobody listens */
        WindowsStart sshd_start;
        WindowsRules rules;
} WindowsAnswer;

typedef struct Windows Windows;

/* Called once, unless freed before; may free it, and *@answer with it. */
typedef void (*WindowsHandler)(const WindowsAnswer *answer, void *userdata);

/* @port: for the questions about one. @timeout in µs, for all of it. Returns 0, or a negative errno as
 * above, and nothing was started. */
int windows_ask(sd_event *event, WindowsQuestion question, uint16_t port, usec_t timeout,
                WindowsHandler handler, void *userdata, Windows **ret);

Windows *windows_free(Windows *windows);
DEFINE_TRIVIAL_CLEANUP(Windows *, windows_free);

/* The same for a program that has nothing else to do meanwhile; it has SIGCHLD blocked. Returns *@ret's
 * error. */
int windows_ask_and_wait(WindowsQuestion question, uint16_t port, usec_t timeout, WindowsAnswer *ret);

/* Has Windows ask its user and then run @command (PowerShell) as an administrator, and waits for its end. 0
 * and the exit status, or a negative errno as above; after -ETIMEDOUT it may still come to run. */
int windows_run_elevated(const char *command, usec_t timeout, int *ret_exit_status);
