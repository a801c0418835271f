/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libmnl/libmnl.h>

#include "base/util.h"

/* A netlink socket that talks with the kernel and no one else. Use one for requests and another for events.
 *
 * It is given its port id by connect(), never by bind(): WSL's port tracker holds up every bind() until
 * Windows has answered, a netlink one too, and each one postpones what the tracker gives back to Windows.
 *
 * The kernel works a request off inside sendmsg(), so that the answer is queued when that returns, and no
 * function here ever waits. */
typedef struct Netlink Netlink;

/* Is shown one message; its header's length has been checked, its payload hasn't. A request may have to be
 * asked again: then, and first of all, it is called with NULL, and forgets what it was shown before.
 * 0 goes on, a negative errno ends it and becomes the result. */
typedef int (*NetlinkVisit)(const struct nlmsghdr *message, void *userdata);

/* @protocol is NETLINK_ROUTE, NETLINK_SOCK_DIAG… */
int netlink_new(Netlink **ret, int protocol);
Netlink *netlink_free(Netlink *netlink);
DEFINE_TRIVIAL_CLEANUP(Netlink *, netlink_free);

/* To be polled; remains the object's. */
int netlink_get_fd(const Netlink *netlink);

/* Sends @request, to whose header flags, sequence and port id are added, and shows each message of the
 * answer; the whole list with NLM_F_DUMP. An answer that was interrupted or lost is asked for again. Returns
 * 0, the kernel's own error, @visit's, or -EAGAIN where no whole answer was to be had. */
int netlink_ask(Netlink *netlink, struct nlmsghdr *request, NetlinkVisit visit, void *userdata);

/* Multicast groups are numbers (RTNLGRP_…, SKNLGRP_…), not masks. */
int netlink_join(Netlink *netlink, unsigned group);
int netlink_leave(Netlink *netlink, unsigned group);

/* Shows the events that are queued, at most as many as is fair to others: the rest keep the socket readable.
 * Returns 0, @visit's error, or, when all the others were shown, -ENOBUFS: some were lost, so that only
 * asking the kernel for the state tells what it is. */
int netlink_receive(Netlink *netlink, NetlinkVisit visit, void *userdata);

static inline bool netlink_has_attribute(const struct nlmsghdr *message, const struct nlattr *attribute) {
        const char *end = (const char *) message + message->nlmsg_len;

        return mnl_attr_ok(attribute, (int) (end - (const char *) attribute));
}

/* As mnl_attr_for_each(), which takes a message to end where the next one would begin, up to 3 bytes on. */
#define NETLINK_FOREACH_ATTRIBUTE(attribute, message, header_size)                 \
        for ((attribute) = mnl_nlmsg_get_payload_offset((message), (header_size)); \
             netlink_has_attribute((message), (attribute)); (attribute) = mnl_attr_next(attribute))

/* What netlink_ask() does with the bytes of a datagram, which are aligned as struct nlmsghdr; others'
 * messages are skipped. Returns 1 where more must follow, 0 at the end of the answer, or its negative errno
 * (-EAGAIN: interrupted). */
int netlink_parse_answer(const void *bytes, size_t length, uint32_t port_id, uint32_t sequence,
                         NetlinkVisit visit, void *userdata);

/* What netlink_receive() does with the bytes of a datagram. */
int netlink_parse_events(const void *bytes, size_t length, NetlinkVisit visit, void *userdata);
