/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/pace.h"
#include "unit/test.h"

static void test_a_burst_is_free(void) {
        usec_t now = 1000 * USEC_PER_SEC;
        Pace pace = { 0 };

        for (usec_t spent = 0; spent < PACE_BURST; spent += USEC_PER_MSEC) {
                test_equal_int(pace_delay(&pace, now), 0);
                pace_note(&pace, now, USEC_PER_MSEC);
        }
        test_equal_int(pace_delay(&pace, now), 0);
        pace_note(&pace, now, USEC_PER_MSEC);
        test_equal_int(pace_delay(&pace, now), USEC_PER_MSEC * PACE_SHARE);
        test_equal_int(pace_delay(&pace, now + USEC_PER_MSEC * PACE_SHARE), 0);
}

/* However often it is wanted, and whatever one costs. */
static void test_the_share(void) {
        static const usec_t costs[] = { 10, 400, 2500, PACE_DELAY_MAX / PACE_SHARE - USEC_PER_MSEC };

        for (size_t i = 0; i < ELEMENTSOF(costs); i++) {
                usec_t start = 7 * USEC_PER_SEC, now = start, spent = 0, minute = 60 * USEC_PER_SEC;
                Pace pace = { 0 };

                while (now < start + minute) {
                        usec_t delay = pace_delay(&pace, now);

                        test_assert(delay <= PACE_DELAY_MAX);
                        now += delay;
                        spent += costs[i];
                        now += costs[i];
                        pace_note(&pace, now, costs[i]);
                }
                test_assert(spent <= PACE_BURST + minute / PACE_SHARE + 2 * costs[i]);
                /* Nor is it less: it is done as soon as it may be. */
                test_assert(spent >= minute / PACE_SHARE);
        }
}

static void test_the_wait_is_bounded(void) {
        usec_t now = 5 * USEC_PER_SEC;
        Pace pace = { 0 };

        pace_note(&pace, now, 3600 * USEC_PER_SEC);
        test_equal_int(pace_delay(&pace, now), PACE_DELAY_MAX);
        pace_note(&pace, now, USEC_INFINITY);
        test_equal_int(pace_delay(&pace, now), PACE_DELAY_MAX);
        test_equal_int(pace_delay(&pace, now + PACE_DELAY_MAX), 0);
}

static void test_a_rest_pays_it_back(void) {
        usec_t now = 5 * USEC_PER_SEC;
        Pace pace = { 0 };

        pace_note(&pace, now, PACE_BURST);
        now += PACE_BURST * PACE_SHARE;
        pace_note(&pace, now, PACE_BURST);
        test_equal_int(pace_delay(&pace, now), 0);
        pace_note(&pace, now, 1);
        test_equal_int(pace_delay(&pace, now), PACE_SHARE);
        /* Long after, it is a burst and no more. */
        now += 3600 * USEC_PER_SEC;
        pace_note(&pace, now, PACE_BURST + 1);
        test_equal_int(pace_delay(&pace, now), PACE_SHARE);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_a_burst_is_free),
                TEST(test_the_share),
                TEST(test_the_wait_is_bounded),
                TEST(test_a_rest_pays_it_back),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
