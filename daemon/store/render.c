/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/render.h"

/* Copies the one line behind the comment lines, without its newline. Returns 0, or -EBADMSG if there are
 * more lines. */
static int only_line(const char *text, char ret[static RENDER_SIZE_MAX]) {
        const char *end;

        while (*text == '#')
                text = line_next(text);
        end = strchr(text, '\n');
        if (!end || end == text || end[1] || end - text >= RENDER_SIZE_MAX)
                return -EBADMSG;

        memcpy(ret, text, (size_t) (end - text));
        ret[end - text] = '\0';
        return 0;
}

/* A port as we write it. */
static int parse_own_port(const char *s, uint16_t *ret) {
        return s && s[0] != '0' && parse_port(s, ret) >= 0 ? 0 : -EBADMSG;
}

void render_port_file(uint16_t port, uint16_t home, char ret_text[static RENDER_SIZE_MAX]) {
        snprintf(ret_text, RENDER_SIZE_MAX,
                 "# Written by wslportd: sshd can't have port %u. Taken away when it goes back; edits are "
                 "lost.\n" RENDER_PORT_KEYWORD "%u\n",
                 home, port);
}

void render_last_port_file(uint16_t port, char ret_text[static RENDER_SIZE_MAX]) {
        snprintf(ret_text, RENDER_SIZE_MAX, "%u\n", port);
}

int render_parse_port(const char *text, const char *keyword, uint16_t *ret_port) {
        char line[RENDER_SIZE_MAX];

        return only_line(text, line) < 0 ? -EBADMSG : parse_own_port(startswith(line, keyword), ret_port);
}

void render_moved_file(const Placement *placement, char ret_text[static RENDER_SIZE_MAX]) {
        int n = snprintf(ret_text, RENDER_SIZE_MAX, "%u %s", placement->port,
                         mechanism_to_string(placement->mechanism));

        for (size_t i = 0; i < placement->n_beside; i++)
                n += snprintf(ret_text + n, RENDER_SIZE_MAX - (size_t) n, " %u", placement->beside[i]);
        snprintf(ret_text + n, RENDER_SIZE_MAX - (size_t) n, "\n");
}

int render_parse_moved_file(const char *text, Placement *ret) {
        char line[RENDER_SIZE_MAX], *rest = line, *word;
        Placement placement = { 0 };

        if (only_line(text, line) < 0 || parse_own_port(strsep(&rest, " "), &placement.port) < 0)
                return -EBADMSG;
        word = strsep(&rest, " ");
        if (!word || mechanism_from_string(word, &placement.mechanism) < 0 ||
            placement.mechanism == MECHANISM_NONE)
                return -EBADMSG;
        while ((word = strsep(&rest, " ")))
                if (placement.n_beside == SSHD_PORTS_MAX ||
                    parse_own_port(word, &placement.beside[placement.n_beside++]) < 0)
                        return -EBADMSG;

        *ret = placement;
        return 0;
}

#define ENABLED "enabled"
#define DISABLED "disabled"
#define UNFINISHED "unfinished"

void render_disabled_socket(const DisabledSocket *disabled, char ret_text[static RENDER_SIZE_MAX]) {
        snprintf(ret_text, RENDER_SIZE_MAX, "%s %s %s%s\n", disabled->socket, disabled->service,
                 disabled->service_was_enabled ? ENABLED : DISABLED,
                 disabled->unfinished ? " " UNFINISHED : "");
}

static bool take_unit_name(char **rest, char ret[static 256]) {
        const char *name = strsep(rest, " ");

        return name && *name && name[strspn(name, UNIT_NAME_CHARACTERS)] == '\0' &&
               snprintf(ret, 256, "%s", name) < 256;
}

int render_parse_disabled_socket(const char *text, DisabledSocket *ret) {
        char line[RENDER_SIZE_MAX], *rest = line, *state;
        DisabledSocket disabled = { 0 };

        if (only_line(text, line) < 0 || !take_unit_name(&rest, disabled.socket) ||
            !take_unit_name(&rest, disabled.service))
                return -EBADMSG;
        state = strsep(&rest, " ");
        if (!state || (!streq(state, ENABLED) && !streq(state, DISABLED)) ||
            (rest && !streq(rest, UNFINISHED)))
                return -EBADMSG;

        disabled.service_was_enabled = streq(state, ENABLED);
        disabled.unfinished = rest;
        *ret = disabled;
        return 0;
}

#define DROP_IN_COMMENT \
        "# Written by wslportd: sshd can't have its own port. Goes away by itself; edits are lost.\n"
#define STREAMS_KEY "[X-Wslport]\nStreams="
#define STREAM_SIZE_MAX 128 /* longer than a socket's path can be (unix(7)) */

typedef struct Text {
        char *text;
        size_t length;
        bool overflow;
} Text;

static void _printf_(2, 3) text_add(Text *t, const char *format, ...) {
        int n = format_arguments(t->text + t->length, RENDER_DROP_IN_SIZE_MAX - t->length, format);

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

static bool words_have(const char *words, const char *word) {
        WORDS_FOREACH (each, words)
                if (streq(each, word))
                        return true;
        return false;
}

int render_socket_drop_in(const char *streams, uint16_t port, const uint16_t *beside, size_t n_beside,
                          char ret_text[static RENDER_DROP_IN_SIZE_MAX]) {
        char text[RENDER_DROP_IN_SIZE_MAX], written[RENDER_DROP_IN_SIZE_MAX] = "";
        Text t = { .text = text };

        text_add(&t, "%s" STREAMS_KEY, DROP_IN_COMMENT);
        WORDS_FOREACH (stream, streams)
                text_add(&t, "%s%s", stream == streams ? "" : " ", stream);
        text_add(&t, "\n[Socket]\nListenStream=\n");

        WORDS_FOREACH (stream, streams) {
                const char *moved = stream;
                char address[ENDPOINT_SIZE];
                Endpoint endpoint;

                /* To systemd (config_parse()) a carriage return ends a line too, and a backslash continues it. */
                if (stream[strcspn(stream, " \t\r\n\\")])
                        return -E2BIG;
                if (endpoint_parse(stream, &endpoint) >= 0) {
                        if (!port_is_one_of(endpoint.port, beside, n_beside))
                                endpoint.port = port;
                        moved = endpoint_print(&endpoint, address);
                }
                if (words_have(written, moved))
                        continue;
                if (strlen(moved) >= STREAM_SIZE_MAX || !words_append(written, sizeof(written), moved))
                        return -E2BIG;
                text_add(&t, "ListenStream=");
                for (const char *c = moved; *c; c++)
                        text_add(&t, "%s%c", *c == '%' ? "%" : "", *c);
                text_add(&t, "\n");
        }

        return text_take(&t, ret_text);
}

/* The words of the line at @start. */
static int parse_streams(const char *start, char *ret_streams, size_t size) {
        char line[RENDER_DROP_IN_SIZE_MAX], streams[RENDER_DROP_IN_SIZE_MAX] = "", *rest = line, *word;
        size_t limit = size < sizeof(streams) ? size : sizeof(streams), length = strcspn(start, "\n");

        if (start[length] == '\0' || length >= sizeof(line))
                return -EBADMSG;
        memcpy(line, start, length);
        line[length] = '\0';
        while ((word = strsep(&rest, " ")))
                if (strlen(word) >= STREAM_SIZE_MAX || !words_append(streams, limit, word))
                        return -EBADMSG;

        memcpy(ret_streams, streams, limit);
        return 0;
}

int render_parse_socket_drop_in(const char *text, char *ret_streams, size_t size) {
        const char *key = strstr(text, STREAMS_KEY);

        return key && startswith(text, "# Written by wslportd")
                               ? parse_streams(key + strlen(STREAMS_KEY), ret_streams, size)
                               : -EBADMSG;
}

void render_unread_file(const Placement *in_force, uint16_t home, const char *streams,
                        char ret_text[static RENDER_DROP_IN_SIZE_MAX]) {
        char line[RENDER_SIZE_MAX];
        int n;

        render_moved_file(in_force, line);
        n = snprintf(ret_text, RENDER_DROP_IN_SIZE_MAX, "%u %s", home, line);
        for (const char *word = streams; *word; word = words_next(word))
                n += snprintf(ret_text + n, RENDER_DROP_IN_SIZE_MAX - (size_t) n, "%s%c", word,
                              *words_next(word) ? ' ' : '\n');
}

int render_parse_unread_file(const char *text, Placement *ret_in_force, uint16_t *ret_home,
                             char *ret_streams, size_t size) {
        char line[RENDER_SIZE_MAX], *rest = line;

        snprintf(line, sizeof(line), "%.*s", (int) (line_next(text) - text), text);
        return parse_own_port(strsep(&rest, " "), ret_home) < 0 || !rest ||
                                               render_parse_moved_file(rest, ret_in_force) < 0
                               ? -EBADMSG
                               : parse_streams(line_next(text), ret_streams, size);
}

/* Quotes a word of a command as systemd told it. systemd has expanded the specifiers in it, so each % is
 * doubled; it has not expanded the variables. */
static void text_add_word(Text *t, const char *word) {
        text_add(t, " \"");
        for (; *word; word++)
                if (*word == '\n' || *word == '\r')
                        t->overflow = true; /* no quotes keep a line together */
                else
                        text_add(t, "%s%c", strchr("\"\\", *word) ? "\\" : *word == '%' ? "%" : "", *word);
        text_add(t, "\"");
}

int render_service_drop_in(const SshdCommand *command, uint16_t port, const uint16_t *beside,
                           size_t n_beside, char ret_text[static RENDER_DROP_IN_SIZE_MAX]) {
        char text[RENDER_DROP_IN_SIZE_MAX];
        Text t = { .text = text };

        if (command->program[0] != '/' || strchr(command->prefix, '?') ||
            command->program[strcspn(command->program, " \t\r\n\"'%\\")] != '\0')
                return -E2BIG;

        text_add(&t, "%s[Service]\nExecStart=\nExecStart=%s%s", DROP_IN_COMMENT, command->prefix,
                 command->program);
        for (size_t i = 0; i < n_beside; i++)
                text_add(&t, " -p %u", beside[i]);
        text_add(&t, " -p %u", port);
        WORDS_FOREACH (word, command->arguments)
                text_add_word(&t, word);
        text_add(&t, "\n");

        return text_take(&t, ret_text);
}
