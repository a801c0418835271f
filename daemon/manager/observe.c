/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/observe.h"

#include "base/timer.h"

/* How soon to look again at an sshd that runs and does not listen; it grows, for that may be its state. */
#define SETTLE_DELAY_FIRST (20 * USEC_PER_MSEC)
#define SETTLE_DELAY_MAX (60 * USEC_PER_SEC)

/* An sshd that lacks something at a look that was waited for so long will not have it by itself. */
#define SETTLED_DELAY (1280 * USEC_PER_MSEC)
#define SETTLED_DELAY_SOCKET (160 * USEC_PER_MSEC) /* no process has to come up for it */

/* When to count the sessions again that hold the home port: no event tells of the end of a TIME_WAIT. */
#define RECOUNT_DELAY_MIN (1 * USEC_PER_SEC)
#define RECOUNT_DELAY_MAX (60 * USEC_PER_SEC)

void observer_init(Observer *o, Context *c) {
        *o = (Observer){
                .c = c,
                .settling = { .name = "settle", .first = SETTLE_DELAY_FIRST, .max = SETTLE_DELAY_MAX },
        };
}

void observer_done(Observer *o) {
        ports_done(&o->ports);
        sd_event_source_disable_unref(o->pinned.timer);
        sd_event_source_disable_unref(o->settle_timer);
}

void observer_forget(Observer *o) {
        ports_forget_all(&o->ports);
        naming_forget(o->c->naming, 0);
        o->pinned.unpinned = 0;
}

/* ── the units and sshd's configuration ── */

static void observer_set_phase(Observer *o, ServicePhase phase) {
        bool fails = phase == SERVICE_TO_START || phase == SERVICE_FAILED;

        if (phase == SERVICE_TO_START)
                ports_forget_grants(&o->ports);
        /* sshd reads its configuration when it starts. */
        if (fails ||
            (phase == SERVICE_RUNNING && o->phase != SERVICE_UNKNOWN && o->phase != SERVICE_STARTING))
                home_finder_forget(o->c->home_finder);
        o->phase = phase;
}

bool observer_read_units(Observer *o) {
        const Context *c = o->c;
        ManagedUnits managed = units_managed(c->units);
        const UnitState *unit = managed.socket ? managed.socket : managed.service;
        ServicePhase phase = managed_phase(managed),
                     owed_in = o->owed == OWED_BY_REFUSAL ? SERVICE_FAILED : SERVICE_INACTIVE;

        if (home_finder_is_pending(c->home_finder) || mode_is_pending(c->mode) || units_is_reading(c->units))
                return false;

        if (o->owed != OWED_NOTHING && phase == owed_in)
                phase = SERVICE_TO_START;
        else if (phase != SERVICE_UNKNOWN && !(o->owed == OWED_BY_SWITCH && phase == SERVICE_TO_START))
                o->owed = OWED_NOTHING;

        if (phase != o->phase) {
                log_message(&c->log, LOG_DEBUG, "%s: %s, was %s", unit ? unit->id : "ssh",
                            service_phase_to_string(phase), service_phase_to_string(o->phase));
                observer_set_phase(o, phase);
        }
        return phase != SERVICE_UNKNOWN;
}

bool observer_ask_sshd(Observer *o) {
        Context *c = o->c;
        ManagedUnits managed = units_managed(c->units);

        if (o->phase != SERVICE_ABSENT &&
            home_finder_refresh(c->home_finder, managed.service, &c->files.placement))
                return false;

        o->sshd = home_finder_facts(c->home_finder, managed, &c->files.placement);
        o->sshd.ask_again = o->sshd.ask_again && o->phase != SERVICE_ABSENT;
        return true;
}

/* ── the ports ── */

static int observer_list(Observer *o, uint16_t port, PortView *ret) {
        int r;

        r = holders_look(o->c->sockets, units_managed(o->c->units), &o->sshd.home, port, ret);
        if (r >= 0)
                o->helper_time += ret->helper_time;
        return r;
}

/* Brings the fact of @port up to date. False, and logged, where the kernel did not list who listens
 * there. */
static bool observer_see(Observer *o, uint16_t port, PortView *ret) {
        const PortFact *fact = ports_find(&o->ports, port);
        int r;

        r = observer_list(o, port, ret);
        if (r >= 0 && fact && fact->holder == HOLDER_SSHD && ret->holder != HOLDER_SSHD)
                delay_reset(&o->settling); /* it may come to listen there again, as after SIGHUP */
        if (r >= 0)
                r = ports_see(&o->ports, port, ret, &o->sshd.home, mode_get(o->c->mode));
        if (r < 0) {
                log_error_errno(&o->c->log, r, "The listeners on port %u could not be read", port);
                o->sight = SIGHT_NOT_EVEN;
        }
        return r >= 0;
}

int observer_listens(Observer *o, uint16_t port) {
        PortView view;

        if (observer_list(o, port, &view) < 0 || view.holder == HOLDER_UNKNOWN)
                return -EAGAIN;
        if (holder_is_stranger(view.holder))
                return -EADDRINUSE;
        return port_view_is_complete(&view, &o->sshd.home);
}

const PortFact *observer_find_taken(Observer *o, uint16_t port) {
        const PortFact *fact;
        PortView view;

        (void) observer_see(o, port, &view);
        fact = ports_find(&o->ports, port);
        return fact && holder_is_stranger(fact->holder) ? fact : NULL;
}

bool observer_has(const Observer *o, uint16_t port) {
        const PortFact *fact = ports_find(&o->ports, port);

        return fact && fact->holder == HOLDER_SSHD && !fact->lacks_ipv4;
}

void observer_note_answer(Observer *o, uint16_t port, BindAnswer answer, const char *detail) {
        PortView view;
        int r;

        r = ports_answer(&o->ports, port, answer, detail);
        if (r < 0) {
                log_error_errno(&o->c->log, r, "The answer about port %u is lost", port);
                return;
        }
        naming_forget(o->c->naming, port);
        (void) observer_see(o, port, &view);
}

/* One of sshd's ports, 0: every one. */
static void observer_look_at(Observer *o, uint16_t port) {
        PortView view;

        if (port == 0 ? observer_list(o, 0, &view) < 0 : !observer_see(o, port, &view)) {
                o->sight = SIGHT_NOT_EVEN;
                return;
        }

        if (port != 0 && port == observer_expected_port(o))
                o->listens = port_view_is_complete(&view, &o->sshd.home);
        for (size_t i = 0; i < view.n_listeners && o->n_listeners < STATUS_LISTENERS_MAX; i++)
                if (port != 0 || view.listeners[i].holder == HOLDER_SSHD)
                        o->listeners[o->n_listeners++] = view.listeners[i];
}

/* An sshd that was moved before wslportd was removed and installed again: no file remembers that, but the
 * kernel lists sshd on a port of the policy's, and Windows has the home port. */
static void observer_find_moved(Observer *o) {
        const PortFact *home = ports_find(&o->ports, observer_home_port(o));
        Files *files = &o->c->files;
        PortView view;

        if (files->placement.port != 0 || files->last_port != 0 || o->lacking != SETTLED_WITHOUT_PORT ||
            o->phase != SERVICE_RUNNING || !home || !holder_is_windows(home->holder) ||
            observer_list(o, 0, &view) < 0)
                return;

        for (size_t i = 0; i < view.n_listeners; i++)
                if (view.listeners[i].holder == HOLDER_SSHD &&
                    config_allows_port(&o->c->config, view.listeners[i].port)) {
                        files->last_port = view.listeners[i].port;
                        return;
                }
}

/* To count them the kernel walks through the connections of all ports. Where nobody listens there come no
 * new ones: then it isn't asked again once there are none. */
static void observer_count_pinned(Observer *o) {
        uint16_t port = o->c->files.placement.port != 0 ? observer_home_port(o) : 0;
        const PortFact *fact = ports_find(&o->ports, port);
        bool listens = fact && (fact->holder == HOLDER_SSHD || holder_is_stranger(fact->holder));
        int sessions = 0;

        if (port == 0 || (o->pinned.unpinned == port && !listens)) {
                o->pinned.sessions = 0;
                return;
        }

        o->pinned.recount_in = USEC_INFINITY;
        sessions = sockets_count_sessions(o->c->sockets, port, &o->pinned.recount_in);
        o->pinned.unpinned = sessions == 0 && !listens ? port : 0;
        if (sessions < 0) {
                log_error_errno(&o->c->log, sessions, "The sessions on port %u could not be counted", port);
                o->sight = o->sight == SIGHT_WHOLE ? SIGHT_OF_LISTENERS : o->sight;
        } else
                o->pinned.sessions = (uint32_t) sessions;
}

static void observer_list_reachable(Observer *o) {
        Address addresses[STATUS_REACHABLE_MAX];
        int n;

        n = routes_list_addresses(o->c->routes, addresses, ELEMENTSOF(addresses));
        if (n < 0) {
                log_error_errno(&o->c->log, n, "The addresses could not be read");
                o->sight = o->sight == SIGHT_WHOLE ? SIGHT_OF_LISTENERS : o->sight;
                return;
        }

        memset(o->reachable, 0, sizeof(o->reachable));
        for (o->n_reachable = 0; o->n_reachable < (size_t) n && o->n_reachable < ELEMENTSOF(addresses);
             o->n_reachable++) {
                StatusAddress *to = &o->reachable[o->n_reachable];

                address_format(&addresses[o->n_reachable], to->address);
                to->kind = addresses[o->n_reachable].kind;
        }
}

void observer_look(Observer *o) {
        const SshdHome *home = &o->sshd.home;
        const Files *files = &o->c->files;
        PortView view;

        o->sight = SIGHT_WHOLE;
        o->listens = false;
        o->n_listeners = 0;
        memset(o->listeners, 0, sizeof(o->listeners));

        if (files->placement.port != 0)
                observer_look_at(o, files->placement.port);
        for (size_t i = 0; i < home->n_ports; i++)
                if (home->ports[i] != files->placement.port)
                        observer_look_at(o, home->ports[i]);
        if (files->placement.port == 0 && home->n_ports == 0)
                observer_look_at(o, 0);

        observer_find_moved(o);
        if (files->placement.port == 0 && files->last_port != 0)
                (void) observer_see(o, files->last_port, &view);

        observer_count_pinned(o);
        observer_list_reachable(o);
}

/* ── what comes of it ── */

/* Whether systemd doesn't know of our files. */
static bool observer_is_unapplied(const Observer *o, ManagedUnits managed) {
        const Placement *placement = &o->c->files.placement;

        if (placement->port == 0)
                return false;
        if (!managed.socket)
                return placement->mechanism == MECHANISM_SOCKET ||
                       (placement->mechanism == MECHANISM_COMMAND_LINE && managed.service &&
                        !managed.service->overridden);

        return !endpoints_have_port(managed.socket->streams, placement->port);
}

static Settled observer_settled(const Observer *o, bool by_socket) {
        if (o->sight == SIGHT_NOT_EVEN)
                return SETTLED_UNSEEN;
        if (o->settling.last <
            (o->lacking == SETTLED_WITHOUT_PORT && by_socket ? SETTLED_DELAY_SOCKET : SETTLED_DELAY))
                return SETTLED_NOT_YET;
        return o->lacking;
}

void observer_fill(Observer *o, Snapshot *ret) {
        const Files *files = &o->c->files;
        ManagedUnits managed = units_managed(o->c->units);
        bool restoring = o->c->stage == STAGE_RESTORING;

        /* Whatever the mode, sshd goes back only where a bind() of its own ports is seen to work. */
        *ret = (Snapshot){
                .mode = restoring ? MODE_MIRRORED : mode_get(o->c->mode),
                .service = o->phase,
                .by_socket = managed.socket,
                .booting = o->c->stage != STAGE_RUNNING,
                .settled = observer_settled(o, managed.socket),
                .verdict = o->sshd.verdict,
                .verdict_detail = o->sshd.detail,
                .home = o->sshd.home,
                .port_fixed_by = o->sshd.port_fixed_by,
                .moved_to = files->placement.port,
                .unapplied = observer_is_unapplied(o, managed),
                .last_port = files->last_port,
                .facts = o->ports.facts,
                .n_facts = o->ports.n,
                .not_enabled = managed.service && streq(managed.service->load_state, "loaded") &&
                               streq(managed.service->unit_file_state, "disabled") &&
                               !units_socket_is_enabled(o->c->units),
                .socket_disabled = files->disabled.socket[0] != '\0',
                .switch_unfinished = files->disabled.unfinished,
                .unit_name = managed.service ? managed.service->id : "ssh.service",
        };
}

/* ── when to look again ── */

static int observer_on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Observer *o = userdata;

        (void) source, (void) usec;
        context_evaluate_later(o->c, CAUSE_OTHER);
        return 0;
}

/* sshd closes its listeners and binds anew on SIGHUP, one family after the other, and no event tells of it:
 * a look in the middle of that is followed by another. */
static void observer_settle(Observer *o, const Decision *d) {
        bool placed = !d->port_missing && d->state != STATE_UNKNOWN && d->state != STATE_UNMANAGED;
        Settled lacking = placed ? SETTLED_WITHOUT_IPV4 : SETTLED_WITHOUT_PORT;
        int r;

        if (o->sight != SIGHT_WHOLE)
                lacking = SETTLED_UNSEEN;
        else if (o->phase != SERVICE_RUNNING || (placed && o->listens))
                lacking = SETTLED_NOT_YET;

        if (lacking != o->lacking && lacking != SETTLED_UNSEEN)
                delay_reset(&o->settling);
        o->lacking = lacking;
        /* sshd may have another configuration now than when it was asked. */
        if (lacking == SETTLED_WITHOUT_PORT && o->settling.last == 0)
                home_finder_forget(o->c->home_finder);

        if (lacking == SETTLED_NOT_YET)
                o->settle_timer = sd_event_source_disable_unref(o->settle_timer);
        if (lacking == SETTLED_NOT_YET ||
            (lacking == SETTLED_WITHOUT_IPV4 && o->settling.last >= SETTLED_DELAY) ||
            (lacking == SETTLED_WITHOUT_PORT && d->state != STATE_UNKNOWN))
                return;

        r = timer_arm(o->c->event, &o->settle_timer, delay_next(&o->settling), 0, o->settling.name,
                      observer_on_timer, o);
        if (r < 0)
                context_give_up(o->c, r, "No further look at the listeners could be scheduled");
}

/* What is worth being woken for: the listeners of sshd's ports; and, while Windows or sshd waits for one of
 * them, its sessions. */
static void observer_watch(Observer *o, const Decision *d) {
        const Context *c = o->c;
        const SshdHome *home = &o->sshd.home;
        uint16_t ports[SSHD_PORTS_MAX + 1];
        const char *before = watch_kind(c->watch);
        bool closes = o->pinned.sessions > 0 || d->state == STATE_BLOCKED;
        size_t n = 0;
        int r;

        for (size_t i = 0; i < home->n_ports; i++) {
                const PortFact *fact = ports_find(&o->ports, home->ports[i]);

                closes = closes || (fact && holder_is_stranger(fact->holder));
                ports[n++] = home->ports[i];
        }
        if (c->files.placement.port != 0)
                ports[n++] = c->files.placement.port;

        r = watch_set(c->watch, ports, n, closes);
        if (r < 0)
                log_error_errno(&c->log, r, "The listeners can't be watched");
        else if (!streq(before, watch_kind(c->watch))) {
                r = watch_fallback_reason(c->watch);
                log_message(&c->log, LOG_INFO, "Listeners are watched by: %s%s%s", watch_kind(c->watch),
                            r < 0 ? ", as the tracepoint can't be had: " : "",
                            r < 0 ? strerrordesc_np(-r) : "");
        }
}

static void observer_recount(Observer *o) {
        usec_t delay = o->pinned.recount_in;
        int r = 0;

        if (delay < RECOUNT_DELAY_MIN)
                delay = RECOUNT_DELAY_MIN;
        if (delay > RECOUNT_DELAY_MAX)
                delay = RECOUNT_DELAY_MAX;
        if (o->pinned.sessions > 0)
                r = timer_arm(o->c->event, &o->pinned.timer, delay, USEC_PER_SEC, "recount",
                              observer_on_timer, o);
        else
                o->pinned.timer = sd_event_source_disable_unref(o->pinned.timer);
        if (r < 0)
                log_error_errno(&o->c->log, r, "The next count of pinned sessions could not be scheduled");
}

/* Where somebody asks for it, a name by an earlier greeting counts no more. */
static bool is_unnamed(const PortFact *fact, Request request) {
        return fact->holder == HOLDER_UNKNOWN ||
               (request == REQUEST_PROBE && holder_is_windows(fact->holder));
}

/* Who has a home port on Windows? Asked each time that it is newly refused, or that sshd is found
 * elsewhere. */
static void observer_name_holders(Observer *o, const Snapshot *s) {
        const Placement *placement = &o->c->files.placement;
        bool elsewhere = s->moved_to != 0 || o->lacking == SETTLED_WITHOUT_PORT;

        for (size_t i = 0; i < s->home.n_ports && mode_shares_ports(s->mode); i++) {
                const PortFact *fact = ports_find(&o->ports, s->home.ports[i]);

                if (fact && !port_is_one_of(fact->port, placement->beside, placement->n_beside) &&
                    (fact->bind == BIND_REFUSED_BY_WINDOWS ||
                     (fact->bind == BIND_NOT_ASKED && is_unnamed(fact, s->request) && elsewhere)))
                        naming_ask(o->c->naming, fact->port);
        }
}

void observer_wait(Observer *o, const Snapshot *s, const Decision *d) {
        observer_settle(o, d);
        observer_watch(o, d);
        observer_recount(o);
        observer_name_holders(o, s);
}
