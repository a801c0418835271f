/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/plan.h"
#include "unit/test.h"

static const char *kind_words[] = {
        [JOB_RELOAD] = "reload",           [JOB_START] = "start",     [JOB_RESTART] = "restart",
        [JOB_STOP] = "stop",               [JOB_DAEMON_RELOAD] = "daemon-reload",
        [JOB_ENABLE] = "enable",           [JOB_DISABLE] = "disable",
        [JOB_LOOK] = "look at",
};

/* A plan that is written anew keeps nothing of this. */
#define USED_PLAN \
        { .steps = { { JOB_ENABLE, true }, { JOB_ENABLE, true }, { JOB_ENABLE, true } }, .n = 3 }

/* Returns the plan as text: "stop service, restart socket". */
static const char *steps(const Plan *plan) {
        static char text[256];
        size_t n = 0;

        test_assert(plan->n <= PLAN_STEPS_MAX);
        text[0] = '\0';
        for (size_t i = 0; i < plan->n; i++)
                n += (size_t) snprintf(text + n, sizeof(text) - n, "%s%s %s", i > 0 ? ", " : "",
                                       kind_words[plan->steps[i].kind],
                                       plan->steps[i].socket ? "socket" : "service");
        return text;
}

static const char *planned(const Shape *shape, ServicePhase phase, bool again) {
        Plan plan = USED_PLAN;

        plan_apply(shape, phase, again, &plan);
        return steps(&plan);
}

#define SOCKET "restart socket"
#define SERVICE_AND_SOCKET "look at socket, stop service, restart socket"

/* The rows also have members that mean nothing for their shape. */
static const struct {
        const char *name;
        Shape shape;
        const char *running, *running_again, *failed, *failed_again;
} shapes[] = {
        { "a service", { 0 }, "reload service", "restart service", "restart service", "" },
        { "a service of another command",
          { .command_changes = true },
          "restart service",
          "restart service",
          "restart service",
          "" },
        { "a service that its owner left alone",
          { .was_inactive = true },
          "reload service",
          "restart service",
          "start service",
          "" },
        { "a service, and what only a socket is asked for",
          { .accept = true, .has_service = true },
          "reload service",
          "restart service",
          "restart service",
          "" },
        { "a service of another command, and that",
          { .accept = true, .has_service = true, .command_changes = true },
          "restart service",
          "restart service",
          "restart service",
          "" },
        { "a service, and it is there",
          { .has_service = true },
          "reload service",
          "restart service",
          "restart service",
          "" },
        { "a socket without a service", { .by_socket = true }, SOCKET, SOCKET, SOCKET, SOCKET },
        { "a socket with its service",
          { .by_socket = true, .has_service = true },
          SERVICE_AND_SOCKET,
          SERVICE_AND_SOCKET,
          SERVICE_AND_SOCKET,
          SERVICE_AND_SOCKET },
        { "a socket with its service, and a job has failed",
          { .by_socket = true, .has_service = true, .broke = true },
          "stop service, stop socket, start socket",
          "stop service, stop socket, start socket",
          "stop service, stop socket, start socket",
          "stop service, stop socket, start socket" },
        { "a socket that accepts", { .by_socket = true, .accept = true }, SOCKET, SOCKET, SOCKET, SOCKET },
        { "a socket that accepts, a service beside it",
          { .by_socket = true, .accept = true, .has_service = true },
          SOCKET,
          SOCKET,
          SOCKET,
          SOCKET },
        { "a socket, and another command",
          { .by_socket = true, .command_changes = true },
          SOCKET,
          SOCKET,
          SOCKET,
          SOCKET },
};

static void test_apply(const void *data) {
        const __typeof__(shapes[0]) *row = data;

        test_equal_string(planned(&row->shape, SERVICE_RUNNING, false), row->running);
        test_equal_string(planned(&row->shape, SERVICE_RUNNING, true), row->running_again);
        test_equal_string(planned(&row->shape, SERVICE_TO_START, false), row->failed);
        test_equal_string(planned(&row->shape, SERVICE_TO_START, true), row->failed_again);
}

static void test_other_phases_are_left_alone(void) {
        for (ServicePhase phase = 0; phase < _SERVICE_MAX; phase++)
                for (unsigned bits = 0; bits < 32; bits++) {
                        Shape shape = { .by_socket = bits & 1,
                                        .accept = bits & 2,
                                        .has_service = bits & 4,
                                        .command_changes = bits & 8 };

                        if (phase != SERVICE_RUNNING && phase != SERVICE_TO_START)
                                test_equal_string(planned(&shape, phase, bits & 16), "");
                }
}

/* Nobody runs when the service's alias appears. The socket unit is enabled before the service is disabled, so that one of
 * them is in any case. */
static void test_other_units_are_to_listen(void) {
        Plan plan = USED_PLAN;

        plan_enable_service(false, &plan);
        test_equal_string(steps(&plan), "enable service, daemon-reload service");
        plan_enable_service(true, &plan);
        test_equal_string(steps(&plan), "enable service, daemon-reload service, start service");

        plan_disable_socket(false, &plan);
        test_equal_string(
                        steps(&plan),
                        "disable socket, stop socket, stop service, enable service, daemon-reload service");
        plan_disable_socket(true, &plan);
        test_equal_string(
                        steps(&plan),
                        "disable socket, stop socket, stop service, enable service, daemon-reload service, "
                        "start service");

        plan_enable_socket(true, true, &plan);
        test_equal_string(steps(&plan), "enable socket, daemon-reload service, stop service, start socket");
        plan_enable_socket(false, true, &plan);
        test_equal_string(
                        steps(&plan),
                        "enable socket, disable service, daemon-reload service, stop service, start socket");
        plan_enable_socket(false, false, &plan);
        test_equal_string(steps(&plan), "enable socket, disable service, daemon-reload service, stop service");
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_apply, shapes),
                TEST(test_other_phases_are_left_alone),
                TEST(test_other_units_are_to_listen),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
