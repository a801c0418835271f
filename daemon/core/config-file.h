/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config-lines.h"

#define CONFIG_FILE SYSCONFDIR "/wslportd.conf"

/* Reads CONFIG_FILE and its drop-ins: the files *.conf, 64 at most, in the folders wslportd.conf.d of /usr/lib, /run
 * and SYSCONFDIR. A file masks those of the same name in the earlier folders. What is left is read in the order of
 * the names, each file over those before it. @root is "" but in tests, and stands before each path.
 *
 * @on_error gets each error, and without any config_warn()'s warning. Returns 1, or the first error, as of
 * config_load_file(). *@ret is what a start makes do with: all that could be read, which allows no more than the
 * files do. */
int config_load(const char *root, ConfigErrorHandler on_error, void *userdata, Config *ret);

/* Reads the file at @path, of 64 KiB at most, over what *@config has; a symbolic link is followed. @on_error gets
 * each error in the order of the lines: the first 20, then the number of the others. Returns 1 if the file has none,
 * 0 if there is no file, or it is /dev/null, -EINVAL after an error, or another negative errno if the file could not
 * be read, as where a link leads nowhere. In the last two cases @on_error was called at least once. */
int config_load_file(const char *path, ConfigErrorHandler on_error, void *userdata, Config *config);

/* The same for @size bytes of text in memory; @path is for messages. Returns 1, -EINVAL or -ENOMEM. */
int config_parse(const char *path, const char *text, size_t size, ConfigErrorHandler on_error,
                 void *userdata, Config *config);

/* Warns of candidates at which an sshd in WSL can't be reached: in mirrored mode Windows keeps their inbound TCP traffic
 * (learn.microsoft.com/windows/wsl/troubleshooting). */
void config_warn(const Config *config, ConfigErrorHandler on_warning, void *userdata);

/* Writes each key of @config in the form of the file, and where it comes from in a comment. Read again, a
 * configuration that came out of a call that returned 1 or 0 is the same. */
void config_print(const Config *config, FILE *out);
