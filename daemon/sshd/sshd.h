/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/policy.h"
#include "sshd/dump.h"
#include "sshd/options.h"

/* What the installed sshd says of its own configuration.
 *
 * `sshd -T` makes all the checks of `sshd -t` and then prints the result, so that one run serves as both.
 * Run as nobody with the right to read every file, it reads the host keys and doesn't ask for its run-time
 * directory (sshd.c: only where the uid is 0), which at boot isn't there before the unit starts. Where it
 * fails for want of host keys, `sshd -G` (OpenSSH 9.3) still tells the ports. */

typedef struct SshdQuery SshdQuery;

typedef struct SshdAnswer {
        SshdVerdict verdict;
        char detail[256]; /* sshd's own error in one line, printable; "" where there is none */
        bool has_dump;
        SshdDump dump;
} SshdAnswer;

/* Called once, unless freed before; may free the query, and *@answer with it. */
typedef void (*SshdHandler)(const SshdAnswer *answer, void *userdata);

/* The sshd that the service runs; the system's for "", or one that isn't sshd. NULL if no sshd is installed. */
const char *sshd_find(const char *program);

/* @program: as for sshd_find(). @options: words that go with it, copied. @with_sentinel: with SSHD_SENTINEL_PORT put in
 * beside the configured ports, for sshd_dump_home().
 * Returns 0, -ENOENT if no sshd is installed, or another negative errno. */
int sshd_query(sd_event *event, const char *program, const char *options, bool with_sentinel,
               SshdHandler handler, void *userdata, SshdQuery **ret);

/* Where sshd's configuration has a ListenAddress with a port, which nothing beside it can change: "FILE:LINE
 * (ListenAddress …)". Files and their lines are looked through as they stand, Include lines other than the usual one
 * are not followed. Returns 1, or 0 where there is none. */
int sshd_find_fixed(char *ret, size_t size);

/* The same for a ListenAddress of the loopback interface: its file and line. */
int sshd_find_loopback(char *ret_path, size_t size, unsigned *ret_line);

SshdQuery *sshd_query_free(SshdQuery *query);
DEFINE_TRIVIAL_CLEANUP(SshdQuery *, sshd_query_free);
