/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/policy.h"

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
        char listener_watch[16]; /* watch_kind()'s word; "" before the first look */
        BindAnswer last_bind;    /* the newest answer that the bind helper had, on whatever port */
        uint64_t last_change;    /* CLOCK_REALTIME, µs; 0: none yet */
        char version[16];        /* the daemon's, as a client reads it */
} Status;

/* Returns the port on which sshd answers at @address, one of .reachable: .port if it can be. */
uint16_t status_port_at(const Status *status, const char *address);

#define STATUS_LINE_SIZE 700

/* One line for `systemctl status`: "ssh on 2222; Windows (OpenSSH_for_Windows_9.5) holds 22". */
void status_line(const Status *status, char ret[static STATUS_LINE_SIZE]);

#define STATUS_CHANGES_MAX 20

/* The D-Bus names of the members that differ, NULL-terminated. Returns how many there are. */
size_t status_changes(const Status *old, const Status *new, const char *ret[static STATUS_CHANGES_MAX]);
