/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/status.h"
#include "diagnose/checks.h"

/* The facts that the checks want, read from the kernel, systemd, sshd, the journal and the files. Waits for
 * them, each with a deadline, and goes on without what does not come; for a process of its own. It binds
 * nothing and changes nothing. */

/* The argument with which the program that calls this is run again, to read the Windows user's file: that
 * may never end. Then gather_profile_main() is to be returned from main(). */
#define GATHER_PROFILE_OPTION "--read-profile"
int gather_profile_main(int argc, char *argv[]);

/* @status is what the daemon says, NULL where it doesn't answer; @can_ask: there is a bus to ask it on.
 * Returns 0 or a negative errno where there is no event loop to be had. SIGCHLD has to be blocked. */
int gather_facts(const Status *status, bool can_ask, CheckFacts *ret);
