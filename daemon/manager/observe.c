/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/observe.h"

#include <sys/param.h>

#include "base/timer.h"

/* How soon to look again at an sshd that runs and does not listen. That may be its state, so the wait grows. */
#define SETTLE_DELAY_FIRST (20 * USEC_PER_MSEC)
#define SETTLE_DELAY_MAX (60 * USEC_PER_SEC)

/* After a wait of this length, sshd will not come to listen by itself. */
#define SETTLED_DELAY (1280 * USEC_PER_MSEC)
#define SETTLED_DELAY_QUICK (160 * USEC_PER_MSEC) /* where no process has to come up */

/* When to count the pinned sessions again. No event tells of the end of a TIME_WAIT, or of a half-open session. */
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
        o->pinned.unpinned = 0;
}

/* ── the units and sshd's configuration ── */

/* sshd reads its configuration when it starts: then an older answer may be about another configuration. */
static void observer_note_start(Observer *o, const UnitState *service, ServicePhase phase) {
        bool was_down = o->phase == SERVICE_INACTIVE || o->phase == SERVICE_FAILED,
             failed = phase == SERVICE_TO_START || phase == SERVICE_FAILED;
        uint32_t pid = service && phase == SERVICE_RUNNING ? service->main_pid : 0;

        if ((phase != o->phase && (failed || was_down)) ||
            (pid != 0 && o->main_pid != 0 && pid != o->main_pid))
                home_finder_doubt(o->c->home_finder);
        if (phase != o->phase && was_down)
                o->main_pid = 0;
        if (pid != 0)
                o->main_pid = pid;
}

bool observer_read_units(Observer *o) {
        const Context *c = o->c;
        ManagedUnits managed = units_managed(c->units);
        ServicePhase before = o->phase, phase = managed_phase(managed),
                     owed_in = o->owed == OWED_BY_REFUSAL ? SERVICE_FAILED : SERVICE_INACTIVE;

        if (o->owed == OWED_BY_SWITCH && managed.service && !units_is_reading(c->units) &&
            (streq(managed.service->unit_file_state, "disabled") ||
             streq(managed.service->load_state, "masked")))
                o->owed = OWED_NO_MORE;
        if (home_finder_is_pending(c->home_finder) || mode_is_pending(c->mode) || units_is_reading(c->units))
                return false;

        if (o->owed != OWED_NOTHING && o->owed != OWED_NO_MORE && phase == owed_in)
                phase = SERVICE_TO_START;
        else if (phase != SERVICE_UNKNOWN && o->owed != OWED_NO_MORE &&
                 !(o->owed == OWED_BY_SWITCH && phase == SERVICE_TO_START))
                o->owed = OWED_NOTHING;
        if ((phase == SERVICE_QUEUED || phase == SERVICE_TO_START) &&
            unit_find_unmet(managed.socket ? managed.socket : managed.service))
                phase = SERVICE_INACTIVE; /* systemd would not start it */
        observer_note_start(o, managed.service, phase);
        if (phase == before)
                return phase != SERVICE_UNKNOWN;

        log_message(&c->log, LOG_DEBUG, "%s: %s, was %s", managed.service ? managed.service->id : "ssh",
                    service_phase_to_string(phase), service_phase_to_string(before));
        o->phase = phase;
        if (phase == SERVICE_TO_START)
                ports_forget_grants(&o->ports);
        return phase != SERVICE_UNKNOWN;
}

bool observer_ask_sshd(Observer *o) {
        const Context *c = o->c;
        ManagedUnits managed = units_managed(c->units);

        if (o->phase != SERVICE_ABSENT &&
            home_finder_refresh(c->home_finder, managed.service, &c->files.placement))
                return false;

        o->sshd = home_finder_facts(c->home_finder, managed, &c->files.placement);
        o->sshd.ask_again = o->sshd.ask_again && o->phase != SERVICE_ABSENT;
        /* An sshd without host keys binds its port only if they are still to come. A socket unit needs none. */
        if (o->sshd.verdict == SSHD_VERDICT_KEYLESS &&
            (o->phase != SERVICE_QUEUED || !(managed.socket || managed.service->makes_keys)))
                o->sshd.verdict = SSHD_VERDICT_REFUSED;
        return true;
}

/* ── the ports ── */

/* The endpoints of @port that sshd should have by @placement, as far as this machine has their addresses. */
static void observer_expect(const Observer *o, const Placement *placement, uint16_t port, Endpoints *ret) {
        Endpoints all;

        home_on_port(&o->sshd.home, placement, port, &all);
        ret->n = 0;
        for (size_t i = 0; i < all.n; i++)
                if (!endpoints_have_address_of(&o->absent, &all.items[i]))
                        ret->items[ret->n++] = all.items[i];
}

static int observer_list(Observer *o, const Endpoints *expected, uint16_t port, PortView *ret) {
        usec_t since;
        int r = sd_event_now(o->c->event, CLOCK_MONOTONIC, &since);

        if (r < 0)
                return r;
        r = holders_look(o->c->sockets, units_managed(o->c->units), expected, port, since, ret);
        if (r >= 0)
                o->helper_time += ret->helper_time;
        return r;
}

/* Brings the fact of @port up to date. Returns 0, or a negative errno, logged. */
static int observer_see(Observer *o, uint16_t port, PortView *ret) {
        bool had = observer_sshd_has(o, port);
        Endpoints expected;
        int r;

        observer_expect(o, &o->c->files.placement, port, &expected);
        r = observer_list(o, &expected, port, ret);
        if (r >= 0)
                r = ports_see(&o->ports, port, ret, &expected, mode_get(o->c->mode));
        if (r >= 0 && port == observer_expected_port(o))
                o->listens = port_view_is_complete(ret, &expected);
        if (r < 0) {
                o->unseen = true;
                return log_error_errno(&o->c->log, r, "The listeners on port %u could not be read", port);
        }
        if (had && ret->holder != HOLDER_SSHD)
                delay_reset(&o->settling); /* sshd may come to listen there again, as after SIGHUP */
        return 0;
}

const PortFact *observer_find_stranger(Observer *o, uint16_t port) {
        const PortFact *fact;
        PortView view;

        (void) observer_see(o, port, &view);
        fact = ports_find(&o->ports, port);
        return fact && holder_is_stranger(fact->holder) ? fact : NULL;
}

bool observer_sshd_has(const Observer *o, uint16_t port) {
        const PortFact *fact = ports_find(&o->ports, port);

        return fact && fact->holder == HOLDER_SSHD && !fact->lacks_ipv4;
}

int observer_listens(Observer *o, const Placement *placement, uint16_t port) {
        Endpoints expected;
        PortView view;

        observer_expect(o, placement, port, &expected);
        if (observer_list(o, &expected, port, &view) < 0 || view.holder == HOLDER_UNKNOWN)
                return -EAGAIN;
        if (holder_is_stranger(view.holder))
                return -EADDRINUSE;
        if (port_view_is_complete(&view, &expected))
                return 1;
        return port_view_has_ipv4(&view, &expected) ? -EINPROGRESS : 0;
}

void observer_note_answer(Observer *o, uint16_t port, BindAnswer answer, const char *detail) {
        PortView view;
        int r;

        /* bind() of one address fails alike for a socket here that has another address of the port. */
        if (answer == BIND_REFUSED_BY_WINDOWS && sockets_count_bound(o->c->sockets, port) > 0)
                answer = BIND_REFUSED_BY_LINUX;
        r = ports_answer(&o->ports, port, answer, detail);
        if (r < 0) {
                log_error_errno(&o->c->log, r, "The answer about port %u is lost", port);
                return;
        }
        (void) observer_see(o, port, &view);
}

/* ── one look ── */

static const Endpoints nowhere;

/* Looks at one of sshd's ports, or with 0 at every port. */
static void observer_look_at(Observer *o, uint16_t port) {
        PortView view;

        if ((port == 0 ? observer_list(o, &nowhere, 0, &view) : observer_see(o, port, &view)) < 0) {
                o->unseen = true;
                return;
        }
        for (size_t i = 0; i < view.actual.n; i++) /* NOLINT(core.UndefinedBinaryOperatorResult): it is set here */
                (void) endpoints_add(&o->actual, &view.actual.items[i]);
        for (size_t i = 0; i < view.n_listeners && o->n_listeners < STATUS_LISTENERS_MAX; i++)
                if (port != 0 || view.listeners[i].holder == HOLDER_SSHD)
                        o->listeners[o->n_listeners++] = view.listeners[i];
}

/* Takes a port that sshd listens on for the last port, if an earlier installation has moved sshd there and
 * has left no file: the policy has that port, and Windows has the home port. */
static void observer_find_moved(Observer *o) {
        const PortFact *home = ports_find(&o->ports, observer_home_port(o));
        Files *files = &o->c->files;
        PortView view;

        if (files->placement.port != 0 || files->last_port != 0 || o->lacking != SETTLED_WITHOUT_PORT ||
            o->phase != SERVICE_RUNNING || !home || !holder_is_windows(home->holder) ||
            observer_list(o, &nowhere, 0, &view) < 0)
                return;

        for (size_t i = 0; i < view.n_listeners && files->last_port == 0; i++)
                if (view.listeners[i].holder == HOLDER_SSHD &&
                    config_allows_port(&o->c->config, view.listeners[i].port))
                        files->last_port = view.listeners[i].port;
}

/* The kernel walks through the connections of all ports to count, which takes milliseconds. Without a
 * listener come no new connections: then one count that finds none is enough. */
static void observer_count_pinned(Observer *o) {
        uint16_t port = o->c->files.placement.port != 0 ? observer_home_port(o) : 0;
        const PortFact *fact = ports_find(&o->ports, port);
        bool listens = fact && (fact->holder == HOLDER_SSHD || holder_is_stranger(fact->holder));
        int sessions = 0;

        if (port != 0 && (o->pinned.unpinned != port || listens)) {
                o->pinned.recount_in = USEC_INFINITY;
                sessions = sockets_count_sessions(o->c->sockets, port, &o->pinned.recount_in);
                o->pinned.unpinned = sessions == 0 && !listens ? port : 0;
        }
        if (sessions < 0) {
                o->unseen = true;
                log_error_errno(&o->c->log, sessions, "The sessions on port %u could not be counted", port);
        } else
                o->pinned.sessions = (uint32_t) sessions;
}

/* Returns false, and notes it, if the @result of reading the addresses is an error. */
static bool observer_has_addresses(Observer *o, int result) {
        if (result < 0) {
                o->unseen = true;
                log_error_errno(&o->c->log, result, "The addresses could not be read");
        }
        return result >= 0;
}

/* Adds @address where sshd answers there. A socket that is bound to an interface takes no packets of another one. */
static void observer_add_reachable(Observer *o, const Address *address) {
        StatusAddress *to = &o->reachable[o->n_reachable];
        const Endpoint *own = &address->endpoint, any = { .ipv6 = own->ipv6 };
        bool answers = false;

        for (size_t i = 0; i < o->actual.n; i++) {
                const Endpoint *e = &o->actual.items[i];

                answers = answers ||
                          ((endpoint_has_address_of(e, own) || endpoint_has_address_of(e, &any)) &&
                           (!e->scope[0] || strtoul(e->scope, NULL, 10) == address->index));
        }
        if (o->n_reachable == ELEMENTSOF(o->reachable) || !answers)
                return;

        (void) endpoint_print_address(own, to->address);
        to->kind = address->kind;
        o->n_reachable++;
}

static void observer_list_reachable(Observer *o) {
        const Address localhost = { .endpoint.address.in = { htonl(INADDR_LOOPBACK) },
                                    .kind = ADDRESS_LOOPBACK };
        Address addresses[STATUS_REACHABLE_MAX];
        int n;

        n = routes_list_addresses(o->c->routes, addresses, ELEMENTSOF(addresses));
        if (!observer_has_addresses(o, n))
                return;

        o->n_reachable = 0;
        memset(o->reachable, 0, sizeof(o->reachable));
        observer_add_reachable(o, &localhost);
        for (size_t i = 0; i < (size_t) n && i < ELEMENTSOF(addresses); i++)
                observer_add_reachable(o, &addresses[i]);
}

void observer_look(Observer *o) {
        const Home *home = &o->sshd.home;
        const Files *files = &o->c->files;
        PortView view;

        o->unseen = o->listens = false;
        o->n_listeners = o->actual.n = 0;
        memset(o->listeners, 0, sizeof(o->listeners));
        watch_note(o->c->watch);

        (void) observer_has_addresses(o, home_find_absent(&o->sshd.home, o->c->routes, &o->absent));
        if (files->placement.port != 0)
                observer_look_at(o, files->placement.port);
        for (size_t i = 0; i < home->n_ports; i++)
                if (home->ports[i] != files->placement.port)
                        observer_look_at(o, home->ports[i]);
        /* Its owner may have edited its port, and not told it yet. */
        if (observer_expected_port(o) == 0 || (o->phase == SERVICE_RUNNING && o->actual.n == 0))
                observer_look_at(o, 0);

        observer_find_moved(o);
        if (files->placement.port == 0 && files->last_port != 0)
                (void) observer_see(o, files->last_port, &view);

        observer_count_pinned(o);
        observer_list_reachable(o);
}

/* ── the snapshot ── */

static bool observer_is_unapplied(const Observer *o, ManagedUnits managed) {
        const Placement *placement = &o->c->files.placement;

        if (placement->port == 0)
                return false;
        if (managed.socket)
                return !streams_have_port(managed.socket->streams, placement->port);
        return placement->mechanism == MECHANISM_SOCKET || (placement->mechanism == MECHANISM_COMMAND_LINE &&
                                                            managed.service && !managed.service->overridden);
}

static Settled observer_settled(const Observer *o, bool by_socket) {
        /* sshd binds one port right after the other. */
        bool quick = o->lacking == SETTLED_WITHOUT_PORT && (by_socket || o->actual.n > 0);

        if (o->unseen) /* for a moment that proves nothing, and a request waits for more */
                return o->settling.last < USEC_PER_SEC ? SETTLED_NOT_YET : SETTLED_UNSEEN;
        return o->settling.last < (quick ? SETTLED_DELAY_QUICK : SETTLED_DELAY) ? SETTLED_NOT_YET
                                                                                : o->lacking;
}

/* Finds what keeps sshd from its home, whoever holds its port. */
static const char *observer_find_why_not(Observer *o, ManagedUnits managed) {
        char address[INET6_ADDRSTRLEN];

        if (managed.socket && o->sshd.has_twice)
                snprintf(o->cannot_bind, sizeof(o->cannot_bind),
                         "%.64s has an address twice, and systemd can't bind it twice: `systemctl edit "
                         "%.64s`",
                         managed.socket->id, managed.socket->id);
        else if (home_is_absent(&o->sshd.home, &o->absent) && !(managed.socket && managed.socket->free_bind))
                snprintf(o->cannot_bind, sizeof(o->cannot_bind),
                         "this machine has no address %s; sshd is started when it comes",
                         endpoint_print_address(&o->absent.items[0], address));
        else
                return NULL;
        return o->cannot_bind;
}

void observer_fill(Observer *o, Snapshot *ret) {
        const Files *files = &o->c->files;
        ManagedUnits managed = units_managed(o->c->units);
        const UnitState *service = managed.service, *unit = managed.socket ? managed.socket : service;

        *ret = (Snapshot){
                /* --reset is for each mode: as where ports are shared, sshd goes home if a bind() is seen to work. */
                .mode = o->c->stage == STAGE_RESTORING ? MODE_MIRRORED : mode_get(o->c->mode),
                .service = o->phase,
                .by_socket = managed.socket,
                .booting = o->c->stage != STAGE_RUNNING,
                .settled = observer_settled(o, managed.socket),
                .verdict = o->sshd.verdict == SSHD_VERDICT_KEYLESS ? SSHD_VERDICT_VALID : o->sshd.verdict,
                .verdict_detail = o->sshd.detail,
                .home = o->sshd.home,
                .port_fixed_by = o->sshd.port_fixed_by,
                .cannot_bind = observer_find_why_not(o, managed),
                .moved_to = files->placement.port,
                .unapplied = observer_is_unapplied(o, managed),
                .last_port = files->last_port,
                .facts = o->ports.facts,
                .n_facts = o->ports.n,
                .not_enabled = service && streq(service->load_state, "loaded") &&
                               streq(service->unit_file_state, "disabled") &&
                               !units_socket_is_enabled(o->c->units),
                .socket_disabled = files->disabled.socket[0] != '\0',
                .switch_unfinished = files->disabled.unfinished,
                .unit_name = service ? service->id : "ssh.service",
                .unmet = unit && o->phase == SERVICE_INACTIVE ? unit_find_unmet(unit) : NULL,
                .own_network = unit && unit->sandbox.own_network,
        };
}

/* ── the next look ── */

/* sshd closes its listeners and binds anew on SIGHUP, one family after the other, and no event tells of it.
 * So a look that finds something lacking is followed by others. */
static void observer_settle(Observer *o, const Decision *d) {
        bool placed = !d->port_missing && d->state != STATE_UNKNOWN && d->state != STATE_UNMANAGED;
        Settled lacking = placed ? SETTLED_WITHOUT_IPV4 : SETTLED_WITHOUT_PORT;

        if (o->unseen)
                lacking = SETTLED_UNSEEN;
        else if (o->phase != SERVICE_RUNNING || (placed && o->listens))
                lacking = SETTLED_NOT_YET;

        if (lacking != o->lacking && lacking != SETTLED_UNSEEN)
                delay_reset(&o->settling);
        o->lacking = lacking;
        if (lacking == SETTLED_NOT_YET) {
                o->settle_timer = sd_event_source_disable_unref(o->settle_timer);
                return;
        }

        /* sshd may have another configuration now than when it was asked. */
        if (lacking == SETTLED_WITHOUT_PORT && o->settling.last == 0)
                home_finder_forget(o->c->home_finder);
        if ((lacking == SETTLED_WITHOUT_IPV4 && o->settling.last >= SETTLED_DELAY) ||
            (lacking == SETTLED_WITHOUT_PORT && d->state != STATE_UNKNOWN))
                return;
        timer_arm_or_end(o->c->event, &o->settle_timer, delay_next(&o->settling), 0, o->settling.name,
                         context_on_timer, o->c);
}

/* Watches the listeners on sshd's ports. While Windows or sshd waits for one of them, the sessions too. */
static void observer_watch(Observer *o, const Decision *d) {
        const Context *c = o->c;
        const Home *home = &o->sshd.home;
        const char *before = watch_kind(c->watch);
        bool sessions = o->pinned.sessions > 0 || d->state == STATE_BLOCKED;
        uint16_t ports[SSHD_PORTS_MAX + 1];
        size_t n = 0;
        int r;

        for (; n < home->n_ports; n++) {
                const PortFact *fact = ports_find(&o->ports, home->ports[n]);

                sessions = sessions || (fact && holder_is_stranger(fact->holder));
                ports[n] = home->ports[n];
        }
        if (c->files.placement.port != 0)
                ports[n++] = c->files.placement.port;

        r = watch_set(c->watch, ports, n, sessions);
        if (r > 0)
                context_evaluate_later(o->c, TRIGGER_OTHER);
        if (r < 0) {
                o->pinned.recount_in = MIN(o->pinned.recount_in, RECOUNT_DELAY_MAX);
                log_error_errno(&c->log, r, "The ends of sessions can't be watched");
        }
        if (!streq(before, watch_kind(c->watch))) {
                r = watch_fallback_reason(c->watch);
                log_message(&c->log, r < 0 ? LOG_INFO : LOG_DEBUG, "Listeners are watched by: %s%s%s",
                            watch_kind(c->watch), r < 0 ? ", as the tracepoint can't be had: " : "",
                            r < 0 ? strerrordesc_np(-r) : "");
        }
}

static void observer_recount_later(Observer *o) {
        usec_t delay = MIN(MAX(o->pinned.recount_in, RECOUNT_DELAY_MIN), RECOUNT_DELAY_MAX);

        if (o->pinned.sessions > 0 && o->pinned.recount_in != USEC_INFINITY)
                timer_arm_or_end(o->c->event, &o->pinned.timer, delay, USEC_PER_SEC, "recount",
                                 context_on_timer, o->c);
        else
                o->pinned.timer = sd_event_source_disable_unref(o->pinned.timer);
}

/* Has the holder of each home port on Windows named, if bind() was newly refused, or sshd is found
 * elsewhere. Somebody who asks wants a name that is not older than his question. */
static void observer_name_holders(Observer *o, const Snapshot *s) {
        const Placement *placement = &o->c->files.placement;
        bool elsewhere = s->moved_to != 0 || o->lacking == SETTLED_WITHOUT_PORT;

        for (size_t i = 0; i < s->home.n_ports && mode_shares_ports(s->mode); i++) {
                const PortFact *fact = ports_find(&o->ports, s->home.ports[i]);

                if (!fact || port_is_one_of(fact->port, placement->beside, placement->n_beside))
                        continue;
                if (fact->bind == BIND_REFUSED_BY_WINDOWS ||
                    (fact->bind == BIND_NOT_ASKED && elsewhere &&
                     (fact->holder == HOLDER_UNKNOWN ||
                      (s->request == REQUEST_PROBE && holder_is_windows(fact->holder)))))
                        naming_ask(o->c->naming, fact->port);
        }
}

void observer_wait(Observer *o, const Snapshot *s, const Decision *d) {
        observer_settle(o, d);
        observer_watch(o, d);
        observer_recount_later(o);
        observer_name_holders(o, s);
}
