/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/status.h"

/* The port as a picture for people: who holds what on which side, where sshd is and why, how others reach
 * it, and what to do next where there is something to do. */

#define PICTURE_LINES_MAX 24
#define PICTURE_COLUMNS 80
#define PICTURE_SIZE 8192

/* Draws @status at @now (CLOCK_REALTIME, µs), in the local time zone: at most so many lines of at most so
 * many columns, each with its newline, and nothing a terminal would take for a command but colours. */
void picture_draw(const Status *status, bool color, uint64_t now, char ret[static PICTURE_SIZE]);

/* What there is to say where the daemon can't be asked on a machine whose kernel tells of @mode
 * (wsl_detect()), in a line; NULL where it should run. */
const char *picture_absence(NetworkingMode mode);
