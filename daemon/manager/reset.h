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

/* Repairs what a daemon left half done when it was killed. It restarts sshd's socket unit if a daemon-reload has
 * closed the unit's sockets, and starts the service if the daemon was about to switch from one unit to the
 * other. Waits for systemd's answers, but not for the jobs. @unit is as for unit_pairs(). Returns 0 or a negative
 * errno. */
int mend_units(const char *unit);
