/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

struct Ctl;

typedef struct Verb {
        const char *name;
        int (*run)(struct Ctl *ctl);
        const char *argument; /* how the help names its argument; NULL: it has none */
        const char *summary, *details;
} Verb;

typedef enum OptionName {
        OPTION_JSON,
        OPTION_VERSION,
        OPTION_HELP,

        OPTION_SCOPE,
        OPTION_HYPERV,
        OPTION_PORT,
        OPTION_REMOVE,
        OPTION_CHECK,
        OPTION_APPLY,
        OPTION_YES,
        OPTION_TIMEOUT,

        OPTION_HOST,
        OPTION_USER,
        OPTION_KNOWN_HOSTS,
        _OPTION_MAX,
} OptionName;

typedef struct CommandLine {
        const Verb *verb;                 /* status where none is given */
        const char *argument;             /* the verb's; NULL: not given */
        const char *options[_OPTION_MAX]; /* their values; NULL: not given, "": given, and takes no value */
} CommandLine;

/* Returns CTL_OK, or CTL_USAGE after it has printed an error. */
int command_line_parse(int argc, char *argv[], CommandLine *ret);
