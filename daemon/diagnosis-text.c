/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnosis-text.h"

/* How many bytes the code point at @s has, of @left; 0 where it is none, or none that may be shown: control
 * characters, what turns the direction of the text around it, other ends of lines (Unicode 15, 23.1
 * and 23.2). */
static size_t printable(const unsigned char *s, size_t left) {
        size_t n = s[0] < 0x80   ? 1
                   : s[0] < 0xc2 ? 0
                   : s[0] < 0xe0 ? 2
                   : s[0] < 0xf0 ? 3
                   : s[0] < 0xf5 ? 4
                                 : 0;
        static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
        static const unsigned char bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
        uint32_t c;

        if (n == 0 || n > left)
                return 0;
        c = s[0] & bits[n];
        for (size_t i = 1; i < n; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3f);
        }

        if (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;
        if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
            (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
            (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe)
                return 0;
        return n;
}

static bool is_text(const char *s, size_t length) {
        for (size_t i = 0, n; i < length; i += n) {
                n = printable((const unsigned char *) s + i, length - i);
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
