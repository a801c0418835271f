/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/program.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* At exec() a uid other than 0 keeps only ambient capabilities, and uid 0 keeps those
 * that it has, within the bounding set; see capabilities(7). A starter without CAP_SETPCAP leaves the bounding
 * set as it is: then no_new_privs alone keeps uid 0 from getting more. */
int program_drop_privileges(ProgramRights rights) {
        static const int all_kept[_PROGRAM_RIGHTS_MAX] = {
                [PROGRAM_NONE] = -1,
                [PROGRAM_READS] = CAP_DAC_READ_SEARCH,
                [PROGRAM_BINDS] = CAP_NET_BIND_SERVICE,
        };
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        uid_t id = rights == PROGRAM_READS ? 0 : PROGRAM_USER_ID;
        int kept = all_kept[rights];
        uint32_t keep = kept >= 0 ? 1U << kept : 0, ambient = id != 0 ? keep : 0;
        struct __user_cap_data_struct data[2] = { { keep, keep, ambient } };

        if (rights == PROGRAM_ALL || geteuid() != 0)
                return 0;
        for (int i = 0, is_in; (is_in = prctl(PR_CAPBSET_READ, i, 0, 0, 0)) >= 0; i++)
                if (is_in && i != kept)
                        (void) prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
        if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || syscall(SYS_setgroups, 0, NULL) < 0 ||
            setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0 ||
            syscall(SYS_capset, &header, data) < 0 ||
            (ambient && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept, 0, 0) < 0) ||
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;

        return 0;
}

int program_check(void) {
        return close_range(~0U, ~0U, CLOSE_RANGE_CLOEXEC) < 0 && (errno == ENOSYS || errno == EINVAL)
                               ? -ENOSYS
                               : 0;
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
            sigprocmask(SIG_SETMASK, &none, NULL) >= 0 && program_drop_privileges(rights) >= 0 &&
            prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) >= 0)
                execve(argv[0], (char *const *) argv, (char *const *) environment);
        _exit(127);
}
