/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config.h"

/* A configuration file is INI: [Section] lines, and Key=value lines of at most CONFIG_LINE_MAX characters
 * that start in the first column, in ASCII, with line ends of Unix or Windows. A '#' or ';' at the start of
 * a line or after a blank begins a comment, of any length and any bytes but NUL. Names are case-sensitive.
 * Sections may come again in one file, keys may not. conf/wslportd.conf tells what the keys mean.
 *
 * libinih takes the lines apart. Left to itself it reads the rest of a long line as a new line, an indented
 * line as one more value, an unclosed section as none, and ':' as '='. So it gets checked lines only. */

/* One error in a configuration file. @line counts from 1; 0: the whole file. @message is one line of
 * printable ASCII and tabs, whatever the file holds, and says what would be right. */
typedef void (*ConfigErrorHandler)(const char *path, unsigned line, const char *message, void *userdata);

typedef struct ConfigLines ConfigLines;

struct ConfigLines {
        const char *path;
        ConfigErrorHandler on_error;
        void *userdata; /* of .on_error */

        char *rest;        /* what has not been read yet */
        unsigned line;     /* the line that was read last, from 1 */
        unsigned n_errors; /* all that were found; a bounded number of them is told */

        void (*take_value)(ConfigLines *lines, const char *section, const char *name, const char *value);
        Config *config;                     /* .take_value's */
        unsigned lines_of[_CONFIG_KEY_MAX]; /* .take_value's: the line of each key in this file; 0: none */
};

/* Hands each Key=value line of @text to .take_value. Returns 0, -EINVAL where there was any error, or -ENOMEM. */
int config_lines_read(ConfigLines *lines, const char *text, size_t size);

/* Tells an error in the line that was read last. The text must be printable, as all that .take_value gets
 * is. */
void config_lines_complain(ConfigLines *lines, const char *format, ...) _printf_(2, 3);
