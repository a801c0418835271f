/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config-lines.h"

#define CONFIG_FILE SYSCONFDIR "/wslportd.conf"

/* Reads the file at @path, of 64 KiB at most; a symbolic link is followed. @on_error gets each error in the
 * order of the lines: the first 20, then the number of the others. Returns 1 if the file has none, 0 and the
 * defaults if there is no file, -EINVAL after an error, or another negative errno if the file could not be read,
 * as where a link leads nowhere. In the last two cases @on_error was called at least once, and *@ret is what a
 * start makes do with: all that could be read, which allows no more than the file does. */
int config_load(const char *path, ConfigErrorHandler on_error, void *userdata, Config *ret);

/* The same for @size bytes of text in memory; @path is for messages. Returns 1, -EINVAL or -ENOMEM. */
int config_parse(const char *path, const char *text, size_t size, ConfigErrorHandler on_error,
                 void *userdata, Config *ret);

/* Writes each key of @config in the form of the file. Read again, a configuration that came out of
 * config_load() or config_parse() is the same. */
void config_print(const Config *config, FILE *out);
