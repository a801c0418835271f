/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config.h"
#include "core/decision.h"

/* Decides for an sshd that is about to bind: SERVICE_QUEUED or SERVICE_TO_START. */
void start_decide(const Config *config, const Snapshot *s, Decision *d);
