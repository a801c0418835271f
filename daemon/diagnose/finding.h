/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "diagnose/facts.h"

/* What a check has found, and the line of text in which wslportd-diagnose hands it on. */

typedef enum Verdict {
        VERDICT_UNKNOWN, /* the finding says how to find out */
        VERDICT_OK,
        VERDICT_WARNING, /* it works now, and may not work later */
        VERDICT_PROBLEM,
        VERDICT_SKIPPED, /* the check has no meaning here */
        _VERDICT_MAX,
} Verdict;

DECLARE_WORDS(verdict, Verdict);

/* All texts are printable, line breaks aren't. The remedy can be pasted into a shell; commands that need root
 * begin with "sudo ". */
typedef struct Finding {
        char check[32]; /* ASCII letters, digits, '-', '_' and '.' */
        Verdict verdict;
        char finding[512];
        char remedy[512]; /* "": nothing is wrong, or no command mends it */
} Finding;

#define FINDINGS_MAX 64 /* there are fewer checks */

void say(Finding *r, Verdict verdict, const char *format, ...) _printf_(3, 4);

/* Says one of three texts, where @no is a problem. Returns true for @no; the caller then suggests a
 * remedy. */
bool say_fact(Finding *r, Fact fact, const char *yes, const char *no, const char *unknown);

/* Suggests a command. A command that doesn't fit is not suggested at all. */
void suggest(Finding *r, const char *format, ...) _printf_(2, 3);

/* A part of a command. */
typedef struct ShellText {
        char text[4 * CHECK_PATH_SIZE];
} ShellText;

/* Makes a word for a shell, in quotes if it needs them. */
ShellText quote(const char *s);

/* Removes the "sudo" before each command, for root. */
void remedy_without_sudo(char *remedy);

/* Prints @finding as a line of four fields with a tab between them: check, verdict, finding and remedy. */
void finding_print(const Finding *finding, FILE *out);

/* Reads the next line of *@rest that is such a line, passes over any other, and moves *@rest behind it. The
 * text is untrusted. Returns false if no such line is left. */
bool finding_read(const char **rest, Finding *ret);
