/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "unit/test.h"

/* Enters a network namespace of the test case's own, with lo up. Skips the case where that isn't allowed.
 * The namespace ends with the case's process. */
static inline void netns_enter(void) {
        struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
        _cleanup_close_ int fd = -1;

        if (unshare(CLONE_NEWNET) < 0)
                test_skip("unshare(CLONE_NEWNET): %s", strerror(errno));

        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        test_assert(fd >= 0);
        test_assert(ioctl(fd, SIOCSIFFLAGS, &request) == 0);
}

/* From now on only this test case sees its mounts. */
static inline void netns_private_mounts(void) {
        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0)
                test_skip("unshare(CLONE_NEWNS): %s", strerror(errno));
}

/* Runs @body as PID 1 of a PID namespace with a /proc of its own, as another WSL distro has. Fails or skips
 * if @body does. This process stays where it is. */
static inline void netns_run_distro(void (*body)(const void *data), const void *data) {
        pid_t pid;
        int status;

        fflush(stdout);
        pid = (pid_t) syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
        if (pid < 0)
                test_skip("clone(CLONE_NEWPID): %s", strerror(errno));
        if (pid == 0) {
                netns_private_mounts();
                test_assert(mount("proc", "/proc", "proc", 0, NULL) == 0);
                body(data);
                fflush(stdout);
                _exit(EXIT_SUCCESS);
        }

        test_assert(waitpid(pid, &status, 0) == pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
                _exit(WEXITSTATUS(status));
        test_equal_int(status, 0);
}

/* Runs a shell command, which must succeed. */
static inline void netns_run(const char *command) {
        int status = system(command);

        if (status != 0)
                test_fail("status %d: %s", status, command);
}

/* Runs ip(8), which must succeed. Skips the case where it isn't installed. */
static inline void netns_ip(const char *arguments) {
        char command[256];

        if (system("ip -V >/dev/null 2>&1") != 0)
                test_skip("there is no ip(8)");

        snprintf(command, sizeof(command), "ip %s >/dev/null", arguments);
        netns_run(command);
}

/* Parses an address, IPv4 or IPv6. Returns the size of @ret's address. */
static inline socklen_t netns_address(const char *text, uint16_t port, struct sockaddr_storage *ret) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) ret;
        struct sockaddr_in *in = (struct sockaddr_in *) ret;

        memset(ret, 0, sizeof(*ret));
        if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
                in->sin_family = AF_INET;
                in->sin_port = htons(port);
                return sizeof(*in);
        }

        test_assert(inet_pton(AF_INET6, text, &in6->sin6_addr) == 1);
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        return sizeof(*in6);
}

/* Returns a bound TCP or MPTCP socket, which the caller closes. */
static inline int netns_bind(const char *address, uint16_t port, bool v6only, int protocol) {
        struct sockaddr_storage storage;
        socklen_t length = netns_address(address, port, &storage);
        int fd, yes = 1, only = v6only;

        fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, protocol);
        if (fd < 0)
                test_skip("socket(%d): %s", protocol, strerror(errno));
        test_assert(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0);
        if (storage.ss_family == AF_INET6)
                test_assert(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) == 0);
        test_assert(bind(fd, (struct sockaddr *) &storage, length) == 0);
        return fd;
}

static inline int netns_listen(const char *address, uint16_t port) {
        int fd = netns_bind(address, port, true, IPPROTO_TCP);

        test_assert(listen(fd, 64) == 0);
        return fd;
}

static inline int netns_connect(const char *address, uint16_t port) {
        struct sockaddr_storage storage;
        socklen_t length = netns_address(address, port, &storage);
        int fd;

        fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        test_assert(fd >= 0);
        test_assert(connect(fd, (struct sockaddr *) &storage, length) == 0);
        return fd;
}

static inline int netns_accept(int listener) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        test_assert(fd >= 0);
        return fd;
}

/* As netns_enter(), with a tracefs in a mount namespace of this process. The daemon never mounts one. */
static inline void netns_enter_with_tracefs(void) {
        netns_enter();
        netns_private_mounts();
        if (access("/sys/kernel/tracing/events", F_OK) < 0 &&
            mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL) < 0)
                test_skip("tracefs: %s", strerror(errno));
}
