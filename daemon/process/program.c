/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/program.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* The uid of nobody on every distro, and the kernel's overflow uid. */
#define UNPRIVILEGED_ID 65534

/* Drops all other rights. At exec() a uid other than 0 keeps only ambient capabilities, see
 * capabilities(7). */
static int drop_privileges(ProgramRights rights) {
        static const int kept[_PROGRAM_RIGHTS_MAX] = {
                [PROGRAM_ALL] = -1,
                [PROGRAM_NONE] = -1,
                [PROGRAM_READS] = CAP_DAC_READ_SEARCH,
                [PROGRAM_BINDS] = CAP_NET_BIND_SERVICE,
        };
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        uint32_t keep = kept[rights] >= 0 ? 1U << kept[rights] : 0;
        struct __user_cap_data_struct data[2] = { { keep, keep, keep } };

        if (rights == PROGRAM_ALL || geteuid() != 0)
                return 0;
        if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || syscall(SYS_setgroups, 0, NULL) < 0 ||
            setresgid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID) < 0 ||
            setresuid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID) < 0 ||
            syscall(SYS_capset, &header, data) < 0 ||
            (keep && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept[rights], 0, 0) < 0) ||
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;

        return 0;
}

void program_exec(const char *const argv[], const char *variable, ProgramRights rights, int output_fd,
                  int errors_fd) {
        const char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", variable,
                                            NULL };
        sigset_t none;
        int input_fd;

        sigemptyset(&none);
        input_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (input_fd >= 0 && dup2(input_fd, STDIN_FILENO) >= 0 && dup2(output_fd, STDOUT_FILENO) >= 0 &&
            dup2(errors_fd, STDERR_FILENO) >= 0 &&
            close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) >= 0 &&
            sigprocmask(SIG_SETMASK, &none, NULL) >= 0 && drop_privileges(rights) >= 0 &&
            prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) >= 0)
                execve(argv[0], (char *const *) argv, (char *const *) environment);
        _exit(127);
}
