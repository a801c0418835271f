/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netlink.h"
#include "routes.h"
#include "sockets.h"

/* The bytes of a datagram, through every parser: nothing beyond them is read, what is taken is sound, and
 * what is refused leaves the output alone. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
        if (!condition)
                abort();
}

static void require_untouched(const void *output, size_t size) {
        for (size_t i = 0; i < size; i++)
                require(((const uint8_t *) output)[i] == 0xa5);
}

#define UNTOUCHED(output) memset(&(output), 0xa5, sizeof(output))

static int try_all(const struct nlmsghdr *message, void *userdata) {
        char text[INET6_ADDRSTRLEN];
        Listener listener;
        SocketEvent event;
        Address address;
        unsigned interface;
        uint16_t port;
        Route route;
        Link link;

        if (!message)
                return 0;
        ++*(unsigned *) userdata;

        UNTOUCHED(listener);
        if (sockets_parse_listener(message, &listener) == 0) {
                require(listener.family == AF_INET || listener.family == AF_INET6);
                require(!isempty(listener_format_address(&listener, text)));
        } else
                require_untouched(&listener, sizeof(listener));

        UNTOUCHED(port);
        if (sockets_parse_event(message, &event, &port) == 0)
                require(port > 0 && (event == SOCKET_LISTENER_CLOSED || event == SOCKET_SESSION_ENDED));
        else
                require_untouched(&port, sizeof(port));

        UNTOUCHED(link);
        if (routes_parse_link(message, &link) == 0)
                require(memchr(link.name, '\0', sizeof(link.name)));
        else
                require_untouched(&link, sizeof(link));

        UNTOUCHED(route);
        if (routes_parse_route(message, &route) < 0)
                require_untouched(&route, sizeof(route));

        UNTOUCHED(address);
        if (routes_parse_address(message, &address, &interface) == 1) {
                require(address.family == AF_INET || address.family == AF_INET6);
                require(!isempty(address_format(&address, text)));
                require(address.interface[0] == '\0');
        } else
                require_untouched(&address, sizeof(address));

        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ void *bytes = malloc(size); /* aligned, and no byte more, for the sanitizer */
        uint32_t port_id = 0, sequence = 0;
        unsigned shown = 0;
        int r;

        if (size > 0) {
                if (!bytes)
                        abort();
                memcpy(bytes, data, size);
        }
        if (size >= sizeof(struct nlmsghdr)) {
                port_id = ((const struct nlmsghdr *) bytes)->nlmsg_pid;
                sequence = ((const struct nlmsghdr *) bytes)->nlmsg_seq;
        }

        require(netlink_parse_events(bytes, size, try_all, &shown) == 0);
        r = netlink_parse_answer(bytes, size, port_id, sequence, try_all, &shown);
        require(r >= -4095 && r <= 1);
        require(shown <= 2 * (size / sizeof(struct nlmsghdr)));
        return 0;
}
