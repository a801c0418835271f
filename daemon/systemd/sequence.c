/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/sequence.h"

/* A reload or restart takes 40 to 90 ms; the unit's own checks and a slow machine are given time. */
#define JOB_TIMEOUT (20 * USEC_PER_SEC)

struct Sequence {
        sd_bus *bus;
        Plan plan;
        size_t at;
        char service[256], socket[256];
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

bool sequence_is_at_end(const Sequence *sequence) {
        return sequence->at == sequence->plan.n;
}

static void sequence_on_job(int result, const char *word, void *userdata);

static int sequence_next(Sequence *sequence) {
        const PlanStep *step = &sequence->plan.steps[sequence->at++];

        sequence->job = job_free(sequence->job);
        return job_start(sequence->bus, step->kind, step->socket ? sequence->socket : sequence->service,
                         JOB_TIMEOUT, sequence_on_job, sequence, &sequence->job);
}

static void sequence_on_job(int result, const char *word, void *userdata) {
        Sequence *sequence = userdata;

        if (result >= 0 && sequence->at < sequence->plan.n) {
                result = sequence_next(sequence);
                if (result >= 0)
                        return;
                word = strerrordesc_np(-result);
        }
        sequence->handler(result < 0 ? result : 0, word, sequence->userdata);
}

int sequence_start(sd_bus *bus, const Plan *plan, const char *service, const char *socket,
                   SequenceHandler handler, void *userdata, Sequence **ret) {
        _cleanup_(sequence_freep) Sequence *sequence = NULL;
        int r;

        if (plan->n == 0)
                return -EINVAL;

        sequence = malloc(sizeof(*sequence));
        if (!sequence)
                return -ENOMEM;
        *sequence = (Sequence){
                .bus = sd_bus_ref(bus), .plan = *plan, .handler = handler, .userdata = userdata
        };
        snprintf(sequence->service, sizeof(sequence->service), "%s", service);
        snprintf(sequence->socket, sizeof(sequence->socket), "%s", socket);

        r = sequence_next(sequence);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(sequence);
        return 0;
}
