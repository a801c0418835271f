/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model.h"

/* What is kept over boots, as files. The port file is the decision itself: the static Include line has sshd
 * read it, so that it holds where wslportd doesn't run. */

#define KEPT_PORT_FILE STATEDIR "/sshd.d/port.conf"
#define KEPT_LAST_PORT_FILE STATEDIR "/last-port"

/* The port that our file moves sshd to. Returns 1 and *@ret, 0 where there is no file, -EBADMSG where it
 * isn't what we write (sshd reads it all the same), or another negative errno. */
int kept_read_port(uint16_t *ret);

/* Has our file say @port, or be gone where that is 0. @home serves for its comment. Returns 1 if that
 * changed something, 0, or a negative errno. */
int kept_write_port(uint16_t port, uint16_t home);

/* The port that clients know. As above, but that nothing else reads it. */
int kept_read_last_port(uint16_t *ret);
int kept_write_last_port(uint16_t port);
