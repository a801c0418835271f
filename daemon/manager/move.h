/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/move-request.h"
#include "systemd/sequence.h"

/* One move of sshd: write (or take away) our files, have sshd check its whole configuration (manager/trial),
 * bind the port to see that Windows grants it, have systemd read changed units and work on them, and see in
 * the kernel that sshd listens. The bind takes the port from Windows, so it comes after the check. A move
 * that fails puts the files back, and tells sshd and systemd again if they were told. sshd, and a later start
 * of wslportd, can begin from every state on the way. */

/* The bind helper's deadline. Longer than boot is held: sshd's own bind() waits behind the same answer, and
 * a question that is taken back would leave the port reserved for nobody. */
#define PROBE_TIMEOUT (30 * USEC_PER_SEC)

typedef struct Move Move;

/* Asks the kernel whether the managed unit has each endpoint that it should have on @port by @placement. 1;
 * -EINPROGRESS where it has all of IPv4 and lacks some of IPv6; 0 where it lacks more; -EADDRINUSE where another here
 * has one; or -EAGAIN where it can't be known for the moment. */
typedef int (*MoveListens)(const Placement *placement, uint16_t port, void *userdata);

/* @result is 0, or a negative errno and everything is as it was (or, if not, @text says so too); @text is
 * one line for people. @answer is what bind() said of @port last, BIND_NOT_ASKED where it was not asked.
 * -EADDRINUSE: @answer is not BIND_FREE. -EBUSY: another here took the port before sshd, which has tried to,
 * could. -ENOLINK: the connection with systemd ended in the midst of it, and what was done is left as a kill
 * would leave it. Called once, unless the move is freed before; may free the move. */
typedef void (*MoveHandler)(int result, uint16_t port, BindAnswer answer, const char *text, void *userdata);

/* @bus is where systemd1 answers. @request is copied. Returns 0, or a negative errno and nothing was changed. */
int move_start(sd_event *event, sd_bus *bus, const MoveRequest *request, MoveListens listens,
               MoveHandler handler, void *userdata, Move **ret);

/* A move that systemd was told nothing of is undone, unless sshd has come up with it; else where it stands,
 * it stands. */
Move *move_free(Move *move);
DEFINE_TRIVIAL_CLEANUP(Move *, move_free);
