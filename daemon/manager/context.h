/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/config.h"
#include "dbus/object.h"
#include "facts/home-finder.h"
#include "facts/mode.h"
#include "facts/naming.h"
#include "facts/watch.h"
#include "kernel/routes.h"
#include "manager/files.h"
#include "systemd/link.h"

/* What has led to an evaluation, as far as that matters afterwards. */
typedef enum Cause {
        CAUSE_OTHER = 0,
        CAUSE_WATCH = 1 << 0,  /* a watched port, which anybody here can bring about as often as he likes */
        CAUSE_ANSWER = 1 << 1, /* systemd or sshd has answered, which takes memory */
} Cause;

typedef enum Stage {
        STAGE_BOOTING, /* READY=1 is still to be said, and sshd's start waits for it */
        STAGE_RUNNING, /* the daemon's, for as long as it runs */
        STAGE_RESTORING, /* --reset: the loop ends when sshd is back on its own configuration, or can't go there */
} Stage;

/* What the parts of the manager share: the loop, the configuration, what our files say, and the objects that
 * each know or do one thing. manager.c makes all of it; it outlives the parts. */
typedef struct Context {
        sd_event *event;
        Log log;
        Config config;
        Files files;
        Stage stage;
        sd_event_source *evaluation;
        Cause causes; /* of the next one */

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

/* However often it is called, one evaluation follows, after all pending events have been dispatched. */
void context_evaluate_later(Context *context, Cause cause);

/* Logs "@what: …" and ends the daemon, so that systemd starts it anew. */
void context_give_up(Context *context, int error, const char *what);

/* Whether what failed with @error may go well in a moment: unlike with a disk that is full, or by sshd's own
 * no. */
bool context_is_passing(const Context *context, int error);
