/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "jobs.h"

/* Jobs of systemd's, one after the other, up to the first that fails. */

#define SEQUENCE_STEPS_MAX 6

typedef struct SequenceStep {
        JobKind kind;
        const char *unit; /* copied; NULL for a daemon-reload */
} SequenceStep;

typedef struct Sequence Sequence;

/* @result: 0, or the failed job's errno and @word for people. Called once, unless freed before; may free the
 * sequence. */
typedef void (*SequenceHandler)(int result, const char *word, void *userdata);

/* Returns 0 or a negative errno. */
int sequence_start(sd_bus *bus, const SequenceStep steps[], size_t n_steps, SequenceHandler handler,
                   void *userdata, Sequence **ret);

Sequence *sequence_free(Sequence *sequence);
DEFINE_TRIVIAL_CLEANUP(Sequence *, sequence_free);
