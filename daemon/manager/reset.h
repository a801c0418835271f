/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/log.h"

#define RESET_TEXT_SIZE 2048

/* Undoes all that wslportd has written and changed. It is for the package's removal, and for a system that is started
 * outside of WSL. A running sshd goes back to its own configuration if sshd accepts that and can bind its own ports.
 * Otherwise it stays: a service until its next start, a socket unit until the next boot, by a drop-in in /run. This
 * waits for systemd. It waits for no job if it runs as wslportd-reset.service, since that comes before sshd's units.
 * @unit is as for unit_pairs(). Returns 0; 1 if sshd stays, and one line for people with the reason and the remedy;
 * -EBUSY, and nothing was changed, if the daemon runs; or another negative errno, after everything was tried. */
int reset_all(const Log *log, const char *unit, char ret_text[static RESET_TEXT_SIZE]);
