/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/un.h>

#include "facts/holders.h"
#include "process/helper.h"
#include "unit/netns.h"
#include "unit/test.h"

/* As on a little-endian machine. */
#define IPV4(a, b, c, d) (((uint32_t) (d) << 24 | (c) << 16 | (b) << 8 | (a)))

static const ManagedUnits no_units = { 0 };
static const UnitState service = { .id = "ssh.service" };
static const Endpoints unknown = { 0 };
static const Endpoints one_address = { .items = { { .address.in = { IPV4(127, 0, 0, 1) }, .port = 2222 } },
                                       .n = 1 },
                       other_address = { .items = { { .address.in = { IPV4(127, 0, 1, 1) }, .port = 2222 } },
                                         .n = 1 },
                       any_address = { .items = { { .port = 2222 } }, .n = 1 };

/* Who makes the listeners: root, by this process, or a user. */
static void be(const char *name, bool root) {
        test_assert(prctl(PR_SET_NAME, name) == 0);
        setfsuid(root ? 0 : 1);
}

static usec_t now(void) {
        return clock_usec(CLOCK_MONOTONIC);
}

static Sockets *enter(void) {
        Sockets *sockets;

        netns_enter();
        test_assert(unsetenv("WSLPORTD_HELPER") == 0);
        test_equal_int(sockets_new(&sockets), 0);
        return sockets;
}

static PortView look(Sockets *sockets, const Endpoints *expected, const Status *status) {
        PortView view;

        test_equal_int(holders_look_best_effort(sockets, no_units, expected, 2222, status, &view), 0);
        return view;
}

static void test_nobody(void) {
        _cleanup_(sockets_freep) Sockets *sockets = enter();
        PortView view = look(sockets, &unknown, NULL);

        test_equal_int(view.holder, HOLDER_NONE);
        test_equal_int(view.n_listeners, 0);
}

static void test_a_stranger(void) {
        _cleanup_(sockets_freep) Sockets *sockets = enter();
        PortView view;

        (void) netns_listen("0.0.0.0", 2222);
        be("nginx", true);
        view = look(sockets, &unknown, NULL);
        test_equal_int(view.holder, HOLDER_LINUX);
        test_equal_int(view.stranger.pid, getpid());
        test_equal_string(view.stranger.comm, "nginx");
        test_equal_int(view.actual.n, 0);
        test_equal_int(view.n_listeners, 1);
        test_equal_string(view.listeners[0].address, "0.0.0.0");
}

static void test_sshd_by_its_name(void) {
        _cleanup_(sockets_freep) Sockets *sockets = enter();
        PortView view;

        (void) netns_listen("127.0.0.1", 2222);
        be("sshd", true);
        view = look(sockets, &unknown, NULL);
        test_equal_int(view.holder, HOLDER_SSHD);
        test_assert(view.actual.n == 1 && view.loopback_only);
        test_assert(port_view_is_complete(&view, &one_address));
        test_assert(!port_view_is_complete(&view, &any_address));

        (void) netns_listen("::", 2222);
        view = look(sockets, &unknown, NULL);
        test_equal_int(view.actual.n, 2);
        test_assert(!view.loopback_only);
        test_assert(port_view_is_complete(&view, &one_address));
        test_assert(!port_view_is_complete(&view, &any_address));
}

/* The daemon doesn't go by a name: systemd is asked. */
static void test_the_daemon_between_two_buses(void) {
        _cleanup_(sockets_freep) Sockets *sockets = enter();
        PortView view;

        (void) netns_listen("0.0.0.0", 2222);
        be("sshd", true);
        test_equal_int(holders_look(sockets, no_units, &unknown, 2222, now(), &view), 0);
        test_equal_int(view.holder, HOLDER_UNKNOWN);
        test_equal_int(holders_look(sockets, (ManagedUnits){ .service = &service }, &unknown, 2222,
                                    now(), &view),
                       0);
        test_equal_int(view.holder, HOLDER_LINUX);
}

static void test_a_user_is_never_sshd(void) {
        _cleanup_(sockets_freep) Sockets *sockets = enter();

        be("sshd", false);
        (void) netns_listen("0.0.0.0", 2222);
        test_equal_int(look(sockets, &unknown, NULL).holder, HOLDER_LINUX);
}

static void test_a_stranger_beside_sshd(void) {
        _cleanup_(sockets_freep) Sockets *sockets = enter();
        PortView view;

        (void) netns_listen("127.0.0.1", 2222);
        be("sshd", false);
        (void) netns_listen("127.0.0.2", 2222);
        view = look(sockets, &unknown, NULL);
        test_equal_int(view.holder, HOLDER_LINUX);
        test_equal_int(view.actual.n, 1);

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
        view = look(sockets, &other_address, NULL);
        test_equal_int(view.holder, HOLDER_SSHD);
        test_equal_int(view.actual.n, 1);
        test_equal_int(view.n_listeners, PORT_VIEW_LISTENERS_MAX);

        test_equal_int(holders_look_best_effort(sockets, no_units, &unknown, 0, NULL, &view), 0);
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
                test_equal_int(look(sockets, &unknown, NULL).holder, HOLDER_UNKNOWN);
                test_equal_int(look(sockets, &unknown, &status).holder, HOLDER_SSHD);
                _exit(EXIT_SUCCESS);
        }
        test_assert(waitpid(asker, &exit_status, 0) == asker);
        test_equal_int(exit_status, 0);
}

/* A helper's socket, on which nobody answers. Returns its descriptor. */
static int open_helper(struct sockaddr_un *name) {
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        *name = (struct sockaddr_un){ .sun_family = AF_UNIX, .sun_path = "/tmp/test-holders-XXXXXX" };
        test_assert(mkdtemp(name->sun_path));
        strcat(name->sun_path, "/silent");
        test_assert(bind(fd, (struct sockaddr *) name, sizeof(*name)) == 0 && listen(fd, 8) == 0);
        test_assert(setenv("WSLPORTD_HELPER", name->sun_path, 1) == 0);
        return fd;
}

static void close_helper(struct sockaddr_un *name) {
        (void) unlink(name->sun_path);
        *strrchr(name->sun_path, '/') = '\0';
        (void) rmdir(name->sun_path);
}

/* A helper that doesn't answer in time, as where a user has very many processes. */
static void test_nobody_finds_a_users_listener(void) {
        _cleanup_(sockets_freep) Sockets *sockets = enter();
        struct sockaddr_un name;
        PortView view;

        (void) open_helper(&name);
        be("nginx", false);
        (void) netns_listen("127.0.0.9", 2222);
        be("nginx", true);
        test_equal_int(holders_look(sockets, (ManagedUnits){ .service = &service }, &one_address, 2222, now(), &view), 0);
        test_equal_int(view.holder, HOLDER_NONE); /* it is beside sshd's address */
        test_equal_int(holders_look(sockets, (ManagedUnits){ .service = &service }, &any_address, 2222, now(), &view), 0);
        test_equal_int(view.holder, HOLDER_LINUX);

        (void) netns_listen("127.0.0.1", 2222);
        test_equal_int(holders_look(sockets, (ManagedUnits){ .service = &service }, &one_address, 2222, now(), &view),
                       -EAGAIN);
        close_helper(&name);
}

/* Each answer comes in time, and all of them together don't. */
static void test_a_slow_helper_and_many_listeners(void) {
        enum { ANSWER_MSEC = 100, LISTENERS = 2 * HOLDERS_PATIENCE_IN_ALL / USEC_PER_MSEC / ANSWER_MSEC };
        _cleanup_(sockets_freep) Sockets *sockets = enter();
        const SocketOwnerAnswer answer = { .owner = { .result = OWNER_FOUND, .pid = 2, .comm = "nginx" } };
        struct sockaddr_un name;
        HelperRequest request;
        char address[32];
        PortView view;
        pid_t helper;
        int fd;

        fd = open_helper(&name);
        helper = fork();
        test_assert(helper > 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
        while (helper == 0) { /* NOLINT(bugprone-infinite-loop): until its parent dies */
                int asker = accept(fd, NULL, NULL);

                (void) recv(asker, &request, sizeof(request), 0);
                (void) poll(NULL, 0, ANSWER_MSEC);
                (void) send(asker, &answer, sizeof(answer), MSG_NOSIGNAL);
                close(asker);
        }
        (void) netns_listen("127.0.0.1", 2222);
        test_equal_int(holders_look(sockets, (ManagedUnits){ .service = &service }, &one_address, 2222, now(), &view), 0);
        for (int i = 2; i <= LISTENERS; i++) {
                snprintf(address, sizeof(address), "127.0.0.%d", i);
                (void) netns_listen(address, 2222);
        }
        test_equal_int(holders_look(sockets, (ManagedUnits){ .service = &service }, &one_address, 2222, now(), &view),
                       -EAGAIN);
        (void) kill(helper, SIGKILL);
        close_helper(&name);
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
                TEST(test_nobody_finds_a_users_listener),
                TEST(test_a_slow_helper_and_many_listeners),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
