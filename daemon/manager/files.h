/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/log.h"
#include "store/store.h"

/* What wslportd's files say, as of the last reading or writing. */
typedef struct Files {
        Placement placement;
        DisabledSocket disabled;
        uint16_t last_port;  /* the port that sshd was moved to last; 0: none */
        uint16_t saved_port; /* the port in the file of the last port, which could perhaps not be written */
        bool reload_due;     /* systemd may not have read our drop-ins yet */
        bool until_boot;     /* .placement is kept in /run only */
        bool requested;      /* somebody asked for the port of .placement, in this boot */
} Files;

/* Removes a placement that can't be read: sshd would read the file too, and may refuse to start because of
 * it. Returns 0, or a negative errno, logged, if what the files say can't be found out for now. */
int files_read(Files *files, const Log *log);

/* Writes .placement.port into the file of the last port, and a .placement that is kept in /run only into STATEDIR. An
 * error is logged once; each call tries again. */
void files_save(Files *files, const Log *log);

/* Sets .requested, also for the next run of the daemon. */
void files_note_request(Files *files, bool requested, const Log *log);

/* Notes that one of the two ssh units listens. @undone: as before SocketActivation=disable, so that nothing
 * is left to undo. */
void files_end_switch(Files *files, bool undone, const Log *log);
