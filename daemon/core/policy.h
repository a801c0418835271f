/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config.h"
#include "core/decision.h"

/* Decides on facts alone, without I/O: the same facts always give the same decision. It decides one action
 * at a time; the result of that action is among the facts of the next decision. */
void policy_decide(const Config *config, const Snapshot *s, Decision *ret);
