/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* For the moment after the daemon has ended, however it did, and what was its to ask for next: between a daemon-reload that
 * changed a socket unit and that unit's restart nothing listens, and neither does between one unit and the other where
 * SocketActivation= is carried out. Restarts the socket unit of sshd that says it listens and doesn't, and starts the
 * service. Waits for systemd's answer, for no job. Returns 0 or a negative errno. */
int mend_units(void);
