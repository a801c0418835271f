/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/log.h"

#include <sys/stat.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
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

int log_full(const Log *log, int level, int error, const char *message_id, int port, const char *format,
             ...) {
        char line[2048];
        int length;

        if (level > log->max_level)
                return -abs(error);

        length = format_arguments(line, sizeof(line), format);
        if (error != 0 && length >= 0 && (size_t) length < sizeof(line))
                snprintf(line + length, sizeof(line) - (size_t) length, ": %s", strerrordesc_np(abs(error)));
        if (log->journal) /* the first NULL ends the list */
                (void) sd_journal_send("MESSAGE=%s", line, "PRIORITY=%d", level,
                                       message_id ? "MESSAGE_ID=%s" : NULL, message_id,
                                       port >= 0 ? "PORT=%d" : NULL, port, NULL);
        else
                fprintf(stderr, "%s\n", line);
        return -abs(error);
}
