/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "facts/holders.h"

#include "kernel/owner.h"
#include "sshd/dump.h"

/* A stranger counts before sshd: where both listen on a port, on different addresses, sshd may not have all
 * of it. */
static const unsigned precedence[_HOLDER_MAX] = {
        [HOLDER_NONE] = 0,         [HOLDER_SSHD] = 1,  [HOLDER_UNKNOWN] = 2,
        [HOLDER_OTHER_DISTRO] = 3, [HOLDER_LINUX] = 4,
};

/* What systemd itself listens on belongs to the socket unit that has such an address. */
static bool is_stream_of(const UnitState *socket, const Owner *owner, uint16_t port) {
        return socket && owner->pid == 1 && endpoints_have_port(socket->streams, port);
}

/* systemd has a child in the socket unit's cgroup make the socket, and for a moment, on its way to systemd, no process
 * has it. (systemd, socket_open_fds() in (sd-listen)) */
static bool is_in_transit(const UnitState *socket, const Owner *owner) {
        return socket && !streq(socket->active_state, "active") && streq(owner->cgroup_unit, socket->id);
}

static bool is_managed(const Owner *owner, ManagedUnits managed, uint16_t port) {
        return (managed.service && streq(owner->unit, managed.service->id)) ||
               (managed.socket && streq(owner->unit, managed.socket->id)) || is_stream_of(managed.socket, owner, port);
}

/* Where sessions stay in the service's cgroup (UsePAM=no), what users run there is of its unit too. */
static Holder classify(const Listener *listener, const Owner *owner, ManagedUnits managed) {
        switch (owner->result) {
        case OWNER_ELSEWHERE:
                return is_in_transit(managed.socket, owner) ? HOLDER_SSHD : HOLDER_OTHER_DISTRO;
        case OWNER_FOUND:
                /* Between two buses nothing is known of sshd's units: anybody may be it. */
                if (!managed.service && !managed.socket)
                        return HOLDER_UNKNOWN;
                return listener->uid == 0 && is_managed(owner, managed, listener->port) ? HOLDER_SSHD : HOLDER_LINUX;
        case OWNER_UNKNOWN:
        default:
                return HOLDER_UNKNOWN;
        }
}

static int look_at(const Listener *listener, ManagedUnits managed, bool all, PortView *view) {
        StatusListener entry = { .port = listener->port };
        Owner owner;
        int r;

        r = owner_find(listener->inode, listener->cgroup_id, &owner);
        if (r < 0)
                return r;

        view->spent += owner.spent;
        entry.holder = classify(listener, &owner, managed);
        snprintf(entry.unit, sizeof(entry.unit), "%s", owner.unit);
        listener_format_address(listener, entry.address);
        if ((all || entry.holder == HOLDER_SSHD) && view->n_listeners < PORT_VIEW_LISTENERS_MAX)
                view->listeners[view->n_listeners++] = entry;

        if (entry.holder == HOLDER_SSHD) {
                view->n_sshds++;
                view->ipv4 = view->ipv4 || listener_has_ipv4(listener);
                view->ipv6 = view->ipv6 || listener->family == AF_INET6;
        }

        if (precedence[entry.holder] > precedence[view->holder]) {
                view->holder = entry.holder;
                view->detail[0] = '\0';
                if (entry.holder == HOLDER_LINUX)
                        snprintf(view->detail, sizeof(view->detail), "%s (pid %d)",
                                 isempty(owner.comm) ? "a process" : owner.comm, owner.pid);
        }
        return 0;
}

static int list_listeners_of_root(Sockets *sockets, uint16_t port, Listener **ret) {
        _cleanup_free_ Listener *listeners = NULL;
        int n, r;

        n = sockets_list_listeners_of_root(sockets, port, NULL, 0);
        if (n < 0)
                return n;
        listeners = calloc((size_t) n + 1, sizeof(*listeners));
        if (!listeners)
                return -ENOMEM;
        r = sockets_list_listeners_of_root(sockets, port, listeners, (size_t) n);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(listeners);
        return r < n ? r : n;
}

int holders_look(Sockets *sockets, ManagedUnits managed, const SshdHome *home, uint16_t port, PortView *ret) {
        Listener listeners[PORT_VIEW_LISTENERS_MAX];
        _cleanup_free_ Listener *of_root = NULL;
        PortView view = { .holder = HOLDER_NONE };
        int n, n_of_root = 0, r;

        n = sockets_list_listeners(sockets, port, listeners, ELEMENTSOF(listeners));
        if (n < 0)
                return n;

        /* However many anybody here has, sshd's are not lost among them. */
        if (n > PORT_VIEW_LISTENERS_MAX) {
                n_of_root = list_listeners_of_root(sockets, port, &of_root);
                if (n_of_root < 0)
                        return n_of_root;
        }
        for (int i = 0; i < n_of_root; i++) {
                r = look_at(&of_root[i], managed, port != 0, &view);
                if (r < 0)
                        return r;
        }
        for (int i = 0; i < n && i < PORT_VIEW_LISTENERS_MAX; i++) {
                if (of_root && listeners[i].uid == 0)
                        continue;
                r = look_at(&listeners[i], managed, port != 0, &view);
                if (r < 0)
                        return r;
        }

        /* Else anybody here could drive sshd away, by a family or an address that it isn't to have. */
        if (home->n_addresses > 0 && view.n_sshds >= home->n_addresses && (view.ipv4 || !home->ipv4) &&
            (view.ipv6 || !home->ipv6)) {
                view.holder = HOLDER_SSHD;
                view.detail[0] = '\0';
        }

        *ret = view;
        return 0;
}
