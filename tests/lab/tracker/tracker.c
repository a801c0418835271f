/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The tracker's loop, and its list of the ports that the host has allowed. Follows Run(), HandleRequest(),
 * TrackPort() and OnRefreshAllocatedPorts() in Microsoft's src/linux/init/GnsPortTracker.cpp.
 */

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

#include "tracker.h"

/* How long the loop waits for a scan under way, after each request (c_sock_diag_poll_timeout). */
#define ANSWER_TIME_MS 10

/* Claims beyond these are not listened for. */
#define CLAIMS_MAX 256

/* Why the loop waits; any wait ends at its deadline too. */
typedef enum Awaited {
        AWAIT_DEADLINE,
        AWAIT_CALL, /* of the machine's */
        AWAIT_SCAN, /* the one that is under way */
} Awaited;

uint64_t now_ms(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

static uint64_t earliest(uint64_t a, uint64_t b) {
        return a < b ? a : b;
}

bool same_port(const Key *a, const Key *b) {
        return a->port == b->port && a->protocol == b->protocol;
}

bool same_key(const Key *a, const Key *b) {
        return same_port(a, b) && a->family == b->family &&
               memcmp(&a->address, &b->address, sizeof(a->address)) == 0;
}

static bool is_wildcard(const Key *key) {
        return key->family == AF_UNSPEC || IN6_IS_ADDR_UNSPECIFIED(&key->address);
}

/* It is a guess that a wildcard collides with each address: with some socket options Windows allows both. */
bool collide(const Key *a, const Key *b) {
        if (!same_port(a, b))
                return false;
        if (a->family == AF_UNSPEC || b->family == AF_UNSPEC)
                return true;
        return a->family == b->family && (is_wildcard(a) || is_wildcard(b) || same_key(a, b));
}

/* ---- waiting ---- */

typedef struct Polled {
        struct pollfd fds[3 + CLAIMS_MAX + CLIENTS_MAX];
        size_t n_claims, n_clients;
} Polled;

enum { POLLED_TEST, POLLED_HANDSHAKE, POLLED_FILTER, POLLED_CLAIMS };

/* Fills `ret` with all that can become readable. Returns when something is due. */
static uint64_t prepare_poll(const Tracker *t, Awaited awaited, uint64_t now, Polled *ret) {
        uint64_t due = earliest(t->scan.due_ms, t->observe_due_ms);
        size_t n = POLLED_CLAIMS;

        ret->n_claims = t->claims.n < CLAIMS_MAX ? t->claims.n : CLAIMS_MAX;
        ret->n_clients = t->clients.n;
        ret->fds[POLLED_TEST] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
        ret->fds[POLLED_HANDSHAKE] = (struct pollfd){ .fd = t->guest.handshake_fd, .events = POLLIN };
        ret->fds[POLLED_FILTER] = /* and POLLHUP */
                        (struct pollfd){ .fd = t->guest.filter_fd,
                                         .events = awaited == AWAIT_CALL ? POLLIN : 0 };

        for (size_t i = 0; i < ret->n_claims; i++) {
                const Claim *claim = t->claims.items[i];

                ret->fds[n++] = (struct pollfd){ .fd = claim->listen_fd, .events = POLLIN };
                if (!claim->held && claim->not_before_ms > now)
                        due = earliest(due, claim->not_before_ms);
        }
        for (size_t i = 0; i < ret->n_clients; i++)
                ret->fds[n++] = (struct pollfd){ .fd = t->clients.items[i].fd, .events = POLLIN };
        return due;
}

/* Waits for `awaited`, and serves everybody but the machine meanwhile. Returns whether a call of the
 * machine's can be read; false, too, when the machine or the tracker has gone, or the test has changed
 * something about the host. */
static bool wait_for(Tracker *t, Awaited awaited, uint64_t deadline_ms) {
        for (;;) {
                Polled polled;
                unsigned generation = t->guest.generation;
                uint64_t now = now_ms();

                if (t->guest.diag_fd >= 0 && t->scan.due_ms <= now)
                        scan_sockets(t);
                if (t->guest.diag_fd >= 0 && t->observe_due_ms <= now)
                        observe_listeners(t);
                if ((awaited == AWAIT_SCAN && t->scan.done) || now >= deadline_ms)
                        return false;

                uint64_t until = earliest(deadline_ms, prepare_poll(t, awaited, now, &polled));
                size_t first_client = POLLED_CLAIMS + polled.n_claims;
                if (poll(polled.fds, first_client + polled.n_clients,
                         until == NEVER ? -1 : (int) (until - now)) < 0)
                        err(EXIT_FAILURE, "poll");
                try_waiting_claims(t);

                for (size_t i = polled.n_clients; i-- > 0;)
                        if (polled.fds[first_client + i].revents)
                                serve_client(t, i);
                for (size_t i = 0; i < polled.n_claims; i++)
                        if (polled.fds[POLLED_CLAIMS + i].revents)
                                accept_client(t, t->claims.items[i]);
                if (polled.fds[POLLED_HANDSHAKE].revents)
                        welcome_guest(t);
                else if (polled.fds[POLLED_FILTER].revents & POLLIN)
                        return true;
                else if (polled.fds[POLLED_FILTER].revents) /* nobody is beneath the filter any more */
                        forget_guest(t);
                if (polled.fds[POLLED_TEST].revents) { /* last: it may change anything */
                        serve_test(t);
                        if (awaited == AWAIT_DEADLINE)
                                return false;
                }
                if (t->guest.generation != generation)
                        return false;
        }
}

/* Waits for the host's answer about `key`, as long as the host takes; the tracker can do nothing else meanwhile.
 * Returns false when the machine that asked has gone, or the tracker has died. */
static bool await_host(Tracker *t, const Key *key) {
        uint64_t asked = now_ms();
        unsigned generation = t->guest.generation;
        char text[256];

        if (t->switches.silent || t->switches.delay_ms > 0)
                log_event(t, "waiting", "%s", format_key(key, text));
        while (t->guest.generation == generation &&
               (t->switches.silent || now_ms() < asked + t->switches.delay_ms))
                (void) wait_for(t, AWAIT_DEADLINE,
                                t->switches.silent ? NEVER : asked + t->switches.delay_ms);
        return t->guest.generation == generation;
}

/* ---- binds ---- */

static Tracked *find_tracked(Tracker *t, const Key *key) {
        for (size_t i = 0; i < t->tracked.n; i++)
                if (same_key(&t->tracked.items[i].key, key))
                        return &t->tracked.items[i];
        return NULL;
}

/* Returns 0, or the errno of a refusal; the value means nothing if the machine goes meanwhile. */
static int decide(Tracker *t, const Call *call, const Key *key, bool *ret_asked) {
        Tracked *tracked = find_tracked(t, key);
        char text[256];

        remember_binder(t, call);
        *ret_asked = !tracked;
        if (!tracked) {
                if (!await_host(t, key))
                        return 0;

                const unsigned *reserved = &t->book.reserved[key->protocol][key->port];
                bool was_free = *reserved == 0;
                int verdict = host_reserve(t, key);
                if (verdict != 0)
                        return verdict;
                if (was_free && *reserved > 0)
                        log_event(t, "reserved", "%s, \"command\": \"%s\", \"pid\": %d",
                                  format_key(key, text), call->command, call->pid);
                append(&t->tracked, ((Tracked){ .key = *key }));
                tracked = &t->tracked.items[t->tracked.n - 1];
        } else if (!t->switches.restart)
                return 0;
        tracked->seen = false;
        tracked->expires_ms = now_ms() + t->switches.keep_ms;
        return 0;
}

static const char *name_verdict(const Tracker *t, int verdict) {
        return verdict == 0            ? "allow"
               : t->switches.consomme  ? "positive"
               : verdict == EADDRINUSE ? "EADDRINUSE"
               : verdict == EINTR      ? "EINTR"
                                       : "ENOBUFS";
}

static void log_verdict(Tracker *t, const char *event, const Call *call, const Key *key, bool asked,
                        int verdict, int given) {
        char text[256];

        log_event(t, event,
                  "%s, \"pid\": %d, \"command\": \"%s\", \"cgroup\": \"%s\", \"asked\": %s, "
                  "\"verdict\": \"%s\", \"given\": \"%s\"",
                  format_key(key, text), call->pid, call->command, call->cgroup, asked ? "true" : "false",
                  name_verdict(t, verdict), name_verdict(t, given));
}

/* The number with which the call returns, negated; see struct seccomp_notif_resp. With consomme Microsoft's answer
 * is a negative HRESULT, negated once more, so that the caller gets a huge positive number and no error. Which
 * HRESULT that is, is a guess: that of WSAEADDRINUSE. */
static int error_of(const Tracker *t, int verdict) {
        return verdict == 0 ? 0 : t->switches.consomme ? -(int) 0x80072740 : -verdict;
}

/* Follows ResolvePortZeroBind(): the call has gone on, and the kernel is about to choose a port. The tracker looks
 * for it up to 25 times, 10 ms apart, and hears no other call meanwhile. The host's verdict can't be enforced. */
static void resolve_autobind(Tracker *t, const Call *call, Key *key) {
        unsigned generation = t->guest.generation;
        bool asked;

        for (int attempt = 0; attempt < 25; attempt++) {
                if (attempt > 0)
                        (void) wait_for(t, AWAIT_DEADLINE, now_ms() + 10);
                if (t->guest.generation != generation || !read_name(call->socket_fd, key))
                        return;
                if (key->port != 0)
                        break;
        }
        if (key->port == 0)
                return;
        int verdict = decide(t, call, key, &asked);
        if (t->guest.generation == generation)
                log_verdict(t, "autobind", call, key, asked, verdict, 0);
}

static void serve_call(Tracker *t, const Call *call, Key *key) {
        bool asked = false;
        int verdict = 0;
        unsigned generation = t->guest.generation;

        if (call->kind == CALL_ADDRESS)
                verdict = decide(t, call, key, &asked);
        if (t->guest.generation != generation)
                return;

        int given = verdict;
        if (t->switches.late) {
                given = t->last_verdict;
                t->last_verdict = verdict;
        }
        if (call->kind == CALL_ADDRESS)
                log_verdict(t, call->is_listen ? "listen" : "bind", call, key, asked, verdict, given);
        answer_call(t, call, error_of(t, given));
        if (call->kind == CALL_AUTOBIND)
                resolve_autobind(t, call, key);
}

/* Follows RunPortTracker() in Microsoft's src/linux/init/localhost.cpp: whoever sets an interface's flags, in any
 * network namespace, waits for the host. It is a guess that the host has nothing against it. */
static void serve_interface(Tracker *t, const Call *call) {
        unsigned generation = t->guest.generation;

        log_event(t, "interface", "\"port\": 0, \"pid\": %d, \"command\": \"%s\"", call->pid, call->command);
        (void) await_host(t, &(Key){ .family = AF_INET });
        if (t->guest.generation == generation)
                answer_call(t, call, 0);
}

/* Returns false for a call that postpones no release, as Microsoft's tracker doesn't hear of it. */
static bool serve_next(Tracker *t) {
        Call call = { .socket_fd = -1 };
        Key key = { .family = AF_UNSPEC };

        if (receive_call(t, &call, &key)) {
                if (call.kind == CALL_INTERFACE)
                        serve_interface(t, &call);
                else
                        serve_call(t, &call, &key);
        }
        if (call.socket_fd >= 0)
                close(call.socket_fd);
        return call.kind != CALL_INTERFACE;
}

/* ---- releases ---- */

/* Gives back what the last scan doesn't show any more. */
static void give_back(Tracker *t) {
        for (size_t i = t->tracked.n; i-- > 0;) {
                Tracked *tracked = &t->tracked.items[i];
                bool present = false;

                for (size_t k = 0; k < t->scan.keys.n && !present; k++)
                        present = t->switches.by_address ? same_key(&t->scan.keys.items[k], &tracked->key)
                                                         : same_port(&t->scan.keys.items[k], &tracked->key);
                if (present && !tracked->seen) {
                        char text[256];

                        tracked->seen = true;
                        log_event(t, "seen", "%s", format_key(&tracked->key, text));
                } else if (present)
                        continue;
                else if (tracked->seen || tracked->expires_ms < t->scan.time_ms) {
                        Key key = tracked->key;

                        if (!await_host(t,
                                        &key)) /* the host is asked about releases as about reservations */
                                return;
                        host_release(t, &key);
                        remove_at(&t->tracked, i);
                }
        }
}

/* ---- the loop ---- */

/* One turn of the loop in Run(). */
static void turn(Tracker *t) {
        bool has_call = wait_for(t, AWAIT_CALL,
                                 t->guest.filter_fd >= 0 ? now_ms() + t->switches.scan_ms : NEVER) &&
                        serve_next(t);

        if (t->guest.filter_fd < 0)
                return;

        if (t->scan.due_ms != NEVER)
                (void) wait_for(t, AWAIT_SCAN, now_ms() + ANSWER_TIME_MS);
        if (t->scan.done) {
                if (!has_call) /* otherwise the scan may be older than the bind, and is thrown away */
                        give_back(t);
                t->scan.done = false;
        }
        if (t->scan.due_ms == NEVER && t->tracked.n > 0)
                t->scan.due_ms = now_ms() + t->switches.scan_ms;
}

int main(int argc, char **argv) {
        static Tracker t = {
                .switches = { .scan_ms = 500, .keep_ms = 60 * 1000, .restart = 1, .port_zero = 1 },
                .guest = { .handshake_fd = -1, .filter_fd = -1, .diag_fd = -1 },
                .scan = { .due_ms = NEVER },
                .observe_due_ms = NEVER,
                .book = { .dynamic_first = 49152,
                          .dynamic_last = 65535,
                          .guest_first = 40000,
                          .guest_last = 44095 },
        };
        char text[32];

        if (argc != 2)
                errx(EXIT_FAILURE, "Usage: lab-tracker LOG-FD");
        t.log_fd = atoi(argv[1]);

        /* The neighbour on the LAN is no more than a network namespace; this process keeps it alive. */
        if (unshare(CLONE_NEWNET) < 0)
                err(EXIT_FAILURE, "unshare");
        int lan_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (unshare(CLONE_NEWNET) < 0)
                err(EXIT_FAILURE, "unshare");
        t.host_network_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (lan_fd < 0 || t.host_network_fd < 0)
                err(EXIT_FAILURE, "/proc/self/ns/net");

        int n = snprintf(text, sizeof(text), "ready %d", lan_fd);
        if (lab_send(STDIN_FILENO, text, (size_t) n, NULL, 0) < 0)
                return EXIT_FAILURE;
        for (;;)
                turn(&t);
}
