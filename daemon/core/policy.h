/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config.h"
#include "core/decision.h"

/* The one place that decides. It does no I/O: facts come in, what to do comes out, and the same facts always
 * give the same answer. At most one action is decided at a time; the next is decided on the facts that this
 * one brings. */
void policy_decide(const Config *config, const Snapshot *s, Decision *ret);
