/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <systemd/sd-daemon.h>

#include "kernel/owner.h"
#include "kernel/tracepoint.h"
#include "process/helper.h"

/* wslportd-helper: does the tasks of process/helper.h for whoever connects to the socket that systemd hands
 * over. A process of its own serves each connection, so that no request is in another's way, and no request
 * leaves anything behind. Only the search of an owner has none: it is asked for often, and takes less time
 * than making a process does. */

#define REQUEST_SECONDS 1    /* a client sends its request at once */
#define OWNER_REQUEST_MSEC 2 /* how long all others wait for a client that may want an owner */

/* Waits until the program has ended, or until the client hangs up, and then kills the program. */
static int supervise(int connection_fd, pid_t pid) {
        _cleanup_close_ int pid_fd = (int) syscall(SYS_pidfd_open, pid, 0);
        struct pollfd waits[] = { { .fd = pid_fd, .events = POLLIN },
                                  { .fd = connection_fd, .events = POLLIN } };
        siginfo_t info = { 0 };

        if (pid_fd >= 0)
                (void) TEMP_FAILURE_RETRY(poll(waits, ELEMENTSOF(waits), -1));
        if (!(waits[0].revents & POLLIN))
                (void) kill(pid, SIGKILL);
        if (TEMP_FAILURE_RETRY(waitid(P_PID, (id_t) pid, &info, WEXITED)) < 0)
                return -errno;

        if (waits[0].revents & POLLIN && info.si_code == CLD_EXITED)
                (void) helper_send(connection_fd, &info.si_status, sizeof(info.si_status), NULL, 0);
        return 0;
}

static int run(int connection_fd, const char *const argv[], const char *variable, ProgramRights rights,
               const int fds[static 2]) {
        pid_t pid;
        int r;

        if (!helper_may_run(argv[0], rights))
                return -EACCES;

        /* This process is the program's only watcher, and may end it with the same rights. */
        r = program_drop_privileges(rights);
        if (r < 0)
                return r;
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                program_exec(argv, variable, PROGRAM_ALL, fds[0], fds[1]);

        close(fds[0]);
        close(fds[1]);
        return supervise(connection_fd, pid);
}

static void find_owner(int connection_fd, const HelperRequest *request) {
        SocketOwnerAnswer found = { 0 };
        usec_t before = clock_usec(CLOCK_PROCESS_CPUTIME_ID);

        found.result = owner_search(request->inode, request->cgroup_id, &found.owner);
        found.owner.helper_time = clock_usec(CLOCK_PROCESS_CPUTIME_ID) - before;
        (void) helper_send(connection_fd, &found, sizeof(found), NULL, 0);
}

static void trace(int connection_fd) {
        int fds[HELPER_FDS_MAX], n;

        n = tracepoint_open(fds, ELEMENTSOF(fds));
        (void) helper_send(connection_fd, &n, sizeof(n), fds, n > 0 ? (size_t) n : 0);
}

static int serve(int connection_fd) {
        _cleanup_free_ char *text = malloc(HELPER_REQUEST_MAX);
        const char *argv[HELPER_ARGUMENTS_MAX + 1], *variable;
        struct timeval patience = { .tv_sec = REQUEST_SECONDS };
        struct ucred peer;
        socklen_t length = sizeof(peer);
        HelperRequest request;
        size_t n_fds;
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
        n = helper_receive(connection_fd, text, HELPER_REQUEST_MAX, fds, ELEMENTSOF(fds), &n_fds);
        if (n < 0)
                return (int) n;
        r = helper_parse(text, (size_t) n, n_fds, &request, argv, &variable);
        if (r < 0) {
                while (n_fds > 0)
                        close(fds[--n_fds]);
                return r;
        }

        switch (request.task) {
        case HELPER_RUN:
                return run(connection_fd, argv, variable, request.rights, fds);
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

/* True if the client's request has arrived, and is one for an owner. */
static bool wants_owner(int connection_fd) {
        struct pollfd wait = { .fd = connection_fd, .events = POLLIN };
        HelperRequest request;

        return poll(&wait, 1, OWNER_REQUEST_MSEC) > 0 &&
               recv(connection_fd, &request, sizeof(request), MSG_PEEK | MSG_DONTWAIT) == sizeof(request) &&
               request.task == HELPER_FIND_OWNER;
}

static int serve_and_tell(int connection_fd) {
        int r = serve(connection_fd);

        if (r < 0)
                fprintf(stderr, "wslportd-helper: refused a request: %s\n", strerrordesc_np(-r));
        return r;
}

int main(void) {
        const char *handed = getenv("LISTEN_FDS");

        if (!handed || !streq(handed, "1")) {
                fprintf(stderr,
                        "wslportd-helper: only systemd starts this program, by wslportd-helper.socket\n");
                return EXIT_FAILURE;
        }
        (void) signal(SIGCHLD, SIG_IGN); /* the kernel reaps the processes that serve */

        for (;;) {
                int fd = accept4(SD_LISTEN_FDS_START, NULL, NULL, SOCK_CLOEXEC);

                if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
                        continue;
                if (fd < 0) {
                        fprintf(stderr, "wslportd-helper: can't accept a connection: %m\n");
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
                        fprintf(stderr, "wslportd-helper: can't make a process for a request: %m\n");
                        break;
                default:
                        break;
                }
                close(fd);
        }
}
