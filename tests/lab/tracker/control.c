/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The test's requests. Each is one line; the answer is "ok ...", "refused ..." or "error ...":
 *
 *   guest                            fd: a socket on which the machine will hand over its filter
 *   claim PORT now|free|SECONDS none|HEX
 *                                    a program on Windows takes the port: at once or not at all, as soon as it
 *                                    can, or as soon as it can after some seconds; "none": the program doesn't
 *                                    listen, HEX: its greeting
 *   release PORT                     that program ends
 *   exclude A-B, include A-B         Windows gets, or loses, an excluded port range
 *   set NAME VALUE                   see switches[] and set_range()
 *   reservations                     the ports that Windows keeps for the machine
 */

#include <stdio.h>

#include "tracker.h"

typedef struct Switch {
        const char *name;
        size_t offset;
} Switch;

#define SWITCH(name, member) \
        { name, offsetof(Switches, member) }

static const Switch switches[] = {
        /* The host takes so many ms for each answer. */
        SWITCH("delay", delay_ms),
        /* The host doesn't answer until this is off again. */
        SWITCH("silent", silent),
        /* Each call gets the verdict of the one before it: WSL 2.6.3, 2.7.0, 2.7.1 and 2.8.0 to 2.8.4. */
        SWITCH("late", late),
        /* The host's service itself fails: ENOBUFS. */
        SWITCH("broken", broken),
        /* A refused bind() returns a positive number. */
        SWITCH("consomme", consomme),
        /* A port is released by exact address: before WSL 2.8.5. */
        SWITCH("by-address", by_address),
        /* Scans don't show bound sockets that don't listen: Linux before 6.8. */
        SWITCH("hide-idle", hide_idle),
        /* The host refuses each port of Windows' dynamic range: WSL 2.8.7 to 2.9.4. */
        SWITCH("deny-dynamic", deny_dynamic),
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

static const char *claim(Tracker *t, const char *port_text, const char *when, const char *greeting) {
        uint16_t port, last;

        if (!parse_range(port_text, &port, &last) ||
            strlen(greeting) / 2 > sizeof(((Claim *) NULL)->greeting))
                return "error arguments";
        if (find_claim(t, port))
                return "refused by Windows";

        Claim *new_claim = calloc(1, sizeof(*new_claim));
        if (!new_claim)
                err(EXIT_FAILURE, "calloc");
        *new_claim = (Claim){ .port = port, .listen_fd = -1, .listens = strcmp(greeting, "none") != 0 };
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
                log_event(t, "claim-refused", "\"port\": %u", port);
                if (strcmp(when, "free") == 0)
                        return "ok waiting";
                drop_claim(t, port);
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
        else if (strcmp(words[0], "release") == 0 && parse_range(words[1], &first, &last)) {
                drop_claim(t, first);
                log_event(t, "unclaimed", "\"port\": %u", first);
        } else if (strcmp(words[0], "exclude") == 0 && parse_range(words[1], &first, &last)) {
                for (unsigned port = first; port <= last; port++)
                        t->book.excluded[port]++;
        } else if (strcmp(words[0], "include") == 0 && parse_range(words[1], &first, &last)) {
                for (unsigned port = first; port <= last; port++)
                        t->book.excluded[port] -= t->book.excluded[port] > 0;
        } else if (strcmp(words[0], "reservations") == 0)
                list_reservations(t, reply, sizeof(reply));
        else if (strcmp(words[0], "set") != 0 || !set(t, words[1], words[2]))
                snprintf(reply, sizeof(reply), "error request");

        lab_close_all(fds);
        (void) lab_send(STDIN_FILENO, reply, strlen(reply), NULL, 0);
}
