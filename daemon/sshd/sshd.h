/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/decision.h"
#include "process/child.h"
#include "sshd/dump.h"
#include "sshd/options.h"

/* Asks the installed sshd about its own configuration. It is asked as root: sshd checks the mode of a host key
 * only if the key is its own user's, and an agent that has the host keys (HostKeyAgent) answers root alone.
 *
 * `sshd -T` checks all that `sshd -t` checks, and then prints the result: one run serves as both. If it fails,
 * `sshd -t` says whether sshd refuses its configuration; then `sshd -G` (OpenSSH 9.3), which checks less, may
 * tell the ports. */

#define SSHD_TOO_MANY "sshd has more ports or addresses than wslportd can keep track of"

/* The connection for which sshd evaluates Match blocks. Without an lport it fails at `Match LocalPort`. No Match
 * block changes where sshd listens. A user is left out, because for `Match Group` sshd would look up the user's
 * groups, and may have to wait for a network. */
#define SSHD_CONNECTION "host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22"

typedef struct SshdAnswer {
        SshdVerdict verdict; /* SSHD_VERDICT_UNKNOWN if sshd said neither yes nor no */
        bool has_dump;
        SshdDump dump;
        char detail[256]; /* one line of printable ASCII: why there is no yes, or no dump; sshd's own words */
} SshdAnswer;

typedef struct SshdInquiry SshdInquiry;

/* Called once, unless the inquiry is freed before. It may free the inquiry, and *@answer with it. */
typedef void (*SshdHandler)(const SshdAnswer *answer, void *userdata);

/* Returns @program if that is an sshd, else the system's; NULL if it isn't installed. Where this process may not look,
 * as the daemon may not below /home, @program counts as installed. */
const char *sshd_find(const char *program);

/* Asks sshd. @program: as for sshd_find(). @options: words, as of sshd_options(). @more: one more option, or
 * NULL. Returns 0, -ENOENT if no sshd is installed, or another negative errno. */
int sshd_ask(sd_event *event, const char *program, const char options[static SSHD_COMMAND_SIZE],
             const char *more, SshdHandler handler, void *userdata, SshdInquiry **ret);

SshdInquiry *sshd_inquiry_free(SshdInquiry *inquiry);
DEFINE_TRIVIAL_CLEANUP(SshdInquiry *, sshd_inquiry_free);
