/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/config-lines.h"

#include <ini.h>

#include "core/config-keys.h"

#define ERRORS_MAX 20

/* Stands for a refused section, so that its keys are passed over: the section itself was told. */
#define REFUSED_SECTION "?"

void config_lines_complain(ConfigLines *lines, const char *format, ...) {
        char message[640];

        if (lines->n_errors++ >= ERRORS_MAX)
                return;

        format_arguments(message, sizeof(message), format);
        lines->on_error(lines->path, lines->line, message, lines->userdata);
}

/* Cuts off a comment, and the blanks before it. '#' or ';' begin a comment at the start of the line and after a
 * blank. */
static void cut_comment(char *line) {
        char *end = line;

        for (char *c = line; *c && (!strchr("#;", *c) || (c > line && !is_blank(c[-1]))); c++)
                if (!is_blank(*c))
                        end = c + 1;
        *end = '\0';
}

static bool check_section(ConfigLines *lines, const char *line) {
        const char *end = strchr(line, ']');
        char list[CONFIG_LIST_SIZE];

        if (!end || end[1])
                config_lines_complain(lines, "%s: write a section as [Name], alone on its line", line);
        else if (!config_has_section(line + 1, (size_t) (end - line - 1)))
                config_lines_complain(lines, "there is no section %s, but %s", line,
                                      config_list_names(NULL, list));
        else
                return true;
        return false;
}

/* False if the line was refused and told. It has no comment, and no blanks at its end. */
static bool check_line(ConfigLines *lines, const char *line, size_t max) {
        const char *equals = strpbrk(line, "=:"), *c = line;

        while ((*c >= ' ' && *c <= '~') || *c == '\t')
                c++;
        if (is_blank(line[0]))
                config_lines_complain(
                                lines,
                                "the line is indented: begin it in the first column (a value is one line)");
        else if (*c)
                config_lines_complain(lines, "byte 0x%02x in column %zu: only a comment may have such bytes",
                                      (unsigned char) *c, (size_t) (c - line) + 1);
        else if (strlen(line) > max)
                config_lines_complain(lines,
                                      "the line has %zu characters, more than %zu: a range like 2200-2299 "
                                      "is shorter",
                                      strlen(line), max);
        else if (line[0] == '[')
                return check_section(lines, line);
        else if (!equals || *equals != '=')
                config_lines_complain(lines, "%s: write [Section] or Key=value", line);
        else
                return true;
        return false;
}

/* A libinih ini_reader: gives the next correct line that isn't empty. libinih has handled a line when it
 * asks for the next. */
static char *next_line(char *buffer, int size, void *userdata) {
        size_t max = (size_t) size - 2 < CONFIG_LINE_MAX ? (size_t) size - 2 : CONFIG_LINE_MAX, length;
        ConfigLines *lines = userdata;
        const char *given;
        char *line;

        while ((line = strsep(&lines->rest, "\n"))) {
                lines->line++;
                length = strlen(line);
                if (length > 0 && line[length - 1] == '\r')
                        line[length - 1] = '\0';
                if (strchr(line, '\r')) { /* in comments too: an editor shows such a line otherwise */
                        config_lines_complain(lines, "a carriage return stands within the line: end lines "
                                                     "with LF or CR LF");
                        continue;
                }
                cut_comment(line);
                given = *line == '\0' || check_line(lines, line, max) ? line
                        : line[strspn(line, " \t")] == '['            ? "[" REFUSED_SECTION "]"
                                                                      : "";
                if (!*given)
                        continue;
                memcpy(stpcpy(buffer, given), "\n", 2);
                return buffer;
        }

        return NULL;
}

/* A libinih ini_handler. Returns 1, "no error", as libinih would report the first error only. */
static int on_value(void *userdata, const char *section, const char *name, const char *value) {
        ConfigLines *lines = userdata;

        if (!streq(section, REFUSED_SECTION))
                lines->take_value(lines, section, name, value);
        return 1;
}

int config_lines_read(ConfigLines *lines, const char *text, size_t size) {
        _cleanup_free_ char *copy = strndup(text, size);
        char message[64];
        int r;

        if (!copy)
                return -ENOMEM;
        /* Windows PowerShell's `>` writes UTF-16: each line would be an error. */
        if (startswith(copy, "\xff\xfe") || startswith(copy, "\xfe\xff"))
                config_lines_complain(lines, "the file is in UTF-16: save it as UTF-8");
        else if (strlen(copy) < size)
                config_lines_complain(lines, "the file has a NUL byte: this is not a text file");
        if (lines->n_errors > 0)
                return -EINVAL;

        lines->rest = copy + (startswith(copy, "\xef\xbb\xbf") ? 3 : 0);
        r = ini_parse_stream(next_line, lines, on_value, lines);
        if (r < 0)
                return -ENOMEM;
        if (r > 0 && lines->n_errors == 0)
                config_lines_complain(lines, "libinih refuses a line, by a rule that wslportd doesn't know");

        if (lines->n_errors > ERRORS_MAX) {
                snprintf(message, sizeof(message), "and %u more errors", lines->n_errors - ERRORS_MAX);
                lines->on_error(lines->path, 0, message, lines->userdata);
        }
        return lines->n_errors > 0 ? -EINVAL : 0;
}
