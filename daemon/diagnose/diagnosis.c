/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/diagnosis.h"

#include "diagnose/finding.h"
#include "systemd/bus.h"

#define PROGRAM LIBEXECDIR "/wslportd-diagnose"
#define DEADLINE (20 * USEC_PER_SEC)

/* Forgets the first @n callers. */
static void diagnosis_drop(Diagnosis *d, size_t n) {
        for (size_t i = 0; i < n; i++)
                sd_bus_message_unref(d->waiting[i].call);
        d->n_waiting -= n;
        memmove(d->waiting, d->waiting + n, d->n_waiting * sizeof(d->waiting[0]));
        d->n_asked = 0;
}

void diagnosis_forget(Diagnosis *d) {
        d->child = child_free(d->child);
        diagnosis_drop(d, d->n_waiting);
}

static int diagnosis_reply(sd_bus_message *call, uint16_t port, const char *text) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Finding finding;
        int r;

        if (port != 0)
                return finding_read(&text, &finding) ? sd_bus_reply_method_return(call, "ss", finding.check,
                                                                                  finding.finding)
                                                     : -EBADMSG;
        r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(ssss)");
        while (r >= 0 && finding_read(&text, &finding))
                r = sd_bus_message_append(reply, "(ssss)", finding.check, verdict_to_string(finding.verdict),
                                          finding.finding, finding.remedy);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

/* Tells why the program gave no answer; NULL if it did. */
static const char *complaint(const ChildResult *result) {
        const char *text = result->output;
        Finding finding;

        if (result->error == -ETIMEDOUT)
                return PROGRAM " took too long";
        if (result->error == -ENOENT)
                return PROGRAM " can't be run";
        if (result->error < 0)
                return PROGRAM " was killed";
        if (!finding_read(&text, &finding))
                return PROGRAM " printed nothing of use";
        return NULL;
}

static void diagnosis_refuse(Diagnosis *d, size_t n, const char *why) {
        log_message(d->log, LOG_WARNING, "No diagnosis: %s", why);
        for (size_t i = 0; i < n; i++)
                (void) sd_bus_reply_method_errorf(d->waiting[i].call, BUS_ERROR_NOT_POSSIBLE, "%s", why);
        diagnosis_drop(d, n);
}

static void diagnosis_on_end(const ChildResult *result, void *userdata);

static void diagnosis_run(Diagnosis *d) {
        uint16_t port = d->waiting[0].port;
        char number[sizeof("65535")];
        const char *word = port != 0 ? number : NULL;
        const char *const argv[] = { PROGRAM, d->of_root ? word : DIAGNOSE_FOR_EVERYONE,
                                     d->of_root ? NULL : word, NULL };
        size_t n = 0;
        int r;

        snprintf(number, sizeof(number), "%u", port);
        while (n < d->n_waiting && d->waiting[n].port == port)
                n++;
        r = child_spawn(d->event, argv, NULL, PROGRAM_ALL, DEADLINE, diagnosis_on_end, d, &d->child);
        if (r < 0)
                diagnosis_refuse(d, d->n_waiting, PROGRAM " can't be run");
        else
                d->n_asked = n;
}

static void diagnosis_on_end(const ChildResult *result, void *userdata) {
        Diagnosis *d = userdata;
        const char *why = complaint(result);

        if (why)
                diagnosis_refuse(d, d->n_asked, why);
        else {
                for (size_t i = 0; i < d->n_asked; i++)
                        if (diagnosis_reply(d->waiting[i].call, d->waiting[i].port, result->output) < 0)
                                (void) sd_bus_reply_method_errorf(d->waiting[i].call, BUS_ERROR_NOT_POSSIBLE,
                                                                  "the answer could not be made");
                diagnosis_drop(d, d->n_asked);
        }

        d->child = child_free(d->child); /* and *@result with it */
        if (d->n_waiting > 0)
                diagnosis_run(d);
}

void diagnosis_answer(Diagnosis *d, sd_bus_message *call, uint32_t uid, uint16_t port) {
        size_t n = 0;

        for (size_t i = 0; i < d->n_waiting; i++)
                n += d->waiting[i].uid == uid;
        if (d->n_waiting == ELEMENTSOF(d->waiting) || (!d->of_root && n >= DIAGNOSIS_WAITING_OF_USER_MAX)) {
                (void) sd_bus_reply_method_errorf(call, BUS_ERROR_BUSY,
                                                  "too many callers wait for a diagnosis; try again");
                return;
        }

        d->waiting[d->n_waiting].uid = uid;
        d->waiting[d->n_waiting].port = port;
        d->waiting[d->n_waiting++].call = sd_bus_message_ref(call);
        if (!d->child)
                diagnosis_run(d);
}
