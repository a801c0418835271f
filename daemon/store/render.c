/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/render.h"

#include <stdarg.h>

#define PORT_KEYWORD "Port "

void render_port_file(uint16_t port, uint16_t home, char ret_text[static RENDER_SIZE_MAX]) {
        snprintf(ret_text, RENDER_SIZE_MAX,
                 "# Written by wslportd: sshd can't have port %u. Taken away when it goes back; edits are "
                 "lost.\n" PORT_KEYWORD "%u\n",
                 home, port);
}

/* The last line, without its newline, copied out; comment lines may stand before it, nothing else. */
static int only_line(const char *text, char *ret, size_t size) {
        while (*text == '#') {
                text = strchr(text, '\n');
                if (!text)
                        return -EBADMSG;
                text++;
        }

        size_t length = strcspn(text, "\n");
        if (length == 0 || length >= size || !streq(text + length, "\n"))
                return -EBADMSG;

        memcpy(ret, text, length);
        ret[length] = '\0';
        return 0;
}

int render_parse_port_file(const char *text, uint16_t *ret_port) {
        char line[sizeof(PORT_KEYWORD "65535")];
        const char *number;

        if (only_line(text, line, sizeof(line)) < 0)
                return -EBADMSG;

        number = startswith(line, PORT_KEYWORD);
        return number && parse_port(number, ret_port) >= 0 ? 0 : -EBADMSG;
}

void render_last_port_file(uint16_t port, char ret_text[static RENDER_SIZE_MAX]) {
        snprintf(ret_text, RENDER_SIZE_MAX, "%u\n", port);
}

int render_parse_last_port_file(const char *text, uint16_t *ret_port) {
        char line[sizeof("65535")];

        return only_line(text, line, sizeof(line)) >= 0 && parse_port(line, ret_port) >= 0 ? 0 : -EBADMSG;
}

void render_moved_file(const Placement *placement, char ret_text[static RENDER_SIZE_MAX]) {
        int n = snprintf(ret_text, RENDER_SIZE_MAX, "%u %s", placement->port, mechanism_to_string(placement->mechanism));

        for (size_t i = 0; i < placement->n_beside; i++)
                n += snprintf(ret_text + n, RENDER_SIZE_MAX - (size_t) n, " %u", placement->beside[i]);
        snprintf(ret_text + n, RENDER_SIZE_MAX - (size_t) n, "\n");
}

int render_parse_moved_file(const char *text, Placement *ret) {
        char line[RENDER_SIZE_MAX], again[RENDER_SIZE_MAX], *rest = again, *word;
        Placement placement = { 0 };

        if (only_line(text, line, sizeof(line)) < 0)
                return -EBADMSG;
        snprintf(again, sizeof(again), "%s", line);

        if (parse_port(strsep(&rest, " "), &placement.port) < 0 || !rest ||
            mechanism_from_string(strsep(&rest, " "), &placement.mechanism) < 0 || !mechanism_is_drop_in(placement.mechanism))
                return -EBADMSG;
        while ((word = strsep(&rest, " ")))
                if (placement.n_beside == SSHD_PORTS_MAX || parse_port(word, &placement.beside[placement.n_beside++]) < 0)
                        return -EBADMSG;

        /* There is one way to write it. */
        render_moved_file(&placement, again);
        *strchr(again, '\n') = '\0';
        if (!streq(again, line))
                return -EBADMSG;

        *ret = placement;
        return 0;
}

#define UNFINISHED " unfinished"

void render_disabled_socket(const DisabledSocket *disabled, char ret_text[static RENDER_SIZE_MAX]) {
        snprintf(ret_text, RENDER_SIZE_MAX, "%s %s %s%s\n", disabled->socket, disabled->service,
                 disabled->service_was_enabled ? "enabled" : "disabled", disabled->unfinished ? UNFINISHED : "");
}

/* The name of a unit and the blank behind it; what follows, or NULL. */
static const char *take_unit_name(const char *line, char *ret, size_t size) {
        size_t length = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\@");

        if (length == 0 || length >= size || line[length] != ' ')
                return NULL;
        memcpy(ret, line, length);
        ret[length] = '\0';
        return line + length + 1;
}

int render_parse_disabled_socket(const char *text, DisabledSocket *ret) {
        char line[RENDER_SIZE_MAX];
        DisabledSocket disabled;
        const char *rest, *end;

        if (only_line(text, line, sizeof(line)) < 0)
                return -EBADMSG;
        rest = take_unit_name(line, disabled.socket, sizeof(disabled.socket));
        if (rest)
                rest = take_unit_name(rest, disabled.service, sizeof(disabled.service));
        if (!rest)
                return -EBADMSG;

        end = startswith(rest, "enabled");
        disabled.service_was_enabled = end;
        if (!end)
                end = startswith(rest, "disabled");
        if (!end || (*end && !streq(end, UNFINISHED)))
                return -EBADMSG;

        disabled.unfinished = *end;
        *ret = disabled;
        return 0;
}

#define DROP_IN_COMMENT "# Written by wslportd: sshd can't have its own port. Goes away by itself; edits are lost.\n"
#define STREAMS_KEY "[X-Wslport]\nStreams="
#define STREAM_SIZE_MAX 128 /* longer than a socket's path can be (unix(7)) */

typedef struct Text {
        char *text;
        size_t length;
        bool overflow;
} Text;

static void _printf_(2, 3) text_add(Text *t, const char *format, ...) {
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vsnprintf(t->text + t->length, RENDER_DROP_IN_SIZE_MAX - t->length, format, arguments);
        va_end(arguments);

        if (n < 0 || t->length + (size_t) n >= RENDER_DROP_IN_SIZE_MAX)
                t->overflow = true;
        else
                t->length += (size_t) n;
}

static int text_take(const Text *t, char ret_text[static RENDER_DROP_IN_SIZE_MAX]) {
        if (t->overflow)
                return -E2BIG;

        memcpy(ret_text, t->text, t->length + 1);
        return 0;
}

/* Whether a unit file, and our list in it, can hold a word as it is: a line ends at a carriage return too, and goes on
 * behind a backslash (systemd, config_parse()). */
static bool is_plain(const char *word) {
        return word[strcspn(word, " \t\r\n\\")] == '\0';
}

int render_socket_drop_in(const char *streams, uint16_t port, const uint16_t *beside, size_t n_beside,
                          char ret_text[static RENDER_DROP_IN_SIZE_MAX]) {
        char text[RENDER_DROP_IN_SIZE_MAX], lines[RENDER_DROP_IN_SIZE_MAX] = "";
        Text t = { .text = text };

        text_add(&t, "%s" STREAMS_KEY, DROP_IN_COMMENT);
        WORDS_FOREACH (stream, streams)
                text_add(&t, "%s%s", stream == streams ? "" : " ", stream);
        text_add(&t, "\n[Socket]\nListenStream=\n");

        WORDS_FOREACH (stream, streams) {
                char line[STREAM_SIZE_MAX], address[ENDPOINT_SIZE];
                const char *moved = stream;
                Endpoint endpoint;
                int n;

                if (!is_plain(stream))
                        return -E2BIG;
                if (endpoint_parse(stream, &endpoint) >= 0) {
                        if (!port_is_one_of(endpoint.port, beside, n_beside))
                                endpoint.port = port;
                        moved = endpoint_print(&endpoint, address);
                }
                n = snprintf(line, sizeof(line), "%s", moved);
                if (n < 0 || (size_t) n >= sizeof(line))
                        return -E2BIG;

                bool twice = false;
                WORDS_FOREACH (other, lines)
                        twice = twice || streq(other, line);
                if (twice)
                        continue;
                if (!words_append(lines, sizeof(lines), line))
                        return -E2BIG;
                text_add(&t, "ListenStream=");
                for (const char *c = line; *c; c++)
                        text_add(&t, *c == '%' ? "%%%c" : "%c", *c);
                text_add(&t, "\n");
                if (t.overflow)
                        return -E2BIG;
        }

        return text_take(&t, ret_text);
}

int render_parse_socket_drop_in(const char *text, char *ret_streams, size_t size) {
        const char *line = strstr(text, STREAMS_KEY);
        char streams[RENDER_DROP_IN_SIZE_MAX] = "";
        size_t limit = size < sizeof(streams) ? size : sizeof(streams);

        if (!line || !startswith(text, "# Written by wslportd"))
                return -EBADMSG;

        line += strlen(STREAMS_KEY);
        for (size_t length; *line && *line != '\n'; line += length, line += *line == ' ') {
                char word[STREAM_SIZE_MAX];

                length = strcspn(line, " \n");
                if (length == 0 || length >= sizeof(word))
                        return -EBADMSG;
                memcpy(word, line, length);
                word[length] = '\0';
                if (!words_append(streams, limit, word))
                        return -EBADMSG;
        }
        if (*line != '\n' || !streams[0])
                return -EBADMSG;

        memcpy(ret_streams, streams, limit);
        return 0;
}

/* One word of a command, so that systemd reads it as it gave it: specifiers are expanded in what it gave, variables
 * aren't. */
static void text_add_word(Text *t, const char *word) {
        text_add(t, " \"");
        for (; *word; word++)
                if (*word == '\n' || *word == '\r')
                        t->overflow = true; /* no quotes keep a line together */
                else
                        text_add(t, *word == '"' || *word == '\\' ? "\\%c" : *word == '%' ? "%%%c" : "%c", *word);
        text_add(t, "\"");
}

int render_service_drop_in(const SshdCommand *command, uint16_t port, const uint16_t *beside, size_t n_beside,
                           char ret_text[static RENDER_DROP_IN_SIZE_MAX]) {
        char text[RENDER_DROP_IN_SIZE_MAX];
        Text t = { .text = text };

        if (command->program[0] != '/' || command->program[strcspn(command->program, " \t\r\n\"'%\\")] != '\0')
                return -E2BIG;

        text_add(&t, "%s[Service]\nExecStart=\nExecStart=%s", DROP_IN_COMMENT, command->program);
        WORDS_FOREACH (word, command->arguments)
                text_add_word(&t, word);
        for (size_t i = 0; i < n_beside; i++)
                text_add(&t, " -p %u", beside[i]);
        text_add(&t, " -p %u\n", port);

        return text_take(&t, ret_text);
}
