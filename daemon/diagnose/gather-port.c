/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/gather.h"

#include <strings.h>

#include "facts/home-finder.h"
#include "sshd/listen-address.h"

/* *@ret_expected: as for holders_look(). */
static int look(const PortSources *from, uint16_t port, Endpoints *ret_expected, PortView *ret) {
        home_on_port(&from->home, &(const Placement){ .port = from->moved_to }, port, ret_expected);
        return from->sockets ? holders_look_best_effort(from->sockets, from->managed, ret_expected, port,
                                                        from->status, ret)
                             : -ENOTCONN;
}

static void name_stranger(const SocketOwner *stranger, const UnitState *service, ListenFacts *f) {
        f->holder_pid = stranger->pid;
        snprintf(f->holder_name, sizeof(f->holder_name), "%s",
                 stranger->comm[0] ? stranger->comm : "another program");
        /* A session's scope is more than that program. So is sshd's own unit, in which sessions stay without PAM. */
        if ((!service || !streq(stranger->unit, service->id)) && !strstr(stranger->unit, ".scope") &&
            !startswith(stranger->unit, "user@"))
                snprintf(f->holder_unit, sizeof(f->holder_unit), "%s", stranger->unit);
}

static void look_at_port(const PortSources *from, const char *options, ListenFacts *f) {
        ListenAddressLine line;
        bool unknown = false;
        Endpoints expected;
        PortView view;

        if (look(from, f->number, &expected, &view) < 0)
                return;

        for (size_t i = 0; i < view.n_listeners; i++)
                unknown = unknown || view.listeners[i].holder == HOLDER_UNKNOWN;
        f->listens = view.actual.n > 0 ? FACT_YES : unknown ? FACT_UNKNOWN : FACT_NO;
        f->holder = view.actual.n > 0 && !holder_is_stranger(view.holder) ? HOLDER_NONE : view.holder;
        if (f->holder == HOLDER_LINUX)
                name_stranger(&view.stranger, from->managed.service, f);
        f->ipv6_only = port_view_lacks_ipv4(&view, &expected);
        if (view.loopback_only && look(from, 0, &expected, &view) >= 0)
                f->loopback_only = view.loopback_only;
        if (f->loopback_only && listen_address_find("", options, listen_address_is_loopback, &line) > 0)
                f->loopback_line = line.place;
}

/* Where an sshd listens whose configuration can't be read; else its own default. */
static uint16_t find_port(const PortSources *from, bool root) {
        Endpoints expected;
        PortView view;

        if (!root || look(from, 0, &expected, &view) < 0)
                return 0;
        return view.n_listeners > 0 ? view.listeners[0].port : SSHD_DEFAULT_PORT;
}

static int on_listen_address(const ConfigLine *line, void *userdata) {
        ListenFacts *f = userdata;

        if (strcasecmp(line->words, "ListenAddress") != 0 || !strstr(words_next(line->words), f->absent))
                return 0;
        f->absent_line = line->place;
        return 1;
}

static void look_for_absent(const PortSources *from, const char *options, ListenFacts *f) {
        Endpoints absent;

        if (f->listens != FACT_NO || !from->routes ||
            home_find_absent(&from->home, from->routes, &absent) < 0 ||
            !home_is_absent(&from->home, &absent))
                return;

        (void) endpoint_print_address(&absent.items[0], f->absent);
        (void) config_walk_sshd("", options, on_listen_address, f);
}

void gather_port(const PortSources *from, CheckFacts *facts) {
        ListenFacts *f = &facts->port;
        const Status *status = from->status;

        f->holder = HOLDER_UNKNOWN;
        if (f->number != 0) { /* somebody asks about that one */
                look_at_port(from, "", f);
                return;
        }

        f->home = home_first_port(&from->home);
        if (f->home == 0 && status)
                f->home = status->home_port;
        f->number = status && status->port != 0 ? status->port
                    : from->moved_to != 0       ? from->moved_to
                    : f->home != 0              ? f->home
                                                : find_port(from, facts->machine.root);
        if (f->home == 0 && from->moved_to == 0)
                f->home = f->number;

        if (f->number != 0) {
                look_at_port(from, facts->sshd.options, f);
                look_for_absent(from, facts->sshd.options, f);
                port_rules_find("", facts->sshd.options, f->home, f->number, &f->rules);
        }
        if (!status)
                return;
        f->home_holder = status->home_holder;
        snprintf(f->home_detail, sizeof(f->home_detail), "%s", status->home_detail);
}
