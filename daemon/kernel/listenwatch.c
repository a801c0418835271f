/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/listenwatch.h"

#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "kernel/tracepoint.h"
#include "process/helper.h"

/* One CPU's event. Only with a ring buffer (a page of header, a page of data) does the kernel wake us. The
 * buffer is mapped read-only, which lets the kernel overwrite unread records: it never fills, and nobody
 * needs to read it. */
typedef struct Cpu {
        int fd;
        void *ring;
        sd_event_source *source;
} Cpu;

struct ListenWatch {
        ChangeHandler callback;
        void *userdata;
        bool broken;
        size_t n_cpus;
        Cpu cpus[];
};

static size_t ring_size(void) {
        return 2 * (size_t) sysconf(_SC_PAGESIZE);
}

void listenwatch_free(ListenWatch *watch) {
        if (!watch)
                return;

        for (size_t i = 0; i < watch->n_cpus; i++) {
                Cpu *cpu = &watch->cpus[i];

                sd_event_source_disable_unref(cpu->source);
                if (cpu->ring)
                        munmap(cpu->ring, ring_size());
                close(cpu->fd);
        }
        free(watch);
}

void listenwatch_pause(ListenWatch *watch, bool pause) {
        for (size_t i = 0; i < watch->n_cpus; i++)
                (void) sd_event_source_set_enabled(watch->cpus[i].source,
                                                   pause ? SD_EVENT_OFF : SD_EVENT_ON);
}

bool listenwatch_is_broken(const ListenWatch *watch) {
        return watch->broken;
}

#define UEVENTS 1U /* the group of the kernel's own messages (lib/kobject_uevent.c) */

/* "online@/devices/system/cpu/cpu1" and "offline@/devices/system/cpu/cpu1", by the word "cpu/". */
int listenwatch_open_cpus(Netlink **ret) {
        static struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, sizeof("online@/devices/system/") - 1),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x6370752f, 2, 0),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, sizeof("offline@/devices/system/") - 1),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x6370752f, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
                BPF_STMT(BPF_RET | BPF_K, 0),
        };
        const struct sock_fprog program = { .len = ELEMENTSOF(code), .filter = code };
        _cleanup_(netlink_freep) Netlink *netlink = NULL;
        int r;

        r = netlink_new(&netlink, NETLINK_KOBJECT_UEVENT);
        if (r >= 0 &&
            setsockopt(netlink_get_fd(netlink), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
                r = -errno;
        if (r >= 0)
                r = netlink_join(netlink, UEVENTS);
        if (r >= 0)
                *ret = TAKE_PTR(netlink);
        return r;
}

#define FILTER_SIZE 512 /* more than LISTENWATCH_PORTS_MAX ports take */

static void render_filter(const uint16_t *ports, size_t n_ports, char ret[static FILTER_SIZE]) {
        size_t length;

        /* oldstate alone isn't enough: an accepted session begins as a copy of its listener, and so goes
         * from LISTEN to SYN_RECV. */
        length = (size_t) snprintf(ret, FILTER_SIZE,
                                   "protocol==%d&&(newstate==%d||(oldstate==%d&&newstate==%d))", IPPROTO_TCP,
                                   TCP_LISTEN, TCP_LISTEN, TCP_CLOSE);
        for (size_t i = 0; i < n_ports; i++)
                length += (size_t) snprintf(ret + length, FILTER_SIZE - length, "%ssport==%u%s",
                                            i == 0 ? "&&(" : "||", ports[i], i == n_ports - 1 ? ")" : "");
}

static int on_wakeup(sd_event_source *source, int, uint32_t revents, void *userdata) {
        ListenWatch *watch = userdata;

        /* The poll itself has consumed the wake-up. A hang-up would come again and again. */
        if (revents & (EPOLLHUP | EPOLLERR)) {
                (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
                watch->broken = true;
        }
        watch->callback(watch->userdata);
        return 0;
}

static int add_cpu(ListenWatch *watch, sd_event *event, int event_fd, const char *filter) {
        Cpu *cpu = &watch->cpus[watch->n_cpus++];
        void *ring;
        int r;

        cpu->fd = event_fd;
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
        return ioctl(cpu->fd, PERF_EVENT_IOC_ENABLE, 0) < 0 ? -errno : 0;
}

int listenwatch_new(ListenWatch **ret, sd_event *event, const uint16_t *ports, size_t n_ports,
                    ChangeHandler callback, void *userdata) {
        _cleanup_(listenwatch_freep) ListenWatch *watch = NULL;
        int fds[HELPER_FDS_MAX], n, r; /* one a CPU: WSL has at most 64 */
        char filter[FILTER_SIZE];

        if (n_ports == 0 || n_ports > LISTENWATCH_PORTS_MAX)
                return -EINVAL;
        render_filter(ports, n_ports, filter);

        n = tracepoint_open(fds, ELEMENTSOF(fds));
        if (n <= 0)
                return n < 0 ? n : -ENODEV;

        watch = calloc(1, sizeof(*watch) + (size_t) n * sizeof(watch->cpus[0]));
        r = watch ? 0 : -ENOMEM;
        if (watch) {
                watch->callback = callback;
                watch->userdata = userdata;
        }
        for (int i = 0; i < n; i++)
                if (r < 0)
                        close(fds[i]);
                else
                        r = add_cpu(watch, event, fds[i], filter);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(watch);
        return 0;
}
