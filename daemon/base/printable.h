/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* Copies @text to @buffer, cut between two characters where it doesn't fit, without anything that a terminal would
 * take for a command or that a reader wouldn't see: control characters of both sets, line breaks, marks that turn the
 * order of a line around, invisible ones, and each byte that isn't UTF-8, come out as "?". Returns @buffer. */
const char *printable(const char *text, char *buffer, size_t size);

/* How many bytes the character at @text has, of which @left may be read (SIZE_MAX: to a NUL); 0 where it is one of those
 * that printable() replaces. */
size_t printable_length(const char *text, size_t left);
