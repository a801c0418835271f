/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/greeting.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#define LINE_LENGTH_MAX 255

void greeting_copy(const char *from, size_t length, char to[static GREETING_SOFTWARE_SIZE]) {
        size_t n = 0;

        for (size_t i = 0; i < length && n < GREETING_SOFTWARE_SIZE - 1; i++)
                if (from[i] > ' ' && from[i] < 0x7f)
                        to[n++] = from[i];
        to[n] = '\0';
}

static int parse_version_line(const char *line, size_t length, Greeting *ret,
                              char ret_software[static GREETING_SOFTWARE_SIZE]) {
        static const char *const versions[] = { "SSH-2.0-", "SSH-1.99-" };

        for (size_t i = 0; i < ELEMENTSOF(versions); i++) {
                size_t skip = strlen(versions[i]);
                const char *software = line + skip;
                size_t n = 0;

                if (length < skip || memcmp(line, versions[i], skip) != 0)
                        continue;

                while (skip + n < length && software[n] != ' ')
                        n++;
                greeting_copy(software, n, ret_software);
                *ret = GREETING_SSH;
                if (startswith(ret_software, "OpenSSH_for_Windows_") ||
                    memmem(software + n, length - skip - n, " Microsoft_Win32_port", 21))
                        *ret = GREETING_WINDOWS_OPENSSH;
                return 1;
        }
        return -EBADMSG;
}

int greeting_parse(const char *data, size_t size, Greeting *ret,
                   char ret_software[static GREETING_SOFTWARE_SIZE]) {
        for (size_t start = 0; start < size;) {
                const char *line = data + start;
                size_t left = size - start;
                const char *end = memchr(line, '\n', left);
                size_t length = end ? (size_t) (end - line) : left;

                if (length > LINE_LENGTH_MAX)
                        return -EBADMSG;
                if (!end)
                        break;
                start += length + 1;
                if (length > 0 && line[length - 1] == '\r')
                        length--;
                if (length >= 4 && memcmp(line, "SSH-", 4) == 0)
                        return parse_version_line(line, length, ret, ret_software);
        }

        return size >= GREETING_SIZE_MAX ? -EBADMSG : 0;
}

static bool wait_for(int fd, short events, usec_t until) {
        struct pollfd wait = { .fd = fd, .events = events };
        usec_t now = clock_usec(CLOCK_MONOTONIC);

        return now < until && poll(&wait, 1, (int) ((until - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC)) > 0;
}

Greeting greeting_ask(uint16_t port, usec_t timeout, char ret_software[static GREETING_SOFTWARE_SIZE]) {
        struct sockaddr_in to = {
                .sin_family = AF_INET,
                .sin_port = htons(port),
                .sin_addr = { htonl(INADDR_LOOPBACK) },
        };
        usec_t until = clock_usec(CLOCK_MONOTONIC) + timeout;
        Greeting greeting = GREETING_OTHER;
        _cleanup_close_ int fd = -1;
        socklen_t length = sizeof(int);
        char text[GREETING_SIZE_MAX];
        size_t size = 0;
        int error;

        ret_software[0] = '\0';
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return GREETING_UNKNOWN;

        error = connect(fd, (struct sockaddr *) &to, sizeof(to)) < 0 ? errno : 0;
        if (error == EINPROGRESS && (!wait_for(fd, POLLOUT, until) ||
                                     getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0))
                return GREETING_UNKNOWN;
        if (error != 0)
                return error == ECONNREFUSED ? GREETING_REFUSED : GREETING_UNKNOWN;

        while (greeting_parse(text, size, &greeting, ret_software) == 0 && wait_for(fd, POLLIN, until)) {
                ssize_t n = read(fd, text + size, sizeof(text) - size);

                if (n < 0 && (errno == EINTR || errno == EAGAIN))
                        continue;
                if (n <= 0)
                        break;
                size += (size_t) n;
        }
        return greeting;
}
