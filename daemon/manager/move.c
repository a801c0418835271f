/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/move.h"

#include "base/timer.h"
#include "manager/trial.h"
#include "windows/bindprobe.h"

#define LISTEN_TIMEOUT (2 * USEC_PER_SEC)
#define LISTEN_INTERVAL (10 * USEC_PER_MSEC)
#define STRANGER_LOOKS 10U /* what is handed on from one process to another is a stranger's for a moment */

typedef enum MoveStep {
        MOVE_PREPARING,  /* sshd checks our files, and Windows is asked for the port */
        MOVE_READING,    /* systemd reads its units again */
        MOVE_CONFIRMING, /* sshd checks our files once more, directly before it is told */
        MOVE_APPLYING,   /* systemd works on the unit */
        MOVE_VERIFYING,  /* the kernel is asked until sshd listens */
        MOVE_DOUBTING,   /* the same, where bind() was refused, perhaps because sshd itself has the port */
} MoveStep;

/* How far what was changed is known. */
typedef enum MoveReach {
        MOVE_IS_NOWHERE,
        MOVE_IS_IN_FILES, /* ours were changed, and it isn't finished */
        MOVE_IS_TOLD,     /* systemd has read some of it, or worked on the unit */
} MoveReach;

struct Move {
        sd_bus *bus;
        MoveRequest request;
        Shape shape;
        Trial trial;
        MoveStep step;
        MoveReach reach;
        struct {
                Child *child;
                size_t n_granted; /* of .request.probes, the first ones */
                uint16_t port;    /* of .answer, the last one */
                BindAnswer answer;
        } probe;
        Sequence *sequence;
        sd_bus_slot *streams_slot;
        sd_event_source *timer;
        usec_t verify_until;
        unsigned strangers; /* how many looks in a row have found another there */
        bool listened;      /* a socket unit did, when the move began */
        bool again;         /* sshd was told of one mechanism before, and did not come to listen */
        int error;          /* not 0: why it is being undone, by the same steps */
        char text[512];
        MoveListens listens;
        MoveHandler handler;
        void *userdata;
};

/* Boot may go on before all is known, and sshd come up with our file. */
static bool move_is_taken_up(const Move *move) {
        uint16_t port = move->request.to.port;
        int r = port != 0 ? move->listens(&move->request.to, port, move->userdata) : 0;

        return r != 0 && r != -EADDRINUSE;
}

Move *move_free(Move *move) {
        if (!move)
                return NULL;

        if (move->reach == MOVE_IS_IN_FILES && !move_is_taken_up(move))
                trial_take_back(&move->trial);
        sshd_inquiry_free(move->trial.sshd);
        child_free(move->probe.child);
        sequence_free(move->sequence);
        sd_bus_slot_unref(move->streams_slot);
        sd_event_source_disable_unref(move->timer);
        sd_bus_unref(move->bus);
        free(move);
        return NULL;
}

static void _printf_(2, 3) move_add_text(Move *move, const char *format, ...) {
        size_t length = strlen(move->text);

        (void) format_arguments(move->text + length, sizeof(move->text) - length, format);
}

static void move_finish(Move *move, int result) {
        move->reach = MOVE_IS_NOWHERE;
        move->trial.reload_due = move->trial.reload_due || result == -ENOLINK; /* for all that is known */
        move->timer = sd_event_source_disable_unref(move->timer);
        if (!move->trial.reload_due) /* where it stays, the next run has systemd read its units once more */
                (void) store_set_mark(STORE_RELOAD_DUE_FILE, false);
        move->handler(result, move->probe.port, move->probe.answer, move->text, move->userdata);
}

/* ── systemd's part ── */

static void move_on_jobs(int result, const char *word, void *userdata);

static int move_run(Move *move, const Plan *plan) {
        move->reach = MOVE_IS_TOLD;
        move->sequence = sequence_free(move->sequence);
        return sequence_start(move->bus, plan, move->trial.units.service, move->trial.units.socket,
                              move_on_jobs, move, &move->sequence);
}

/* systemd was told, and can't be asked any more how far it has come. */
static bool move_is_cut_off(const Move *move) {
        return move->reach == MOVE_IS_TOLD && sd_bus_is_open(move->bus) <= 0;
}

/* As MoveListens, where the unit listened before. */
static int move_listens_as_before(const Move *move) {
        uint16_t port = move->request.from.port ?: home_first_port(&move->trial.home);

        return port != 0 ? move->listens(&move->request.from, port, move->userdata) : 0;
}

/* Fills *@ret with the jobs that make the unit listen where the files say. */
static void move_plan(const Move *move, Plan *ret) {
        bool undoes = move->error < 0;
        Shape shape = move->shape;

        shape.command_changes = move->trial.now.mechanism == MECHANISM_COMMAND_LINE ||
                                move->request.from.mechanism == MECHANISM_COMMAND_LINE;
        *ret = (Plan){ 0 };
        /* If systemd could not reload the service, for what its own check sees in the configuration, a restart
         * would end with that check too. A socket may be held by its service alone. */
        if (undoes &&
            (move->request.phase != SERVICE_RUNNING || shape.by_socket || move_listens_as_before(move) <= 0))
                plan_apply(&shape, move->request.phase, true, ret);
        else if (!undoes) /* the first mechanism may have left the unit in any state */
                plan_apply(&shape, move->again ? SERVICE_RUNNING : move->request.phase, move->again, ret);
}

/* NOLINTBEGIN(misc-no-recursion): the undoing takes the same steps, and isn't undone itself */
static void move_tell_systemd(Move *move);

static void _printf_(3, 4) move_undo(Move *move, int error, const char *format, ...) {
        int r;

        (void) format_arguments(move->text, sizeof(move->text), format);
        move->error = error;
        if (move_is_cut_off(move)) {
                move_finish(move, -ENOLINK);
                return;
        }

        /* A daemon-reload of somebody's may have made systemd read our files, and close the sockets. */
        if (move->reach == MOVE_IS_IN_FILES && move->listened && move_listens_as_before(move) == 0)
                move->reach = MOVE_IS_TOLD;
        r = trial_write(&move->trial, &move->request.from);
        if (r < 0)
                move_add_text(move, "; our files could not be put back: %s", strerrordesc_np(-r));

        if (move->reach == MOVE_IS_TOLD)
                move_tell_systemd(move);
        else { /* nobody knows of it yet */
                move->trial.reload_due = false;
                move_finish(move, error);
        }
}

/* The undoing itself could not be done. */
static void move_give_up(Move *move, const char *what, const char *why) {
        move_add_text(move, "; %s: %s", what, why);
        move->trial.reload_due = true;
        move_finish(move, move->error);
}

static void move_fail(Move *move, int error) {
        if (move->error < 0)
                move_give_up(move, "systemd could not be asked", strerrordesc_np(-error));
        else
                move_undo(move, error, "systemd could not be asked: %s", strerrordesc_np(-error));
}

/* ── the listeners ── */

static int move_on_verify(sd_event_source *source, uint64_t usec, void *userdata);

/* Looks whether sshd listens, in @delay µs. */
static void move_look_later(Move *move, usec_t delay) {
        timer_arm_or_end(move->trial.event, &move->timer, delay, 1, "move-verify", move_on_verify, move);
}

static int move_on_verify(sd_event_source *, uint64_t usec, void *userdata) {
        Move *move = userdata;
        uint16_t port = move->request.expected;
        int r = move->listens(&move->request.to, port, move->userdata);
        char text[256];

        /* Somebody else may have an address of IPv6: clients reach sshd all the same. A socket unit needs each. */
        if (r > 0 || (r == -EINPROGRESS && usec >= move->verify_until && !move->shape.by_socket)) {
                if (move->step == MOVE_DOUBTING)
                        move->probe.answer = BIND_NOT_ASKED;
                move_finish(move, 0);
                return 0;
        }

        /* sshd has ended for want of the port, or has only one family of it, and clients of the other get
         * the stranger. */
        move->strangers = r == -EADDRINUSE ? move->strangers + 1 : 0;
        if (move->strangers == STRANGER_LOOKS) {
                move->probe.port = port;
                move->probe.answer = BIND_REFUSED_BY_LINUX;
                move_undo(move, -EBUSY, "another took %u before sshd could", port);
                return 0;
        }

        if (usec >= move->verify_until && move->step == MOVE_DOUBTING) {
                move_undo(move, -EADDRINUSE, "%u can't be had: %s", port,
                          bind_answer_to_string(move->probe.answer));
                return 0;
        }
        if (usec >= move->verify_until) {
                snprintf(text, sizeof(text), "%.200s did not come to listen on %u",
                         move->shape.by_socket ? move->trial.units.socket : move->trial.units.service, port);
                move->again = true;
                trial_go_on(&move->trial, -ETIMEDOUT, text);
                return 0;
        }

        move_look_later(move, LISTEN_INTERVAL);
        return 0;
}

static void move_verify(Move *move, MoveStep step) {
        if (move->request.expected == 0) {
                move_finish(move, 0);
                return;
        }

        move->step = step;
        move->verify_until = clock_usec(CLOCK_MONOTONIC) + LISTEN_TIMEOUT;
        move_look_later(move, 0);
}

static void move_work(Move *move) {
        Plan plan;
        int r;

        move_plan(move, &plan);
        move->step = MOVE_APPLYING;
        r = plan.n > 0 ? move_run(move, &plan) : 1;
        if (r < 0)
                move_fail(move, r);
        else if (r > 0 && move->error < 0)
                move_finish(move, move->error);
        else if (r > 0)
                move_verify(move, MOVE_VERIFYING);
}

/* systemd 255 and later close a running unit's sockets when they read other addresses: the restart has to follow. */
static bool move_closes_at_reading(const Move *move) {
        return move->shape.by_socket && move->request.phase == SERVICE_RUNNING && move->error == 0;
}

/* sshd's configuration may have changed since it was checked, and then sshd would not survive what comes next. */
static void move_confirm(Move *move) {
        int r;

        move->step = MOVE_CONFIRMING;
        r = trial_confirm(&move->trial);
        if (r < 0)
                move_fail(move, r);
}

/* All is in place for sshd to be told. */
static void move_apply(Move *move) {
        Plan plan;

        move_plan(move, &plan);
        if (plan.n == 0 || trial_is_fresh(&move->trial) ||
            (move_closes_at_reading(move) && move_listens_as_before(move) <= 0))
                move_work(move);
        else
                move_confirm(move);
}

static int move_on_streams(sd_bus_message *m, void *userdata, sd_bus_error *) {
        char streams[UNIT_STREAMS_SIZE], text[384];
        Move *move = userdata;

        move->streams_slot = sd_bus_slot_unref(move->streams_slot);
        if (sd_bus_message_is_method_error(m, NULL) || unit_read_streams(m, streams, sizeof(streams)) < 0)
                move_undo(move, -EBADMSG, "systemd does not tell where %s listens",
                          move->trial.units.socket);
        else if (trial_is_met_by(&move->trial, streams))
                move_apply(move);
        else {
                snprintf(text, sizeof(text), "%s does not take port %u: is another drop-in in the way?",
                         move->trial.units.socket, move->request.to.port);
                move->step = MOVE_PREPARING;
                trial_go_on(&move->trial, -EEXIST, text);
        }
        return 0;
}

/* A step of systemd's has failed. */
static void move_on_failed_jobs(Move *move, int result, const char *word) {
        bool reads = move->step == MOVE_READING;
        char text[256];

        if (result == -ECANCELED) /* it is left as its owner wants it */
                move->request.phase = SERVICE_INACTIVE;
        if (move->error < 0 && move_is_cut_off(move))
                move_finish(move, -ENOLINK);
        else if (move->error < 0 && result == -ECANCELED)
                move_finish(move, move->error);
        else if (move->error < 0)
                move_give_up(move, "sshd could not be restarted as it was", word);
        else {
                snprintf(text, sizeof(text), "systemd could not %s: %.150s",
                         reads ? "read its units again" : "work on the ssh unit", word);
                move->shape.broke = !reads && result == -EIO;
                /* A restart would end an sshd that runs, if systemd could not even reload it. */
                move->again = !reads && move->request.phase == SERVICE_TO_START;
                if (move->again)
                        trial_go_on(&move->trial, result, text);
                else
                        move_undo(move, result, "%s", text);
        }
}

static void move_on_jobs(int result, const char *word, void *userdata) {
        Move *move = userdata;
        int r;

        if (result < 0)
                move_on_failed_jobs(move, result, word);
        else if (move->step == MOVE_APPLYING && move->error < 0)
                move_finish(move, move->error);
        else if (move->step == MOVE_APPLYING)
                move_verify(move, MOVE_VERIFYING);
        else if (move->shape.by_socket && move->request.to.port != 0 && move->error == 0) {
                r = bus_ask_unit(move->bus, &move->streams_slot, move->trial.units.socket,
                                 SYSTEMD1 ".Socket", "Listen", move_on_streams, move);
                if (r < 0)
                        move_fail(move, r);
        } else
                move_apply(move);
}

static void move_read_units(Move *move) {
        int r;

        move->step = MOVE_READING;
        move->trial.reload_due = false;
        r = move_run(move, &(const Plan){ .steps = { { .kind = JOB_DAEMON_RELOAD } }, .n = 1 });
        if (r < 0)
                move_fail(move, r);
}

/* The files are as they should be, and the port can be had. */
static void move_tell_systemd(Move *move) {
        if (!move->trial.reload_due)
                move_apply(move);
        else if (move_closes_at_reading(move) && !trial_is_fresh(&move->trial))
                move_confirm(move);
        else
                move_read_units(move);
}
/* NOLINTEND(misc-no-recursion) */

/* ── the files and the port ── */

static void move_on_probed(const ChildResult *result, void *userdata);

/* Tries the next address; after the last one the move goes on. Windows may take its time, and anybody may have a unit
 * that runs read its configuration meanwhile. */
static void move_ask(Move *move) {
        const MoveProbe *next = &move->request.probes[move->probe.n_granted];
        bool granted = move->probe.n_granted == move->request.n_probes;
        int r;

        r = move->request.phase == SERVICE_RUNNING ? trial_set_aside(&move->trial, !granted) : 0;
        if (r >= 0 && granted) {
                move_tell_systemd(move);
                return;
        }
        if (r >= 0) {
                move->probe.port = next->port;
                r = bindprobe_start(move->trial.event, next->address, next->port, PROBE_TIMEOUT,
                                    move_on_probed, move, &move->probe.child);
        }
        if (r < 0)
                move_undo(move, r, "%u could not be tried: %s", move->probe.port, strerrordesc_np(-r));
}

static void move_on_probed(const ChildResult *result, void *userdata) {
        char detail[BINDPROBE_DETAIL_SIZE];
        Move *move = userdata;
        bool listens = move->request.probes[move->probe.n_granted].listens;
        int r = 0;

        move->probe.answer = bindprobe_read(result, detail);
        move->probe.child = child_free(move->probe.child);
        if (listens &&
            (move->probe.answer == BIND_REFUSED_BY_LINUX || move->probe.answer == BIND_REFUSED_BY_WINDOWS))
                move->probe.answer = BIND_FREE; /* these two look alike, and there is an answer */
        if ((move->request.to.port != 0 || move->request.from.port == 0) &&
            (move->probe.answer == BIND_REFUSED_BY_WINDOWS || move->probe.answer == BIND_REFUSED_BY_LINUX))
                r = move->listens(&move->request.to, move->probe.port, move->userdata);
        if (r != 0 && r != -EADDRINUSE) {
                /* Boot has gone on meanwhile, and sshd has come up with our file. */
                (void) trial_set_aside(&move->trial, false);
                move->request.expected = move->probe.port;
                move_verify(move, MOVE_DOUBTING);
        } else if (move->probe.answer != BIND_FREE)
                move_undo(move, listens ? -EADDRNOTAVAIL : -EADDRINUSE, "%u can't be had%s: %s%s%s",
                          move->probe.port, listens ? " again" : "",
                          bind_answer_to_string(move->probe.answer), *detail ? " " : "", detail);
        else {
                move->probe.n_granted++;
                move_ask(move);
        }
}

static void move_on_tried(int result, const char *text, void *userdata) {
        Move *move = userdata;

        /* A socket unit that doesn't listen has nothing to lose. */
        if (move->error < 0 && result < 0 && result != -EEXIST &&
            (result != -EAGAIN || !move->shape.by_socket || move_listens_as_before(move) > 0))
                move_give_up(move, "sshd is left as it is", text);
        else if (move->error == 0 && result < 0)
                move_undo(move, result, "%s", text);
        else if (move->error == 0 && move->step != MOVE_CONFIRMING)
                move_ask(move);
        else if (move->error == 0 && move->trial.reload_due)
                move_read_units(move);
        else
                move_work(move);
}

/* Nothing to wait for, but the handler is never called from within the call that starts. */
static int move_on_nothing_to_wait_for(sd_event_source *, uint64_t, void *userdata) {
        move_tell_systemd(userdata);
        return 0;
}

static int move_begin(Move *move) {
        const MoveRequest *request = &move->request;
        int r;

        /* Without our files sshd is as its owner has it: to be checked only where it is about to be told. */
        if (request->to.port != 0 || request->phase != SERVICE_INACTIVE)
                r = trial_begin(&move->trial);
        else {
                r = trial_write(&move->trial, &request->to);
                if (r >= 0)
                        r = timer_arm(move->trial.event, &move->timer, 0, 1, "move-tell",
                                      move_on_nothing_to_wait_for, move);
                if (r < 0)
                        trial_take_back(&move->trial);
        }
        if (r >= 0)
                move->reach = MOVE_IS_IN_FILES;
        return r;
}

int move_start(sd_event *event, sd_bus *bus, const MoveRequest *request, MoveListens listens,
               MoveHandler handler, void *userdata, Move **ret) {
        _cleanup_(move_freep) Move *move = malloc(sizeof(*move));
        int r;

        if (!move)
                return -ENOMEM;

        *move = (Move){
                .bus = sd_bus_ref(bus),
                .request = *request,
                .shape = managed_shape(request->managed),
                .trial = { .event = event,
                           .from = request->from,
                           .to = request->to,
                           .now = request->from,
                           .by_socket = request->managed.socket,
                           .unapplied = request->managed.socket &&
                                        !streams_have_port(request->managed.socket->streams,
                                                           request->from.port),
                           .keyless = request->sshd->verdict == SSHD_VERDICT_KEYLESS,
                           .home = request->sshd->home,
                           .handler = move_on_tried,
                           .userdata = move },
                .listens = listens,
                .handler = handler,
                .userdata = userdata,
        };
        memcpy(move->trial.options, request->sshd->options, sizeof(move->trial.options));
        move->listened = move->shape.by_socket && move_listens_as_before(move) > 0;
        r = store_read_bare_units(request->managed, &move->trial.units);
        if (r >= 0)
                r = move_begin(move);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(move);
        return 0;
}
