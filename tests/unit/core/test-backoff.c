/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/backoff.h"
#include "unit/test.h"

static void test_three_in_a_minute(void) {
        Backoff b = { 0 };
        usec_t now = 1000 * USEC_PER_SEC;

        for (unsigned i = 0; i < 3; i++) {
                test_assert(backoff_allows(&b, 1, now + i * 10 * USEC_PER_SEC));
                backoff_note(&b, now + i * 10 * USEC_PER_SEC);
        }
        test_assert(!backoff_allows(&b, 1, now + 30 * USEC_PER_SEC));
        test_assert(!backoff_allows(&b, 1, now + 59 * USEC_PER_SEC));
        /* The first one is a minute old: it makes room for one more, not for three. */
        test_assert(backoff_allows(&b, 1, now + 60 * USEC_PER_SEC));
        backoff_note(&b, now + 60 * USEC_PER_SEC);
        test_assert(!backoff_allows(&b, 1, now + 61 * USEC_PER_SEC));
}

static void test_two_at_once(void) {
        Backoff b = { 0 };
        usec_t now = 1000 * USEC_PER_SEC;

        test_assert(backoff_allows(&b, 2, now));
        backoff_note(&b, now);
        test_assert(backoff_allows(&b, 2, now));
        backoff_note(&b, now + 10 * USEC_PER_SEC);
        test_assert(!backoff_allows(&b, 2, now + 20 * USEC_PER_SEC));
        test_assert(backoff_allows(&b, 1, now + 20 * USEC_PER_SEC));
        test_assert(backoff_allows(&b, 2, now + 60 * USEC_PER_SEC));
        backoff_note(&b, now + 60 * USEC_PER_SEC);
        backoff_note(&b, now + 61 * USEC_PER_SEC);
        test_assert(!backoff_allows(&b, 2, now + 119 * USEC_PER_SEC));
        test_assert(backoff_allows(&b, 2, now + 120 * USEC_PER_SEC));
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_three_in_a_minute),
                TEST(test_two_at_once),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
