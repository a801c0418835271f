/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "core/status.h"
#include "diagnose/facts.h"

/* Reads the facts of the checks from the kernel, systemd, sshd, the journal and files, each with a deadline.
 * It waits, so it is for a process of its own. It binds and changes nothing. @bus is the system bus, NULL if
 * there is none; @status is what the daemon says there, NULL if it doesn't answer. @for_everyone: as
 * MachineFacts'. With a @port, only what check_who() looks at is read. The caller has SIGCHLD blocked. Returns 0, or
 * a negative errno if there is no event loop. */
int gather_facts(sd_bus *bus, const Status *status, bool for_everyone, uint16_t port, CheckFacts *ret);
