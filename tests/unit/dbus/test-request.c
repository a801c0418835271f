/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/request.h"
#include "unit/test.h"

static const struct Met {
        const char *name;
        Request kind;
        uint16_t asked, port;
        bool met;
} met_rows[] = {
        { "any port, displaced", REQUEST_RELOCATE, 0, 2222, true },
        { "any port, at home", REQUEST_RELOCATE, 0, 0, false },
        { "one port, there", REQUEST_RELOCATE, 2222, 2222, true },
        { "one port, on another", REQUEST_RELOCATE, 2222, 22022, false },
        { "one port, at home", REQUEST_RELOCATE, 2222, 0, false },
        { "back, at home", REQUEST_RESTORE, 0, 0, true },
        { "back, displaced", REQUEST_RESTORE, 0, 2222, false },
        { "probe, at home", REQUEST_PROBE, 0, 0, true },
        { "probe, displaced", REQUEST_PROBE, 0, 2222, true },
};

static void test_met(const void *data) {
        const struct Met *row = data;
        PendingRequest pending = { 0 };

        test_equal_int(pending_request_take(&pending, row->kind, row->asked, NULL, 1000, false), 0);
        test_equal_int(pending_request_is_met(&pending, row->port), row->met);
}

static void test_one_at_a_time(void) {
        PendingRequest pending = { 0 };

        test_equal_int(pending_request_take(&pending, REQUEST_RELOCATE, 2222, NULL, 1000, false), 0);
        test_equal_int(pending_request_take(&pending, REQUEST_RESTORE, 0, NULL, 1000, false), -EBUSY);
        /* The first request is still pending. While it only waits, another takes its place. */
        test_equal_int(pending.kind, REQUEST_RELOCATE);
        test_equal_int(pending.port, 2222);
        test_equal_int(pending_request_take(&pending, REQUEST_PROBE, 0, NULL, 0, true), -EBUSY);
        test_equal_int(pending_request_take(&pending, REQUEST_RELOCATE, 2299, NULL, 1000, true), 0);
        test_equal_int(pending.port, 2299);

        test_equal_int(pending_request_take(&pending, REQUEST_PROBE, 0, NULL, 1000, false), -EBUSY);

        pending_request_done(&pending);
        test_equal_int(pending_request_take(&pending, REQUEST_PROBE, 0, NULL, 1000, false), 0);
        test_equal_int(pending_request_take(&pending, REQUEST_PROBE, 0, NULL, 1000, false), -EBUSY);
        /* Root's probe doesn't wait behind another user's, but behind root's. */
        test_equal_int(pending_request_take(&pending, REQUEST_PROBE, 0, NULL, 0, false), 0);
        test_equal_int(pending_request_take(&pending, REQUEST_PROBE, 0, NULL, 0, false), -EBUSY);
        test_equal_int(pending_request_take(&pending, REQUEST_RESTORE, 0, NULL, 1000, false), 0);
        test_equal_int(pending.kind, REQUEST_RESTORE);
}

/* A request whose answer can't be sent doesn't block the next one. */
static void test_an_answer_that_fails(void) {
        PendingRequest pending = { 0 };

        test_equal_int(pending_request_take(&pending, REQUEST_RESTORE, 0, NULL, 1000, false), 0);
        test_assert(pending_request_answer(&pending, true, CAUSE_NONE, "") < 0);
        test_equal_int(pending.kind, REQUEST_NONE);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_met, met_rows),
                TEST(test_one_at_a_time),
                TEST(test_an_answer_that_fails),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
