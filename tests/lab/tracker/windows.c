/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The host's verdict on a bind of the machine's, and its book of ports. In mirrored mode it follows
 * OnPortAllocationRequest() in Microsoft's src/windows/service/exe/WslCoreGuestNetworkService.cpp: addresses
 * don't count, and each further bind of a port that the machine has raises a count. With consomme it follows
 * HandlePortNotification() in src/windows/common/ConsommeNetworking.cpp: the host binds the very address.
 */

#include <arpa/inet.h>

#include "tracker.h"

/* IPv4 loopback addresses other than 127.0.0.1 (IsPortAllocationLoopbackException). */
static bool is_other_loopback(const Key *key) {
        return key->family == AF_INET && key->address.s6_addr[0] == 127 &&
               ntohl(key->address.s6_addr32[0]) != INADDR_LOOPBACK;
}

static bool in_guest_block(const Tracker *t, unsigned port) {
        return port >= t->book.guest_first && port <= t->book.guest_last;
}

/* Addresses and ports that the host allows without an entry in its book. Besides other loopback addresses these
 * are port 53 and [experimental] ignoredPorts= (m_ignoredPorts), and the machine's own block of ephemeral ports
 * (IsPortInGuestEphemeralRange). */
static bool needs_no_entry(const Tracker *t, const Key *key) {
        if (t->switches.consomme)
                return is_other_loopback(key);
        return is_other_loopback(key) || key->port == 53 || t->book.ignored[key->port] ||
               in_guest_block(t, key->port);
}

/* WSL 2.8.7 to 2.9.4 refuse each port of Windows' dynamic range. From 2.9.5 on the machine may have half of the
 * range, and its own block counts where both overlap (ComputeHostEphemeralPortCap, ComputeHostEphemeralOverlap). */
static bool is_refused_as_dynamic(const Tracker *t, const Key *key) {
        unsigned first = t->book.dynamic_first, last = t->book.dynamic_last, in_use = 0;

        if (key->port < first || key->port > last)
                return false;
        if (t->switches.deny_dynamic)
                return true;
        if (!t->switches.cap_dynamic)
                return false;
        for (unsigned port = first; port <= last; port++)
                in_use += t->book.reserved[key->protocol][port] > 0 || in_guest_block(t, port);
        return in_use >= (last - first + 1) / 2;
}

static bool is_held_by_windows(const Tracker *t, const Key *key) {
        for (size_t i = 0; i < t->claims.n; i++) {
                const Claim *claim = t->claims.items[i];

                if (claim->held &&
                    (t->switches.consomme ? collide(&claim->key, key) : same_port(&claim->key, key)))
                        return true;
        }
        return false;
}

int host_reserve(Tracker *t, const Key *key) {
        unsigned *count = &t->book.reserved[key->protocol][key->port];
        bool is_new = t->switches.consomme || *count == 0;

        if (t->switches.interrupt > 0) {
                t->switches.interrupt--;
                return EINTR;
        }
        if (t->switches.broken)
                return ENOBUFS;
        if (needs_no_entry(t, key))
                return 0;
        if (is_new &&
            (is_refused_as_dynamic(t, key) || t->book.excluded[key->port] > 0 || is_held_by_windows(t, key)))
                return EADDRINUSE;
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
