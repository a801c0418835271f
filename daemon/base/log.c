/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/log.h"

#include <stdarg.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <systemd/sd-journal.h>

static const char *const log_level_words[] = {
        [LOG_EMERG] = "emerg",     [LOG_ALERT] = "alert",   [LOG_CRIT] = "crit", [LOG_ERR] = "err",
        [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice", [LOG_INFO] = "info", [LOG_DEBUG] = "debug",
};
DEFINE_WORDS(log_level, int);

/* JOURNAL_STREAM names the device and inode that stderr has where systemd connected it to the journal, see
 * systemd.exec(5). A shell that inherited the variable has another stderr. */
static bool stderr_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        char own[64];
        struct stat st;

        if (!stream || fstat(STDERR_FILENO, &st) < 0)
                return false;
        snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t) st.st_dev, (uintmax_t) st.st_ino);
        return streq(stream, own);
}

Log log_open(int max_level) {
        return (Log){ .max_level = max_level, .journal = stderr_is_journal() };
}

#define LINE_SIZE 2048

static void _printf_(7, 0)
                log_formatted(const Log *log, int level, int error, const char *message_id,
                              const char *field, const char *value, const char *format, va_list arguments) {
        char line[LINE_SIZE], message[LINE_SIZE + 16], priority[16], id[64], extra[512];
        struct iovec fields[4];
        int length, n = 0;

        if (level > log->max_level)
                return;

        length = vsnprintf(line, sizeof(line), format, arguments);
        if (error != 0 && length >= 0 && (size_t) length < sizeof(line))
                snprintf(line + length, sizeof(line) - (size_t) length, ": %s", strerrordesc_np(error));
        if (!log->journal) {
                fprintf(stderr, "%s\n", line);
                return;
        }

        snprintf(message, sizeof(message), "MESSAGE=%s", line);
        fields[n++] = (struct iovec){ message, strlen(message) };
        snprintf(priority, sizeof(priority), "PRIORITY=%d", level);
        fields[n++] = (struct iovec){ priority, strlen(priority) };
        if (message_id) {
                snprintf(id, sizeof(id), "MESSAGE_ID=%.32s", message_id);
                fields[n++] = (struct iovec){ id, strlen(id) };
        }
        if (field) {
                snprintf(extra, sizeof(extra), "%s=%s", field, value);
                fields[n++] = (struct iovec){ extra, strlen(extra) };
        }
        (void) sd_journal_sendv(fields, n);
}

void log_message(const Log *log, int level, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        log_formatted(log, level, 0, NULL, NULL, NULL, format, arguments);
        va_end(arguments);
}

int log_error_errno(const Log *log, int error, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        log_formatted(log, LOG_ERR, abs(error), NULL, NULL, NULL, format, arguments);
        va_end(arguments);
        return -abs(error);
}

void log_event(const Log *log, int level, const char *message_id, const char *field, const char *value,
               const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        log_formatted(log, level, 0, message_id, field, value, format, arguments);
        va_end(arguments);
}
