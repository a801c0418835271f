/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/text.h"

/* Whatever is printed: at most so many lines, each of four fields that are fit for the bus and a terminal,
 * and each printed again reads back to the same. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
        if (!condition)
                abort();
}

static void require_clean(const char *s, size_t size) {
        require(memchr(s, '\0', size));
        for (; *s; s++) {
                unsigned char c = (unsigned char) *s;

                require(c >= 0x20 && c != 0x7f && c != 0xc0 && c != 0xc1 && c < 0xf5);
                if (c == 0xc2) /* C1 */
                        require((unsigned char) s[1] >= 0xa0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = malloc(size + 1);
        DiagnosisReader reader = { .rest = text };
        DiagnosisLine line;
        unsigned n = 0;

        require(text);
        if (size > 0)
                memcpy(text, data, size);
        text[size] = '\0';

        while (diagnosis_read(&reader, &line)) {
                char again[sizeof(line) + 8];
                DiagnosisReader second = { .rest = again };
                DiagnosisLine same;

                require(++n <= DIAGNOSIS_LINES_MAX);
                require(line.check[0] && line.verdict[0]);
                require_clean(line.check, sizeof(line.check));
                require_clean(line.verdict, sizeof(line.verdict));
                require_clean(line.finding, sizeof(line.finding));
                require_clean(line.remedy, sizeof(line.remedy));

                snprintf(again, sizeof(again), "%s\t%s\t%s\t%s\n", line.check, line.verdict, line.finding,
                         line.remedy);
                require(diagnosis_read(&second, &same));
                require(streq(line.check, same.check) && streq(line.verdict, same.verdict) &&
                        streq(line.finding, same.finding) && streq(line.remedy, same.remedy));
        }
        require(!diagnosis_read(&reader, &line));
        return 0;
}
