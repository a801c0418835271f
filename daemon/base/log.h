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

/* A message that can't be logged is lost. */
void log_message(const Log *log, int level, const char *format, ...) _printf_(3, 4);

/* Logs an error, and ": " and the text of @error behind it. Returns -abs(@error) for the caller to
 * return. */
int log_error_errno(const Log *log, int error, const char *format, ...) _printf_(3, 4);

/* A message that programs look for: @message_id is 32 hexadecimal digits or NULL, @field and @value are one
 * more journal field, @field may be NULL. */
void log_event(const Log *log, int level, const char *message_id, const char *field, const char *value,
               const char *format, ...) _printf_(6, 7);

/* LOG_EMERG … LOG_DEBUG: "emerg" … "debug". */
DECLARE_WORDS(log_level, int);
