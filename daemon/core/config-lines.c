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

/* The length of @line up to a comment, without the blanks at its end. '#' or ';' begin a comment at the
 * start of the line and after a blank. */
static size_t length_before_comment(const char *line, size_t length) {
        for (size_t i = 0; i < length; i++)
                if ((line[i] == '#' || line[i] == ';') && (i == 0 || is_blank(line[i - 1])))
                        length = i;

        while (length > 0 && is_blank(line[length - 1]))
                length--;

        return length;
}

static bool check_section(ConfigLines *lines, const char *line, size_t length) {
        char list[CONFIG_LIST_SIZE];

        if (memchr(line, ']', length) != line + length - 1)
                config_lines_complain(lines, "%.*s: write a section as [Name], alone on its line",
                                      (int) length, line);
        else if (!config_has_section(line + 1, length - 2))
                config_lines_complain(lines, "there is no section %.*s, but %s", (int) length, line,
                                      config_list_names(NULL, list));
        else
                return true;
        return false;
}

/* False if the line was refused and told. It has no comment, and no blanks at its end. */
static bool check_line(ConfigLines *lines, const char *line, size_t length, size_t max) {
        const char *equals, *colon;

        if (is_blank(line[0])) {
                config_lines_complain(
                                lines,
                                "the line is indented: begin it in the first column (a value is one line)");
                return false;
        }

        for (size_t i = 0; i < length; i++)
                if ((line[i] < ' ' && line[i] != '\t') || line[i] > '~') {
                        config_lines_complain(
                                        lines,
                                        "byte 0x%02x in column %zu: only a comment may have such bytes",
                                        (unsigned char) line[i], i + 1);
                        return false;
                }

        if (length > max) {
                config_lines_complain(lines,
                                      "the line has %zu characters, more than %zu: a range like 2200-2299 "
                                      "is shorter",
                                      length, max);
                return false;
        }

        if (line[0] == '[')
                return check_section(lines, line, length);

        equals = memchr(line, '=', length);
        colon = memchr(line, ':', length);
        if (!equals || (colon && colon < equals)) {
                config_lines_complain(lines, "%.*s: write [Section] or Key=value", (int) length, line);
                return false;
        }
        return true;
}

/* Takes the next line from the text, without its end, LF or CR LF. */
static bool take_line(ConfigLines *lines, const char **ret_line, size_t *ret_length) {
        const char *end;
        size_t length;

        if (lines->size == 0)
                return false;

        end = memchr(lines->text, '\n', lines->size);
        length = end ? (size_t) (end - lines->text) : lines->size;

        *ret_line = lines->text;
        /* NOLINTNEXTLINE(knownConditionTrueFalse): an empty line has no length */
        *ret_length = length > 0 && lines->text[length - 1] == '\r' ? length - 1 : length;

        lines->text += end ? length + 1 : length;
        lines->size -= end ? length + 1 : length;
        lines->line++;
        return true;
}

/* A libinih ini_reader: gives the next correct line that isn't empty. libinih has handled a line when it
 * asks for the next. */
static char *next_line(char *buffer, int size, void *userdata) {
        size_t max = (size_t) size - 2 < CONFIG_LINE_MAX ? (size_t) size - 2 : CONFIG_LINE_MAX, length;
        ConfigLines *lines = userdata;
        const char *line;

        while (take_line(lines, &line, &length)) {
                /* In comments too: an editor shows such a line otherwise than wslportd reads it. */
                if (memchr(line, '\0', length) || memchr(line, '\r', length)) {
                        config_lines_complain(lines, "%s",
                                              memchr(line, '\0', length)
                                                              ? "the line has a NUL byte: this is not a text file"
                                                              : "a carriage return stands within the line: end "
                                                                "lines with LF or CR LF");
                        continue;
                }

                length = length_before_comment(line, length);
                if (length == 0)
                        continue;

                if (!check_line(lines, line, length, max)) {
                        while (is_blank(*line))
                                line++;
                        if (*line != '[')
                                continue;
                        line = "[" REFUSED_SECTION "]";
                        length = strlen(line);
                }

                memcpy(buffer, line, length);
                memcpy(buffer + length, "\n", 2);
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

static bool begins_with(const ConfigLines *lines, const char *bytes, size_t n) {
        return lines->size >= n && memcmp(lines->text, bytes, n) == 0;
}

int config_lines_read(ConfigLines *lines) {
        char message[64];
        int r;

        if (begins_with(lines, "\xef\xbb\xbf", 3)) {
                lines->text += 3;
                lines->size -= 3;
        }

        /* Windows PowerShell's `>` writes UTF-16: each line would be an error. */
        if (begins_with(lines, "\xff\xfe", 2) || begins_with(lines, "\xfe\xff", 2)) {
                config_lines_complain(lines, "the file is in UTF-16: save it as UTF-8");
                return -EINVAL;
        }

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
