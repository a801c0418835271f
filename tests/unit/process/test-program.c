/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/program.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "unit/test.h"

/* Has the kernel refuse close_range() from now on. Returns what program_check() is to say: valgrind answers in the kernel's
 * place. */
static int refuse_close_range(int error) {
        struct sock_filter program[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t) error),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const struct sock_fprog filter = { ELEMENTSOF(program), program };

        test_assert(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) >= 0);
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
                test_skip("no seccomp here");
        return syscall(SYS_close_range, ~0U, ~0U, 0) < 0 ? -ENOSYS : 0;
}

static void test_this_kernel(void) {
        test_equal_int(program_check(), 0);
}

static void test_before_5_9(void) {
        int expected = refuse_close_range(ENOSYS);

        test_equal_int(program_check(), expected);
}

static void test_before_5_11(void) {
        int expected = refuse_close_range(EINVAL);

        test_equal_int(program_check(), expected);
}

static void test_closes_nothing(void) {
        char byte = 'x';
        int fds[2];

        test_assert(pipe(fds) >= 0);
        test_equal_int(program_check(), 0);
        test_assert(write(fds[1], &byte, 1) == 1 && read(fds[0], &byte, 1) == 1);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_this_kernel),
                TEST(test_before_5_9),
                TEST(test_before_5_11),
                TEST(test_closes_nothing),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
