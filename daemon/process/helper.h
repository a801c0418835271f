/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/socket.h>

#include "process/program.h"

/* wslportd.service itself may do next to nothing. What takes more is done by wslportd-helper.service, a small program that
 * root alone can connect to: one connection is one request, and closing it ends what it has started. Who has no helper
 * (the environment doesn't name its socket in WSLPORTD_HELPER, as in a shell) does the same with the rights it has. */

typedef enum HelperTask {
        HELPER_RUN,        /* a program, one of those that helper_may_run() knows */
        HELPER_FIND_OWNER, /* owner_find() */
        HELPER_TRACE,      /* tracepoint_open() */
        _HELPER_TASK_MAX,
} HelperTask;

/* The head of a request. HELPER_RUN has strings behind it, each with its NUL: the arguments, then the variables, and two
 * descriptors with it: the program's stdout and stderr. */
typedef struct HelperRequest {
        HelperTask task;
        uint32_t inode;      /* of HELPER_FIND_OWNER */
        uint64_t cgroup_id;  /* likewise */
        ProgramRights rights;
        uint32_t n_arguments, n_variables;
} HelperRequest;

#define HELPER_REQUEST_MAX ((size_t) 64 * 1024)
#define HELPER_STRINGS_MAX 600U /* with what ends the two lists */
#define HELPER_FDS_MAX 253U     /* the kernel's SCM_MAX_FD */

/* Whether there is a helper to be asked. */
bool helper_is_there(void);

/* Has the helper do one of the other tasks, and waits for the answer as it would for doing that itself; but no longer than
 * three seconds. The answer is @size bytes, and at most @n_fds descriptors, the caller's now. Returns how many, -EAGAIN where
 * there was no answer, -EHOSTDOWN where nobody listens, or another negative errno. */
int helper_ask(const HelperRequest *request, void *ret, size_t size, int ret_fds[], size_t n_fds);

/* Has the helper run @argv with @environment. Returns the connection, non-blocking: an int comes on it when the program
 * has exited, its status, and it hangs up when the program has ended in any other way. Closing it kills the program.
 * Else a negative errno, as above: nothing was started. */
int helper_run(const char *const argv[], const char *const environment[], ProgramRights rights, int output_fd,
               int errors_fd);

/* Sends a message of @parts, and at most HELPER_FDS_MAX descriptors with it. 0, or a negative errno. */
int helper_send(int fd, struct iovec *parts, size_t n_parts, const int fds[], size_t n_fds);

/* The descriptors that came with @message: at most so many of them, the caller's now; more are closed. Returns how many. */
size_t helper_take_fds(struct msghdr *message, int ret_fds[], size_t n_fds);

/* A request as it came: @size bytes at @message, and with so many descriptors. Returns 0, and
 * @ret_argv and @ret_environment, each NULL-terminated, point into it; or -EBADMSG. */
int helper_parse(char *message, size_t size, size_t n_fds, HelperRequest *ret,
                 const char *ret_strings[static HELPER_STRINGS_MAX], const char *const **ret_argv,
                 const char *const **ret_environment);

/* Whether it is among what wslportd has to run, and with such rights. */
bool helper_may_run(const char *program, ProgramRights rights);
