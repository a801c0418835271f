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

static void log_line(const Log *log, int level, const char *message_id, const char *field, const char *value,
                     const char *line) {
        if (!log->journal) {
                fprintf(stderr, "%s\n", line);
                return;
        }

        char message[LINE_SIZE + 16], priority[16], id[64], extra[512];
        struct iovec iov[4];
        int n = 0;

        iov[n++] = (struct iovec){ message,
                                   (size_t) snprintf(message, sizeof(message), "MESSAGE=%s", line) };
        iov[n++] = (struct iovec){ priority,
                                   (size_t) snprintf(priority, sizeof(priority), "PRIORITY=%d", level) };
        if (message_id)
                iov[n++] = (struct iovec){ id, (size_t) snprintf(id, sizeof(id), "MESSAGE_ID=%.32s",
                                                                 message_id) };
        if (field) {
                snprintf(extra, sizeof(extra), "%s=%s", field, value);
                iov[n++] = (struct iovec){ extra, strlen(extra) };
        }

        (void) sd_journal_sendv(iov, n);
}

static void _printf_(6, 0) log_formatted(const Log *log, int level, const char *message_id, const char *field,
                                         const char *value, const char *format, va_list arguments) {
        char line[LINE_SIZE];

        if (level > log->max_level)
                return;

        vsnprintf(line, sizeof(line), format, arguments);
        log_line(log, level, message_id, field, value, line);
}

void log_message(const Log *log, int level, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        log_formatted(log, level, NULL, NULL, NULL, format, arguments);
        va_end(arguments);
}

int log_error_errno(const Log *log, int error, const char *format, ...) {
        char line[LINE_SIZE];
        va_list arguments;
        int length;

        error = abs(error);
        if (LOG_ERR <= log->max_level) {
                va_start(arguments, format);
                length = vsnprintf(line, sizeof(line), format, arguments);
                va_end(arguments);
                if (length >= 0 && (size_t) length < sizeof(line))
                        snprintf(line + length, sizeof(line) - (size_t) length, ": %s",
                                 strerrordesc_np(error));
                log_line(log, LOG_ERR, NULL, NULL, NULL, line);
        }

        return -error;
}

void log_event(const Log *log, int level, const char *message_id, const char *field, const char *value,
               const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        log_formatted(log, level, message_id, field, value, format, arguments);
        va_end(arguments);
}
