/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/backoff.h"
#include "unit/test.h"

static void test_three_in_a_minute(void) {
        Backoff b = { 0 };
        usec_t now = 1000 * USEC_PER_SEC;

        for (unsigned i = 0; i < 3; i++) {
                test_assert(backoff_allows(&b, now + i * 10 * USEC_PER_SEC));
                backoff_note(&b, now + i * 10 * USEC_PER_SEC);
        }
        test_assert(!backoff_allows(&b, now + 30 * USEC_PER_SEC));
        test_assert(!backoff_allows(&b, now + 59 * USEC_PER_SEC));
        /* The first one is a minute old: it makes room for one more, not for three. */
        test_assert(backoff_allows(&b, now + 60 * USEC_PER_SEC));
        backoff_note(&b, now + 60 * USEC_PER_SEC);
        test_assert(!backoff_allows(&b, now + 61 * USEC_PER_SEC));
}

static void test_two_at_once(void) {
        Backoff b = { 0 };
        usec_t now = 1000 * USEC_PER_SEC;

        test_assert(backoff_allows_two(&b, now));
        backoff_note(&b, now);
        test_assert(backoff_allows_two(&b, now));
        backoff_note(&b, now + 10 * USEC_PER_SEC);
        test_assert(!backoff_allows_two(&b, now + 20 * USEC_PER_SEC));
        test_assert(backoff_allows(&b, now + 20 * USEC_PER_SEC));
        test_assert(backoff_allows_two(&b, now + 60 * USEC_PER_SEC));
        backoff_note(&b, now + 60 * USEC_PER_SEC);
        backoff_note(&b, now + 61 * USEC_PER_SEC);
        test_assert(!backoff_allows_two(&b, now + 119 * USEC_PER_SEC));
        test_assert(backoff_allows_two(&b, now + 120 * USEC_PER_SEC));
}

static void test_delay_grows_and_forgets(void) {
        Backoff b = { 0 };
        usec_t now = 5 * USEC_PER_SEC;

        test_equal_int(backoff_delay(&b, now), 60 * USEC_PER_SEC);
        now += 60 * USEC_PER_SEC;
        test_equal_int(backoff_delay(&b, now), 120 * USEC_PER_SEC);
        for (unsigned i = 0; i < 10; i++) {
                now += b.delay;
                test_assert(backoff_delay(&b, now) <= BACKOFF_DELAY_MAX);
        }
        test_equal_int(b.delay, BACKOFF_DELAY_MAX);
        now += 3 * BACKOFF_DELAY_MAX;
        test_equal_int(backoff_delay(&b, now), BACKOFF_DELAY_FIRST);
}

static void test_soon_at_first(void) {
        Backoff b = { 0 };
        usec_t now = 5 * USEC_PER_SEC;

        test_equal_int(backoff_delay_soon(&b, now), 2 * USEC_PER_SEC);
        now += 2 * USEC_PER_SEC;
        test_equal_int(backoff_delay_soon(&b, now), 4 * USEC_PER_SEC);
        /* What won't be different in a moment waits as long as ever, and so does what comes after it. */
        now += 4 * USEC_PER_SEC;
        test_equal_int(backoff_delay(&b, now), 60 * USEC_PER_SEC);
        now += 60 * USEC_PER_SEC;
        test_equal_int(backoff_delay_soon(&b, now), 120 * USEC_PER_SEC);
        now += 600 * USEC_PER_SEC;
        test_equal_int(backoff_delay_soon(&b, now), 2 * USEC_PER_SEC);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_three_in_a_minute),
                TEST(test_two_at_once),
                TEST(test_delay_grows_and_forgets),
                TEST(test_soon_at_first),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
