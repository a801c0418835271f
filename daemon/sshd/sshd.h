/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/policy.h"
#include "process/child.h"
#include "sshd/dump.h"
#include "sshd/options.h"

/* Asks the installed sshd about its own configuration.
 *
 * `sshd -T` checks all that `sshd -t` checks, and then prints the result: one run serves as both. sshd runs
 * as nobody with the right to read every file. So it can read the host keys, and doesn't ask for its
 * run-time directory, which is missing at boot until the unit starts (sshd.c asks only for uid 0). If `-T`
 * fails for want of host keys, `sshd -G` (OpenSSH 9.3) still tells the ports. */

typedef enum SshdQuestion {
        SSHD_TEST,      /* -T: is the configuration accepted, and where would sshd listen? */
        SSHD_TEST_HOME, /* the same with SSHD_SENTINEL_PORT, for sshd_dump_home() */
        SSHD_PRINT_HOME, /* -G, likewise: where would sshd listen if it accepted the configuration? */
} SshdQuestion;

/* Returns @program if that is an sshd that can be run, else the system's; NULL if no sshd is installed. */
const char *sshd_find(const char *program);

/* Asks sshd. @program: as for sshd_find(). @options: words, as of sshd_options(). @handler makes an answer
 * of its result with sshd_read_answer(). Returns 0, -ENOENT if no sshd is installed, or another negative
 * errno. */
int sshd_ask(sd_event *event, SshdQuestion question, const char *program, const char *options,
             ChildHandler handler, void *userdata, Child **ret);

#define SSHD_TOO_MANY "sshd has more ports or addresses than wslportd can keep track of"

typedef struct SshdAnswer {
        SshdVerdict verdict; /* SSHD_VERDICT_UNKNOWN if sshd said neither yes nor no */
        char detail[256]; /* one line of printable ASCII: sshd's own words, or why there are none */
        bool has_dump;
        SshdDump dump;
} SshdAnswer;

void sshd_read_answer(const ChildResult *result, SshdAnswer *ret);
