/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/greet.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

static bool wait_for(int fd, short events, usec_t until) {
        struct pollfd wait = { .fd = fd, .events = events };
        usec_t t = clock_usec(CLOCK_MONOTONIC);

        return t < until && poll(&wait, 1, (int) ((until - t + USEC_PER_MSEC - 1) / USEC_PER_MSEC)) > 0;
}

Greet greet(uint16_t port, usec_t timeout, char ret[static BANNER_SIZE_MAX], size_t *ret_size) {
        struct sockaddr_in to = {
                .sin_family = AF_INET,
                .sin_port = htons(port),
                .sin_addr = { htonl(INADDR_LOOPBACK) },
        };
        usec_t until = clock_usec(CLOCK_MONOTONIC) + timeout;
        _cleanup_close_ int fd = -1;
        socklen_t length = sizeof(int);
        size_t size = 0;
        int error = 0;
        Banner banner;

        *ret_size = 0;
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return GREET_UNKNOWN;

        if (connect(fd, (struct sockaddr *) &to, sizeof(to)) < 0) {
                error = errno;
                if (error == EINPROGRESS && (!wait_for(fd, POLLOUT, until) ||
                                             getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0))
                        return GREET_UNKNOWN;
        }
        if (error != 0)
                return error == ECONNREFUSED ? GREET_REFUSED : GREET_UNKNOWN;

        while (size < BANNER_SIZE_MAX && banner_parse(ret, size, &banner) == 0 && wait_for(fd, POLLIN, until)) {
                ssize_t n = read(fd, ret + size, BANNER_SIZE_MAX - size);

                if (n < 0 && (errno == EINTR || errno == EAGAIN))
                        continue;
                if (n <= 0)
                        break;
                size += (size_t) n;
        }
        *ret_size = size;
        return GREET_HEARD;
}
