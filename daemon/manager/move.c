/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/move.h"

#include <stdarg.h>

#include "sshd/sshd.h"
#include "systemd/units.h"

#define LISTEN_TIMEOUT (2 * USEC_PER_SEC)
#define LISTEN_INTERVAL (10 * USEC_PER_MSEC)
#define STRANGER_LOOKS 10U /* what is handed on from one process to another is a stranger's for a moment */

typedef enum MoveStep {
        MOVE_CHECKING,  /* sshd reads the configuration */
        MOVE_PROBING,   /* Windows is asked for the port */
        MOVE_READING,   /* systemd reads its units again */
        MOVE_APPLYING,  /* systemd works on the unit */
        MOVE_VERIFYING, /* the kernel is asked until sshd listens */
        MOVE_UNDOING,   /* systemd reads and restarts all as it was */
} MoveStep;

struct Move {
        sd_event *event;
        sd_bus *bus;
        MoveRequest request;
        BareUnits units;
        char options[SSHD_COMMAND_SIZE];
        Placement placement; /* what the files say now */
        size_t mechanism;
        MoveStep step;
        bool written;       /* our files were changed, and it isn't finished */
        bool units_changed; /* systemd has not read yet what our files say */
        bool told;          /* it has read some of it, or worked on the unit */
        Child *sshd, *probe;
        BindAnswer answer;
        BindAnswer refused; /* while it is seen whether that was for sshd itself */
        Sequence *sequence;
        sd_bus_slot *streams_slot;
        sd_event_source *verify_source;
        usec_t verify_until;
        unsigned strangers; /* how many looks in a row have found another there */
        int error; /* why it is being undone */
        char text[512];
        MoveListens listens;
        MoveHandler handler;
        void *userdata;
};

/* Nobody has been told of what was begun: the files are as they were, as far as they can be. */
static int move_take_back(Move *move, int error) {
        const MoveRequest *request = &move->request;

        move->written = false;
        if (store_write_placement(&request->from, request->home, &move->units) >= 0)
                (void) store_set_reload_due(false);
        return error;
}

/* Boot may go on before all is known, and sshd come up with our file. */
static bool move_is_taken_up(const Move *move) {
        int r = move->request.port != 0 ? move->listens(move->request.port, move->userdata) : 0;

        return r != 0 && r != -EADDRINUSE;
}

Move *move_free(Move *move) {
        if (!move)
                return NULL;

        if (move->written && !move->told && !move_is_taken_up(move))
                (void) move_take_back(move, 0);
        child_free(move->sshd);
        child_free(move->probe);
        sequence_free(move->sequence);
        sd_bus_slot_unref(move->streams_slot);
        sd_event_source_disable_unref(move->verify_source);
        sd_bus_unref(move->bus);
        sd_event_unref(move->event);
        free(move);
        return NULL;
}

static void _printf_(2, 3) move_add_text(Move *move, const char *format, ...) {
        size_t length = strlen(move->text);
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(move->text + length, sizeof(move->text) - length, format, arguments);
        va_end(arguments);
}

static void move_finish(Move *move, int result) {
        int r;

        move->written = false;
        move->verify_source = sd_event_source_disable_unref(move->verify_source);
        if (!move->units_changed) {
                r = store_set_reload_due(false);
                if (r < 0)
                        move_add_text(move, "; %s can't be taken away: %s", STORE_RELOAD_DUE_FILE, strerrordesc_np(-r));
        }
        move->handler(result, move->answer, move->text, move->userdata);
}

/* ── systemd's part ── */

static void move_on_jobs(int result, const char *word, void *userdata);

static int move_run(Move *move, const Plan *plan) {
        move->told = true;
        move->sequence = sequence_free(move->sequence);
        return sequence_start(move->bus, plan, move->units.service, move->units.socket, move_on_jobs, move,
                              &move->sequence);
}

/* Makes the files say @placement. What systemd has to be told of it isn't told yet. */
static int move_write(Move *move, const Placement *placement) {
        bool units = move->request.shape.by_socket || mechanism_is_drop_in(placement->mechanism) ||
                     mechanism_is_drop_in(move->placement.mechanism);
        int r;

        move->written = true;
        if (units) {
                r = store_set_reload_due(true);
                if (r < 0)
                        return r;
        }

        r = store_write_placement(placement, move->request.home, &move->units);
        if (r < 0)
                return r;

        /* A generator may make units of sshd's configuration; and a reading that was cut off is made up for. */
        move->units_changed = move->units_changed || r > 0 || units;
        move->placement = *placement;
        return 0;
}

/* What makes the unit listen where the files say. */
static void move_plan(const Move *move, bool again, Plan *ret) {
        Shape shape = move->request.shape;

        shape.command_changes = move->placement.mechanism == MECHANISM_COMMAND_LINE ||
                                move->request.from.mechanism == MECHANISM_COMMAND_LINE;
        plan_apply(&shape, move->request.phase, again, ret);
}

/* systemd was told, and can't be asked any more how far it has come. */
static bool move_is_cut_off(const Move *move) {
        return move->told && sd_bus_is_open(move->bus) <= 0;
}

static void move_finish_cut_off(Move *move) {
        move->units_changed = true; /* for all that is known */
        move_finish(move, -ENOLINK);
}

/* systemd could not reload it, for what the service's own check sees in the configuration, and it is where it was: a restart
 * would end with that check too. A socket may be held by its service alone. */
static bool move_is_unharmed(const Move *move) {
        uint16_t port = move->request.from.port != 0 ? move->request.from.port : move->request.home;

        return port != 0 && move->request.phase == SERVICE_RUNNING && !move->request.shape.by_socket &&
               move->listens(port, move->userdata) > 0;
}

static void _printf_(3, 4) move_undo(Move *move, int error, const char *format, ...) {
        Plan jobs = { 0 }, plan = { 0 };
        va_list arguments;
        int r;

        va_start(arguments, format);
        vsnprintf(move->text, sizeof(move->text), format, arguments);
        va_end(arguments);
        move->error = error;
        move->step = MOVE_UNDOING;
        if (move_is_cut_off(move)) {
                move_finish_cut_off(move);
                return;
        }

        r = move_write(move, &move->request.from);
        if (r < 0)
                move_add_text(move, "; our files could not be put back: %s", strerrordesc_np(-r));

        if (!move->told) { /* nobody knows of it yet */
                move->units_changed = false;
                move_finish(move, error);
                return;
        }

        if (move->units_changed)
                plan_add(&plan, JOB_DAEMON_RELOAD, false);
        move->units_changed = false;
        if (!move_is_unharmed(move))
                move_plan(move, true, &jobs);
        for (size_t i = 0; i < jobs.n; i++)
                plan_add(&plan, jobs.steps[i].kind, jobs.steps[i].socket);

        r = plan.n > 0 ? move_run(move, &plan) : 1;
        if (r < 0) {
                move_add_text(move, "; systemd could not be asked: %s", strerrordesc_np(-r));
                move->units_changed = true;
        }
        if (r != 0)
                move_finish(move, error);
}

/* ── the listeners ── */

static int move_on_verify(sd_event_source *source, uint64_t usec, void *userdata) {
        Move *move = userdata;
        int r;

        (void) source;
        r = move->listens(move->request.expected, move->userdata);
        if (r > 0) {
                move_finish(move, 0);
                return 0;
        }

        /* sshd has ended for want of the port, or has only one family of it, and clients of the other get the stranger. */
        move->strangers = r == -EADDRINUSE ? move->strangers + 1 : 0;
        if (move->strangers == STRANGER_LOOKS) {
                move->answer = BIND_REFUSED_BY_LINUX;
                move_undo(move, -EBUSY, "another took %u before sshd could", move->request.expected);
                return 0;
        }

        if (usec >= move->verify_until && move->refused != BIND_NOT_ASKED) {
                move->answer = move->refused;
                move_undo(move, -EADDRINUSE, "%u can't be had: %s", move->request.expected,
                          bind_answer_to_string(move->refused));
                return 0;
        }
        if (usec >= move->verify_until) {
                move_undo(move, -ETIMEDOUT, "%s did not come to listen on %u",
                          move->request.shape.by_socket ? move->units.socket : move->units.service,
                          move->request.expected);
                return 0;
        }

        if (sd_event_source_set_time_relative(move->verify_source, LISTEN_INTERVAL) < 0 ||
            sd_event_source_set_enabled(move->verify_source, SD_EVENT_ONESHOT) < 0)
                move_undo(move, -EIO, "the check of sshd's listeners could not go on");
        return 0;
}

static void move_verify(Move *move) {
        usec_t now;
        int r;

        if (move->request.expected == 0) {
                move_finish(move, 0);
                return;
        }

        move->step = MOVE_VERIFYING;
        r = sd_event_now(move->event, CLOCK_MONOTONIC, &now);
        if (r >= 0) {
                move->verify_until = now + LISTEN_TIMEOUT;
                r = sd_event_add_time_relative(move->event, &move->verify_source, CLOCK_MONOTONIC, 0, 1,
                                               move_on_verify, move);
        }
        if (r < 0) {
                move_undo(move, r, "the check of sshd's listeners could not begin");
                return;
        }
        (void) sd_event_source_set_description(move->verify_source, "move-verify");
}

/* All is in place for sshd to be told. */
static void move_apply(Move *move) {
        Plan plan;
        int r;

        move->step = MOVE_APPLYING;
        move_plan(move, false, &plan);
        r = plan.n > 0 ? move_run(move, &plan) : 1;
        if (r < 0)
                move_undo(move, r, "systemd could not be asked: %s", strerrordesc_np(-r));
        else if (r > 0)
                move_verify(move);
}

/* ── one mechanism after the other ── */

static void move_try(Move *move);

/* This one doesn't do it. */
static void _printf_(3, 4) move_try_next(Move *move, int error, const char *format, ...) {
        char text[sizeof(move->text)];
        va_list arguments;

        if (++move->mechanism < move->request.n_mechanisms) {
                move_try(move);
                return;
        }

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        move_undo(move, error, "%s", text);
}

static bool is_wanted(const Move *move, uint16_t port) {
        for (size_t i = 0; i < move->request.n_beside; i++)
                if (move->request.beside[i] == port)
                        return true;
        return port == move->request.port;
}

static bool streams_are_wanted(const Move *move, const char *streams) {
        bool there = false;

        WORDS_FOREACH (stream, streams) {
                Endpoint endpoint;

                if (endpoint_parse(stream, &endpoint) < 0)
                        continue;
                if (!is_wanted(move, endpoint.port))
                        return false;
                there = there || endpoint.port == move->request.port;
        }
        return there;
}

static int move_on_streams(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        char streams[UNIT_STREAMS_SIZE];
        Move *move = userdata;

        (void) error;
        move->streams_slot = sd_bus_slot_unref(move->streams_slot);
        if (sd_bus_message_is_method_error(m, NULL) || unit_read_streams(m, streams, sizeof(streams)) < 0)
                move_undo(move, -EBADMSG, "systemd does not tell where %s listens", move->units.socket);
        else if (streams_are_wanted(move, streams))
                move_apply(move);
        else
                move_try_next(move, -EEXIST, "%s does not take port %u: is another drop-in in the way?",
                              move->units.socket, move->request.port);
        return 0;
}

static int move_ask_streams(Move *move) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = sd_bus_path_encode(SYSTEMD1_PATH "/unit", move->units.socket, &path);
        if (r < 0)
                return r;
        return sd_bus_call_method_async(move->bus, &move->streams_slot, SYSTEMD1, path,
                                        "org.freedesktop.DBus.Properties", "Get", move_on_streams, move, "ss",
                                        SYSTEMD1 ".Socket", "Listen");
}

static void move_on_jobs(int result, const char *word, void *userdata) {
        Move *move = userdata;
        int r;

        if (move->step == MOVE_UNDOING) {
                if (result < 0 && move_is_cut_off(move)) {
                        move_finish_cut_off(move);
                        return;
                }
                if (result < 0) {
                        move_add_text(move, "; and sshd could not be restarted as it was: %s", word);
                        move->units_changed = true;
                }
                move_finish(move, move->error);
        } else if (result < 0)
                move_undo(move, result, "systemd could not %s: %s",
                          move->step == MOVE_READING ? "read its units again" : "work on the ssh unit", word);
        else if (move->step == MOVE_APPLYING)
                move_verify(move);
        else if (move->request.shape.by_socket && move->request.port != 0) {
                r = move_ask_streams(move);
                if (r < 0)
                        move_undo(move, r, "systemd could not be asked: %s", strerrordesc_np(-r));
        } else
                move_apply(move);
}

/* The files are as they should be, and the port can be had. */
static void move_tell_systemd(Move *move) {
        int r;

        if (!move->units_changed) {
                move_apply(move);
                return;
        }

        move->step = MOVE_READING;
        move->units_changed = false;
        r = move_run(move, &(const Plan){ .steps = { { .kind = JOB_DAEMON_RELOAD } }, .n = 1 });
        if (r < 0)
                move_undo(move, r, "systemd could not be asked: %s", strerrordesc_np(-r));
}

static void move_on_probed(const ChildResult *result, void *userdata) {
        Move *move = userdata;
        char detail[BINDPROBE_DETAIL_SIZE];
        BindAnswer answer = bindprobe_read(result, detail);
        uint16_t port = move->request.port;
        int r = 0;

        move->answer = answer;
        if (answer == BIND_REFUSED_BY_WINDOWS || answer == BIND_REFUSED_BY_LINUX)
                r = move->listens(port, move->userdata);
        if (r != 0 && r != -EADDRINUSE) {
                /* Boot has gone on meanwhile, and sshd has come up with our file. */
                move->answer = BIND_NOT_ASKED;
                move->refused = answer;
                move->request.expected = port;
                move_verify(move);
        } else if (answer != BIND_FREE)
                move_undo(move, -EADDRINUSE, "%u can't be had: %s%s%s", port, bind_answer_to_string(answer),
                          *detail ? " " : "", detail);
        else if (!move->request.rehearsed)
                move_tell_systemd(move);
        else
                move_try(move);
}

static int move_probe(Move *move) {
        move->step = MOVE_PROBING;
        return bindprobe_start(move->event, move->request.port, move->request.ipv6,
                               move->request.probe_timeout, move_on_probed, move, &move->probe);
}

/* Whether sshd would listen on what is wanted, and on nothing else. A socket's addresses are systemd's matter. */
static bool dump_is_wanted(const Move *move, const SshdDump *dump) {
        bool there = false;

        if (move->request.port == 0 || move->request.shape.by_socket)
                return true;

        for (size_t i = 0; i < dump->n_endpoints; i++) {
                if (!is_wanted(move, dump->endpoints[i].port))
                        return false;
                there = there || dump->endpoints[i].port == move->request.port;
        }
        return there;
}

static void move_on_checked(const ChildResult *result, void *userdata) {
        Move *move = userdata;
        SshdAnswer answer;
        int r;

        sshd_read_answer(result, &answer);
        if (answer.verdict == SSHD_VERDICT_OUR_FILE_REFUSED)
                move_try_next(move, -EBADMSG, "sshd refuses its configuration because of our file: %s",
                              answer.detail);
        else if (answer.verdict == SSHD_VERDICT_UNKNOWN) /* an sshd that was killed, say */
                move_undo(move, -EAGAIN, "sshd does not say whether it accepts its configuration: %s", answer.detail);
        else if (answer.verdict != SSHD_VERDICT_VALID)
                move_undo(move, -EBADMSG, "sshd refuses its configuration: %s", answer.detail);
        else if (!dump_is_wanted(move, &answer.dump))
                move_try_next(move, -EEXIST, "sshd does not take %u as its only port", move->request.port);
        else if (move->request.probe && move->answer == BIND_NOT_ASKED) {
                r = move_probe(move);
                if (r < 0)
                        move_undo(move, r, "%u could not be tried: %s", move->request.port,
                                  strerrordesc_np(-r));
        } else
                move_tell_systemd(move);
}

static int move_check(Move *move) {
        char options[SSHD_COMMAND_SIZE];
        char option[sizeof("-p65535")];
        bool fits = true;

        move->step = MOVE_CHECKING;
        memcpy(options, move->options, sizeof(options));
        if (move->placement.mechanism == MECHANISM_COMMAND_LINE) {
                for (size_t i = 0; i < move->placement.n_beside; i++) {
                        snprintf(option, sizeof(option), "-p%u", move->placement.beside[i]);
                        fits = fits && words_append(options, sizeof(options), option);
                }
                snprintf(option, sizeof(option), "-p%u", move->request.port);
                fits = fits && words_append(options, sizeof(options), option);
        }
        if (!fits)
                return -E2BIG;

        move->sshd = child_free(move->sshd);
        return sshd_ask(move->event, SSHD_TEST, move->units.command.program, options, move_on_checked, move,
                        &move->sshd);
}

/* Puts the files of the mechanism in place and has them checked. */
static int move_place(Move *move) {
        Placement placement = { .port = move->request.port };
        int r;

        if (placement.port != 0)
                placement.mechanism = move->request.mechanisms[move->mechanism];
        if (mechanism_is_drop_in(placement.mechanism)) {
                memcpy(placement.beside, move->request.beside, sizeof(placement.beside));
                placement.n_beside = move->request.n_beside;
        }
        r = move_write(move, &placement);
        return r < 0 ? r : move_check(move);
}

static void move_try(Move *move) {
        int r;

        r = move_place(move);
        if (r < 0)
                move_undo(move, r, "it can't be prepared: %s", strerrordesc_np(-r));
}

/* Nothing to wait for, but the handler is never called from within the call that starts. */
static int move_on_nothing_to_do(sd_event_source *source, void *userdata) {
        Move *move = userdata;

        (void) source;
        move->verify_source = sd_event_source_disable_unref(move->verify_source);
        move_tell_systemd(move);
        return 0;
}

static int move_begin(Move *move) {
        const MoveRequest *request = &move->request;
        int r;

        if (request->port != 0 && request->probe && request->rehearsed)
                return move_probe(move);

        /* Without our files sshd is as its owner has it: to be checked only where it is about to be told. */
        if (request->port != 0 || request->phase != SERVICE_INACTIVE) {
                r = move_place(move);
                return r < 0 ? move_take_back(move, r) : r;
        }

        r = move_write(move, &(const Placement){ 0 });
        if (r >= 0)
                r = sd_event_add_defer(move->event, &move->verify_source, move_on_nothing_to_do, move);
        if (r < 0)
                return move_take_back(move, r);
        (void) sd_event_source_set_description(move->verify_source, "move-done");
        return 0;
}

int move_start(sd_event *event, sd_bus *bus, const MoveRequest *request, MoveListens listens,
               MoveHandler handler, void *userdata, Move **ret) {
        _cleanup_(move_freep) Move *move = NULL;
        int r;

        move = malloc(sizeof(*move));
        if (!move)
                return -ENOMEM;
        *move = (Move){
                .event = sd_event_ref(event),
                .bus = sd_bus_ref(bus),
                .request = *request,
                .units = *request->units,
                .placement = request->from,
                .listens = listens,
                .handler = handler,
                .userdata = userdata,
        };
        move->request.units = NULL;
        move->request.options = NULL;
        WORDS_FOREACH (word, request->options)
                if (!words_append(move->options, sizeof(move->options), word))
                        return -E2BIG;

        r = move_begin(move);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(move);
        return 0;
}
