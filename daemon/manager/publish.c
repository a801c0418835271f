/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/publish.h"

#include <systemd/sd-daemon.h>

#include "sshd/hints.h"
#include "sshd/port-rules.h"

/* MESSAGE_ID= of the journal entries that people and programs look for. An ID never changes its meaning, which
 * units/wslportd.catalog tells and `journalctl -x` shows. */
#define MESSAGE_CONFLICT "46f2508be7884c6e865d6f5adcff99bc"
#define MESSAGE_RELOCATED "09e8bf5ba3654c62b1228f1736b12d8b"
#define MESSAGE_RESTORED "3bc19b13f8f0466493fad2a5928f74dc"
#define MESSAGE_BLOCKED "d44c503302c444dc8ec65b606dbacd78"
#define MESSAGE_PINNED "e7c41e82b86e452b8c176d70d98ce7b9"
#define MESSAGE_UNPINNED "68190a4537254cba92437c190d42900b"
#define MESSAGE_NO_ANSWER "9b9e8b71d9b24f52a9a4a29c796cb7fd"

void publisher_say_ready(Publisher *p) {
        int r;

        if (p->c->stage != STAGE_BOOTING)
                return;

        p->c->stage = STAGE_RUNNING;
        r = sd_notify(false, "READY=1");
        if (r < 0)
                context_give_up(p->c, r, "systemd, which has sshd wait for READY=1, could not be told");

        /* The bus daemon may be ordered after us, and answers only once we are ready. */
        bus_object_connect(p->c->bus);
}

#define FIELDS_SIZE 160

/* Writes the journal's fields of a line about a change. */
static const char *status_fields(const Status *s, char ret[static FIELDS_SIZE]) {
        snprintf(ret, FIELDS_SIZE, "STATE=%s CAUSE=%s HOLDER=%s", state_to_string(s->state),
                 cause_to_string(s->cause), holder_to_string(s->home_holder));
        return ret;
}

void publisher_tell_refusal(Publisher *p, const PortFact *fact) {
        bool taken = port_fact_availability(fact) == PORT_TAKEN;
        /* Clients look for sshd there, and would talk to whoever has it now. */
        bool known = fact->holder == HOLDER_LINUX && fact->port == p->c->files.placement.port;
        Cause cause = port_fact_cause(fact);
        PortFact *noted = ports_get(&p->observer->ports, fact->port);
        char text[160], fields[FIELDS_SIZE];

        if (!noted || (cause != CAUSE_NONE && cause == noted->told))
                return;
        if (cause != CAUSE_NONE)
                noted->told = cause;
        port_fact_describe(fact, text, sizeof(text));
        snprintf(fields, sizeof(fields), "PORT=%u CAUSE=%s HOLDER=%s", fact->port, cause_to_string(cause),
                 holder_to_string(fact->holder));
        log_event(&p->c->log, known ? LOG_WARNING : LOG_NOTICE, taken ? MESSAGE_CONFLICT : MESSAGE_NO_ANSWER,
                  fields, "Port %u can't be had: %s", fact->port, text);
        if (taken)
                bus_object_emit(p->c->bus, "Conflict", "qss", fact->port, holder_to_string(fact->holder),
                                fact->detail);
}

static void publisher_on_hint(const char *text, void *userdata) {
        const Publisher *p = userdata;

        log_message(&p->c->log, LOG_NOTICE, "%s", text);
}

void publisher_tell_rules(Publisher *p, uint16_t port, bool moved) {
        const Observer *o = p->observer;
        char text[PORT_RULE_SIZE];
        PortRules rules;

        (void) hints_for_port("", port, publisher_on_hint, p);
        if (!moved || observer_home_port(o) == 0)
                return;
        port_rules_find("", o->sshd.options, observer_home_port(o), port, &rules);
        for (PortRuleKind kind = 0; kind < _PORT_RULE_MAX; kind++)
                if (port_rules_describe(&rules, kind, text))
                        publisher_on_hint(text, p);
}

void publisher_note_moved(Publisher *p, const Decision *d, uint16_t from) {
        if (d->action == ACTION_START)
                return;
        if (p->moved.action == ACTION_NONE) /* else nobody has been told of the place in between */
                p->moved_from = from;
        p->moved = *d;
}

static void publisher_tell_moved(Publisher *p) {
        const Decision *d = &p->moved;
        char fields[2 * FIELDS_SIZE], status[FIELDS_SIZE];

        if (d->action == ACTION_NONE ||
            (p->status.port != d->port && service_phase_is_passing(p->observer->phase)))
                return; /* nothing is to be told, or sshd is still to be started */

        snprintf(fields, sizeof(fields), "PORT=%u FROM=%u TO=%u %s", d->port, p->moved_from, d->port,
                 status_fields(&p->status, status));
        if (d->action == ACTION_RELOCATE) {
                log_event(&p->c->log, LOG_NOTICE, MESSAGE_RELOCATED, fields,
                          "sshd is moved to port %u%s: %s", d->port,
                          p->c->files.until_boot ? " until the next boot, as " STATEDIR " can't be written"
                                                 : "",
                          d->reason);
                bus_object_emit(p->c->bus, "Relocated", "qq", p->moved_from, d->port);
                publisher_tell_rules(p, d->port, true);
        } else if (d->action == ACTION_RESTORE) {
                log_event(&p->c->log, LOG_NOTICE, MESSAGE_RESTORED, fields,
                          "sshd is back on its own configuration: %s", d->reason);
                bus_object_emit(p->c->bus, "Restored", "q", d->port);
        }
        p->moved.action = ACTION_NONE;
}

/* Tells of strangers on sshd's ports. */
static void publisher_tell_strangers(Publisher *p, const Decision *d) {
        const Home *home = &p->observer->sshd.home;

        for (size_t i = 0; i <= home->n_ports; i++) {
                uint16_t port = i < home->n_ports ? home->ports[i] : p->c->files.placement.port;
                const PortFact *fact = ports_find(&p->observer->ports, port);

                if (fact && holder_is_stranger(fact->holder) && d->state == STATE_CONFLICT)
                        publisher_tell_refusal(p, fact);
        }
}

/* Tells the journal and systemd what differs between @old and the status now. The journal gets a line once nothing is
 * @passing any more. */
static void publisher_tell_changes(Publisher *p, const Status *old, bool passing) {
        const Status *now = &p->status;
        uint32_t before = old->pinned_sessions, n = now->pinned_sessions;
        char line[STATUS_LINE_SIZE], old_line[STATUS_LINE_SIZE], fields[FIELDS_SIZE];

        if (now->mode != old->mode && mode_is_unconfirmed(p->c->mode))
                log_message(&p->c->log, LOG_WARNING,
                            "wslinfo did not tell the networking mode; the kernel's routes say: %s",
                            networking_mode_to_string(now->mode));
        if (before == 0 && n > 0)
                log_event(&p->c->log, LOG_NOTICE, MESSAGE_PINNED, status_fields(now, fields),
                          "%u session%s still hold%s port %u: Windows can't have it before they end", n,
                          n == 1 ? "" : "s", n == 1 ? "s" : "", now->home_port);
        else if (before > 0 && n == 0)
                log_event(&p->c->log, LOG_NOTICE, MESSAGE_UNPINNED, status_fields(now, fields),
                          "No session holds port %u any more: Windows can have it", now->home_port);

        status_line(old, old_line);
        status_line(now, line);
        if (!streq(line, old_line))
                (void) sd_notifyf(false, "STATUS=%s", line);
        if (passing || streq(line, p->line))
                return;
        memcpy(p->line, line, sizeof(p->line));
        log_event(&p->c->log, now->state == STATE_BLOCKED ? LOG_WARNING : LOG_INFO,
                  now->state == STATE_BLOCKED ? MESSAGE_BLOCKED : NULL, status_fields(now, fields), "%s",
                  line);
}

/* Another evaluation follows, and has what @now can't have yet: until then that stays as it was told. */
static void publisher_keep(const Publisher *p, const Decision *d, Request request, Status *now) {
        const Status *told = &p->status;
        bool unnamed = now->home_holder == HOLDER_UNKNOWN ||
                       (holder_is_windows(now->home_holder) && now->home_detail[0] == '\0');
        bool acts = d->action != ACTION_NONE,
             waits = acts || request == REQUEST_RELOCATE || request == REQUEST_RESTORE;

        if (unnamed && holder_is_windows(told->home_holder) && now->home_port == told->home_port &&
            (waits || naming_is_asking(p->c->naming))) {
                now->home_holder = told->home_holder;
                memcpy(now->home_detail, told->home_detail, sizeof(now->home_detail));
        } else if (!waits)
                return;

        if (acts && told->reason[0] && (now->state == STATE_UNKNOWN || told->state == STATE_BLOCKED))
                now->state = told->state;
        if (now->state == told->state && now->port == told->port && told->reason[0]) {
                now->cause = told->cause;
                memcpy(now->reason, told->reason, sizeof(now->reason));
        }
}

static void publisher_fill(const Publisher *p, const Decision *d, Request request, Status *ret) {
        const Observer *o = p->observer;
        ManagedUnits managed = units_managed(p->c->units);
        const PortFact *home = ports_find(&o->ports, observer_home_port(o));

        memset(ret, 0,
               sizeof(*ret)); /* the bytes between the members, too: status_changes() compares them */
        memcpy(ret->version, p->status.version, sizeof(ret->version));
        ret->mode = mode_get(p->c->mode);
        ret->state = d->state;
        ret->cause = d->cause;
        memcpy(ret->reason, d->reason, sizeof(ret->reason));
        ret->mechanism = p->c->files.placement.mechanism;
        ret->home_port = observer_home_port(o);
        if (home) {
                ret->home_holder = home->holder;
                memcpy(ret->home_detail, home->detail, sizeof(ret->home_detail));
        }
        if (managed.socket)
                snprintf(ret->unit, sizeof(ret->unit), "%s", managed.socket->id);
        else if (managed.service && streq(managed.service->load_state, "loaded"))
                snprintf(ret->unit, sizeof(ret->unit), "%s", managed.service->id);

        memcpy(ret->listeners, o->listeners, sizeof(ret->listeners));
        ret->n_listeners = o->n_listeners;
        for (size_t i = 0; i < o->n_listeners && ret->port == 0; i++)
                if (o->listeners[i].holder == HOLDER_SSHD)
                        ret->port = o->listeners[i].port;
        ret->pinned_sessions = o->pinned.sessions;
        memcpy(ret->reachable, o->reachable, sizeof(ret->reachable));
        ret->n_reachable = o->n_reachable;
        snprintf(ret->listener_watch, sizeof(ret->listener_watch), "%s", watch_kind(p->c->watch));
        ret->last_bind = o->ports.last_bind;
        publisher_keep(p, d, request, ret);
        ret->last_change = ret->state == p->status.state && ret->port == p->status.port
                                           ? p->status.last_change
                                           : clock_usec(CLOCK_REALTIME);
}

void publisher_publish(Publisher *p, const Decision *d, Request request) {
        const char *names[STATUS_CHANGES_MAX];
        Status status, before = p->status;

        publisher_tell_strangers(p, d);
        if (p->observer->unseen)
                return;

        publisher_fill(p, d, request, &status);
        p->status = status;
        if (status_changes(&before, &status, names) > 0)
                bus_object_changed(p->c->bus, names);
        publisher_tell_moved(p);
        publisher_tell_changes(p, &before,
                               d->action != ACTION_NONE || naming_is_asking(p->c->naming) ||
                                               service_phase_is_passing(p->observer->phase));
}
