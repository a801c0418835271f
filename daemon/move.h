/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "bindprobe.h"
#include "jobs.h"

/* One move of sshd, from the file to the listener: write (or take away) our file, let sshd check the whole
 * of its configuration, bind the port to see that Windows grants it, have systemd reload or start the unit,
 * and see in the kernel that it listens. The bind comes no sooner than the file and the check are known to
 * work, for it takes the port from Windows. What fails is undone: the file is put back, and where sshd was
 * already told, it is restarted as it was.
 *
 * Every state on the way is one that sshd and a later start of wslportd can begin from. */

typedef enum MoveApply {
        MOVE_APPLY_NOTHING, /* sshd isn't running: its next start takes the file in */
        MOVE_APPLY_RELOAD,
        MOVE_APPLY_START,
} MoveApply;

typedef struct MoveRequest {
        uint16_t to;   /* where sshd is to listen, for the last check; 0: not to be checked */
        uint16_t from; /* what our file said before; 0: it wasn't there */
        uint16_t file; /* what it is to say; 0: it is to be gone */
        uint16_t home;
        bool probe;     /* whether .file is free isn't known yet */
        bool rehearsed; /* a move to another port came as far as the probe: then it may come first */
        bool ipv6;      /* as for bindprobe_start() */
        usec_t probe_timeout;
        MoveApply apply;
        const char *unit; /* copied */
} MoveRequest;

typedef struct Move Move;

/* Whether the managed unit listens on @port, on every family it should: asked of the kernel. */
typedef bool (*MoveListens)(uint16_t port, void *userdata);

/* @result is 0, or a negative errno and everything is as it was (or, if not, @text says so too); @text is
 * one line for people. @answer is what bind() said of the port, BIND_NOT_ASKED where it was not asked;
 * -EADDRINUSE is only given where that was not BIND_FREE. Called once, unless freed before; may free the
 * move. */
typedef void (*MoveHandler)(int result, BindAnswer answer, const char *text, void *userdata);

/* @bus is where systemd1 answers. Returns 0, or a negative errno and nothing was changed. */
int move_start(sd_event *event, sd_bus *bus, const MoveRequest *request, MoveListens listens,
               MoveHandler handler, void *userdata, Move **ret);

/* Where it stands, it stands: nothing is undone. */
Move *move_free(Move *move);
DEFINE_TRIVIAL_CLEANUP(Move *, move_free);
