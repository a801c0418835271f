/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

#define CONFIG_FILE SYSCONFDIR "/wslportd.conf"

/* The file is INI: [Section] lines, and Key=value lines of at most 198 characters that start in the first
 * column, in ASCII, with line ends of Unix or Windows. A '#' or ';' at the start of a line or after a blank
 * begins a comment, of any length and any bytes but NUL. Names are case-sensitive. Sections may come again,
 * keys may not. What the keys mean is in conf/wslportd.conf. */

/* A list of candidates longer than this is refused: nobody means it, and ranges say it shorter. */
#define CONFIG_CANDIDATES_MAX 64

/* In a list, ranges may overlap: who goes through it skips what it has tried already. */
typedef struct PortRange {
        uint16_t first, last; /* both included; a single port has first == last */
} PortRange;

/* "2222 2200-2299". False where it is longer than @size. */
bool port_ranges_format(const PortRange *ranges, size_t n, char *ret, size_t size);

typedef struct Config {
        RelocatePolicy relocate;
        PortRange candidates[CONFIG_CANDIDATES_MAX];
        size_t n_candidates;
        unsigned candidates_line; /* where they are given; 0: they are the defaults */
        RestorePolicy restore;

        char unit[256]; /* "auto" or a unit name that ends in .service */
        SocketActivation socket_activation;
        bool ensure_enabled;

        usec_t probe_timeout; /* µs */
        bool interop;

        int log_level; /* LOG_… of syslog(3) */
} Config;

/* One finding in a configuration file. @line counts from 1; 0 where the whole file is meant. @message is a
 * single line of printable ASCII and tabs, whatever the file holds, and says what would be right. */
typedef void (*ConfigErrorHandler)(const char *path, unsigned line, const char *message, void *userdata);

/* True if the policy lets sshd be moved to @port. */
bool config_allows_port(const Config *config, uint16_t port);

/* What is in force without a file. */
Config config_default(void);

/* Reads the file at @path, of 64 KiB at most; a symbolic link is followed. Every error is told to @on_error,
 * in the order of the lines: the first 20, then how many more there are. A file that has any is rejected
 * whole.
 *
 * Returns 1 and *@ret if the file was taken, 0 and the defaults in *@ret if there is none, -EINVAL if it was
 * rejected, another negative errno if it could not be read; in both, @on_error was called at least once and
 * *@ret is untouched. A dangling symbolic link is an error, not a missing file. */
int config_load(const char *path, ConfigErrorHandler on_error, void *userdata, Config *ret);

/* The same for text in memory of @size bytes, which may hold anything; @path serves for messages only.
 * Returns 1 or -EINVAL, or -ENOMEM. */
int config_parse(const char *path, const char *text, size_t size, ConfigErrorHandler on_error,
                 void *userdata, Config *ret);

/* Writes @config in the form of the file, every key; read again it gives the same configuration, if that has
 * come out of one of the functions above. */
void config_print(const Config *config, FILE *out);
