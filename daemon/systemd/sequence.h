/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "systemd/jobs.h"

/* The jobs of a plan, one after the other, up to the first that fails. */

typedef struct Sequence Sequence;

/* @result: 0, or the failed job's errno, and @word for people. Called once, unless freed before; may free the
 * sequence, and @word with it. */
typedef void (*SequenceHandler)(int result, const char *word, void *userdata);

/* @plan has at least one step; all is copied. Returns 0 or a negative errno. */
int sequence_start(sd_bus *bus, const Plan *plan, const char *service, const char *socket,
                   SequenceHandler handler, void *userdata, Sequence **ret);

/* Whether it has come to its last step. */
bool sequence_is_at_end(const Sequence *sequence);

Sequence *sequence_free(Sequence *sequence);
DEFINE_TRIVIAL_CLEANUP(Sequence *, sequence_free);
