/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "store/render.h"
#include "sshd/dump.h"
#include "systemd/units.h"

/* The files that move sshd. What is kept over boots is the decision itself: the port file, which the static Include
 * line has sshd read, so that it holds where wslportd doesn't run; or, where that doesn't do, a note of what the
 * drop-in below /run is to be made of at each boot. Everything below /run may vanish. */

#define KEPT_PORT_FILE STATEDIR "/sshd.d/port.conf"
#define KEPT_MOVED_FILE STATEDIR "/moved"
#define KEPT_LAST_PORT_FILE STATEDIR "/last-port"
#define KEPT_DISABLED_SOCKET_FILE STATEDIR "/disabled-socket"
#define KEPT_UNREAD_FILE STATEDIR "/unread"
#define KEPT_DROP_INS "/run/systemd/system"

/* What the drop-ins are made of. */
typedef struct KeptUnits {
        char service[256], socket[256]; /* "" where there is none */
        SshdCommand command;
        char streams[UNIT_STREAMS_SIZE]; /* words: the socket's own addresses */
} KeptUnits;

/* Whether @port is one of sshd's own that it has beside the one it was moved to. */
bool kept_keeps(const Kept *kept, uint16_t port);

/* Returns 1 and *@ret, 0 where sshd is not moved, -EBADMSG where a file isn't what we write (sshd reads the port
 * file all the same), or another negative errno. */
int kept_read(Kept *ret);

/* Has the files say @kept and nothing else; the decision is written before what follows from it. @home serves for a
 * comment. @units may be NULL where no drop-in is to be written; none is taken away then.
 * Returns 1 if a unit file was changed, so that systemd has to read them again, 0, or a negative errno. */
int kept_write(const Kept *kept, uint16_t home, const KeptUnits *units);

/* A mark that stands while systemd may not have read what the files say. kept_is_unread(): whether it was left behind.
 * Returns 0 or a negative errno. */
int kept_mark_unread(bool unread);
bool kept_is_unread(void);

/* Takes away what a kept_write() that was cut off has left beside @kept. Returns 0 or a negative errno. */
int kept_clean(const Kept *kept);

/* Takes away all that wslportd ever writes, whichever the units; but for the drop-in of the unit @spared, which may be
 * NULL. Returns 1 if a unit file was among it, 0, or the first error, after everything was tried. */
int kept_reset(const char *spared);

/* The addresses that the drop-in of @socket stands in for. Returns 1, 0 where there is no drop-in, or a negative
 * errno. */
int kept_read_streams(const char *socket, char *ret, size_t size);

/* What SocketActivation=disable has changed. Returns 1 and *@ret, 0 where it has changed nothing, -EBADMSG or another
 * negative errno. NULL to write: it is undone. */
int kept_read_disabled_socket(DisabledSocket *ret);
int kept_write_disabled_socket(const DisabledSocket *disabled);

/* The port that clients know; nothing but wslportd reads it. */
int kept_read_last_port(uint16_t *ret);
int kept_write_last_port(uint16_t port);
