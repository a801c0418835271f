/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/helper.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ANSWER_MSEC 3000 /* a busy machine's; it takes a fraction of one */

static const char *helper_path(void) {
        const char *path = secure_getenv("WSLPORTD_HELPER");

        return isempty(path) || strlen(path) >= sizeof(((struct sockaddr_un *) NULL)->sun_path) ? NULL : path;
}

bool helper_is_there(void) {
        return helper_path();
}

int helper_send(int fd, struct iovec *parts, size_t n_parts, const int fds[], size_t n_fds) {
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(HELPER_FDS_MAX * sizeof(int))];
        } control = { 0 };
        struct msghdr message = { .msg_iov = parts, .msg_iovlen = n_parts };

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

/* The connection, non-blocking, with the request sent. */
static int helper_connect(struct iovec *parts, size_t n_parts, const int fds[], size_t n_fds) {
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
        r = helper_send(fd, parts, n_parts, fds, n_fds);
        if (r < 0)
                return r == -EPIPE || r == -ECONNRESET ? -EAGAIN : r; /* it has hung up already */
        return TAKE_FD(fd);
}

size_t helper_take_fds(struct msghdr *message, int fds[], size_t n_fds) {
        size_t taken = 0;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                        if (taken < n_fds)
                                fds[taken++] = fd;
                        else
                                close(fd);
                }
        }
        return taken;
}

int helper_ask(const HelperRequest *request, void *ret, size_t size, int ret_fds[], size_t n_fds) {
        struct iovec question = { (void *) request, sizeof(*request) }, answer = { ret, size };
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(HELPER_FDS_MAX * sizeof(int))];
        } control;
        struct msghdr message = {
                .msg_iov = &answer,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        _cleanup_close_ int fd = -1;
        struct pollfd wait;
        size_t n_taken;
        ssize_t n;
        int r;

        fd = helper_connect(&question, 1, NULL, 0);
        if (fd < 0)
                return fd;

        wait = (struct pollfd){ .fd = fd, .events = POLLIN };
        r = poll(&wait, 1, ANSWER_MSEC);
        if (r <= 0)
                return r < 0 ? -errno : -EAGAIN;
        n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        if (n < 0)
                return errno == ECONNRESET ? -EAGAIN : -errno;

        n_taken = helper_take_fds(&message, ret_fds, n_fds);
        if ((size_t) n == size)
                return (int) n_taken;

        while (n_taken > 0)
                close(ret_fds[--n_taken]);
        return -EAGAIN;
}

int helper_run(const char *const argv[], const char *const environment[], ProgramRights rights, int output_fd,
               int errors_fd) {
        HelperRequest request = { .task = HELPER_RUN, .rights = rights };
        struct iovec parts[1 + HELPER_STRINGS_MAX] = { { &request, sizeof(request) } };
        size_t n = 1, size = sizeof(request);

        for (; argv[request.n_arguments]; request.n_arguments++)
                if (n < ELEMENTSOF(parts))
                        parts[n++] = (struct iovec){ (void *) argv[request.n_arguments],
                                                     strlen(argv[request.n_arguments]) + 1 };
        for (; environment[request.n_variables]; request.n_variables++)
                if (n < ELEMENTSOF(parts))
                        parts[n++] = (struct iovec){ (void *) environment[request.n_variables],
                                                     strlen(environment[request.n_variables]) + 1 };
        for (size_t i = 1; i < n; i++)
                size += parts[i].iov_len;
        if ((size_t) request.n_arguments + request.n_variables + 2 > HELPER_STRINGS_MAX || size > HELPER_REQUEST_MAX)
                return -E2BIG;

        return helper_connect(parts, n, (const int[]){ output_fd, errors_fd }, 2);
}

static int take_strings(char **next, const char *end, uint32_t n, const char **ret) {
        for (uint32_t i = 0; i < n; i++) {
                char *nul = memchr(*next, '\0', (size_t) (end - *next));

                if (!nul)
                        return -EBADMSG;
                ret[i] = *next;
                *next = nul + 1;
        }
        ret[n] = NULL;
        return 0;
}

int helper_parse(char *message, size_t size, size_t n_fds, HelperRequest *ret,
                 const char *ret_strings[static HELPER_STRINGS_MAX], const char *const **ret_argv,
                 const char *const **ret_environment) {
        char *next = message + sizeof(HelperRequest), *end = message + size;
        HelperRequest request;

        if (size < sizeof(request))
                return -EBADMSG;
        memcpy(&request, message, sizeof(request));
        if (request.task >= _HELPER_TASK_MAX || request.rights >= _PROGRAM_RIGHTS_MAX ||
            n_fds != (request.task == HELPER_RUN ? 2 : 0) ||
            (request.n_arguments == 0) == (request.task == HELPER_RUN) ||
            (uint64_t) request.n_arguments + request.n_variables + 2 > HELPER_STRINGS_MAX)
                return -EBADMSG;

        if (take_strings(&next, end, request.n_arguments, ret_strings) < 0 ||
            take_strings(&next, end, request.n_variables, ret_strings + request.n_arguments + 1) < 0 || next != end)
                return -EBADMSG;

        *ret = request;
        *ret_argv = ret_strings;
        *ret_environment = ret_strings + request.n_arguments + 1;
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
                                       : rights == PROGRAM_ALL && strstr(program, "/Windows/System32/") && suffix &&
                                                 strcasecmp(suffix, ".exe") == 0;
}
