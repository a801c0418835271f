/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/delay.h"
#include "unit/test.h"

#define FIRST (60 * USEC_PER_SEC)
#define MAX (3600 * USEC_PER_SEC)

static void test_it_doubles_up_to_a_bound(void) {
        Delay d = { .first = FIRST, .max = MAX };
        usec_t now = 5 * USEC_PER_SEC;

        for (usec_t expected = FIRST; expected < MAX; expected *= 2) {
                test_equal_int(delay_next(&d, now), expected);
                now += expected;
        }
        for (unsigned i = 0; i < 3; i++) {
                test_equal_int(delay_next(&d, now), MAX);
                now += MAX;
        }
}

static void test_a_bound_that_is_no_power(void) {
        Delay d = { .first = 100, .max = 250 };

        test_equal_int(delay_next(&d, 1), 100);
        test_equal_int(delay_next(&d, 101), 200);
        test_equal_int(delay_next(&d, 301), 250);
        test_equal_int(delay_next(&d, 551), 250);
}

static void test_a_long_rest_begins_anew(void) {
        Delay d = { .first = FIRST, .max = MAX };
        usec_t now = 5 * USEC_PER_SEC;

        test_equal_int(delay_next(&d, now), FIRST);
        now += FIRST;
        test_equal_int(delay_next(&d, now), 2 * FIRST);
        now += 6 * FIRST; /* 2 and 4 */
        test_equal_int(delay_next(&d, now), 4 * FIRST);
        now += 12 * FIRST + 1;
        test_equal_int(delay_next(&d, now), FIRST);
}

static void test_reset(void) {
        Delay d = { .first = FIRST, .max = MAX };
        usec_t now = 5 * USEC_PER_SEC;

        test_equal_int(delay_next(&d, now), FIRST);
        test_equal_int(delay_next(&d, now), 2 * FIRST);
        delay_reset(&d);
        test_equal_int(delay_next(&d, now), FIRST);
}

/* The caller changes .first: what will be different in a moment is tried sooner. */
static void test_another_first(void) {
        Delay d = { .first = 2 * USEC_PER_SEC, .max = MAX };
        usec_t now = 5 * USEC_PER_SEC;

        test_equal_int(delay_next(&d, now), 2 * USEC_PER_SEC);
        now += 2 * USEC_PER_SEC;
        test_equal_int(delay_next(&d, now), 4 * USEC_PER_SEC);
        now += 4 * USEC_PER_SEC;
        d.first = FIRST;
        test_equal_int(delay_next(&d, now), FIRST);
        now += FIRST;
        d.first = 2 * USEC_PER_SEC;
        test_equal_int(delay_next(&d, now), 2 * FIRST);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_it_doubles_up_to_a_bound),
                TEST(test_a_bound_that_is_no_power),
                TEST(test_a_long_rest_begins_anew),
                TEST(test_reset),
                TEST(test_another_first),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
