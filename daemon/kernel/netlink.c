/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/netlink.h"

#include <linux/netlink.h>
#include <sys/socket.h>

/* The kernel fills up to 32 KiB per read of a dump, and never makes a datagram of a dump larger than the
 * buffer of the read before. (net/netlink/af_netlink.c, netlink_dump) A Buffer lies on the stack: a socket
 * keeps nothing between two reads. */
#define BUFFER_SIZE 32768U
typedef struct Buffer {
        uint8_t bytes[BUFFER_SIZE] __attribute__((aligned(8)));
} Buffer;

#define ATTEMPTS_MAX 4U
#define ANSWER_READS_MAX 4096U
#define EVENT_READS_MAX 64U

struct Netlink {
        int fd;
        uint32_t port_id;
        uint32_t sequence;
};

int netlink_new(Netlink **ret, int protocol) {
        _cleanup_(netlink_freep) Netlink *netlink = calloc(1, sizeof(*netlink));
        struct sockaddr_nl address = { .nl_family = AF_NETLINK };
        socklen_t length = sizeof(address);

        if (!netlink)
                return -ENOMEM;

        netlink->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
        if (netlink->fd < 0 || connect(netlink->fd, (struct sockaddr *) &address, sizeof(address)) < 0 ||
            getsockname(netlink->fd, (struct sockaddr *) &address, &length) < 0)
                return -errno;

        netlink->port_id = address.nl_pid;
        *ret = TAKE_PTR(netlink);
        return 0;
}

void netlink_free(Netlink *netlink) {
        if (!netlink)
                return;

        if (netlink->fd >= 0)
                close(netlink->fd);
        free(netlink);
}

int netlink_get_fd(const Netlink *netlink) {
        return netlink->fd;
}

int netlink_join(Netlink *netlink, unsigned group) {
        if (setsockopt(netlink->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
                return -errno;
        return 0;
}

void netlink_leave(Netlink *netlink, unsigned group) {
        (void) setsockopt(netlink->fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, sizeof(group));
}

/* Reads a datagram into the buffer. Returns its length, 0 for one that the kernel hasn't sent, -EAGAIN if
 * none is queued, -ENOBUFS if some were lost (a truncated one counts as lost), or another negative errno. */
static ssize_t receive(Netlink *netlink, Buffer *buffer) {
        struct sockaddr_nl sender = {};
        struct iovec iov = { .iov_base = buffer->bytes, .iov_len = sizeof(buffer->bytes) };
        struct msghdr datagram = {
                .msg_name = &sender,
                .msg_namelen = sizeof(sender),
                .msg_iov = &iov,
                .msg_iovlen = 1,
        };
        ssize_t n;

        n = recvmsg(netlink->fd, &datagram, MSG_DONTWAIT);
        if (n < 0)
                return errno == EINTR ? 0 : -errno;
        if (datagram.msg_namelen != sizeof(sender) || sender.nl_family != AF_NETLINK || sender.nl_pid != 0)
                return 0;
        if (datagram.msg_flags & MSG_TRUNC)
                return -ENOBUFS;

        return n;
}

/* Reads the rest of a dump, without which the next dump fails with EBUSY. */
static void drain(Netlink *netlink, Buffer *buffer) {
        for (unsigned reads = 0; reads < ANSWER_READS_MAX; reads++)
                if (receive(netlink, buffer) == -EAGAIN)
                        return;
}

/* Replaces mnl_nlmsg_ok(), which takes a length of 2 GiB and more for a negative one, and lets it pass
 * (libmnl 1.0.4). */
static bool message_ok(const struct nlmsghdr *message, int rest) {
        return rest >= (int) sizeof(*message) && message->nlmsg_len >= sizeof(*message) &&
               message->nlmsg_len <= (uint32_t) rest;
}

int netlink_parse_answer(const void *bytes, size_t length, uint32_t port_id, uint32_t sequence,
                         NetlinkVisit visit, void *userdata) {
        const struct nlmsghdr *message = bytes;
        int rest = (int) length, r;

        for (; message_ok(message, rest); message = mnl_nlmsg_next(message, &rest)) {
                const int *error = mnl_nlmsg_get_payload(message);

                if (message->nlmsg_seq != sequence || message->nlmsg_pid != port_id)
                        continue;
                if (message->nlmsg_flags & NLM_F_DUMP_INTR)
                        return -EAGAIN;

                switch (message->nlmsg_type) {
                case NLMSG_ERROR: /* 0 is an acknowledgement */
                        if (mnl_nlmsg_get_payload_len(message) < sizeof(struct nlmsgerr))
                                return -EBADMSG;
                        return *error <= 0 && *error >= -4095 ? *error : -EBADMSG;

                case NLMSG_DONE:
                        if (mnl_nlmsg_get_payload_len(message) < sizeof(*error))
                                return 0;
                        return *error < 0 && *error >= -4095 ? *error : 0;

                case NLMSG_NOOP:
                case NLMSG_OVERRUN:
                        continue;
                }

                r = visit(message, userdata);
                if (r < 0)
                        return r;
        }

        return 1;
}

static int ask_once(Netlink *netlink, struct nlmsghdr *request, NetlinkVisit visit, void *userdata) {
        Buffer buffer;
        int r;

        request->nlmsg_seq = ++netlink->sequence;

        r = visit(NULL, userdata);
        if (r < 0)
                return r;

        if (send(netlink->fd, request, request->nlmsg_len, MSG_NOSIGNAL) < 0)
                return -errno;

        r = 1;
        for (unsigned reads = 0; r > 0 && reads < ANSWER_READS_MAX; reads++) {
                ssize_t n = receive(netlink, &buffer);

                r = n < 0 ? (int) n
                          : netlink_parse_answer(buffer.bytes, (size_t) n, netlink->port_id,
                                                 netlink->sequence, visit, userdata);
        }
        if (r == 0)
                return 0;

        drain(netlink, &buffer);
        return r > 0 ? -EAGAIN : r;
}

int netlink_ask(Netlink *netlink, struct nlmsghdr *request, NetlinkVisit visit, void *userdata) {
        request->nlmsg_pid = netlink->port_id;
        request->nlmsg_flags |= NLM_F_REQUEST;
        if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
                request->nlmsg_flags |= NLM_F_ACK;

        for (unsigned attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
                int r = ask_once(netlink, request, visit, userdata);

                if (r != -EAGAIN && r != -ENOBUFS && r != -EBUSY)
                        return r;
        }

        return -EAGAIN;
}

int netlink_receive(Netlink *netlink) {
        bool found = false;
        Buffer buffer;

        for (unsigned reads = 0; reads < EVENT_READS_MAX; reads++) {
                ssize_t n = receive(netlink, &buffer);

                if (n == -EAGAIN)
                        break;
                if (n < 0 && n != -ENOBUFS)
                        return (int) n;
                found = found || n != 0;
        }
        return found;
}
