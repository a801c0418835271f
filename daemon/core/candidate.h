/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config.h"
#include "core/decision.h"

/* sshd has to leave a port: for which one of CandidatePorts? Each of these decides; the reason begins with
 * why. */

/* The ports that clients know come first, then the list in its order. See candidate_keep_others(). */
void candidate_choose(const Config *config, const Snapshot *s, Decision *d, const char *format, ...)
                _printf_(4, 5);

/* Of several home ports sshd leaves the first one; it keeps the others that it has. */
void candidate_keep_others(const Snapshot *s, Decision *d);

/* sshd can't have the port of @fact, for what @fact says. */
void candidate_replace(const Config *config, const Snapshot *s, const PortFact *fact, Decision *d);

/* sshd can't have @port, which is one of its home ports. */
void candidate_replace_home(const Config *config, const Snapshot *s, uint16_t port, const char *why,
                            Decision *d);
