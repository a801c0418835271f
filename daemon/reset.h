/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util.h"

/* Takes away all that wslportd has written and changed, so that sshd is as its owner has it: at removal, and where the
 * system runs outside of WSL. Units are read again, and a socket unit is restarted, for it would listen no more; a
 * running sshd stays where it is until its next start, for its own port may be taken. Waits for systemd, so not for the
 * daemon; for no job, so that units may be ordered after the caller.
 *
 * Returns 1 if sshd was moved, 0 if not, or a negative errno, after everything was tried. */
int reset_all(void);
