/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/log.h"
#include "store/store.h"

/* What our files say, as of the last reading or writing. */
typedef struct Files {
        Placement placement;     /* where sshd was moved to; .port is 0 where it wasn't */
        DisabledSocket disabled; /* what SocketActivation=disable has changed */
        uint16_t last_port;      /* the port that clients know; 0: none */
        uint16_t saved_port;     /* the one that is in the file of the last port */
        bool unread;             /* systemd may not have read what our files say */
} Files;

/* Takes away what sshd or systemd would stumble over. Returns 0, or a negative errno, logged, where it isn't
 * known what the files say; they are left as they are then. */
int files_read(Files *files, const Log *log);

/* Sees to it that the file of the last port has .placement.port. Where it can't be written, that is tried at
 * each call, and logged at the first. */
void files_save_last_port(Files *files, const Log *log);

/* The switch between service and socket unit is complete, or with @undone, there is none to be undone any
 * more. */
void files_end_switch(Files *files, bool undone, const Log *log);
