/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/status.h"
#include "diagnose/facts.h"

/* Reads the facts of the checks from the kernel, systemd, sshd, the journal and files, each with a deadline.
 * It waits, so it is for a process of its own. It binds and changes nothing. @status is what the daemon says,
 * NULL if the daemon doesn't answer; @can_ask: there is a bus to ask it on. The caller has SIGCHLD blocked.
 * Returns 0, or a negative errno if there is no event loop. */
int gather_facts(const Status *status, bool can_ask, CheckFacts *ret);
