/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "windows/bindprobe.h"
#include "store/store.h"
#include "systemd/sequence.h"

/* One move of sshd, from the files to the listener: write (or take away) our files, let sshd check the whole of its
 * configuration, bind the port to see that Windows grants it, have systemd read its units again where they changed
 * and work on them, and see in the kernel that sshd listens. Where a mechanism turns out not to move it (another
 * `Port` stands beside ours, no generator hands it on), the next one is tried. The bind comes no sooner than the
 * files and the check are known to work, for it takes the port from Windows. What fails is undone: the files are put
 * back, and where sshd or systemd was already told, they are told again; but for a service that is where it was still.
 *
 * Every state on the way is one that sshd and a later start of wslportd can begin from. */

#define MOVE_MECHANISMS_MAX 3

typedef struct MoveRequest {
        Placement from;
        uint16_t port; /* where sshd is to be; 0: where its own configuration has it */
        uint16_t beside[SSHD_PORTS_MAX]; /* and on which of its own ports besides */
        size_t n_beside;
        Mechanism mechanisms[MOVE_MECHANISMS_MAX]; /* to be tried, in this order */
        size_t n_mechanisms;
        uint16_t expected; /* where it is to listen in the end, for the last check; 0: not to be checked */
        uint16_t home;     /* for comments */
        bool probe;        /* whether .port is free isn't known yet */
        bool rehearsed;    /* a move to another port came as far as the probe: then it may come first */
        bool ipv6;         /* as for bindprobe_start() */
        usec_t probe_timeout;
        const BareUnits *units; /* copied */
        const char *options;    /* words: those that sshd is checked with; copied */
        Shape shape; /* but for .command_changes, which depends on the mechanism */
        ServicePhase phase; /* as for plan_apply(): SERVICE_INACTIVE where sshd isn't to be touched */
} MoveRequest;

typedef struct Move Move;

/* Whether the managed unit listens on @port, on every family it should: asked of the kernel. 1, 0, -EADDRINUSE where another here
 * does, or -EAGAIN where it can't be known for the moment. */
typedef int (*MoveListens)(uint16_t port, void *userdata);

/* @result is 0, or a negative errno and everything is as it was (or, if not, @text says so too); @text is
 * one line for people. @answer is what bind() said of the port, BIND_NOT_ASKED where it was not asked;
 * -EADDRINUSE is only given where that was not BIND_FREE, -EBUSY where another here took the port before sshd could, which
 * it has tried, and -ENOLINK where the connection with systemd ended in the
 * midst of it: what was done is left as a kill would leave it. Called once, unless freed before; may free the
 * move. */
typedef void (*MoveHandler)(int result, BindAnswer answer, const char *text, void *userdata);

/* @bus is where systemd1 answers. Returns 0, or a negative errno and nothing was changed. */
int move_start(sd_event *event, sd_bus *bus, const MoveRequest *request, MoveListens listens,
               MoveHandler handler, void *userdata, Move **ret);

/* One that systemd was told nothing of is undone, unless sshd has come up with it; else where it stands, it stands. */
Move *move_free(Move *move);
DEFINE_TRIVIAL_CLEANUP(Move *, move_free);
