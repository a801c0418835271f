/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "move.h"

#include <stdarg.h>

#include "kept.h"
#include "sshd.h"

/* A reload or restart takes 40 to 90 ms; the unit's own checks and a slow machine are given time. */
#define JOB_TIMEOUT (20 * USEC_PER_SEC)
#define LISTEN_TIMEOUT (2 * USEC_PER_SEC)
#define LISTEN_INTERVAL (10 * USEC_PER_MSEC)

typedef enum MoveStep {
        MOVE_CHECKING,  /* sshd reads the configuration */
        MOVE_PROBING,   /* Windows is asked for the port */
        MOVE_APPLYING,  /* systemd works on the unit */
        MOVE_VERIFYING, /* the kernel is asked until sshd listens */
        MOVE_UNDOING,   /* systemd restarts the unit as it was */
} MoveStep;

struct Move {
        sd_event *event;
        sd_bus *bus;
        MoveRequest request;
        char unit[256];
        MoveStep step;
        SshdQuery *query;
        BindProbe *probe;
        BindAnswer answer;
        Job *job;
        sd_event_source *verify_source;
        usec_t verify_until;
        int error; /* why it is being undone */
        char text[512];
        MoveListens listens;
        MoveHandler handler;
        void *userdata;
};

Move *move_free(Move *move) {
        if (!move)
                return NULL;

        sshd_query_free(move->query);
        bindprobe_free(move->probe);
        job_free(move->job);
        sd_event_source_disable_unref(move->verify_source);
        sd_bus_unref(move->bus);
        sd_event_unref(move->event);
        free(move);
        return NULL;
}

static void move_finish(Move *move, int result) {
        move->verify_source = sd_event_source_disable_unref(move->verify_source);
        move->handler(result, move->answer, move->text, move->userdata);
}

static void move_on_job(int result, const char *word, void *userdata);

static int move_run_job(Move *move, MoveStep step, JobKind kind) {
        move->step = step;
        move->job = job_free(move->job);
        return job_start(move->bus, kind, move->unit, JOB_TIMEOUT, move_on_job, move, &move->job);
}

static void _printf_(3, 4) move_undo(Move *move, int error, const char *format, ...) {
        va_list arguments;
        size_t length;
        int r;

        va_start(arguments, format);
        vsnprintf(move->text, sizeof(move->text), format, arguments);
        va_end(arguments);
        length = strlen(move->text);
        move->error = error;

        r = kept_write_port(move->request.from, move->request.home);
        if (r < 0)
                snprintf(move->text + length, sizeof(move->text) - length, "; %s could not be put back: %s",
                         KEPT_PORT_FILE, strerrordesc_np(-r));

        /* Before anything was applied sshd knows nothing of it; and one that wasn't running is left so. */
        if (move->step > MOVE_PROBING && move->request.apply == MOVE_APPLY_RELOAD) {
                r = move_run_job(move, MOVE_UNDOING, JOB_RESTART);
                if (r >= 0)
                        return;
        }

        move_finish(move, error);
}

static int move_on_verify(sd_event_source *source, uint64_t usec, void *userdata) {
        Move *move = userdata;

        (void) source;
        if (move->listens(move->request.to, move->userdata)) {
                move_finish(move, 0);
                return 0;
        }

        if (usec >= move->verify_until) {
                move_undo(move, -ETIMEDOUT, "%s did not come to listen on %u", move->unit, move->request.to);
                return 0;
        }

        if (sd_event_source_set_time_relative(move->verify_source, LISTEN_INTERVAL) < 0 ||
            sd_event_source_set_enabled(move->verify_source, SD_EVENT_ONESHOT) < 0)
                move_undo(move, -EIO, "the check of %s's listeners could not go on", move->unit);
        return 0;
}

static void move_verify(Move *move) {
        usec_t now;
        int r;

        if (move->request.to == 0) {
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
                move_undo(move, r, "the check of %s's listeners could not begin", move->unit);
                return;
        }
        (void) sd_event_source_set_description(move->verify_source, "move-verify");
}

static void move_on_job(int result, const char *word, void *userdata) {
        Move *move = userdata;

        if (move->step == MOVE_UNDOING) {
                size_t length = strlen(move->text);

                if (result < 0)
                        snprintf(move->text + length, sizeof(move->text) - length,
                                 "; and %s could not be restarted as it was: %s", move->unit, word);
                move_finish(move, move->error);
                return;
        }

        if (result < 0)
                move_undo(move, result, "systemd could not %s %s: %s",
                          move->request.apply == MOVE_APPLY_RELOAD ? "reload" : "start", move->unit, word);
        else
                move_verify(move);
}

static void move_apply(Move *move) {
        JobKind kind = move->request.apply == MOVE_APPLY_RELOAD ? JOB_RELOAD : JOB_START;
        int r;

        if (move->request.apply == MOVE_APPLY_NOTHING) {
                move_finish(move, 0);
                return;
        }

        r = move_run_job(move, MOVE_APPLYING, kind);
        if (r < 0) {
                move->step = MOVE_PROBING;
                move_undo(move, r, "systemd could not be asked: %s", strerrordesc_np(-r));
        }
}

static void move_on_checked(const SshdAnswer *answer, void *userdata);

static int move_write(Move *move) {
        int r;

        r = kept_write_port(move->request.file, move->request.home);
        if (r < 0)
                return r;

        move->step = MOVE_CHECKING;
        return sshd_query(move->event, false, move_on_checked, move, &move->query);
}

static void move_on_probed(uint16_t port, BindAnswer answer, const char *detail, void *userdata) {
        Move *move = userdata;
        int r;

        move->answer = answer;
        if (answer != BIND_FREE)
                move_undo(move, -EADDRINUSE, "%u can't be had: %s%s%s", port, bind_answer_to_string(answer),
                          *detail ? " " : "", detail);
        else if (!move->request.rehearsed)
                move_apply(move);
        else {
                r = move_write(move);
                if (r < 0)
                        move_undo(move, r, "%s can't be written: %s", KEPT_PORT_FILE, strerrordesc_np(-r));
        }
}

static int move_probe(Move *move) {
        move->step = MOVE_PROBING;
        return bindprobe_start(move->event, move->request.file, move->request.ipv6,
                               move->request.probe_timeout, move_on_probed, move, &move->probe);
}

static void move_on_checked(const SshdAnswer *answer, void *userdata) {
        Move *move = userdata;
        int r;

        if (answer->verdict != SSHD_VERDICT_VALID)
                move_undo(move, -EBADMSG, "sshd refuses its configuration: %s", answer->detail);
        else if (move->request.file != 0 && !sshd_dump_is_only(&answer->dump, move->request.file))
                move_undo(move, -EEXIST,
                          "sshd does not take %s as its only port: is `Include "
                          "/etc/ssh/sshd_config.d/*.conf` in its "
                          "configuration, and 10-wslportd.conf there?",
                          KEPT_PORT_FILE);
        else if (move->request.probe && move->answer == BIND_NOT_ASKED) {
                r = move_probe(move);
                if (r < 0)
                        move_undo(move, r, "%u could not be tried: %s", move->request.file,
                                  strerrordesc_np(-r));
        } else
                move_apply(move);
}

static int move_on_nothing_to_do(sd_event_source *source, void *userdata) {
        (void) source;
        move_finish(userdata, 0);
        return 0;
}

int move_start(sd_event *event, sd_bus *bus, const MoveRequest *request, MoveListens listens,
               MoveHandler handler, void *userdata, Move **ret) {
        _cleanup_(move_freep) Move *move = NULL;
        bool check = request->file != 0 || request->apply != MOVE_APPLY_NOTHING;
        int r;

        move = malloc(sizeof(*move));
        if (!move)
                return -ENOMEM;
        *move = (Move){
                .event = sd_event_ref(event),
                .bus = sd_bus_ref(bus),
                .request = *request,
                .listens = listens,
                .handler = handler,
                .userdata = userdata,
        };
        snprintf(move->unit, sizeof(move->unit), "%s", request->unit);

        if (request->probe && request->rehearsed) {
                r = move_probe(move);
                if (r < 0)
                        return r;
                *ret = TAKE_PTR(move);
                return 0;
        }

        if (check) {
                r = move_write(move);
                if (r < 0) {
                        (void) kept_write_port(request->from, request->home);
                        return r;
                }
                *ret = TAKE_PTR(move);
                return 0;
        }

        r = kept_write_port(request->file, request->home);
        if (r < 0)
                return r;

        /* Nothing to wait for, but the handler is never called from within the call that starts. */
        r = sd_event_add_defer(event, &move->verify_source, move_on_nothing_to_do, move);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(move->verify_source, "move-done");

        *ret = TAKE_PTR(move);
        return 0;
}
