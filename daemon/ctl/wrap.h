/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

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
