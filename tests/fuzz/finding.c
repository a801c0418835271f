/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/finding.h"
#include "fuzz/fuzz.h"

/* Any bytes, as if wslportd-diagnose had printed them: each finding that finding_read() makes of them is fit for the
 * bus and a terminal, and reads back to the same when it is printed again. */

static void require_clean(const char *s, size_t size) {
        require(memchr(s, '\0', size));
        for (; *s; s++) {
                unsigned char c = (unsigned char) *s;

                require(c >= 0x20 && c != 0x7f && c != 0xc0 && c != 0xc1 && c < 0xf5);
                if (c == 0xc2) /* C1 */
                        require((unsigned char) s[1] >= 0xa0);
        }
}

static void require_same_again(const Finding *finding) {
        _cleanup_free_ char *text = NULL;
        const char *rest;
        size_t size = 0;
        Finding same;
        FILE *out;

        out = open_memstream(&text, &size);
        require(out);
        finding_print(finding, out);
        require(fclose(out) == 0);

        rest = text;
        require(finding_read(&rest, &same) && isempty(rest));
        require(streq(finding->check, same.check) && finding->verdict == same.verdict &&
                streq(finding->finding, same.finding) && streq(finding->remedy, same.remedy));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        _cleanup_free_ char *text = fuzz_text(&input, '\0');
        const char *rest = text;
        Finding finding;

        while (finding_read(&rest, &finding)) {
                require(finding.check[0] && finding.verdict < _VERDICT_MAX);
                require_clean(finding.check, sizeof(finding.check));
                require_clean(finding.finding, sizeof(finding.finding));
                require_clean(finding.remedy, sizeof(finding.remedy));
                require_same_again(&finding);
        }
        require(isempty(rest) && !finding_read(&rest, &finding));
        return 0;
}
