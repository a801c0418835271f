/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "facts/holders.h"

#include <sys/param.h>

/* What listeners are classified by. */
typedef struct Look {
        ManagedUnits managed;
        const Endpoints *expected;
        bool best_effort;
        const Status *status; /* with .best_effort; may be NULL */
        bool all;             /* list strangers too */
        usec_t until, end;    /* when to wait for the helper no more: for the next answer, and for any */
        PortView view;
} Look;

/* A stranger counts before sshd: if both listen on a port, on different addresses, sshd may lack one of them. */
static const unsigned precedence[_HOLDER_MAX] = {
        [HOLDER_NONE] = 0,         [HOLDER_SSHD] = 1,  [HOLDER_UNKNOWN] = 2,
        [HOLDER_OTHER_DISTRO] = 3, [HOLDER_LINUX] = 4,
};

/* A child of systemd's makes the socket in the socket unit's cgroup. For a moment, while the socket is on
 * its way to systemd, no process has it. (systemd, socket_open_fds() in (sd-listen)) */
static bool is_in_transit(const UnitState *socket, const SocketOwner *owner) {
        return socket && !streq(socket->active_state, "active") && streq(owner->cgroup_unit, socket->id);
}

/* systemd itself holds a socket unit's addresses, and those of many other units. It makes each socket in the cgroup of
 * the unit, where it can. */
static bool is_managed(const SocketOwner *owner, ManagedUnits managed, uint16_t port) {
        const UnitState *service = managed.service, *socket = managed.socket;

        return (service && streq(owner->unit, service->id)) ||
               (socket && (streq(owner->unit, socket->id) ||
                           (owner->pid == 1 &&
                            (isempty(owner->cgroup_unit) || streq(owner->cgroup_unit, "init.scope")) &&
                            streams_have_port(socket->streams, port))));
}

/* Only root's sockets can be sshd's: with UsePAM=no, sessions stay in the service's cgroup, and a user's own
 * listeners then have sshd's unit. */
static Holder classify(const Look *look, const Listener *listener, const SocketOwner *owner) {
        ManagedUnits managed = look->managed;
        bool has_units = managed.service || managed.socket, is_sshds;

        switch (owner->result) {
        case OWNER_ELSEWHERE:
                return is_in_transit(managed.socket, owner) ? HOLDER_SSHD : HOLDER_OTHER_DISTRO;
        case OWNER_FOUND:
                if (!has_units && !look->best_effort)
                        return HOLDER_UNKNOWN; /* between two buses: each process may be sshd's */
                is_sshds = has_units ? is_managed(owner, managed, listener->endpoint.port)
                                     : streq(owner->comm, "sshd");
                return listener->uid == 0 && is_sshds ? HOLDER_SSHD : HOLDER_LINUX;
        case OWNER_UNKNOWN:
        default: /* only root's can be sshd's */
                return listener->uid != 0 && !look->best_effort ? HOLDER_LINUX : HOLDER_UNKNOWN;
        }
}

static Holder classify_by_status(const Status *status, const StatusListener *entry) {
        for (size_t i = 0; status && i < status->n_listeners; i++)
                if (status->listeners[i].port == entry->port &&
                    streq(status->listeners[i].address, entry->address))
                        return status->listeners[i].holder;
        return HOLDER_UNKNOWN;
}

static bool has_any_ipv4(const Listener *listener) {
        return listener->endpoint.ipv6 && !listener->v6only && endpoint_is_any(&listener->endpoint);
}

/* True if sshd can have all endpoints that are expected beside the listener. Otherwise any user could drive sshd away, by a
 * listener on an address that isn't sshd's. */
static bool is_beside(const Look *look, const Listener *listener) {
        const Endpoint any_ipv4 = { .port = listener->endpoint.port },
                       any_ipv6 = { .ipv6 = true, .port = listener->endpoint.port };

        return look->expected->n > 0 && !endpoints_meet(look->expected, &listener->endpoint) &&
               (!has_any_ipv4(listener) || !endpoints_meet(look->expected, &any_ipv4)) &&
               /* systemd binds :: for both families. */
               !(look->managed.socket && endpoints_have(look->expected, &any_ipv6));
}

/* A socket that takes both families counts as one of each. A Home has no more endpoints than fit. */
static void add_actual(PortView *view, const Listener *listener) {
        const Endpoint *endpoint = &listener->endpoint;
        Endpoint any_ipv4 = { .port = endpoint->port };

        view->loopback_only = (view->actual.n == 0 || view->loopback_only) && endpoint_is_loopback(endpoint);
        memcpy(any_ipv4.scope, endpoint->scope, sizeof(any_ipv4.scope));
        if (has_any_ipv4(listener))
                (void) endpoints_add(&view->actual, &any_ipv4);
        (void) endpoints_add(&view->actual, endpoint);
}

static int look_at(Look *look, const Listener *listener) {
        StatusListener entry = { .port = listener->endpoint.port };
        PortView *view = &look->view;
        SocketOwner owner = { .result = OWNER_UNKNOWN };
        int r;

        r = owner_find(listener->inode, listener->cgroup_id, look->until, &owner);
        if (r < 0 && !look->best_effort && listener->uid == 0)
                return r; /* it may be sshd's; a user's isn't */
        if (r >= 0)
                look->until = MIN(MAX(look->until, clock_usec(CLOCK_MONOTONIC) + HOLDERS_PATIENCE),
                                  look->end);

        view->helper_time += owner.helper_time;
        entry.holder = classify(look, listener, &owner);
        snprintf(entry.unit, sizeof(entry.unit), "%s", owner.unit);
        (void) endpoint_print_address(&listener->endpoint, entry.address);
        if (entry.holder == HOLDER_UNKNOWN)
                entry.holder = classify_by_status(look->status, &entry);
        if ((look->all || entry.holder == HOLDER_SSHD) && view->n_listeners < PORT_VIEW_LISTENERS_MAX)
                view->listeners[view->n_listeners++] = entry;

        if (entry.holder == HOLDER_SSHD)
                add_actual(view, listener);
        else if (is_beside(look, listener))
                return 0;
        if (precedence[entry.holder] > precedence[view->holder]) {
                view->holder = entry.holder;
                view->stranger = entry.holder == HOLDER_LINUX ? owner : (SocketOwner){ 0 };
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

static int look_at_all(Look *look, Sockets *sockets, uint16_t port) {
        Listener listeners[PORT_VIEW_LISTENERS_MAX];
        _cleanup_free_ Listener *of_root = NULL;
        int n, n_of_root = 0, r = 0;

        n = sockets_list_listeners(sockets, port, listeners, ELEMENTSOF(listeners));
        /* However many others there are, sshd's must not be lost among them. */
        if (n > PORT_VIEW_LISTENERS_MAX)
                n_of_root = list_listeners_of_root(sockets, port, &of_root);
        if (n < 0 || n_of_root < 0)
                return n < 0 ? n : n_of_root;

        n = MIN(n, PORT_VIEW_LISTENERS_MAX);
        for (int i = 0; i < n_of_root && r >= 0; i++)
                r = look_at(look, &of_root[i]);
        /* Users come last: they may have so many processes that nobody finds theirs in time. */
        for (int users = of_root ? 1 : 0; users <= 1; users++)
                for (int i = 0; i < n && r >= 0; i++)
                        if ((listeners[i].uid != 0) == users)
                                r = look_at(look, &listeners[i]);
        return r;
}

static int holders_look_with(Look *look, Sockets *sockets, const Endpoints *expected, uint16_t port,
                             PortView *ret) {
        int r;

        look->all = port != 0;
        look->expected = expected;
        look->view.holder = HOLDER_NONE;
        r = look_at_all(look, sockets, port);
        if (r < 0)
                return r;

        /* A socket unit may be bound to an interface, and others have the same endpoint on another. */
        if (expected->n > 0 && endpoints_have_all(&look->view.actual, expected))
                look->view.holder = HOLDER_SSHD;

        *ret = look->view;
        return 0;
}

int holders_look(Sockets *sockets, ManagedUnits managed, const Endpoints *expected, uint16_t port,
                 usec_t since, PortView *ret) {
        usec_t end = since + HOLDERS_PATIENCE_IN_ALL;
        Look look = { .managed = managed,
                      .until = MIN(clock_usec(CLOCK_MONOTONIC) + HOLDERS_PATIENCE, end),
                      .end = end };

        return holders_look_with(&look, sockets, expected, port, ret);
}

int holders_look_best_effort(Sockets *sockets, ManagedUnits managed, const Endpoints *expected,
                             uint16_t port, const Status *status, PortView *ret) {
        Look look = { .managed = managed,
                      .best_effort = true,
                      .status = status,
                      .until = clock_usec(CLOCK_MONOTONIC) + 3 * USEC_PER_SEC,
                      .end = USEC_INFINITY };

        return holders_look_with(&look, sockets, expected, port, ret);
}

bool port_view_is_complete(const PortView *view, const Endpoints *expected) {
        return view->holder == HOLDER_SSHD && endpoints_have_all(&view->actual, expected);
}

bool port_view_has_ipv4(const PortView *view, const Endpoints *expected) {
        for (size_t i = 0; i < expected->n; i++)
                if (!expected->items[i].ipv6 && !endpoints_have(&view->actual, &expected->items[i]))
                        return false;
        return view->holder == HOLDER_SSHD && endpoints_have_family(expected, false);
}

bool port_view_lacks_ipv4(const PortView *view, const Endpoints *expected) {
        const Endpoint any_ipv4 = { 0 };

        return view->holder == HOLDER_SSHD && endpoints_have_address_of(expected, &any_ipv4) &&
               !endpoints_have_family(&view->actual, false);
}
