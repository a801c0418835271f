/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "ctl/picture.h"
#include "windows/firewall.h"

/* The command line and the verbs of wslportctl, and what they share. */

/* Exit statuses, for scripts; wslportctl(1) describes them. */
enum {
        CTL_OK = 0,
        CTL_FAILED = 1,       /* any failure that is none of the following */
        CTL_USAGE = 2,        /* the command line is wrong */
        CTL_NOT_RUNNING = 3,  /* the daemon can't be asked */
        CTL_NOT_ALLOWED = 4,  /* the caller isn't root, and polkit doesn't allow it */
        CTL_NOT_POSSIBLE = 5, /* the daemon can't do it now, and said why */
        CTL_FOUND = 6,        /* diagnose or firewall --check found a fault */
};

typedef struct Ctl Ctl;

typedef struct Verb {
        const char *name;
        int (*run)(Ctl *ctl);
        const char *argument; /* how the help names its argument; NULL: it has none */
        const char *summary, *details;
} Verb;

typedef enum OptionName {
        OPTION_JSON,
        OPTION_VERSION,
        OPTION_HELP,

        OPTION_QUIET,
        OPTION_ALL,

        OPTION_SCOPE,
        OPTION_HYPERV,
        OPTION_MOSH,
        OPTION_PORT,
        OPTION_REMOVE,
        OPTION_CHECK,
        OPTION_APPLY,
        OPTION_YES,
        OPTION_TIMEOUT,

        OPTION_HOST,
        OPTION_USER,
        OPTION_KNOWN_HOSTS,
        OPTION_WINDOWS,
        _OPTION_MAX,
} OptionName;

typedef struct CommandLine {
        const Verb *verb;                 /* status where none is given */
        const char *argument;             /* the verb's; NULL: not given */
        const char *options[_OPTION_MAX]; /* their values; NULL: not given, "": given, and takes no value */
} CommandLine;

struct Ctl {
        CommandLine line;
        sd_bus *bus;      /* the system bus; NULL until ctl_connect() */
        bool color;       /* standard output is a terminal that shows colours, and NO_COLOR isn't set */
        bool ascii;       /* the locale has no UTF-8 */
        unsigned columns; /* of the terminal; WRAP_NEVER: there is none, or it does not tell */
};

/* Each verb prints its answer, or an error, and returns an exit status. */
int verb_status(Ctl *ctl);
int verb_listeners(Ctl *ctl);
int verb_monitor(Ctl *ctl);
int verb_call(Ctl *ctl); /* calls the daemon's method of the verb's name; only Relocate() takes a port */
int verb_diagnose(Ctl *ctl);
int verb_who(Ctl *ctl);
int verb_report(Ctl *ctl);
int verb_firewall(Ctl *ctl);
int verb_ssh_config(Ctl *ctl);
int verb_help(Ctl *ctl);

/* Returns CTL_OK, or CTL_USAGE after it has printed an error. */
int command_line_parse(int argc, char *argv[], CommandLine *ret);

/* Prints one sentence to stderr, behind the program's name. On a terminal its commands, in backticks, stay whole. */
void ctl_say(const char *format, ...) _printf_(1, 2);

/* Prints an error. Returns @status. */
#define ctl_error(status, ...) (ctl_say(__VA_ARGS__), (status))

/* The width of the terminal at @fd; WRAP_NEVER: it is none. */
unsigned ctl_columns(int fd);

/* Reads the verb's argument. Returns CTL_OK, or CTL_USAGE after it has printed an error. */
int ctl_parse_port(const CommandLine *line, uint16_t *ret);

/* Reads --scope, whose default is FIREWALL_LAN. Returns CTL_OK, or CTL_USAGE after it has printed an error. */
int ctl_parse_scope(const CommandLine *line, FirewallScope *ret);

typedef struct Wait {
        const char *whom;
        usec_t timeout;
} Wait;

/* Makes a loop for one wait. On a terminal, a person is told of it after a second; *@wait outlives the loop. Returns 0 or a
 * negative errno. */
int ctl_event_new(const Wait *wait, sd_event **ret);

/* Runs a program, argv[0] being its absolute path, and waits for its end, @timeout µs at most. Returns its
 * output, to be freed, or NULL if it failed. */
char *ctl_run(const char *const argv[], usec_t timeout);

static inline const char *ctl_style(const Ctl *ctl, Style style) {
        return style_sequence(ctl->color, style);
}

/* ── the daemon, as the verbs ask it ── */

/* Connects to the system bus; a second call does nothing. Returns CTL_OK, or CTL_NOT_RUNNING after it has
 * printed an error. */
int ctl_connect(Ctl *ctl);

/* Connects, and reads the daemon's properties. Returns CTL_OK, or another exit status after it has printed
 * an error. */
int ctl_get_status(Ctl *ctl, Status *ret);

/* Prints why a call failed: @error if the bus daemon or the daemon answered with one, else @r, a negative
 * errno. Returns the exit status. */
int ctl_bus_error(const sd_bus_error *error, int r);
