/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Clean-up attributes, and messages with file descriptors, for lab-guest and lab-tracker.
 *
 * Each of these programs serves one test. An error that isn't part of the emulation ends it at once, with a
 * message (err(3)), and the test sees its control socket close.
 */

#include <err.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define LAB_FDS_MAX 8

/* NOLINTNEXTLINE(readability-non-const-parameter): the cleanup attribute gives it so */
static inline void lab_closep(int *fd) {
        if (*fd >= 0)
                close(*fd);
}

static inline void lab_freep(void *p) {
        free(*(void **) p);
}

#define _cleanup_free_ __attribute__((cleanup(lab_freep)))
#define _cleanup_close_ __attribute__((cleanup(lab_closep)))

/* Closes what is open and forgets it: `fd = lab_close(fd)`. */
static inline int lab_close(int fd) {
        if (fd >= 0)
                close(fd);
        return -1;
}

/* Sends one message with descriptors over a SOCK_SEQPACKET socket. Returns 0, or a negative errno. */
static inline int lab_send(int socket_fd, const void *data, size_t size, const int *fds, size_t n_fds) {
        union {
                struct cmsghdr header;
                char buffer[CMSG_SPACE(sizeof(int) * LAB_FDS_MAX)];
        } control = { 0 };
        struct iovec iov = { .iov_base = (void *) data, .iov_len = size };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

        if (n_fds > 0) {
                message.msg_control = &control;
                message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
                memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
        }

        return sendmsg(socket_fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Receives one message, NUL-terminated, and up to LAB_FDS_MAX descriptors (close-on-exec; unset ones are
 * -1). Returns the message's length, 0 when the other side has gone, or a negative errno. */
static inline ssize_t lab_receive(int socket_fd, char *data, size_t size, int fds[static LAB_FDS_MAX]) {
        union {
                struct cmsghdr header;
                char buffer[CMSG_SPACE(sizeof(int) * LAB_FDS_MAX)];
        } control;
        struct iovec iov = { .iov_base = data, .iov_len = size - 1 };
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };

        for (size_t i = 0; i < LAB_FDS_MAX; i++)
                fds[i] = -1;

        ssize_t n = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
        if (n < 0)
                return errno == ECONNRESET ? 0 : -errno;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
                        memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));

        data[n] = '\0';
        return n;
}

static inline void lab_close_all(int fds[static LAB_FDS_MAX]) {
        for (size_t i = 0; i < LAB_FDS_MAX; i++)
                fds[i] = lab_close(fds[i]);
}
