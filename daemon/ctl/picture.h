/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/status.h"
#include "ctl/wrap.h"

/* How a terminal shows a piece of text. */
typedef enum Style {
        STYLE_PLAIN,
        STYLE_GOOD,
        STYLE_BAD,
        STYLE_FAINT,
        STYLE_STRONG,
} Style;

/* The escape sequence that begins @style, "" without colours; STYLE_PLAIN ends any. */
static inline const char *style_sequence(bool color, Style style) {
        static const char *const sequences[] = {
                [STYLE_PLAIN] = "\033[0m", [STYLE_GOOD] = "\033[32m",  [STYLE_BAD] = "\033[31m",
                [STYLE_FAINT] = "\033[2m", [STYLE_STRONG] = "\033[1m",
        };

        return color ? sequences[style] : "";
}

/* The ports as a picture for people: who holds which port on which side, where sshd is and why, how other
 * machines reach it, and what to do next. */

#define PICTURE_LINES_MAX 24

/* Draws @status as of @now (CLOCK_REALTIME, µs), with local times, and with colours if @color. With COLUMNS_FULL it
 * has PICTURE_LINES_MAX lines at most. */
void picture_draw(FILE *file, const Status *status, bool color, unsigned columns, uint64_t now);

/* The colour of a state. */
Style picture_style(State state);

/* Why the daemon doesn't run on a machine whose kernel shows @mode (wsl_detect()). NULL: it should run. */
const char *picture_absence(NetworkingMode mode);
