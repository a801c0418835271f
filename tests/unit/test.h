/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

#include "base/util.h"

/* A test program is a table of cases and speaks TAP (meson: protocol: 'tap'):
 *
 *         static void test_adds(void) {
 *                 test_equal_int(1 + 1, 2);
 *         }
 *
 *         static void test_port(const void *data) {
 *                 const PortRow *row = data; ...
 *         }
 *
 *         int main(int argc, char *argv[]) {
 *                 static const Test tests[] = { TEST(test_adds), TEST_TABLE(test_port, port_rows) };
 *
 *                 return test_main(argc, argv, tests, ELEMENTSOF(tests));
 *         }
 *
 * Each case, and each row of a table, runs in a child process of its own. So an assertion may stand
 * anywhere, also deep in a callback, and ends only its case. A crash, or a sanitizer's abort, is a failed
 * case. Changes to the process (namespaces, signals, umask) end with the case. A case that hangs is killed.
 * In gdb: `set follow-fork-mode child`. */

#ifndef TEST_TIMEOUT_SEC
#define TEST_TIMEOUT_SEC 30
#endif

/* 1 in tests that qemu-user runs (tests/arm64.ini): it can't emulate all of the kernel. */
#ifndef TEST_EMULATED
#define TEST_EMULATED 0
#endif

/* How many times slower than usual the tests run: more than 1 under valgrind (tests/meson.build). Deadlines
 * are so many times later, and tests with a million combinations try one of so many. */
static inline unsigned test_slowness(void) {
        const char *slowness = getenv("TEST_SLOWNESS");

        return slowness ? (unsigned) strtoul(slowness, NULL, 10) : 1;
}

/* A row of a table is any structure that begins with `const char *name`. */
typedef struct Test {
        const char *name;
        void (*run)(void);
        void (*run_row)(const void *row);
        const void *rows;
        size_t n_rows, row_size;
} Test;

#define TEST(function) { .name = #function, .run = function, .n_rows = 1 }
#define TEST_TABLE(function, table)                                                                         \
        {                                                                                                   \
                .name = #function, .run_row = function, .rows = table, .n_rows = ELEMENTSOF(table),         \
                .row_size = sizeof((table)[0])                                                              \
        }

/* The case that runs now. The parent sets it before it makes the case's process. */
static struct {
        int argc;
        char **argv;
        unsigned number;
        char name[256];
} test_now;

/* Fails the case with a reason. The macros below call this. */
static inline _Noreturn _printf_(3, 4) void test_fail_at(const char *file, int line,
                                                         const char *format, ...) {
        va_list arguments;
        char text[2048];

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);

        /* In TAP only a line that begins with '#' is a remark. */
        printf("# %s:%d: ", file, line);
        for (const char *c = text; *c; c++)
                if (*c == '\n')
                        fputs("\n#     ", stdout);
                else
                        putchar(*c);
        putchar('\n');
        fflush(stdout);
        _exit(EXIT_FAILURE);
}

/* Ends the case as one that can't run here, with the reason. */
static inline _Noreturn _printf_(1, 2) void test_skip(const char *format, ...) {
        va_list arguments;

        printf("ok %u - %s # SKIP ", test_now.number, test_now.name);
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        putchar('\n');
        fflush(stdout);
        _exit(77);
}

/* Skips the case in qemu-user, which has no @what. */
static inline void test_skip_emulated(const char *what) {
        if (TEST_EMULATED)
                test_skip("qemu-user has no %s", what);
}

/* Returns the program's argument @i, counted from 1; meson passes paths. Fails the case if it is missing. */
static inline const char *test_argument(int i) {
        if (i >= test_now.argc)
                test_fail_at(__FILE__, __LINE__, "%s needs %d argument(s)", test_now.argv[0], i);

        return test_now.argv[i];
}

#define test_fail(...) test_fail_at(__FILE__, __LINE__, __VA_ARGS__)

#define test_assert(expression)                                                                             \
        do {                                                                                                \
                if (!(expression))                                                                          \
                        test_fail("%s is false", #expression);                                              \
        } while (0)

#define test_equal_int(value, expected)                                                                     \
        do {                                                                                                \
                intmax_t test_value = (intmax_t) (value), test_expected = (intmax_t) (expected);            \
                if (test_value != test_expected)                                                            \
                        test_fail("%s is %" PRIdMAX ", not %" PRIdMAX, #value, test_value, test_expected);  \
        } while (0)

/* Either may be NULL, which equals only NULL. */
#define test_equal_string(value, expected)                                                                  \
        do {                                                                                                \
                const char *test_value = (value), *test_expected = (expected);                              \
                if (test_value && test_expected ? !streq(test_value, test_expected) :                       \
                                                  test_value != test_expected)                              \
                        test_fail("%s is\n\"%s\", not\n\"%s\"", #value, test_value ? test_value : "(null)", \
                                  test_expected ? test_expected : "(null)");                                \
        } while (0)

#define test_contains(text, part)                                                                           \
        do {                                                                                                \
                const char *test_text = (text), *test_part = (part);                                        \
                if (!strstr(test_text, test_part))                                                          \
                        test_fail("%s is\n\"%s\", without\n\"%s\"", #text, test_text, test_part);           \
        } while (0)

static inline bool test_run_one(const Test *test, const void *row) {
        int status;
        pid_t pid;

        test_now.number++;
        snprintf(test_now.name, sizeof(test_now.name), "%s%s%s", test->name, row ? ": " : "",
                 row ? *(const char *const *) row : "");

        fflush(stdout);
        pid = fork();
        if (pid == 0) {
                alarm(TEST_TIMEOUT_SEC * test_slowness());
                if (row)
                        test->run_row(row);
                else
                        test->run();
                exit(EXIT_SUCCESS); /* not _exit(), so that the leak checker runs */
        }
        if (pid < 0 || waitpid(pid, &status, 0) < 0) {
                printf("Bail out! %s\n", strerror(errno));
                exit(EXIT_FAILURE);
        }

        if (WIFEXITED(status) && WEXITSTATUS(status) == 77) /* test_skip() has printed the line */
                return true;

        if (WIFSIGNALED(status))
                printf("# killed by SIG%s%s\n", sigabbrev_np(WTERMSIG(status)),
                       WTERMSIG(status) == SIGALRM ? ", it hung" : "");
        printf("%sok %u - %s\n", status == 0 ? "" : "not ", test_now.number, test_now.name);
        return status == 0;
}

/* When a test has waited long enough for an answer of another process. */
static inline usec_t test_soon(void) {
        return clock_usec(CLOCK_MONOTONIC) + 3 * USEC_PER_SEC;
}

/* Runs all cases. Returns main()'s exit status. */
static inline int test_main(int argc, char *argv[], const Test *tests, size_t n_tests) {
        size_t n = 0;
        bool ok = true;

        test_now.argc = argc;
        test_now.argv = argv;

        for (size_t i = 0; i < n_tests; i++)
                n += tests[i].n_rows;
        printf("1..%zu\n", n);

        for (size_t i = 0; i < n_tests; i++)
                for (size_t j = 0; j < tests[i].n_rows; j++)
                        ok &= test_run_one(&tests[i], tests[i].run_row ?
                                                              (const char *) tests[i].rows +
                                                                      j * tests[i].row_size :
                                                              NULL);

        return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
