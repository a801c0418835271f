/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnosis.h"

#include "bus.h"
#include "child.h"
#include "diagnosis-text.h"

#define PROGRAM LIBEXECDIR "/wslportd-diagnose"
#define DEADLINE (20 * USEC_PER_SEC)

/* For so long an answer is given again: who asks in a loop doesn't keep the machine busy. */
#define FRESH (1 * USEC_PER_SEC)

struct Diagnosis {
        sd_event *event;
        const Log *log;
        Child *child;
        sd_bus_message *waiting[DIAGNOSIS_WAITING_MAX];
        size_t n_waiting;
        char *text; /* what the last run has printed, if it was good */
        usec_t text_at;
};

int diagnosis_new(sd_event *event, const Log *log, Diagnosis **ret) {
        Diagnosis *d = malloc(sizeof(*d));

        if (!d)
                return -ENOMEM;

        *d = (Diagnosis){ .event = event, .log = log };
        *ret = d;
        return 0;
}

void diagnosis_forget(Diagnosis *d) {
        d->child = child_free(d->child);
        for (size_t i = 0; i < d->n_waiting; i++)
                sd_bus_message_unref(d->waiting[i]);
        d->n_waiting = 0;
}

Diagnosis *diagnosis_free(Diagnosis *d) {
        if (!d)
                return NULL;

        diagnosis_forget(d);
        free(d->text);
        free(d);
        return NULL;
}

static int diagnosis_reply(sd_bus_message *call, const char *text) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        DiagnosisReader reader = { .rest = text };
        DiagnosisLine line;
        int r;

        r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(ssss)");
        while (r >= 0 && diagnosis_read(&reader, &line))
                r = sd_bus_message_append(reply, "(ssss)", line.check, line.verdict, line.finding,
                                          line.remedy);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

/* Why there is no answer, or NULL. */
static const char *complaint(const ChildResult *result) {
        DiagnosisReader reader = { .rest = result->output };
        DiagnosisLine line;

        if (result->timed_out)
                return PROGRAM " took too long";
        if (result->exit_status == 127)
                return PROGRAM " can't be run";
        if (result->exit_status < 0)
                return PROGRAM " was killed";
        if (!diagnosis_read(&reader, &line))
                return PROGRAM " has not said anything of use";
        return NULL;
}

static void diagnosis_on_end(const ChildResult *result, void *userdata) {
        Diagnosis *d = userdata;
        const char *why = complaint(result);

        d->text_at = 0;
        free(d->text);
        d->text = why ? NULL : strdup(result->output);
        if (!why && !d->text)
                why = strerrordesc_np(ENOMEM);
        if (d->text && sd_event_now(d->event, CLOCK_MONOTONIC, &d->text_at) < 0)
                d->text_at = 0;
        if (why)
                log_message(d->log, LOG_WARNING, "No diagnosis: %s", why);

        for (size_t i = 0; i < d->n_waiting; i++) {
                if (why || diagnosis_reply(d->waiting[i], d->text) < 0)
                        (void) sd_bus_reply_method_errorf(d->waiting[i], BUS_ERROR_NOT_POSSIBLE, "%s",
                                                          why ? why : "the answer could not be made");
                sd_bus_message_unref(d->waiting[i]);
        }
        d->n_waiting = 0;
        d->child = child_free(d->child); /* and *@result with it */
}

int diagnosis_answer(Diagnosis *d, sd_bus_message *call) {
        static const char *const argv[] = { PROGRAM, NULL };
        usec_t now;
        int r;

        if (d->text && sd_event_now(d->event, CLOCK_MONOTONIC, &now) >= 0 && now - d->text_at < FRESH)
                return diagnosis_reply(call, d->text);
        if (d->n_waiting == ELEMENTSOF(d->waiting))
                return sd_bus_reply_method_errorf(
                                call, BUS_ERROR_BUSY,
                                "too many wait for the diagnosis that is under way; try again");

        if (!d->child) {
                r = child_spawn(d->event, argv, false, DEADLINE, diagnosis_on_end, d, &d->child);
                if (r < 0)
                        return sd_bus_reply_method_errorf(call, BUS_ERROR_NOT_POSSIBLE,
                                                          "%s can't be run: %s", PROGRAM,
                                                          strerrordesc_np(-r));
        }
        d->waiting[d->n_waiting++] = sd_bus_message_ref(call);
        return 1;
}
