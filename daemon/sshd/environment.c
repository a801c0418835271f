/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/options.h"

#define NEWLINES "\n\r"
#define BLANKS " \t"

/* Reads the value that begins at @c, and returns what follows it. Another part may follow a quoted one. Within a part
 * that isn't quoted, a quote is a letter. @ret_length is SSHD_COMMAND_SIZE or more if the value doesn't fit. */
static const char *read_value(const char *c, char ret[static SSHD_COMMAND_SIZE], size_t *ret_length) {
        size_t n = 0, end = 0; /* without the blanks at the end */
        bool plain = false, escaped;
        char quote = '\0';

        for (; *c && (quote || !strchr(NEWLINES, *c)); c++) {
                escaped = *c == '\\' && quote != '\'';
                if (escaped && *++c == '\0')
                        break;
                if (!escaped && (quote ? *c == quote : !plain && (*c == '"' || *c == '\''))) {
                        quote = quote ? '\0' : *c;
                        continue;
                }
                if (!escaped && !quote && !plain && is_blank(*c))
                        continue;
                plain = !quote;

                /* In double quotes, most letters keep the backslash. An escaped newline is none. */
                if (escaped && quote && !strchr("\"\\`$\n", *c) && n++ < SSHD_COMMAND_SIZE)
                        ret[n - 1] = '\\';
                if ((!escaped || !strchr(quote ? "\n" : NEWLINES, *c)) && n++ < SSHD_COMMAND_SIZE)
                        ret[n - 1] = *c;
                if (escaped || quote || !is_blank(*c))
                        end = n;
        }
        if (end < SSHD_COMMAND_SIZE)
                ret[end] = '\0';
        *ret_length = end;
        return c;
}

int environment_parse(const char *text, EnvironmentHandler handler, void *userdata) {
        char name[128], value[SSHD_COMMAND_SIZE];
        const char *counted = text;
        unsigned line = 1;
        int r = 0;

        for (const char *c = text; *(c += strspn(c, BLANKS NEWLINES)) && r >= 0;) {
                size_t length = strcspn(c, "=" NEWLINES), n = length, value_length;

                for (; counted < c; counted++)
                        line += *counted == '\n';
                if (*c == '#' || *c == ';' || c[length] != '=') { /* a comment, or no assignment */
                        c += strcspn(c, NEWLINES);
                        continue;
                }
                while (n > 0 && is_blank(c[n - 1]))
                        n--;
                snprintf(name, sizeof(name), "%.*s", (int) n, c);
                c = read_value(c + length + 1, value, &value_length);
                if (n < sizeof(name))
                        r = handler(name, value_length < sizeof(value) ? value : NULL, line, userdata);
        }
        return r < 0 ? r : 0;
}
