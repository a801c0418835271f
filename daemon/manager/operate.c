/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/operate.h"

#include "base/timer.h"
#include "windows/bindprobe.h"

/* With Restore=auto: how often to look whether Windows has left the home port. */
#define LOOK_HOME_INTERVAL (60 * USEC_PER_SEC)
#define LOOK_HOME_SLACK (10 * USEC_PER_SEC)

void operator_init(Operator *op, Context *c, Observer *observer, Publisher *publisher) {
        *op = (Operator){ .c = c, .observer = observer, .publisher = publisher };
        retry_init(&op->retry, observer);
}

static void operator_free_operation(Operator *op) {
        op->probe = child_free(op->probe);
        op->move = move_free(op->move);
        op->unit_switch = unit_switch_free(op->unit_switch);
}

void operator_done(Operator *op) {
        operator_free_operation(op);
        pending_request_done(&op->request);
        retry_cancel(&op->retry);
        sd_event_source_disable_unref(op->look_home_timer);
}

/* An operation that works on the units has begun: they aren't read before its end. */
static void operator_hold_units(Operator *op, OperatorState state) {
        op->state = state;
        units_hold(op->c->units, true);
}

/* The operation has ended. If it has worked on the units, they are read before the next decision. */
static void operator_end(Operator *op) {
        if (op->state != OPERATOR_PROBING) {
                systemd_link_settle(op->c->link);
                units_hold(op->c->units, false);
        }
        op->state = OPERATOR_IDLE;
        operator_free_operation(op);
        context_evaluate_later(op->c, TRIGGER_OTHER);
}

/* Nothing of that kind is owed any more. */
static void operator_settle_debt(Operator *op, OwedStart kind) {
        if (op->observer->owed == kind)
                op->observer->owed = OWED_NOTHING;
}

/* ── probing ── */

static void operator_note_answer(Operator *op, uint16_t port, BindAnswer answer, const char *detail) {
        const PortFact *fact;

        observer_note_answer(op->observer, port, answer, detail);
        fact = ports_find(&op->observer->ports, port);
        if (fact && answer != BIND_FREE && (fact->holder != HOLDER_SSHD || fact->lacks_ipv4))
                publisher_tell_refusal(op->publisher, fact);
}

static void operator_on_probe(const ChildResult *result, void *userdata) {
        char detail[BINDPROBE_DETAIL_SIZE];
        Operator *op = userdata;

        operator_note_answer(op, op->decision.port, bindprobe_read(result, detail), detail);
        operator_end(op);
}

/* True, and told, if a stranger listens on @port. */
static bool operator_finds_stranger(Operator *op, uint16_t port) {
        const PortFact *fact = observer_find_stranger(op->observer, port);

        if (fact)
                publisher_tell_refusal(op->publisher, fact);
        return fact;
}

static void operator_probe(Operator *op, uint16_t port) {
        char at[2][INET6_ADDRSTRLEN];
        int r;

        op->state = OPERATOR_PROBING;
        /* The decision may come from an evaluation that could not see the listeners. */
        if (operator_finds_stranger(op, port) || observer_sshd_has(op->observer, port)) {
                operator_end(op);
                return;
        }
        home_probe_addresses(&op->observer->sshd.home, &op->observer->absent, port, false, at);
        r = bindprobe_start(op->c->event, at[0], port, PROBE_TIMEOUT, operator_on_probe, op, &op->probe);
        if (r < 0) {
                operator_note_answer(op, port, BIND_FAILED, strerrordesc_np(-r));
                operator_end(op);
        }
}

/* ── moving ── */

static void operator_note_moved(Operator *op, uint16_t from) {
        const Decision *d = &op->decision;

        backoff_note(&op->retry.moves, clock_usec(CLOCK_MONOTONIC));
        op->retry.taken = false;
        publisher_note_moved(op->publisher, d, from);
        if (d->action != ACTION_RESTORE)
                return;

        home_finder_forget(op->c->home_finder); /* sshd may accept its configuration without our file */
        operator_settle_debt(op, OWED_BY_REFUSAL);
        if (d->then_start && op->observer->phase == SERVICE_FAILED)
                op->observer->owed = OWED_BY_REFUSAL;
}

static void operator_note_not_moved(Operator *op, int error, const char *text) {
        /* Another port, or sshd as its owner left it, is tried at once, as often as the limit allows. */
        bool at_once = error == -EBUSY || error == -ECANCELED;
        const Decision *d = &op->decision;

        if (at_once || (error == -EADDRINUSE && d->action == ACTION_RESTORE))
                backoff_note(&op->retry.moves, clock_usec(CLOCK_MONOTONIC));
        if (error == -EADDRINUSE) /* which the answer of bind() has told */
                return;

        log_message(&op->c->log, at_once ? LOG_WARNING : LOG_ERR, "sshd could not be moved to %u: %s",
                    d->port, text);
        op->retry.taken = error == -EBUSY;
        if (at_once)
                return;
        publisher_tell_rules(op->publisher, d->port, false);
        if (!context_is_passing(op->c, error)) /* sshd may tell something else now */
                home_finder_forget(op->c->home_finder);
        if (op->c->files.disabled.unfinished && !op->switch_failed)
                op->switch_failed = true; /* the socket unit is to take its place again, at once */
        else
                retry_postpone(&op->retry, error, text);
}

static void operator_on_moved(int result, uint16_t port, BindAnswer answer, const char *text,
                              void *userdata) {
        Operator *op = userdata;
        uint16_t from = observer_expected_port(op->observer);
        int r;

        op->observer->pinned.unpinned = 0;
        op->observer->main_pid = 0;
        /* A start that is owed is tried once, but for that on each port. */
        if (op->decision.action != ACTION_RESTORE && result != -EADDRINUSE &&
            !context_is_passing(op->c, result))
                operator_settle_debt(op, OWED_BY_REFUSAL);
        if (result == -ECANCELED && op->observer->owed == OWED_BY_SWITCH)
                op->observer->owed = OWED_NO_MORE;

        r = files_read(&op->c->files, &op->c->log);
        if (r >= 0 && result == -ENOLINK) {
                /* systemd may have closed sshd's socket already. `wslportd --mend`, which the unit runs at
                 * our end, sees to that at once. */
                log_message(&op->c->log, LOG_ERR,
                            "The connection with systemd ended while sshd was moved to %u: %s",
                            op->decision.port, text);
                r = result;
        }
        if (r < 0) {
                (void) sd_event_exit(op->c->event, r);
                return;
        }

        if (answer != BIND_NOT_ASKED)
                operator_note_answer(op, port, answer, "");
        if (result < 0)
                operator_note_not_moved(op, result, text);
        else
                operator_note_moved(op, from);
        operator_end(op); /* frees the move, and @text with it */
}

static int operator_listens(const Placement *placement, uint16_t port, void *userdata) {
        Operator *op = userdata;

        return observer_listens(op->observer, placement, port);
}

static void operator_move(Operator *op, const Decision *d) {
        MoveRequest request;
        char text[160];
        int r;

        context_evaluate_later(op->c, TRIGGER_OTHER);
        if (d->action == ACTION_RELOCATE && operator_finds_stranger(op, d->port))
                return;
        if (!retry_allows_move(&op->retry))
                return;

        request = move_request_make(op->observer, d);
        /* The unit is ordered after ours: its job waits for READY=1. */
        if (request.phase != SERVICE_INACTIVE)
                publisher_say_ready(op->publisher);
        r = move_start(op->c->event, systemd_link_bus(op->c->link), &request, operator_listens,
                       operator_on_moved, op, &op->move);
        if (r >= 0) {
                operator_hold_units(op, OPERATOR_MOVING);
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

static void operator_note_units_changed(Operator *op, int result, const char *word) {
        Files *files = &op->c->files;
        bool back = op->decision.action == ACTION_ENABLE_SOCKET,
             at_end = op->unit_switch && unit_switch_is_at_end(op->unit_switch), done;
        char why[240];

        /* A bind() that waits for Windows may hold up systemd. It still reads its units: the start stays owed. */
        if (at_end && result == -ETIMEDOUT && op->observer->owed == OWED_BY_SWITCH)
                result = 0;
        done = result >= 0;
        /* The last step fails if a socket's port is taken, which is moved next; or if the service's owner stops it. */
        if (at_end && (back ? !context_is_passing(op->c, result) : result == -ECANCELED))
                done = true;

        if (result < 0) {
                snprintf(why, sizeof(why), "%.60s could not be carried out: %.140s", op->decision.reason,
                         word);
                log_message(&op->c->log, LOG_ERR, "%s", why);
                if (!back && files->disabled.unfinished && !op->switch_failed && result != -ECANCELED)
                        op->switch_failed = true;
                else if (!done)
                        retry_postpone(&op->retry, result, why);
                operator_settle_debt(op, OWED_BY_SWITCH);
        } else
                log_message(&op->c->log, LOG_NOTICE, "%s: %s", op->decision.reason, word);
        if (done && files->disabled.unfinished && op->observer->owed != OWED_BY_SWITCH)
                files_end_switch(files, back, &op->c->log);
}

static void operator_on_switch(int result, const char *word, void *userdata) {
        Operator *op = userdata;
        int r = op->state == OPERATOR_CHANGING_UNITS ? files_read(&op->c->files, &op->c->log) : 0;

        if (r < 0)
                (void) sd_event_exit(op->c->event, r);
        else if (op->state == OPERATOR_CHANGING_UNITS)
                operator_note_units_changed(op, result, word);
        else if (result < 0)
                log_message(&op->c->log, LOG_WARNING, "systemd could not read its units again: %s", word);
        else
                (void) store_set_mark(STORE_RELOAD_DUE_FILE, false);
        operator_end(op); /* frees the switch, and @word with it */
}

static void operator_run(Operator *op, OperatorState state, const SwitchRequest *request) {
        int r;

        operator_hold_units(op, state);
        r = unit_switch_start(op->c->event, systemd_link_bus(op->c->link), request, operator_on_switch, op,
                              &op->unit_switch);
        if (r < 0)
                operator_on_switch(r, strerrordesc_np(-r), op);
}

/* Where Windows shares the ports, the next decision starts a service that is to listen. */
static void operator_change_units(Operator *op, const Decision *d) {
        bool shares = mode_shares_ports(mode_get(op->c->mode));
        ManagedUnits managed = units_managed(op->c->units);
        ServicePhase phase = op->observer->phase;
        bool runs = phase == SERVICE_RUNNING, starts = runs || phase == SERVICE_TO_START;
        SwitchRequest request = {
                .units = op->c->files.disabled,
                .noted = d->action != ACTION_ENABLE,
                .runs = runs,
                .socket = managed.socket,
                .port = shares ? observer_expected_port(op->observer) : 0,
                .program = managed.service ? managed.service->command.program : NULL,
                .options = op->observer->sshd.options,
        };
        DisabledSocket *units = &request.units;

        if (d->action == ACTION_ENABLE) {
                snprintf(units->service, sizeof(units->service), "%s", managed.service->id);
                plan_enable_service(!shares, &request.plan);
        } else if (d->action == ACTION_DISABLE_SOCKET) {
                /* If the socket unit is noted already, an earlier try has enabled the service. */
                if (managed.socket && managed.service && !streq(units->socket, managed.socket->id)) {
                        units->service_was_enabled = streq(managed.service->unit_file_state, "enabled");
                        snprintf(units->socket, sizeof(units->socket), "%s", managed.socket->id);
                        snprintf(units->service, sizeof(units->service), "%s", managed.service->id);
                }
                plan_disable_socket(!shares, &request.plan);
        } else
                plan_enable_socket(units->service_was_enabled, starts || units->unfinished, &request.plan);
        units->unfinished = request.noted;

        operator_settle_debt(op, OWED_BY_SWITCH);
        if (d->action != ACTION_ENABLE_SOCKET && shares)
                op->observer->owed = OWED_BY_SWITCH;
        operator_run(op, OPERATOR_CHANGING_UNITS, &request);
}

bool operator_catch_up(Operator *op) {
        const SwitchRequest request = { .plan = { .steps = { { .kind = JOB_DAEMON_RELOAD } }, .n = 1 } };
        ManagedUnits managed = units_managed(op->c->units);
        const UnitState *unit = managed.socket ? managed.socket : managed.service;
        ServicePhase phase = op->observer->phase;
        Files *files = &op->c->files;
        int r;

        if (files->disabled.unfinished &&
            ((phase == SERVICE_RUNNING && unit->job == 0) || op->observer->owed == OWED_NO_MORE))
                files_end_switch(files, false, &op->c->log);
        else if (files->disabled.unfinished && phase == SERVICE_FAILED && !managed.socket &&
                 !op->switch_failed) {
                op->switch_failed = true;
                retry_cancel(&op->retry);
        }
        operator_settle_debt(op, OWED_NO_MORE);
        if (!files->reload_due)
                return false;

        if (phase == SERVICE_RUNNING && managed.socket) {
                r = store_take_back_unread(managed.socket->id, managed.socket->streams, &files->placement);
                if (r < 0)
                        log_error_errno(&op->c->log, r, "The move that was cut off can't be taken back");
        }
        files->reload_due = false;
        operator_run(op, OPERATOR_HAVING_UNITS_READ, &request);
        return true;
}

/* ── requests ── */

int operator_take_request(Operator *op, Request request, uint16_t port, sd_bus_message *call, uint32_t uid) {
        int r = pending_request_take(&op->request, request, port, call, uid,
                                     op->state == OPERATOR_IDLE &&
                                                     service_phase_is_passing(op->observer->phase));

        if (r < 0)
                return r;

        if (request == REQUEST_PROBE) {
                /* The answers of bind() stay: else anybody could have ports bound as often as he asks. */
                ports_forget_greetings(&op->observer->ports);
                context_evaluate_later(op->c, TRIGGER_OTHER);
                return 0;
        }

        /* Limits are for what happens by itself. */
        op->retry.moves = (Backoff){ 0 };
        delay_reset(&op->retry.delay);
        retry_now(&op->retry);
        return 0;
}

/* True if sshd's files are as the request wants them, and an sshd that is to run has the port that they give it. */
static bool operator_has_met_request(const Operator *op, const Snapshot *s, const Decision *d) {
        uint16_t port = op->c->files.placement.port;

        if (!pending_request_is_met(&op->request, port))
                return false;
        /* Whoever leaves the choice to us wants one of today's CandidatePorts. */
        if (op->request.kind == REQUEST_RELOCATE && op->request.port == 0 &&
            !config_allows_port(&op->c->config, port))
                return false;
        return (s->service != SERVICE_RUNNING && s->service != SERVICE_TO_START) ||
               op->request.kind == REQUEST_PROBE ||
               (!d->port_missing && d->state != STATE_CONFLICT && d->state != STATE_BLOCKED);
}

/* The request has come as far as it will: nothing is to be done for now. */
static void operator_finish_request(Operator *op, const Snapshot *s, const Decision *d) {
        Request kind = op->request.kind;
        bool met = operator_has_met_request(op, s, d), settles = timer_is_armed(op->observer->settle_timer);
        int r;

        /* The result of a probe, or a refusal, names the holder. */
        if (kind == REQUEST_NONE || (naming_is_asking(op->c->naming) && (kind == REQUEST_PROBE || !met)))
                return;
        if (op->c->stage == STAGE_RESTORING) {
                if (met || !d->port_missing || !settles)
                        (void) sd_event_exit(op->c->event, RESTORE_ENDED);
                return;
        }

        if (!met && ((settles && s->settled == SETTLED_NOT_YET) || service_phase_is_passing(s->service)))
                return;
        if (met && kind == REQUEST_RELOCATE)
                files_note_request(&op->c->files, true, &op->c->log);
        r = pending_request_answer(&op->request, met, d->cause, d->reason);
        if (r < 0)
                log_error_errno(&op->c->log, r, "A request could not be answered");
        context_evaluate_later(op->c, TRIGGER_OTHER); /* .requested may change the decision */
}

/* ── decisions ── */

void operator_fill(const Operator *op, Snapshot *snapshot) {
        ManagedUnits managed = units_managed(op->c->units);
        bool masked = snapshot->service == SERVICE_RUNNING && !managed.socket &&
                      streq(managed.service->load_state, "masked");

        /* Restore=auto may go home only if two more moves fit into the limit: one home, and one away again
         * if Windows takes the port meanwhile. */
        snapshot->no_auto_restore = !backoff_allows(&op->retry.moves, 2, clock_usec(CLOCK_MONOTONIC));
        snapshot->request = op->request.kind;
        snapshot->requested = op->c->files.requested ||
                              (op->request.kind == REQUEST_RELOCATE &&
                               pending_request_is_met(&op->request, op->c->files.placement.port));
        snapshot->request_port = op->request.port;
        snapshot->switch_failed = op->switch_failed;
        snapshot->postponed = masked                   ? "its unit is masked"
                              : op->retry.postponed[0] ? op->retry.postponed
                                                       : NULL;
        snapshot->too_often = op->retry.too_often;
}

static int operator_on_look_home(sd_event_source *source, uint64_t usec, void *userdata) {
        Operator *op = userdata;
        const Home *home = &op->observer->sshd.home;

        for (size_t i = 0; i < home->n_ports; i++) {
                const PortFact *fact = ports_find(&op->observer->ports, home->ports[i]);

                if (!fact || (fact->holder != HOLDER_SSHD && !fact->holder_left)) {
                        naming_look(op->c->naming, home->ports[i]);
                        break;
                }
        }
        return context_on_timer(source, usec, op->c);
}

/* No event tells that Windows has left a port. */
static void operator_look_home_later(Operator *op, const Snapshot *s, const Decision *d) {
        const Config *config = &op->c->config;

        if (config->restore != RESTORE_AUTO || config->relocate != RELOCATE_CONFLICT ||
            op->c->files.requested || s->service != SERVICE_RUNNING || s->moved_to == 0 ||
            d->state != STATE_RELOCATED || !mode_shares_ports(s->mode))
                op->look_home_timer = sd_event_source_disable_unref(op->look_home_timer);
        else if (!timer_is_armed(op->look_home_timer))
                timer_arm_or_end(op->c->event, &op->look_home_timer, LOOK_HOME_INTERVAL, LOOK_HOME_SLACK,
                                 "look-home", operator_on_look_home, op);
}

static void operator_rest(Operator *op, const Snapshot *s, const Decision *d) {
        bool soon = op->observer->sshd.ask_again ||
                    (mode_get(op->c->mode) == MODE_UNKNOWN && mode_is_unconfirmed(op->c->mode));

        if (d->state == STATE_RELOCATED && s->service == SERVICE_RUNNING)
                files_save(&op->c->files, &op->c->log);
        if (op->c->files.requested && s->moved_to == 0)
                files_note_request(&op->c->files, false, &op->c->log);
        operator_look_home_later(op, s, d);
        operator_finish_request(op, s, d);
        publisher_say_ready(op->publisher);

        /* sshd or wslinfo gave no answer, or sshd waits for a port, and no event tells that Windows has left it. */
        if (soon || d->ask_again ||
            (s->service == SERVICE_TO_START && d->state != STATE_UNMANAGED && s->mode != MODE_UNKNOWN)) {
                if (!timer_is_armed(op->retry.timer))
                        (void) retry_later(&op->retry, soon);
        } else if (!s->postponed)
                retry_cancel(&op->retry);
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
