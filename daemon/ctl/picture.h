/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/status.h"

/* Text in lines of whole words, for a terminal. */

/* Instead of a number of columns or lines: as many as there are. */
#define WRAP_NEVER UINT32_MAX
#define COLUMNS_FULL 80 /* help is no wider; a narrower terminal has other forms */

/* True if @columns leave little room behind @indent: then wrap_text() writes all of its lines below. */
bool wrap_goes_below(unsigned indent, unsigned columns);

/* Writes @text and a newline. The first line goes on at column @indent, and the others begin there; where @columns
 * leave little room, all lines stand below, indented a little. A command, which stands in backticks, is never broken, and
 * other words only where they are longer than a line. " ..." stands for what doesn't fit into @n_lines. */
void wrap_text(FILE *file, const char *text, unsigned indent, unsigned columns, unsigned n_lines);

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
