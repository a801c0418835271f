/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/sockets.h"

#include <linux/filter.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define STATES_LISTEN (1U << TCP_LISTEN)
#define TIMER_TIME_WAIT 3 /* of idiag_timer; the kernel's headers for user space don't name it */
/* 12 is TCP_NEW_SYN_RECV, a half-open connection, which those headers don't name either. */
#define STATES_BOUND (1U << 13) /* TCP_BOUND_INACTIVE */
#define STATES_SESSION (((1U << 13) - 1) & ~(1U | 1U << TCP_LISTEN | 1U << TCP_CLOSE))

struct Sockets {
        Netlink *requests;

        Netlink *events;         /* opened at the first watch, and kept */
        sd_event_source *source; /* NULL: nothing is watched */
        ChangeHandler callback;
        void *userdata;
};

int sockets_new(Sockets **ret) {
        _cleanup_(sockets_freep) Sockets *sockets = calloc(1, sizeof(*sockets));
        int r;

        if (!sockets)
                return -ENOMEM;

        r = netlink_new(&sockets->requests, NETLINK_SOCK_DIAG);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(sockets);
        return 0;
}

void sockets_free(Sockets *sockets) {
        if (!sockets)
                return;

        sd_event_source_disable_unref(sockets->source);
        netlink_free(sockets->events);
        netlink_free(sockets->requests);
        free(sockets);
}

/* The payload, or NULL if the message has none, or one of an unknown family. */
static const struct inet_diag_msg *get_diag(const struct nlmsghdr *message) {
        const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(message);

        if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY || mnl_nlmsg_get_payload_len(message) < sizeof(*diag))
                return NULL;
        if (diag->idiag_family != AF_INET && diag->idiag_family != AF_INET6)
                return NULL;

        return diag;
}

int sockets_parse_listener(const struct nlmsghdr *message, Listener *ret) {
        const struct inet_diag_msg *diag = get_diag(message);
        const struct nlattr *attribute;
        Listener listener = {};
        bool mapped; /* the socket is of IPv6, and its address of IPv4 */

        if (!diag || diag->idiag_state != TCP_LISTEN)
                return -EBADMSG;

        mapped = diag->idiag_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(diag->id.idiag_src);
        listener.endpoint = endpoint_make(mapped ? AF_INET : diag->idiag_family,
                                          diag->id.idiag_src + (mapped ? 3 : 0),
                                          ntohs(diag->id.idiag_sport));
        if (diag->id.idiag_if != 0)
                snprintf(listener.endpoint.scope, sizeof(listener.endpoint.scope), "%u", diag->id.idiag_if);
        listener.inode = diag->idiag_inode;
        listener.uid = diag->idiag_uid;

        NETLINK_FOREACH_ATTRIBUTE(attribute, message, sizeof(*diag)) {
                switch (mnl_attr_get_type(attribute)) {
                case INET_DIAG_SKV6ONLY:
                        if (mnl_attr_validate(attribute, MNL_TYPE_U8) < 0)
                                return -EBADMSG;
                        listener.v6only = mnl_attr_get_u8(attribute);
                        break;

                case INET_DIAG_CGROUP_ID:
                        if (mnl_attr_validate(attribute, MNL_TYPE_U64) < 0)
                                return -EBADMSG;
                        listener.cgroup_id = mnl_attr_get_u64(attribute);
                        break;
                }
        }

        *ret = listener;
        return 0;
}

typedef struct Found {
        bool of_root;
        Listener *listeners;
        size_t size;
        int count;
        int count_before; /* .count of the families asked before */
        usec_t ends_in;
        uint16_t port; /* that was asked about; 0: any */
} Found;

static int add_listener(const struct nlmsghdr *message, void *userdata) {
        Found *found = userdata;
        Listener listener;
        int r;

        if (!message) {
                found->count = found->count_before;
                return 0;
        }

        r = sockets_parse_listener(message, &listener);
        if (r < 0)
                return r;
        if (found->of_root && listener.uid != 0)
                return 0;

        if ((size_t) found->count < found->size)
                found->listeners[found->count] = listener;
        found->count++;
        return 0;
}

static int count_socket(const struct nlmsghdr *message, void *userdata) {
        Found *found = userdata;
        const struct inet_diag_msg *diag;
        usec_t rest;

        if (!message) {
                found->count = found->count_before;
                return 0;
        }

        diag = get_diag(message);
        if (!diag || ntohs(diag->id.idiag_sport) != found->port) /* of STATES_BOUND the kernel tells each port */
                return 0;
        found->count++;
        if (diag->idiag_timer == TIMER_TIME_WAIT || diag->idiag_state == TCP_SYN_RECV) {
                rest = diag->idiag_expires * USEC_PER_MSEC;
                found->ends_in = rest < found->ends_in ? rest : found->ends_in;
        }
        return 0;
}

/* Asks about each family by itself: AF_UNSPEC finds nothing. Returns how many sockets @visit has counted. */
static int ask(Sockets *sockets, uint32_t states, uint16_t port, NetlinkVisit visit, Found *found) {
        static const uint8_t families[] = { AF_INET, AF_INET6 };

        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                uint8_t buffer[MNL_NLMSG_HDRLEN + sizeof(struct inet_diag_req_v2)]
                                __attribute__((aligned(8))) = {};
                struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
                struct inet_diag_req_v2 *diag;
                int r;

                request->nlmsg_type = SOCK_DIAG_BY_FAMILY;
                request->nlmsg_flags = NLM_F_DUMP;
                diag = mnl_nlmsg_put_extra_header(request, sizeof(*diag));
                diag->sdiag_family = families[i];
                diag->sdiag_protocol = IPPROTO_TCP;
                diag->idiag_states = states;
                diag->id.idiag_sport = htons(port);

                found->count_before = found->count;
                found->port = port;
                r = netlink_ask(sockets->requests, request, visit, found);
                if (r < 0)
                        return r;
        }
        return found->count;
}

int sockets_list_listeners(Sockets *sockets, uint16_t port, Listener *ret, size_t size) {
        return ask(sockets, STATES_LISTEN, port, add_listener, &(Found){ .listeners = ret, .size = size });
}

int sockets_list_listeners_of_root(Sockets *sockets, uint16_t port, Listener *ret, size_t size) {
        return ask(sockets, STATES_LISTEN, port, add_listener,
                   &(Found){ .of_root = true, .listeners = ret, .size = size });
}

int sockets_count_sessions(Sockets *sockets, uint16_t port, usec_t *ret_ends_in) {
        Found found = { .ends_in = USEC_INFINITY };
        int r;

        r = ask(sockets, STATES_SESSION, port, count_socket, &found);
        if (r >= 0)
                *ret_ends_in = found.ends_in;
        return r;
}

int sockets_count_bound(Sockets *sockets, uint16_t port) {
        return ask(sockets, STATES_BOUND, port, count_socket, &(Found){ 0 });
}

static int on_readable(sd_event_source *, int, uint32_t, void *userdata) {
        Sockets *sockets = userdata;

        if (netlink_receive(sockets->events) != 0)
                sockets->callback(sockets->userdata);
        return 0;
}

/* Replaces the filter before it in one step. Each message is one datagram, which the filter sees from its
 * header on. BPF_LD converts the port from network order. */
static int attach_filter(Netlink *netlink, const uint16_t *ports, size_t n_ports) {
        const uint32_t offset = MNL_NLMSG_HDRLEN + offsetof(struct inet_diag_msg, id.idiag_sport);
        struct sock_filter code[SOCKETS_WATCH_MAX + 3];
        struct sock_fprog program = { .filter = code };

        code[program.len++] = (struct sock_filter) BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offset);
        for (size_t i = 0; i < n_ports; i++)
                code[program.len++] = (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ports[i],
                                                                    (uint8_t) (n_ports - i), 0);
        code[program.len++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, 0);
        code[program.len++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);

        if (setsockopt(netlink_get_fd(netlink), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
                return -errno;
        return 0;
}

static int start_watch(Sockets *sockets, sd_event *event) {
        _cleanup_(sd_event_source_unrefp) sd_event_source *source = NULL;
        int r;

        r = sd_event_add_io(event, &source, netlink_get_fd(sockets->events), EPOLLIN, on_readable, sockets);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(source, "sockets-destroyed");

        /* The kernel tells of a dual-stack listener in the group of IPv6 only. */
        r = netlink_join(sockets->events, SKNLGRP_INET_TCP_DESTROY);
        if (r >= 0)
                r = netlink_join(sockets->events, SKNLGRP_INET6_TCP_DESTROY);
        if (r < 0) {
                netlink_leave(sockets->events, SKNLGRP_INET_TCP_DESTROY);
                return r;
        }

        sockets->source = TAKE_PTR(source);
        return 0;
}

int sockets_watch(Sockets *sockets, sd_event *event, const uint16_t *ports, size_t n_ports,
                  ChangeHandler callback, void *userdata) {
        int r;

        if (n_ports == 0 || n_ports > SOCKETS_WATCH_MAX)
                return -EINVAL;

        r = sockets->events ? 0 : netlink_new(&sockets->events, NETLINK_SOCK_DIAG);
        /* The filter comes before the groups, so that the kernel never queues a message of another port. */
        if (r >= 0)
                r = attach_filter(sockets->events, ports, n_ports);
        if (r >= 0 && !sockets->source)
                r = start_watch(sockets, event);
        if (r < 0)
                return r;

        sockets->callback = callback;
        sockets->userdata = userdata;
        return 0;
}

void sockets_unwatch(Sockets *sockets) {
        if (!sockets->source)
                return;

        /* The next watch tells the events that are still queued. */
        sockets->source = sd_event_source_disable_unref(sockets->source);
        netlink_leave(sockets->events, SKNLGRP_INET_TCP_DESTROY);
        netlink_leave(sockets->events, SKNLGRP_INET6_TCP_DESTROY);
}
