/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/printable.h"
#include "base/style.h"
#include "core/status.h"

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
int verb_listeners(Ctl *ctl, int argc, char *argv[]);
int verb_monitor(Ctl *ctl, int argc, char *argv[]);
int verb_probe(Ctl *ctl, int argc, char *argv[]);
int verb_relocate(Ctl *ctl, int argc, char *argv[]);
int verb_restore(Ctl *ctl, int argc, char *argv[]);
int verb_reload(Ctl *ctl, int argc, char *argv[]);
int verb_diagnose(Ctl *ctl, int argc, char *argv[]);
int verb_firewall(Ctl *ctl, int argc, char *argv[]);
int verb_ssh_config(Ctl *ctl, int argc, char *argv[]);

void ctl_done(Ctl *ctl);

/* Connects to the system bus, once. Returns CTL_OK, or CTL_NOT_RUNNING after it has been told on stderr
 * (unless @quiet). */
int ctl_connect(Ctl *ctl, bool quiet);

/* Connects, and reads what the daemon says of itself. Returns CTL_OK, or another one after it has told why
 * on stderr. */
int ctl_get_status(Ctl *ctl, Status *ret);

/* Tells on stderr why a call to the daemon failed: by @error, where the bus or the daemon answered with one,
 * else by @r, a negative errno. Returns how wslportctl has to end. */
int ctl_bus_error(const sd_bus_error *error, int r);

/* For a verb without options: CTL_OK, or CTL_USAGE after it has been told that there are more than
 * @n_arguments, or an option among them. */
int ctl_check_arguments(int argc, char *argv[], int n_arguments);

/* Runs @argv (argv[0] an absolute path, NULL at the end) and waits, @timeout µs at the most. Returns what it
 * printed, to be freed, or NULL where it failed. */
char *ctl_run(const char *const argv[], usec_t timeout);

/* Prints an error, with the program's name before it; returns @status. */
int ctl_error(int status, const char *format, ...) _printf_(2, 3);

/* See style.h. */
static inline const char *ctl_style(const Ctl *ctl, Style style) {
        return style_sequence(ctl->color, style);
}
