/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/words.h"
#include "diagnose/facts.h"

/* What may be wrong where sshd can't be reached: each check turns facts into a finding and the command that
 * mends it. Pure. */

typedef enum Verdict {
        VERDICT_UNKNOWN, /* the finding says what would tell */
        VERDICT_OK,
        VERDICT_WARNING, /* works now, and may not always */
        VERDICT_PROBLEM,
        VERDICT_SKIPPED, /* does not apply here */
        _VERDICT_MAX,
} Verdict;

DECLARE_WORDS(verdict, Verdict);

/* By the text of /etc/os-release: ID, else ID_LIKE (os-release(5)). */
PackageManager packages_from_os_release(const char *text);

/* One line, printable. Commands that need root begin with "sudo "; they may be pasted into a shell as they
 * stand. */
typedef struct Finding {
        const char *check;
        Verdict verdict;
        char finding[512];
        char remedy[512]; /* "" where there is no command for it, or none is needed */
} Finding;

#define CHECKS_MAX 24

/* In the order in which things depend on each other. Returns how many. */
size_t checks_run(const CheckFacts *facts, Finding ret[static CHECKS_MAX]);

/* Takes each "sudo" away that begins a command, for root. */
void remedy_without_sudo(char *remedy);

/* Where sshd's own words name a file and a line: "FILE: line 3: …", "FILE line 3: …". Returns true and
 * both. */
bool sshd_error_find_line(const char *error, char ret_file[static CHECK_PATH_SIZE], unsigned *ret_line);

/* Whether @path may be shown and typed: UTF-8 without anything a terminal would obey. */
bool path_is_printable(const char *path);
