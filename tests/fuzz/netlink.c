/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/netlink.h"
#include "fuzz/fuzz.h"
#include "kernel/routes.h"
#include "kernel/sockets.h"

/* The bytes of a datagram go through every parser. A parser reads nothing beyond them, gives sound
 * output, and leaves the output alone if it refuses them. */

typedef struct Shown {
        unsigned n, last; /* the visit with this number fails; 0: none */
} Shown;

static int try_all(const struct nlmsghdr *message, void *userdata) {
        char text[INET6_ADDRSTRLEN], name[IF_NAMESIZE];
        Shown *shown = userdata;
        Listener listener;
        Address address;
        Route route;
        Link link;
        int r;

        require(message->nlmsg_len >= sizeof(*message));
        if (++shown->n == shown->last)
                return -ECANCELED;

        fuzz_untouched(listener);
        r = sockets_parse_listener(message, &listener);
        require(r == 0 || r == -EBADMSG);
        if (r == 0) {
                require(!isempty(endpoint_print_address(&listener.endpoint, text)));
                require(listener.endpoint.ipv6 == !!strchr(text, ':'));
        } else
                require_untouched(listener);

        fuzz_untouched(link);
        r = rtnetlink_parse_link(message, &link);
        require(r == 0 || r == -EBADMSG);
        if (r == 0) {
                require(memchr(link.name, '\0', sizeof(link.name)));
                require(link.kind <= LINK_VIRTIO);
        } else
                require_untouched(link);

        fuzz_untouched(name);
        r = rtnetlink_parse_rule(message, name);
        require(r == 0 || r == 1 || r == -EBADMSG);
        if (r == 1) {
                require(name[0] != '\0' && memchr(name, '\0', sizeof(name)));
        } else {
                require_untouched(name);
        }

        fuzz_untouched(route);
        r = rtnetlink_parse_route(message, &route);
        require(r == 0 || r == -EBADMSG);
        if (r < 0)
                require_untouched(route);

        fuzz_untouched(address);
        r = rtnetlink_parse_address(message, &address);
        require(r == 0 || r == 1 || r == -EBADMSG);
        if (r == 1) {
                require(!isempty(endpoint_print_address(&address.endpoint, text)));
                require(address.kind < _ADDRESS_KIND_MAX);
                require(address.kind == address_to_kind(&address.endpoint, 0) ||
                        address.kind == ADDRESS_TAILSCALE);
        } else {
                require_untouched(address);
        }

        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ void *bytes = malloc(size); /* aligned, and no byte more, for the sanitizer */
        uint32_t port_id = 0, sequence = 0;
        Shown answer = {}, again;
        int r;

        if (size > 0) {
                require(bytes);
                memcpy(bytes, data, size);
        }
        if (size >= sizeof(struct nlmsghdr)) {
                port_id = ((const struct nlmsghdr *) bytes)->nlmsg_pid;
                sequence = ((const struct nlmsghdr *) bytes)->nlmsg_seq;
        }

        r = netlink_parse_answer(bytes, size, port_id, sequence, try_all, &answer);
        require(r >= -4095 && r <= 1);
        require(answer.n <= size / sizeof(struct nlmsghdr));

        /* A visitor's error ends the parsing. */
        if (answer.n > 0) {
                again = (Shown){ .last = answer.n };
                require(netlink_parse_answer(bytes, size, port_id, sequence, try_all, &again) == -ECANCELED);
                require(again.n == answer.n);
        }
        return 0;
}
