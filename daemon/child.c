/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "child.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* nobody on every distro, and the kernel's own overflow uid */
#define UNPRIVILEGED_ID 65534

struct Child {
        sd_event_source *exit_source, *deadline_source;
        int output_fd, errors_fd;
        ChildHandler handler; /* NULL once it was called */
        void *userdata;
        bool orphaned; /* freed by its owner: lives on only until it is reaped */
};

static void child_destroy(Child *c) {
        sd_event_source_disable_unref(c->exit_source);
        sd_event_source_disable_unref(c->deadline_source);
        closep(&c->output_fd);
        closep(&c->errors_fd);
        free(c);
}

Child *child_free(Child *c) {
        if (!c)
                return NULL;

        if (c->exit_source) {
                /* To be reaped it must outlive this call; child_on_exit() ends it. */
                c->orphaned = true;
                (void) sd_event_source_send_child_signal(c->exit_source, SIGKILL, NULL, 0);
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

static int child_on_exit(sd_event_source *source, const siginfo_t *info, void *userdata) {
        Child *c = userdata;
        (void) source;
        c->exit_source = sd_event_source_disable_unref(c->exit_source);
        c->deadline_source = sd_event_source_disable_unref(c->deadline_source);

        if (c->orphaned) {
                child_destroy(c);
                return 0;
        }
        if (!c->handler)
                return 0;

        _cleanup_free_ char *output = read_pipe(c->output_fd), *errors = read_pipe(c->errors_fd);

        child_finish(c, &(ChildResult){
                                        .exit_status = info->si_code == CLD_EXITED && output && errors
                                                                       ? info->si_status
                                                                       : -1,
                                        .output = strempty(output),
                                        .errors = strempty(errors),
                        });
        return 0;
}

static int child_on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Child *c = userdata;

        (void) source, (void) usec;
        (void) sd_event_source_send_child_signal(c->exit_source, SIGKILL, NULL, 0);
        c->deadline_source = sd_event_source_disable_unref(c->deadline_source);
        child_finish(c, &(ChildResult){ .timed_out = true, .exit_status = -1, .output = "", .errors = "" });
        return 0;
}

/* A uid other than 0 loses everything at exec() but what is ambient, see capabilities(7). */
static int drop_privileges(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        uint32_t keep = 1U << CAP_DAC_READ_SEARCH;
        struct __user_cap_data_struct data[2] = { { keep, keep, keep } };

        if (geteuid() != 0) /* a user has none */
                return 0;
        if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || syscall(SYS_setgroups, 0, NULL) < 0 ||
            setresgid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID) < 0 ||
            setresuid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID) < 0 ||
            syscall(SYS_capset, &header, data) < 0 ||
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0) < 0 ||
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;

        return 0;
}

__attribute__((noreturn)) static void child_main(const char *const argv[], const char *const environment[],
                                                 bool unprivileged, int output_fd, int errors_fd) {
        sigset_t none;
        int input_fd;

        sigemptyset(&none);
        input_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (input_fd >= 0 && dup2(input_fd, STDIN_FILENO) >= 0 && dup2(output_fd, STDOUT_FILENO) >= 0 &&
            dup2(errors_fd, STDERR_FILENO) >= 0 && sigprocmask(SIG_SETMASK, &none, NULL) >= 0 &&
            prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) >= 0 && (!unprivileged || drop_privileges() >= 0))
                execve(argv[0], (char *const *) argv, (char *const *) environment);
        _exit(127);
}

int child_spawn(sd_event *event, const char *const argv[], bool unprivileged, usec_t timeout,
                ChildHandler handler, void *userdata, Child **ret) {
        static const char *const nothing[] = { NULL };

        return child_spawn_with(event, argv, nothing, unprivileged, timeout, handler, userdata, ret);
}

int child_spawn_with(sd_event *event, const char *const argv[], const char *const environment[],
                     bool unprivileged, usec_t timeout, ChildHandler handler, void *userdata, Child **ret) {
        const char *variables[2 + CHILD_ENVIRONMENT_MAX + 1] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                                                 "LC_ALL=C" };
        _cleanup_close_ int output_write_fd = -1, errors_write_fd = -1;
        int output[2], errors[2], r;
        size_t n = 2;
        Child *c;
        pid_t pid;

        for (; *environment; environment++) {
                if (n == ELEMENTSOF(variables) - 1)
                        return -E2BIG;
                variables[n++] = *environment;
        }

        c = malloc(sizeof(*c));
        if (!c)
                return -ENOMEM;
        *c = (Child){ .output_fd = -1, .errors_fd = -1, .handler = handler, .userdata = userdata };

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

        pid = fork();
        if (pid < 0) {
                r = -errno;
                goto fail;
        }
        if (pid == 0)
                child_main(argv, variables, unprivileged, output_write_fd, errors_write_fd);

        r = sd_event_add_child(event, &c->exit_source, pid, WEXITED, child_on_exit, c);
        if (r < 0) {
                /* Not watched, so to be reaped here; it has only just begun. */
                (void) kill(pid, SIGKILL);
                (void) waitpid(pid, NULL, 0);
                goto fail;
        }
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
