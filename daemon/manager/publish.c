/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/publish.h"

#include <inttypes.h>

#include <systemd/sd-daemon.h>

#include "base/messages.h"

/* ── to systemd ── */

/* systemd waits for it, and has sshd wait. */
static void publisher_notify_ready(Publisher *p, const char *more) {
        int r;

        r = sd_notifyf(false, "READY=1\n%s", more);
        if (r < 0)
                context_give_up(p->c, r, "systemd could not be told that all is ready");
}

void publisher_say_ready(Publisher *p) {
        if (p->c->stage != STAGE_BOOTING)
                return;

        p->c->stage = STAGE_RUNNING;
        publisher_notify_ready(p, "");

        /* Not before: the bus daemon may be ordered after us, and would answer only then. */
        bus_object_connect(p->c->bus);
}

void publisher_say_reloading(void) {
        (void) sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_usec(CLOCK_MONOTONIC));
}

void publisher_say_reloaded(Publisher *p) {
        char line[STATUS_LINE_SIZE], more[sizeof("STATUS=") + STATUS_LINE_SIZE];

        status_line(&p->status, line);
        snprintf(more, sizeof(more), "STATUS=%s", line);
        publisher_notify_ready(p, more);
}

/* ── to the journal and the bus ── */

void publisher_tell_refusal(Publisher *p, const PortFact *fact) {
        char text[160], port[sizeof("65535")];

        snprintf(port, sizeof(port), "%u", fact->port);
        port_fact_describe(fact, text, sizeof(text));
        log_event(&p->c->log, LOG_NOTICE,
                  fact->bind == BIND_NO_ANSWER ? MESSAGE_NO_ANSWER : MESSAGE_CONFLICT, "PORT", port,
                  "Port %u can't be had: %s", fact->port, text);
        if (fact->bind != BIND_NO_ANSWER)
                bus_object_conflict(p->c->bus, fact->port, fact->holder, fact->detail);
}

void publisher_tell_moved(Publisher *p, const Decision *d, uint16_t from) {
        char port[sizeof("65535")];

        snprintf(port, sizeof(port), "%u", d->port);
        if (d->action == ACTION_RELOCATE) {
                log_event(&p->c->log, LOG_NOTICE, MESSAGE_RELOCATED, "PORT", port,
                          "sshd is moved to port %u: %s", d->port, d->reason);
                bus_object_relocated(p->c->bus, from, d->port);
        } else if (d->action == ACTION_RESTORE) {
                log_event(&p->c->log, LOG_NOTICE, MESSAGE_RESTORED, "PORT", port,
                          "sshd is back on its own configuration: %s", d->reason);
                bus_object_restored(p->c->bus, d->port);
        }
}

/* A holder that the kernel lists is told once for as long as it stands in the way. */
static void publisher_tell_holders(Publisher *p, const Decision *d) {
        const SshdHome *home = &p->observer->sshd.home;

        for (size_t i = 0; i < home->n_ports; i++) {
                const PortFact *fact = ports_find(&p->observer->ports, home->ports[i]);
                bool listens = fact && holder_is_stranger(fact->holder);

                if (!listens)
                        port_set_remove(&p->told, home->ports[i]);
                else if (d->state == STATE_CONFLICT && !port_set_has(&p->told, fact->port)) {
                        port_set_add(&p->told, fact->port);
                        publisher_tell_refusal(p, fact);
                }
        }
}

static void publisher_tell_pinned(Publisher *p, const Status *now) {
        uint32_t n = now->pinned_sessions;

        if (p->status.pinned_sessions == 0 && n > 0)
                log_event(&p->c->log, LOG_NOTICE, MESSAGE_PINNED, NULL, NULL,
                          "%u session%s still hold%s port %u: Windows can't have it before they end", n,
                          n == 1 ? "" : "s", n == 1 ? "s" : "", now->home_port);
        else if (p->status.pinned_sessions > 0 && n == 0)
                log_event(&p->c->log, LOG_NOTICE, MESSAGE_UNPINNED, NULL, NULL,
                          "No session holds port %u any more: Windows can have it", now->home_port);
}

/* ── the status ── */

static void publisher_fill(const Publisher *p, const Decision *d, Status *ret) {
        const Observer *o = p->observer;
        ManagedUnits managed = units_managed(p->c->units);
        const PortFact *home = ports_find(&o->ports, observer_home_port(o));

        memset(ret, 0, sizeof(*ret));
        ret->mode = mode_get(p->c->mode);
        snprintf(ret->listener_watch, sizeof(ret->listener_watch), "%s", watch_kind(p->c->watch));
        ret->state = d->state;
        memcpy(ret->reason, d->reason, sizeof(ret->reason));
        ret->last_change = p->status.last_change;
        ret->mechanism = p->c->files.placement.mechanism;
        if (managed.socket)
                snprintf(ret->unit, sizeof(ret->unit), "%s", managed.socket->id);
        else if (managed.service && streq(managed.service->load_state, "loaded"))
                snprintf(ret->unit, sizeof(ret->unit), "%s", managed.service->id);

        ret->home_port = observer_home_port(o);
        if (home) {
                ret->home_holder = home->holder;
                memcpy(ret->home_detail, home->detail, sizeof(ret->home_detail));
        }
        ret->pinned_sessions = o->pinned.sessions;
        memcpy(ret->listeners, o->listeners, sizeof(ret->listeners));
        ret->n_listeners = o->n_listeners;
        for (size_t i = 0; i < o->n_listeners && ret->port == 0; i++)
                if (o->listeners[i].holder == HOLDER_SSHD)
                        ret->port = o->listeners[i].port;
        memcpy(ret->reachable, o->reachable, sizeof(ret->reachable));
        ret->n_reachable = o->n_reachable;
}

/* Where who listens could not be seen, what was told stands until it can be. */
void publisher_publish(Publisher *p, const Decision *d) {
        char line[STATUS_LINE_SIZE], old_line[STATUS_LINE_SIZE];
        const char *names[STATUS_CHANGES_MAX];
        Status status;

        publisher_tell_holders(p, d);
        if (p->observer->sight == SIGHT_NOT_EVEN)
                return;

        publisher_fill(p, d, &status);
        if (p->status.state != status.state || p->status.port != status.port)
                status.last_change = clock_usec(CLOCK_REALTIME);
        if (status_changes(&p->status, &status, names) == 0)
                return;

        if (status.mode != p->status.mode && mode_is_unconfirmed(p->c->mode))
                log_message(&p->c->log, LOG_WARNING,
                            "wslinfo did not tell the networking mode; the kernel's routes say: %s",
                            networking_mode_to_string(status.mode));
        publisher_tell_pinned(p, &status);
        status_line(&p->status, old_line);
        status_line(&status, line);
        p->status = status;
        if (!streq(line, old_line)) {
                log_event(&p->c->log, status.state == STATE_BLOCKED ? LOG_WARNING : LOG_INFO,
                          status.state == STATE_BLOCKED ? MESSAGE_BLOCKED : NULL, NULL, NULL, "%s", line);
                (void) sd_notifyf(false, "STATUS=%s", line);
        }
        bus_object_changed(p->c->bus, names);
}
