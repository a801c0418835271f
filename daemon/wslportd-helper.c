/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <systemd/sd-daemon.h>

#include "process/helper.h"
#include "kernel/owner.h"
#include "kernel/tracepoint.h"

/* wslportd-helper: what helper.h says, for whoever connects to the socket that systemd hands over. Each connection has a
 * process of its own, so that nothing one does is in another's way, and nothing is left of it; but for the search of an
 * owner, which is asked for often and takes less than making a process does. */

#define REQUEST_SECONDS 1 /* it is sent at once */
#define REQUEST_SOON_MSEC 2 /* for which nobody else is kept waiting much */

static void answer(int connection_fd, const void *text, size_t size, const int fds[], size_t n_fds) {
        struct iovec part = { (void *) text, size };

        (void) helper_send(connection_fd, &part, 1, fds, n_fds);
}

/* Until it has ended, or nobody wants to know any more. */
static int supervise(int connection_fd, pid_t pid) {
        _cleanup_close_ int pid_fd = (int) syscall(SYS_pidfd_open, pid, 0);
        struct pollfd waits[] = { { .fd = pid_fd, .events = POLLIN }, { .fd = connection_fd, .events = POLLIN } };
        siginfo_t info = { 0 };

        while (pid_fd >= 0 && poll(waits, ELEMENTSOF(waits), -1) < 0 && errno == EINTR)
                ;
        if (!(waits[0].revents & POLLIN))
                (void) kill(pid, SIGKILL);
        while (waitid(P_PID, (id_t) pid, &info, WEXITED) < 0)
                if (errno != EINTR)
                        return -errno;

        if (waits[0].revents & POLLIN && info.si_code == CLD_EXITED)
                answer(connection_fd, &info.si_status, sizeof(info.si_status), NULL, 0);
        return 0;
}

static int run(int connection_fd, const char *const argv[], const char *const environment[], ProgramRights rights,
               const int fds[static 2]) {
        pid_t pid;

        if (!helper_may_run(argv[0], rights))
                return -EACCES;

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                program_exec(argv, environment, rights, fds[0], fds[1]);

        close(fds[0]);
        close(fds[1]);
        return supervise(connection_fd, pid);
}

static void find_owner(int connection_fd, const HelperRequest *request) {
        OwnerAnswer found = { 0 };
        usec_t before = clock_usec(CLOCK_PROCESS_CPUTIME_ID);

        found.result = owner_search(request->inode, request->cgroup_id, &found.owner);
        found.owner.spent = clock_usec(CLOCK_PROCESS_CPUTIME_ID) - before;
        answer(connection_fd, &found, sizeof(found), NULL, 0);
}

static void trace(int connection_fd) {
        int fds[HELPER_FDS_MAX], n;

        n = tracepoint_open(fds, ELEMENTSOF(fds));
        answer(connection_fd, &n, sizeof(n), fds, n > 0 ? (size_t) n : 0);
}

static int serve(int connection_fd) {
        _cleanup_free_ char *text = malloc(HELPER_REQUEST_MAX);
        struct iovec part = { text, HELPER_REQUEST_MAX };
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(2 * sizeof(int))];
        } control;
        struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                                  .msg_controllen = sizeof(control) };
        const char *strings[HELPER_STRINGS_MAX];
        const char *const *argv, *const *environment;
        struct timeval patience = { .tv_sec = REQUEST_SECONDS };
        struct ucred peer;
        socklen_t length = sizeof(peer);
        HelperRequest request;
        int fds[2], r;
        ssize_t n;

        if (!text)
                return -ENOMEM;
        if (getsockopt(connection_fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
                return -errno;
        if (peer.uid != geteuid())
                return -EPERM;

        if (setsockopt(connection_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
                return -errno;
        n = recvmsg(connection_fd, &message, MSG_CMSG_CLOEXEC);
        if (n < 0)
                return -errno;
        if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
                return -EMSGSIZE;

        r = helper_parse(text, (size_t) n, helper_take_fds(&message, fds, ELEMENTSOF(fds)), &request, strings, &argv,
                         &environment);
        if (r < 0)
                return r;

        switch (request.task) {
        case HELPER_RUN:
                return run(connection_fd, argv, environment, request.rights, fds);
        case HELPER_FIND_OWNER:
                find_owner(connection_fd, &request);
                return 0;
        case HELPER_TRACE:
                trace(connection_fd);
                return 0;
        default:
                return -EBADMSG;
        }
}

/* Whether that is all that it wants; it follows on the connection, or else it is waited for elsewhere. */
static bool wants_owner(int connection_fd) {
        struct pollfd wait = { .fd = connection_fd, .events = POLLIN };
        HelperRequest request;

        return poll(&wait, 1, REQUEST_SOON_MSEC) > 0 &&
               recv(connection_fd, &request, sizeof(request), MSG_PEEK | MSG_DONTWAIT) == sizeof(request) &&
               request.task == HELPER_FIND_OWNER;
}

static int serve_and_tell(int connection_fd) {
        int r = serve(connection_fd);

        if (r < 0)
                fprintf(stderr, "wslportd-helper: a request is refused: %s\n", strerrordesc_np(-r));
        return r;
}

int main(void) {
        const char *handed = getenv("LISTEN_FDS");

        if (!handed || !streq(handed, "1")) {
                fprintf(stderr, "wslportd-helper: systemd starts it, by wslportd-helper.socket\n");
                return EXIT_FAILURE;
        }
        (void) signal(SIGCHLD, SIG_IGN); /* nobody waits for those that serve */

        for (;;) {
                int fd = accept4(SD_LISTEN_FDS_START, NULL, NULL, SOCK_CLOEXEC);

                if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
                        continue;
                if (fd < 0) {
                        fprintf(stderr, "wslportd-helper: no connection is had: %m\n");
                        return EXIT_FAILURE;
                }

                if (wants_owner(fd)) {
                        (void) serve_and_tell(fd);
                        close(fd);
                        continue;
                }
                switch (fork()) {
                case 0:
                        (void) signal(SIGCHLD, SIG_DFL);
                        close(SD_LISTEN_FDS_START);
                        _exit(serve_and_tell(fd) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
                case -1:
                        fprintf(stderr, "wslportd-helper: no process for a request: %m\n");
                        break;
                default:
                        break;
                }
                close(fd);
        }
}
