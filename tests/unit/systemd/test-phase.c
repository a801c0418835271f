/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/phase.h"

#include "unit/test.h"

static const struct {
        const char *name;
        UnitState state;
        ServicePhase phase;
} states[] = {
        { "not installed", { .load_state = "not-found", .active_state = "inactive" }, SERVICE_ABSENT },
        { "masked", { .load_state = "masked", .active_state = "inactive" }, SERVICE_INACTIVE },
        { "masked while it runs", { .load_state = "masked", .active_state = "active" }, SERVICE_RUNNING },
        { "a unit file that can't be read any more, while it runs",
          { .load_state = "bad-setting", .active_state = "active" },
          SERVICE_RUNNING },
        { "a unit file that can't be read",
          { .load_state = "bad-setting", .active_state = "inactive" },
          SERVICE_FAILED },
        { "stopped", { .load_state = "loaded", .active_state = "inactive" }, SERVICE_INACTIVE },
        { "waiting for us at boot",
          { .load_state = "loaded", .active_state = "inactive", .job = 7 },
          SERVICE_QUEUED },
        { "failed, and about to start again",
          { .load_state = "loaded", .active_state = "failed", .job = 7 },
          SERVICE_QUEUED },
        { "starting",
          { .load_state = "loaded", .active_state = "activating", .sub_state = "start", .job = 7 },
          SERVICE_STARTING },
        { "running", { .load_state = "loaded", .active_state = "active" }, SERVICE_RUNNING },
        { "reloading", { .load_state = "loaded", .active_state = "reloading", .job = 7 }, SERVICE_RUNNING },
        { "stopping", { .load_state = "loaded", .active_state = "deactivating" }, SERVICE_STOPPING },
        { "failed to bind",
          { .load_state = "loaded",
            .active_state = "failed",
            .result = "exit-code",
            .past.code = 1,
            .past.status = 255 },
          SERVICE_TO_START },
        { "failed otherwise",
          { .load_state = "loaded",
            .active_state = "failed",
            .result = "exit-code",
            .past.code = 1,
            .past.status = 1 },
          SERVICE_FAILED },
        { "killed",
          { .load_state = "loaded",
            .active_state = "failed",
            .result = "signal",
            .past.code = 2,
            .past.status = 9 },
          SERVICE_FAILED },
        { "stood still in bind() until systemd's time-out",
          { .load_state = "loaded",
            .active_state = "failed",
            .result = "timeout",
            .past.code = 2,
            .past.status = 15 },
          SERVICE_TO_START },
        { "was stopped, and took too long for systemd",
          { .load_state = "loaded",
            .active_state = "failed",
            .result = "timeout",
            .past = { .code = 2, .status = 9, .began = 1, .ceased = 2 } },
          SERVICE_FAILED },
        { "ran, was started anew, and stood still in bind()",
          { .load_state = "loaded",
            .active_state = "failed",
            .result = "timeout",
            .past = { .code = 2, .status = 9, .began = 3, .ceased = 2 } },
          SERVICE_TO_START },
        { "between two tries after a failed bind",
          { .load_state = "loaded",
            .active_state = "activating",
            .sub_state = "auto-restart",
            .past.code = 1,
            .past.status = 255 },
          SERVICE_TO_START },
        { "the same with systemd 254",
          { .load_state = "loaded",
            .active_state = "activating",
            .sub_state = "auto-restart-queued",
            .past.code = 1,
            .past.status = 255 },
          SERVICE_TO_START },
        { "a word from a newer systemd",
          { .load_state = "loaded", .active_state = "dreaming" },
          SERVICE_UNKNOWN },
};

static void test_phase(const void *data) {
        const __typeof__(states[0]) *row = data;

        test_equal_string(service_phase_to_string(unit_state_to_phase(&row->state)),
                          service_phase_to_string(row->phase));
}

static const struct {
        const char *name;
        UnitState state;
        ServicePhase phase;
} socket_states[] = {
        { "listening",
          { .load_state = "loaded", .active_state = "active", .sub_state = "listening" },
          SERVICE_RUNNING },
        { "its service runs",
          { .load_state = "loaded", .active_state = "active", .sub_state = "running" },
          SERVICE_RUNNING },
        { "listening, about to stop",
          { .load_state = "loaded", .active_state = "active", .job = 7 },
          SERVICE_RUNNING },
        { "listening again after a failure",
          { .load_state = "loaded", .active_state = "active", .result = "resources" },
          SERVICE_RUNNING },
        { "starting",
          { .load_state = "loaded", .active_state = "activating", .sub_state = "start-pre", .job = 7 },
          SERVICE_STARTING },
        { "stopping",
          { .load_state = "loaded", .active_state = "deactivating", .sub_state = "stop-post" },
          SERVICE_STOPPING },
        { "stopping, about to start",
          { .load_state = "loaded", .active_state = "deactivating", .job = 7 },
          SERVICE_STOPPING },
        { "waiting for us at boot",
          { .load_state = "loaded", .active_state = "inactive", .job = 7 },
          SERVICE_QUEUED },
        { "failed to bind, and about to start again",
          { .load_state = "loaded", .active_state = "failed", .result = "resources", .job = 7 },
          SERVICE_QUEUED },
        { "stopped", { .load_state = "loaded", .active_state = "inactive" }, SERVICE_INACTIVE },
        { "stopped after a failure",
          { .load_state = "loaded", .active_state = "inactive", .result = "resources" },
          SERVICE_INACTIVE },
        { "masked", { .load_state = "masked", .active_state = "inactive" }, SERVICE_INACTIVE },
        { "failed to bind",
          { .load_state = "loaded", .active_state = "failed", .result = "resources" },
          SERVICE_TO_START },
        { "started its service too often",
          { .load_state = "loaded", .active_state = "failed", .result = "trigger-limit-hit" },
          SERVICE_FAILED },
        { "its service failed",
          { .load_state = "loaded", .active_state = "failed", .result = "service-start-limit-hit" },
          SERVICE_FAILED },
        { "a service's words for a failed bind",
          { .load_state = "loaded",
            .active_state = "failed",
            .result = "exit-code",
            .past.code = 1,
            .past.status = 255 },
          SERVICE_FAILED },
        { "a word from a newer systemd",
          { .load_state = "loaded", .active_state = "dreaming" },
          SERVICE_UNKNOWN },
        { "not read yet", { .load_state = "" }, SERVICE_UNKNOWN },
};

static void test_socket_phase(const void *data) {
        const __typeof__(socket_states[0]) *row = data;

        test_equal_string(service_phase_to_string(socket_state_to_phase(&row->state)),
                          service_phase_to_string(row->phase));
}

static void test_no_state_is_unknown(void) {
        test_equal_int(unit_state_to_phase(NULL), SERVICE_UNKNOWN);
        test_equal_int(socket_state_to_phase(NULL), SERVICE_UNKNOWN);
}

static void test_shape(void) {
        UnitState service = { .load_state = "loaded", .active_state = "inactive" };
        UnitState socket = { .load_state = "loaded", .active_state = "active", .accept = true };
        Shape shape;

        shape = managed_shape((ManagedUnits){ 0 });
        test_assert(!shape.by_socket && !shape.accept && !shape.has_service && !shape.command_changes);

        shape = managed_shape((ManagedUnits){ .service = &service, .socket = &socket });
        test_assert(shape.by_socket && shape.accept && shape.has_service);

        socket.accept = false;
        shape = managed_shape((ManagedUnits){ .service = &service, .socket = &socket });
        test_assert(shape.by_socket && !shape.accept && shape.has_service);

        shape = managed_shape((ManagedUnits){ .service = &service });
        test_assert(!shape.by_socket && shape.has_service);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_phase, states),
                TEST_TABLE(test_socket_phase, socket_states),
                TEST(test_no_state_is_unknown),
                TEST(test_shape),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
