/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "report.h"

/* What the verbs of wslportctl share: the bus, the daemon's properties, the terminal. */

/* How wslportctl ends, for scripts; in wslportctl(1). */
enum {
        CTL_OK = 0,
        CTL_FAILED = 1,       /* anything that isn't one of the following */
        CTL_USAGE = 2,        /* the command line is wrong */
        CTL_NOT_RUNNING = 3,  /* the daemon isn't there to be asked */
        CTL_NOT_ALLOWED = 4,  /* neither root, nor allowed by polkit */
        CTL_NOT_POSSIBLE = 5, /* the daemon can't do it now, and said why */
        CTL_FOUND = 6,        /* diagnose and firewall --check: something is wrong */
};

typedef struct Ctl {
        sd_bus *bus;   /* the system bus, NULL until it is needed */
        bool json;     /* --json */
        bool color;    /* a terminal that wants it: see NO_COLOR */
        bool terminal; /* standard output is one */
} Ctl;

/* A verb's own arguments, argv[0] being its name. Prints, and returns one of the above. */
typedef int (*CtlVerb)(Ctl *ctl, int argc, char *argv[]);

int verb_status(Ctl *ctl, int argc, char *argv[]);
int verb_diagnose(Ctl *ctl, int argc, char *argv[]);
int verb_firewall(Ctl *ctl, int argc, char *argv[]);
int verb_ssh_config(Ctl *ctl, int argc, char *argv[]);

void ctl_done(Ctl *ctl);

/* What the daemon says of itself; it isn't started for that. Returns CTL_OK, or another one after it has been told on
 * stderr (where @quiet, CTL_NOT_RUNNING isn't). *@ret: see report.h. */
int ctl_get_status(Ctl *ctl, bool quiet, Status *ret);

/* Calls a method of the daemon's manager with @types and its arguments, polkit may ask the user. Returns CTL_OK and
 * the reply (@ret_reply may be NULL), or another one after it has been told on stderr. */
int ctl_call(Ctl *ctl, const char *method, sd_bus_message **ret_reply, const char *types, ...);

/* Prints an error, with the program's name before it; returns @status. */
int ctl_error(int status, const char *format, ...) _printf_(2, 3);

/* @text without anything that a terminal would take for a command: control characters, and what isn't UTF-8, come out
 * as "?". Returns @buffer. */
const char *ctl_printable(const char *text, char *buffer, size_t size);

typedef enum CtlStyle {
        STYLE_PLAIN,
        STYLE_GOOD,
        STYLE_BAD,
        STYLE_FAINT,
        STYLE_STRONG,
} CtlStyle;

/* The escape sequence that begins @style, "" without colours; STYLE_PLAIN ends any. */
const char *ctl_style(const Ctl *ctl, CtlStyle style);
