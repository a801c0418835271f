/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/policy.h"
#include "sshd/dump.h"
#include "sshd/options.h"

/* Asks the installed sshd about its own configuration.
 *
 * `sshd -T` checks all that `sshd -t` checks, and then prints the result: one run serves as both. sshd runs as nobody with
 * the right to read every file. So it can read the host keys, and doesn't ask for its run-time directory, which is missing
 * at boot until the unit starts (sshd.c asks only for uid 0). If `-T` fails for want of host keys, `sshd -G` (OpenSSH 9.3)
 * still tells the ports. */

typedef struct SshdQuery SshdQuery;

typedef struct SshdAnswer {
        SshdVerdict verdict;
        char detail[256]; /* sshd's own error in one line of printable ASCII; "" if there is none */
        bool has_dump;
        SshdDump dump;
} SshdAnswer;

/* Called once, unless the query is freed before. It may free the query, and *@answer with it. */
typedef void (*SshdHandler)(const SshdAnswer *answer, void *userdata);

/* Returns @program if that is an sshd that can be run, else the system's; NULL if no sshd is installed. */
const char *sshd_find(const char *program);

/* @program: as for sshd_find(). @options: words, copied. @with_sentinel adds SSHD_SENTINEL_PORT, for sshd_dump_home().
 * Returns 0, -ENOENT if no sshd is installed, or another negative errno. */
int sshd_query(sd_event *event, const char *program, const char *options, bool with_sentinel,
               SshdHandler handler, void *userdata, SshdQuery **ret);
SshdQuery *sshd_query_free(SshdQuery *query);
DEFINE_TRIVIAL_CLEANUP(SshdQuery *, sshd_query_free);
