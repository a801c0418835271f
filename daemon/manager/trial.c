/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/trial.h"

/* Longer than sshd's own check takes, which is 20 to 60 ms. */
#define FRESH (100 * USEC_PER_MSEC)

void trial_take_back(Trial *t) {
        if (store_write_placement(&t->from, home_first_port(&t->home), &t->units) >= 0)
                (void) store_set_mark(STORE_RELOAD_DUE_FILE, false);
}

int trial_write(Trial *t, const Placement *placement) {
        bool units = t->by_socket || mechanism_is_drop_in(placement->mechanism) ||
                     mechanism_is_drop_in(t->now.mechanism);
        static const Placement nowhere = { 0 };
        int r;

        if (units) {
                r = store_note_unread(t->unapplied ? &nowhere : &t->from, home_first_port(&t->home),
                                      t->units.streams);
                if (r < 0)
                        return r;
        }
        r = store_write_placement(placement, home_first_port(&t->home), &t->units);
        if (r < 0)
                return r;

        /* A generator may make units of sshd's configuration; and an earlier reading that was cut off is
         * made up for. */
        t->reload_due = t->reload_due || r > 0 || units;
        t->now = *placement;
        t->asked_at = 0;
        return 0;
}

int trial_set_aside(Trial *t, bool aside) {
        const Placement *placement = aside ? &t->from : &t->accepted;
        int r;

        if (t->aside == aside)
                return 0;
        if (aside)
                t->accepted = t->now;
        r = store_write_placement(placement, home_first_port(&t->home), &t->units);
        if (r < 0)
                return r;
        t->now = *placement;
        t->aside = aside;
        return 0;
}

/* ── what is wanted ── */

/* Adds an endpoint of the socket unit's to @seen. Returns false if the unit is not to have it: it fails on the second
 * bind of one, as a generator makes them of an Include line that stands twice. */
static bool trial_adds(const Trial *t, Endpoints *seen, const Endpoint *endpoint) {
        bool wanted = endpoint->port == t->to.port ||
                      port_is_one_of(endpoint->port, t->to.beside, t->to.n_beside);

        return wanted && !endpoints_have(seen, endpoint) && endpoints_add(seen, endpoint) >= 0;
}

bool trial_is_met_by(const Trial *t, const char *streams) {
        Endpoints seen = { 0 };

        WORDS_FOREACH (stream, streams) {
                Endpoint endpoint;

                if (endpoint_parse(stream, &endpoint) >= 0 && !trial_adds(t, &seen, &endpoint))
                        return false;
        }
        return endpoints_have_port(&seen, t->to.port);
}

/* A generator makes a socket's addresses of what sshd prints; else they are systemd's matter. An sshd that prints none
 * is judged by its listeners. */
static bool trial_is_met_by_dump(const Trial *t, const SshdAnswer *answer) {
        bool by_config = t->now.mechanism == MECHANISM_CONFIG, hidden = t->units.hidden && by_config;
        const SshdDump *dump = &answer->dump;
        Endpoints actual = { 0 };

        if (t->to.port == 0 || (t->by_socket && !by_config))
                return true;
        if (!answer->has_dump)
                return t->by_socket || !hidden;

        for (size_t i = 0; i < dump->n_endpoints; i++)
                if (t->by_socket ? !trial_adds(t, &actual, &dump->endpoints[i])
                                 : endpoints_add(&actual, &dump->endpoints[i]) < 0)
                        return false;
        return t->by_socket ? actual.n > 0 : !hidden && home_is_placed(&t->home, &t->to, &actual);
}

/* ── one mechanism after the other ── */

static void trial_on_answer(const SshdAnswer *answer, void *userdata);

static int trial_check(Trial *t) {
        char options[SSHD_COMMAND_SIZE] = "", option[sizeof("-p65535")];
        bool fits = true;

        /* Ours come first, as in the drop-in: sshd ignores an -o Port= behind a -p. (OpenSSH servconf.c) */
        for (size_t i = 0; i <= t->now.n_beside && t->now.mechanism == MECHANISM_COMMAND_LINE; i++) {
                snprintf(option, sizeof(option), "-p%u",
                         i < t->now.n_beside ? t->now.beside[i] : t->now.port);
                fits = fits && words_append(options, sizeof(options), option);
        }
        WORDS_FOREACH (word, t->options)
                fits = fits && words_append(options, sizeof(options), word);
        if (!fits)
                return -E2BIG;

        t->asked_at = clock_usec(CLOCK_MONOTONIC);
        t->sshd = sshd_inquiry_free(t->sshd);
        return sshd_ask(t->event, t->units.command.program, options, NULL, trial_on_answer, t, &t->sshd);
}

bool trial_is_fresh(const Trial *t) {
        return clock_usec(CLOCK_MONOTONIC) - t->asked_at <= FRESH;
}

int trial_confirm(Trial *t) {
        t->confirms = true;
        return trial_check(t);
}

static int trial_try(Trial *t, Mechanism mechanism) {
        Placement placement = { .port = t->to.port, .mechanism = mechanism };
        int r;

        if (mechanism_is_drop_in(mechanism)) {
                memcpy(placement.beside, t->to.beside, sizeof(placement.beside));
                placement.n_beside = t->to.n_beside;
        }
        r = trial_write(t, &placement);
        return r < 0 ? r : trial_check(t);
}

/* The mechanism to try where @tried doesn't do it. */
static Mechanism trial_next(const Trial *t, Mechanism tried) {
        bool is_plain = sshd_is_named_by(t->units.command.program) && !strchr(t->units.command.prefix, '?');

        return tried != MECHANISM_CONFIG ? MECHANISM_NONE
               : t->units.socket[0]      ? MECHANISM_SOCKET
               : is_plain                ? MECHANISM_COMMAND_LINE
                                         : MECHANISM_NONE;
}

int trial_begin(Trial *t) {
        Mechanism mechanism = t->to.port == 0                           ? MECHANISM_NONE
                              : t->to.mechanism != MECHANISM_NONE       ? t->to.mechanism
                              : t->by_socket && !units_have_generator() ? MECHANISM_SOCKET
                                                                        : MECHANISM_CONFIG;
        int r = trial_try(t, mechanism);

        mechanism = trial_next(t, mechanism);
        if (r < 0 && !errno_is_passing(r) && mechanism != MECHANISM_NONE) /* no room, or a read-only disk */
                r = trial_try(t, mechanism);
        if (r < 0)
                trial_take_back(t);
        return r;
}

void trial_go_on(Trial *t, int error, const char *text) {
        const char *program = t->units.command.program;
        Mechanism next = trial_next(t, t->now.mechanism);
        char why[sizeof(((SshdAnswer *) NULL)->detail) + 640];
        int r;

        if (next != MECHANISM_NONE) {
                r = trial_try(t, next);
                if (r >= 0)
                        return;
                snprintf(why, sizeof(why), "it can't be prepared: %s", strerrordesc_np(-r));
                error = r;
                text = why;
        }
        if (t->now.mechanism == MECHANISM_CONFIG && next == MECHANISM_NONE) {
                snprintf(why, sizeof(why), "%.300s, and no -p can be added to the command %.255s of %.200s",
                         text, program, t->units.service);
                text = why;
        }
        t->handler(error, text, t->userdata);
}

static void trial_on_answer(const SshdAnswer *answer, void *userdata) {
        static const char *const says[] = {
                [SSHD_VERDICT_UNKNOWN] = "does not say whether it accepts its configuration",
                [SSHD_VERDICT_REFUSED] = "refuses its configuration",
                [SSHD_VERDICT_KEYLESS] = "refuses its configuration",
                [SSHD_VERDICT_OUR_FILE_REFUSED] = "refuses its configuration because of our file",
        };
        Trial *t = userdata;
        bool valid = answer->verdict == SSHD_VERDICT_VALID ||
                     (t->keyless && answer->verdict == SSHD_VERDICT_KEYLESS && answer->has_dump),
             confirms = t->confirms;
        int error = valid ? -EEXIST : answer->verdict == SSHD_VERDICT_UNKNOWN ? -EAGAIN : -EBADMSG;
        char text[sizeof(answer->detail) + 80];

        t->confirms = false;
        if (valid && trial_is_met_by_dump(t, answer)) {
                t->handler(0, "", t->userdata);
                return;
        }
        if (valid)
                snprintf(text, sizeof(text), "sshd does not take %u in the place of its own port",
                         t->to.port);
        else
                snprintf(text, sizeof(text), "sshd %s: %s", strempty(says[answer->verdict]), answer->detail);
        if (!confirms && (valid || answer->verdict == SSHD_VERDICT_OUR_FILE_REFUSED))
                trial_go_on(t, error, text);
        else
                t->handler(error, text, t->userdata);
}
