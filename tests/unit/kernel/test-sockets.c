/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include "kernel/sockets.h"
#include "unit/loop.h"
#include "unit/netns.h"
#include "unit/test.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static uint32_t inode_of(int fd) {
        struct stat st;

        test_assert(fstat(fd, &st) == 0);
        return (uint32_t) st.st_ino;
}

static void on_event(void *userdata) {
        ++*(unsigned *) userdata;
}

/* Returns the number that the next file descriptor will have. */
static int next_fd(void) {
        int fd = dup(STDOUT_FILENO);

        close(fd);
        return fd;
}

typedef struct ListenerRow {
        const char *name, *address;
        bool v6only;
        int family, protocol;
} ListenerRow;

static void enter(void) {
        netns_enter();
        test_skip_emulated("NETLINK_SOCK_DIAG");
}

static const ListenerRow listener_rows[] = {
        { "IPv4 any", "0.0.0.0", false, AF_INET, IPPROTO_TCP },
        { "IPv4 loopback", "127.0.0.1", false, AF_INET, IPPROTO_TCP },
        { "IPv4 other loopback", "127.9.8.7", false, AF_INET, IPPROTO_TCP },
        { "IPv6 only", "::", true, AF_INET6, IPPROTO_TCP },
        { "dual stack", "::", false, AF_INET6, IPPROTO_TCP },
        { "IPv6 loopback", "::1", true, AF_INET6, IPPROTO_TCP },
        { "mapped", "::ffff:127.0.0.1", false, AF_INET, IPPROTO_TCP },
        { "MPTCP", "127.0.0.1", false, AF_INET, IPPROTO_MPTCP },
};

static void test_lists_listener(const void *data) {
        _cleanup_(sockets_freep) Sockets *sockets = NULL;
        const ListenerRow *row = data;
        _cleanup_close_ int fd = -1, other = -1;
        char text[INET6_ADDRSTRLEN];
        Listener listeners[4];

        enter();
        fd = netns_bind(row->address, 2222, row->v6only, row->protocol);
        test_assert(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) == 0 ||
                    row->protocol == IPPROTO_MPTCP);
        test_assert(listen(fd, 1) == 0);
        other = netns_listen("127.0.0.1", 2223);
        test_equal_int(sockets_new(&sockets), 0);

        test_equal_int(sockets_list_listeners(sockets, 2222, listeners, ELEMENTSOF(listeners)), 1);
        test_equal_int(listeners[0].endpoint.ipv6, row->family == AF_INET6);
        test_equal_string(endpoint_print_address(&listeners[0].endpoint, text), startswith(row->address, "::ffff:") ?: row->address);
        test_equal_int(listeners[0].v6only, row->v6only);
        test_equal_int(listeners[0].endpoint.port, 2222);
        test_equal_int(listeners[0].inode, inode_of(fd));
        test_equal_int(listeners[0].uid, getuid());
        test_assert(listeners[0].cgroup_id > 0);

        close(TAKE_FD(fd));
        test_equal_int(sockets_list_listeners(sockets, 2222, listeners, ELEMENTSOF(listeners)), 0);
}

static void test_lists_several(void) {
        _cleanup_(sockets_freep) Sockets *sockets = NULL;
        _cleanup_close_ int a = -1, b = -1, c = -1, d = -1;
        Listener listeners[3] = { [1].endpoint.port = 7 };

        enter();
        a = netns_listen("0.0.0.0", 22);
        b = netns_listen("::", 22);
        c = netns_listen("0.0.0.0", 2222);
        d = netns_bind("::", 2222, true, IPPROTO_TCP); /* doesn't listen */
        test_equal_int(sockets_new(&sockets), 0);

        test_equal_int(sockets_list_listeners(sockets, 22, listeners, 1), 2);
        test_assert(!listeners[0].endpoint.ipv6);
        test_equal_int(listeners[1].endpoint.port, 7);
        test_equal_int(sockets_list_listeners(sockets, 22, NULL, 0), 2);
        test_equal_int(sockets_list_listeners(sockets, 22, listeners, 3), 2);
        test_assert(listeners[1].endpoint.ipv6);
        test_equal_int(sockets_list_listeners(sockets, 2222, listeners, 3), 1);
        test_equal_int(sockets_list_listeners(sockets, 0, listeners, 3), 3);
        test_equal_int(sockets_list_listeners(sockets, 80, listeners, 3), 0);
}

static void test_lists_those_of_root(void) {
        _cleanup_(sockets_freep) Sockets *sockets = NULL;
        _cleanup_close_ int a = -1, b = -1, c = -1;
        Listener listeners[3];

        enter();
        a = netns_listen("127.0.0.1", 2222);
        b = netns_listen("::1", 2222);
        test_equal_int(sockets_new(&sockets), 0);
        setfsuid(1);
        c = netns_listen("127.0.0.2", 2222);
        setfsuid(0);

        test_equal_int(sockets_list_listeners(sockets, 2222, listeners, 3), 3);
        test_equal_int(sockets_list_listeners_of_root(sockets, 2222, NULL, 0), 2);
        test_equal_int(sockets_list_listeners_of_root(sockets, 2222, listeners, 3), 2);
        test_assert(!listeners[0].endpoint.ipv6);
        test_equal_int(listeners[0].inode, inode_of(a));
        test_equal_int(listeners[1].inode, inode_of(b));
}

/* More listeners than one read of a dump holds. */
static void test_lists_many(void) {
        _cleanup_(sockets_freep) Sockets *sockets = NULL;
        _cleanup_free_ Listener *listeners = calloc(600, sizeof(*listeners));
        char address[32];

        enter();
        test_equal_int(sockets_new(&sockets), 0);
        for (unsigned i = 0; i < 600; i++) {
                snprintf(address, sizeof(address), "127.0.%u.%u", 1 + i / 200, 1 + i % 200);
                netns_listen(address, 2222);
        }

        test_equal_int(sockets_list_listeners(sockets, 2222, listeners, 600), 600);
        for (unsigned i = 0; i < 600; i++)
                test_equal_int(listeners[i].endpoint.port, 2222);
        test_equal_int(sockets_list_listeners(sockets, 2222, listeners, 5), 600);
        for (unsigned i = 0; i < 600; i++)
                for (unsigned j = 0; j < i; j++)
                        test_assert(listeners[i].inode != listeners[j].inode);
}

/* Before Linux 6.8 none is listed. */
static void test_counts_bound(void) {
        _cleanup_(sockets_freep) Sockets *sockets = NULL;
        int bound;

        enter();
        test_equal_int(sockets_new(&sockets), 0);
        (void) netns_listen("127.0.0.1", 22);
        test_equal_int(sockets_count_bound(sockets, 22), 0);
        (void) netns_bind("127.0.0.1", 2222, false, IPPROTO_TCP);
        (void) netns_bind("::1", 2222, true, IPPROTO_TCP);
        bound = sockets_count_bound(sockets, 2222);
        test_assert(bound == 0 || bound == 2);
        test_equal_int(sockets_count_bound(sockets, 22), 0);
}

static void test_counts_sessions(void) {
        _cleanup_(sockets_freep) Sockets *sockets = NULL;
        int listener, other, dual, client, server, client6, server6;
        usec_t ends_in = 0;

        enter();
        test_equal_int(sockets_new(&sockets), 0);
        listener = netns_listen("127.0.0.1", 22);
        other = netns_listen("127.0.0.1", 2222);
        dual = netns_bind("::", 2200, false, IPPROTO_TCP);
        test_assert(listen(dual, 4) == 0);
        test_equal_int(sockets_count_sessions(sockets, 22, &ends_in), 0);

        client = netns_connect("127.0.0.1", 22);
        test_equal_int(sockets_count_sessions(sockets, 22, &ends_in), 1); /* not accepted yet */
        server = netns_accept(listener);
        test_equal_int(sockets_count_sessions(sockets, 22, &ends_in), 1);
        test_assert(ends_in == USEC_INFINITY);
        test_equal_int(sockets_count_sessions(sockets, 2222, &ends_in), 0);

        close(client); /* CLOSE_WAIT */
        test_equal_int(sockets_count_sessions(sockets, 22, &ends_in), 1);
        close(listener);
        test_equal_int(sockets_count_sessions(sockets, 22, &ends_in), 1);
        close(server); /* the client has closed first, and has the TIME_WAIT */
        test_equal_int(sockets_count_sessions(sockets, 22, &ends_in), 0);

        /* The server closes first: FIN_WAIT2, then TIME_WAIT with port 2222. */
        client = netns_connect("127.0.0.1", 2222);
        server = netns_accept(other);
        close(server);
        test_equal_int(sockets_count_sessions(sockets, 2222, &ends_in), 1);
        close(client);
        test_equal_int(sockets_count_sessions(sockets, 2222, &ends_in), 1);
        test_assert(ends_in <= 60 * USEC_PER_SEC);
        close(other);
        test_equal_int(sockets_count_sessions(sockets, 2222, &ends_in), 1);

        /* IPv4 on a dual-stack listener, and IPv6. */
        client = netns_connect("127.0.0.1", 2200);
        server = netns_accept(dual);
        client6 = netns_connect("::1", 2200);
        server6 = netns_accept(dual);
        test_equal_int(sockets_count_sessions(sockets, 2200, &ends_in), 2);
        close(server), close(server6), close(client), close(client6);
        test_equal_int(sockets_count_sessions(sockets, 2200, &ends_in), 2);
}

static void test_tells_of_closing(void) {
        static const uint16_t ports[] = { 22, 2222 };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(sockets_freep) Sockets *sockets = NULL;
        int listener, dual, other, client, server;
        unsigned told = 0;

        enter();
        test_equal_int(sd_event_new(&event), 0);
        test_equal_int(sockets_new(&sockets), 0);
        listener = netns_listen("127.0.0.1", 22);
        other = netns_listen("127.0.0.1", 23);
        dual = netns_bind("::", 2222, false, IPPROTO_TCP);
        test_assert(listen(dual, 4) == 0);
        test_equal_int(sockets_watch(sockets, event, ports, 0, on_event, &told), -EINVAL);
        test_equal_int(sockets_watch(sockets, event, ports, SOCKETS_WATCH_MAX + 1, on_event, &told),
                       -EINVAL);
        test_equal_int(sockets_watch(sockets, event, ports, ELEMENTSOF(ports), on_event, &told), 0);
        test_equal_int(settle(event), 0);

        client = netns_connect("127.0.0.1", 22);
        server = netns_accept(listener);
        test_equal_int(settle(event), 0);
        close(client);
        close(server);
        settle(event);
        test_equal_int(told, 1);

        close(listener);
        settle(event);
        test_equal_int(told, 2);

        close(dual);
        settle(event);
        test_equal_int(told, 3);

        close(other);
        test_equal_int(settle(event), 0);
        test_equal_int(told, 3);
}

static void test_watch_changes(void) {
        static const uint16_t first[] = { 22 }, second[] = { 2222, 22 }, third[] = { 2222 };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(sockets_freep) Sockets *sockets = NULL;
        unsigned told = 0, told_later = 0;
        int fd;

        enter();
        test_equal_int(sd_event_new(&event), 0);
        test_equal_int(sockets_new(&sockets), 0);
        fd = next_fd();
        test_equal_int(sockets_watch(sockets, event, first, 1, on_event, &told), 0);

        /* An event that was queued under the first filter goes to the new callback. */
        close(netns_listen("0.0.0.0", 22));
        test_equal_int(sockets_watch(sockets, event, second, 2, on_event, &told_later), 0);
        settle(event);
        test_equal_int(told, 0);
        test_equal_int(told_later, 1);

        /* An event for a port that is no longer watched may be queued already; the next one doesn't come. */
        close(netns_listen("0.0.0.0", 22));
        test_equal_int(sockets_watch(sockets, event, third, 1, on_event, &told), 0);
        settle(event);
        test_assert(told <= 1);
        told = 0;
        close(netns_listen("0.0.0.0", 22));
        test_equal_int(settle(event), 0);
        close(netns_listen("0.0.0.0", 2222));
        settle(event);
        test_equal_int(told, 1);

        sockets_unwatch(sockets);
        sockets_unwatch(sockets);
        close(netns_listen("0.0.0.0", 2222));
        test_equal_int(settle(event), 0);
        test_equal_int(told, 1);

        /* The watch keeps its socket. */
        test_equal_int(sockets_watch(sockets, event, third, 1, on_event, &told), 0);
        test_assert(next_fd() > fd);
        close(netns_listen("0.0.0.0", 2222));
        settle(event);
        test_equal_int(told, 2);
        test_equal_int(told_later, 1);
}

/* Opens and closes @n connections to a port of its own. */
static void flood(uint16_t port, unsigned n) {
        int listener = netns_listen("127.0.0.1", port);

        for (unsigned i = 0; i < n; i++) {
                struct linger reset = { .l_onoff = 1 };
                int client = netns_connect("127.0.0.1", port), server = netns_accept(listener);

                test_assert(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) == 0);
                close(client);
                close(server);
        }
        close(listener);
}

static void test_flood_of_others(void) {
        static const uint16_t ports[] = { 22 }, flooded[] = { 2200 };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(sockets_freep) Sockets *sockets = NULL;
        unsigned told = 0;
        unsigned turns;

        enter();
        test_equal_int(sd_event_new(&event), 0);
        test_equal_int(sockets_new(&sockets), 0);
        test_equal_int(sockets_watch(sockets, event, ports, 1, on_event, &told), 0);

        flood(2200, 5000);
        turns = settle(event);
        printf("# 5000 connections closed on another port: %u wake-ups\n", turns);
        test_equal_int(turns, 0);
        test_equal_int(told, 0);

        /* A watch of those ports is told of the flood. */
        test_equal_int(sockets_watch(sockets, event, flooded, 1, on_event, &told), 0);
        flood(2200, 5000);
        turns = settle(event);
        printf("# on the watched port: %u wake-ups, %u calls\n", turns, told);
        test_assert(told > 0 && told <= turns);

        /* The watch works on after an overrun. */
        told = 0;
        close(netns_listen("0.0.0.0", 2200));
        settle(event);
        test_equal_int(told, 1);
}

static void test_overrun(void) {
        static const uint16_t ports[] = { 22 };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(sockets_freep) Sockets *sockets = NULL;
        int fd, size = 1;
        unsigned told = 0;

        enter();
        test_equal_int(sd_event_new(&event), 0);
        test_equal_int(sockets_new(&sockets), 0);
        fd = next_fd();
        test_equal_int(sockets_watch(sockets, event, ports, 1, on_event, &told), 0);
        test_assert(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) == 0);

        for (unsigned i = 0; i < 10; i++)
                close(netns_listen("0.0.0.0", 22));
        usleep(200 * 1000); /* the kernel sends from a work queue: nobody may read meanwhile */
        settle(event);
        test_assert(told >= 1);
}

/* Sends messages as another process could; @fd is the watch's socket. */
typedef struct Forgery {
        struct nlmsghdr header;
        struct inet_diag_msg diag;
        uint8_t rest[40000];
} Forgery;

static void make_forgery(Forgery *ret) {
        *ret = (Forgery) {
                .header = {
                        .nlmsg_len = offsetof(Forgery, rest),
                        .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                },
                .diag = {
                        .idiag_family = AF_INET,
                        .idiag_state = TCP_CLOSE,
                        .id.idiag_sport = htons(22),
                },
        };
}

static void test_forged(void) {
        static const uint16_t ports[] = { 22 };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(sockets_freep) Sockets *sockets = NULL;
        _cleanup_free_ Forgery *forgery = calloc(1, sizeof(*forgery));
        struct sockaddr_nl address;
        socklen_t length = sizeof(address);
        int fd, forger;
        unsigned told = 0;

        enter();
        test_equal_int(sd_event_new(&event), 0);
        test_equal_int(sockets_new(&sockets), 0);
        fd = next_fd();
        test_equal_int(sockets_watch(sockets, event, ports, 1, on_event, &told), 0);
        test_assert(getsockname(fd, (struct sockaddr *) &address, &length) == 0);

        make_forgery(forgery);
        forger = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        test_assert(forger >= 0);

        /* A unicast message: the kernel refuses it, because the watch's socket is connected to the
         * kernel. */
        address.nl_groups = 0;
        test_assert(sendto(forger, forgery, forgery->header.nlmsg_len, 0, (struct sockaddr *) &address,
                           sizeof(address)) < 0);
        test_equal_int(errno, ECONNREFUSED);

        /* A message to the group, which takes CAP_NET_ADMIN, arrives, and the watch drops it. A big one
         * would be truncated. */
        address = (struct sockaddr_nl){ .nl_family = AF_NETLINK,
                                        .nl_groups = 1U << (SKNLGRP_INET_TCP_DESTROY - 1) };
        test_assert(sendto(forger, forgery, forgery->header.nlmsg_len, 0, (struct sockaddr *) &address,
                           sizeof(address)) > 0);
        test_equal_int(settle(event), 1);
        test_assert(sendto(forger, forgery, sizeof(*forgery), 0, (struct sockaddr *) &address,
                           sizeof(address)) > 0);
        test_equal_int(settle(event), 1);
        test_equal_int(told, 0);
}

typedef struct ParseRow {
        const char *name;
        uint8_t family, state;
        uint16_t type, sport, dport, attribute, attribute_length;
        uint32_t cut;
        int listener;
} ParseRow;

#define DIAG SOCK_DIAG_BY_FAMILY

static const ParseRow parse_rows[] = {
        { "listener", AF_INET, TCP_LISTEN, DIAG, 22, 0, INET_DIAG_SKV6ONLY, 1, 0, 0 },
        { "session", AF_INET6, TCP_CLOSE, DIAG, 22, 9, INET_DIAG_SKV6ONLY, 1, 0, -EBADMSG },
        { "no port", AF_INET, TCP_LISTEN, DIAG, 0, 0, INET_DIAG_SKV6ONLY, 1, 0, 0 },
        { "other family", AF_UNIX, TCP_LISTEN, DIAG, 22, 0, INET_DIAG_SKV6ONLY, 1, 0, -EBADMSG },
        { "other type", AF_INET, TCP_LISTEN, 99, 22, 0, INET_DIAG_SKV6ONLY, 1, 0, -EBADMSG },
        { "short", AF_INET, TCP_LISTEN, DIAG, 22, 0, INET_DIAG_SKV6ONLY, 1, 16, -EBADMSG },
        { "short attribute", AF_INET, TCP_LISTEN, DIAG, 22, 0, INET_DIAG_CGROUP_ID, 4, 0, -EBADMSG },
        { "empty attribute", AF_INET, TCP_LISTEN, DIAG, 22, 0, INET_DIAG_SKV6ONLY, 0, 0, -EBADMSG },
        { "cut attribute", AF_INET, TCP_LISTEN, DIAG, 22, 0, INET_DIAG_CGROUP_ID, 8, 4, 0 },
        { "unknown attribute", AF_INET, TCP_LISTEN, DIAG, 22, 0, 999, 3, 0, 0 },
};

static void test_parses(const void *data) {
        const ParseRow *row = data;
        uint8_t buffer[256] __attribute__((aligned(8)));
        struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
        struct inet_diag_msg *diag = mnl_nlmsg_put_extra_header(message, sizeof(*diag));
        uint64_t value = 1;
        Listener listener;

        message->nlmsg_type = row->type;
        diag->idiag_family = row->family;
        diag->idiag_state = row->state;
        diag->id.idiag_sport = htons(row->sport);
        diag->id.idiag_dport = htons(row->dport);
        mnl_attr_put(message, row->attribute, row->attribute_length, &value);
        message->nlmsg_len -= row->cut;

        test_equal_int(sockets_parse_listener(message, &listener), row->listener);
}

static int count_messages(const struct nlmsghdr *message, void *userdata) {
        if (message && message->nlmsg_type == 666)
                return -ENOANO;
        ++*(unsigned *) userdata;
        return 0;
}

typedef struct AnswerRow {
        const char *name;
        struct {
                uint16_t type, flags;
                uint32_t sequence, port_id;
                int error; /* 1: without a payload */
        } messages[3];
        int result;
        unsigned shown;
} AnswerRow;

static const AnswerRow answer_rows[] = {
        { "more follows", { { 20, 0, 7, 9, 0 }, { 20, 0, 7, 9, 0 }, { 20, 0, 7, 9, 0 } }, 1, 3 },
        { "done", { { 20, 0, 7, 9, 0 }, { 20, 0, 7, 9, 0 }, { NLMSG_DONE, 0, 7, 9, 0 } }, 0, 2 },
        { "done with an error", { { 20, 0, 7, 9, 0 }, { NLMSG_DONE, 0, 7, 9, -ENOENT } }, -ENOENT, 1 },
        { "acknowledged", { { 20, 0, 7, 9, 0 }, { NLMSG_ERROR, 0, 7, 9, 0 } }, 0, 1 },
        { "refused", { { NLMSG_ERROR, 0, 7, 9, -EPERM } }, -EPERM, 0 },
        { "a positive error", { { NLMSG_ERROR, 0, 7, 9, 5 } }, -EBADMSG, 0 },
        { "an absurd error", { { NLMSG_ERROR, 0, 7, 9, INT32_MIN } }, -EBADMSG, 0 },
        { "a short error", { { NLMSG_ERROR, 0, 7, 9, 1 } }, -EBADMSG, 0 },
        { "another sequence", { { 20, 0, 6, 9, 0 }, { NLMSG_DONE, 0, 6, 9, 0 }, { 20, 0, 7, 9, 0 } }, 1, 1 },
        { "another port id", { { 20, 0, 7, 8, 0 }, { 20, 0, 7, 0, 0 }, { 20, 0, 7, 9, 0 } }, 1, 1 },
        { "interrupted", { { 20, 0, 7, 9, 0 }, { NLMSG_DONE, NLM_F_DUMP_INTR, 7, 9, 0 } }, -EAGAIN, 1 },
        { "the visitor's error",
          { { 20, 0, 7, 9, 0 }, { 666, 0, 7, 9, 0 }, { 20, 0, 7, 9, 0 } },
          -ENOANO,
          1 },
        { "no-operation", { { NLMSG_NOOP, 0, 7, 9, 0 }, { 20, 0, 7, 9, 0 } }, 1, 1 },
};

static void test_answers(const void *data) {
        const AnswerRow *row = data;
        uint8_t buffer[512] __attribute__((aligned(8)));
        size_t length = 0;
        unsigned shown = 0;

        for (size_t i = 0; i < ELEMENTSOF(row->messages) && row->messages[i].type != 0; i++) {
                struct nlmsghdr *message = mnl_nlmsg_put_header(buffer + length);

                message->nlmsg_type = row->messages[i].type;
                message->nlmsg_flags = row->messages[i].flags;
                message->nlmsg_seq = row->messages[i].sequence;
                message->nlmsg_pid = row->messages[i].port_id;
                if (row->messages[i].error != 1) {
                        struct nlmsgerr *error = mnl_nlmsg_put_extra_header(message, sizeof(*error));
                        error->error = row->messages[i].error;
                }
                length += message->nlmsg_len;
        }

        test_equal_int(netlink_parse_answer(buffer, length, 9, 7, count_messages, &shown), row->result);
        test_equal_int(shown, row->shown);

        /* The parsers never read beyond a message that is cut somewhere. */
        for (size_t cut = 0; cut <= length; cut++) {
                _cleanup_free_ void *copy = malloc(cut + 1);

                memcpy(copy, buffer, cut);
                (void) netlink_parse_answer(copy, cut, 9, 7, count_messages, &shown);
        }
}

/* After an error of the visitor's in the middle of a long dump the socket serves the next request. */
static int refuse(const struct nlmsghdr *message, void *userdata) {
        (void) userdata;
        return message ? -ENOANO : 0;
}

static void test_answer_given_up(void) {
        _cleanup_(netlink_freep) Netlink *netlink = NULL;
        uint8_t buffer[256] __attribute__((aligned(8)));
        struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
        struct inet_diag_req_v2 *diag = mnl_nlmsg_put_extra_header(request, sizeof(*diag));
        struct pollfd poll_fd = { .events = POLLIN };
        unsigned shown = 0;

        enter();
        for (uint16_t i = 0; i < 800; i++)
                netns_listen("127.0.0.1", (uint16_t) (1000 + i));
        test_equal_int(netlink_new(&netlink, NETLINK_SOCK_DIAG), 0);
        test_assert(fcntl(netlink_get_fd(netlink), F_GETFD) & FD_CLOEXEC);
        test_assert(fcntl(netlink_get_fd(netlink), F_GETFL) & O_NONBLOCK);
        request->nlmsg_type = SOCK_DIAG_BY_FAMILY;
        request->nlmsg_flags = NLM_F_DUMP;
        diag->sdiag_family = AF_INET;
        diag->sdiag_protocol = IPPROTO_TCP;
        diag->idiag_states = 1U << TCP_LISTEN;

        test_equal_int(netlink_ask(netlink, request, refuse, NULL), -ENOANO);
        test_equal_int(netlink_ask(netlink, request, count_messages, &shown), 0);
        test_equal_int(shown, 801); /* one of them with NULL */

        poll_fd.fd = netlink_get_fd(netlink);
        test_equal_int(poll(&poll_fd, 1, 0), 0);

        diag->sdiag_family = AF_UNSPEC;
        test_equal_int(netlink_ask(netlink, request, refuse, NULL), -ENOENT);
}

/* The kernel says that a list has changed while it was read, and the request is repeated. */
typedef struct Meddling {
        Netlink *other;
        unsigned begun, shown;
        bool done;
} Meddling;

static int ignore(const struct nlmsghdr *message, void *userdata) {
        (void) message, (void) userdata;
        return 0;
}

static void add_address(Netlink *netlink, uint32_t last) {
        uint8_t buffer[256] __attribute__((aligned(8)));
        struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
        struct ifaddrmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

        request->nlmsg_type = RTM_NEWADDR;
        request->nlmsg_flags = NLM_F_CREATE;
        header->ifa_family = AF_INET;
        header->ifa_prefixlen = 32;
        header->ifa_index = 1;
        mnl_attr_put_u32(request, IFA_LOCAL, htonl(0x0a000000 + last));
        test_equal_int(netlink_ask(netlink, request, ignore, NULL), 0);
}

static int meddle(const struct nlmsghdr *message, void *userdata) {
        Meddling *meddling = userdata;

        if (!message) {
                meddling->begun++;
                meddling->shown = 0;
                return 0;
        }
        if (!meddling->done)
                add_address(meddling->other, 5000);
        meddling->done = true;
        meddling->shown++;
        return 0;
}

static void test_interrupted_answer(void) {
        _cleanup_(netlink_freep) Netlink *netlink = NULL, *other = NULL;
        uint8_t buffer[64] __attribute__((aligned(8)));
        struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
        struct ifaddrmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
        Meddling meddling = {};

        netns_enter();
        test_equal_int(netlink_new(&netlink, NETLINK_ROUTE), 0);
        test_equal_int(netlink_new(&other, NETLINK_ROUTE), 0);
        for (uint32_t i = 1; i <= 2000; i++)
                add_address(other, i);

        request->nlmsg_type = RTM_GETADDR;
        request->nlmsg_flags = NLM_F_DUMP;
        header->ifa_family = AF_INET;
        meddling.other = other;
        test_equal_int(netlink_ask(netlink, request, meddle, &meddling), 0);
        test_equal_int(meddling.begun, 2);
        test_equal_int(meddling.shown, 2002); /* 127.0.0.1 is listed, too */
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_lists_listener, listener_rows),
                TEST(test_lists_several),
                TEST(test_lists_those_of_root),
                TEST(test_lists_many),
                TEST(test_counts_bound),
                TEST(test_counts_sessions),
                TEST(test_tells_of_closing),
                TEST(test_watch_changes),
                TEST(test_flood_of_others),
                TEST(test_overrun),
                TEST(test_forged),
                TEST_TABLE(test_parses, parse_rows),
                TEST_TABLE(test_answers, answer_rows),
                TEST(test_answer_given_up),
                TEST(test_interrupted_answer),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
