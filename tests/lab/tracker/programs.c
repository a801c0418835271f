/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Windows' programs: each one claims a TCP port, and may listen there and greet whoever connects. They share
 * Windows' ports with the machine, so a port that the host has reserved for the machine is refused to them.
 */

#include "tracker.h"

Claim *find_claim(const Tracker *t, uint16_t port) {
        for (size_t i = 0; i < t->claims.n; i++)
                if (t->claims.items[i]->port == port)
                        return t->claims.items[i];
        return NULL;
}

static int listen_on(uint16_t port) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) < 0 ||
            bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, 64) < 0)
                err(EXIT_FAILURE, "Windows can't listen on %u", port);
        return fd;
}

bool try_claim(Tracker *t, Claim *claim) {
        if (t->book.reserved[TCP][claim->port] > 0)
                return false;
        claim->held = true;
        if (claim->listens)
                claim->listen_fd = listen_on(claim->port);
        log_event(t, "claimed", "\"port\": %u", claim->port);
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

void drop_claim(Tracker *t, uint16_t port) {
        for (size_t i = t->claims.n; i-- > 0;) {
                Claim *claim = t->claims.items[i];

                if (claim->port != port)
                        continue;
                lab_close(claim->listen_fd);
                remove_at(&t->claims, i);
                free(claim);
        }
        for (size_t i = t->clients.n; i-- > 0;)
                if (t->clients.items[i].port == port)
                        close_client(t, i);
}

void accept_client(Tracker *t, const Claim *claim) {
        int fd = accept4(claim->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0)
                return;
        if (claim->greeting_size > 0)
                (void) send(fd, claim->greeting, claim->greeting_size, MSG_NOSIGNAL);
        if (t->clients.n == CLIENTS_MAX)
                close_client(t, 0);
        append(&t->clients, ((Client){ .fd = fd, .port = claim->port }));
}

void serve_client(Tracker *t, size_t i) {
        char ignored[1024];

        if (recv(t->clients.items[i].fd, ignored, sizeof(ignored), 0) <= 0)
                close_client(t, i);
}
