/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config.h"
#include "core/decision.h"

/* The parts of policy_decide(), each in a file of its name. */

/* Decides for an sshd that is about to bind: SERVICE_QUEUED or SERVICE_TO_START. */
void start_decide(const Config *config, const Snapshot *s, Decision *d);

/* Decides for an sshd that runs: SERVICE_RUNNING. */
void running_decide(const Config *config, const Snapshot *s, Decision *d);

/* Carries out EnsureEnabled= and SocketActivation=. True if @d is decided. */
bool switch_decide(const Config *config, const Snapshot *s, Decision *d);

/* If @d is to do nothing: adds to the reason why SocketActivation= can't be carried out. */
void switch_tell_waiting(const Config *config, const Snapshot *s, Decision *d);

/* ── candidate.c ── */

/* Chooses one of CandidatePorts for an sshd that has to leave a port. Each function decides; its reason
 * begins with why sshd has to leave, and its cause is that of leaving or of what keeps sshd from it. */

/* The last port comes first, as clients know it; then the list in its order. Includes
 * candidate_keep_others(). */
void candidate_choose(const Config *config, const Snapshot *s, Decision *d, Cause cause, const char *format,
                      ...) _printf_(5, 6);

/* sshd leaves the first of its home ports, and keeps the others that it has. */
void candidate_keep_others(const Snapshot *s, Decision *d);

/* Decides for an sshd that can't have the port of @fact; the reason is what @fact says. */
void candidate_replace(const Config *config, const Snapshot *s, const PortFact *fact, Decision *d);

/* Decides for an sshd that can't have @port, one of its home ports. */
void candidate_replace_home(const Config *config, const Snapshot *s, uint16_t port, Cause cause,
                            const char *why, Decision *d);
