/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/log.h"
#include "core/config.h"
#include "store/store.h"

/* Makes the objects that know or do something, gathers their facts, asks the policy and carries out its
 * decision: one evaluation for all that has happened, at most one operation under way at a time. */

/* The daemon, until SIGTERM or SIGINT. At SIGHUP it reads its configuration anew. Returns 0 or a negative
 * errno, logged. */
int manager_run(const Log *log, const Config *config);

/* What has come of a moved sshd. */
typedef struct Restored {
        bool runs;
        BareUnits units;
        uint16_t port;      /* where our files have it; 0: they are gone */
        uint16_t home_port; /* 0: not known */
        char why[512];      /* why sshd runs on .port still, for people; "": it doesn't */
} Restored;

/* For --reset: has a moved sshd go back to its own configuration, as Restore() on D-Bus does, and ends.
 * Returns 0, or a negative errno where systemd doesn't tell of sshd. */
int manager_restore(const Log *log, const Config *config, Restored *ret);

/* Logs an error of the configuration file; a ConfigErrorHandler, with a Log as its userdata. */
void manager_log_config_error(const char *path, unsigned line, const char *message, void *userdata);
