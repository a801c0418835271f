/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/gather-port.h"

#include "kernel/owner.h"
#include "sshd/sshd.h"

#define LISTENERS_MAX 64

typedef enum Whose {
        WHOSE_UNKNOWN,
        WHOSE_SSHD,
        WHOSE_LINUX,
        WHOSE_OTHER_DISTRO,
} Whose;

static Whose whose(const CheckFacts *f, const Listener *listener, const Owner *owner) {
        if (owner->result == OWNER_ELSEWHERE)
                return WHOSE_OTHER_DISTRO;
        if (owner->result != OWNER_FOUND)
                return WHOSE_UNKNOWN;
        if (listener->uid != 0) /* a user's process, in sshd's cgroup or by its name */
                return WHOSE_LINUX;
        if (!f->sshd.service.name[0])
                return streq(owner->comm, "sshd") ? WHOSE_SSHD : WHOSE_LINUX;
        return streq(owner->unit, f->sshd.service.name) ||
                                               (f->sshd.socket.name[0] &&
                                                (owner->pid == 1 || streq(owner->unit, f->sshd.socket.name)))
                               ? WHOSE_SSHD
                               : WHOSE_LINUX;
}

/* By the daemon, which may see more. */
static Whose whose_by_status(const Status *status, const Listener *listener) {
        char address[INET6_ADDRSTRLEN];

        listener_format_address(listener, address);
        for (size_t i = 0; status && i < status->n_listeners; i++)
                if (status->listeners[i].port == listener->port &&
                    streq(status->listeners[i].address, address))
                        switch (status->listeners[i].holder) {
                        case HOLDER_SSHD:
                                return WHOSE_SSHD;
                        case HOLDER_LINUX:
                                return WHOSE_LINUX;
                        case HOLDER_OTHER_DISTRO:
                                return WHOSE_OTHER_DISTRO;
                        default:
                                break;
                        }
        return WHOSE_UNKNOWN;
}

/* Of @port, 0: of each. Returns how many, or a negative errno, also where there are more than fit. */
static int list_listeners(Sockets *sockets, uint16_t port, Listener ret[static LISTENERS_MAX]) {
        int n = sockets ? sockets_list_listeners(sockets, port, ret, LISTENERS_MAX) : -ENOTCONN;

        return n > LISTENERS_MAX ? -EOVERFLOW : n;
}

static bool is_loopback(const Listener *listener) {
        return listener->family == AF_INET ? (ntohl(listener->address.in.s_addr) >> 24) == 127
                                           : IN6_IS_ADDR_LOOPBACK(&listener->address.in6);
}

static void look_at_port(Sockets *sockets, const Status *status, CheckFacts *f) {
        bool elsewhere = false, sshd = false, unknown = false, ipv4 = false;
        Listener listeners[LISTENERS_MAX];
        int n;

        n = list_listeners(sockets, f->port.number, listeners);
        f->port.holder = n < 0 ? HOLDER_UNKNOWN : HOLDER_NONE;
        if (n < 0)
                return;
        for (int i = 0; i < n; i++) {
                Whose by = WHOSE_UNKNOWN;
                Owner owner = { 0 };

                if (owner_find(listeners[i].inode, listeners[i].cgroup_id, &owner) >= 0)
                        by = whose(f, &listeners[i], &owner);
                if (by == WHOSE_UNKNOWN)
                        by = whose_by_status(status, &listeners[i]);

                sshd = sshd || by == WHOSE_SSHD;
                ipv4 = ipv4 || (by == WHOSE_SSHD && listener_has_ipv4(&listeners[i]));
                unknown = unknown || by == WHOSE_UNKNOWN;
                elsewhere = elsewhere || (by == WHOSE_SSHD && !is_loopback(&listeners[i]));
                if (by == WHOSE_LINUX) {
                        f->port.holder = HOLDER_LINUX;
                        f->port.holder_pid = owner.pid;
                        snprintf(f->port.holder_name, sizeof(f->port.holder_name), "%s",
                                 owner.comm[0] ? owner.comm : "another program");
                        snprintf(f->port.holder_unit, sizeof(f->port.holder_unit), "%s", owner.unit);
                        /* A session's scope is more than that program. */
                        if (strstr(f->port.holder_unit, ".scope") ||
                            startswith(f->port.holder_unit, "user@"))
                                f->port.holder_unit[0] = '\0';
                } else if (by == WHOSE_OTHER_DISTRO && f->port.holder == HOLDER_NONE)
                        f->port.holder = HOLDER_OTHER_DISTRO;
        }
        if (unknown && f->port.holder == HOLDER_NONE)
                f->port.holder = sshd ? HOLDER_NONE : HOLDER_UNKNOWN;
        f->port.listens = sshd ? FACT_YES : unknown ? FACT_UNKNOWN : FACT_NO;
        f->port.ipv6_only = sshd && !ipv4 && f->sshd.any_ipv4;
        f->port.loopback_only = sshd && !elsewhere;
        if (f->port.loopback_only)
                (void) sshd_find_loopback(f->port.listen_file, sizeof(f->port.listen_file),
                                          &f->port.listen_line);
        if (!path_is_printable(f->port.listen_file))
                f->port.listen_file[0] = '\0';
}

/* Where an sshd whose configuration tells nothing listens all the same; else its own default. */
static uint16_t find_port(Sockets *sockets, const CheckFacts *f) {
        Listener listeners[LISTENERS_MAX];
        int n;

        n = f->machine.root ? list_listeners(sockets, 0, listeners) : -EACCES;
        if (n < 0)
                return 0;
        for (int i = 0; i < n; i++) {
                Owner owner;

                if (owner_find(listeners[i].inode, listeners[i].cgroup_id, &owner) >= 0 &&
                    whose(f, &listeners[i], &owner) == WHOSE_SSHD && owner.pid != 1)
                        return listeners[i].port;
        }
        return 22;
}

void gather_port(Sockets *sockets, const Status *status, uint16_t moved_to, CheckFacts *f) {
        if (status && f->port.home == 0)
                f->port.home = status->home_port;
        f->port.number = status && status->port != 0 ? status->port
                         : moved_to != 0             ? moved_to
                         : f->port.home != 0         ? f->port.home
                                                     : find_port(sockets, f);
        if (f->port.home == 0)
                f->port.home = moved_to == 0 ? f->port.number : 0;

        f->port.holder = HOLDER_UNKNOWN;
        if (f->port.number != 0)
                look_at_port(sockets, status, f);
        if (!status)
                return;
        f->port.home_holder = status->home_holder;
        snprintf(f->port.home_detail, sizeof(f->port.home_detail), "%s", status->home_detail);
}
