/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <syslog.h>

#include "base/words.h"

/* Which messages are logged, and where to. The program owns it. Only programs and the manager log, so that
 * an error is told once, by code that knows what the error means. */
typedef struct Log {
        int max_level; /* LOG_ERR … LOG_DEBUG: messages above it are dropped */
        bool journal;  /* true: structured to the journal; false: plain lines to stderr */
} Log;

/* Writes to the journal where stderr is connected to it, else to stderr. */
Log log_open(int max_level);

/* Logs a message, and ": " and the text of @error behind it if that isn't 0. Returns -abs(@error). A message
 * that can't be logged is lost. For programs that look for it there are @message_id, 32 hexadecimal digits or
 * NULL, and @fields of the journal, "NAME=value" with blanks between them, or NULL. */
int log_full(const Log *log, int level, int error, const char *message_id, const char *fields,
             const char *format, ...) _printf_(6, 7);

#define log_message(log, level, ...) ((void) log_full(log, level, 0, NULL, NULL, __VA_ARGS__))
#define log_error_errno(log, error, ...) log_full(log, LOG_ERR, error, NULL, NULL, __VA_ARGS__)
#define log_event(log, level, message_id, fields, ...) \
        ((void) log_full(log, level, 0, message_id, fields, __VA_ARGS__))

/* LOG_EMERG … LOG_DEBUG: "emerg" … "debug". */
DECLARE_WORDS(log_level, int);
