/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/child.h"

#include <signal.h>
#include <sys/wait.h>

#include "unit/outcome.h"

static void run(Outcome *o, const char *script, ProgramRights rights, usec_t timeout) {
        const char *const argv[] = { "/bin/sh", "-c", script, NULL };
        sigset_t signals;

        sigemptyset(&signals);
        sigaddset(&signals, SIGCHLD);
        test_assert(sigprocmask(SIG_BLOCK, &signals, NULL) >= 0);
        test_assert(sd_event_new(&o->event) >= 0);
        test_equal_int(child_spawn(o->event, argv, NULL, rights, timeout, outcome_on_end, o, &o->child), 0);
        outcome_wait(o);
}

static void finish(Outcome *o) {
        o->child = child_free(o->child);
        /* The loop reaps processes that have outlived their Child. */
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

/* A string would end at the first NUL of UTF-16. */
static void test_half_an_output_is_none(void) {
        Outcome *o = outcome();

        run(o, "printf 'o\\0u\\0t\\0'", PROGRAM_ALL, 10 * USEC_PER_SEC);
        test_equal_int(o->error, -EIO);
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
        test_equal_int(o->error, -ETIMEDOUT);
        test_equal_int(o->exit_status, -1);
        finish(o);
}

static void test_deadline_freed_in_its_handler(void) {
        Outcome *o = outcome();

        o->free_in_handler = true;
        run(o, "exec sleep 60", PROGRAM_ALL, 20 * USEC_PER_MSEC);
        test_equal_int(o->error, -ETIMEDOUT);
        finish(o);
}

/* Nobody reaps the process then, and sanitizers look whether its object is freed all the same. */
static void test_the_loop_ends_before_the_process(void) {
        Outcome *o = outcome();

        run(o, "exec sleep 60", PROGRAM_ALL, 20 * USEC_PER_MSEC);
        o->child = child_free(o->child);
        sd_event_unref(o->event);
        free(o);
        test_assert(wait(NULL) > 0);
}

static void test_flood_stands_still_until_the_deadline(void) {
        Outcome *o = outcome();

        run(o, "exec yes", PROGRAM_ALL, 200 * USEC_PER_MSEC);
        test_equal_int(o->error, -ETIMEDOUT);
        finish(o);
}

static void test_killed_is_no_exit(void) {
        Outcome *o = outcome();

        run(o, "kill -9 $$", PROGRAM_ALL, 10 * USEC_PER_SEC);
        test_equal_int(o->error, -EIO);
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
        static const char *const argv[] = { "/bin/sh", "-c", "echo $LC_ALL:$ONE", NULL };
        Outcome *o = outcome();
        sigset_t signals;

        sigemptyset(&signals);
        sigaddset(&signals, SIGCHLD);
        test_assert(sigprocmask(SIG_BLOCK, &signals, NULL) >= 0);
        test_assert(sd_event_new(&o->event) >= 0);
        test_equal_int(child_spawn(o->event, argv, "ONE=a b", PROGRAM_ALL, 10 * USEC_PER_SEC,
                                        outcome_on_end, o, &o->child),
                       0);
        test_equal_int(child_wait(o->event, o->child), 0);
        test_equal_string(o->output, "C:a b\n");
        finish(o);
}

static void test_a_program_that_is_not_there(void) {
        static const char *const argv[] = { "/nowhere", NULL };
        Outcome *o = outcome();
        sigset_t signals;

        sigemptyset(&signals);
        sigaddset(&signals, SIGCHLD);
        test_assert(sigprocmask(SIG_BLOCK, &signals, NULL) >= 0);
        test_assert(sd_event_new(&o->event) >= 0);
        test_equal_int(child_spawn(o->event, argv, NULL, PROGRAM_ALL, 10 * USEC_PER_SEC, outcome_on_end, o,
                                   &o->child),
                       0);
        test_equal_int(child_wait(o->event, o->child), 0);
        test_equal_int(o->error, -ENOENT);
        test_equal_int(o->exit_status, -1);
        finish(o);
}

typedef struct RightsRow {
        const char *name;
        ProgramRights rights;
        const char *output;
} RightsRow;

/* The uids, the gids, the groups; the capabilities: inheritable, permitted, effective, bounding, ambient. */
static const RightsRow rights_rows[] = {
        { "none", PROGRAM_NONE,
          "65523 65523 65523 65523\n65523 65523 65523 65523\n\n"
          "0000000000000000\n0000000000000000\n0000000000000000\n0000000000000000\n0000000000000000\n1\n" },
        { "reads", PROGRAM_READS,
          "0 0 0 0\n0 0 0 0\n\n"
          "0000000000000000\n0000000000000004\n0000000000000004\n0000000000000004\n0000000000000000\n1\n" },
        { "binds", PROGRAM_BINDS,
          "65523 65523 65523 65523\n65523 65523 65523 65523\n\n"
          "0000000000000400\n0000000000000400\n0000000000000400\n0000000000000400\n0000000000000400\n1\n" },
};

static void test_rights(const void *data) {
        const RightsRow *row = data;
        Outcome *o = outcome();

        if (geteuid() != 0)
                test_skip("needs root");
        run(o,
            "sed -En 's/^(Uid|Gid|Groups|Cap...|NoNewPrivs):[ \t]*//p' /proc/self/status | tr '\t' ' ' | "
            "sed 's/ *$//'",
            row->rights, 10 * USEC_PER_SEC);
        test_equal_string(o->output, row->output);
        finish(o);
}

/* A file of another user's in a folder that is closed to all others. */
static void test_reads_all_and_writes_only_its_own(void) {
        Outcome *o = outcome();
        char folder[] = "/tmp/wslportd-test-XXXXXX", script[256];

        if (geteuid() != 0)
                test_skip("needs root");
        test_assert(mkdtemp(folder) && chown(folder, 1000, 1000) >= 0);
        snprintf(script, sizeof(script),
                 "head -c0 /etc/shadow && echo reads; cd %s && echo enters; touch x 2>/dev/null || echo no",
                 folder);
        run(o, script, PROGRAM_READS, 10 * USEC_PER_SEC);
        test_equal_string(o->output, "reads\nenters\nno\n");
        test_assert(rmdir(folder) >= 0);
        finish(o);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_output_and_status),
                TEST(test_half_an_output_is_none),
                TEST(test_freed_in_its_handler),
                TEST(test_deadline),
                TEST(test_deadline_freed_in_its_handler),
                TEST(test_the_loop_ends_before_the_process),
                TEST(test_flood_stands_still_until_the_deadline),
                TEST(test_killed_is_no_exit),
                TEST(test_environment_is_ours),
                TEST(test_environment_is_added_to),
                TEST(test_a_program_that_is_not_there),
                TEST_TABLE(test_rights, rights_rows),
                TEST(test_reads_all_and_writes_only_its_own),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
