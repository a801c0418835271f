/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config.h"

/* A configuration file is INI: [Section] lines, and Key=value lines of at most CONFIG_LINE_MAX characters
 * that start in the first column, in ASCII, with line ends of Unix or Windows. A '#' or ';' at the start of
 * a line or after a blank begins a comment, of any length and any bytes but NUL. Names are case-sensitive.
 * Sections may come again, keys may not. conf/wslportd.conf tells what the keys mean.
 *
 * libinih takes the lines apart, but left to itself it lets pass what nobody meant: it reads the rest of a
 * long line as a line of its own, an indented line as one more value, an unclosed section as none, and takes
 * ':' for '='. So it only gets lines that are checked, without comments. That also makes us independent of
 * how distributions have built it. */

/* One error in a configuration file. @line counts from 1; 0: the whole file. @message is one line of
 * printable ASCII and tabs, whatever the file holds, and says what would be right. */
typedef void (*ConfigErrorHandler)(const char *path, unsigned line, const char *message, void *userdata);

/* The section of the keys beneath a refused section, which was told already. */
#define REFUSED_SECTION "?"

typedef struct ConfigLines {
        const char *path;
        ConfigErrorHandler on_error;
        void *userdata; /* of .on_error */

        const char *text; /* what has not been read yet */
        size_t size;
        unsigned line;     /* the line that was read last, from 1 */
        unsigned n_errors; /* all that were found; a bounded number of them is told */
} ConfigLines;

/* Passes over a mark of UTF-8. Refuses UTF-16, which would be an error in each line. */
void config_lines_begin(ConfigLines *lines);

/* A libinih ini_reader: the next line that says something and is right. libinih asks for the next line only
 * when it is done with the one before. */
char *config_lines_next(char *buffer, int size, void *lines);

/* Tells an error in the line that was read last. The text must be printable: each line that
 * config_lines_next() gives is printable ASCII and tabs. */
void config_lines_complain(ConfigLines *lines, const char *format, ...) _printf_(2, 3);

/* Tells how many errors were too many to be told. Returns 0, or -EINVAL where there was any error. */
int config_lines_end(const ConfigLines *lines);
