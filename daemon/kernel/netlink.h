/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libmnl/libmnl.h>

#include "base/util.h"

/* A netlink socket that talks with the kernel and nobody else. Use one for requests and another for events.
 *
 * connect() gives it its port id, never bind(): WSL's port tracker holds up every bind(), a netlink one too,
 * until Windows has answered, and each bind() postpones the release of Windows' ports.
 *
 * The kernel carries out a request inside sendmsg(), so that the answer is queued when sendmsg() returns,
 * and no function here ever waits. */
typedef struct Netlink Netlink;

/* Gets one message, whose header has a checked length and whose payload is unchecked. NULL comes first of
 * all, and again where the request is repeated: then the function forgets all messages before. Returns 0 to
 * go on, or a negative errno, which ends the request and becomes its result. */
typedef int (*NetlinkVisit)(const struct nlmsghdr *message, void *userdata);

/* @protocol is NETLINK_ROUTE or NETLINK_SOCK_DIAG. */
int netlink_new(Netlink **ret, int protocol);
void netlink_free(Netlink *netlink);
DEFINE_TRIVIAL_CLEANUP(Netlink *, netlink_free);

/* For poll(). The fd remains the object's. */
int netlink_get_fd(const Netlink *netlink);

/* Sends @request, after adding flags, sequence and port id to its header, and shows each message of the
 * answer to @visit; with NLM_F_DUMP, the whole list. Repeats a request whose answer was interrupted or lost.
 * Returns 0, the kernel's own error, @visit's, or -EAGAIN if the kernel gave no complete answer. */
int netlink_ask(Netlink *netlink, struct nlmsghdr *request, NetlinkVisit visit, void *userdata);

/* @group is a number (RTNLGRP_…, SKNLGRP_…), not a mask. */
int netlink_join(Netlink *netlink, unsigned group);
void netlink_leave(Netlink *netlink, unsigned group);

/* Takes the queued events off the socket, at most as many as is fair to other event sources: the rest keep the
 * socket readable. No event says enough by itself, so that whoever waits for events asks the kernel for the
 * state. Returns 1 if there were events, or the kernel has dropped some, 0 if there were none, or a negative
 * errno. */
int netlink_receive(Netlink *netlink);

static inline bool netlink_has_attribute(const struct nlattr *attribute, const char *end) {
        return mnl_attr_ok(attribute, (int) (end - (const char *) attribute));
}

/* Replaces mnl_attr_for_each(), which reads up to 3 bytes beyond the message, to where the next one would
 * begin. */
#define NETLINK_FOREACH_ATTRIBUTE(attribute, message, header_size)                                \
        for ((attribute) = mnl_nlmsg_get_payload_offset((message), (header_size));                \
             netlink_has_attribute((attribute), (const char *) (message) + (message)->nlmsg_len); \
             (attribute) = mnl_attr_next(attribute))

#define NETLINK_FOREACH_NESTED(attribute, nest)                                           \
        for ((attribute) = mnl_attr_get_payload(nest);                                    \
             netlink_has_attribute((attribute), (const char *) (nest) + (nest)->nla_len); \
             (attribute) = mnl_attr_next(attribute))

/* netlink_ask()'s reading of a datagram, whose bytes are aligned as struct nlmsghdr. Skips messages that
 * aren't for this socket or request. Returns 1 where more must follow, 0 at the end of the answer, or its
 * negative errno (-EAGAIN: interrupted). */
int netlink_parse_answer(const void *bytes, size_t length, uint32_t port_id, uint32_t sequence,
                         NetlinkVisit visit, void *userdata);
