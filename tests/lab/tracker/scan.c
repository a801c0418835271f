/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The machine's sockets, by sock_diag. Follows ListAllocatedPorts() in Microsoft's
 * src/linux/init/GnsPortTracker.cpp. */

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tracker.h"

#define OBSERVE_MS 50
#define TCP_BOUND_INACTIVE 13

typedef void (*socket_handler_t)(Tracker *t, uint8_t protocol, const struct inet_diag_msg *socket);

/* Calls `handler` for each socket of the machine that is in one of `states`. */
static void dump(Tracker *t, uint8_t family, uint8_t protocol, uint32_t states, socket_handler_t handler) {
        static char buffer[256 * 1024] __attribute__((aligned(8)));
        struct {
                struct nlmsghdr header;
                struct inet_diag_req_v2 request;
        } question = { 0 };

        question.header.nlmsg_len = sizeof(question);
        question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
        question.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        question.request.sdiag_family = family;
        question.request.sdiag_protocol = protocol == TCP ? IPPROTO_TCP : IPPROTO_UDP;
        question.request.idiag_states = states;

        if (send(t->guest.diag_fd, &question, sizeof(question), 0) < 0)
                err(EXIT_FAILURE, "sock_diag");
        for (;;) {
                ssize_t n = recv(t->guest.diag_fd, buffer, sizeof(buffer), 0);
                if (n < 0)
                        err(EXIT_FAILURE, "sock_diag");

                size_t left = (size_t) n;
                for (struct nlmsghdr *m = (struct nlmsghdr *) buffer; NLMSG_OK(m, left);
                     m = NLMSG_NEXT(m, left)) {
                        if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR)
                                return;
                        handler(t, protocol, NLMSG_DATA(m));
                }
        }
}

static Key key_of(uint8_t protocol, const struct inet_diag_msg *socket) {
        Key key = { .port = ntohs(socket->id.idiag_sport),
                    .family = socket->idiag_family,
                    .protocol = protocol };

        memcpy(&key.address, socket->id.idiag_src, key.family == AF_INET ? 4 : 16);
        return key;
}

static void add_to_scan(Tracker *t, uint8_t protocol, const struct inet_diag_msg *socket) {
        append(&t->scan.keys, key_of(protocol, socket));
}

/* The tracker's own scan. */
void scan_sockets(Tracker *t) {
        uint32_t states = ~0U;

        if (t->switches.hide_idle)
                states &= ~(1U << TCP_BOUND_INACTIVE);
        t->scan.keys.n = 0;
        /* NOLINTNEXTLINE(bugprone-too-small-loop-variable): there are two */
        for (uint8_t protocol = TCP; protocol < PROTOCOLS; protocol++) {
                dump(t, AF_INET, protocol, states, add_to_scan);
                dump(t, AF_INET6, protocol, states, add_to_scan);
        }
        t->scan.done = true;
        t->scan.time_ms = now_ms();
        t->scan.due_ms = NEVER;
}

void remember_binder(Tracker *t, const Call *call) {
        char path[64];
        struct stat status;

        snprintf(path, sizeof(path), "/proc/%d/fd/%d", call->pid, call->fd);
        if (stat(path, &status) < 0)
                return;

        Binder binder = { .inode = status.st_ino, .pid = call->pid };
        memcpy(binder.command, call->command, sizeof(binder.command));
        append(&t->binders, binder);
}

static void see_listener(Tracker *t, uint8_t protocol, const struct inet_diag_msg *socket) {
        const Binder *binder = NULL;
        char text[256];

        for (size_t i = 0; i < t->listeners.n; i++)
                if (t->listeners.items[i].inode == socket->idiag_inode) {
                        t->listeners.items[i].present = true;
                        return;
                }

        Key key = key_of(protocol, socket);
        for (size_t i = 0; i < t->binders.n; i++)
                if (t->binders.items[i].inode == socket->idiag_inode)
                        binder = &t->binders.items[i];
        append(&t->listeners,
               ((Listener){ .inode = socket->idiag_inode, .port = key.port, .present = true }));
        log_event(t, "listening", "%s, \"command\": \"%s\", \"pid\": %d", format_key(&key, text),
                  binder ? binder->command : "", binder ? binder->pid : 0);
}

/* Logs who listens and who has stopped. Microsoft's tracker has no such thing: it changes nothing in the
 * machine. */
void observe_listeners(Tracker *t) {
        for (size_t i = 0; i < t->listeners.n; i++)
                t->listeners.items[i].present = false;
        dump(t, AF_INET, TCP, 1U << TCP_LISTEN, see_listener);
        dump(t, AF_INET6, TCP, 1U << TCP_LISTEN, see_listener);
        for (size_t i = t->listeners.n; i-- > 0;)
                if (!t->listeners.items[i].present) {
                        log_event(t, "closed", "\"port\": %u", t->listeners.items[i].port);
                        remove_at(&t->listeners, i);
                }
        t->observe_due_ms = now_ms() + OBSERVE_MS;
}
