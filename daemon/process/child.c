/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/child.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/timer.h"
#include "process/helper.h"

typedef enum ChildState {
        CHILD_AWAITED,
        CHILD_TOLD,     /* the handler was called */
        CHILD_ORPHANED, /* child_free() was called: the object reaps the process, and is the loop's until then */
} ChildState;

struct Child {
        ChildState state;
        sd_event_source *exit_source, *deadline_source;
        int helper_fd; /* connects to the helper that runs the program; -1: a process of ours runs it */
        int output_fd, errors_fd;
        ChildHandler handler;
        void *userdata;
};

static void child_destroy(void *userdata) {
        Child *c = userdata;

        sd_event_source_disable_unref(c->exit_source);
        sd_event_source_disable_unref(c->deadline_source);
        closep(&c->helper_fd);
        closep(&c->output_fd);
        closep(&c->errors_fd);
        free(c);
}

/* The helper kills its program when the connection is closed. */
static void child_kill(Child *c) {
        c->deadline_source = sd_event_source_disable_unref(c->deadline_source);
        if (c->helper_fd >= 0) {
                c->exit_source = sd_event_source_disable_unref(c->exit_source);
                close(c->helper_fd);
                c->helper_fd = -1;
        } else
                (void) sd_event_source_send_child_signal(c->exit_source, SIGKILL, NULL, 0);
}

Child *child_free(Child *c) {
        if (!c)
                return NULL;

        if (c->exit_source && c->helper_fd < 0) {
                c->state = CHILD_ORPHANED;
                child_kill(c);
                (void) sd_event_source_set_destroy_callback(c->exit_source, child_destroy);
                (void) sd_event_source_set_floating(c->exit_source, true);
                c->exit_source = sd_event_source_unref(c->exit_source);
        } else
                child_destroy(c);
        return NULL;
}

/* Reads all that is in the pipe, which another process may keep open. Returns NULL on failure, and for a text with NULs,
 * as UTF-16 has: half of an output may say something else than the whole. */
static char *read_pipe(int fd) {
        _cleanup_free_ char *text = malloc(CHILD_OUTPUT_MAX + 1);
        ssize_t n = text ? TEMP_FAILURE_RETRY(read(fd, text, CHILD_OUTPUT_MAX)) : 0;

        if (!text || (n < 0 && errno != EAGAIN) || (n > 0 && memchr(text, '\0', (size_t) n)))
                return NULL;

        text[n < 0 ? 0 : n] = '\0';
        return TAKE_PTR(text);
}

/* @c isn't touched after the handler, which may free it. */
static void child_tell(Child *c, int error, int exit_status, const char *output, const char *errors) {
        ChildResult result = { .error = error,
                               .exit_status = error < 0 ? -1 : exit_status,
                               .output = strempty(output),
                               .errors = strempty(errors) };

        c->state = CHILD_TOLD;
        c->handler(&result, c->userdata);
}

/* @status: -1 if the program was killed. */
static void child_end(Child *c, int status) {
        c->exit_source = sd_event_source_disable_unref(c->exit_source);
        c->deadline_source = sd_event_source_disable_unref(c->deadline_source);
        if (c->state != CHILD_AWAITED)
                return;

        _cleanup_free_ char *output = read_pipe(c->output_fd), *errors = read_pipe(c->errors_fd);
        int error = status < 0 || !output || !errors ? -EIO : status == 127 ? -ENOENT : 0;

        child_tell(c, error, status, output, errors);
}

static int child_on_exit(sd_event_source *source, const siginfo_t *info, void *userdata) {
        (void) sd_event_source_set_floating(source, false); /* an orphan goes with it, after this */
        child_end(userdata, info->si_code == CLD_EXITED ? info->si_status : -1);
        return 0;
}

static int child_on_helper(sd_event_source *, int fd, uint32_t, void *userdata) {
        int status;
        ssize_t n;

        n = recv(fd, &status, sizeof(status), 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        child_end(userdata, n == sizeof(status) ? status : -1);
        return 0;
}

static int child_on_deadline(sd_event_source *, uint64_t, void *userdata) {
        child_kill(userdata);
        child_tell(userdata, -ETIMEDOUT, -1, NULL, NULL);
        return 0;
}

/* Opens a pipe. Our end is non-blocking; the program expects its own end to block. */
static int open_pipe(int *ret_our_fd, int *ret_its_fd) {
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        *ret_our_fd = fds[0];
        *ret_its_fd = fds[1];
        (void) fcntl(fds[0], F_SETPIPE_SZ, CHILD_OUTPUT_MAX); /* else there are 64 KiB (pipe(7)) */
        return fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int child_fork(Child *c, sd_event *event, const char *const argv[], const char *variable,
                      ProgramRights rights, int output_fd, int errors_fd) {
        pid_t pid;
        int r;

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                program_exec(argv, variable, rights, output_fd, errors_fd);

        r = sd_event_add_child(event, &c->exit_source, pid, WEXITED, child_on_exit, c);
        if (r < 0) {
                /* No event source will reap it. */
                (void) kill(pid, SIGKILL);
                (void) waitpid(pid, NULL, 0);
        }
        return r;
}

static int child_begin(Child *c, sd_event *event, const char *const argv[], const char *variable,
                       ProgramRights rights) {
        _cleanup_close_ int output_fd = -1, errors_fd = -1;
        int r;

        r = open_pipe(&c->output_fd, &output_fd);
        if (r >= 0)
                r = open_pipe(&c->errors_fd, &errors_fd);
        if (r < 0)
                return r;
        if (!helper_is_there())
                return child_fork(c, event, argv, variable, rights, output_fd, errors_fd);

        c->helper_fd = helper_run(argv, variable, rights, output_fd, errors_fd);
        if (c->helper_fd < 0)
                return c->helper_fd;
        return sd_event_add_io(event, &c->exit_source, c->helper_fd, EPOLLIN, child_on_helper, c);
}

int child_spawn(sd_event *event, const char *const argv[], const char *variable, ProgramRights rights,
                usec_t timeout, ChildHandler handler, void *userdata, Child **ret) {
        _cleanup_(child_freep) Child *c = malloc(sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        *c = (Child){
                .helper_fd = -1, .output_fd = -1, .errors_fd = -1, .handler = handler, .userdata = userdata
        };

        r = child_begin(c, event, argv, variable, rights);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(c->exit_source, "child-exit");

        r = timer_arm(event, &c->deadline_source, timeout, 0, "child-deadline", child_on_deadline, c);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(c);
        return 0;
}

int child_wait(sd_event *event, const Child *child) {
        int r = 0;

        while (r >= 0 && child->state == CHILD_AWAITED)
                r = sd_event_run(event, UINT64_MAX);
        return r < 0 ? r : 0;
}
