/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config.h"
#include "core/decision.h"

/* Decides for an sshd that runs: SERVICE_RUNNING. */
void running_decide(const Config *config, const Snapshot *s, Decision *d);
