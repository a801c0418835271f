/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/words.h"
#include "diagnose/facts.h"

/* What a check finds, in words, and as the line that wslportd-diagnose prints of it. */

typedef enum Verdict {
        VERDICT_UNKNOWN, /* the finding says what would tell */
        VERDICT_OK,
        VERDICT_WARNING, /* works now, and may not always */
        VERDICT_PROBLEM,
        VERDICT_SKIPPED, /* does not apply here */
        _VERDICT_MAX,
} Verdict;

DECLARE_WORDS(verdict, Verdict);

/* All of it is printable. Commands that need root begin with "sudo "; they may be pasted into a shell as
 * they stand. */
typedef struct Finding {
        char check[32]; /* ASCII letters, digits, '-', '_' and '.' */
        Verdict verdict;
        char finding[512];
        char remedy[512]; /* "" where no command mends it, or nothing is wrong */
} Finding;

/* More than there are checks: a program of another version may have more. */
#define FINDINGS_MAX 64

void say(Finding *r, Verdict verdict, const char *format, ...) _printf_(3, 4);

/* Says one of three texts: @yes is well, @no a problem. Returns true for the problem, whose remedy the
 * caller suggests. */
bool say_fact(Finding *r, Fact fact, const char *yes, const char *no, const char *unknown);

/* Suggests a command. A command that doesn't fit is not suggested at all. */
void suggest(Finding *r, const char *format, ...) _printf_(2, 3);

/* A word of a shell's, quoted where it has to be. */
typedef struct ShellWord {
        char text[4 * CHECK_PATH_SIZE];
} ShellWord;

ShellWord quote(const char *s);

/* Whatever texts went in, one printable line comes out. */
void finding_clean(Finding *r);

/* Takes each "sudo" away that begins a command, for root. */
void remedy_without_sudo(char *remedy);

/* Whether @text may be shown, and typed: UTF-8 that a terminal obeys nowhere. */
bool text_is_printable(const char *text);

/* Prints @finding as a line of four fields with a tab between them: check, verdict, finding and remedy. */
void finding_print(const Finding *finding, FILE *out);

/* Reads the next good line of *@rest, any bytes with a NUL at their end, and moves *@rest behind it. Returns
 * false where there is none. */
bool finding_read(const char **rest, Finding *ret);
