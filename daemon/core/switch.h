/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config.h"
#include "core/decision.h"

/* EnsureEnabled= and SocketActivation=: which unit is to listen at all. True if @d is decided. */
bool switch_decide(const Config *config, const Snapshot *s, Decision *d);

/* Adds to the reason of a decision to do nothing that SocketActivation= can't be carried out, and why. */
void switch_tell_waiting(const Config *config, const Snapshot *s, Decision *d);
