/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "process/program.h"

/* wslportd.service has next to no rights. wslportd-helper.service does what takes more: a small program to
 * which only root can connect. One connection is one request; closing the connection ends what the request
 * has started. Without a helper (the environment doesn't name its socket in WSLPORTD_HELPER, as in a shell)
 * each caller does the same itself, with the rights that it has. */

typedef enum HelperTask {
        HELPER_RUN,        /* a program, one of those that helper_may_run() knows */
        HELPER_FIND_OWNER, /* owner_find() */
        HELPER_TRACE,      /* tracepoint_open() */
        _HELPER_TASK_MAX,
} HelperTask;

/* The head of a request. Behind the head of HELPER_RUN come strings, each with its NUL: the arguments, and
 * then a variable if there is one; and with it come two descriptors, the program's stdout and stderr. */
typedef struct HelperRequest {
        HelperTask task;
        uint32_t inode;     /* of HELPER_FIND_OWNER */
        uint64_t cgroup_id; /* likewise */
        ProgramRights rights;
        uint32_t n_arguments, n_variables; /* at most one variable */
} HelperRequest;

#define HELPER_REQUEST_MAX ((size_t) 64 * 1024)
#define HELPER_ARGUMENTS_MAX 600U
#define HELPER_FDS_MAX 253U /* the kernel's SCM_MAX_FD */

/* True if there is a helper to ask. */
bool helper_is_there(void);

/* Has the helper do one of the tasks other than HELPER_RUN and waits for the answer, which usually takes less than 1 ms,
 * until @until (of CLOCK_MONOTONIC) at most: whoever asks within the event loop has a bound for all questions of one
 * evaluation. The answer is @size bytes, and at most @n_fds descriptors, which the caller owns then. Returns the number
 * of descriptors, -EAGAIN where there was no answer, -EHOSTDOWN where nobody listens, or another negative
 * errno. */
int helper_ask(const HelperRequest *request, usec_t until, void *ret, size_t size, int ret_fds[],
               size_t n_fds);

/* Has the helper run @argv, with @variable as program_exec() takes it. Returns the connection, non-blocking. When the
 * program has exited, an int arrives there, its exit status; when it has ended in any other way, the helper hangs up.
 * Closing the connection kills the program. On failure returns a negative errno as above, and nothing was started. */
int helper_run(const char *const argv[], const char *variable, ProgramRights rights, int output_fd,
               int errors_fd);

/* ── for the helper, too ── */

/* Sends a message, with at most HELPER_FDS_MAX descriptors. Returns 0 or a negative errno. */
int helper_send(int fd, const void *text, size_t size, const int fds[], size_t n_fds);

/* Receives a message of at most @size bytes, with at most @n_fds descriptors, which the caller owns then;
 * their number goes to *@ret_n_fds. Returns the number of bytes, -EMSGSIZE for a message with more of
 * either, or another negative errno. */
ssize_t helper_receive(int fd, void *buffer, size_t size, int ret_fds[], size_t n_fds, size_t *ret_n_fds);

/* Reads a request of @size bytes that came with @n_fds descriptors. Returns 0, and @ret_argv, which NULL
 * ends, and *@ret_variable point into @message; or -EBADMSG, also for a variable other than WSL_INTEROP
 * and LD_PRELOAD=PROGRAM_PRELOAD. */
int helper_parse(char *message, size_t size, size_t n_fds, HelperRequest *ret,
                 const char *ret_argv[static HELPER_ARGUMENTS_MAX + 1], const char **ret_variable);

/* True for the programs that wslportd has to run, each with the rights that it needs. */
bool helper_may_run(const char *program, ProgramRights rights);
