/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/log.h"

#include <sys/stat.h>
#include <sys/uio.h>

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

/* @line: "MESSAGE=…". */
static void send_to_journal(char *line, int level, const char *message_id, const char *fields) {
        struct iovec entry[12] = { { line, strlen(line) } };
        char words[512], *position;
        size_t n = 1;

        snprintf(words, sizeof(words), "PRIORITY=%d %s%s %s", level, message_id ? "MESSAGE_ID=" : "",
                 strempty(message_id), strempty(fields));
        for (char *word = strtok_r(words, " ", &position); word && n < ELEMENTSOF(entry);
             word = strtok_r(NULL, " ", &position))
                entry[n++] = (struct iovec){ word, strlen(word) };
        (void) sd_journal_sendv(entry, (int) n);
}

int log_full(const Log *log, int level, int error, const char *message_id, const char *fields,
             const char *format, ...) {
        char line[2048] = "MESSAGE=";
        const size_t start = strlen(line);
        int length;

        if (level > log->max_level)
                return -abs(error);

        length = format_arguments(line + start, sizeof(line) - start, format);
        if (error != 0 && length >= 0 && (size_t) length < sizeof(line) - start)
                snprintf(line + start + length, sizeof(line) - start - (size_t) length, ": %s",
                         strerrordesc_np(abs(error)));
        if (log->journal)
                send_to_journal(line, level, message_id, fields);
        else
                fprintf(stderr, "%s\n", line + start);
        return -abs(error);
}
