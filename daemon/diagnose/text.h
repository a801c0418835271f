/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* What wslportd-diagnose prints: a line for each check, of four fields with a tab between them: check,
 * verdict, finding and remedy. The last two may be empty. A line that isn't so is passed over. */

#define DIAGNOSIS_LINES_MAX 64

typedef struct DiagnosisLine {
        char check[64];    /* ASCII letters, digits, '-', '_' and '.' */
        char verdict[32];  /* likewise */
        char finding[512]; /* printable UTF-8, as the next */
        char remedy[512];
} DiagnosisLine;

typedef struct DiagnosisReader {
        const char *rest;
        unsigned n; /* lines given out */
} DiagnosisReader;

/* The next good line of @reader->rest, any bytes with a NUL at their end. Returns false where there is none,
 * or where DIAGNOSIS_LINES_MAX were given out. */
bool diagnosis_read(DiagnosisReader *reader, DiagnosisLine *ret);
