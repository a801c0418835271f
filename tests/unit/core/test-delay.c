/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/delay.h"
#include "unit/test.h"

#define FIRST (60 * USEC_PER_SEC)
#define MAX (3600 * USEC_PER_SEC)

static void test_it_doubles_up_to_a_bound(void) {
        Delay d = { .first = FIRST, .max = MAX };

        for (usec_t expected = FIRST; expected < MAX; expected *= 2)
                test_equal_int(delay_next(&d), expected);
        for (unsigned i = 0; i < 3; i++)
                test_equal_int(delay_next(&d), MAX);
}

static void test_a_bound_that_is_no_power(void) {
        Delay d = { .first = 100, .max = 250 };

        test_equal_int(delay_next(&d), 100);
        test_equal_int(delay_next(&d), 200);
        test_equal_int(delay_next(&d), 250);
        test_equal_int(delay_next(&d), 250);
}

static void test_reset(void) {
        Delay d = { .first = FIRST, .max = MAX };

        test_equal_int(delay_next(&d), FIRST);
        test_equal_int(delay_next(&d), 2 * FIRST);
        delay_reset(&d);
        test_equal_int(delay_next(&d), FIRST);
}

/* The caller changes .first: what will be different in a moment is tried sooner. */
static void test_another_first(void) {
        Delay d = { .first = 2 * USEC_PER_SEC, .max = MAX };

        test_equal_int(delay_next(&d), 2 * USEC_PER_SEC);
        test_equal_int(delay_next(&d), 4 * USEC_PER_SEC);
        d.first = FIRST;
        test_equal_int(delay_next(&d), FIRST);
        d.first = 2 * USEC_PER_SEC;
        test_equal_int(delay_next(&d), 2 * FIRST);
}

/* A thing that works for a moment only, again and again, has to wait longer and longer. */
static void test_by_the_clock(void) {
        Delay d = { .first = 100, .max = 400 };
        usec_t now = USEC_PER_SEC;

        test_equal_int(delay_next_at(&d, now), 100);
        test_equal_int(delay_next_at(&d, now += 101), 200);
        test_equal_int(delay_next_at(&d, now += 201), 400);
        test_equal_int(delay_next_at(&d, now += 401), 400);
        test_equal_int(delay_next_at(&d, now += 3 * 400), 400);
        test_equal_int(delay_next_at(&d, now += 3 * 400 + 1), 100);
        test_equal_int(delay_next_at(&d, now), 200);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_it_doubles_up_to_a_bound),
                TEST(test_a_bound_that_is_no_power),
                TEST(test_reset),
                TEST(test_another_first),
                TEST(test_by_the_clock),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
