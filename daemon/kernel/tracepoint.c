/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/tracepoint.h"

#include <limits.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>

#include "base/fs.h"
#include "process/helper.h"

/* The daemon's loop waits for it. */
#define PATIENCE (300 * USEC_PER_MSEC)

static int read_id(uint64_t *ret) {
        char text[32], *end;
        ssize_t n = fs_read("/sys/kernel/tracing/events/sock/inet_sock_set_state/id", text, sizeof(text));

        if (n < 0)
                return (int) n;
        *ret = strtoull(text, &end, 10);
        return end == text || *ret == 0 || *ret == ULLONG_MAX ? -EBADMSG : 0;
}

/* One event for each CPU that is online. */
static int open_here(int ret_fds[], size_t n_fds) {
        struct perf_event_attr attributes = {
                .type = PERF_TYPE_TRACEPOINT,
                .size = sizeof(attributes),
                .sample_period = 1,
                .wakeup_events = 1,
                .disabled = 1,
        };
        long n_cpus = sysconf(_SC_NPROCESSORS_CONF);
        uint64_t id = 0;
        size_t n = 0;
        int r;

        r = read_id(&id);
        attributes.config = id;
        for (int i = 0; r >= 0 && i < n_cpus; i++) {
                int fd = (int) syscall(SYS_perf_event_open, &attributes, -1, i, -1, PERF_FLAG_FD_CLOEXEC);

                if (fd >= 0 && n < n_fds)
                        ret_fds[n++] = fd;
                else if (fd >= 0) {
                        close(fd);
                        r = -E2BIG;
                } else if (errno != ENODEV) /* that CPU is offline */
                        r = -errno;
        }

        while (r < 0 && n > 0)
                close(ret_fds[--n]);
        return r < 0 ? r : (int) n;
}

int tracepoint_open(int ret_fds[], size_t n_fds) {
        int n, r = 0;

        if (!helper_is_there())
                return open_here(ret_fds, n_fds);

        n = helper_ask(&(HelperRequest){ .task = HELPER_TRACE }, clock_usec(CLOCK_MONOTONIC) + PATIENCE, &r,
                       sizeof(r), ret_fds, n_fds);
        return n < 0 ? n : r < 0 ? r : n;
}
