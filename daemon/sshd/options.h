/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

/* How a unit runs sshd. Pure. */

#define SSHD_COMMAND_SIZE 1024

typedef struct SshdCommand {
        char program[256];                 /* absolute; "" if it isn't known */
        char arguments[SSHD_COMMAND_SIZE]; /* words as in the unit: `$SSHD_OPTS` isn't replaced */
} SshdCommand;

/* Picks those of @arguments that decide where sshd listens and whether it accepts its configuration: -4, -6,
 * -c, -f, -h, -o, -p. Variables are replaced out of @environment ("NAME=value" words, the last of a name
 * counts); `$NAME` as a word of its own becomes any number of words, as in systemd (systemd.service(5)).
 * @ret_has_port: one of them is -p. Returns 0, or -E2BIG and an empty list. */
int sshd_options(const char *arguments, const char *environment, char ret[static SSHD_COMMAND_SIZE],
                 bool *ret_has_port);

/* Removes the `-p N` that our own drop-in has appended. Never the owner's: we give such a service no
 * drop-in. */
void sshd_options_without_ours(char arguments[static SSHD_COMMAND_SIZE]);

/* Adds the assignments of an EnvironmentFile= to @environment: lines NAME=value, the value as it is or in
 * quotes; other lines are ignored. (systemd.exec(5)) Returns 0, or -E2BIG, and some may have been added. */
int sshd_environment_add(const char *text, char environment[static SSHD_COMMAND_SIZE]);
