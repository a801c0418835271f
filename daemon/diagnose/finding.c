/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/finding.h"

#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static const char *const verdict_words[_VERDICT_MAX] = {
        [VERDICT_UNKNOWN] = "unknown", [VERDICT_OK] = "ok",           [VERDICT_WARNING] = "warning",
        [VERDICT_PROBLEM] = "problem", [VERDICT_SKIPPED] = "skipped",
};
DEFINE_WORDS(verdict, Verdict);

void say(Finding *r, Verdict verdict, const char *format, ...) {
        char raw[sizeof(r->finding)];

        r->verdict = verdict;
        format_arguments(raw, sizeof(raw), format);
        (void) printable(raw, r->finding, sizeof(r->finding));
}

bool say_fact(Finding *r, Fact fact, const char *yes, const char *no, const char *unknown) {
        if (fact == FACT_YES)
                say(r, VERDICT_OK, "%s", yes);
        else if (fact == FACT_NO)
                say(r, VERDICT_PROBLEM, "%s", no);
        else
                say(r, VERDICT_UNKNOWN, "%s", unknown);
        return fact == FACT_NO;
}

void suggest(Finding *r, const char *format, ...) {
        char raw[sizeof(r->remedy)];

        if ((size_t) format_arguments(raw, sizeof(raw), format) >= sizeof(raw))
                raw[0] = '\0';
        (void) printable(raw, r->remedy, sizeof(r->remedy));
}

ShellText quote(const char *s) {
        ShellText word;
        size_t n = 0;

        if (*s && s[strspn(s, LETTERS_AND_DIGITS "-_.,:@%+=/")] == '\0') {
                snprintf(word.text, sizeof(word.text), "%s", s);
                return word;
        }
        word.text[n++] = '\'';
        for (; *s && n + 6 < sizeof(word.text); s++)
                if (*s == '\'')
                        n += (size_t) snprintf(word.text + n, sizeof(word.text) - n, "'\\''");
                else
                        word.text[n++] = *s;
        word.text[n++] = '\'';
        word.text[n] = '\0';
        return word;
}

void remedy_without_sudo(char *remedy) {
        bool quoted = false, begins = true;
        char *to = remedy;

        for (const char *from = remedy; *from;) {
                if (begins && startswith(from, "sudo ")) {
                        from += strlen("sudo ");
                        begins = false;
                        continue;
                }
                if (*from == '\'')
                        quoted = !quoted;
                begins = !quoted && (strchr("|&;", *from) || (begins && *from == ' '));
                if (!quoted && from[0] == '\\' && from[1])
                        *to++ = *from++;
                *to++ = *from++;
        }
        *to = '\0';
}

/* ── as a line ── */

void finding_print(const Finding *f, FILE *out) {
        fprintf(out, "%s\t%s\t%s\t%s\n", f->check, verdict_to_string(f->verdict), f->finding, f->remedy);
}

static bool take_field(char **rest, char *ret, size_t size) {
        const char *field = strsep(rest, "\t");

        return field && streq(printable(field, ret, size), field); /* and it fits */
}

static bool read_line(const char *line, size_t length, Finding *ret) {
        char text[sizeof(Finding) + 16], verdict[16], *rest = text;
        Finding read = { 0 };

        if ((size_t) snprintf(text, sizeof(text), "%.*s", (int) length, line) >= sizeof(text) ||
            !take_field(&rest, read.check, sizeof(read.check)) ||
            !take_field(&rest, verdict, sizeof(verdict)) ||
            !take_field(&rest, read.finding, sizeof(read.finding)) ||
            !take_field(&rest, read.remedy, sizeof(read.remedy)) || rest ||
            read.check[strspn(read.check, LETTERS_AND_DIGITS "-_.")] || read.check[0] == '\0' ||
            verdict_from_string(verdict, &read.verdict) < 0)
                return false;

        *ret = read;
        return true;
}

bool finding_read(const char **rest, Finding *ret) {
        while (**rest) {
                const char *line = *rest;

                *rest = line_next(line);
                if (read_line(line, strcspn(line, "\n"), ret))
                        return true;
        }
        return false;
}
