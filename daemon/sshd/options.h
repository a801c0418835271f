/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

/* How a unit runs sshd. Pure. */

#define SSHD_COMMAND_SIZE 1024

typedef struct SshdCommand {
        char program[256];                 /* absolute; "" if it isn't known */
        char prefix[8];                    /* as in the unit; "?": one that wslportd can't keep */
        char arguments[SSHD_COMMAND_SIZE]; /* words as in the unit: `$SSHD_OPTS` isn't replaced */
} SshdCommand;

/* Picks those of @arguments that decide where sshd listens and whether it accepts its configuration: -4, -6,
 * -c, -f, -h, -o, -p. Variables are replaced out of @environment ("NAME=value" words, the last of a name
 * counts; NULL: they stay); `$NAME` as a word of its own becomes any number of words, as in systemd
 * (systemd.service(5)). @ret_has_port: one of them is -p. Returns 0, or -E2BIG and an empty list. */
int sshd_options(const char *arguments, const char *environment, char ret[static SSHD_COMMAND_SIZE],
                 bool *ret_has_port);

/* Removes the `-p N` that our own drop-in has put in front. Never the owner's: we give such a service no drop-in. */
void sshd_options_without_ours(char arguments[static SSHD_COMMAND_SIZE]);

bool sshd_is_named_by(const char *program); /* whether that is `sshd`, or a path that ends so */

/* The arguments of sshd itself in @command, which may run sshd by another program: `env`, `nice`, or
 * `sh -c "exec sshd …"`. Empty if the command doesn't show them. */
void sshd_own_arguments(const SshdCommand *command, char ret[static SSHD_COMMAND_SIZE]);

/* Calls @handler for each assignment in the text of an EnvironmentFile=, as systemd reads it (its
 * src/basic/env-file.c). @value is NULL if it is longer than a command can be; @line is where @name stands.
 * A negative result of @handler ends the reading, and is returned; else 0. */
typedef int (*EnvironmentHandler)(const char *name, const char *value, unsigned line, void *userdata);
int environment_parse(const char *text, EnvironmentHandler handler, void *userdata);
