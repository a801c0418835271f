/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* Finishes what a daemon that has ended, however it did, left half done: restarts a socket unit of sshd that
 * a daemon-reload has cut off from its sockets, and starts the service if SocketActivation= was being carried
 * out. Waits for systemd's answer, for no job. Returns 0 or a negative errno. */
int mend_units(void);
