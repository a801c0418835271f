/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/log.h"
#include "base/util.h"

/* Takes away all that wslportd has written and changed, so that sshd is as its owner has it: at removal, and
 * where the system runs outside of WSL.
 *
 * An sshd that runs goes back to its own configuration where that is sure to work: sshd accepts it, and its
 * own ports can be bound, which is tried once, right before sshd binds them. Else it stays where it is: a
 * service until it is started again; a socket unit, which would listen no more, until the next boot, by a
 * drop-in that is left in /run until then. A unit that doesn't run is left so. Systemd is waited for, so it
 * is not for the daemon; jobs are waited for only where a unit runs, and not at all as
 * wslportd-reset.service, which sshd's units are ordered after.
 *
 * @unit is as for units_new(). */

#define RESET_TEXT_SIZE 2048

/* Returns 0, 1 where sshd stays where it is, with one line for people that says why and what to do about it,
 * -EBUSY and nothing was changed where the daemon runs, or another negative errno, after everything was
 * tried. */
int reset_all(const Log *log, const char *unit, char ret_text[static RESET_TEXT_SIZE]);
