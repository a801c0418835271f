/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "process/helper.h"

struct Child {
        sd_event_source *exit_source, *deadline_source;
        int helper_fd; /* whose program it is, or -1: it's a process of ours */
        int output_fd, errors_fd;
        ChildHandler handler; /* NULL once it was called */
        void *userdata;
        bool orphaned; /* freed by its owner: lives on only until it is reaped */
};

static void child_destroy(Child *c) {
        sd_event_source_disable_unref(c->exit_source);
        sd_event_source_disable_unref(c->deadline_source);
        closep(&c->helper_fd);
        closep(&c->output_fd);
        closep(&c->errors_fd);
        free(c);
}

static void child_kill(Child *c) {
        if (c->helper_fd >= 0)
                c->exit_source = sd_event_source_disable_unref(c->exit_source);
        else
                (void) sd_event_source_send_child_signal(c->exit_source, SIGKILL, NULL, 0);
        closep(&c->helper_fd);
        c->helper_fd = -1;
}

Child *child_free(Child *c) {
        if (!c)
                return NULL;

        if (c->exit_source && c->helper_fd < 0) {
                /* To be reaped it must outlive this call; child_on_exit() ends it. */
                c->orphaned = true;
                child_kill(c);
                c->deadline_source = sd_event_source_disable_unref(c->deadline_source);
        } else
                child_destroy(c);

        return NULL;
}

/* NULL where it could not be read: half of it may say something else than all. A grandchild may keep the pipe open. */
static char *read_pipe(int fd) {
        _cleanup_free_ char *text = malloc(CHILD_OUTPUT_MAX + 1);
        size_t length = 0;

        if (!text)
                return NULL;

        while (length < CHILD_OUTPUT_MAX) {
                ssize_t n = read(fd, text + length, CHILD_OUTPUT_MAX - length);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno != EAGAIN)
                        return NULL;
                if (n <= 0)
                        break;
                length += (size_t) n;
        }
        text[length] = '\0';
        return TAKE_PTR(text);
}

/* Tells the owner, once. The owner may free @c in the call, so it isn't touched afterwards. */
static void child_finish(Child *c, const ChildResult *result) {
        ChildHandler handler = c->handler;

        c->handler = NULL;
        if (handler)
                handler(result, c->userdata);
}

/* @status is -1 where it didn't exit by itself. */
static void child_end(Child *c, int status) {
        c->exit_source = sd_event_source_disable_unref(c->exit_source);
        c->deadline_source = sd_event_source_disable_unref(c->deadline_source);

        if (c->orphaned) {
                child_destroy(c);
                return;
        }
        if (!c->handler)
                return;

        _cleanup_free_ char *output = read_pipe(c->output_fd), *errors = read_pipe(c->errors_fd);

        child_finish(c, &(ChildResult){
                                        .exit_status = output && errors ? status : -1,
                                        .output = strempty(output),
                                        .errors = strempty(errors),
                        });
}

static int child_on_exit(sd_event_source *source, const siginfo_t *info, void *userdata) {
        (void) source;
        child_end(userdata, info->si_code == CLD_EXITED ? info->si_status : -1);
        return 0;
}

static int child_on_helper(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        int status;
        ssize_t n;

        (void) source, (void) revents;
        n = recv(fd, &status, sizeof(status), 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        child_end(userdata, n == sizeof(status) ? status : -1);
        return 0;
}

static int child_on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Child *c = userdata;

        (void) source, (void) usec;
        child_kill(c);
        c->deadline_source = sd_event_source_disable_unref(c->deadline_source);
        child_finish(c, &(ChildResult){ .timed_out = true, .exit_status = -1, .output = "", .errors = "" });
        return 0;
}

static int child_begin_here(Child *c, sd_event *event, const char *const argv[], const char *const environment[],
                            ProgramRights rights, int output_fd, int errors_fd) {
        pid_t pid;
        int r;

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                program_exec(argv, environment, rights, output_fd, errors_fd);

        r = sd_event_add_child(event, &c->exit_source, pid, WEXITED, child_on_exit, c);
        if (r < 0) {
                /* Not watched, so to be reaped here; it has only just begun. */
                (void) kill(pid, SIGKILL);
                (void) waitpid(pid, NULL, 0);
        }
        return r;
}

static int child_begin_there(Child *c, sd_event *event, const char *const argv[], const char *const environment[],
                             ProgramRights rights, int output_fd, int errors_fd) {
        c->helper_fd = helper_run(argv, environment, rights, output_fd, errors_fd);
        if (c->helper_fd < 0)
                return c->helper_fd;

        return sd_event_add_io(event, &c->exit_source, c->helper_fd, EPOLLIN, child_on_helper, c);
}

int child_spawn(sd_event *event, const char *const argv[], ProgramRights rights, usec_t timeout,
                ChildHandler handler, void *userdata, Child **ret) {
        static const char *const nothing[] = { NULL };

        return child_spawn_with(event, argv, nothing, rights, timeout, handler, userdata, ret);
}

int child_spawn_with(sd_event *event, const char *const argv[], const char *const environment[],
                     ProgramRights rights, usec_t timeout, ChildHandler handler, void *userdata, Child **ret) {
        const char *variables[2 + CHILD_ENVIRONMENT_MAX + 1] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                                                 "LC_ALL=C" };
        _cleanup_close_ int output_write_fd = -1, errors_write_fd = -1;
        int output[2], errors[2], r;
        size_t n = 2;
        Child *c;

        for (; *environment; environment++) {
                if (n == ELEMENTSOF(variables) - 1)
                        return -E2BIG;
                variables[n++] = *environment;
        }

        c = malloc(sizeof(*c));
        if (!c)
                return -ENOMEM;
        *c = (Child){ .helper_fd = -1, .output_fd = -1, .errors_fd = -1, .handler = handler, .userdata = userdata };

        /* Only our ends are non-blocking: a child expects its own to wait. */
        if (pipe2(output, O_CLOEXEC) < 0) {
                r = -errno;
                goto fail;
        }
        c->output_fd = output[0];
        output_write_fd = output[1];
        if (pipe2(errors, O_CLOEXEC) < 0) {
                r = -errno;
                goto fail;
        }
        c->errors_fd = errors[0];
        errors_write_fd = errors[1];
        if (fcntl(c->output_fd, F_SETFL, O_NONBLOCK) < 0 || fcntl(c->errors_fd, F_SETFL, O_NONBLOCK) < 0) {
                r = -errno;
                goto fail;
        }

        r = helper_is_there() ? child_begin_there(c, event, argv, variables, rights, output_write_fd, errors_write_fd)
                              : child_begin_here(c, event, argv, variables, rights, output_write_fd, errors_write_fd);
        if (r < 0)
                goto fail;
        (void) sd_event_source_set_description(c->exit_source, "child-exit");

        r = sd_event_add_time_relative(event, &c->deadline_source, CLOCK_MONOTONIC, timeout, 0,
                                       child_on_deadline, c);
        if (r < 0) {
                child_free(c);
                return r;
        }
        (void) sd_event_source_set_description(c->deadline_source, "child-deadline");

        *ret = c;
        return 0;

fail:
        child_destroy(c);
        return r;
}
