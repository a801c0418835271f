/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/manager.h"

#include <malloc.h>
#include <signal.h>

#include <systemd/sd-daemon.h>

#include "core/config-file.h"
#include "core/backoff.h"
#include "windows/bindprobe.h"
#include "systemd/bus.h"
#include "sshd/hints.h"
#include "facts/holders.h"
#include "facts/home-finder.h"
#include "store/store.h"
#include "dbus/object.h"
#include "base/messages.h"
#include "facts/mode.h"
#include "manager/move.h"
#include "facts/naming.h"
#include "core/pace.h"
#include "facts/ports.h"
#include "core/status.h"
#include "dbus/request.h"
#include "kernel/routes.h"
#include "systemd/sequence.h"
#include "kernel/sockets.h"
#include "systemd/link.h"
#include "systemd/units.h"
#include "facts/watch.h"

/* How long boot is held beside the wait for Windows that ProbeTimeoutSec= allows, and at the very most; what
 * isn't known by then is found out beside it. */
#define BOOT_HOLD_OWN (500 * USEC_PER_MSEC)
#define BOOT_HOLD_MAX (1800 * USEC_PER_MSEC)

/* The bind helper's deadline. Longer than boot is held: sshd's own bind() waits behind the same answer, and
 * a question that is taken back would leave the port reserved for nobody. */
#define PROBE_TIMEOUT (30 * USEC_PER_SEC)

/* How often it is looked whether Windows has left the home port, where sshd is to go back by itself. */
#define LOOK_HOME_INTERVAL (60 * USEC_PER_SEC)
#define LOOK_HOME_SLACK (10 * USEC_PER_SEC)

/* When to count the sessions again that hold the home port: the end of a TIME_WAIT is not told. */
#define UNPIN_DELAY_MIN (1 * USEC_PER_SEC)
#define UNPIN_DELAY_MAX (60 * USEC_PER_SEC)

/* How soon to look again at an sshd that runs and does not listen; it grows, for that may be its state. */
#define SETTLE_DELAY_FIRST (20 * USEC_PER_MSEC)
#define SETTLED_DELAY (1280 * USEC_PER_MSEC)
#define SETTLED_DELAY_SOCKET (160 * USEC_PER_MSEC) /* no process has to come up for it */
#define SETTLE_DELAY_MAX (60 * USEC_PER_SEC)

/* What the kernel has listed of a port, for one evaluation: each listener's owner is searched in /proc, and it is the most
 * of what an evaluation costs. */
typedef struct Views {
        uint16_t ports[2]; /* the home port, and where sshd was moved to; beyond those it is looked twice */
        size_t n;
        PortView all[2];
} Views;

struct Manager {
        sd_event *event;
        Log log;
        Config config;

        Routes *routes;
        Mode *mode;
        bool unconfirmed_told;
        Sockets *sockets;
        Watch *watch;
        Units *units;
        SystemdLink *link;
        BusObject *bus;

        sd_event_source *evaluate_source, *boot_source, *retry_source, *settle_source,
                        *look_home_source, *unpin_source, *pace_source;
        Pace pace;    /* of evaluations because of a watched port, which anybody here can cause */
        bool watched; /* the next one is such */
        usec_t spent; /* by the helper, for this one */
        usec_t settle_delay; /* 0: nothing to settle */
        bool unseen;         /* the kernel could not be asked about all that matters */
        bool lost;           /* what is to settle: sshd isn't where it should be; else, only half of it is */

        /* Under way. While one of these is, nothing is decided; each ends in an evaluation. */
        Child *probe;
        uint16_t probe_port; /* the port that *probe binds */
        Move *move;
        Sequence *sequence;
        Action moving; /* what *move carries out */
        uint16_t moving_to;

        bool booting; /* READY=1 is still to be said */
        bool has_read; /* what systemd or sshd answered, and memory was not given back since */
        bool rehearsed; /* with this configuration sshd has taken our file in */
        HomeFinder *home_finder;
        SshdHome home; /* of what listens, by the last evaluation */
        bool home_later; /* that could not find it out */
        ServicePhase phase;
        Ports ports;
        Naming *naming; /* of their holders on Windows */
        Views *views; /* manager_evaluate()'s own, while that goes on; else NULL */
        PortSet noted; /* the home ports whose Linux holders were told */
        usec_t unpins_in; /* see sockets_count_sessions() */
        uint16_t unpinned; /* the home port that no session holds, and on which nobody has listened since; 0: none */
        Placement placement;
        uint16_t last_port;
        bool last_port_unwritten; /* it was to be, and is at the next opportunity */
        DisabledSocket disabled_socket;
        bool unread;       /* an earlier run was cut off before systemd had read what it wrote */
        bool start_wanted; /* the service is to take the place of another unit, or was just enabled */
        bool failed_for_ours; /* the service, for a file of ours that is gone now: it is to be started too */
        Backoff backoff;
        char hold[REASON_SIZE / 2]; /* why no move may be made for now; "": none */
        PendingRequest request;
        bool stay; /* sshd was moved because somebody asked for it */
        Decision decision;
        Status status;
};

static void manager_evaluate(Manager *m);

static int manager_on_evaluate(sd_event_source *source, void *userdata) {
        Manager *m = userdata;
        usec_t before = clock_usec(CLOCK_PROCESS_CPUTIME_ID), now;

        (void) source;
        m->spent = 0;
        manager_evaluate(m);
        if (m->watched && sd_event_now(m->event, CLOCK_MONOTONIC, &now) >= 0)
                pace_note(&m->pace, now, clock_usec(CLOCK_PROCESS_CPUTIME_ID) - before + m->spent);
        m->watched = false;
        return 0;
}

/* Any number of events, one evaluation, after all of them have been dispatched. */
static void manager_schedule(Manager *m) {
        int r = sd_event_source_set_enabled(m->evaluate_source, SD_EVENT_ONESHOT);

        if (r < 0) {
                log_error_errno(&m->log, r, "The next evaluation could not be scheduled");
                (void) sd_event_exit(m->event, r);
        }
}

static int manager_on_settle(sd_event_source *source, uint64_t usec, void *userdata) {
        (void) source, (void) usec;
        manager_schedule(userdata);
        return 0;
}

/* What the kernel lists for @port now. */
static int manager_view_anew(Manager *m, uint16_t port, PortView *ret) {
        Views *views = m->views;
        size_t i = 0;
        int r;

        r = holders_look(m->sockets, units_managed(m->units), &m->home, port, ret);
        if (r >= 0)
                m->spent += ret->helper_time;
        if (r < 0 || !views)
                return r;

        while (i < views->n && views->ports[i] != port)
                i++;
        if (i < ELEMENTSOF(views->all)) {
                views->ports[i] = port;
                views->all[i] = *ret;
                if (i == views->n)
                        views->n++;
        }
        return 0;
}

/* What it has listed in this evaluation. */
static int manager_view(Manager *m, uint16_t port, PortView *ret) {
        const Views *views = m->views;

        for (size_t i = 0; views && i < views->n; i++)
                if (views->ports[i] == port) {
                        *ret = views->all[i];
                        return 0;
                }
        return manager_view_anew(m, port, ret);
}

/* What the kernel lists for @port now, over what was known of it. */
static void manager_look(Manager *m, uint16_t port) {
        const PortFact *fact = ports_find(&m->ports, port);
        PortView view;
        int r;

        r = manager_view_anew(m, port, &view);
        if (r >= 0 && fact && fact->holder == HOLDER_SSHD && view.holder != HOLDER_SSHD)
                m->settle_delay = 0; /* it may come to listen there again, as after SIGHUP */
        if (r >= 0)
                r = ports_see(&m->ports, port, &view, &m->home, mode_get(m->mode));
        if (r < 0) {
                log_error_errno(&m->log, r, "The listeners on port %u could not be read", port);
                m->unseen = true;
        }
}

/* Whatever was answered may be different now; it is all asked anew where it matters. */
static void manager_forget(Manager *m) {
        ports_forget_all(&m->ports);
        naming_forget(m->naming, 0);
        m->noted = (PortSet){ 0 };
        m->unpinned = 0;
}

/* ── status ── */

static int manager_fill_listeners(Manager *m, Status *status) {
        uint16_t ports[SSHD_PORTS_MAX + 1];
        size_t n = 0;

        if (m->placement.port != 0)
                ports[n++] = m->placement.port;
        for (size_t i = 0; i < m->home.n_ports; i++)
                ports[n++] = m->home.ports[i];

        /* Not even its own port is known; then at least what it does listen on. */
        if (n == 0)
                ports[n++] = 0;

        for (size_t i = 0; i < n; i++) {
                PortView view;
                int r;

                r = manager_view(m, ports[i], &view);
                if (r < 0)
                        return r;
                for (size_t k = 0; k < view.n_listeners && status->n_listeners < STATUS_LISTENERS_MAX; k++) {
                        const StatusListener *listener = &view.listeners[k];

                        if (ports[i] == 0 && listener->holder != HOLDER_SSHD)
                                continue;
                        if (listener->holder == HOLDER_SSHD && status->port == 0)
                                status->port = listener->port;
                        status->listeners[status->n_listeners++] = *listener;
                }
        }
        return 0;
}

static void manager_fill_reachable(Manager *m, Status *status) {
        Address addresses[STATUS_REACHABLE_MAX];
        int n = routes_list_addresses(m->routes, addresses, ELEMENTSOF(addresses));

        if (n < 0) {
                /* What was told stands until it can be. */
                log_error_errno(&m->log, n, "The addresses could not be read");
                m->unseen = true;
                memcpy(status->reachable, m->status.reachable, sizeof(status->reachable));
                status->n_reachable = m->status.n_reachable;
                return;
        }

        for (int i = 0; i < n && i < STATUS_REACHABLE_MAX; i++) {
                StatusAddress *to = &status->reachable[status->n_reachable++];

                address_format(&addresses[i], to->address);
                to->kind = addresses[i].kind;
        }
}

static void manager_tell_pinned(Manager *m, uint32_t before, uint32_t now, uint16_t port) {
        if (before == 0 && now > 0)
                log_event(&m->log, LOG_NOTICE, MESSAGE_PINNED, NULL, NULL,
                          "%u session%s still hold%s port %u: Windows can't have it before they end", now,
                          now == 1 ? "" : "s", now == 1 ? "s" : "", port);
        else if (before > 0 && now == 0)
                log_event(&m->log, LOG_NOTICE, MESSAGE_UNPINNED, NULL, NULL,
                          "No session holds port %u any more: Windows can have it", port);
}

/* How many sockets still hold @port, which sshd has left. To count them the kernel walks through the connections of all ports,
 * and without a listener there come no new ones: so it isn't asked again once there are none. */
static uint32_t manager_count_pinned(Manager *m, uint16_t port) {
        const PortFact *fact = ports_find(&m->ports, port);
        bool listens = fact && (fact->holder == HOLDER_SSHD || fact->holder == HOLDER_LINUX ||
                                fact->holder == HOLDER_OTHER_DISTRO);
        int sessions;

        if (m->unpinned == port && !listens)
                return 0;

        m->unpins_in = USEC_INFINITY;
        sessions = sockets_count_sessions(m->sockets, port, &m->unpins_in);
        m->unpinned = sessions == 0 && !listens ? port : 0;
        if (sessions < 0) {
                log_error_errno(&m->log, sessions, "The sessions on port %u could not be counted", port);
                m->unseen = true;
                return m->status.pinned_sessions;
        }
        return (uint32_t) sessions;
}

static void manager_publish(Manager *m) {
        ManagedUnits managed = units_managed(m->units);
        const char *names[STATUS_CHANGES_MAX];
        char line[STATUS_LINE_SIZE], old_line[STATUS_LINE_SIZE];
        _cleanup_free_ Status *status = calloc(1, sizeof(*status));
        const PortFact *home;
        int r;

        if (!status) {
                log_error_errno(&m->log, -ENOMEM, "The status could not be brought up to date");
                return;
        }

        status->mode = mode_get(m->mode);
        snprintf(status->listener_watch, sizeof(status->listener_watch), "%s", watch_kind(m->watch));
        status->state = m->decision.state;
        memcpy(status->reason, m->decision.reason, sizeof(status->reason));
        status->last_change = m->status.last_change;
        status->mechanism = m->placement.mechanism;
        if (managed.socket)
                snprintf(status->unit, sizeof(status->unit), "%s", managed.socket->id);
        else if (managed.service && streq(managed.service->load_state, "loaded"))
                snprintf(status->unit, sizeof(status->unit), "%s", managed.service->id);
        if (m->home.n_ports > 0) {
                status->home_port = m->home.ports[0];
                home = ports_find(&m->ports, status->home_port);
                if (home) {
                        status->home_holder = home->holder;
                        memcpy(status->home_detail, home->detail, sizeof(status->home_detail));
                }
                if (m->placement.port != 0)
                        status->pinned_sessions = manager_count_pinned(m, status->home_port);
        }
        r = manager_fill_listeners(m, status);
        if (r < 0) {
                /* What was told stands until it can be. */
                log_error_errno(&m->log, r, "sshd's listeners could not be read");
                m->unseen = true;
                return;
        }
        manager_fill_reachable(m, status);

        if (status_changes(&m->status, status, names) == 0)
                return;

        manager_tell_pinned(m, m->status.pinned_sessions, status->pinned_sessions, status->home_port);
        status_line(&m->status, old_line);
        status_line(status, line);
        if (m->status.state != status->state || m->status.port != status->port) {
                status->last_change = clock_usec(CLOCK_REALTIME);
                (void) status_changes(&m->status, status, names);
        }
        m->status = *status;

        if (!streq(line, old_line)) {
                log_event(&m->log, status->state == STATE_BLOCKED ? LOG_WARNING : LOG_INFO,
                          status->state == STATE_BLOCKED ? MESSAGE_BLOCKED : NULL, NULL, NULL, "%s", line);
                (void) sd_notifyf(false, "STATUS=%s", line);
        }
        bus_object_changed(m->bus, names);
}

/* systemd waits for it, and has sshd wait: where it can't be told, the daemon ends, and is started anew. */
static void manager_notify_ready(Manager *m, const char *more) {
        int r;

        r = sd_notifyf(false, "READY=1\n%s", more);
        if (r < 0) {
                log_error_errno(&m->log, r, "systemd could not be told that all is ready");
                (void) sd_event_exit(m->event, r);
        }
}

/* ── boot ── */

static void manager_say_ready(Manager *m) {
        if (!m->booting)
                return;

        m->booting = false;
        m->boot_source = sd_event_source_disable_unref(m->boot_source);
        manager_notify_ready(m, "");

        /* Not before: the bus daemon may be ordered after us, and would answer only then. */
        bus_object_connect(m->bus);
}

static int manager_on_boot_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *m = userdata;

        (void) source, (void) usec;
        log_message(&m->log, LOG_WARNING, "Not all is known yet, boot goes on: %s",
                    m->probe ? "Windows has not answered whether sshd can have its port"
                             : "an answer is late");
        manager_say_ready(m);
        manager_publish(m);
        return 0;
}

/* ── operations ── */

/* Where somebody asks for it, a name by an earlier greeting counts no more. */
static bool manager_is_unnamed(const Manager *m, Holder holder) {
        return holder == HOLDER_UNKNOWN || (m->request.kind == REQUEST_PROBE && (holder == HOLDER_WINDOWS ||
                                                                            holder == HOLDER_WINDOWS_OPENSSH));
}

/* Who has a home port on Windows? Asked each time that it is newly refused, or that sshd is found elsewhere. */
static void manager_name_holder(Manager *m) {
        for (size_t i = 0; i < m->home.n_ports; i++) {
                const PortFact *fact = ports_find(&m->ports, m->home.ports[i]);

                if (!fact || !mode_shares_ports(mode_get(m->mode)) ||
                    port_is_one_of(fact->port, m->placement.beside, m->placement.n_beside))
                        continue;
                if (fact->bind != BIND_REFUSED_BY_WINDOWS &&
                    (fact->bind != BIND_NOT_ASKED || !manager_is_unnamed(m, fact->holder) ||
                     (m->placement.port == 0 && !m->lost)))
                        continue;
                naming_ask(m->naming, fact->port);
        }
}

static void manager_note_refusal(Manager *m, const PortFact *fact) {
        char text[160], port[sizeof("65535")];

        snprintf(port, sizeof(port), "%u", fact->port);
        port_fact_describe(fact, text, sizeof(text));
        log_event(&m->log, LOG_NOTICE, fact->bind == BIND_NO_ANSWER ? MESSAGE_NO_ANSWER : MESSAGE_CONFLICT,
                  "PORT", port, "Port %u can't be had: %s", fact->port, text);
        if (fact->bind != BIND_NO_ANSWER)
                bus_object_conflict(m->bus, fact->port, fact->holder, fact->detail);
}

/* A holder that the kernel lists is told once for as long as it stands in the way. */
static void manager_note_holder(Manager *m, const Decision *d) {
        for (size_t i = 0; i < m->home.n_ports; i++) {
                const PortFact *fact = ports_find(&m->ports, m->home.ports[i]);
                bool listens = fact && (fact->holder == HOLDER_LINUX || fact->holder == HOLDER_OTHER_DISTRO);

                if (listens && !port_set_has(&m->noted, fact->port) && d->state == STATE_CONFLICT) {
                        port_set_add(&m->noted, fact->port);
                        manager_note_refusal(m, fact);
                } else if (!listens)
                        port_set_remove(&m->noted, m->home.ports[i]);
        }
}

static void manager_note_answer(Manager *m, uint16_t port, BindAnswer answer, const char *detail) {
        const PortFact *fact;
        int r;

        r = ports_answer(&m->ports, port, answer, detail);
        if (r < 0) {
                log_error_errno(&m->log, r, "The answer about port %u is lost", port);
                return;
        }

        naming_forget(m->naming, port);
        manager_look(m, port);
        fact = ports_find(&m->ports, port);
        if (fact && answer != BIND_FREE)
                manager_note_refusal(m, fact);
}

static void manager_on_probe(const ChildResult *result, void *userdata) {
        Manager *m = userdata;
        char detail[BINDPROBE_DETAIL_SIZE];
        BindAnswer answer = bindprobe_read(result, detail);

        m->probe = child_free(m->probe);
        manager_note_answer(m, m->probe_port, answer, detail);
        manager_schedule(m);
}

/* A port that something here listens on needs no bind() to be known as taken. */
static bool manager_is_taken_here(Manager *m, uint16_t port) {
        const PortFact *fact;

        manager_look(m, port);
        fact = ports_find(&m->ports, port);
        if (!fact || (fact->holder != HOLDER_LINUX && fact->holder != HOLDER_OTHER_DISTRO))
                return false;

        manager_note_refusal(m, fact);
        return true;
}

/* An evaluation that could not look may not have known. */
static bool manager_is_sshds(const Manager *m, uint16_t port) {
        const PortFact *fact = ports_find(&m->ports, port);

        return fact && fact->holder == HOLDER_SSHD && !fact->lacks_ipv4;
}

static void manager_probe(Manager *m, uint16_t port) {
        int r;

        if (manager_is_taken_here(m, port) || manager_is_sshds(m, port)) {
                manager_schedule(m);
                return;
        }

        m->probe_port = port;
        r = bindprobe_start(m->event, port, m->home.ipv6 && !m->home.ipv4, PROBE_TIMEOUT, manager_on_probe,
                            m, &m->probe);
        if (r < 0) {
                manager_note_answer(m, port, BIND_FAILED, strerrordesc_np(-r));
                manager_schedule(m);
        }
}

/* wslinfo, which is slow while Windows comes up, has not told the mode, and the routes don't tell each. */
static bool manager_is_mode_late(const Manager *m) {
        return mode_get(m->mode) == MODE_UNKNOWN && mode_is_unconfirmed(m->mode);
}

static int manager_on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *m = userdata;

        (void) source, (void) usec;
        m->retry_source = sd_event_source_disable_unref(m->retry_source);
        m->hold[0] = '\0';
        if (m->home_later)
                home_finder_forget(m->home_finder);
        if (manager_is_mode_late(m))
                mode_ask(m->mode);
        manager_forget(m);
        manager_schedule(m);
        return 0;
}

/* Whether it may be different in a moment: unlike a disk that is full, or sshd's own no. */
static bool manager_is_passing(const Manager *m, int error) {
        sd_bus *bus = systemd_link_bus(m->link);

        /* What was under way when the connection ended fails with it. */
        return errno_is_passing(error) || !bus || sd_bus_is_open(bus) <= 0;
}

/* No event will tell when it is different: everything is asked anew after a while, a longer one each time.
 * Returns how long, 0 if that can't be; then it ends, for systemd to start it anew. µs */
static usec_t manager_ask_later(Manager *m, bool soon) {
        usec_t now, delay = 0;
        int r;

        r = sd_event_now(m->event, CLOCK_MONOTONIC, &now);
        if (r >= 0) {
                delay = soon ? backoff_delay_soon(&m->backoff, now) : backoff_delay(&m->backoff, now);
                m->retry_source = sd_event_source_disable_unref(m->retry_source);
                r = sd_event_add_time_relative(m->event, &m->retry_source, CLOCK_MONOTONIC, delay,
                                               USEC_PER_SEC, manager_on_retry, m);
        }
        if (r < 0) {
                log_error_errno(&m->log, r, "No further attempt could be scheduled");
                (void) sd_event_exit(m->event, r);
                return 0;
        }

        (void) sd_event_source_set_description(m->retry_source, "retry");
        return delay;
}

/* What failed, or came too often, is left alone until then. */
static void manager_retry_later(Manager *m, int error, const char *why) {
        usec_t delay = manager_ask_later(m, manager_is_passing(m, error));

        snprintf(m->hold, sizeof(m->hold), "%s; tried again in %u s", why,
                 (unsigned) (delay / USEC_PER_SEC));
}

/* Returns 0, or a negative errno where it isn't known what is in the files: they are left as they are then. */
static int manager_read_store(Manager *m) {
        int r;

        m->placement = (Placement){ 0 };
        m->last_port = 0;

        r = store_read_placement(&m->placement);
        if (errno_is_passing(r))
                return r;
        if (r < 0) {
                /* sshd would read it too, and may refuse to start because of it. */
                log_error_errno(&m->log, r, "What is in " STATEDIR " is not what wslportd writes and is taken away");
                (void) store_set_reload_due(true); /* a generator may have made units of it */
                r = store_write_placement(&m->placement, 0, NULL);
                if (r < 0)
                        log_error_errno(&m->log, r, "It can't be taken away");
        }

        m->disabled_socket = (DisabledSocket){ 0 };
        r = store_read_disabled_socket(&m->disabled_socket);
        if (errno_is_passing(r))
                return r;
        if (r < 0)
                log_error_errno(&m->log, r, "%s can't be used", STORE_DISABLED_SOCKET_FILE);

        r = store_read_last_port(&m->last_port);
        if (r < 0)
                log_message(&m->log, LOG_WARNING, "%s can't be used: %s", STORE_LAST_PORT_FILE,
                            strerrordesc_np(-r));
        return 0;
}

/* What our files say now, after a move. Where that can't be known, systemd starts the daemon anew. */
static void manager_read_store_again(Manager *m) {
        int r;

        r = manager_read_store(m);
        if (r < 0) {
                log_error_errno(&m->log, r, "What is in " STATEDIR " could not be read");
                (void) sd_event_exit(m->event, r);
        }
        m->unread = store_is_reload_due();
}

static void manager_keep_last_port(Manager *m) {
        int r;

        if (m->placement.port == 0 || (m->placement.port == m->last_port && !m->last_port_unwritten))
                return;

        r = store_write_last_port(m->placement.port);
        if (r < 0 && !m->last_port_unwritten)
                log_error_errno(&m->log, r, "%s can't be written", STORE_LAST_PORT_FILE);
        m->last_port = m->placement.port;
        m->last_port_unwritten = r < 0;
}

static int manager_listens(uint16_t port, void *userdata) {
        Manager *m = userdata;
        PortView view;

        if (manager_view_anew(m, port, &view) < 0 || view.holder == HOLDER_UNKNOWN)
                return -EAGAIN;
        if (view.holder == HOLDER_LINUX || view.holder == HOLDER_OTHER_DISTRO)
                return -EADDRINUSE;
        return port_view_is_complete(&view, &m->home);
}

static void manager_on_hint(const char *text, void *userdata) {
        Manager *m = userdata;

        log_message(&m->log, LOG_NOTICE, "Port %u: %s", m->moving_to, text);
}

/* Whoever worked on the units is done; what they are now is read before anything is decided. */
static void manager_resume(Manager *m) {
        systemd_link_settle(m->link);
        units_hold(m->units, false);
        manager_schedule(m);
}

static void manager_on_moved(int result, BindAnswer answer, const char *text, void *userdata) {
        Manager *m = userdata;
        char port[sizeof("65535")];
        uint16_t from = m->placement.port != 0 ? m->placement.port : m->home.n_ports > 0 ? m->home.ports[0] : 0;
        Action action = m->moving;
        usec_t now;

        m->moving = ACTION_NONE;
        m->unpinned = 0;
        /* It is tried once; but for that, on any port. */
        if (action != ACTION_RESTORE && result != -EADDRINUSE && !manager_is_passing(m, result))
                m->failed_for_ours = false;
        manager_read_store_again(m);

        /* systemd may have closed sshd's socket and wait for the rest. --mend, which follows our end, sees to that at once. */
        if (result == -ENOLINK) {
                log_message(&m->log, LOG_ERR, "The connection with systemd ended while sshd was moved to %u: %s", m->moving_to,
                            text);
                m->move = move_free(m->move);
                (void) sd_event_exit(m->event, result);
                return;
        }

        if (answer != BIND_NOT_ASKED) {
                m->rehearsed = true;
                manager_note_answer(m, m->moving_to, answer, "");
        }

        if (result == -EBUSY) {
                /* Another port is tried at once, and not without end. */
                log_message(&m->log, LOG_NOTICE, "sshd could not be moved to %u: %s", m->moving_to, text);
                if (sd_event_now(m->event, CLOCK_MONOTONIC, &now) >= 0)
                        backoff_note(&m->backoff, now);
        } else if (result < 0 && result != -EADDRINUSE) {
                log_message(&m->log, LOG_ERR, "sshd could not be moved to %u: %s", m->moving_to, text);
                (void) hints_for_port("", m->moving_to, manager_on_hint, m);
                manager_retry_later(m, result, text);
        } else if (result >= 0) {
                if (sd_event_now(m->event, CLOCK_MONOTONIC, &now) >= 0)
                        backoff_note(&m->backoff, now);
                home_finder_set_reads_our_file(m->home_finder, m->placement.port != 0); /* the move has seen sshd take it in */
                snprintf(port, sizeof(port), "%u", m->moving_to);
                if (action == ACTION_RELOCATE) {
                        log_event(&m->log, LOG_NOTICE, MESSAGE_RELOCATED, "PORT", port,
                                  "sshd is moved to port %u: %s", m->moving_to, m->decision.reason);
                        bus_object_relocated(m->bus, from, m->moving_to);
                        (void) hints_for_port("", m->moving_to, manager_on_hint, m);
                } else if (action == ACTION_RESTORE) {
                        m->failed_for_ours = m->phase == SERVICE_FAILED && m->decision.then_start;
                        home_finder_forget(m->home_finder); /* what it refused with our file it may take now */
                        log_event(&m->log, LOG_NOTICE, MESSAGE_RESTORED, "PORT", port,
                                  "sshd is back on its own configuration: %s", m->decision.reason);
                        bus_object_restored(m->bus, m->moving_to);
                }
        }

        m->move = move_free(m->move); /* and @text with it */
        manager_resume(m);
}

/* Whether the unit is to be told: not where sshd has the port already, and one that is down is to be started where
 * it can bind, and only there. */
static bool manager_touches_unit(const Manager *m, const Decision *d) {
        const PortFact *fact = ports_find(&m->ports, d->port);

        if (m->phase == SERVICE_RUNNING)
                return !manager_is_sshds(m, d->port);
        return m->phase == SERVICE_TO_START &&
               (d->action == ACTION_RELOCATE || d->then_start || (fact && fact->bind == BIND_FREE));
}

static size_t manager_mechanisms(const Manager *m, const Decision *d, const BareUnits *units,
                                 Mechanism ret[static MOVE_MECHANISMS_MAX]) {
        size_t n = 0;

        if (d->action == ACTION_START) {
                ret[n++] = m->placement.mechanism;
                return n;
        }

        ret[n++] = MECHANISM_CONFIG;
        if (units->socket[0])
                ret[n++] = MECHANISM_SOCKET;
        else if (units->command.program[0])
                ret[n++] = MECHANISM_COMMAND_LINE;
        return n;
}

/* Carries out a decision about where sshd is to be. */
static void manager_move(Manager *m, const Decision *d) {
        const PortFact *fact = ports_find(&m->ports, d->port);
        _cleanup_free_ BareUnits *units = malloc(sizeof(*units));
        ManagedUnits managed = units_managed(m->units);
        HomeFacts home;
        MoveRequest request = {
                .from = m->placement,
                .port = d->action == ACTION_RELOCATE  ? d->port
                        : d->action == ACTION_RESTORE ? 0
                                                      : m->placement.port,
                .home = m->home.n_ports > 0 ? m->home.ports[0] : 0,
                .probe = d->action == ACTION_RELOCATE &&
                         !(fact && (fact->bind == BIND_FREE || fact->holder == HOLDER_SSHD)),
                .ipv6 = m->home.ipv6 && !m->home.ipv4,
                .rehearsed = m->rehearsed,
                .probe_timeout = PROBE_TIMEOUT,
                .units = units,
                .shape = managed_shape(managed),
                .phase = manager_touches_unit(m, d) ? m->phase : SERVICE_INACTIVE,
        };
        usec_t now;
        int r;

        r = units ? store_read_bare_units(managed, units) : -ENOMEM;
        if (r < 0) {
                manager_retry_later(m, r, strerrordesc_np(-r));
                manager_schedule(m);
                return;
        }
        home = home_finder_facts(m->home_finder, managed, &m->placement);
        request.options = home.options;
        /* Where it is put in place once more, what it left beside it stays so. */
        request.n_beside = d->port == m->placement.port ? m->placement.n_beside : d->n_beside;
        memcpy(request.beside, d->port == m->placement.port ? m->placement.beside : d->beside, sizeof(request.beside));
        request.n_mechanisms = manager_mechanisms(m, d, units, request.mechanisms);

        if (d->action == ACTION_RELOCATE && manager_is_taken_here(m, d->port)) {
                manager_schedule(m);
                return;
        }

        if (sd_event_now(m->event, CLOCK_MONOTONIC, &now) >= 0 && !backoff_allows(&m->backoff, now)) {
                manager_retry_later(m, -EBUSY, "sshd was moved or started three times within a minute");
                manager_schedule(m);
                return;
        }

        if (request.phase != SERVICE_INACTIVE) {
                request.expected = d->port;
                /* The unit is ordered after ours: its job would wait for our READY=1, and we for the job. */
                manager_say_ready(m);
        }

        m->moving = d->action;
        m->moving_to = d->port;
        r = move_start(m->event, systemd_link_bus(m->link), &request, manager_listens, manager_on_moved, m,
                       &m->move);
        if (r < 0) {
                char text[160];

                m->moving = ACTION_NONE;
                manager_read_store_again(m);
                snprintf(text, sizeof(text), "it can't be prepared: %s", strerrordesc_np(-r));
                log_message(&m->log, LOG_ERR, "sshd could not be moved: %s", text);
                manager_retry_later(m, r, text);
                manager_schedule(m);
        } else
                units_hold(m->units, true);
}

/* What there is to be undone, from now on. */
static void manager_finish_switch(Manager *m, bool undone) {
        int r;

        if (undone)
                m->disabled_socket = (DisabledSocket){ 0 };
        m->disabled_socket.unfinished = false;
        r = store_write_disabled_socket(undone ? NULL : &m->disabled_socket);
        if (r < 0)
                log_error_errno(&m->log, r, "%s can't be brought up to date", STORE_DISABLED_SOCKET_FILE);
}

static void manager_on_units_changed(int result, const char *word, void *userdata) {
        Manager *m = userdata;
        bool back = m->decision.action == ACTION_ENABLE_SOCKET, done = result >= 0;

        /* A socket unit whose own port is taken fails at the end, and is moved at once. */
        if (back && m->sequence && sequence_is_at_end(m->sequence) && !manager_is_passing(m, result))
                done = true;

        if (result < 0) {
                char why[160];

                snprintf(why, sizeof(why), "%.60s could not be carried out: %.60s", m->decision.reason, word);
                log_message(&m->log, LOG_ERR, "%s", why);
                if (!done)
                        manager_retry_later(m, result, why);
                m->start_wanted = false;
        } else
                log_message(&m->log, LOG_NOTICE, "%s: done", m->decision.reason);
        if (done && m->disabled_socket.unfinished && !m->start_wanted)
                manager_finish_switch(m, back);

        m->sequence = sequence_free(m->sequence); /* and @word with it */
        manager_resume(m);
}

static void manager_on_read(int result, const char *word, void *userdata) {
        Manager *m = userdata;

        if (result < 0)
                log_message(&m->log, LOG_WARNING, "systemd could not read its units again: %s", word);
        else
                (void) store_set_reload_due(false);

        m->sequence = sequence_free(m->sequence); /* and @word with it */
        manager_resume(m);
}

/* A socket that listens at home would be closed by reading that it is elsewhere (systemd 255 and later). It is moved anew
 * if it has to be. */
static void manager_take_back_unread(Manager *m) {
        _cleanup_free_ BareUnits *units = malloc(sizeof(*units));
        ManagedUnits managed = units_managed(m->units);
        int r;

        if (!managed.socket || m->phase != SERVICE_RUNNING || m->placement.port == 0 ||
            endpoints_have_port(managed.socket->streams, m->placement.port) ||
            endpoints_have_port(managed.socket->streams, m->last_port))
                return;

        r = units ? store_read_bare_units(managed, units) : -ENOMEM;
        if (r >= 0)
                r = store_write_placement(&(const Placement){ 0 }, 0, units);
        if (r < 0)
                log_error_errno(&m->log, r, "The move that was cut off can't be taken back");
        else
                m->placement = (Placement){ 0 };
}

/* What an earlier run was about to have systemd read, before anything is made of what it says. */
static void manager_have_units_read(Manager *m) {
        const Plan plan = { .steps = { { .kind = JOB_DAEMON_RELOAD } }, .n = 1 };
        int r;

        m->unread = false;
        manager_take_back_unread(m);
        r = sequence_start(systemd_link_bus(m->link), &plan, "", "", manager_on_read, m, &m->sequence);
        if (r < 0)
                manager_on_read(r, strerrordesc_np(-r), m);
        else
                units_hold(m->units, true);
}

/* Which unit listens from now on, and at the next boot. Where the ports matter, a service that is to listen is started
 * by the next decision. */
static void manager_change_units(Manager *m, const Decision *d) {
        bool start = !mode_shares_ports(mode_get(m->mode));
        ManagedUnits managed = units_managed(m->units);
        DisabledSocket disabled = m->disabled_socket;
        Plan plan;
        int r = 0;

        if (d->action == ACTION_ENABLE) {
                snprintf(disabled.service, sizeof(disabled.service), "%s", managed.service->id);
                plan_enable_service(start, &plan);
        } else if (d->action == ACTION_DISABLE_SOCKET) {
                /* Else it is an earlier try that has enabled the service. */
                if (managed.socket && !streq(disabled.socket, managed.socket->id)) {
                        disabled.service_was_enabled = streq(managed.service->unit_file_state, "enabled");
                        snprintf(disabled.socket, sizeof(disabled.socket), "%s", managed.socket->id);
                        snprintf(disabled.service, sizeof(disabled.service), "%s", managed.service->id);
                }
                plan_disable_socket(start, &plan);
        } else
                plan_enable_socket(disabled.service_was_enabled, &plan);

        /* Before the first step: it is carried out once more where it is cut off. */
        if (d->action != ACTION_ENABLE) {
                disabled.unfinished = true;
                r = store_write_disabled_socket(&disabled);
                if (r >= 0)
                        m->disabled_socket = disabled;
        }

        m->start_wanted = d->action != ACTION_ENABLE_SOCKET && !start;
        if (r >= 0)
                r = sequence_start(systemd_link_bus(m->link), &plan, disabled.service, disabled.socket,
                                   manager_on_units_changed, m, &m->sequence);
        if (r < 0)
                manager_on_units_changed(r, strerrordesc_np(-r), m);
        else
                units_hold(m->units, true);
}

/* ── deciding ── */

/* Restore=auto may find the port taken again when sshd is there, over and over: the way back from there is kept open. */
static bool manager_is_to_stay(const Manager *m) {
        usec_t now;

        return m->stay || sd_event_now(m->event, CLOCK_MONOTONIC, &now) < 0 || !backoff_allows_two(&m->backoff, now);
}

static void manager_update_phase(Manager *m) {
        ManagedUnits managed = units_managed(m->units);
        const UnitState *unit = managed.socket ? managed.socket : managed.service;
        ServicePhase phase = managed_phase(managed);

        /* To be started where it can bind, like one that could not. */
        m->failed_for_ours = m->failed_for_ours && (phase == SERVICE_FAILED || phase == SERVICE_UNKNOWN);
        if ((m->failed_for_ours && phase == SERVICE_FAILED) || (m->start_wanted && phase == SERVICE_INACTIVE))
                phase = SERVICE_TO_START;
        else if (m->start_wanted && phase != SERVICE_TO_START && phase != SERVICE_UNKNOWN)
                m->start_wanted = false;
        /* One that fails for a reason of its own is its owner's matter. */
        if (m->disabled_socket.unfinished && !m->sequence &&
            ((phase == SERVICE_RUNNING && unit->job == 0) || (phase == SERVICE_FAILED && !managed.socket)))
                manager_finish_switch(m, false);

        if (phase != m->phase) {
                log_message(&m->log, LOG_DEBUG, "%s: %s, was %s", unit ? unit->id : "ssh",
                            service_phase_to_string(phase), service_phase_to_string(m->phase));
                if (phase == SERVICE_TO_START) {
                        ports_forget_grants(&m->ports);
                        home_finder_forget(m->home_finder);
                } else if (phase == SERVICE_FAILED ||
                           (phase == SERVICE_RUNNING && m->phase != SERVICE_UNKNOWN && m->phase != SERVICE_STARTING))
                        home_finder_forget(m->home_finder);
                m->phase = phase;
        }
}

/* What our files say, and systemd has not read. */
static bool manager_is_unapplied(const Manager *m) {
        ManagedUnits managed = units_managed(m->units);

        if (m->placement.port == 0)
                return false;
        if (!managed.socket)
                return m->placement.mechanism == MECHANISM_SOCKET ||
                       (m->placement.mechanism == MECHANISM_COMMAND_LINE && managed.service &&
                        !managed.service->overridden);

        return !endpoints_have_port(managed.socket->streams, m->placement.port);
}

static void manager_evaluate_watched(Manager *m) {
        m->watched = true;
        manager_schedule(m);
}

static int manager_on_pace(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *m = userdata;

        (void) source, (void) usec;
        m->pace_source = sd_event_source_disable_unref(m->pace_source);
        manager_evaluate_watched(m);
        return 0;
}

/* Somebody may take such a port and leave it, many times a second, to keep us busy: the last of it is seen, and what
 * came between is no matter. */
static void manager_on_watch(bool elsewhere, void *userdata) {
        Manager *m = userdata;
        usec_t now, delay = 0;
        int r;

        if (elsewhere && !m->pace_source && !watch_has_changed(m->watch))
                return;

        m->unpinned = 0;
        if (m->pace_source)
                return;

        r = sd_event_now(m->event, CLOCK_MONOTONIC, &now);
        if (r >= 0)
                delay = pace_delay(&m->pace, now);
        if (delay > 0) {
                r = sd_event_add_time_relative(m->event, &m->pace_source, CLOCK_MONOTONIC, delay, USEC_PER_MSEC,
                                               manager_on_pace, m);
                if (r >= 0) {
                        (void) sd_event_source_set_description(m->pace_source, "pace");
                        return;
                }
        }
        if (r < 0)
                log_error_errno(&m->log, r, "The next look at the listeners could not be put off");
        manager_evaluate_watched(m);
}

/* What is worth being woken for: the listeners of sshd's ports; and, while Windows or sshd waits for one of
 * them, its sessions. */
static void manager_watch(Manager *m, const Decision *d) {
        uint16_t ports[SSHD_PORTS_MAX + 1];
        const char *before = watch_kind(m->watch);
        bool closes = m->status.pinned_sessions > 0 || d->state == STATE_BLOCKED;
        size_t n = 0;
        int r;

        for (size_t i = 0; i < m->home.n_ports; i++) {
                const PortFact *fact = ports_find(&m->ports, m->home.ports[i]);

                closes = closes ||
                         (fact && (fact->holder == HOLDER_LINUX || fact->holder == HOLDER_OTHER_DISTRO));
                ports[n++] = m->home.ports[i];
        }
        if (m->placement.port != 0)
                ports[n++] = m->placement.port;

        r = watch_set(m->watch, ports, n, closes);
        if (r < 0)
                log_error_errno(&m->log, r, "The listeners can't be watched");
        else if (!streq(before, watch_kind(m->watch))) {
                log_message(&m->log, LOG_INFO, "Listeners are watched by: %s%s%s", watch_kind(m->watch),
                            watch_fallback_reason(m->watch) < 0 ? ", as the tracepoint can't be had: " : "",
                            watch_fallback_reason(m->watch) < 0
                                            ? strerrordesc_np(-watch_fallback_reason(m->watch))
                                            : "");
                manager_publish(m);
        }
}

/* A one-shot timer that lasts while @wanted; one that runs is left alone. */
static void manager_arm(Manager *m, sd_event_source **source, bool wanted, usec_t delay, usec_t slack,
                        sd_event_time_handler_t handler, const char *name) {
        int r;

        if (!wanted) {
                *source = sd_event_source_disable_unref(*source);
                return;
        }
        if (*source)
                return;

        r = sd_event_add_time_relative(m->event, source, CLOCK_MONOTONIC, delay, slack, handler, m);
        if (r < 0)
                log_error_errno(&m->log, r, "The timer %s could not be set", name);
        else
                (void) sd_event_source_set_description(*source, name);
}

static int manager_on_unpin(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *m = userdata;

        (void) source, (void) usec;
        m->unpin_source = sd_event_source_disable_unref(m->unpin_source);
        manager_schedule(m);
        return 0;
}

static int manager_on_look_home(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *m = userdata;

        (void) source, (void) usec;
        m->look_home_source = sd_event_source_disable_unref(m->look_home_source);
        if (m->home.n_ports > 0)
                naming_look(m->naming, m->home.ports[0]);
        manager_schedule(m);
        return 0;
}

/* Nothing tells that Windows has left a port, or that the last TIME_WAIT of ours has ended. */
static void manager_arm_timers(Manager *m, const Decision *d) {
        bool returns = m->config.restore == RESTORE_AUTO && m->config.relocate == RELOCATE_CONFLICT &&
                       !m->stay && m->phase == SERVICE_RUNNING && m->placement.port != 0 &&
                       d->state == STATE_RELOCATED && mode_shares_ports(mode_get(m->mode));
        usec_t recount = m->unpins_in < UNPIN_DELAY_MIN   ? UNPIN_DELAY_MIN
                         : m->unpins_in > UNPIN_DELAY_MAX ? UNPIN_DELAY_MAX
                                                          : m->unpins_in;

        manager_arm(m, &m->look_home_source, returns, LOOK_HOME_INTERVAL, LOOK_HOME_SLACK,
                    manager_on_look_home, "look-home");

        m->unpin_source = sd_event_source_disable_unref(m->unpin_source);
        manager_arm(m, &m->unpin_source, m->status.pinned_sessions > 0, recount, USEC_PER_SEC, manager_on_unpin,
                    "unpin");
}

/* sshd closes its listeners and binds anew on SIGHUP, one family after the other, and no message tells of
 * that: an evaluation in the middle of it is followed by another. */
static void manager_settle(Manager *m, const Decision *d) {
        uint16_t port = m->placement.port != 0 ? m->placement.port : m->home.n_ports > 0 ? m->home.ports[0] : 0;
        bool placed = !d->port_missing && d->state != STATE_UNKNOWN && d->state != STATE_UNMANAGED;
        PortView view;
        int r;

        if (!m->unseen && (m->phase != SERVICE_RUNNING ||
                           (placed && manager_view(m, port, &view) >= 0 && port_view_is_complete(&view, &m->home)))) {
                m->settle_delay = 0;
                m->settle_source = sd_event_source_disable_unref(m->settle_source);
                return;
        }
        if (m->lost == placed && !m->unseen)
                m->settle_delay = 0;
        m->lost = !placed && !m->unseen;
        /* sshd may have another configuration now than when it was asked. */
        if (m->lost && m->settle_delay == 0)
                home_finder_forget(m->home_finder);
        if (!m->unseen && (placed ? m->settle_delay >= SETTLED_DELAY : d->state != STATE_UNKNOWN))
                return;

        m->settle_delay = m->settle_delay == 0                     ? SETTLE_DELAY_FIRST
                          : m->settle_delay * 2 < SETTLE_DELAY_MAX ? m->settle_delay * 2
                                                                   : SETTLE_DELAY_MAX;
        m->settle_source = sd_event_source_disable_unref(m->settle_source);
        r = sd_event_add_time_relative(m->event, &m->settle_source, CLOCK_MONOTONIC, m->settle_delay, 0,
                                       manager_on_settle, m);
        if (r < 0) {
                log_error_errno(&m->log, r, "No further look at the listeners could be scheduled");
                (void) sd_event_exit(m->event, r);
        }
}

static int manager_request(Request request, uint16_t port, sd_bus_message *call, void *userdata) {
        Manager *m = userdata;
        int r;

        r = pending_request_take(&m->request, request, port, call);
        if (r < 0)
                return r;

        if (request == REQUEST_PROBE)
                /* What bind() has answered stays: to forget it can mean to bind, however often somebody asks. */
                naming_forget(m->naming, 0);
        else {
                /* Limits are for what happens by itself. */
                m->backoff = (Backoff){ 0 };
                m->hold[0] = '\0';
                manager_forget(m);
        }
        manager_schedule(m);
        return 0;
}

/* Nothing more is to be done for now, so that the request has come as far as it will. */
static void manager_finish_request(Manager *m, const Decision *d) {
        Request kind = m->request.kind;
        bool met = pending_request_is_met(&m->request, m->placement.port);
        int r;

        /* A probe's result, and a refusal, are told with the name of who is there. */
        if (kind == REQUEST_NONE || (naming_is_asking(m->naming) && (kind == REQUEST_PROBE || !met)))
                return;

        if (met && kind != REQUEST_PROBE)
                m->stay = kind == REQUEST_RELOCATE;
        r = pending_request_answer(&m->request, met, d->reason);
        if (r < 0)
                log_error_errno(&m->log, r, "A request could not be answered");
        /* What is reported now is the answer to it. */
        manager_schedule(m);
}

static void manager_carry_out(Manager *m, const Decision *d) {
        bool soon = m->home_later || (manager_is_mode_late(m) && d->state != STATE_UNMANAGED);

        switch (d->action) {
        case ACTION_PROBE:
                manager_probe(m, d->port);
                return;
        case ACTION_RELOCATE:
        case ACTION_RESTORE:
        case ACTION_START:
                /* What failed or came too often waits, whatever is decided meanwhile. */
                if (m->hold[0] != '\0')
                        break;
                manager_move(m, d);
                return;
        case ACTION_ENABLE:
        case ACTION_DISABLE_SOCKET:
        case ACTION_ENABLE_SOCKET:
                manager_change_units(m, d);
                return;
        case ACTION_NONE:
        default:
                break;
        }

        if (d->state == STATE_RELOCATED && m->phase == SERVICE_RUNNING)
                manager_keep_last_port(m);
        manager_settle(m, d);
        manager_watch(m, d);
        manager_arm_timers(m, d);
        manager_name_holder(m);
        manager_finish_request(m, d);
        manager_say_ready(m);

        /* sshd is down for want of a port, or has lost its own, and nothing tells when Windows answers or leaves one; or sshd
         * or wslinfo could not be asked. */
        if (!soon && !d->ask_again &&
            (m->phase != SERVICE_TO_START || d->state == STATE_UNMANAGED ||
             mode_get(m->mode) == MODE_UNKNOWN)) {
                if (m->hold[0] == '\0')
                        m->retry_source = sd_event_source_disable_unref(m->retry_source);
        } else if (!m->retry_source)
                (void) manager_ask_later(m, soon);
}

/* An sshd that was moved before wslportd was removed and installed again: nothing remembers it, but the kernel shows it,
 * and Windows has its own port. */
static void manager_find_moved(Manager *m) {
        const PortFact *home = m->home.n_ports > 0 ? ports_find(&m->ports, m->home.ports[0]) : NULL;
        PortView view;

        if (m->placement.port != 0 || m->last_port != 0 || !m->lost || m->phase != SERVICE_RUNNING || !home ||
            (home->holder != HOLDER_WINDOWS_OPENSSH && home->holder != HOLDER_WINDOWS) ||
            holders_look(m->sockets, units_managed(m->units), &m->home, 0, &view) < 0)
                return;

        for (size_t i = 0; i < view.n_listeners; i++)
                if (view.listeners[i].holder == HOLDER_SSHD && config_allows_port(&m->config, view.listeners[i].port)) {
                        m->last_port = view.listeners[i].port;
                        return;
                }
}

static Settled manager_settled(const Manager *m, bool by_socket) {
        if (m->unseen)
                return SETTLED_UNSEEN;
        if (m->settle_delay < (m->lost && by_socket ? SETTLED_DELAY_SOCKET : SETTLED_DELAY))
                return SETTLED_NOT_YET;
        return m->lost ? SETTLED_WITHOUT_PORT : SETTLED_WITHOUT_IPV4;
}

static void manager_decide(Manager *m) {
        ManagedUnits managed;
        HomeFacts home;
        Snapshot snapshot;
        Decision decision;

        if (m->move || m->sequence || m->probe || home_finder_is_pending(m->home_finder) || mode_is_pending(m->mode) ||
            units_is_reading(m->units))
                return;

        manager_update_phase(m);
        if (m->phase == SERVICE_UNKNOWN)
                return;
        if (m->unread) {
                manager_have_units_read(m);
                return;
        }
        managed = units_managed(m->units);
        if (m->phase != SERVICE_ABSENT && home_finder_refresh(m->home_finder, managed.service, &m->placement))
                return;

        home = home_finder_facts(m->home_finder, managed, &m->placement);
        m->home = home.home;
        m->home_later = home.ask_again && m->phase != SERVICE_ABSENT;
        m->unseen = false;
        watch_note(m->watch);
        for (size_t i = 0; i < m->home.n_ports; i++)
                manager_look(m, m->home.ports[i]);
        manager_find_moved(m);
        if (m->placement.port != 0)
                manager_look(m, m->placement.port);
        else if (m->last_port != 0)
                manager_look(m, m->last_port);

        snapshot = (Snapshot){
                .mode = mode_get(m->mode),
                .service = m->phase,
                .by_socket = managed.socket,
                .booting = m->booting,
                .settled = manager_settled(m, managed.socket),
                .not_enabled = managed.service && streq(managed.service->load_state, "loaded") &&
                               streq(managed.service->unit_file_state, "disabled") &&
                               !units_socket_is_enabled(m->units),
                .socket_disabled = m->disabled_socket.socket[0] != '\0',
                .switch_unfinished = m->disabled_socket.unfinished,
                .unit_name = managed.service ? managed.service->id : "ssh.service",
                .no_auto_restore = manager_is_to_stay(m),
                .request = m->request.kind,
                .request_port = m->request.port,
                .verdict = home.verdict,
                .verdict_detail = home.detail,
                .home = home.home,
                .port_fixed_by = home.port_fixed_by,
                .moved_to = m->placement.port,
                .unapplied = manager_is_unapplied(m),
                .last_port = m->last_port,
                .facts = m->ports.facts,
                .n_facts = m->ports.n,
                .postponed = m->hold[0] ? m->hold : NULL,
        };
        policy_decide(&m->config, &snapshot, &decision);
        m->decision = decision;
        log_message(&m->log, LOG_DEBUG, "mode %s, ssh %s: %s, %s %u: %s",
                    networking_mode_to_string(snapshot.mode), service_phase_to_string(snapshot.service),
                    state_to_string(decision.state), action_to_string(decision.action), decision.port,
                    decision.reason);

        manager_note_holder(m, &decision);
        manager_publish(m);
        manager_carry_out(m, &decision);
}

static void manager_evaluate(Manager *m) {
        Views views = { .n = 0 };

        m->views = &views;
        manager_decide(m);
        m->views = NULL;

        /* What was read of systemd's units or of sshd needs more than all that is kept of it. It pays for itself: glibc would
         * keep the pages, 100 KiB of them, until the daemon ends. */
        if (m->has_read && !m->booting) {
                (void) malloc_trim(0);
                m->has_read = false;
        }
}

/* ── sources of events ── */

static void manager_on_units(void *userdata) {
        Manager *m = userdata;

        m->has_read = true;
        manager_schedule(m);
}

static void manager_on_name(void *userdata) {
        /* What the kernel lists stands over all that. */
        manager_schedule(userdata);
}

static void manager_on_home(void *userdata) {
        Manager *m = userdata;

        m->rehearsed = false;
        m->has_read = true;
        manager_schedule(m);
}

static void manager_on_mode(void *userdata) {
        Manager *m = userdata;

        if (mode_is_unconfirmed(m->mode) && !m->unconfirmed_told) {
                m->unconfirmed_told = true;
                log_message(&m->log, LOG_WARNING,
                            "wslinfo did not tell the networking mode; the kernel's routes say: %s",
                            networking_mode_to_string(mode_get(m->mode)));
        }
        manager_schedule(m);
}

static void manager_on_system_bus(sd_bus *bus, void *userdata) {
        Manager *m = userdata;

        systemd_link_set_system_bus(m->link, bus, m->move || m->sequence);
}

/* ── configuration ── */

void manager_log_config_error(const char *path, unsigned line, const char *message, void *userdata) {
        const Log *log = userdata;

        if (line > 0)
                log_message(log, LOG_ERR, "%s:%u: %s", path, line, message);
        else
                log_message(log, LOG_ERR, "%s: %s", path, message);
}

typedef struct ReloadErrors {
        Manager *manager;
        char *first;
} ReloadErrors;

static void manager_on_config_error(const char *path, unsigned line, const char *message, void *userdata) {
        ReloadErrors *errors = userdata;

        manager_log_config_error(path, line, message, &errors->manager->log);
        if (!errors->first && asprintf(&errors->first, "%s:%u: %s", path, line, message) < 0)
                errors->first = NULL;
}

static int manager_reload(char **ret_error, void *userdata) {
        Manager *m = userdata;
        ReloadErrors errors = { .manager = m };
        char status[sizeof("STATUS=") + STATUS_LINE_SIZE];
        Config config;
        int r;

        (void) sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_usec(CLOCK_MONOTONIC));

        r = config_load(CONFIG_FILE, manager_on_config_error, &errors, &config);
        if (r >= 0) {
                if (!streq(config.unit, m->config.unit))
                        log_message(&m->log, LOG_WARNING, "Unit= takes effect when wslportd is restarted");
                m->config = config;
                m->log.max_level = config.log_level;
                log_message(&m->log, LOG_INFO, "%s is in force",
                            r > 0 ? CONFIG_FILE : "The default configuration");
                m->hold[0] = '\0';
                m->retry_source = sd_event_source_disable_unref(m->retry_source);
                home_finder_forget(m->home_finder);
                manager_forget(m);
                manager_schedule(m);
        } else
                log_message(&m->log, LOG_ERR, "%s is not taken; the configuration in force stays",
                            CONFIG_FILE);

        snprintf(status, sizeof(status), "STATUS=");
        status_line(&m->status, status + strlen(status));
        manager_notify_ready(m, status);

        if (ret_error)
                *ret_error = TAKE_PTR(errors.first);
        free(errors.first);
        return r < 0 ? r : 0;
}

static int manager_on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        (void) source, (void) info;
        (void) manager_reload(NULL, userdata);
        return 0;
}

/* ── life ── */

Manager *manager_free(Manager *m) {
        if (!m)
                return NULL;

        home_finder_free(m->home_finder);
        child_free(m->probe);
        naming_free(m->naming);
        move_free(m->move);
        sequence_free(m->sequence);
        pending_request_done(&m->request);
        m->bus = bus_object_free(m->bus);
        systemd_link_free(m->link);
        units_free(m->units);
        mode_free(m->mode);
        routes_free(m->routes);
        watch_free(m->watch);
        sockets_free(m->sockets);
        sd_event_source_disable_unref(m->evaluate_source);
        sd_event_source_disable_unref(m->boot_source);
        sd_event_source_disable_unref(m->retry_source);
        sd_event_source_disable_unref(m->settle_source);
        sd_event_source_disable_unref(m->look_home_source);
        sd_event_source_disable_unref(m->unpin_source);
        sd_event_source_disable_unref(m->pace_source);
        ports_done(&m->ports);
        free(m);
        return NULL;
}

static const BusObjectHandlers bus_handlers = {
        .on_bus = manager_on_system_bus,
        .reload = manager_reload,
        .request = manager_request,
};

static int manager_set_up(Manager *m) {
        usec_t hold = m->config.probe_timeout + BOOT_HOLD_OWN;
        int r;

        if (hold > BOOT_HOLD_MAX)
                hold = BOOT_HOLD_MAX;

        r = sd_event_add_defer(m->event, &m->evaluate_source, manager_on_evaluate, m);
        if (r >= 0)
                r = sd_event_source_set_enabled(m->evaluate_source, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_source_set_priority(m->evaluate_source, SD_EVENT_PRIORITY_IDLE);
        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(m->evaluate_source, true);
        if (r >= 0)
                r = sd_event_source_set_description(m->evaluate_source, "evaluate");
        if (r >= 0)
                r = sd_event_add_time_relative(m->event, &m->boot_source, CLOCK_MONOTONIC, hold, 1,
                                               manager_on_boot_deadline, m);
        if (r >= 0)
                r = sd_event_source_set_description(m->boot_source, "boot-deadline");
        if (r >= 0)
                r = sd_event_add_signal(m->event, NULL, SIGHUP, manager_on_hangup, m);
        if (r >= 0)
                r = sockets_new(&m->sockets);
        if (r >= 0)
                r = watch_new(m->event, m->sockets, manager_on_watch, m, &m->watch);
        if (r >= 0)
                r = routes_new(&m->routes);
        if (r >= 0)
                r = mode_new(m->event, m->routes, manager_on_mode, m, &m->mode);
        if (r >= 0)
                r = home_finder_new(m->event, &m->log, manager_on_home, m, &m->home_finder);
        if (r >= 0)
                r = naming_new(m->event, &m->log, &m->config, &m->ports, manager_on_name, m, &m->naming);
        if (r >= 0)
                r = units_new(m->config.unit, manager_on_units, m, &m->units);
        if (r >= 0)
                r = bus_object_new(m->event, &m->log, &m->status, &bus_handlers, m, &m->bus);
        return r;
}

int manager_new(sd_event *event, const Log *log, const Config *config, Manager **ret) {
        _cleanup_(manager_freep) Manager *m = NULL;
        int r;

        m = malloc(sizeof(*m));
        if (!m)
                return log_error_errno(log, -ENOMEM, "The daemon could not be set up");
        *m = (Manager){
                .event = event, .log = *log, .config = *config, .booting = true
        };

        r = manager_set_up(m);
        if (r < 0)
                return log_error_errno(log, r, "The daemon could not be set up");

        r = manager_read_store(m);
        if (r < 0)
                return log_error_errno(log, r, "What is in " STATEDIR " could not be read");
        m->unread = store_is_reload_due();
        r = store_clean(&m->placement);
        if (r < 0)
                log_error_errno(log, r, "What an earlier run has left could not be taken away");
        r = systemd_link_new(event, &m->log, m->units, &m->link);
        if (r < 0)
                return log_error_errno(log, r, "The daemon could not be set up");

        *ret = TAKE_PTR(m);
        return 0;
}
