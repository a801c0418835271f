/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/status.h"

#include "unit/test.h"

static const struct {
        const char *name;
        Status status;
        const char *line;
} lines[] = {
        { "relocated",
          { .state = STATE_RELOCATED, .port = 2222, .home_port = 22, .reason = "Windows holds 22" },
          "ssh on 2222; Windows holds 22" },
        { "relocated, not up", { .state = STATE_RELOCATED, .reason = "sshd is starting" }, "ssh not up; sshd is starting" },
        { "clear, not up", { .state = STATE_CLEAR, .home_port = 22, .reason = "22 is free" }, "ssh not up yet; 22 is free" },
        { "clear", { .state = STATE_CLEAR, .port = 22, .home_port = 22 }, "ssh on 22; nothing in its way" },
        { "clear, and its home port is lost",
          { .state = STATE_CLEAR, .port = 2222, .home_port = 22, .reason = "Windows holds 22; 2222 is sshd's too" },
          "ssh on 2222; Windows holds 22; 2222 is sshd's too" },
        { "blocked",
          { .state = STATE_BLOCKED, .reason = "no candidate is free" },
          "ssh not up; blocked: no candidate is free" },
        { "unknown", { .state = STATE_UNKNOWN, .reason = "asking" }, "ssh not up; unknown: asking" },
};

static void test_line(const void *data) {
        const __typeof__(lines[0]) *row = data;
        char line[STATUS_LINE_SIZE];

        status_line(&row->status, line);
        test_equal_string(line, row->line);
        test_assert(!strchr(line, '\n'));
}

static void test_port_at(void) {
        const Status status = {
                .port = 2222,
                .listeners = { { "192.0.2.1", 2022, HOLDER_SSHD, "" }, { "127.0.0.1", 2222, HOLDER_SSHD, "" },
                               { "192.0.2.1", 80, HOLDER_LINUX, "" }, { "::", 2222, HOLDER_SSHD, "" },
                               { "192.0.2.9", 9, HOLDER_SSHD, "" }, { "192.0.2.9", 2222, HOLDER_SSHD, "" } },
                .n_listeners = 6,
        };

        test_equal_int(status_port_at(&status, "127.0.0.1"), 2222);
        test_equal_int(status_port_at(&status, "192.0.2.1"), 2022);
        test_equal_int(status_port_at(&status, "192.0.2.9"), 2222);
        test_equal_int(status_port_at(&status, "192.0.2.2"), 2222); /* the socket on :: takes it, or nobody does */
        test_equal_int(status_port_at(&status, "2001:db8::1"), 2222);
        test_equal_int(status_port_at(&(const Status){ .port = 22 }, "192.0.2.2"), 22);
}

static void test_changes_name_what_differs(void) {
        Status old, new;
        const char *names[STATUS_CHANGES_MAX];

        memset(&old, 0, sizeof(old));
        memset(&new, 0, sizeof(new));
        test_equal_int(status_changes(&old, &new, names), 0);
        test_assert(!names[0]);

        new.port = 2222;
        strcpy(new.listeners[1].address, "::");
        test_equal_int(status_changes(&old, &new, names), 2);
        test_equal_string(names[0], "Port");
        test_equal_string(names[1], "Listeners");
        test_assert(!names[2]);

        memset(&new, 0xff, sizeof(new));
        test_assert(status_changes(&old, &new, names) < STATUS_CHANGES_MAX);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_line, lines),
                TEST(test_port_at),
                TEST(test_changes_name_what_differs),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
