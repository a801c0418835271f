/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Windows' programs: each one claims a port, and may listen there (TCP) and greet whoever connects. They share
 * Windows' ports with the machine, so a port that the host keeps for the machine is refused to them. So is a
 * port of an excluded range, and one of the machine's own block, which the host reserves at the machine's boot
 * (AllocateEphemeralPortRange() in src/windows/service/exe/WslCoreGuestNetworkService.cpp).
 */

#include <arpa/inet.h>

#include "tracker.h"

static int listen_on(const Key *key) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(key->port) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (key->family == AF_INET)
                address.sin_addr.s_addr = key->address.s6_addr32[0];
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) < 0 ||
            bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, 64) < 0)
                err(EXIT_FAILURE, "Windows can't listen on %u", key->port);
        return fd;
}

static bool is_kept_for_guest(const Tracker *t, const Key *key) {
        if (!t->switches.consomme)
                return t->book.reserved[key->protocol][key->port] > 0 ||
                       (key->port >= t->book.guest_first && key->port <= t->book.guest_last);
        for (size_t i = 0; i < t->tracked.n; i++)
                if (collide(&t->tracked.items[i].key, key))
                        return true;
        return false;
}

bool try_claim(Tracker *t, Claim *claim) {
        if (t->book.excluded[claim->key.port] > 0 || is_kept_for_guest(t, &claim->key))
                return false;
        claim->held = true;
        if (claim->listens)
                claim->listen_fd = listen_on(&claim->key);
        log_event(t, "claimed", "\"port\": %u", claim->key.port);
        return true;
}

void try_waiting_claims(Tracker *t) {
        for (size_t i = 0; i < t->claims.n; i++)
                if (!t->claims.items[i]->held && t->claims.items[i]->not_before_ms <= now_ms())
                        (void) try_claim(t, t->claims.items[i]);
}

/* Resets the connection. An orderly end would leave a TIME_WAIT, of use to nobody here. */
static void close_client(Tracker *t, size_t i) {
        struct linger reset = { .l_onoff = 1 };

        setsockopt(t->clients.items[i].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(t->clients.items[i].fd);
        remove_at(&t->clients, i);
}

void drop_claims(Tracker *t, const Key *key) {
        for (size_t i = t->claims.n; i-- > 0;) {
                Claim *claim = t->claims.items[i];

                if (!collide(&claim->key, key))
                        continue;
                for (size_t k = t->clients.n; k-- > 0;)
                        if (t->clients.items[k].claim == claim)
                                close_client(t, k);
                lab_close(claim->listen_fd);
                remove_at(&t->claims, i);
                free(claim);
        }
}

void accept_client(Tracker *t, const Claim *claim) {
        int fd = accept4(claim->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0)
                return;
        if (claim->greeting_size > 0)
                (void) send(fd, claim->greeting, claim->greeting_size, MSG_NOSIGNAL);
        if (t->clients.n == CLIENTS_MAX)
                close_client(t, 0);
        append(&t->clients, ((Client){ .fd = fd, .claim = claim }));
}

void serve_client(Tracker *t, size_t i) {
        char ignored[1024];

        if (recv(t->clients.items[i].fd, ignored, sizeof(ignored), 0) <= 0)
                close_client(t, i);
}
