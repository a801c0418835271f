/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/listenwatch.h"
#include "unit/loop.h"
#include "unit/netns.h"
#include "unit/test.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* The tracepoint covers every network namespace, and so other tests: each case uses 32 ports of its own. */
static uint16_t own_port(unsigned i) {
        return (uint16_t) (3000 + (unsigned) getpid() % 1900 * 32 + i % 32);
}

static void count(void *userdata) {
        ++*(unsigned *) userdata;
}

static ListenWatch *watch(sd_event *event, const uint16_t *ports, size_t n_ports, unsigned *told) {
        ListenWatch *watch = NULL;
        int r;

        r = listenwatch_new(&watch, event, ports, n_ports, count, told);
        if (r == -EPERM || r == -EACCES)
                test_skip("perf_event_open: %s", strerror(-r));
        if (r == -ENOSYS)
                test_skip_emulated("perf_event_open()");
        test_equal_int(r, 0);
        return watch;
}

static void test_tells(void) {
        const uint16_t ports[] = { own_port(0), own_port(1) };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(listenwatch_freep) ListenWatch *listenwatch = NULL;
        unsigned told = 0, before;
        int fd;

        netns_enter_with_tracefs();
        test_equal_int(sd_event_new(&event), 0);
        listenwatch = watch(event, ports, ELEMENTSOF(ports), &told);
        test_equal_int(settle(event), 0);

        for (size_t i = 0; i < ELEMENTSOF(ports); i++) {
                before = told;
                fd = netns_bind(i == 0 ? "0.0.0.0" : "::", ports[i], false, IPPROTO_TCP);
                test_equal_int(settle(event), 0);
                test_assert(listen(fd, 1) == 0);
                settle(event);
                test_equal_int(told, before + 1);
                close(fd);
                settle(event);
                test_equal_int(told, before + 2);
                test_equal_int(settle(event), 0); /* no event comes twice */
        }
}

/* A ring holds some 500 events, which nobody reads; the wake-ups go on all the same. */
static void test_never_fills(void) {
        const uint16_t ports[] = { own_port(0) };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(listenwatch_freep) ListenWatch *listenwatch = NULL;
        unsigned told = 0;

        netns_enter_with_tracefs();
        test_equal_int(sd_event_new(&event), 0);
        listenwatch = watch(event, ports, 1, &told);

        for (unsigned i = 0; i < 5000; i++)
                close(netns_listen("0.0.0.0", ports[0]));
        settle(event);
        printf("# 10000 changes at once: told %u times\n", told);
        test_assert(told >= 1 && told <= (unsigned) sysconf(_SC_NPROCESSORS_CONF));

        for (unsigned i = 0; i < 5; i++) {
                told = 0;
                close(netns_listen("0.0.0.0", ports[0]));
                settle(event);
                test_assert(told >= 1);
        }
}

static void test_nothing_is_told_during_a_pause(void) {
        const uint16_t ports[] = { own_port(0) };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(listenwatch_freep) ListenWatch *listenwatch = NULL;
        unsigned told = 0;

        netns_enter_with_tracefs();
        test_equal_int(sd_event_new(&event), 0);
        listenwatch = watch(event, ports, 1, &told);
        listenwatch_pause(listenwatch, true);
        for (unsigned rounds = 0; rounds < 3000; rounds++) {
                close(netns_listen("0.0.0.0", ports[0]));
                test_assert(sd_event_run(event, 0) >= 0);
        }
        test_equal_int(told, 0);

        listenwatch_pause(listenwatch, false);
        settle(event);
        told = 0;
        close(netns_listen("0.0.0.0", ports[0]));
        settle(event);
        test_assert(told >= 1);
}

static void test_quiet_for_others(void) {
        const uint16_t ports[] = { own_port(0) };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(listenwatch_freep) ListenWatch *listenwatch = NULL;
        unsigned told = 0;
        int listener, fd;

        netns_enter_with_tracefs();
        test_equal_int(sd_event_new(&event), 0);
        listener = netns_listen("127.0.0.1", ports[0]);
        listenwatch = watch(event, ports, 1, &told);

        for (unsigned i = 0; i < 1000; i++)
                close(netns_listen("0.0.0.0", own_port(1 + i % 31)));
        test_equal_int(settle(event), 0);

        /* Sessions of the watched port change their states, too, which must not wake us. */
        for (unsigned i = 0; i < 50; i++) {
                int client = netns_connect("127.0.0.1", ports[0]), server = netns_accept(listener);

                close(client);
                close(server);
        }
        test_equal_int(settle(event), 0);
        test_equal_int(told, 0);

        fd = netns_bind("127.0.0.2", ports[0], false, IPPROTO_MPTCP);
        test_assert(listen(fd, 1) == 0);
        settle(event);
        test_equal_int(told, 1); /* the tracepoint sees its TCP subflow */
}

static void test_sixteen_ports(void) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(listenwatch_freep) ListenWatch *listenwatch = NULL;
        uint16_t ports[LISTENWATCH_PORTS_MAX + 1];
        unsigned told = 0;

        for (size_t i = 0; i < ELEMENTSOF(ports); i++)
                ports[i] = own_port((unsigned) i);

        netns_enter_with_tracefs();
        test_equal_int(sd_event_new(&event), 0);
        test_equal_int(listenwatch_new(&listenwatch, event, ports, 0, count, &told), -EINVAL);
        test_equal_int(listenwatch_new(&listenwatch, event, ports, ELEMENTSOF(ports), count, &told),
                       -EINVAL);
        listenwatch = watch(event, ports, LISTENWATCH_PORTS_MAX, &told);

        for (size_t i = 0; i < LISTENWATCH_PORTS_MAX; i++) {
                told = 0;
                close(netns_listen("0.0.0.0", ports[i]));
                settle(event);
                test_assert(told >= 1);
        }
        told = 0;
        close(netns_listen("0.0.0.0", ports[LISTENWATCH_PORTS_MAX]));
        test_equal_int(settle(event), 0);
}

static void test_without_tracefs(void) {
        static const uint16_t ports[] = { 22 };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(listenwatch_freep) ListenWatch *listenwatch = NULL;

        netns_private_mounts();
        test_assert(mount("none", "/sys", "tmpfs", 0, NULL) == 0);
        test_equal_int(sd_event_new(&event), 0);
        test_equal_int(listenwatch_new(&listenwatch, event, ports, 1, count, NULL), -ENOENT);
        test_assert(!listenwatch);
}

static void test_no_privilege(void) {
        static const uint16_t ports[] = { 22 };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(listenwatch_freep) ListenWatch *listenwatch = NULL;
        int r;

        netns_enter_with_tracefs();
        test_equal_int(sd_event_new(&event), 0);
        test_assert(setuid(65534) == 0);
        r = listenwatch_new(&listenwatch, event, ports, 1, count, NULL);
        test_assert(r == -EACCES || r == -EPERM);
        test_assert(!listenwatch);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_tells),
                TEST(test_never_fills),
                TEST(test_nothing_is_told_during_a_pause),
                TEST(test_quiet_for_others),
                TEST(test_sixteen_ports),
                TEST(test_without_tracefs),
                TEST(test_no_privilege),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
