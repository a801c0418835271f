/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/operate.h"

#include "base/timer.h"
#include "sshd/hints.h"
#include "windows/bindprobe.h"

/* How often to look whether Windows has left the home port, where sshd is to go back by itself. */
#define LOOK_HOME_INTERVAL (60 * USEC_PER_SEC)
#define LOOK_HOME_SLACK (10 * USEC_PER_SEC)

void operator_init(Operator *op, Context *c, Observer *observer, Publisher *publisher) {
        *op = (Operator){
                .c = c,
                .observer = observer,
                .publisher = publisher,
        };
        retry_init(&op->retry, observer);
}

static void operator_free_operation(Operator *op) {
        op->probe = child_free(op->probe);
        op->move = move_free(op->move);
        op->sequence = sequence_free(op->sequence);
}

void operator_done(Operator *op) {
        operator_free_operation(op);
        pending_request_done(&op->request);
        retry_done(&op->retry);
        sd_event_source_disable_unref(op->look_home_timer);
}

/* What was under way is over, and an evaluation follows. Whoever worked on the units is done: what they are
 * now is read before. */
static void operator_end(Operator *op) {
        bool units_held = op->state != OPERATOR_PROBING;

        op->state = OPERATOR_IDLE;
        operator_free_operation(op);
        if (units_held) {
                systemd_link_settle(op->c->link);
                units_hold(op->c->units, false);
        }
        context_evaluate_later(op->c, CAUSE_OTHER);
}

/* ── probing ── */

static void operator_note_answer(Operator *op, uint16_t port, BindAnswer answer, const char *detail) {
        const PortFact *fact;

        observer_note_answer(op->observer, port, answer, detail);
        fact = ports_find(&op->observer->ports, port);
        if (fact && answer != BIND_FREE)
                publisher_tell_refusal(op->publisher, fact);
}

static void operator_on_probe(const ChildResult *result, void *userdata) {
        char detail[BINDPROBE_DETAIL_SIZE];
        BindAnswer answer = bindprobe_read(result, detail);
        Operator *op = userdata;

        operator_note_answer(op, op->decision.port, answer, detail);
        operator_end(op);
}

static bool operator_finds_taken(Operator *op, uint16_t port) {
        const PortFact *fact = observer_find_taken(op->observer, port);

        if (fact)
                publisher_tell_refusal(op->publisher, fact);
        return fact;
}

static void operator_probe(Operator *op, uint16_t port) {
        const SshdHome *home = &op->observer->sshd.home;
        int r;

        op->state = OPERATOR_PROBING;
        /* An evaluation that could not look may not have known. */
        if (operator_finds_taken(op, port) || observer_has(op->observer, port)) {
                operator_end(op);
                return;
        }
        r = bindprobe_start(op->c->event, port, home->ipv6 && !home->ipv4, PROBE_TIMEOUT, operator_on_probe,
                            op, &op->probe);
        if (r < 0) {
                operator_note_answer(op, port, BIND_FAILED, strerrordesc_np(-r));
                operator_end(op);
        }
}

/* ── moving ── */

static void operator_on_hint(const char *text, void *userdata) {
        Operator *op = userdata;

        log_message(&op->c->log, LOG_NOTICE, "Port %u: %s", op->decision.port, text);
}

static void operator_note_moved(Operator *op, uint16_t from) {
        const Decision *d = &op->decision;

        backoff_note(&op->retry.moves, clock_usec(CLOCK_MONOTONIC));
        home_finder_set_reads_our_file(op->c->home_finder,
                                       op->c->files.placement.port !=
                                                       0); /* the move has seen sshd take it in */
        publisher_tell_moved(op->publisher, d, from);
        if (d->action == ACTION_RELOCATE)
                (void) hints_for_port("", d->port, operator_on_hint, op);
        else if (d->action == ACTION_RESTORE) {
                home_finder_forget(op->c->home_finder); /* what it refused with our file it may take now */
                if (d->then_start && op->observer->phase == SERVICE_FAILED)
                        op->observer->owed = OWED_BY_REFUSAL;
                else if (op->observer->owed == OWED_BY_REFUSAL)
                        op->observer->owed = OWED_NOTHING;
        }
}

static void operator_note_not_moved(Operator *op, int error, const char *text) {
        uint16_t port = op->decision.port;

        switch (error) {
        case -EADDRINUSE: /* which was told with the port's fact */
                return;
        case -EBUSY:
                /* Another port is tried at once, and not without end. */
                log_message(&op->c->log, LOG_NOTICE, "sshd could not be moved to %u: %s", port, text);
                backoff_note(&op->retry.moves, clock_usec(CLOCK_MONOTONIC));
                return;
        default:
                log_message(&op->c->log, LOG_ERR, "sshd could not be moved to %u: %s", port, text);
                (void) hints_for_port("", port, operator_on_hint, op);
                retry_postpone(&op->retry, error, text);
        }
}

static void operator_on_moved(int result, BindAnswer answer, const char *text, void *userdata) {
        Operator *op = userdata;
        uint16_t from = observer_expected_port(op->observer);
        int r;

        op->observer->pinned.unpinned = 0;
        /* A start that is owed is tried once; but for that, on any port. */
        if (op->decision.action != ACTION_RESTORE && result != -EADDRINUSE &&
            !context_is_passing(op->c, result) && op->observer->owed == OWED_BY_REFUSAL)
                op->observer->owed = OWED_NOTHING;
        r = files_read(&op->c->files, &op->c->log);

        /* systemd may have closed sshd's socket and wait for the rest. --mend, which follows our end, sees
         * to that at once. */
        if (r < 0 || result == -ENOLINK) {
                if (r >= 0)
                        log_message(&op->c->log, LOG_ERR,
                                    "The connection with systemd ended while sshd was moved to %u: %s",
                                    op->decision.port, text);
                op->move = move_free(op->move);
                (void) sd_event_exit(op->c->event, r < 0 ? r : result);
                return;
        }

        if (answer != BIND_NOT_ASKED) {
                op->rehearsed = true;
                operator_note_answer(op, op->decision.port, answer, "");
        }
        if (result < 0)
                operator_note_not_moved(op, result, text);
        else
                operator_note_moved(op, from);
        operator_end(op); /* and with the move, @text */
}

/* Whether the unit is to be told: not where sshd has the port already, and one that is down is to be started
 * where it can bind, and only there. */
static bool operator_touches_unit(const Operator *op, const Decision *d) {
        const PortFact *fact = ports_find(&op->observer->ports, d->port);

        if (op->observer->phase == SERVICE_RUNNING)
                return !observer_has(op->observer, d->port);
        return op->observer->phase == SERVICE_TO_START &&
               (d->action == ACTION_RELOCATE || d->then_start || (fact && fact->bind == BIND_FREE));
}

static int operator_listens(uint16_t port, void *userdata) {
        Operator *op = userdata;

        return observer_listens(op->observer, port);
}

static int operator_start_move(Operator *op, const Decision *d) {
        const Placement *placement = &op->c->files.placement;
        const PortFact *fact = ports_find(&op->observer->ports, d->port);
        MoveRequest request = {
                .from = *placement,
                .managed = units_managed(op->c->units),
                .sshd = &op->observer->sshd,
                .phase = operator_touches_unit(op, d) ? op->observer->phase : SERVICE_INACTIVE,
        };

        if (d->action == ACTION_START)
                request.to = *placement;
        else if (d->action == ACTION_RELOCATE) {
                request.to = *placement; /* where it is put in place once more, what it left beside it stays so */
                if (d->port != placement->port) {
                        memcpy(request.to.beside, d->beside, sizeof(request.to.beside));
                        request.to.n_beside = d->n_beside;
                }
                request.to.port = d->port;
                request.to.mechanism = MECHANISM_NONE;
                if (!fact || (fact->bind != BIND_FREE && fact->holder != HOLDER_SSHD))
                        request.probe = op->rehearsed ? MOVE_PROBES_FIRST : MOVE_PROBES_LATER;
        }
        if (request.phase != SERVICE_INACTIVE) {
                request.expected = d->port;
                /* The unit is ordered after ours: its job would wait for our READY=1, and we for the job. */
                publisher_say_ready(op->publisher);
        }
        return move_start(op->c->event, systemd_link_bus(op->c->link), &request, operator_listens,
                          operator_on_moved, op, &op->move);
}

static void operator_move(Operator *op, const Decision *d) {
        char text[160];
        int r;

        context_evaluate_later(op->c, CAUSE_OTHER);
        if (d->action == ACTION_RELOCATE && operator_finds_taken(op, d->port))
                return;
        if (!backoff_allows(&op->retry.moves, 1, clock_usec(CLOCK_MONOTONIC))) {
                retry_postpone(&op->retry, -EBUSY, "sshd was moved or started three times within a minute");
                return;
        }

        r = operator_start_move(op, d);
        if (r >= 0) {
                op->state = OPERATOR_MOVING;
                units_hold(op->c->units, true);
                return;
        }

        snprintf(text, sizeof(text), "it can't be prepared: %s", strerrordesc_np(-r));
        log_message(&op->c->log, LOG_ERR, "sshd could not be moved: %s", text);
        retry_postpone(&op->retry, r, text);
        r = files_read(&op->c->files, &op->c->log);
        if (r < 0)
                (void) sd_event_exit(op->c->event, r);
}

/* ── the units ── */

static void operator_on_sequence(int result, const char *word, void *userdata);

static void operator_run(Operator *op, OperatorState state, const Plan *plan, const char *service,
                         const char *socket) {
        int r;

        op->state = state;
        r = move_begin_jobs(systemd_link_bus(op->c->link), plan, service, socket, operator_on_sequence, op,
                            &op->sequence);
        if (r < 0)
                operator_on_sequence(r, strerrordesc_np(-r), op);
        else
                units_hold(op->c->units, true);
}

static void operator_note_units_changed(Operator *op, int result, const char *word) {
        Files *files = &op->c->files;
        bool back = op->decision.action == ACTION_ENABLE_SOCKET, done = result >= 0;
        char why[160];

        /* A socket unit whose own port is taken fails at the end, and is moved at once. */
        if (back && op->sequence && sequence_is_at_end(op->sequence) && !context_is_passing(op->c, result))
                done = true;

        if (result < 0) {
                snprintf(why, sizeof(why), "%.60s could not be carried out: %.60s", op->decision.reason,
                         word);
                log_message(&op->c->log, LOG_ERR, "%s", why);
                if (!done)
                        retry_postpone(&op->retry, result, why);
                if (op->observer->owed == OWED_BY_SWITCH)
                        op->observer->owed = OWED_NOTHING;
        } else
                log_message(&op->c->log, LOG_NOTICE, "%s: done", op->decision.reason);
        if (done && files->disabled.unfinished && op->observer->owed != OWED_BY_SWITCH)
                files_end_switch(files, back, &op->c->log);
}

static void operator_on_sequence(int result, const char *word, void *userdata) {
        Operator *op = userdata;

        if (op->state == OPERATOR_CHANGING_UNITS)
                operator_note_units_changed(op, result, word);
        else if (result < 0)
                log_message(&op->c->log, LOG_WARNING, "systemd could not read its units again: %s", word);
        else
                (void) store_set_reload_due(false);
        operator_end(op); /* and with the sequence, @word */
}

/* Which unit listens from now on, and at the next boot. Where the ports matter, a service that is to listen
 * is started by the next decision. */
static void operator_change_units(Operator *op, const Decision *d) {
        bool start = !mode_shares_ports(mode_get(op->c->mode));
        ManagedUnits managed = units_managed(op->c->units);
        DisabledSocket disabled = op->c->files.disabled;
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
                        op->c->files.disabled = disabled;
        }

        if (d->action != ACTION_ENABLE_SOCKET && !start)
                op->observer->owed = OWED_BY_SWITCH;
        else if (op->observer->owed == OWED_BY_SWITCH)
                op->observer->owed = OWED_NOTHING;
        if (r >= 0)
                operator_run(op, OPERATOR_CHANGING_UNITS, &plan, disabled.service, disabled.socket);
        else {
                op->state = OPERATOR_CHANGING_UNITS;
                operator_on_sequence(r, strerrordesc_np(-r), op);
        }
}

/* A socket that listens at home would be closed by reading that it is elsewhere (systemd 255 and later). It
 * is moved anew if it has to be. */
static void operator_take_back_unread(Operator *op) {
        _cleanup_free_ BareUnits *units = malloc(sizeof(*units));
        ManagedUnits managed = units_managed(op->c->units);
        Files *files = &op->c->files;
        int r;

        if (!managed.socket || op->observer->phase != SERVICE_RUNNING || files->placement.port == 0 ||
            endpoints_have_port(managed.socket->streams, files->placement.port) ||
            endpoints_have_port(managed.socket->streams, files->last_port))
                return;

        r = units ? store_read_bare_units(managed, units) : -ENOMEM;
        if (r >= 0)
                r = store_write_placement(&(const Placement){ 0 }, 0, units);
        if (r < 0)
                log_error_errno(&op->c->log, r, "The move that was cut off can't be taken back");
        else
                files->placement = (Placement){ 0 };
}

bool operator_catch_up(Operator *op) {
        const Plan plan = { .steps = { { .kind = JOB_DAEMON_RELOAD } }, .n = 1 };
        ManagedUnits managed = units_managed(op->c->units);
        const UnitState *unit = managed.socket ? managed.socket : managed.service;
        ServicePhase phase = op->observer->phase;
        Files *files = &op->c->files;

        /* One that fails for a reason of its own is its owner's matter. */
        if (files->disabled.unfinished &&
            ((phase == SERVICE_RUNNING && unit->job == 0) || (phase == SERVICE_FAILED && !managed.socket)))
                files_end_switch(files, false, &op->c->log);
        if (!files->unread)
                return false;

        files->unread = false;
        operator_take_back_unread(op);
        operator_run(op, OPERATOR_HAVING_UNITS_READ, &plan, "", "");
        return true;
}

/* ── what somebody asked for ── */

int operator_take_request(Operator *op, Request request, uint16_t port, sd_bus_message *call) {
        int r;

        r = pending_request_take(&op->request, request, port, call);
        if (r < 0)
                return r;

        if (request == REQUEST_PROBE)
                /* What bind() has answered stays: to forget it can mean to bind, however often somebody
                 * asks. */
                naming_forget(op->c->naming, 0);
        else {
                /* Limits are for what happens by itself. */
                op->retry.moves = (Backoff){ 0 };
                delay_reset(&op->retry.delay);
                retry_now(&op->retry);
        }
        context_evaluate_later(op->c, CAUSE_OTHER);
        return 0;
}

/* Nothing more is to be done for now, so that the request has come as far as it will. */
static void operator_finish_request(Operator *op, const Decision *d) {
        Request kind = op->request.kind;
        bool met = pending_request_is_met(&op->request, op->c->files.placement.port);
        int r;

        /* A probe's result, and a refusal, are told with the name of who is there. */
        if (kind == REQUEST_NONE || (naming_is_asking(op->c->naming) && (kind == REQUEST_PROBE || !met)))
                return;

        if (op->c->stage == STAGE_RESTORING) {
                if (met || !d->port_missing || !timer_is_armed(op->observer->settle_timer))
                        (void) sd_event_exit(op->c->event, 0);
                return;
        }
        if (met && kind != REQUEST_PROBE)
                op->by_request = kind == REQUEST_RELOCATE;
        r = pending_request_answer(&op->request, met, d->reason);
        if (r < 0)
                log_error_errno(&op->c->log, r, "A request could not be answered");
        /* What is reported now is the answer to it. */
        context_evaluate_later(op->c, CAUSE_OTHER);
}

/* ── decisions ── */

void operator_fill(const Operator *op, Snapshot *snapshot) {
        /* Restore=auto may go home only if two more moves fit into the limit: one home, and one away again
         * if the port turns out to be taken. */
        snapshot->no_auto_restore = op->by_request ||
                                    !backoff_allows(&op->retry.moves, 2, clock_usec(CLOCK_MONOTONIC));
        snapshot->request = op->request.kind;
        snapshot->request_port = op->request.port;
        snapshot->postponed = op->retry.postponed[0] ? op->retry.postponed : NULL;
}

static int operator_on_look_home(sd_event_source *source, uint64_t usec, void *userdata) {
        Operator *op = userdata;

        (void) source, (void) usec;
        naming_look(op->c->naming, observer_home_port(op->observer));
        context_evaluate_later(op->c, CAUSE_OTHER);
        return 0;
}

/* No event tells that Windows has left a port. */
static void operator_look_home_later(Operator *op, const Snapshot *s, const Decision *d) {
        const Config *config = &op->c->config;
        int r;

        if (config->restore != RESTORE_AUTO || config->relocate != RELOCATE_CONFLICT || op->by_request ||
            s->service != SERVICE_RUNNING || s->moved_to == 0 || d->state != STATE_RELOCATED ||
            !mode_shares_ports(s->mode)) {
                op->look_home_timer = sd_event_source_disable_unref(op->look_home_timer);
                return;
        }
        if (timer_is_armed(op->look_home_timer))
                return;

        r = timer_arm(op->c->event, &op->look_home_timer, LOOK_HOME_INTERVAL, LOOK_HOME_SLACK, "look-home",
                      operator_on_look_home, op);
        if (r < 0)
                log_error_errno(&op->c->log, r, "The next look at the home port could not be scheduled");
}

static void operator_rest(Operator *op, const Snapshot *s, const Decision *d) {
        bool soon = op->observer->sshd.ask_again ||
                    (is_mode_late(op->c->mode) && d->state != STATE_UNMANAGED);

        if (d->state == STATE_RELOCATED && s->service == SERVICE_RUNNING)
                files_save_last_port(&op->c->files, &op->c->log);
        operator_look_home_later(op, s, d);
        operator_finish_request(op, d);
        publisher_say_ready(op->publisher);

        /* sshd is down for want of a port, or has lost its own, and nothing tells when Windows answers or
         * leaves one; or sshd or wslinfo could not be asked. */
        if (soon || d->ask_again ||
            (s->service == SERVICE_TO_START && d->state != STATE_UNMANAGED && s->mode != MODE_UNKNOWN)) {
                if (!timer_is_armed(op->retry.timer))
                        (void) retry_later(&op->retry, soon);
        } else if (!s->postponed)
                retry_done(&op->retry);
}

void operator_carry_out(Operator *op, const Snapshot *s, const Decision *d) {
        op->decision = *d;
        switch (d->action) {
        case ACTION_PROBE:
                operator_probe(op, d->port);
                return;
        case ACTION_RELOCATE:
        case ACTION_RESTORE:
        case ACTION_START:
                operator_move(op, d);
                return;
        case ACTION_ENABLE:
        case ACTION_DISABLE_SOCKET:
        case ACTION_ENABLE_SOCKET:
                operator_change_units(op, d);
                return;
        case ACTION_NONE:
        default:
                operator_rest(op, s, d);
        }
}
