/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The machine beneath the filter: it comes and goes, and its trapped calls are read and answered. Reading
 * follows GetCallInfo() in Microsoft's src/linux/init/GnsPortTracker.cpp, the answer Run() in
 * src/linux/init/SecCompDispatcher.cpp, and the filter itself (../guest.c) RegisterSeccompHook() in
 * src/linux/init/main.cpp.
 */

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "tracker.h"

/* ---- the machine comes and goes ---- */

void forget_guest(Tracker *t) {
        kill_tracker(t);
        if (t->guest.diag_fd < 0)
                return;
        t->guest.diag_fd = lab_close(t->guest.diag_fd);
        t->tracked.n = t->binders.n = t->listeners.n = 0;
        t->scan.due_ms = t->observe_due_ms = NEVER;
        t->scan.done = false;
        t->last_verdict = 0;
        memset(t->book.reserved, 0, sizeof(t->book.reserved));
        log_event(t, "guest-gone", "\"port\": 0");
        try_waiting_claims(t);
}

/* From then on each trapped call gives ENOSYS, until the next boot: nobody can get the same filter a second
 * time. */
void kill_tracker(Tracker *t) {
        t->guest.generation++;
        t->guest.filter_fd = lab_close(t->guest.filter_fd);
}

void welcome_guest(Tracker *t) {
        char message[16];
        int fds[LAB_FDS_MAX];
        struct stat status;

        if (lab_receive(t->guest.handshake_fd, message, sizeof(message), fds) > 0 && fds[0] >= 0 &&
            fds[1] >= 0) {
                forget_guest(t);
                t->guest.filter_fd = fds[0];
                fds[0] = -1;
                if (fstat(fds[1], &status) < 0 || setns(fds[1], CLONE_NEWNET) < 0)
                        err(EXIT_FAILURE, "the machine's network namespace");
                t->guest.network = status.st_ino;
                t->guest.diag_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
                if (t->guest.diag_fd < 0 || setns(t->host_network_fd, CLONE_NEWNET) < 0)
                        err(EXIT_FAILURE, "sock_diag");
                /* Microsoft's tracker begins with a scan, and keeps it until there is a port to track. */
                scan_sockets(t);
                t->observe_due_ms = now_ms();
                log_event(t, "guest", "\"port\": 0");
                if (lab_send(t->guest.handshake_fd, "ok", 2, NULL, 0) < 0)
                        forget_guest(t);
        }
        lab_close_all(fds);
        t->guest.handshake_fd = lab_close(t->guest.handshake_fd);
}

/* ---- its calls ---- */

static bool still_valid(const Tracker *t, uint64_t id) {
        return ioctl(t->guest.filter_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* Reads the caller's memory. Fails when it can't be read, or the caller is no longer there. */
static bool read_memory(const Tracker *t, const Call *call, uint64_t from, void *ret, size_t size) {
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/mem", call->pid);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd >= 0 && pread(fd, ret, size, (off_t) from) == (ssize_t) size && still_valid(t, call->id);
}

static void read_command(Call *call) {
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/comm", call->pid);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, call->command, sizeof(call->command) - 1) : 0;
        call->command[n > 0 ? n : 0] = '\0';
        call->command[strcspn(call->command, "\n")] = '\0';
        sanitize(call->command);
}

static void read_cgroup(Call *call) {
        char path[64], line[512];

        snprintf(path, sizeof(path), "/proc/%d/cgroup", call->pid);
        FILE *file = fopen(path, "re");
        if (!file)
                return;
        while (fgets(line, sizeof(line), file))
                if (strncmp(line, "0::", 3) == 0) {
                        line[strcspn(line, "\n")] = '\0';
                        sanitize(line);
                        snprintf(call->cgroup, sizeof(call->cgroup), "%s", line + 3);
                }
        fclose(file);
}

/* Returns false when the arguments can't be read. */
static bool read_call(const Tracker *t, const struct seccomp_notif *notification, Call *ret) {
        const struct seccomp_data *data = &notification->data;
        uint32_t arguments[3] = { (uint32_t) data->args[0], (uint32_t) data->args[1],
                                  (uint32_t) data->args[2] };

        *ret = (Call){ .id = notification->id,
                       .pid = (pid_t) notification->pid,
                       .socket_fd = -1,
                       .address = data->args[1] };
        read_command(ret);
        read_cgroup(ret);
        ret->is_listen = data->nr == SYS_listen;
#if defined(__x86_64__)
        if (data->arch == AUDIT_ARCH_I386) { /* socketcall(call, arguments) */
                ret->is_listen = arguments[0] == 4;
                if (!read_memory(t, ret, (uint32_t) data->args[1], arguments,
                                 ret->is_listen ? 4 : sizeof(arguments)))
                        return false;
                ret->address = arguments[1];
        }
#elif defined(__aarch64__)
        (void) t; /* no call has its arguments in memory here */
        if (data->arch == AUDIT_ARCH_ARM)
                ret->is_listen = data->nr == 284;
#endif
        ret->fd = (int) arguments[0];
        ret->address_size = arguments[2];
        return true;
}

/* Follows GetSocketProtocol(). An MPTCP socket is neither TCP nor UDP: it has its port without Windows
 * having been asked. */
static bool read_protocol(const Call *call, uint8_t *ret) {
        char path[64], name[32];

        snprintf(path, sizeof(path), "/proc/%d/fd/%d", call->pid, call->fd);
        ssize_t n = getxattr(path, "system.sockprotoname", name, sizeof(name) - 1);
        if (n <= 0)
                return false;
        name[n] = '\0';
        if (strcmp(name, "TCP") == 0 || strcmp(name, "TCPv6") == 0)
                *ret = TCP;
        else if (strcmp(name, "UDP") == 0 || strcmp(name, "UDPv6") == 0)
                *ret = UDP;
        else
                return false;
        return true;
}

/* Follows DuplicateSocketFd(). Returns the caller's socket, or -1. */
static int duplicate_socket(const Call *call) {
        _cleanup_close_ int pid_fd = (int) syscall(SYS_pidfd_open, call->pid, O_EXCL /* PIDFD_THREAD */);

        if (pid_fd < 0 && errno == EINVAL) /* Linux before 6.9 */
                pid_fd = (int) syscall(SYS_pidfd_open, call->pid, 0);
        return pid_fd >= 0 ? (int) syscall(SYS_pidfd_getfd, pid_fd, call->fd, 0) : -1;
}

static bool key_of(const struct sockaddr_in6 *address, Key *ret) {
        const struct sockaddr_in *address4 = (const struct sockaddr_in *) address;
        Key key = { .protocol = ret->protocol };

        if (address->sin6_family == AF_INET)
                memcpy(&key.address, &address4->sin_addr, sizeof(address4->sin_addr));
        else if (address->sin6_family == AF_INET6)
                key.address = address->sin6_addr;
        else
                return false;
        key.family = (uint8_t) address->sin6_family;
        key.port = ntohs(address->sin6_port); /* in the same place for both families */
        *ret = key;
        return true;
}

bool read_name(int socket_fd, Key *ret_key) {
        struct sockaddr_in6 address = { 0 };
        socklen_t size = sizeof(address);

        return getsockname(socket_fd, (struct sockaddr *) &address, &size) == 0 && key_of(&address, ret_key);
}

/* The address of a bind() is in the caller's memory. */
static bool read_address(const Tracker *t, const Call *call, Key *ret) {
        struct sockaddr_in6 address = { 0 };
        size_t size = call->address_size < sizeof(address) ? call->address_size : sizeof(address);

        return size >= sizeof(struct sockaddr) && read_memory(t, call, call->address, &address, size) &&
               (address.sin6_family != AF_INET6 || size == sizeof(address)) && key_of(&address, ret);
}

static CallKind classify(const Tracker *t, Call *call, Key *ret) {
        char path[64];
        struct stat status;
        Key key = { 0 };

        snprintf(path, sizeof(path), "/proc/%d/ns/net", call->pid);
        if (stat(path, &status) < 0 || status.st_ino != t->guest.network)
                return CALL_OTHER;
        if (call->is_listen ? !read_protocol(call, &key.protocol) : !read_address(t, call, &key))
                return CALL_OTHER;

        if (call->is_listen || key.port == 0) {
                if (!call->is_listen && !t->switches.port_zero)
                        return CALL_OTHER;
                call->socket_fd = duplicate_socket(call);
                if (call->socket_fd < 0 || (call->is_listen && !read_name(call->socket_fd, &key)))
                        return CALL_OTHER;
        }
        if (!read_protocol(call, &key.protocol) || !still_valid(t, call->id))
                return CALL_OTHER;
        *ret = key;
        return key.port == 0 ? CALL_AUTOBIND : CALL_ADDRESS;
}

bool receive_call(Tracker *t, Call *ret_call, Key *ret_key) {
        struct seccomp_notif notification = { 0 };

        if (ioctl(t->guest.filter_fd, SECCOMP_IOCTL_NOTIF_RECV, &notification) < 0) {
                if (errno == ENOENT || errno == EINTR) /* somebody killed the caller meanwhile */
                        return false;
                err(EXIT_FAILURE, "SECCOMP_IOCTL_NOTIF_RECV");
        }
        ret_call->kind = !read_call(t, &notification, ret_call) ? CALL_OTHER
                         : notification.data.nr == SYS_ioctl    ? CALL_INTERFACE
                                                                : classify(t, ret_call, ret_key);
        return true;
}

void answer_call(Tracker *t, const Call *call, int error) {
        struct seccomp_notif_resp response = {
                .id = call->id,
                .error = error,
                .flags = error == 0 ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0,
        };

        if (ioctl(t->guest.filter_fd, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0 && errno != ENOENT)
                err(EXIT_FAILURE, "SECCOMP_IOCTL_NOTIF_SEND");
}
