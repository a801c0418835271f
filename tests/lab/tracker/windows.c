/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The host's verdict on a bind of the machine's, and its book of ports. Follows OnPortAllocationRequest() in
 * Microsoft's src/windows/service/exe/WslCoreGuestNetworkService.cpp.
 */

#include <arpa/inet.h>

#include "tracker.h"

/* Addresses and ports that the host allows without an entry in its book: IPv4 loopback addresses other than
 * 127.0.0.1 (IsPortAllocationLoopbackException), port 53 and [experimental] ignoredPorts= (m_ignoredPorts),
 * and the machine's own block of ephemeral ports (IsPortInGuestEphemeralRange). */
static bool needs_no_entry(const Tracker *t, const Key *key) {
        const uint8_t *address = key->address.s6_addr;
        bool other_loopback = key->family == AF_INET && address[0] == 127 &&
                              ntohl(key->address.s6_addr32[0]) != INADDR_LOOPBACK;

        return other_loopback || key->port == 53 || t->book.ignored[key->port] ||
               (key->port >= t->book.guest_first && key->port <= t->book.guest_last);
}

int host_reserve(Tracker *t, const Key *key) {
        unsigned *count = &t->book.reserved[key->protocol][key->port];
        Claim *claim = find_claim(t, key->port);

        if (t->switches.interrupt > 0) {
                t->switches.interrupt--;
                return EINTR;
        }
        if (t->switches.broken)
                return ENOBUFS;
        if (needs_no_entry(t, key))
                return 0;
        if (*count == 0) {
                if (t->switches.deny_dynamic && key->port >= t->book.dynamic_first &&
                    key->port <= t->book.dynamic_last)
                        return EADDRINUSE;
                if (t->book.excluded[key->port] > 0 || (key->protocol == TCP && claim && claim->held))
                        return EADDRINUSE;
        }
        (*count)++;
        return 0;
}

void host_release(Tracker *t, const Key *key) {
        char text[256];
        unsigned *count = &t->book.reserved[key->protocol][key->port];

        if (needs_no_entry(t, key) || *count == 0)
                return;
        (*count)--;
        log_event(t, "released", "%s, \"left\": %u", format_key(key, text), *count);
        try_waiting_claims(t);
}
