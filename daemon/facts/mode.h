/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kernel/routes.h"

/* Which networking mode runs: the kernel's name and its routes tell a part, and wslinfo tells all. */
typedef struct Mode Mode;

/* Watches @routes, which must outlive it, and asks wslinfo. Calls @handler when the mode or an address may have
 * changed. Returns 0 or a negative errno. */
int mode_new(sd_event *event, Routes *routes, ChangeHandler handler, void *userdata, Mode **ret);
void mode_free(Mode *mode);
DEFINE_TRIVIAL_CLEANUP(Mode *, mode_free);

NetworkingMode mode_get(const Mode *mode);

/* Returns true while wslinfo's first answer is to come and may change everything. (If the routes show that ports are
 * shared, it can't.) The handler is called after the answer, or at wslinfo's deadline. */
bool mode_is_pending(const Mode *mode);

/* Asks wslinfo again if it hasn't told the mode, and gives it more time than before. */
void mode_ask(Mode *mode);

/* Whether wslinfo is there and gave no answer: then mode_get() knows only what the routes show. */
bool mode_is_unconfirmed(const Mode *mode);
