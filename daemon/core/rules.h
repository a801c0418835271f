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
