/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * lab-tracker plays Windows, as far as a WSL machine's port numbers are concerned.
 *
 *     lab-tracker LOG-FD        (stdin: a SOCK_SEQPACKET socket to the test)
 *
 * In reality two programs talk over a socket. lab-tracker is both. File names below src/ are those of
 * github.com/microsoft/WSL, here and in the other files.
 *
 *   the tracker   WSL's process in the VM (src/linux/init/GnsPortTracker.cpp). A seccomp filter tells it of
 *                 every bind() in the machine, one at a time. It asks the host about those of IP sockets,
 *                 remembers what the host allowed, and gives a port back once a scan of the machine's sockets
 *                 doesn't show the port any more. The loop has the timing of Microsoft's, because programs
 *                 feel the consequences: binds in quick succession cost 10 ms each and postpone every release;
 *                 a socket that is closed before any scan saw it keeps its port for a minute; a host that
 *                 doesn't answer blocks every bind of every family.
 *   the host      Windows' book of ports, one entry per protocol and port
 *                 (src/windows/service/exe/WslCoreGuestNetworkService.cpp), and Windows' own programs, which
 *                 claim ports and listen on them in this process's own network namespace.
 *
 * The files:
 *
 *   tracker.c    the tracker's loop, and its list of the ports that the host allowed
 *                (GnsPortTracker.cpp: Run, HandleRequest, TrackPort, OnRefreshAllocatedPorts)
 *   guest.c      the machine comes and goes; what its trapped calls ask for (GnsPortTracker.cpp: GetCallInfo)
 *   scan.c       the machine's sockets (GnsPortTracker.cpp: ListAllocatedPorts)
 *   windows.c    the host's verdict and its book (WslCoreGuestNetworkService.cpp: OnPortAllocationRequest)
 *   programs.c   Windows' programs
 *   control.c    the test's requests
 *   log.c        the log: each event is one line of JSON
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

#include "../lab.h"

#define PORTS 65536
#define NEVER UINT64_MAX
#define CLIENTS_MAX 64

enum { TCP, UDP, PROTOCOLS };

extern const char *const protocol_names[PROTOCOLS];

/* The tracker's name of a reservation; the host knows protocol and port only. */
typedef struct Key {
        struct in6_addr address; /* an IPv4 address is in its first four bytes */
        uint16_t port;
        uint8_t family, protocol;
} Key;

/* A port that the host has allowed. */
typedef struct Tracked {
        Key key;
        bool seen;           /* by a scan since the last bind; a scan without it gives it back then */
        uint64_t expires_ms; /* when a port that no scan has seen is given back */
} Tracked;

/* Who bound a socket. The log names the command once the socket listens. */
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

/* A program on Windows that has a port, or waits for it. */
typedef struct Claim {
        Key key; /* family AF_UNSPEC: the port on every address, of both families */
        bool held;
        uint64_t not_before_ms;
        int listen_fd; /* -1: the program doesn't listen, or doesn't have the port yet */
        bool listens;
        size_t greeting_size;
        char greeting[1024];
} Claim;

/* Somebody who is connected to a program on Windows. */
typedef struct Client {
        int fd;
        const Claim *claim;
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

/* What a test can change with "set NAME VALUE"; control.c says what each one does. */
typedef struct Switches {
        uint64_t delay_ms, scan_ms, keep_ms;
        uint64_t silent, late, broken, interrupt; /* faults */
        uint64_t consomme, by_address, restart, port_zero, hide_idle, deny_dynamic, cap_dynamic;
} Switches;

/* The machine beneath the filter. */
typedef struct Guest {
        int handshake_fd;    /* of the machine's agent, until the agent has handed over the filter */
        int filter_fd;       /* seccomp notifications; -1 also when the tracker is "dead" */
        int diag_fd;         /* sock_diag in the machine's network namespace */
        ino_t network;       /* that namespace */
        unsigned generation; /* counts machines that came or went, and deaths of the tracker */
} Guest;

/* The scan of the machine's sockets that is under way, or was done last. */
typedef struct Scan {
        uint64_t due_ms; /* NEVER: nobody has asked for one */
        bool done;       /* and not used yet */
        uint64_t time_ms;
        ARRAY_OF(Key) keys;
} Scan;

/* Windows' book of ports. */
typedef struct Book {
        unsigned reserved[PROTOCOLS][PORTS]; /* for the machine, counted */
        unsigned excluded[PORTS];
        bool ignored[PORTS];
        uint16_t dynamic_first, dynamic_last;
        uint16_t guest_first, guest_last; /* the machine's own block of ephemeral ports */
} Book;

typedef struct Tracker {
        Switches switches;
        int log_fd;
        int host_network_fd;
        Guest guest;
        ARRAY_OF(Tracked) tracked;
        ARRAY_OF(Binder) binders;
        ARRAY_OF(Listener) listeners;
        uint64_t observe_due_ms; /* when the listeners are looked at next, for the log */
        int last_verdict;        /* for the switch "late" */
        Scan scan;
        Book book;
        ARRAY_OF(Claim *) claims;
        ARRAY_OF(Client) clients;
} Tracker;

typedef enum CallKind {
        CALL_OTHER,     /* the kernel may decide alone, or will refuse the call anyway */
        CALL_ADDRESS,   /* names a port: the host is asked before the call goes on */
        CALL_AUTOBIND,  /* the kernel will choose the port: the host is asked afterwards */
        CALL_INTERFACE, /* sets an interface's flags: the host is told before the call goes on */
} CallKind;

/* A trapped call of the machine's. */
typedef struct Call {
        uint64_t id;
        pid_t pid;
        int fd;
        CallKind kind;
        int socket_fd; /* a duplicate of the caller's socket, for CALL_AUTOBIND; else -1 */
        bool is_listen;
        uint64_t address;
        uint32_t address_size;
        char command[16], cgroup[512];
} Call;

/* ---- tracker.c ---- */

uint64_t now_ms(void);

bool same_port(const Key *a, const Key *b);
bool same_key(const Key *a, const Key *b);

/* Whether both can't be bound at once where addresses count, as with consomme. */
bool collide(const Key *a, const Key *b);

/* ---- guest.c ---- */

void welcome_guest(Tracker *t);
void forget_guest(Tracker *t);
void kill_tracker(Tracker *t);

/* Reads the notification. Returns false when the call has gone meanwhile. `ret_key` is set for CALL_ADDRESS;
 * for CALL_AUTOBIND only its protocol, and the caller closes `ret_call->socket_fd`. */
bool receive_call(Tracker *t, Call *ret_call, Key *ret_key);

/* Reads the address of a socket into `ret_key`, whose protocol stays. The port is 0 for an unbound socket. */
bool read_name(int socket_fd, Key *ret_key);

/* 0 lets the call through to the kernel; anything else becomes the call's error (struct seccomp_notif_resp).
 */
void answer_call(Tracker *t, const Call *call, int error);

/* ---- scan.c ---- */

void scan_sockets(Tracker *t);
void observe_listeners(Tracker *t);
void remember_binder(Tracker *t, const Call *call);

/* ---- windows.c ---- */

/* Returns 0, or the errno of the host's refusal. */
int host_reserve(Tracker *t, const Key *key);
void host_release(Tracker *t, const Key *key);

/* ---- programs.c ---- */

/* Returns whether Windows lets its program have the port now. */
bool try_claim(Tracker *t, Claim *claim);
void try_waiting_claims(Tracker *t);
void drop_claims(Tracker *t, const Key *key);
void accept_client(Tracker *t, const Claim *claim);
void serve_client(Tracker *t, size_t i);

/* ---- control.c ---- */

/* Serves one request of the test's; ends the process when the test has gone. */
void serve_test(Tracker *t);

/* ---- log.c ---- */

/* `format` gives further JSON members, without braces. */
void log_event(Tracker *t, const char *event, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Replaces what can't stand in a JSON string. */
void sanitize(char *text);
const char *format_key(const Key *key, char buffer[static 256]);
