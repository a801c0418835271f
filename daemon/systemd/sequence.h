/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "systemd/plan.h"

/* Has systemd carry out the steps of a plan, one after the other, up to the first that fails. A step that
 * systemd calls "done" says nothing about listeners: a reload is done when the signal was sent.
 *
 * The owner's word counts: a job of theirs that waits in systemd is never turned around, and a unit that they
 * have stopped meanwhile isn't started by JOB_RESTART. */

typedef struct Sequence Sequence;

/* @result: 0, or the failed step's negative errno: -ECANCELED where the owner stops the unit, or has stopped it.
 * @word is systemd's own word for the end, or the error's message. Called once, unless the sequence is freed before. It
 * may free the sequence, and @word with it. */
typedef void (*SequenceHandler)(int result, const char *word, void *userdata);

/* @plan has at least one step. All arguments are copied. Returns 0 or a negative errno. */
int sequence_start(sd_bus *bus, const Plan *plan, const char *service, const char *socket,
                   SequenceHandler handler, void *userdata, Sequence **ret);

/* True once the last step has begun. */
bool sequence_is_at_end(const Sequence *sequence);

/* Doesn't cancel the step in systemd. */
Sequence *sequence_free(Sequence *sequence);
DEFINE_TRIVIAL_CLEANUP(Sequence *, sequence_free);

/* ── for programs without a loop ── */

/* Asks for one step, of @unit, and waits for systemd's answer. It doesn't wait for the end of a job, so that
 * the unit may be ordered after the caller. JOB_RESTART is for a unit that runs. @unit isn't used by
 * JOB_DAEMON_RELOAD. Returns 0 or a negative errno. */
int systemd_call(sd_bus *bus, JobKind kind, const char *unit);

/* Whether the unit's ActiveState is @state; false where systemd doesn't tell. */
bool systemd_is(sd_bus *bus, const char *unit, const char *state);
