/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz/fuzz.h"
#include "sshd/dump.h"

/* What sshd prints to stderr when it refuses its configuration. The chosen line is one of sshd's and
 * printable; it is a remark, or empty, only if sshd printed nothing better. The first byte is the size of
 * the buffer. */

/* The printable part of a line. */
static void show(const char *line, char *ret) {
        for (; *line && *line != '\n'; line++)
                if (*line >= ' ' && *line <= '~')
                        *ret++ = *line;
        *ret = '\0';
}

static bool is_all_blank(const char *shown) {
        return shown[strspn(shown, " ")] == '\0';
}

static bool is_remark(const char *line) {
        size_t length = strcspn(line, "\n");

        return startswith(line, "debug") || line[0] == '@' ||
               memmem(line, length, "Deprecated option ", 18) ||
               memmem(line, length, "Unsupported option ", 19);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        size_t cut_size = (size_t) fuzz_byte(&input) + 1;
        _cleanup_free_ char *errors = fuzz_text(&input, '\0');
        _cleanup_free_ char *shown = malloc(strlen(errors) + 1), *whole = malloc(strlen(errors) + 1);
        _cleanup_free_ char *cut = malloc(cut_size); /* no byte more, for the sanitizer */
        bool found = false, only_remarks = true, nothing = true;

        require(shown && whole && cut);
        sshd_errors_choose(errors, whole, strlen(errors) + 1);
        require(fuzz_is_printable(whole, strlen(errors) + 1));

        sshd_errors_choose(errors, cut, cut_size);
        require(strlen(cut) == (strlen(whole) < cut_size ? strlen(whole) : cut_size - 1));
        require(startswith(whole, cut));

        for (const char *line = errors; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                show(line, shown);
                if (is_all_blank(shown))
                        continue;
                nothing = false;
                only_remarks = only_remarks && is_remark(line);
                found = found || (streq(shown, whole) && (only_remarks || !is_remark(line)));
        }
        require(nothing ? whole[0] == '\0' : found);

        require(!sshd_errors_name_ours(errors) || strstr(errors, "/sshd.d/"));
        return 0;
}
