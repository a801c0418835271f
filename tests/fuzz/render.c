/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/endpoint.h"
#include "fuzz/fuzz.h"
#include "store/render.h"

/* The texts of our files. Our parsers, and systemd's rules for unit files, read back what was written. A
 * text that was cut off is refused or says the same. Any other text is refused or read as something sound.
 *
 * The input: two ports, where to cut, how many ports stay and these; a socket's addresses, a line each, up
 * to an empty one; a service's program and arguments, likewise; the text of a file. */

/* Cuts the end off. Returns false if that cuts nothing. */
static bool cut(char *text, uint16_t where) {
        size_t length = strlen(text);

        text[where % (length + 1)] = '\0';
        return where % (length + 1) < length;
}

static bool is_same(const Placement *a, const Placement *b) {
        return a->port == b->port && a->mechanism == b->mechanism && a->n_beside == b->n_beside &&
               memcmp(a->beside, b->beside, a->n_beside * sizeof(a->beside[0])) == 0;
}

static void try_our_files(uint16_t port, uint16_t home, uint16_t where) {
        char text[RENDER_SIZE_MAX], word[32] = "Port ";
        Placement placement = { .port = port, .beside = { home ?: 1, where ?: 1 }, .n_beside = where % 3 }, again;
        uint16_t port_again;

        render_port_file(port, home, text);
        require(render_parse_port(text, RENDER_PORT_KEYWORD, &port_again) == 0 && port_again == port);
        snprintf(word + 5, sizeof(word) - 5, "%u\n", port);
        require(strstr(text, word) && strstr(text, word)[strlen(word)] == '\0');
        if (cut(text, where))
                require(render_parse_port(text, RENDER_PORT_KEYWORD, &port_again) == -EBADMSG);

        render_last_port_file(port, text);
        require(render_parse_port(text, "", &port_again) == 0 && port_again == port);
        if (cut(text, where))
                require(render_parse_port(text, "", &port_again) == -EBADMSG);

        for (placement.mechanism = MECHANISM_NONE; placement.mechanism < _MECHANISM_MAX; placement.mechanism++) {
                render_moved_file(&placement, text);
                if (placement.mechanism == MECHANISM_NONE) {
                        require(render_parse_moved_file(text, &again) == -EBADMSG);
                        continue;
                }
                require(render_parse_moved_file(text, &again) == 0 && is_same(&again, &placement));
                if (cut(text, where))
                        require(render_parse_moved_file(text, &again) == -EBADMSG);
        }
}

static void try_text(const char *text, uint16_t where) {
        char streams[1024], again_text[RENDER_SIZE_MAX];
        DisabledSocket disabled, again;
        uint16_t port;
        Placement placement;

        fuzz_untouched(port);
        if (render_parse_port(text, RENDER_PORT_KEYWORD, &port) == 0)
                require(port > 0 && strstr(text, "Port "));
        else
                require_untouched(port);

        fuzz_untouched(port);
        if (render_parse_port(text, "", &port) == 0)
                require(port > 0);
        else
                require_untouched(port);

        fuzz_untouched(placement);
        if (render_parse_moved_file(text, &placement) == 0)
                require(placement.port > 0 && placement.mechanism != MECHANISM_NONE && placement.n_beside <= SSHD_PORTS_MAX);
        else
                require_untouched(placement);

        fuzz_untouched(disabled);
        if (render_parse_disabled_socket(text, &disabled) == 0) {
                require(fuzz_is_printable(disabled.socket, sizeof(disabled.socket)) && disabled.socket[0]);
                require(fuzz_is_printable(disabled.service, sizeof(disabled.service)) && disabled.service[0]);
                render_disabled_socket(&disabled, again_text);
                require(strlen(text) >= strlen(again_text) &&
                        streq(text + strlen(text) - strlen(again_text), again_text));
                require(render_parse_disabled_socket(again_text, &again) == 0);
                require(streq(again.socket, disabled.socket) && streq(again.service, disabled.service) &&
                        again.service_was_enabled == disabled.service_was_enabled &&
                        again.unfinished == disabled.unfinished);
                if (cut(again_text, where))
                        require(render_parse_disabled_socket(again_text, &again) == -EBADMSG);
        } else
                require_untouched(disabled);

        fuzz_untouched(streams);
        if (render_parse_socket_drop_in(text, streams, sizeof(streams)) == 0)
                require(streams[0] && fuzz_is_words(streams, sizeof(streams)));
        else
                require_untouched(streams);

        fuzz_untouched(streams);
        if (render_parse_unread_file(text, &placement, &port, streams, sizeof(streams)) == 0)
                require(placement.port > 0 && port > 0 && streams[0] && fuzz_is_words(streams, sizeof(streams)));
        else
                require_untouched(streams);
}

/* The next line as systemd has it: up to a newline, a carriage return or the end (read_line()), and none of
 * them goes on in the next. */
static char *unit_line(char **rest) {
        char *line = strsep(rest, "\n\r");

        require(line);
        require(line[0] == '\0' || line[strlen(line) - 1] != '\\');
        return line;
}

/* `%%` is systemd's for `%`; nothing else begins with one. */
static void unescape_specifiers(char *text) {
        char *to = text;

        for (; *text; text++) {
                if (*text == '%')
                        require(*++text == '%');
                *to++ = *text;
        }
        *to = '\0';
}

static void try_socket_drop_in(const char *streams, uint16_t port, const uint16_t *beside, size_t n_beside, uint16_t where) {
        char text[RENDER_DROP_IN_SIZE_MAX], copy[RENDER_DROP_IN_SIZE_MAX], again[RENDER_DROP_IN_SIZE_MAX];
        char listens[RENDER_DROP_IN_SIZE_MAX] = "", *rest = copy, *line;
        int r;

        fuzz_untouched(text);
        r = render_socket_drop_in(streams, port, beside, n_beside, text);
        require(r == 0 || r == -E2BIG);
        if (r < 0) {
                require_untouched(text);
                return;
        }

        r = render_parse_socket_drop_in(text, again, sizeof(again));
        require(r == 0 || !*streams);
        if (r == 0)
                require(fuzz_same_words(again, streams));

        memcpy(copy, text, sizeof(copy));
        require(startswith(unit_line(&rest), "# Written by wslportd"));
        require(streq(unit_line(&rest), "[X-Wslport]"));
        require(startswith(unit_line(&rest), "Streams="));
        require(streq(unit_line(&rest), "[Socket]"));
        require(streq(unit_line(&rest), "ListenStream="));
        while (*(line = unit_line(&rest))) {
                char *stream = (char *) startswith(line, "ListenStream=");

                require(stream);
                unescape_specifiers(stream);
                WORDS_FOREACH (other, listens)
                        require(!streq(other, stream)); /* the second bind would fail */
                require(words_append(listens, sizeof(listens), stream));
        }
        require(!rest || !*rest);

        /* Each address is there: on its port, or on the new one. */
        WORDS_FOREACH (stream, streams) {
                Endpoint endpoint, moved;
                bool is_address = endpoint_parse(stream, &endpoint) == 0, there = false;

                WORDS_FOREACH (other, listens)
                        if (!is_address)
                                there = there || streq(other, stream);
                        else if (endpoint_parse(other, &moved) == 0)
                                there = there || (endpoint_has_address_of(&moved, &endpoint) &&
                                                  streq(moved.scope, endpoint.scope) &&
                                                  moved.port == (port_is_one_of(endpoint.port, beside, n_beside) ? endpoint.port
                                                                                                        : port));
                require(there);
        }

        if (*streams && cut(text, where) && render_parse_socket_drop_in(text, again, sizeof(again)) == 0)
                require(fuzz_same_words(again, streams));
}

/* The words of a command, as systemd takes them apart (extract_first_word() with EXTRACT_UNQUOTE and
 * EXTRACT_CUNESCAPE), of which we use quotes and two escapes only. */
static void read_command(const char *line, char *words, size_t size) {
        while (*line) {
                char word[RENDER_DROP_IN_SIZE_MAX];
                bool quoted = false;
                size_t n = 0;

                for (; *line && (quoted || *line != ' '); line++) {
                        if (*line == '"') {
                                quoted = !quoted;
                                continue;
                        }
                        require(quoted || (*line != '\'' && *line != '\\' && (*line != ';' || n > 0)));
                        if (*line == '\\') {
                                line++;
                                require(*line == '"' || *line == '\\');
                        }
                        word[n++] = *line;
                }
                require(!quoted);
                word[n] = '\0';
                unescape_specifiers(word);
                require(words_append(words, size, word));
                line += *line == ' ';
        }
}

static void try_service_drop_in(const char *words, uint16_t port, const uint16_t *beside, size_t n_beside) {
        char text[RENDER_DROP_IN_SIZE_MAX], wanted[2 * RENDER_DROP_IN_SIZE_MAX] = "", got[sizeof(wanted)] = "";
        char *rest = text, *line, number[8];
        SshdCommand command = {};
        int r;

        if (!*words || strlen(words) >= sizeof(command.program))
                return;
        strcpy(command.program, words);
        for (const char *word = words_next(words); *word; word = words_next(word))
                (void) words_append(command.arguments, sizeof(command.arguments), word);

        fuzz_untouched(text);
        r = render_service_drop_in(&command, port, beside, n_beside, text);
        require(r == 0 || r == -E2BIG);
        if (r < 0) {
                require_untouched(text);
                return;
        }

        require(startswith(unit_line(&rest), "# Written by wslportd"));
        require(streq(unit_line(&rest), "[Service]"));
        require(streq(unit_line(&rest), "ExecStart="));
        line = (char *) startswith(unit_line(&rest), "ExecStart=");
        require(line && line[0] == '/');
        require(rest && streq(rest, ""));

        require(words_append(wanted, sizeof(wanted), command.program));
        for (size_t i = 0; i <= n_beside; i++) {
                snprintf(number, sizeof(number), "%u", i < n_beside ? beside[i] : port);
                require(words_append(wanted, sizeof(wanted), "-p") && words_append(wanted, sizeof(wanted), number));
        }
        WORDS_FOREACH (word, command.arguments)
                require(words_append(wanted, sizeof(wanted), word));
        read_command(line, got, sizeof(got));
        require(fuzz_same_words(got, wanted));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        uint16_t port = fuzz_u16(&input), home = fuzz_u16(&input), where = fuzz_u16(&input);
        size_t n_beside = fuzz_byte(&input) % (SSHD_PORTS_MAX + 1);
        _cleanup_free_ char *streams = NULL, *command = NULL, *text = NULL;
        uint16_t beside[SSHD_PORTS_MAX];

        port = port ?: 1;
        for (size_t i = 0; i < n_beside; i++)
                beside[i] = fuzz_u16(&input) ?: 1;
        streams = fuzz_words(&input);
        command = fuzz_words(&input);
        text = fuzz_text(&input, '\0');

        try_our_files(port, home, where);
        try_text(text, where);
        try_socket_drop_in(streams, port, beside, n_beside, where);
        try_service_drop_in(command, port, beside, n_beside);
        return 0;
}
