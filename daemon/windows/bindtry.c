/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/bindtry.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* A signal can end the wait early on WSL before 2.7.2; a helper gets none, so a few tries are plenty. */
#define EINTR_MAX 8

/* One bind(). The socket is left open in *@ret_fd: closed, it would give the port back. */
static BindAnswer look(int family, const char *address, uint16_t port, int *ret_fd, int *ret_errno) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        bool ipv6 = family == AF_INET6;
        const struct sockaddr *name = ipv6 ? (const struct sockaddr *) &in6 : (const struct sockaddr *) &in;
        socklen_t length = ipv6 ? sizeof(in6) : sizeof(in);
        struct sockaddr_storage bound = { 0 };
        socklen_t bound_length = sizeof(bound);
        int fd, r, on = 1;

        if (inet_pton(family, address, ipv6 ? (void *) &in6.sin6_addr : (void *) &in.sin_addr) != 1) {
                *ret_errno = EINVAL;
                return BIND_FAILED;
        }

        /* The same options as sshd's own (OpenSSH sshd.c, listen_on_addrs). */
        *ret_fd = fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
            (ipv6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)) {
                *ret_errno = errno;
                return BIND_FAILED;
        }

        for (unsigned i = 0; i < EINTR_MAX; i++) {
                r = bind(fd, name, length);
                if (r >= 0 || errno != EINTR)
                        break;
        }

        if (r < 0) {
                if (errno == EADDRINUSE)
                        return BIND_REFUSED_BY_WINDOWS;
                if (errno == ENOSYS)
                        return BIND_TRACKER_DEAD;
                *ret_errno = errno;
                return BIND_FAILED;
        }

        /* In consomme mode a refusal is a positive number, and the socket is left unbound: believe only what
         * the kernel says of the socket. */
        if (r > 0 || getsockname(fd, (struct sockaddr *) &bound, &bound_length) < 0 ||
            (ipv6 ? ((struct sockaddr_in6 *) &bound)->sin6_port
                  /* NOLINTNEXTLINE(core.UndefinedBinaryOperatorResult): each byte is set, at least to 0 */
                  : ((struct sockaddr_in *) &bound)->sin_port) != htons(port))
                return BIND_REFUSED_BY_WINDOWS;

        return BIND_FREE;
}

#define LOOKS_MAX 4

/* Some releases of WSL (2.6.3 to 2.8.4) can deliver a verdict one call late, so that neither a refusal nor a
 * grant is proof by itself. What is said twice in a row is the answer to this port. */
static BindAnswer look_until_sure(int family, const char *address, uint16_t port, int *ret_errno) {
        BindAnswer answer = BIND_NOT_ASKED, before;
        int fds[LOOKS_MAX], n = 0;

        do {
                before = answer;
                fds[n] = -1;
                answer = look(family, address, port, &fds[n], ret_errno);
                n++;
        } while (answer != before && n < LOOKS_MAX);

        while (n > 0)
                closep(&fds[--n]);
        if (answer != BIND_FAILED)
                *ret_errno = 0;
        return answer;
}

BindAnswer bindtry(uint16_t port, bool ipv6, int *ret_errno) {
        BindAnswer answer;

        *ret_errno = 0;
        answer = look_until_sure(ipv6 ? AF_INET6 : AF_INET, ipv6 ? "::" : "0.0.0.0", port, ret_errno);
        if (answer != BIND_REFUSED_BY_WINDOWS)
                return answer;

        /* Windows isn't asked about 127.0.0.2, so a refusal there is the kernel's own: a socket on every
         * address. (microsoft/WSL, GnsPortTracker.cpp) */
        if (look_until_sure(AF_INET, "127.0.0.2", port, ret_errno) == BIND_REFUSED_BY_WINDOWS)
                return BIND_REFUSED_BY_LINUX;

        return BIND_REFUSED_BY_WINDOWS;
}
