/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

/* How a unit runs sshd. */
#define SSHD_COMMAND_SIZE 1024

typedef struct SshdCommand {
        char program[256];                 /* absolute; "" where it isn't known */
        char arguments[SSHD_COMMAND_SIZE]; /* words, as the unit has them: `$SSHD_OPTS` stays */
} SshdCommand;

/* Those of @arguments that decide where sshd listens and whether it accepts its configuration, with variables put
 * in out of @environment ("NAME=value" words): -4, -6, -c, -f, -h, -o, -p. `$NAME` as a word of its own becomes
 * any number of words, as in systemd (systemd.service(5)). @ret_has_port: whether -p is among them.
 * Returns 0, or -E2BIG and an empty list. */
int sshd_options(const char *arguments, const char *environment, char ret[static SSHD_COMMAND_SIZE],
                 bool *ret_has_port);

/* Takes away what our own drop-in appends: the `-p N` at the end. A service that has a `-p` of its owner's gets no such
 * drop-in. */
void sshd_options_without_ours(char arguments[static SSHD_COMMAND_SIZE]);

/* Adds a file's assignments to @environment, later ones before earlier ones so that they are found first: lines
 * NAME=value, the value as it is or in quotes; others are passed over. (systemd.exec(5), EnvironmentFile=) */
void sshd_environment_add(const char *text, char *environment, size_t size);
