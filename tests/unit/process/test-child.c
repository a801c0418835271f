/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/child.h"

#include <signal.h>

#include "unit/outcome.h"
#include "windows/wslinfo.h"

static void run(Outcome *o, const char *script, ProgramRights rights, usec_t timeout) {
        const char *const argv[] = { "/bin/sh", "-c", script, NULL };
        sigset_t signals;

        sigemptyset(&signals);
        sigaddset(&signals, SIGCHLD);
        test_assert(sigprocmask(SIG_BLOCK, &signals, NULL) >= 0);
        test_assert(sd_event_new(&o->event) >= 0);
        test_equal_int(child_spawn(o->event, argv, rights, timeout, outcome_on_end, o, &o->child), 0);
        outcome_wait(o);
}

static void finish(Outcome *o) {
        o->child = child_free(o->child);
        /* What is still to be reaped is reaped by the loop. */
        for (siginfo_t info = { 0 }; waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) >= 0;)
                test_assert(sd_event_run(o->event, 10 * USEC_PER_SEC) >= 0);
        test_equal_int(o->calls, 1);
        sd_event_unref(o->event);
        free(o);
}

static Outcome *outcome(void) {
        Outcome *o = calloc(1, sizeof(*o));

        test_assert(o);
        return o;
}

static void test_output_and_status(void) {
        Outcome *o = outcome();

        run(o, "echo out; echo err >&2; exit 3", PROGRAM_ALL, 10 * USEC_PER_SEC);
        test_equal_int(o->exit_status, 3);
        test_equal_string(o->output, "out\n");
        test_equal_string(o->errors, "err\n");
        finish(o);
}

static void test_freed_in_its_handler(void) {
        Outcome *o = outcome();

        o->free_in_handler = true;
        run(o, "exit 0", PROGRAM_ALL, 10 * USEC_PER_SEC);
        finish(o);
}

static void test_deadline(void) {
        Outcome *o = outcome();

        run(o, "echo early; exec sleep 60", PROGRAM_ALL, 20 * USEC_PER_MSEC);
        test_assert(o->timed_out);
        test_equal_int(o->exit_status, -1);
        finish(o);
}

static void test_deadline_freed_in_its_handler(void) {
        Outcome *o = outcome();

        o->free_in_handler = true;
        run(o, "exec sleep 60", PROGRAM_ALL, 20 * USEC_PER_MSEC);
        test_assert(o->timed_out);
        finish(o);
}

static void test_flood_stands_still_until_the_deadline(void) {
        Outcome *o = outcome();

        run(o, "exec yes", PROGRAM_ALL, 200 * USEC_PER_MSEC);
        test_assert(o->timed_out);
        finish(o);
}

static void test_killed_is_no_exit(void) {
        Outcome *o = outcome();

        run(o, "kill -9 $$", PROGRAM_ALL, 10 * USEC_PER_SEC);
        test_assert(!o->timed_out);
        test_equal_int(o->exit_status, -1);
        finish(o);
}

static void test_environment_is_ours(void) {
        Outcome *o = outcome();

        test_assert(setenv("LD_PRELOAD", "/nowhere.so", 1) >= 0 && setenv("LC_ALL", "xx", 1) >= 0);
        run(o, "echo $LC_ALL:$LD_PRELOAD:$PATH; cat", PROGRAM_ALL, 10 * USEC_PER_SEC);
        test_equal_string(o->output, "C::/usr/sbin:/usr/bin:/sbin:/bin\n");
        finish(o);
}

static void test_environment_is_added_to(void) {
        static const char *const argv[] = { "/bin/sh", "-c", "echo $LC_ALL:$ONE:$TWO", NULL };
        static const char *const variables[] = { "ONE=1", "TWO=a b", NULL };
        static const char *const many[] = { "A=", "B=", "C=", "D=", "E=", NULL };
        Outcome *o = outcome();
        sigset_t signals;

        sigemptyset(&signals);
        sigaddset(&signals, SIGCHLD);
        test_assert(sigprocmask(SIG_BLOCK, &signals, NULL) >= 0);
        test_assert(sd_event_new(&o->event) >= 0);
        test_equal_int(child_spawn_with(o->event, argv, many, PROGRAM_ALL, USEC_PER_SEC, outcome_on_end, o, &o->child),
                       -E2BIG);
        test_equal_int(child_spawn_with(o->event, argv, variables, PROGRAM_ALL, 10 * USEC_PER_SEC, outcome_on_end, o,
                                        &o->child),
                       0);
        while (o->calls == 0)
                test_assert(sd_event_run(o->event, UINT64_MAX) >= 0);
        test_equal_string(o->output, "C:1:a b\n");
        finish(o);
}

static void test_unprivileged_reads_all_and_writes_nothing(void) {
        Outcome *o = outcome();

        if (geteuid() != 0)
                test_skip("needs root");
        run(o,
            "id -u; id -g; id -G; head -c0 /etc/shadow && echo reads; touch /etc/wslportd-test 2>/dev/null "
            "|| echo no",
            PROGRAM_READS, 10 * USEC_PER_SEC);
        test_equal_string(o->output, "65534\n65534\n65534\nreads\nno\n");
        finish(o);
}

static const struct {
        const char *name;
        const char *output;
        NetworkingMode mode;
} answers[] = {
        { "mirrored", "mirrored\n", MODE_MIRRORED },
        { "nat", "nat\n", MODE_NAT },
        { "without a newline", "none", MODE_NONE },
        { "CR LF", "bridged\r\n", MODE_BRIDGED },
        { "wsl1", "wsl1\n", MODE_WSL1 },
        { "empty", "", MODE_UNKNOWN },
        { "a new word", "quantum\n", MODE_UNKNOWN },
        { "our own word", "not-wsl\n", MODE_UNKNOWN },
        { "words behind", "nat mode\n", MODE_UNKNOWN },
        { "long", "mirroredmirroredmirrored\n", MODE_UNKNOWN },
        { "capitals", "NAT\n", MODE_UNKNOWN },
};

static void test_wslinfo_answer(const void *data) {
        const __typeof__(answers[0]) *row = data;

        test_equal_string(networking_mode_to_string(wslinfo_parse(row->output)),
                          networking_mode_to_string(row->mode));
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_output_and_status),
                TEST(test_freed_in_its_handler),
                TEST(test_deadline),
                TEST(test_deadline_freed_in_its_handler),
                TEST(test_flood_stands_still_until_the_deadline),
                TEST(test_killed_is_no_exit),
                TEST(test_environment_is_ours),
                TEST(test_environment_is_added_to),
                TEST(test_unprivileged_reads_all_and_writes_nothing),
                TEST_TABLE(test_wslinfo_answer, answers),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
