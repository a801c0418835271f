/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "facts/watch.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "unit/loop.h"
#include "unit/netns.h"
#include "unit/test.h"

/* The tracepoint covers every network namespace, and so other tests: each case has a port of its own. */
static uint16_t own_port(void) {
        return (uint16_t) (1024 + (unsigned) getpid() % 1900);
}

static void count(void *userdata) {
        ++*(unsigned *) userdata;
}

/* Watches own_port(), and skips the case where there is no tracepoint. */
static Watch *watch(sd_event *event, Sockets *sockets, unsigned *told) {
        uint16_t port = own_port();
        Watch *watch = NULL;

        test_equal_int(watch_new(event, sockets, count, told, &watch), 0);
        test_equal_int(watch_set(watch, &port, 1, false), 1);
        if (watch_fallback_reason(watch) < 0)
                test_skip("the tracepoint: %s", strerrordesc_np(-watch_fallback_reason(watch)));
        test_equal_int(watch_set(watch, &port, 1, false), 0);
        watch_note(watch);
        settle(event);
        return watch;
}

/* The watch is made anew, once, and tells. */
static void check_anew(Watch *watch, sd_event *event, unsigned *told) {
        uint16_t port = own_port();
        int fd;

        test_equal_int(watch_set(watch, &port, 1, false), 1);
        test_equal_int(watch_set(watch, &port, 1, false), 0);
        test_equal_string(watch_kind(watch), "tracepoint");
        watch_note(watch);
        settle(event);
        *told = 0;
        fd = netns_listen("0.0.0.0", port);
        settle(event);
        test_assert(*told > 0);
        close(fd);
}

/* Puts something else in the place of each CPU's ring: to the kernel, the watch's end. */
static void take_rings(void) {
        _cleanup_fclose_ FILE *maps = fopen("/proc/self/maps", "re");
        void *first, *last;
        char line[512];

        while (fgets(line, sizeof(line), maps))
                if (strstr(line, "[perf_event]")) {
                        test_equal_int(sscanf(line, "%p-%p", &first, &last), 2);
                        test_assert(mmap(first, (size_t) ((char *) last - (char *) first), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                                         0) != MAP_FAILED);
                }
}

static void test_hang_up(void) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(sockets_freep) Sockets *sockets = NULL;
        _cleanup_(watch_freep) Watch *w = NULL;
        unsigned told = 0;

        netns_enter_with_tracefs();
        test_equal_int(sd_event_new(&event), 0);
        test_equal_int(sockets_new(&sockets), 0);
        w = watch(event, sockets, &told);

        take_rings();
        settle(event);
        test_assert(told > 0);
        check_anew(w, event, &told);
}

/* The kernel sends for others what is written here. */
static void send_uevent(const char *action) {
        _cleanup_close_ int fd = open("/sys/devices/system/cpu/cpu0/uevent", O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, action, strlen(action)) < 0)
                test_skip("uevents: %s", strerror(errno));
}

static void test_a_cpu_comes(void) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(sockets_freep) Sockets *sockets = NULL;
        _cleanup_(watch_freep) Watch *w = NULL;
        uint16_t port = own_port();
        unsigned told = 0;

        netns_enter_with_tracefs();
        test_equal_int(sd_event_new(&event), 0);
        test_equal_int(sockets_new(&sockets), 0);
        w = watch(event, sockets, &told);

        send_uevent("add");
        test_equal_int(settle(event), 0);
        test_equal_int(watch_set(w, &port, 1, false), 0);
        for (const char *const *action = (const char *const[]){ "online", "offline", NULL }; *action; action++) {
                told = 0;
                send_uevent(*action);
                settle(event);
                test_equal_int(told, 1);
                check_anew(w, event, &told);
        }
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_hang_up),
                TEST(test_a_cpu_comes),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
