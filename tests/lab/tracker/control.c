/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The test's requests. Each is one line; the answer is "ok ...", "refused ..." or "error ...":
 *
 *   guest                            fd: a socket on which the machine will hand over its filter
 *   claim PORT now|free|SECONDS none|HEX
 *                                    a program on Windows takes the port: at once or not at all, as soon as it
 *                                    can, or as soon as it can after some seconds; "none": the program doesn't
 *                                    listen, HEX: its greeting
 *   release PORT                     the programs that have the port end
 *   exclude A-B, include A-B         Windows gets, or loses, an excluded port range
 *   set NAME VALUE                   see switches[] and set_range()
 *   reservations                     the ports that Windows keeps for the machine
 *
 * PORT is a number: TCP, on every address. "udp/" may stand before it, and "@" with an IPv4 address behind it.
 */

#include <arpa/inet.h>

#include <stdio.h>

#include "tracker.h"

typedef struct Switch {
        const char *name;
        size_t offset;
} Switch;

#define SWITCH(name, member) \
        { name, offsetof(Switches, member) }

static const Switch switches[] = {
        /* The host takes so many ms for each answer; no source tells how long Windows takes. */
        SWITCH("delay", delay_ms),
        /* The host doesn't answer until this is off again: RequestPort() in GnsPortTracker.cpp waits without a
         * deadline. That a host does this is from people's reports. */
        SWITCH("silent", silent),
        /* Each call gets the verdict of the one before it: WSL 2.6.3, 2.7.0, 2.7.1 and 2.8.0 to 2.8.4. */
        SWITCH("late", late),
        /* The host's service itself fails: ENOBUFS (WslCoreGuestNetworkService.cpp). */
        SWITCH("broken", broken),
        /* The host decides by address, and a refused bind() returns a huge positive number: mode consomme. */
        SWITCH("consomme", consomme),
        /* A port is released by exact address: before WSL 2.8.5, and in any mode but mirrored. */
        SWITCH("by-address", by_address),
        /* Each bind of a tracked port restarts the time for which a port is kept: from WSL 2.7.1 on. */
        SWITCH("restart", restart),
        /* A bind of port 0 is tracked: from WSL 2.7.1 on. */
        SWITCH("port-zero", port_zero),
        /* Scans don't show bound sockets that don't listen: Linux before 6.8, which has no BOUND_INACTIVE state
         * (net/ipv4/inet_diag.c). */
        SWITCH("hide-idle", hide_idle),
        /* The host refuses each port of Windows' dynamic range: WSL 2.8.7 to 2.9.4. */
        SWITCH("deny-dynamic", deny_dynamic),
        /* The host refuses more than half of Windows' dynamic range: from WSL 2.9.5 on. */
        SWITCH("cap-dynamic", cap_dynamic),
        /* So many waits for the host end early with EINTR: before WSL 2.7.2. */
        SWITCH("interrupt", interrupt),
        /* ms between two scans; Microsoft's: 500 (c_sock_diag_refresh_delay). */
        SWITCH("scan", scan_ms),
        /* ms for which a port that no scan has seen is kept; Microsoft's: 60,000 (c_bind_timeout_seconds).
         */
        SWITCH("keep", keep_ms),
};

static bool parse_range(const char *text, uint16_t *ret_first, uint16_t *ret_last) {
        unsigned first, last;
        int n = sscanf(text, "%u-%u", &first, &last);

        if (n < 1 || first >= PORTS || (n == 2 && (last < first || last >= PORTS)))
                return false;
        *ret_first = (uint16_t) first;
        *ret_last = (uint16_t) (n == 2 ? last : first);
        return true;
}

static bool parse_port(char *text, Key *ret) {
        Key key = { .family = AF_UNSPEC, .protocol = TCP };
        char *address = strchr(text, '@');
        uint16_t last;

        if (address) {
                *address++ = '\0';
                key.family = AF_INET;
                if (inet_pton(AF_INET, address, &key.address) != 1)
                        return false;
        }
        if (strncmp(text, "udp/", 4) == 0) {
                key.protocol = UDP;
                text += 4;
        }
        if (!parse_range(text, &key.port, &last))
                return false;
        *ret = key;
        return true;
}

static bool set_range(Tracker *t, const char *name, const char *value) {
        uint16_t first, last;

        if (!parse_range(value, &first, &last))
                return false;
        if (strcmp(name, "dynamic-range") == 0) { /* Windows' dynamic ports */
                t->book.dynamic_first = first;
                t->book.dynamic_last = last;
        } else if (strcmp(name, "guest-range") == 0) { /* the machine's block of ephemeral ports */
                t->book.guest_first = first;
                t->book.guest_last = last;
        } else if (strcmp(name, "ignore") == 0) { /* [experimental] ignoredPorts= */
                for (unsigned port = first; port <= last; port++)
                        t->book.ignored[port] = true;
        } else
                return false;
        return true;
}

static bool set(Tracker *t, const char *name, const char *value) {
        for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
                if (strcmp(switches[i].name, name) == 0) {
                        *(uint64_t *) ((char *) &t->switches + switches[i].offset) = strtoull(value, NULL,
                                                                                              10);
                        return true;
                }
        if (strcmp(name, "dead") == 0) { /* the tracker dies */
                kill_tracker(t);
                return true;
        }
        return set_range(t, name, value);
}

static const char *claim(Tracker *t, char *port, const char *when, const char *greeting) {
        Key key;

        if (!parse_port(port, &key) || strlen(greeting) / 2 > sizeof(((Claim *) NULL)->greeting))
                return "error arguments";
        for (size_t i = 0; i < t->claims.n; i++)
                if (collide(&t->claims.items[i]->key, &key))
                        return "refused by Windows";

        Claim *new_claim = calloc(1, sizeof(*new_claim));
        if (!new_claim)
                err(EXIT_FAILURE, "calloc");
        *new_claim = (Claim){ .key = key,
                              .listen_fd = -1,
                              .listens = key.protocol == TCP && strcmp(greeting, "none") != 0 };
        if (new_claim->listens && strcmp(greeting, "-") != 0)
                for (const char *p = greeting;
                     sscanf(p, "%2hhx", (unsigned char *) &new_claim->greeting[new_claim->greeting_size]) ==
                     1;
                     p += 2)
                        new_claim->greeting_size++;
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): of pointers */
        append(&t->claims, new_claim);

        if (strcmp(when, "now") != 0 && strcmp(when, "free") != 0)
                new_claim->not_before_ms = now_ms() + (uint64_t) (strtod(when, NULL) * 1000);
        else if (!try_claim(t, new_claim)) {
                log_event(t, "claim-refused", "\"port\": %u", key.port);
                if (strcmp(when, "free") == 0)
                        return "ok waiting";
                drop_claims(t, &key);
                return "refused by the guest";
        }
        return "ok";
}

static void list_reservations(const Tracker *t, char *reply, size_t size) {
        size_t n = (size_t) snprintf(reply, size, "ok");

        /* NOLINTNEXTLINE(bugprone-too-small-loop-variable): there are two */
        for (uint8_t protocol = TCP; protocol < PROTOCOLS; protocol++)
                for (unsigned port = 0; port < PORTS && n + 32 < size; port++)
                        if (t->book.reserved[protocol][port] > 0)
                                n += (size_t) snprintf(reply + n, size - n, " %s/%u",
                                                       protocol_names[protocol], port);
}

void serve_test(Tracker *t) {
        char request[8192], reply[8192] = "ok";
        char *words[5] = { 0 }, *position = request;
        int fds[LAB_FDS_MAX];
        uint16_t first, last;
        Key key;

        if (lab_receive(STDIN_FILENO, request, sizeof(request), fds) <= 0)
                exit(EXIT_SUCCESS);
        for (size_t i = 0; i < 5; i++)
                if (!(words[i] = strsep(&position, " ")))
                        words[i] = (char *) "";

        if (strcmp(words[0], "guest") == 0 && fds[0] >= 0) {
                lab_close(t->guest.handshake_fd);
                t->guest.handshake_fd = fds[0];
                fds[0] = -1;
        } else if (strcmp(words[0], "claim") == 0)
                snprintf(reply, sizeof(reply), "%s", claim(t, words[1], words[2], words[3]));
        else if (strcmp(words[0], "release") == 0 && parse_port(words[1], &key)) {
                drop_claims(t, &key);
                log_event(t, "unclaimed", "\"port\": %u", key.port);
        } else if (strcmp(words[0], "exclude") == 0 && parse_range(words[1], &first, &last)) {
                for (unsigned port = first; port <= last; port++)
                        t->book.excluded[port]++;
        } else if (strcmp(words[0], "include") == 0 && parse_range(words[1], &first, &last)) {
                for (unsigned port = first; port <= last; port++)
                        t->book.excluded[port] -= t->book.excluded[port] > 0;
                try_waiting_claims(t);
        } else if (strcmp(words[0], "reservations") == 0)
                list_reservations(t, reply, sizeof(reply));
        else if (strcmp(words[0], "set") != 0 || !set(t, words[1], words[2]))
                snprintf(reply, sizeof(reply), "error request");

        lab_close_all(fds);
        (void) lab_send(STDIN_FILENO, reply, strlen(reply), NULL, 0);
}
