/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/text.h"

#include "base/printable.h"

static bool is_text(const char *s, size_t length) {
        for (size_t i = 0, n; i < length; i += n) {
                n = printable_length(s + i, length - i);
                if (n == 0)
                        return false;
        }
        return true;
}

static bool is_word(const char *s, size_t length) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

        return length > 0 && strspn(s, allowed) >= length;
}

static bool parse_line(const char *line, size_t length, DiagnosisLine *ret) {
        DiagnosisLine parsed;
        const struct {
                char *to;
                size_t size;
                bool (*is)(const char *s, size_t length);
        } fields[] = {
                { parsed.check, sizeof(parsed.check), is_word },
                { parsed.verdict, sizeof(parsed.verdict), is_word },
                { parsed.finding, sizeof(parsed.finding), is_text },
                { parsed.remedy, sizeof(parsed.remedy), is_text },
        };
        const char *end = line + length;

        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                const char *tab = memchr(line, '\t', (size_t) (end - line));
                const char *stop = tab ? tab : end;
                size_t n = (size_t) (stop - line);

                /* A tab behind each but the last, which has none in it. */
                if (!tab != (i + 1 == ELEMENTSOF(fields)) || n >= fields[i].size || !fields[i].is(line, n))
                        return false;
                memcpy(fields[i].to, line, n);
                fields[i].to[n] = '\0';
                line = stop + 1;
        }

        *ret = parsed;
        return true;
}

bool diagnosis_read(DiagnosisReader *reader, DiagnosisLine *ret) {
        while (*reader->rest && reader->n < DIAGNOSIS_LINES_MAX) {
                const char *line = reader->rest;
                size_t length = strcspn(line, "\n");

                reader->rest = line + length + (line[length] == '\n');
                if (parse_line(line, length, ret)) {
                        reader->n++;
                        return true;
                }
        }
        return false;
}
