/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "store/render.h"
#include "systemd/units.h"

/* The files that wslportd writes. They are the decision itself and hold over boots: sshd reads the port file through
 * its static Include line, also while wslportd doesn't run. Where the port file doesn't move sshd, the file "moved"
 * says what drop-in to write below /run at each boot. Everything below /run may vanish at any time. */

#define STORE_PORT_FILE STATEDIR "/sshd.d/port.conf"
#define STORE_MOVED_FILE STATEDIR "/moved"
#define STORE_LAST_PORT_FILE STATEDIR "/last-port"
#define STORE_DISABLED_SOCKET_FILE STATEDIR "/disabled-socket"
#define STORE_MOVED_UNTIL_BOOT_FILE "/run/wslportd/moved" /* where STORE_MOVED_FILE can't be written */
#define STORE_RELOAD_DUE_FILE "/run/wslportd/unread"
#define STORE_REQUESTED_FILE "/run/wslportd/requested"
#define STORE_DROP_INS "/run/systemd/system"

/* Returns 1 and *@ret, 0 if no file of ours moves sshd, -EBADMSG if a file isn't one that we write (sshd
 * reads such a port file all the same), or another negative errno. */
int store_read_placement(Placement *ret);

/* The ssh units as they are without our drop-ins. */
typedef struct BareUnits {
        char service[256], socket[256]; /* "" if there is none */
        SshdCommand command;
        bool hidden;                     /* the service hides the port file from sshd */
        char streams[UNIT_STREAMS_SIZE]; /* words: where the socket unit listens */
} BareUnits;

/* Writes @placement, and removes each file that says anything else; the decision is written before its drop-in. A
 * placement by drop-in needs no room in STATEDIR: without it, the placement is in force until the next boot.
 * The port file's comment names the port @home. With @units NULL no drop-in is written or removed.
 * Returns 1 if a unit file has changed, so that systemd has to reload its units, 0, or a negative errno. */
int store_write_placement(const Placement *placement, uint16_t home, const BareUnits *units);

/* Takes our drop-ins out of what systemd says of @managed. Returns 0, or a negative errno for which
 * errno_is_passing(). */
int store_read_bare_units(ManagedUnits managed, BareUnits *ret);

/* Finds the service that was moved by a drop-in, whatever Unit= names now. "": there is none. */
void store_find_moved_service(char ret[static 256]);

/* Marks for the next run of the daemon. STORE_RELOAD_DUE_FILE: systemd may not have read our drop-ins yet.
 * STORE_REQUESTED_FILE, for this boot: somebody asked for the port that sshd was moved to. A mark that can't be
 * seen counts as set. store_set_mark() returns 0 or a negative errno. */
int store_set_mark(const char *path, bool set);
bool store_has_mark(const char *path);

/* Sets STORE_RELOAD_DUE_FILE before our files change, with what a socket unit has in force until systemd reads them: the
 * placement @in_force, beside @home, and with the unit's own @streams. Returns 0 or a negative errno. */
int store_note_unread(const Placement *in_force, uint16_t home, const char *streams);

/* If a run of the daemon was cut off after that, and before systemd has read our files, takes them back from
 * *@placement, and says so there: at the reading systemd would close the sockets of the unit @socket, which are open at
 * @streams. Returns 0 or more, or a negative errno. */
int store_take_back_unread(const char *socket, const char *streams, Placement *placement);

/* Removes what an interrupted store_write_placement() has left beside @placement. Returns 0 or a negative errno. */
int store_clean(const Placement *placement);

/* Removes each file that wslportd ever writes, for any ssh unit, except the drop-in of the unit @spared
 * (NULL: none). Returns 1 if a unit file was among them, 0, or the first error, after it has tried all. */
int store_reset(const char *spared);

/* What SocketActivation=disable has changed. Returns 1 and *@ret, 0 if it has changed nothing, -EBADMSG or
 * another negative errno. store_write_disabled_socket() with NULL: the change is undone. */
int store_read_disabled_socket(DisabledSocket *ret);
int store_write_disabled_socket(const DisabledSocket *disabled);

/* The port that sshd was moved to last, which clients know. Only wslportd reads this file. */
int store_read_last_port(uint16_t *ret);
int store_write_last_port(uint16_t port);
