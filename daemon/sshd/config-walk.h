/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/config.h"

/* The lines of sshd's configuration, or of another of its kind, in the order in which their program reads them: a
 * file may take in others by Include. What is read is bound. But a glob or a file may take long: whoever calls this
 * within the event loop has seen sshd read the same directly before. */

typedef struct ConfigLine {
        ConfigPlace place;
        const char *words; /* list, the keyword first; without quotes, comments, and empty lines */
} ConfigLine;

/* Returns 0 for the next line; anything else ends the walk. */
typedef int (*ConfigLineHandler)(const ConfigLine *line, void *userdata);

/* Walks through the files of the glob @pattern. @root is "" but in tests, and stands before each path. Returns what
 * ended the walk, or 0, or the negative errno of the first file that could not be read, and the others were. */
int config_walk(const char *root, const char *pattern, ConfigLineHandler handler, void *userdata);

/* Walks through sshd's configuration. @options: sshd's, as of sshd_options(). */
int config_walk_sshd(const char *root, const char *options, ConfigLineHandler handler, void *userdata);

/* Calls @handler with each path that sshd's configuration is read from: a glob as Include has it, made absolute. As
 * config_walk_sshd() otherwise. */
int config_walk_paths(const char *options, int (*handler)(const char *path, void *userdata), void *userdata);
