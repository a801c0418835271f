/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "listenwatch.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* One CPU's event. Its ring buffer (a page of header, one of data) is what makes the kernel wake us. It is
 * mapped read-only, which lets the kernel overwrite what nobody has read: it never fills, and needs no
 * reading. */
typedef struct Cpu {
        int fd;
        void *ring;
        sd_event_source *source;
} Cpu;

struct ListenWatch {
        ListenWatchCallback callback;
        void *userdata;
        size_t n_cpus;
        Cpu cpus[];
};

static size_t ring_size(void) {
        return 2 * (size_t) sysconf(_SC_PAGESIZE);
}

ListenWatch *listenwatch_free(ListenWatch *watch) {
        if (!watch)
                return NULL;

        for (size_t i = 0; i < watch->n_cpus; i++) {
                Cpu *cpu = &watch->cpus[i];

                sd_event_source_disable_unref(cpu->source);
                if (cpu->ring)
                        munmap(cpu->ring, ring_size());
                close(cpu->fd);
        }
        free(watch);
        return NULL;
}

static int read_tracepoint_id(uint64_t *ret) {
        static const char *const paths[] = {
                "/sys/kernel/tracing/events/sock/inet_sock_set_state/id",
                "/sys/kernel/debug/tracing/events/sock/inet_sock_set_state/id",
        };
        int error = -ENOENT;

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_close_ int fd = -1;
                char text[32], *end;
                unsigned long long id;
                ssize_t n;

                fd = open(paths[i], O_RDONLY | O_CLOEXEC);
                if (fd < 0) {
                        if (errno != ENOENT)
                                error = -errno;
                        continue;
                }

                n = read(fd, text, sizeof(text) - 1);
                if (n < 0)
                        return -errno;
                text[n] = '\0';

                id = strtoull(text, &end, 10);
                if (end == text || id == 0 || id == ULLONG_MAX)
                        return -EBADMSG;

                *ret = id;
                return 0;
        }

        return error;
}

static int render_filter(const uint16_t *ports, size_t n_ports, char *buffer, size_t size) {
        int length;

        /* Not oldstate alone: an accepted session begins as a copy of its listener, and so with LISTEN to
         * SYN_RECV. */
        length = snprintf(buffer, size, "protocol==%d&&(newstate==%d||(oldstate==%d&&newstate==%d))&&(",
                          IPPROTO_TCP, TCP_LISTEN, TCP_LISTEN, TCP_CLOSE);
        for (size_t i = 0; i < n_ports; i++) {
                if (length < 0 || (size_t) length >= size)
                        return -ENOSPC;
                length += snprintf(buffer + length, size - (size_t) length, "%ssport==%u", i > 0 ? "||" : "",
                                   ports[i]);
        }
        if (length < 0 || (size_t) length + 1 >= size)
                return -ENOSPC;

        strcpy(buffer + length, ")");
        return 0;
}

static int on_wakeup(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        ListenWatch *watch = userdata;

        (void) fd;

        /* Polling it has taken the wake-up back. A hang-up would come again and again. */
        if (revents & (EPOLLHUP | EPOLLERR))
                (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);

        watch->callback(watch->userdata);
        return 0;
}

/* 1, or 0 for a CPU that is offline. */
static int add_cpu(ListenWatch *watch, sd_event *event, int number, uint64_t tracepoint,
                   const char *filter) {
        struct perf_event_attr attributes = {
                .type = PERF_TYPE_TRACEPOINT,
                .size = sizeof(attributes),
                .config = tracepoint,
                .sample_period = 1,
                .wakeup_events = 1,
                .disabled = 1,
        };
        Cpu *cpu = &watch->cpus[watch->n_cpus];
        void *ring;
        int r;

        cpu->fd = (int) syscall(SYS_perf_event_open, &attributes, -1, number, -1, PERF_FLAG_FD_CLOEXEC);
        if (cpu->fd < 0)
                return errno == ENODEV ? 0 : -errno;
        watch->n_cpus++;

        ring = mmap(NULL, ring_size(), PROT_READ, MAP_SHARED, cpu->fd, 0);
        if (ring == MAP_FAILED)
                return -errno;
        cpu->ring = ring;

        if (ioctl(cpu->fd, PERF_EVENT_IOC_SET_FILTER, filter) < 0)
                return -errno;

        r = sd_event_add_io(event, &cpu->source, cpu->fd, EPOLLIN, on_wakeup, watch);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(cpu->source, "listenwatch");

        if (ioctl(cpu->fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
                return -errno;
        return 1;
}

int listenwatch_new(ListenWatch **ret, sd_event *event, const uint16_t *ports, size_t n_ports,
                    ListenWatchCallback callback, void *userdata) {
        _cleanup_(listenwatch_freep) ListenWatch *watch = NULL;
        long n_cpus = sysconf(_SC_NPROCESSORS_CONF);
        uint64_t tracepoint = 0;
        char filter[512];
        int r;

        if (n_ports == 0 || n_ports > LISTENWATCH_PORTS_MAX)
                return -EINVAL;
        if (n_cpus <= 0)
                return -ENODEV;

        r = read_tracepoint_id(&tracepoint);
        if (r < 0)
                return r;
        r = render_filter(ports, n_ports, filter, sizeof(filter));
        if (r < 0)
                return r;

        watch = calloc(1, sizeof(*watch) + (size_t) n_cpus * sizeof(watch->cpus[0]));
        if (!watch)
                return -ENOMEM;
        watch->callback = callback;
        watch->userdata = userdata;

        for (int i = 0; i < n_cpus; i++) {
                r = add_cpu(watch, event, i, tracepoint, filter);
                if (r < 0)
                        return r;
        }
        if (watch->n_cpus == 0)
                return -ENODEV;

        *ret = TAKE_PTR(watch);
        return 0;
}
