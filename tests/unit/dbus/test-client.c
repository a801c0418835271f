/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/client.h"

#include <sys/socket.h>

#include "unit/test.h"

/* Begins a message with an a{sv}, on a bus without a peer. */
static sd_bus_message *begin(void) {
        sd_bus_message *m = NULL;
        sd_bus *bus = NULL;
        int fds[2];

        test_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
        test_assert(sd_bus_new(&bus) >= 0);
        test_assert(sd_bus_set_fd(bus, fds[0], fds[0]) >= 0);
        test_assert(sd_bus_start(bus) >= 0);
        test_assert(sd_bus_message_new_signal(bus, &m, "/x", "x.y", "Z") >= 0);
        test_assert(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
        sd_bus_unref(bus);
        return m;
}

static int end_and_read(sd_bus_message *m, Status *status) {
        int r;

        test_assert(sd_bus_message_close_container(m) >= 0);
        test_assert(sd_bus_message_seal(m, 1, 0) >= 0);
        r = client_read_properties(m, status);
        sd_bus_message_unref(m);
        return r;
}

static void test_all_properties(void) {
        sd_bus_message *m = begin();
        Status status = { .n_reachable = 3 };

        test_assert(sd_bus_message_append(m, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "NetworkingMode", "s",
                                          "mirrored", "State", "s", "relocated", "Reason", "s", "why",
                                          "HomePort", "q", 22, "HomePortHolder", "s", "windows",
                                          "HomePortHolderDetail", "s", "x.exe", "Port", "q", 2222, "Unit",
                                          "s", "ssh.service") >= 0);
        test_assert(sd_bus_message_append(m, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "Mechanism", "s", "sshd-config",
                                          "Listeners", "a(sqss)", 1, "::", 2222, "sshd", "ssh.service",
                                          "PinnedSessions", "u", 3, "Reachable", "a(ss)", 1, "192.0.2.1",
                                          "lan", "ListenerWatch", "s", "timer", "LastBind", "s", "no-answer", "LastChangeUSec", "t",
                                          UINT64_C(1) << 40) >= 0);
        test_equal_int(end_and_read(m, &status), 0);
        test_equal_int(status.mode, MODE_MIRRORED);
        test_equal_int(status.state, STATE_RELOCATED);
        test_equal_string(status.reason, "why");
        test_equal_int(status.home_port, 22);
        test_equal_int(status.home_holder, HOLDER_WINDOWS);
        test_equal_string(status.home_detail, "x.exe");
        test_equal_int(status.port, 2222);
        test_equal_string(status.unit, "ssh.service");
        test_equal_int(status.mechanism, MECHANISM_CONFIG);
        test_equal_int(status.n_listeners, 1);
        test_equal_string(status.listeners[0].address, "::");
        test_equal_int(status.listeners[0].port, 2222);
        test_equal_int(status.listeners[0].holder, HOLDER_SSHD);
        test_equal_string(status.listeners[0].unit, "ssh.service");
        test_equal_int(status.pinned_sessions, 3);
        test_equal_int(status.n_reachable, 1);
        test_equal_string(status.reachable[0].address, "192.0.2.1");
        test_equal_int(status.reachable[0].kind, ADDRESS_LAN);
        test_equal_string(status.listener_watch, "timer");
        test_equal_int(status.last_bind, BIND_NO_ANSWER);
        test_equal_int(status.last_change, INT64_C(1) << 40);
}

static void test_others_stay(void) {
        sd_bus_message *m = begin();
        Status status = { .port = 22, .home_port = 22, .state = STATE_CLEAR };

        test_assert(sd_bus_message_append(m, "{sv}{sv}{sv}", "Port", "q", 2222, "State", "u", 7, "New",
                                          "a(si)", 1, "x", 1) >= 0);
        test_equal_int(end_and_read(m, &status), 0);
        test_equal_int(status.port, 2222);
        test_equal_int(status.home_port, 22);
        test_equal_int(status.state, STATE_CLEAR); /* a value of another type is ignored */
}

static void test_hostile_texts(void) {
        sd_bus_message *m = begin();
        Status status = { .state = STATE_CLEAR, .mechanism = MECHANISM_CONFIG, .listener_watch = "timer" };

        test_assert(sd_bus_message_append(m, "{sv}{sv}{sv}{sv}", "State", "s", "newer", "Mechanism", "s",
                                          "\033", "Reason", "s", "\033[2J", "ListenerWatch", "s",
                                          "newer") >= 0);
        test_equal_int(end_and_read(m, &status), 0);
        test_equal_int(status.state, STATE_UNKNOWN);
        test_equal_int(status.mechanism, MECHANISM_NONE);
        test_equal_string(status.reason, "?[2J");
        test_equal_string(status.listener_watch, "newer");
}

static void test_more_than_fit(void) {
        sd_bus_message *m = begin();
        Status status = { 0 };

        test_assert(sd_bus_message_open_container(m, 'e', "sv") >= 0);
        test_assert(sd_bus_message_append(m, "s", "Reachable") >= 0);
        test_assert(sd_bus_message_open_container(m, 'v', "a(ss)") >= 0);
        test_assert(sd_bus_message_open_container(m, 'a', "(ss)") >= 0);
        for (int i = 0; i <= STATUS_REACHABLE_MAX; i++)
                test_assert(sd_bus_message_append(m, "(ss)", i < STATUS_REACHABLE_MAX ? "::1" : "::2",
                                                  "loopback") >= 0);
        for (int i = 0; i < 3; i++)
                test_assert(sd_bus_message_close_container(m) >= 0);
        test_assert(sd_bus_message_append(m, "{sv}", "Port", "q", 22) >= 0);
        test_equal_int(end_and_read(m, &status), 0);
        test_equal_int(status.n_reachable, STATUS_REACHABLE_MAX);
        test_equal_string(status.reachable[STATUS_REACHABLE_MAX - 1].address, "::1");
        test_equal_int(status.port, 22);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_all_properties),
                TEST(test_others_stay),
                TEST(test_hostile_texts),
                TEST(test_more_than_fit),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
