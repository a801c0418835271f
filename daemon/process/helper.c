/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/helper.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

static const char *helper_path(void) {
        const char *path = secure_getenv("WSLPORTD_HELPER");

        return isempty(path) || strlen(path) >= sizeof(((struct sockaddr_un *) NULL)->sun_path) ? NULL
                                                                                                : path;
}

bool helper_is_there(void) {
        return helper_path();
}

int helper_send(int fd, const void *text, size_t size, const int fds[], size_t n_fds) {
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(HELPER_FDS_MAX * sizeof(int))];
        } control = { 0 };
        struct iovec part = { (void *) text, size };
        struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

        if (n_fds > 0) {
                message.msg_control = &control;
                message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
                memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
        }
        return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Returns a non-blocking connection on which the request has been sent. */
static int helper_connect(const void *request, size_t size, const int fds[], size_t n_fds) {
        struct sockaddr_un name = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -1;
        const char *path = helper_path();
        int r;

        if (!path)
                return -ENOTCONN;
        strcpy(name.sun_path, path);

        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *) &name, sizeof(name)) < 0)
                return errno == ENOENT || errno == ECONNREFUSED || errno == ETIMEDOUT ? -EHOSTDOWN : -errno;
        r = helper_send(fd, request, size, fds, n_fds);
        if (r < 0)
                return r == -EPIPE || r == -ECONNRESET ? -EAGAIN : r; /* the helper has hung up already */
        return TAKE_FD(fd);
}

ssize_t helper_receive(int fd, void *buffer, size_t size, int ret_fds[], size_t n_fds, size_t *ret_n_fds) {
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(HELPER_FDS_MAX * sizeof(int))];
        } control;
        struct iovec part = { buffer, size };
        struct msghdr message = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
        };
        int received[sizeof(control) / sizeof(int)];
        size_t n_received = 0;
        ssize_t n;

        n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        if (n < 0)
                return -errno;

        /* The kernel puts all descriptors into one (unix(7)). */
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
                        n_received = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                        memcpy(received, CMSG_DATA(c), n_received * sizeof(int));
                }
        if (n_received > n_fds || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
                while (n_received > 0)
                        close(received[--n_received]);
                return -EMSGSIZE;
        }

        for (size_t i = 0; i < n_received; i++)
                ret_fds[i] = received[i];
        *ret_n_fds = n_received;
        return n;
}

int helper_ask(const HelperRequest *request, usec_t until, void *ret, size_t size, int ret_fds[],
               size_t n_fds) {
        usec_t now = clock_usec(CLOCK_MONOTONIC);
        _cleanup_close_ int fd = -1;
        struct pollfd wait;
        size_t n_taken = 0;
        ssize_t n;
        int r;

        fd = helper_connect(request, sizeof(*request), NULL, 0);
        if (fd < 0)
                return fd;

        wait = (struct pollfd){ .fd = fd, .events = POLLIN };
        r = poll(&wait, 1, until > now ? (int) ((until - now) / USEC_PER_MSEC) : 0);
        if (r <= 0)
                return r < 0 ? -errno : -EAGAIN;
        n = helper_receive(fd, ret, size, ret_fds, n_fds, &n_taken);
        if (n < 0)
                return n == -ECONNRESET ? -EAGAIN : (int) n;
        if ((size_t) n == size)
                return (int) n_taken;

        while (n_taken > 0)
                close(ret_fds[--n_taken]);
        return -EAGAIN;
}

static bool append(char *text, size_t *size, const char *string) {
        size_t length = strlen(string) + 1;

        if (length > HELPER_REQUEST_MAX - *size)
                return false;
        memcpy(text + *size, string, length);
        *size += length;
        return true;
}

int helper_run(const char *const argv[], const char *variable, ProgramRights rights, int output_fd,
               int errors_fd) {
        HelperRequest request = { .task = HELPER_RUN, .rights = rights, .n_variables = variable != NULL };
        _cleanup_free_ char *text = malloc(HELPER_REQUEST_MAX);
        size_t size = sizeof(request);

        if (!text)
                return -ENOMEM;
        for (; argv[request.n_arguments]; request.n_arguments++)
                if (request.n_arguments == HELPER_ARGUMENTS_MAX ||
                    !append(text, &size, argv[request.n_arguments]))
                        return -E2BIG;
        if (variable && !append(text, &size, variable))
                return -E2BIG;
        memcpy(text, &request, sizeof(request));
        return helper_connect(text, size, (const int[]){ output_fd, errors_fd }, 2);
}

int helper_parse(char *message, size_t size, size_t n_fds, HelperRequest *ret,
                 const char *ret_argv[static HELPER_ARGUMENTS_MAX + 1], const char **ret_variable) {
        char *next = message + sizeof(HelperRequest), *end = message + size;
        const char *variable = NULL;
        HelperRequest request;

        if (size < sizeof(request))
                return -EBADMSG;
        memcpy(&request, message, sizeof(request));
        if (request.task >= _HELPER_TASK_MAX || request.rights >= _PROGRAM_RIGHTS_MAX ||
            n_fds != (request.task == HELPER_RUN ? 2 : 0) ||
            (request.n_arguments == 0) == (request.task == HELPER_RUN) ||
            request.n_arguments > HELPER_ARGUMENTS_MAX || request.n_variables > 1)
                return -EBADMSG;

        for (uint32_t i = 0; i < request.n_arguments + request.n_variables; i++) {
                char *nul = memchr(next, '\0', (size_t) (end - next));

                if (!nul)
                        return -EBADMSG;
                *(i < request.n_arguments ? &ret_argv[i] : &variable) = next;
                next = nul + 1;
        }
        if (next != end || (variable && !startswith(variable, "WSL_INTEROP=") &&
                            !streq(variable, "LD_PRELOAD=" PROGRAM_PRELOAD)))
                return -EBADMSG;

        ret_argv[request.n_arguments] = NULL;
        *ret_variable = variable;
        *ret = request;
        return 0;
}

bool helper_may_run(const char *program, ProgramRights rights) {
        static const struct {
                const char *program;
                ProgramRights rights;
        } programs[] = {
                { LIBEXECDIR "/wslportd-bindprobe", PROGRAM_BINDS },
                { LIBEXECDIR "/wslportd-greeting", PROGRAM_NONE },
                { LIBEXECDIR "/wslportd-diagnose", PROGRAM_ALL },
                { "/usr/bin/wslinfo", PROGRAM_ALL },
        };
        const char *name = strrchr(program, '/'), *suffix = strrchr(program, '.');

        for (size_t i = 0; i < ELEMENTSOF(programs); i++)
                if (streq(program, programs[i].program))
                        return rights == programs[i].rights;
        if (program[0] != '/')
                return false;

        return rights == PROGRAM_READS ? streq(name, "/sshd") /* wherever its unit has it */
                                       : rights == PROGRAM_ALL && strstr(program, "/Windows/System32/") &&
                                                         suffix && strcasecmp(suffix, ".exe") == 0;
}
