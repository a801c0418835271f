/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/picture.h"

#define ROOM_MIN 24
#define INDENT_BELOW 4

/* The length in bytes of the first @columns characters of @text, which is UTF-8, or of all of it. */
static size_t room_length(const char *text, size_t columns) {
        size_t length = 0;

        while (text[length] && ((text[length] & 0xc0) == 0x80 || columns-- > 0))
                length++;
        return length;
}

/* The length in bytes of the word at @text, with the blanks before it. A command is one word. */
static size_t word_length(const char *text) {
        size_t length = strspn(text, " ");
        bool command = false;

        for (; text[length] && (command || text[length] != ' '); length++)
                if (text[length] == '`')
                        command = !command && strchr(text + length + 1, '`');
        return length;
}

/* The length in bytes of the line that @text begins with. */
static size_t line_length(const char *text, size_t columns) {
        size_t room = room_length(text, columns), length = word_length(text), next;

        if (length > room && !memchr(text, '`', length))
                return room;
        for (;; length += next) {
                next = word_length(text + length);
                if (next == 0 || length + next > room)
                        return length;
        }
}

bool wrap_goes_below(unsigned indent, unsigned columns) {
        return indent > INDENT_BELOW && columns < indent + ROOM_MIN;
}

void wrap_text(FILE *file, const char *text, unsigned indent, unsigned columns, unsigned n_lines) {
        unsigned room;
        size_t length;

        if (wrap_goes_below(indent, columns)) {
                indent = INDENT_BELOW;
                fprintf(file, "\n%*s", INDENT_BELOW, "");
        }
        room = columns > indent + ROOM_MIN ? columns - indent : ROOM_MIN;

        for (;; n_lines--) {
                length = line_length(text, room);
                if (text[length] && n_lines == 1)
                        length = line_length(text, room - strlen(" ..."));
                fprintf(file, "%.*s", (int) length, text);
                text += length;
                text += strspn(text, " ");
                if (!*text || n_lines == 1)
                        break;
                fprintf(file, "\n%*s", (int) indent, "");
        }
        fputs(*text ? " ...\n" : "\n", file);
}
