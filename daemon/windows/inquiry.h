/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "process/child.h"
#include "windows/programs.h"

/* A question to Windows. One of Windows' own programs answers it, or a few do one after the other, within
 * one deadline. The programs run as the Windows user: only for a user who has asked for it. They lie on
 * drive C:, which may hang, so that only a child process touches it. */

typedef enum WindowsQuestion {
        WINDOWS_EXCLUDED_RANGE, /* netsh: the range with a port that nobody may bind */
        WINDOWS_DYNAMIC_RANGE,  /* netsh: the ports that Windows gives out */
        WINDOWS_HOLDER,         /* netstat and tasklist: the process that listens on a port */
        WINDOWS_SSHD_START,     /* reg: how Windows starts its OpenSSH server */
        WINDOWS_RULES,          /* PowerShell: the rules of the firewalls that let a port in */
        WINDOWS_GREETING,       /* PowerShell: who greets Windows itself at localhost */
        WINDOWS_PROFILE,        /* reg: the folder of the Windows user */
        _WINDOWS_QUESTION_MAX,
} WindowsQuestion;

#define WINDOWS_PATH_SIZE 256

/* Only the members that belong to the question are set, and only where @error is 0. Otherwise the answer is
 * unknown: -EOPNOTSUPP where there is no way to Windows (not WSL 2, or /etc/wsl.conf says so), -ENOENT where
 * the program isn't there, -ETIMEDOUT, -EIO where the program failed, -EBADMSG where its output isn't
 * understood, or another negative errno. */
typedef struct WindowsAnswer {
        int error;
        PortRange range; /* .last is 0: the port is in no excluded one */
        bool administered;
        char holder[WINDOWS_NAME_SIZE]; /* "sshd.exe"; "" where nobody listens */
        WindowsStart sshd_start;
        char profile[WINDOWS_PATH_SIZE]; /* as Linux has it: "/mnt/c/Users/Name" */
        WindowsRules rules;
        Greeting greeting;
} WindowsAnswer;

typedef struct Inquiry Inquiry;

/* Called once, unless the inquiry is freed before. It may free the inquiry, and *@answer with it. */
typedef void (*InquiryHandler)(const WindowsAnswer *answer, void *userdata);

/* @port: for a question about a port. @timeout in µs, for all programs together. Returns 0, or a negative
 * errno as above, and nothing was started. */
int inquiry_start(sd_event *event, WindowsQuestion question, uint16_t port, usec_t timeout,
                  InquiryHandler handler, void *userdata, Inquiry **ret);

Inquiry *inquiry_free(Inquiry *inquiry);
DEFINE_TRIVIAL_CLEANUP(Inquiry *, inquiry_free);

/* The same for a caller that has nothing else to do, and has SIGCHLD blocked: runs @event until the answer
 * is there. Returns *@ret's error. */
int inquiry_wait(sd_event *event, WindowsQuestion question, uint16_t port, usec_t timeout,
                 WindowsAnswer *ret);

/* Has Windows ask its user and then run @command (PowerShell) as an administrator, and waits for the
 * command's end in the loop @event. Returns 0 and the exit status, or a negative errno as above. After
 * -ETIMEDOUT the command may still come to run. */
int windows_run_elevated(sd_event *event, const char *command, usec_t timeout, int *ret_exit_status);
