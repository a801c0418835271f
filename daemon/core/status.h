/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/decision.h"

/* All that wslportd reports: D-Bus shows it member by member, systemd gets a line of it. */

#define STATUS_LISTENERS_MAX 16
#define STATUS_REACHABLE_MAX 32

typedef struct StatusListener {
        char address[INET6_ADDRSTRLEN];
        uint16_t port;
        Holder holder;
        char unit[256]; /* "" if unknown */
} StatusListener;

typedef struct StatusAddress {
        char address[INET6_ADDRSTRLEN];
        AddressKind kind; /* ADDRESS_LOOPBACK: 127.0.0.1, which serves Windows as localhost */
} StatusAddress;

/* Must be zeroed before it is filled, as status_changes() compares the bytes. */
typedef struct Status {
        NetworkingMode mode;
        State state;
        Cause cause;
        char reason[REASON_SIZE];
        uint16_t home_port; /* 0: unknown */
        Holder home_holder;
        char home_detail[80];
        uint16_t port; /* where sshd listens, by the kernel; 0: nowhere */
        char unit[256];
        Mechanism mechanism;
        StatusListener listeners[STATUS_LISTENERS_MAX];
        size_t n_listeners;
        uint32_t pinned_sessions;
        StatusAddress reachable[STATUS_REACHABLE_MAX]; /* where sshd listens */
        size_t n_reachable;
        char listener_watch[16]; /* watch_kind()'s word */
        BindAnswer last_bind;    /* the newest answer that the bind helper had, on whatever port */
        uint64_t last_change;    /* CLOCK_REALTIME, µs; 0: none yet */
        char version[16];        /* the daemon's */
} Status;

/* A member of Status, or of an item of its lists, as D-Bus and JSON have it. */
typedef struct StatusMember {
        const char *name, *type; /* the D-Bus type: "s", that of a number, or that of a list */
        size_t offset, size;
        const WordList *words; /* of an enum, which D-Bus and JSON have as its word */
        /* Of a list: */
        const struct StatusMember *items; /* what each item has, ended by one without a name */
        const char *item_type;            /* the D-Bus types of these */
        size_t item_size, n_offset;       /* where the number of items stands in Status, a size_t */
} StatusMember;

/* Each property of org.wslport1.Manager that can change, and Version; ended by one without a name. */
extern const StatusMember status_members[];

/* NULL: there is no such member. */
const StatusMember *status_find_member(const char *name);

/* Returns the port on which sshd answers at @address, one of .reachable: .port if it can be. */
uint16_t status_port_at(const Status *status, const char *address);

#define STATUS_LINE_SIZE 700

/* One line for `systemctl status`: "ssh on 2222; Windows (OpenSSH_for_Windows_9.5) holds 22". */
void status_line(const Status *status, char ret[static STATUS_LINE_SIZE]);

#define STATUS_CHANGES_MAX 20

/* The D-Bus names of the members that differ, NULL-terminated. Returns how many there are. */
size_t status_changes(const Status *old, const Status *new, const char *ret[static STATUS_CHANGES_MAX]);
