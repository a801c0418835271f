/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sequence.h"

#define JOB_TIMEOUT (20 * USEC_PER_SEC)

struct Sequence {
        sd_bus *bus;
        struct {
                JobKind kind;
                char unit[256];
        } steps[SEQUENCE_STEPS_MAX];
        size_t n_steps, at;
        Job *job;
        SequenceHandler handler;
        void *userdata;
};

Sequence *sequence_free(Sequence *sequence) {
        if (!sequence)
                return NULL;

        job_free(sequence->job);
        sd_bus_unref(sequence->bus);
        free(sequence);
        return NULL;
}

static void sequence_on_job(int result, const char *word, void *userdata);

static int sequence_next(Sequence *sequence) {
        size_t i = sequence->at++;

        sequence->job = job_free(sequence->job);
        return job_start(sequence->bus, sequence->steps[i].kind, sequence->steps[i].unit, JOB_TIMEOUT,
                         sequence_on_job, sequence, &sequence->job);
}

static void sequence_on_job(int result, const char *word, void *userdata) {
        Sequence *sequence = userdata;

        if (result >= 0 && sequence->at < sequence->n_steps) {
                result = sequence_next(sequence);
                if (result >= 0)
                        return;
                word = strerrordesc_np(-result);
        }
        sequence->handler(result < 0 ? result : 0, word, sequence->userdata);
}

int sequence_start(sd_bus *bus, const SequenceStep steps[], size_t n_steps, SequenceHandler handler,
                   void *userdata, Sequence **ret) {
        _cleanup_(sequence_freep) Sequence *sequence = NULL;
        int r;

        if (n_steps == 0 || n_steps > SEQUENCE_STEPS_MAX)
                return -EINVAL;

        sequence = malloc(sizeof(*sequence));
        if (!sequence)
                return -ENOMEM;
        *sequence = (Sequence){
                .bus = sd_bus_ref(bus), .n_steps = n_steps, .handler = handler, .userdata = userdata
        };
        for (size_t i = 0; i < n_steps; i++) {
                sequence->steps[i].kind = steps[i].kind;
                snprintf(sequence->steps[i].unit, sizeof(sequence->steps[i].unit), "%s", strempty(steps[i].unit));
        }

        r = sequence_next(sequence);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(sequence);
        return 0;
}
