/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* Copies @text to @buffer, cut between two characters where it doesn't fit. "?" stands for each byte that
 * isn't UTF-8, and for each character that a terminal would take for a command or that a reader wouldn't
 * see: control characters of both sets, line breaks, marks that turn the order of a line around, invisible
 * characters. Returns @buffer. */
const char *printable(const char *text, char *buffer, size_t size);
