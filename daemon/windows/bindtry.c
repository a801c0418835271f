/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/bindprobe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

typedef union SocketAddress {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
} SocketAddress;

/* Calls bind() once, with :: or with @ipv4 (network order). Leaves the socket open in *@ret_fd: closing
 * it would give the port back. BIND_REFUSED_BY_WINDOWS may be the kernel's own refusal, which looks the
 * same. */
static BindAnswer look(bool ipv6, in_addr_t ipv4, uint16_t port, int *ret_fd, int *ret_errno) {
        SocketAddress name = { 0 }, bound = { 0 };
        socklen_t length = ipv6 ? sizeof(name.in6) : sizeof(name.in), bound_length = sizeof(bound);
        int fd, r, on = 1;

        if (ipv6)
                name.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
        else
                name.in = (struct sockaddr_in){ .sin_family = AF_INET,
                                                .sin_port = htons(port),
                                                .sin_addr = { ipv4 } };

        /* sshd sets the same options (OpenSSH sshd.c, listen_on_addrs). */
        *ret_fd = fd = socket(name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
            (ipv6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)) {
                *ret_errno = errno;
                return BIND_FAILED;
        }

        /* Before WSL 2.7.2 a signal could end bind()'s wait. */
        r = (int) TEMP_FAILURE_RETRY(bind(fd, &name.any, length));
        if (r < 0) {
                if (errno == EADDRINUSE)
                        return BIND_REFUSED_BY_WINDOWS;
                if (errno == ENOSYS)
                        return BIND_TRACKER_DEAD;
                *ret_errno = errno;
                return BIND_FAILED;
        }

        /* In consomme mode bind() returns a positive number for a refusal, and the socket stays unbound:
         * only the kernel's own word about the socket counts. */
        if (r > 0 || getsockname(fd, &bound.any, &bound_length) < 0 ||
            /* NOLINTNEXTLINE(core.UndefinedBinaryOperatorResult): each byte is set, at least to 0 */
            (ipv6 ? bound.in6.sin6_port : bound.in.sin_port) != htons(port))
                return BIND_REFUSED_BY_WINDOWS;

        return BIND_FREE;
}

#define LOOKS_MAX 4

/* WSL 2.6.3 to 2.8.4 can deliver a verdict one call late, so that one refusal proves nothing, nor does one
 * grant. The answer to this port is the verdict that comes twice in a row. */
static BindAnswer look_until_sure(bool ipv6, in_addr_t ipv4, uint16_t port, int *ret_errno) {
        BindAnswer answer = BIND_NOT_ASKED, before;
        int fds[LOOKS_MAX], n = 0;

        do {
                before = answer;
                fds[n] = -1;
                answer = look(ipv6, ipv4, port, &fds[n], ret_errno);
                n++;
        } while (answer != before && n < LOOKS_MAX);

        while (n > 0)
                closep(&fds[--n]);
        if (answer != BIND_FAILED)
                *ret_errno = 0;
        return answer;
}

BindAnswer bindtry(const char *address, uint16_t port, int *ret_errno) {
        struct in_addr ipv4 = { htonl(INADDR_ANY) };
        bool ipv6 = streq(address, "::");
        BindAnswer answer;

        *ret_errno = ipv6 || inet_pton(AF_INET, address, &ipv4) == 1 ? 0 : EINVAL;
        answer = *ret_errno == 0 ? look_until_sure(ipv6, ipv4.s_addr, port, ret_errno) : BIND_FAILED;
        if (answer != BIND_REFUSED_BY_WINDOWS)
                return answer;

        /* Windows isn't asked about 127.0.0.2: a refusal of that address is the kernel's own, for a socket
         * on every address. (microsoft/WSL, GnsPortTracker.cpp) */
        return look_until_sure(false, htonl(INADDR_LOOPBACK + 1), port, ret_errno) == BIND_REFUSED_BY_WINDOWS
                               ? BIND_REFUSED_BY_LINUX
                               : BIND_REFUSED_BY_WINDOWS;
}
