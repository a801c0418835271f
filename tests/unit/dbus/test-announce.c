/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <time.h>

#include "dbus/announce.h"
#include "unit/loop.h"

typedef struct Told {
        sd_event *event;
        Announcer *announcer;
        unsigned calls;
        char last[200]; /* "State Port" */
        usec_t at;
} Told;

static void on_told(const char *const names[], void *userdata) {
        Told *t = userdata;

        t->calls++;
        t->last[0] = '\0';
        for (; *names; names++)
                snprintf(t->last + strlen(t->last), sizeof(t->last) - strlen(t->last), "%s%s",
                         t->last[0] ? " " : "", *names);
        test_assert(sd_event_now(t->event, CLOCK_MONOTONIC, &t->at) >= 0);
}

static void begin(Told *t) {
        *t = (Told){ 0 };
        test_assert(sd_event_new(&t->event) >= 0);
        test_equal_int(announcer_new(t->event, on_told, t, &t->announcer), 0);
        /* From its first turn on the loop's clock stands still between turns, however slow this machine is. */
        (void) settle(t->event);
}

static void end(Told *t) {
        announcer_free(t->announcer);
        sd_event_unref(t->event);
}

static void add(Told *t, const char *name) {
        const char *names[] = { name, NULL };

        test_equal_int(announcer_add(t->announcer, names), 0);
}

static void test_the_first_is_told_at_once(void) {
        Told t;

        begin(&t);
        add(&t, "State");
        test_equal_int(t.calls, 1);
        test_equal_string(t.last, "State");
        /* And nothing is left to be woken up for. */
        test_equal_int(settle(t.event), 0);
        end(&t);
}

static void test_a_burst_is_told_twice(void) {
        usec_t first;
        Told t;

        begin(&t);
        add(&t, "State");
        first = t.at;
        for (unsigned i = 0; i < 1000; i++) {
                add(&t, i % 2 ? "Port" : "Reason");
                add(&t, "Listeners");
        }
        test_equal_int(t.calls, 1);
        (void) settle(t.event);
        test_equal_int(t.calls, 2);
        test_equal_string(t.last, "Reason Listeners Port");
        test_assert(t.at - first >= ANNOUNCE_PAUSE);
        end(&t);
}

static void test_the_pause_begins_anew(void) {
        usec_t second;
        Told t;

        begin(&t);
        add(&t, "State");
        add(&t, "Port");
        while (t.calls < 2)
                test_assert(sd_event_run(t.event, UINT64_MAX) > 0);
        second = t.at;
        add(&t, "State");
        test_equal_int(t.calls, 2);
        (void) settle(t.event);
        test_equal_int(t.calls, 3);
        test_equal_string(t.last, "State");
        test_assert(t.at - second >= ANNOUNCE_PAUSE);
        end(&t);
}

static void test_after_the_pause_at_once_again(void) {
        Told t;

        begin(&t);
        add(&t, "State");
        nanosleep(&(struct timespec){ .tv_nsec = 1000 * (long) (ANNOUNCE_PAUSE + USEC_PER_MSEC) }, NULL);
        (void) settle(t.event); /* the loop's own clock is of its last turn */
        add(&t, "State");
        test_equal_int(t.calls, 2);
        end(&t);
}

static void test_forgotten(void) {
        Told t;

        begin(&t);
        add(&t, "State");
        add(&t, "Port");
        announcer_forget(t.announcer);
        (void) settle(t.event);
        test_equal_int(t.calls, 1);
        add(&t, "Unit");
        (void) settle(t.event);
        test_equal_string(t.last, "Unit");
        end(&t);
}

static void test_nothing(void) {
        static const char *const none[] = { NULL };
        Told t;

        begin(&t);
        test_equal_int(announcer_add(t.announcer, none), 0);
        (void) settle(t.event);
        test_equal_int(t.calls, 0);
        end(&t);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_the_first_is_told_at_once),
                TEST(test_a_burst_is_told_twice),
                TEST(test_the_pause_begins_anew),
                TEST(test_after_the_pause_at_once_again),
                TEST(test_forgotten),
                TEST(test_nothing),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
