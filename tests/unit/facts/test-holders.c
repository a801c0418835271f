/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/fsuid.h>
#include <sys/prctl.h>

#include "facts/holders.h"
#include "unit/netns.h"
#include "unit/test.h"

static const ManagedUnits no_units = { 0 };
static const UnitState service = { .id = "ssh.service" };
static const SshdHome unknown_home = { 0 },
                      one_address = { .ports = { 2222 }, .n_ports = 1, .n_addresses = 1, .ipv4 = true };

/* Who makes the listeners: root, by this process, or a user. */
static void be(const char *name, bool root) {
        test_assert(prctl(PR_SET_NAME, name) == 0);
        setfsuid(root ? 0 : 1);
}

static Sockets *enter(void) {
        Sockets *sockets;

        netns_enter();
        test_assert(unsetenv("WSLPORTD_HELPER") == 0);
        test_equal_int(sockets_new(&sockets), 0);
        return sockets;
}

static PortView look(Sockets *sockets, const SshdHome *home, const Status *status) {
        PortView view;

        test_equal_int(holders_look_best_effort(sockets, no_units, home, 2222, status, &view), 0);
        return view;
}

static void test_nobody(void) {
        _cleanup_(sockets_freep) Sockets *sockets = enter();
        PortView view = look(sockets, &unknown_home, NULL);

        test_equal_int(view.holder, HOLDER_NONE);
        test_equal_int(view.n_listeners, 0);
}

static void test_a_stranger(void) {
        _cleanup_(sockets_freep) Sockets *sockets = enter();
        PortView view;

        (void) netns_listen("0.0.0.0", 2222);
        be("nginx", true);
        view = look(sockets, &unknown_home, NULL);
        test_equal_int(view.holder, HOLDER_LINUX);
        test_equal_int(view.stranger.pid, getpid());
        test_equal_string(view.stranger.comm, "nginx");
        test_equal_int(view.n_sshds, 0);
        test_equal_int(view.n_listeners, 1);
        test_equal_string(view.listeners[0].address, "0.0.0.0");
}

static void test_sshd_by_its_name(void) {
        _cleanup_(sockets_freep) Sockets *sockets = enter();
        PortView view;

        (void) netns_listen("127.0.0.1", 2222);
        be("sshd", true);
        view = look(sockets, &unknown_home, NULL);
        test_equal_int(view.holder, HOLDER_SSHD);
        test_assert(view.ipv4 && !view.ipv6 && view.loopback_only);
        test_assert(port_view_is_complete(&view, &one_address));
        test_assert(!port_view_is_complete(&view, &(const SshdHome){ .ipv4 = true, .ipv6 = true }));

        (void) netns_listen("::", 2222);
        view = look(sockets, &unknown_home, NULL);
        test_equal_int(view.n_sshds, 2);
        test_assert(view.ipv4 && view.ipv6 && !view.loopback_only);
}

/* The daemon doesn't go by a name: systemd is asked. */
static void test_the_daemon_between_two_buses(void) {
        _cleanup_(sockets_freep) Sockets *sockets = enter();
        PortView view;

        (void) netns_listen("0.0.0.0", 2222);
        be("sshd", true);
        test_equal_int(holders_look(sockets, no_units, &unknown_home, 2222, &view), 0);
        test_equal_int(view.holder, HOLDER_UNKNOWN);
        test_equal_int(holders_look(sockets, (ManagedUnits){ .service = &service }, &unknown_home, 2222,
                                    &view),
                       0);
        test_equal_int(view.holder, HOLDER_LINUX);
}

static void test_a_user_is_never_sshd(void) {
        _cleanup_(sockets_freep) Sockets *sockets = enter();

        be("sshd", false);
        (void) netns_listen("0.0.0.0", 2222);
        test_equal_int(look(sockets, &unknown_home, NULL).holder, HOLDER_LINUX);
}

static void test_a_stranger_beside_sshd(void) {
        _cleanup_(sockets_freep) Sockets *sockets = enter();
        PortView view;

        (void) netns_listen("127.0.0.1", 2222);
        be("sshd", false);
        (void) netns_listen("127.0.0.2", 2222);
        view = look(sockets, &unknown_home, NULL);
        test_equal_int(view.holder, HOLDER_LINUX);
        test_equal_int(view.n_sshds, 1);

        /* sshd has the one address that it is to have. */
        view = look(sockets, &one_address, NULL);
        test_equal_int(view.holder, HOLDER_SSHD);
        test_equal_int(view.stranger.pid, 0);
}

static void test_sshd_among_many_strangers(void) {
        _cleanup_(sockets_freep) Sockets *sockets = enter();
        char address[32];
        PortView view;

        (void) netns_listen("127.0.1.1", 2222);
        be("sshd", false);
        for (int i = 1; i <= 2 * PORT_VIEW_LISTENERS_MAX; i++) {
                snprintf(address, sizeof(address), "127.0.0.%d", i);
                (void) netns_listen(address, 2222);
        }
        view = look(sockets, &one_address, NULL);
        test_equal_int(view.holder, HOLDER_SSHD);
        test_equal_int(view.n_sshds, 1);
        test_equal_int(view.n_listeners, PORT_VIEW_LISTENERS_MAX);

        test_equal_int(holders_look_best_effort(sockets, no_units, &unknown_home, 0, NULL, &view), 0);
        test_equal_int(view.n_listeners, 1);
        test_equal_string(view.listeners[0].address, "127.0.1.1");
}

/* An asker without rights can't see whose listener it is. The daemon tells. */
static void test_what_the_daemon_tells(void) {
        _cleanup_(sockets_freep) Sockets *sockets = enter();
        int fd = netns_listen("0.0.0.0", 2222);
        const Status status = { .listeners = { { "0.0.0.0", 2222, HOLDER_SSHD, "ssh.service" } },
                                .n_listeners = 1 };
        int exit_status;
        pid_t asker;

        asker = fork();
        test_assert(asker >= 0);
        if (asker == 0) {
                close(fd);
                if (setresuid(65534, 65534, 65534) < 0)
                        test_skip("it needs root");
                test_equal_int(look(sockets, &unknown_home, NULL).holder, HOLDER_UNKNOWN);
                test_equal_int(look(sockets, &unknown_home, &status).holder, HOLDER_SSHD);
                _exit(EXIT_SUCCESS);
        }
        test_assert(waitpid(asker, &exit_status, 0) == asker);
        test_equal_int(exit_status, 0);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_nobody),
                TEST(test_a_stranger),
                TEST(test_sshd_by_its_name),
                TEST(test_the_daemon_between_two_buses),
                TEST(test_a_user_is_never_sshd),
                TEST(test_a_stranger_beside_sshd),
                TEST(test_sshd_among_many_strangers),
                TEST(test_what_the_daemon_tells),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
