/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dbus/object.h"
#include "facts/home-finder.h"
#include "facts/mode.h"
#include "facts/naming.h"
#include "facts/watch.h"
#include "manager/files.h"
#include "systemd/link.h"

/* What the manager does at present. */
typedef enum Stage {
        STAGE_BOOTING, /* sshd's start waits until the manager says READY=1 */
        STAGE_RUNNING, /* READY=1 was said */
        STAGE_RESTORING, /* --reset: the loop ends when sshd has its own configuration again, or can't have it */
} Stage;

/* With STAGE_RESTORING: the exit code of a loop that no signal has ended. */
#define RESTORE_ENDED 1

/* What has led to an evaluation, as far as that matters afterwards. */
typedef enum Trigger {
        TRIGGER_OTHER = 0,
        TRIGGER_WATCH = 1 << 0,  /* a watched port: its evaluations are charged to the Watch */
        TRIGGER_ANSWER = 1 << 1, /* systemd or sshd has answered: that has taken memory */
} Trigger;

/* What the parts of the manager share. manager.c makes all of it, and frees it after the parts. */
typedef struct Context {
        sd_event *event;
        Log log;
        Config config;
        Files files;
        Stage stage;
        sd_event_source *evaluation;
        Trigger triggers; /* of the next evaluation */

        Routes *routes;
        Mode *mode;
        Sockets *sockets;
        Watch *watch;
        HomeFinder *home_finder;
        Naming *naming;
        Units *units;
        SystemdLink *link;
        BusObject *bus;
} Context;

/* Has the manager evaluate once all pending events have been dispatched. Several calls lead to one evaluation. */
void context_evaluate_later(Context *context, Trigger trigger);

/* A handler of timers: has the manager evaluate. @userdata is the Context. */
int context_on_timer(sd_event_source *source, uint64_t usec, void *userdata);

/* Logs "@what: …" and ends the loop with @error. systemd starts the daemon anew. */
void context_give_up(Context *context, int error, const char *what);

/* True if what failed with @error may work in a moment: the error is passing, or the connection with systemd
 * has ended. */
bool context_is_passing(const Context *context, int error);
