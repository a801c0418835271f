/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/model.h"
#include "kernel/routes.h"

/* The networking mode that is running, from the kernel's name, from its routes, and confirmed by wslinfo. */
typedef struct Mode Mode;

/* Called when it, or an address, may have changed. */
typedef void (*ModeHandler)(void *userdata);

/* @routes outlives it, and is watched by it. Returns 0 or a negative errno. */
int mode_new(sd_event *event, Routes *routes, ModeHandler handler, void *userdata, Mode **ret);
Mode *mode_free(Mode *mode);
DEFINE_TRIVIAL_CLEANUP(Mode *, mode_free);

NetworkingMode mode_get(const Mode *mode);

/* wslinfo is still being asked, and what it says may change everything: not where the routes show that ports are shared. The
 * handler is called when it has answered, or hasn't in time. */
bool mode_is_pending(const Mode *mode);

/* Asks again where wslinfo has not told it. */
void mode_ask(Mode *mode);

/* wslinfo is there and gave no answer: the mode, if one is known, is by the routes alone. */
bool mode_is_unconfirmed(const Mode *mode);
