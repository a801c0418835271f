/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* Repairs what a daemon left half done when it was killed. It restarts sshd's socket unit if a daemon-reload has
 * closed the unit's sockets, and starts the service if the daemon was about to switch from one unit to the
 * other. Waits for systemd's answers, but not for the jobs. @unit is as for unit_pairs(). Returns 0 or a negative
 * errno. */
int mend_units(const char *unit);
