/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/style.h"
#include "core/status.h"

/* The ports as a picture for people: who holds which port on which side, where sshd is and why, how other
 * machines reach it, and what to do next. */

#define PICTURE_LINES_MAX 24
#define PICTURE_COLUMNS 80

/* Draws @status as of @now (CLOCK_REALTIME, µs), with local times, within PICTURE_LINES_MAX and
 * PICTURE_COLUMNS, and with colours if @color. */
void picture_draw(FILE *file, const Status *status, bool color, uint64_t now);

/* The colour of a state. */
Style picture_style(State state);

/* Why the daemon doesn't run on a machine whose kernel shows @mode (wsl_detect()). NULL: it should run. */
const char *picture_absence(NetworkingMode mode);
