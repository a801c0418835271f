/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * lab-tracker: Windows, as far as a WSL machine's port numbers are concerned.
 *
 *     lab-tracker LOG-FD        (stdin: a SOCK_SEQPACKET socket to the test)
 *
 * It plays two parts that in reality talk over a socket:
 *
 *   the tracker   WSL's process in the VM. It hears every bind() of the machine by seccomp notification, one at a
 *                 time, asks the host about those of IP sockets, remembers what was allowed, and gives a port
 *                 back when a scan of the machine's sockets doesn't show it any more. Its loop has the real one's
 *                 timing, because what a program like ours must live with are the consequences: binds in quick
 *                 succession cost 10 ms each and postpone every release; a socket closed before any scan saw it
 *                 holds its port for a minute; a host that doesn't answer blocks every bind of whatever family.
 *   the host      Windows' book of ports, one entry per protocol and port, and Windows' own programs, which claim
 *                 ports and listen on them in a network namespace of their own, the one this process lives in.
 *
 * One request of the test is one line; the answer is "ok ...", "refused ..." or "error ...":
 *
 *   guest                            fd: a socket on which the machine will hand over its filter
 *   claim PORT now|free|SECONDS none|HEX
 *                                    a Windows program takes the port: now or not at all, as soon as it can, or
 *                                    that after some seconds; it greets with these bytes, or doesn't even listen
 *   release PORT                     it goes
 *   exclude A-B, include A-B         an excluded port range is added, removed
 *   set NAME VALUE                   see switches[] and set()
 *   reservations                     the ports Windows keeps for the machine
 *
 * Every event is a line of JSON in the log.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <time.h>

#include "lab.h"

#define PORTS 65536
#define NEVER UINT64_MAX
#define ANSWER_TIME_MS 10 /* how long the real loop waits, after each request, for a scan under way */
#define OBSERVE_MS 50 /* the lab's own look at listeners, for the log; it perturbs nothing */
#define TCP_BOUND_INACTIVE 13
#define CLIENTS_MAX 64

enum { TCP, UDP, PROTOCOLS };

static const char *const protocol_names[PROTOCOLS] = { "tcp", "udp" };

/* ---- what is kept ---- */

/* How the machine's side names a reservation. */
typedef struct Key {
        struct in6_addr address; /* an IPv4 address is in its first four bytes */
        uint16_t port;
        uint8_t family, protocol;
} Key;

typedef struct Tracked {
        Key key;
        bool seen; /* in a scan since it was last bound: absent from a scan, it is
                      given back */
        uint64_t expires_ms; /* if never seen */
} Tracked;

/* Who bound a socket, to tell whose listener it became. */
typedef struct Binder {
        uint64_t inode;
        pid_t pid;
        char command[16];
} Binder;

typedef struct Listener {
        uint32_t inode;
        uint16_t port;
        bool present;
} Listener;

/* A program on Windows that has, or wants, a port. */
typedef struct Claim {
        uint16_t port;
        bool held;
        uint64_t not_before_ms;
        int listen_fd; /* -1: it doesn't listen */
        bool listens;
        size_t greeting_size;
        char greeting[1024];
} Claim;

typedef struct Client {
        int fd;
        uint16_t port;
} Client;

#define ARRAY_OF(type)               \
        struct {                     \
                type *items;         \
                size_t n, allocated; \
        }

#define append(array, item)                                                                     \
        do {                                                                                    \
                if ((array)->n == (array)->allocated) {                                         \
                        (array)->allocated = (array)->allocated ? (array)->allocated * 2 : 16;  \
                        (array)->items = realloc((array)->items,                                \
                                                 (array)->allocated * sizeof(*(array)->items)); \
                        if (!(array)->items)                                                    \
                                err(EXIT_FAILURE, "realloc");                                   \
                }                                                                               \
                (array)->items[(array)->n++] = (item);                                          \
        } while (0)

#define remove_at(array, i) ((array)->items[i] = (array)->items[--(array)->n])

typedef struct Switches {
        uint64_t delay_ms, scan_ms, keep_ms;
        uint64_t silent, late, broken, consomme, by_address, hide_idle, deny_dynamic, interrupt;
} Switches;

typedef struct Tracker {
        Switches switches;
        int log_fd;

        /* the machine */
        int handshake_fd; /* its agent's, until it has handed over its filter */
        int filter_fd; /* seccomp notifications; -1 also when the tracker is "dead" */
        int diag_fd; /* sock_diag in its network namespace */
        ino_t network; /* that namespace */
        ARRAY_OF(Tracked) tracked;
        ARRAY_OF(Binder) binders;
        ARRAY_OF(Listener) listeners;
        int last_verdict; /* for a verdict that comes one call late */
        unsigned generation; /* counts machines that came and went, and deaths of the
                                tracker */

        /* the scan under way */
        uint64_t scan_due_ms; /* NEVER: none is asked for */
        bool scanned;
        ARRAY_OF(Key) scan;
        uint64_t scan_ms;
        uint64_t observe_due_ms;

        /* Windows */
        int host_network_fd;
        unsigned reserved[PROTOCOLS][PORTS]; /* for the machine, counted */
        unsigned excluded[PORTS];
        bool ignored[PORTS];
        uint16_t dynamic_first, dynamic_last, guest_first, guest_last;
        ARRAY_OF(Claim *) claims;
        ARRAY_OF(Client) clients;
} Tracker;

static uint64_t now_ms(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

/* ---- the log ---- */

static void log_event(Tracker *t, const char *event, const char *format, ...)
                __attribute__((format(printf, 3, 4)));

/* `format` gives further JSON members, without braces. */
static void log_event(Tracker *t, const char *event, const char *format, ...) {
        char line[2048];
        struct timespec now;
        va_list arguments;

        clock_gettime(CLOCK_MONOTONIC, &now);
        int n = snprintf(line, sizeof(line), "{\"time\": %lld.%06ld, \"event\": \"%s\", ",
                         (long long) now.tv_sec, now.tv_nsec / 1000, event);
        va_start(arguments, format);
        n += vsnprintf(line + n, sizeof(line) - (size_t) n - 3, format, arguments);
        va_end(arguments);
        n += snprintf(line + n, sizeof(line) - (size_t) n, "}\n");
        if (write(t->log_fd, line, (size_t) n) < 0)
                err(EXIT_FAILURE, "log");
}

/* Makes text from /proc fit for a JSON string. */
static void sanitize(char *text) {
        for (; *text; text++)
                if (*text == '"' || *text == '\\' || (unsigned char) *text < ' ' ||
                    (unsigned char) *text > '~')
                        *text = '?';
}

static const char *format_key(const Key *key, char buffer[static 256]) {
        char address[INET6_ADDRSTRLEN];

        inet_ntop(key->family, &key->address, address, sizeof(address));
        snprintf(buffer, 256,
                 "\"family\": \"%s\", \"address\": \"%s\", \"port\": %u, "
                 "\"protocol\": \"%s\"",
                 key->family == AF_INET ? "inet" : "inet6", address, key->port,
                 protocol_names[key->protocol]);
        return buffer;
}

/* ---- Windows: programs ---- */

static bool is_excluded(const Tracker *t, uint16_t port) {
        return t->excluded[port] > 0;
}

static Claim *find_claim(const Tracker *t, uint16_t port) {
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

/* Whether Windows lets its program have the port now. */
static bool try_claim(Tracker *t, Claim *claim) {
        if (t->reserved[TCP][claim->port] > 0)
                return false;
        claim->held = true;
        if (claim->listens)
                claim->listen_fd = listen_on(claim->port);
        log_event(t, "claimed", "\"port\": %u", claim->port);
        return true;
}

static void close_client(Tracker *t, size_t i) {
        /* A reset: a TIME_WAIT of Windows' would be of no use to anyone here. */
        struct linger reset = { .l_onoff = 1 };

        setsockopt(t->clients.items[i].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(t->clients.items[i].fd);
        remove_at(&t->clients, i);
}

static void drop_claim(Tracker *t, uint16_t port) {
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

static void try_waiting_claims(Tracker *t) {
        for (size_t i = 0; i < t->claims.n; i++)
                if (!t->claims.items[i]->held && t->claims.items[i]->not_before_ms <= now_ms())
                        (void) try_claim(t, t->claims.items[i]);
}

static void accept_client(Tracker *t, const Claim *claim) {
        int fd = accept4(claim->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0)
                return;
        if (claim->greeting_size > 0)
                (void) send(fd, claim->greeting, claim->greeting_size, MSG_NOSIGNAL);
        if (t->clients.n == CLIENTS_MAX)
                close_client(t, 0);
        append(&t->clients, ((Client){ .fd = fd, .port = claim->port }));
}

static void serve_client(Tracker *t, size_t i) {
        char ignored[1024];

        if (recv(t->clients.items[i].fd, ignored, sizeof(ignored), 0) <= 0)
                close_client(t, i);
}

/* ---- Windows: the book of ports ---- */

static bool needs_no_entry(const Tracker *t, const Key *key) {
        const uint8_t *address = key->address.s6_addr;
        bool other_loopback = key->family == AF_INET && address[0] == 127 &&
                              ntohl(key->address.s6_addr32[0]) != INADDR_LOOPBACK;

        return other_loopback || key->port == 53 || t->ignored[key->port] ||
               (key->port >= t->guest_first && key->port <= t->guest_last);
}

static int host_reserve(Tracker *t, const Key *key) {
        unsigned *count = &t->reserved[key->protocol][key->port];
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
                if (t->switches.deny_dynamic && key->port >= t->dynamic_first &&
                    key->port <= t->dynamic_last)
                        return EADDRINUSE;
                if (is_excluded(t, key->port) || (key->protocol == TCP && claim && claim->held))
                        return EADDRINUSE;
        }
        (*count)++;
        return 0;
}

static void host_release(Tracker *t, const Key *key) {
        char text[256];

        if (needs_no_entry(t, key) || t->reserved[key->protocol][key->port] == 0)
                return;
        t->reserved[key->protocol][key->port]--;
        log_event(t, "released", "%s, \"left\": %u", format_key(key, text),
                  t->reserved[key->protocol][key->port]);
        try_waiting_claims(t);
}

/* ---- the machine's sockets ---- */

static bool same_port(const Key *a, const Key *b) {
        return a->port == b->port && a->protocol == b->protocol;
}

static bool same_key(const Key *a, const Key *b) {
        return same_port(a, b) && a->family == b->family &&
               memcmp(&a->address, &b->address, sizeof(a->address)) == 0;
}

typedef void (*socket_handler_t)(Tracker *t, uint8_t protocol, const struct inet_diag_msg *socket);

/* Calls `handler` for each socket of the machine that is in one of `states`. */
static void dump(Tracker *t, uint8_t family, uint8_t protocol, uint32_t states, socket_handler_t handler) {
        static char buffer[256 * 1024] __attribute__((aligned(8)));
        struct {
                struct nlmsghdr header;
                struct inet_diag_req_v2 request;
        } question = {
      .header =
          {
              .nlmsg_len = sizeof(question),
              .nlmsg_type = SOCK_DIAG_BY_FAMILY,
              .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
          },
      .request =
          {
              .sdiag_family = family,
              .sdiag_protocol = protocol == TCP ? IPPROTO_TCP : IPPROTO_UDP,
              .idiag_states = states,
          },
  };

        if (send(t->diag_fd, &question, sizeof(question), 0) < 0)
                err(EXIT_FAILURE, "sock_diag");
        for (;;) {
                ssize_t n = recv(t->diag_fd, buffer, sizeof(buffer), 0);
                if (n < 0)
                        err(EXIT_FAILURE, "sock_diag");

                size_t left = (size_t) n;
                for (struct nlmsghdr *m = (struct nlmsghdr *) buffer; NLMSG_OK(m, left);
                     m = NLMSG_NEXT(m, left)) {
                        if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR)
                                return;
                        handler(t, protocol, NLMSG_DATA(m));
                }
        }
}

static void add_to_scan(Tracker *t, uint8_t protocol, const struct inet_diag_msg *socket) {
        Key key = { .port = ntohs(socket->id.idiag_sport),
                    .family = socket->idiag_family,
                    .protocol = protocol };

        memcpy(&key.address, socket->id.idiag_src, key.family == AF_INET ? 4 : 16);
        append(&t->scan, key);
}

/* What the tracker itself goes by. */
static void scan(Tracker *t) {
        uint32_t states = ~0U;

        if (t->switches.hide_idle) /* kernels before 6.8 don't know such sockets */
                states &= ~(1U << TCP_BOUND_INACTIVE);
        t->scan.n = 0;
        /* NOLINTNEXTLINE(bugprone-too-small-loop-variable): there are two */
        for (uint8_t protocol = TCP; protocol < PROTOCOLS; protocol++) {
                dump(t, AF_INET, protocol, states, add_to_scan);
                dump(t, AF_INET6, protocol, states, add_to_scan);
        }
        t->scanned = true;
        t->scan_ms = now_ms();
        t->scan_due_ms = NEVER;
}

static void see_listener(Tracker *t, uint8_t protocol, const struct inet_diag_msg *socket) {
        const Binder *binder = NULL;
        char text[256];
        Key key = { .port = ntohs(socket->id.idiag_sport),
                    .family = socket->idiag_family,
                    .protocol = protocol };

        for (size_t i = 0; i < t->listeners.n; i++)
                if (t->listeners.items[i].inode == socket->idiag_inode) {
                        t->listeners.items[i].present = true;
                        return;
                }

        memcpy(&key.address, socket->id.idiag_src, key.family == AF_INET ? 4 : 16);
        for (size_t i = 0; i < t->binders.n; i++)
                if (t->binders.items[i].inode == socket->idiag_inode)
                        binder = &t->binders.items[i];
        append(&t->listeners,
               ((Listener){ .inode = socket->idiag_inode, .port = key.port, .present = true }));
        log_event(t, "listening", "%s, \"command\": \"%s\", \"pid\": %d", format_key(&key, text),
                  binder ? binder->command : "", binder ? binder->pid : 0);
}

/* For the log only. */
static void observe_listeners(Tracker *t) {
        for (size_t i = 0; i < t->listeners.n; i++)
                t->listeners.items[i].present = false;
        dump(t, AF_INET, TCP, 1U << TCP_LISTEN, see_listener);
        dump(t, AF_INET6, TCP, 1U << TCP_LISTEN, see_listener);
        for (size_t i = t->listeners.n; i-- > 0;)
                if (!t->listeners.items[i].present) {
                        log_event(t, "closed", "\"port\": %u", t->listeners.items[i].port);
                        remove_at(&t->listeners, i);
                }
        t->observe_due_ms = now_ms() + OBSERVE_MS;
}

/* ---- the machine comes and goes ---- */

static void forget_guest(Tracker *t) {
        t->generation++;
        t->filter_fd = lab_close(t->filter_fd);
        if (t->diag_fd < 0)
                return;
        t->diag_fd = lab_close(t->diag_fd);
        t->tracked.n = t->binders.n = t->listeners.n = 0;
        t->scan_due_ms = t->observe_due_ms = NEVER;
        t->scanned = false;
        t->last_verdict = 0;
        memset(t->reserved, 0, sizeof(t->reserved));
        log_event(t, "guest-gone", "\"port\": 0");
        try_waiting_claims(t);
}

static void welcome_guest(Tracker *t) {
        char message[16];
        int fds[LAB_FDS_MAX];
        struct stat status;

        if (lab_receive(t->handshake_fd, message, sizeof(message), fds) > 0 && fds[0] >= 0 && fds[1] >= 0) {
                forget_guest(t);
                t->filter_fd = fds[0];
                fds[0] = -1;
                if (fstat(fds[1], &status) < 0 || setns(fds[1], CLONE_NEWNET) < 0)
                        err(EXIT_FAILURE, "the machine's network namespace");
                t->network = status.st_ino;
                t->diag_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
                if (t->diag_fd < 0 || setns(t->host_network_fd, CLONE_NEWNET) < 0)
                        err(EXIT_FAILURE, "sock_diag");
                scan(t); /* the real one begins with one, which it then keeps until there is
                            something tracked */
                t->observe_due_ms = now_ms();
                log_event(t, "guest", "\"port\": 0");
                if (lab_send(t->handshake_fd, "ok", 2, NULL, 0) < 0)
                        forget_guest(t);
        }
        lab_close_all(fds);
        t->handshake_fd = lab_close(t->handshake_fd);
}

/* ---- requests of the test ---- */

typedef struct Switch {
        const char *name;
        size_t offset;
} Switch;

static const Switch switches[] = {
        { "delay", offsetof(Switches, delay_ms) }, /* ms that the host takes for each answer */
        { "silent", offsetof(Switches, silent) }, /* the host doesn't answer until this is off again */
        { "late", offsetof(Switches, late) }, /* each call gets the verdict of the one before */
        { "broken", offsetof(Switches, broken) }, /* the host's service fails: ENOBUFS */
        { "consomme", offsetof(Switches, consomme) }, /* a refused bind() returns a positive number */
        { "by-address",
          offsetof(Switches, by_address) }, /* released by exact address, as before WSL 2.8.5 */
        { "hide-idle", offsetof(Switches, hide_idle) }, /* bound sockets that don't listen aren't
                                                           seen (before 6.8) */
        { "deny-dynamic", offsetof(Switches, deny_dynamic) }, /* no port of Windows' dynamic range,
                                                                 as 2.8.7 to 2.9.4 */
        { "interrupt", offsetof(Switches, interrupt) }, /* so many waits for the host end early: EINTR (before
                                                           2.7.2) */
        { "scan", offsetof(Switches, scan_ms) }, /* the tracker's rhythm, 500 ms */
        { "keep", offsetof(Switches, keep_ms) }, /* for ports that no scan has seen, 60000 ms */
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

static bool set(Tracker *t, const char *name, const char *value) {
        uint16_t first, last;

        for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
                if (strcmp(switches[i].name, name) == 0) {
                        *(uint64_t *) ((char *) &t->switches + switches[i].offset) = strtoull(value, NULL,
                                                                                              10);
                        return true;
                }
        if (strcmp(name, "dead") == 0) { /* for good: the filter can't be had a second time */
                t->generation++;
                t->filter_fd = lab_close(t->filter_fd);
                return true;
        }
        if (!parse_range(value, &first, &last))
                return false;
        if (strcmp(name, "dynamic-range") == 0) {
                t->dynamic_first = first;
                t->dynamic_last = last;
        } else if (strcmp(name, "guest-range") == 0) {
                t->guest_first = first;
                t->guest_last = last;
        } else if (strcmp(name, "ignore") == 0) {
                for (unsigned port = first; port <= last; port++)
                        t->ignored[port] = true;
        } else
                return false;
        return true;
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
                        if (t->reserved[protocol][port] > 0)
                                n += (size_t) snprintf(reply + n, size - n, " %s/%u",
                                                       protocol_names[protocol], port);
}

static void serve_test(Tracker *t) {
        char request[8192], reply[8192] = "ok";
        char *words[5] = { 0 }, *position = request;
        int fds[LAB_FDS_MAX];
        uint16_t first, last;

        if (lab_receive(STDIN_FILENO, request, sizeof(request), fds) <= 0)
                exit(EXIT_SUCCESS); /* the test has gone */
        for (size_t i = 0; i < 5; i++)
                if (!(words[i] = strsep(&position, " ")))
                        words[i] = (char *) "";

        if (strcmp(words[0], "guest") == 0 && fds[0] >= 0) {
                lab_close(t->handshake_fd);
                t->handshake_fd = fds[0];
                fds[0] = -1;
        } else if (strcmp(words[0], "claim") == 0)
                snprintf(reply, sizeof(reply), "%s", claim(t, words[1], words[2], words[3]));
        else if (strcmp(words[0], "release") == 0 && parse_range(words[1], &first, &last)) {
                drop_claim(t, first);
                log_event(t, "unclaimed", "\"port\": %u", first);
        } else if (strcmp(words[0], "exclude") == 0 && parse_range(words[1], &first, &last)) {
                for (unsigned port = first; port <= last; port++)
                        t->excluded[port]++;
        } else if (strcmp(words[0], "include") == 0 && parse_range(words[1], &first, &last)) {
                for (unsigned port = first; port <= last; port++)
                        t->excluded[port] -= t->excluded[port] > 0;
        } else if (strcmp(words[0], "reservations") == 0)
                list_reservations(t, reply, sizeof(reply));
        else if (strcmp(words[0], "set") != 0 || !set(t, words[1], words[2]))
                snprintf(reply, sizeof(reply), "error request");

        lab_close_all(fds);
        (void) lab_send(STDIN_FILENO, reply, strlen(reply), NULL, 0);
}

/* ---- waiting ---- */

static uint64_t earliest(uint64_t a, uint64_t b) {
        return a < b ? a : b;
}

/*
 * Waits until `deadline_ms`, or until a bind() is there to be heard, if
 * `for_bind`, or until the scan under way is done, if `for_scan`. Meanwhile it
 * serves everybody but the machine. Returns whether there is a bind().
 */
static bool wait_until(Tracker *t, uint64_t deadline_ms, bool for_bind, bool for_scan) {
        for (;;) {
                struct pollfd polled[3 + 256 + CLIENTS_MAX] = {
                        { .fd = STDIN_FILENO, .events = POLLIN },
                        { .fd = t->handshake_fd, .events = POLLIN },
                        { .fd = t->filter_fd, .events = for_bind ? POLLIN : 0 }, /* and POLLHUP */
                };
                unsigned generation = t->generation;
                size_t n = 3, n_claims = t->claims.n < 256 ? t->claims.n : 256, n_clients = t->clients.n;
                uint64_t now = now_ms(), until = deadline_ms;

                if (t->diag_fd >= 0 && t->scan_due_ms <= now)
                        scan(t);
                if (t->diag_fd >= 0 && t->observe_due_ms <= now)
                        observe_listeners(t);
                if ((for_scan && t->scanned) || now >= deadline_ms)
                        return false;

                until = earliest(until, earliest(t->scan_due_ms, t->observe_due_ms));
                /* NOLINTNEXTLINE(knownConditionTrueFalse): there may be claims */
                for (size_t i = 0; i < n_claims; i++) {
                        polled[n++] = (struct pollfd){ .fd = t->claims.items[i]->listen_fd,
                                                       .events = POLLIN };
                        if (!t->claims.items[i]->held && t->claims.items[i]->not_before_ms > now)
                                until = earliest(until, t->claims.items[i]->not_before_ms);
                }
                for (size_t i = 0; i < n_clients; i++)
                        polled[n++] = (struct pollfd){ .fd = t->clients.items[i].fd, .events = POLLIN };

                if (poll(polled, n, until == NEVER ? -1 : (int) (until - now)) < 0)
                        err(EXIT_FAILURE, "poll");
                try_waiting_claims(t);

                for (size_t i = n_clients; i-- > 0;)
                        if (polled[3 + n_claims + i].revents)
                                serve_client(t, i);
                for (size_t i = 0; i < n_claims; i++)
                        if (polled[3 + i].revents)
                                accept_client(t, t->claims.items[i]);
                if (polled[1].revents)
                        welcome_guest(t);
                else if (polled[2].revents & POLLIN)
                        return true;
                else if (polled[2].revents) /* nobody is beneath the filter any more */
                        forget_guest(t);
                if (polled[0].revents) { /* last: it may change anything */
                        serve_test(t);
                        if (!for_bind && !for_scan)
                                return false; /* the host's delay or silence may have changed */
                }
                if (t->generation != generation)
                        return false;
        }
}

/*
 * The host takes its time, or says nothing at all; the tracker can do nothing
 * else meanwhile. Returns false when the machine that it was about has gone, or
 * the tracker has died.
 */
static bool await_host(Tracker *t) {
        uint64_t asked = now_ms();
        unsigned generation = t->generation;

        while (t->generation == generation &&
               (t->switches.silent || now_ms() < asked + t->switches.delay_ms))
                (void) wait_until(t, t->switches.silent ? NEVER : asked + t->switches.delay_ms, false,
                                  false);
        return t->generation == generation;
}

/* ---- the tracker ---- */

typedef struct Call {
        uint64_t id;
        pid_t pid;
        int fd;
        bool is_listen;
        uint64_t address;
        uint32_t address_size;
        char command[16], cgroup[512];
} Call;

static bool still_valid(const Tracker *t, uint64_t id) {
        return ioctl(t->filter_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* Reads the caller's memory; false when it can't be had, or is no longer the
 * caller's. */
static bool read_memory(const Tracker *t, const Call *call, uint64_t from, void *ret, size_t size) {
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/mem", call->pid);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd >= 0 && pread(fd, ret, size, (off_t) from) == (ssize_t) size && still_valid(t, call->id);
}

static void read_command(Call *call) {
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/comm", call->pid);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, call->command, sizeof(call->command) - 1) : 0;
        call->command[n > 0 ? n : 0] = '\0';
        call->command[strcspn(call->command, "\n")] = '\0';
        sanitize(call->command);
}

static void read_cgroup(Call *call) {
        char path[64], line[512];

        snprintf(path, sizeof(path), "/proc/%d/cgroup", call->pid);
        FILE *file = fopen(path, "re");
        if (!file)
                return;
        while (fgets(line, sizeof(line), file))
                if (strncmp(line, "0::", 3) == 0) {
                        line[strcspn(line, "\n")] = '\0';
                        sanitize(line);
                        snprintf(call->cgroup, sizeof(call->cgroup), "%s", line + 3);
                }
        fclose(file);
}

/* What calls, and with what. False when it isn't a call to decide about. */
static bool read_call(const Tracker *t, const struct seccomp_notif *notification, Call *ret) {
        const struct seccomp_data *data = &notification->data;
        uint32_t arguments[3] = { (uint32_t) data->args[0], (uint32_t) data->args[1],
                                  (uint32_t) data->args[2] };

        *ret = (Call){ .id = notification->id, .pid = (pid_t) notification->pid, .address = data->args[1] };
        read_command(ret);
        read_cgroup(ret);
        ret->is_listen = data->nr == SYS_listen;
#if defined(__x86_64__)
        if (data->arch == AUDIT_ARCH_I386) { /* socketcall(call, arguments) */
                ret->is_listen = arguments[0] == 4;
                if (!read_memory(t, ret, (uint32_t) data->args[1], arguments,
                                 ret->is_listen ? 4 : sizeof(arguments)))
                        return false;
                ret->address = arguments[1];
        }
#elif defined(__aarch64__)
        (void) t; /* no call of theirs has its arguments in memory */
        if (data->arch == AUDIT_ARCH_ARM)
                ret->is_listen = data->nr == 284;
#endif
        ret->fd = (int) arguments[0];
        ret->address_size = arguments[2];
        return true;
}

static bool read_protocol(const Call *call, uint8_t *ret) {
        char path[64], name[32];

        snprintf(path, sizeof(path), "/proc/%d/fd/%d", call->pid, call->fd);
        ssize_t n = getxattr(path, "system.sockprotoname", name, sizeof(name) - 1);
        if (n <= 0)
                return false;
        name[n] = '\0';
        if (strcmp(name, "TCP") == 0 || strcmp(name, "TCPv6") == 0)
                *ret = TCP;
        else if (strcmp(name, "UDP") == 0 || strcmp(name, "UDPv6") == 0)
                *ret = UDP;
        else
                return false; /* MPTCP among them: such a socket has its port without
                                 Windows having been asked */
        return true;
}

/* The name of a socket that is about to listen. */
static bool read_bound_name(const Call *call, struct sockaddr_in6 *ret) {
        socklen_t size = sizeof(*ret);
        _cleanup_close_ int pid_fd = (int) syscall(SYS_pidfd_open, call->pid, O_EXCL /* PIDFD_THREAD */);
        _cleanup_close_ int fd = pid_fd >= 0 ? (int) syscall(SYS_pidfd_getfd, pid_fd, call->fd, 0) : -1;

        return fd >= 0 && getsockname(fd, (struct sockaddr *) ret, &size) == 0;
}

/* What Windows has to be asked about. False: the kernel may decide alone, or
 * will refuse the call anyway. */
static bool read_key(const Tracker *t, const Call *call, Key *ret) {
        char path[64];
        struct stat status;
        struct sockaddr_in6 address = { 0 };
        const struct sockaddr_in *address4 = (const struct sockaddr_in *) &address;
        Key key = { 0 };

        snprintf(path, sizeof(path), "/proc/%d/ns/net", call->pid);
        if (stat(path, &status) < 0 || status.st_ino != t->network)
                return false;

        if (call->is_listen) {
                if (!read_bound_name(call, &address))
                        return false;
        } else {
                size_t size = call->address_size < sizeof(address) ? call->address_size : sizeof(address);

                if (size < sizeof(struct sockaddr) || !read_memory(t, call, call->address, &address, size) ||
                    (address.sin6_family == AF_INET6 && size < sizeof(address)))
                        return false;
        }

        if (address.sin6_family == AF_INET)
                memcpy(&key.address, &address4->sin_addr, sizeof(address4->sin_addr));
        else if (address.sin6_family == AF_INET6)
                key.address = address.sin6_addr;
        else
                return false;
        key.family = (uint8_t) address.sin6_family;
        key.port = ntohs(address.sin6_port); /* in the same place for both families */
        if (key.port == 0 || !read_protocol(call, &key.protocol) || !still_valid(t, call->id))
                return false;
        *ret = key;
        return true;
}

static Tracked *find_tracked(Tracker *t, const Key *key) {
        for (size_t i = 0; i < t->tracked.n; i++)
                if (same_key(&t->tracked.items[i].key, key))
                        return &t->tracked.items[i];
        return NULL;
}

static void remember_binder(Tracker *t, const Call *call) {
        char path[64];
        struct stat status;

        snprintf(path, sizeof(path), "/proc/%d/fd/%d", call->pid, call->fd);
        if (stat(path, &status) < 0)
                return;

        Binder binder = { .inode = status.st_ino, .pid = call->pid };
        memcpy(binder.command, call->command, sizeof(binder.command));
        append(&t->binders, binder);
}

/* Returns 0, or the errno of a refusal. Of no meaning if the machine goes
 * meanwhile. */
static int decide(Tracker *t, const Call *call, const Key *key, bool *ret_asked) {
        Tracked *tracked = find_tracked(t, key);
        char text[256];

        remember_binder(t, call);
        *ret_asked = !tracked;
        if (!tracked) {
                if (!await_host(t))
                        return 0;

                bool was_free = t->reserved[key->protocol][key->port] == 0;
                int verdict = host_reserve(t, key);
                if (verdict != 0)
                        return verdict;
                if (was_free && t->reserved[key->protocol][key->port] > 0)
                        log_event(t, "reserved", "%s, \"command\": \"%s\", \"pid\": %d",
                                  format_key(key, text), call->command, call->pid);
                append(&t->tracked, ((Tracked){ .key = *key }));
                tracked = &t->tracked.items[t->tracked.n - 1];
        }
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

static void serve_bind(Tracker *t) {
        struct seccomp_notif notification = { 0 };
        Call call;
        Key key = { .family = AF_UNSPEC };
        char text[256];
        bool asked = false;
        int verdict = 0;
        unsigned generation = t->generation;

        if (ioctl(t->filter_fd, SECCOMP_IOCTL_NOTIF_RECV, &notification) < 0) {
                if (errno == ENOENT || errno == EINTR) /* the caller was killed meanwhile */
                        return;
                err(EXIT_FAILURE, "SECCOMP_IOCTL_NOTIF_RECV");
        }

        bool is_ip = read_call(t, &notification, &call) && read_key(t, &call, &key);
        if (is_ip)
                verdict = decide(t, &call, &key, &asked);
        if (t->generation != generation)
                return;

        int given = verdict;
        if (t->switches.late) {
                given = t->last_verdict;
                t->last_verdict = verdict;
        }
        if (is_ip)
                log_event(t, call.is_listen ? "listen" : "bind",
                          "%s, \"pid\": %d, \"command\": \"%s\", \"cgroup\": \"%s\", "
                          "\"asked\": %s, "
                          "\"verdict\": \"%s\", \"given\": \"%s\"",
                          format_key(&key, text), call.pid, call.command, call.cgroup,
                          asked ? "true" : "false", name_verdict(t, verdict), name_verdict(t, given));

        struct seccomp_notif_resp response = {
                .id = notification.id,
                .error = t->switches.consomme ? given : -given, /* the real one's sign is wrong there */
                .flags = given == 0 ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0,
        };
        if (ioctl(t->filter_fd, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0 && errno != ENOENT)
                err(EXIT_FAILURE, "SECCOMP_IOCTL_NOTIF_SEND");
}

/* Goes by the last scan. */
static void give_back(Tracker *t) {
        for (size_t i = t->tracked.n; i-- > 0;) {
                Tracked *tracked = &t->tracked.items[i];
                bool present = false;

                for (size_t k = 0; k < t->scan.n && !present; k++)
                        present = t->switches.by_address ? same_key(&t->scan.items[k], &tracked->key)
                                                         : same_port(&t->scan.items[k], &tracked->key);
                if (present)
                        tracked->seen = true;
                else if (tracked->seen || tracked->expires_ms < t->scan_ms) {
                        Key key = tracked->key;

                        if (!await_host(t)) /* releases are asked for as reservations are */
                                return;
                        host_release(t, &key);
                        remove_at(&t->tracked, i);
                }
        }
}

/* One turn of the real tracker's loop. */
static void turn(Tracker *t) {
        bool has_bind = wait_until(t, t->filter_fd >= 0 ? now_ms() + t->switches.scan_ms : NEVER, true,
                                   false);

        if (has_bind)
                serve_bind(t);
        if (t->filter_fd < 0)
                return;

        if (t->scan_due_ms != NEVER)
                (void) wait_until(t, now_ms() + ANSWER_TIME_MS, false, true);
        if (t->scanned) {
                if (!has_bind) /* else the scan may be older than the bind: it is thrown
                                  away */
                        give_back(t);
                t->scanned = false;
        }
        if (t->scan_due_ms == NEVER && t->tracked.n > 0)
                t->scan_due_ms = now_ms() + t->switches.scan_ms;
}

int main(int argc, char **argv) {
        static Tracker t = {
                .switches = { .scan_ms = 500, .keep_ms = 60 * 1000 },
                .handshake_fd = -1,
                .filter_fd = -1,
                .diag_fd = -1,
                .scan_due_ms = NEVER,
                .observe_due_ms = NEVER,
                .dynamic_first = 49152,
                .dynamic_last = 65535,
                .guest_first = 40000,
                .guest_last = 44095,
        };
        char text[32];

        if (argc != 2)
                errx(EXIT_FAILURE, "Usage: lab-tracker LOG-FD");
        t.log_fd = atoi(argv[1]);

        /* The neighbour on the LAN is only a network namespace; this process keeps it
         * alive. */
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
