/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/render.h"
#include "unit/test.h"
#include "unit/words.h"

static void test_port_file_reads_back(void) {
        static const uint16_t ports[] = { 1, 22, 2222, 65535 };

        for (size_t i = 0; i < ELEMENTSOF(ports); i++) {
                char text[RENDER_SIZE_MAX];
                uint16_t port = 0;

                render_port_file(ports[i], 22, text);
                test_equal_int(render_parse_port(text, RENDER_PORT_KEYWORD, &port), 0);
                test_equal_int(port, ports[i]);
                test_contains(text, "\nPort ");
        }
}

static void test_last_port_file_reads_back(void) {
        char text[RENDER_SIZE_MAX];
        uint16_t port = 0;

        render_last_port_file(2222, text);
        test_equal_string(text, "2222\n");
        test_equal_int(render_parse_port(text, "", &port), 0);
        test_equal_int(port, 2222);
}

static const struct {
        const char *name;
        const char *text;
} damaged[] = {
        { "empty", "" },
        { "cut off in the comment", "# Written by wsl" },
        { "cut off in the number", "# x\nPort 22" },
        { "no number", "Port \n" },
        { "not a port", "Port 65536\n" },
        { "two lines", "Port 22\nPort 23\n" },
        { "another keyword", "ListenAddress 0.0.0.0:22\n" },
        { "a tail", "Port 22 # x\n" },
        { "comments only", "# x\n# y\n" },
        { "zeros, as after a power cut", "\1\1\1\1" },
};

static void test_damaged_port_file(const void *data) {
        const __typeof__(damaged[0]) *row = data;
        uint16_t port = 7;

        test_equal_int(render_parse_port(row->text, RENDER_PORT_KEYWORD, &port), -EBADMSG);
        test_equal_int(port, 7);
}

static const struct {
        const char *name;
        const char *text;
} damaged_last_port[] = {
        { "empty", "" },
        { "cut off", "2222" },
        { "port 0", "0\n" },
        { "not a port", "65536\n" },
        { "a number too long", "002222\n" },
        { "a blank", "2222 \n" },
        { "two lines", "22\n23\n" },
        { "another file of ours", "Port 22\n" },
};

static void test_damaged_last_port_file(const void *data) {
        const __typeof__(damaged_last_port[0]) *row = data;
        uint16_t port = 7;

        test_equal_int(render_parse_port(row->text, "", &port), -EBADMSG);
        test_equal_int(port, 7);
}

static void test_moved_file_reads_back(void) {
        static const struct {
                Placement placement;
                const char *text;
        } moved[] = {
                { { 1, MECHANISM_SOCKET, { 0 }, 0 }, "1 socket\n" },
                { { 2222, MECHANISM_COMMAND_LINE, { 2022 }, 1 }, "2222 command-line 2022\n" },
                { { 65535, MECHANISM_COMMAND_LINE, { 1, 65535 }, 2 }, "65535 command-line 1 65535\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(moved); i++) {
                char text[RENDER_SIZE_MAX];
                Placement placement = { 0 };

                render_moved_file(&moved[i].placement, text);
                test_equal_string(text, moved[i].text);
                test_equal_int(render_parse_moved_file(text, &placement), 0);
                test_assert(memcmp(&placement, &moved[i].placement, sizeof(placement)) == 0);
        }
}

static void test_unread_file_reads_back(void) {
        static const Placement in_force[] = {
                { 2222, MECHANISM_SOCKET, { 2022 }, 1 },
                { 22022, MECHANISM_CONFIG, { 0 }, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(in_force); i++) {
                char text[RENDER_DROP_IN_SIZE_MAX], streams[64];
                Placement placement = { 0 };
                uint16_t home = 0;

                render_unread_file(&in_force[i], 22, "[::]:22\0[::]:2022\0", text);
                test_equal_string(strchr(text, '\n'), "\n[::]:22 [::]:2022\n");
                test_equal_int(render_parse_unread_file(text, &placement, &home, streams, sizeof(streams)), 0);
                test_assert(memcmp(&placement, &in_force[i], sizeof(placement)) == 0);
                test_equal_int(home, 22);
                test_equal_words(streams, "[::]:22|[::]:2022");
                *strrchr(text, '\n') = '\0';
                test_equal_int(render_parse_unread_file(text, &placement, &home, streams, sizeof(streams)), -EBADMSG);
        }
}

static void test_disabled_socket_reads_back(void) {
        static const struct {
                DisabledSocket disabled;
                const char *text;
        } rows[] = {
                { { "ssh.socket", "ssh.service", false, false }, "ssh.socket ssh.service disabled\n" },
                { { "ssh.socket", "ssh.service", true, false }, "ssh.socket ssh.service enabled\n" },
                { { "sshd.socket", "sshd.service", false, true }, "sshd.socket sshd.service disabled unfinished\n" },
                { { "sshd.socket", "sshd.service", true, true }, "sshd.socket sshd.service enabled unfinished\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const DisabledSocket *disabled = &rows[i].disabled;
                char text[RENDER_SIZE_MAX];
                DisabledSocket again;

                render_disabled_socket(disabled, text);
                test_equal_string(text, rows[i].text);
                test_equal_int(render_parse_disabled_socket(text, &again), 0);
                test_equal_string(again.socket, disabled->socket);
                test_equal_string(again.service, disabled->service);
                test_equal_int(again.service_was_enabled, disabled->service_was_enabled);
                test_equal_int(again.unfinished, disabled->unfinished);

                strcpy(strchr(text, '\n'), " x\n");
                test_equal_int(render_parse_disabled_socket(text, &again), -EBADMSG);
        }
}

static void test_most_ports_fit_a_moved_file(void) {
        Placement most = { .port = 65535, .mechanism = MECHANISM_COMMAND_LINE, .n_beside = SSHD_PORTS_MAX }, placement = { 0 };
        char text[RENDER_SIZE_MAX];

        for (size_t i = 0; i < SSHD_PORTS_MAX; i++)
                most.beside[i] = (uint16_t) (65534 - i);
        render_moved_file(&most, text);
        test_equal_int(render_parse_moved_file(text, &placement), 0);
        test_assert(memcmp(&placement, &most, sizeof(placement)) == 0);

        strcpy(strchr(text, '\n'), " 1\n");
        test_equal_int(render_parse_moved_file(text, &placement), -EBADMSG);
}

static const struct {
        const char *name;
        const char *text;
} damaged_moved[] = {
        { "empty", "" },
        { "cut off in the word", "2222 sock" },
        { "cut off before the newline", "2222 socket" },
        { "another word", "2222 sockets\n" },
        { "the port alone", "2222\n" },
        { "no word", "2222 \n" },
        { "the word alone", "socket\n" },
        { "no port", " socket\n" },
        { "port 0", "0 socket\n" },
        { "not a port", "65536 socket\n" },
        { "a name for a port", "ssh socket\n" },
        { "no mechanism", "2222 \n" },
        { "two blanks", "2222  socket\n" },
        { "a tail", "2222 socket x\n" },
        { "two lines", "2222 socket\n2223 socket\n" },
        { "a blank at the end", "65535 command-line \n" },
        { "a port beside it, 0", "2222 socket 0\n" },
        { "one that isn't a port", "2222 socket 22 65536\n" },
        { "a port too long", "065535 command-line\n" },
        { "comments only", "# x\n" },
};

static void test_damaged_moved_file(const void *data) {
        const __typeof__(damaged_moved[0]) *row = data;
        Placement placement = { .port = 7, .mechanism = MECHANISM_CONFIG };

        test_equal_int(render_parse_moved_file(row->text, &placement), -EBADMSG);
        test_equal_int(placement.port, 7);
        test_equal_int(placement.mechanism, MECHANISM_CONFIG);
}

/* The longest path of a unix socket: 107 letters. */
#define LONGEST_PATH                                           \
        "/run/678901234567890123456789012345678901234567890123" \
        "456789012345678901234567890123456789012345678901234567"

static const struct {
        const char *name;
        const char *streams; /* "[::]:22|0.0.0.0:22" */
        uint16_t port, beside[3];
        const char *listen;
} sockets[] = {
        { "any address", "[::]:22", 2222, { 0 }, "[::]:2222" },
        { "both families", "0.0.0.0:22|[::]:22", 2222, { 0 }, "0.0.0.0:2222|[::]:2222" },
        { "a scope", "[fe80::1]:22%eth0|[::1]:22", 2222, { 0 }, "[fe80::1]:2222%%eth0|[::1]:2222" },
        { "an address of its own", "192.0.2.1:22|[2001:db8::1]:22", 65535, { 0 },
          "192.0.2.1:65535|[2001:db8::1]:65535" },
        { "two ports become one", "[::]:22|[::]:2022", 2222, { 0 }, "[::]:2222" },
        { "one stays", "[::]:22|[::]:2022", 2222, { 2022 }, "[::]:2222|[::]:2022" },
        { "one stays, in its place", "[::]:2022|[::]:22", 2222, { 2022 }, "[::]:2022|[::]:2222" },
        { "some stay", "[::]:22|[::]:2022|[::]:2023|[::]:2024", 2222, { 2024, 2022 },
          "[::]:2222|[::]:2022|[::]:2024" },
        { "some stay of both families", "0.0.0.0:22|[::]:22|0.0.0.0:2022|[::]:2022", 2222, { 2022 },
          "0.0.0.0:2222|[::]:2222|0.0.0.0:2022|[::]:2022" },
        { "all stay", "[::]:22", 2222, { 22 }, "[::]:22" },
        { "what stays is no socket's", "[::]:22", 2222, { 2022 }, "[::]:2222" },
        { "the port stays too", "[::]:22|[::]:2222", 2222, { 2222 }, "[::]:2222" },
        { "twice the same", "[::]:22|[::]:22|0.0.0.0:22|[::]:22", 2222, { 0 }, "[::]:2222|0.0.0.0:2222" },
        { "twice, one address a part of the other", "1.2.3.40:22|1.2.3.4:22", 2222, { 0 },
          "1.2.3.40:2222|1.2.3.4:2222" },
        { "one that stays begins as ours", "[::]:22220|[::]:22", 2222, { 22220 }, "[::]:22220|[::]:2222" },
        { "ours begins as one that stays", "[::]:222|[::]:22", 2222, { 222 }, "[::]:222|[::]:2222" },
        { "a path and an abstract one", "/run/sshd.sock|[::]:22|@sshd", 2222, { 0 },
          "/run/sshd.sock|[::]:2222|@sshd" },
        { "a path with a colon", "/run/sshd:22|[::]:22", 2222, { 0 }, "/run/sshd:22|[::]:2222" },
        { "virtual machine sockets", "vsock:2:22|vsock::22|[::]:22", 2222, { 0 },
          "vsock:2:22|vsock::22|[::]:2222" },
        { "a path twice", "/run/a|/run/a", 2222, { 0 }, "/run/a" },
        { "no port at all", "/run/a", 2222, { 0 }, "/run/a" },
        { "the longest path", LONGEST_PATH, 2222, { 0 }, LONGEST_PATH },
};

static void test_socket_drop_in(const void *data) {
        const __typeof__(sockets[0]) *row = data;
        char text[RENDER_DROP_IN_SIZE_MAX], expected[RENDER_DROP_IN_SIZE_MAX], streams[1024] = "x";
        size_t n_beside = 0;
        int n;

        while (n_beside < ELEMENTSOF(row->beside) && row->beside[n_beside] != 0)
                n_beside++;
        test_equal_int(render_socket_drop_in(test_words(row->streams), row->port, row->beside, n_beside, text),
                       0);

        n = snprintf(expected, sizeof(expected), "\n[Socket]\nListenStream=\n");
        WORDS_FOREACH (listen, test_words(row->listen))
                n += snprintf(expected + n, sizeof(expected) - (size_t) n, "ListenStream=%s\n", listen);
        test_contains(text, "\n[Socket]\n");
        test_equal_string(strstr(text, "\n[Socket]\n"), expected);
        test_assert(startswith(text, "# Written by wslportd"));

        test_equal_int(render_parse_socket_drop_in(text, streams, sizeof(streams)), 0);
        test_equal_words(streams, row->streams);
}

/* @n words, each of @prefix and a number. */
static const char *many(const char *prefix, size_t n) {
        static char words[4 * RENDER_DROP_IN_SIZE_MAX];
        size_t used = 0;

        memset(words, 0, sizeof(words));
        for (size_t i = 0; i < n; i++)
                used += 1 + (size_t) snprintf(words + used, sizeof(words) - used, "%s%04zu", prefix, i);
        test_assert(used + 2 < sizeof(words));
        return words;
}

/* A text that fits is whole, and a text that is too long by any length is refused. */
static void test_socket_drop_in_too_long(void) {
        char text[RENDER_DROP_IN_SIZE_MAX], streams[RENDER_DROP_IN_SIZE_MAX];
        size_t n = 1, length = 0;

        while (render_socket_drop_in(many("@", n), 2222, NULL, 0, text) == 0) {
                test_assert(strlen(text) > length && text[strlen(text) - 1] == '\n');
                length = strlen(text);
                test_equal_int(render_parse_socket_drop_in(text, streams, sizeof(streams)), 0);
                test_assert(memcmp(streams, many("@", n), n * 6 + 1) == 0);
                n++;
        }
        /* Each takes 6 bytes as a stream and 19 as a line. */
        test_assert(length < sizeof(text) && length + 25 >= sizeof(text));
        for (; n < 1500; n++)
                test_equal_int(render_socket_drop_in(many("@", n), 2222, NULL, 0, text), -E2BIG);
}

static const struct {
        const char *name;
        const char *text;
        size_t size;
} damaged_drop_ins[] = {
        { "empty", "", 1024 },
        { "another's", "[X-Wslport]\nStreams=[::]:22\n", 1024 },
        { "another's comment", "# Written by hand\n[X-Wslport]\nStreams=[::]:22\n", 1024 },
        { "no streams", "# Written by wslportd\n[Socket]\nListenStream=\nListenStream=[::]:22\n", 1024 },
        { "an empty list", "# Written by wslportd\n[X-Wslport]\nStreams=\n[Socket]\n", 1024 },
        { "an empty list at the end", "# Written by wslportd\n[X-Wslport]\nStreams=", 1024 },
        { "two blanks", "# Written by wslportd\n[X-Wslport]\nStreams=[::]:22  0.0.0.0:22\n", 1024 },
        { "a blank in front", "# Written by wslportd\n[X-Wslport]\nStreams= [::]:22\n", 1024 },
        { "more than fits", "# Written by wslportd\n[X-Wslport]\nStreams=[::]:22 0.0.0.0:22 192.0.2.1:22 "
                            "192.0.2.2:22\n", 40 },
        { "a word too long by one",
          "# Written by wslportd\n[X-Wslport]\nStreams=/"
          "0123456789012345678901234567890123456789012345678901234567890123456789"
          "012345678901234567890123456789012345678901234567890123456\n", 1024 },
};

static void test_damaged_socket_drop_in(const void *data) {
        const __typeof__(damaged_drop_ins[0]) *row = data;
        char streams[1024];

        test_equal_int(render_parse_socket_drop_in(row->text, streams, row->size), -EBADMSG);
}

static const struct {
        const char *name;
        const char *arguments;
        uint16_t beside[3];
        const char *command;
} services[] = {
        { "no arguments", "", { 0 }, "/usr/sbin/sshd -p 2222" },
        { "a variable stays", "-D|$SSHD_OPTS", { 0 }, "/usr/sbin/sshd -p 2222 \"-D\" \"$SSHD_OPTS\"" },
        { "braces and dollars stay", "-f${A}|$$", { 0 }, "/usr/sbin/sshd -p 2222 \"-f${A}\" \"$$\"" },
        { "blanks", "-o|Port 22|\t", { 0 }, "/usr/sbin/sshd -p 2222 \"-o\" \"Port 22\" \"\t\"" },
        { "quotes", "-oA=\"b\"|'c'", { 0 }, "/usr/sbin/sshd -p 2222 \"-oA=\\\"b\\\"\" \"'c'\"" },
        { "backslashes", "a\\b|\\\\|c\\", { 0 }, "/usr/sbin/sshd -p 2222 \"a\\\\b\" \"\\\\\\\\\" \"c\\\\\"" },
        { "specifiers", "-f/%i|%%|50%", { 0 }, "/usr/sbin/sshd -p 2222 \"-f/%%i\" \"%%%%\" \"50%%\"" },
        { "a semicolon", "-D|;", { 0 }, "/usr/sbin/sshd -p 2222 \"-D\" \";\"" },
        { "a word that looks like a comment", "#", { 0 }, "/usr/sbin/sshd -p 2222 \"#\"" },
        { "a port beside it", "-D", { 2022 }, "/usr/sbin/sshd -p 2022 -p 2222 \"-D\"" },
        { "ports beside it", "-D|-e", { 2022, 1, 65535 },
          "/usr/sbin/sshd -p 2022 -p 1 -p 65535 -p 2222 \"-D\" \"-e\"" },
};

static void test_service_drop_in(const void *data) {
        const __typeof__(services[0]) *row = data;
        char text[RENDER_DROP_IN_SIZE_MAX], expected[256];
        SshdCommand command = { .program = "/usr/sbin/sshd" };
        size_t n_beside = 0;

        while (n_beside < ELEMENTSOF(row->beside) && row->beside[n_beside] != 0)
                n_beside++;
        memcpy(command.arguments, test_words(row->arguments), strlen(row->arguments) + 2);
        test_equal_int(render_service_drop_in(&command, 2222, row->beside, n_beside, text), 0);

        snprintf(expected, sizeof(expected), "\n[Service]\nExecStart=\nExecStart=%s\n", row->command);
        test_contains(text, "\n[Service]\n");
        test_equal_string(strstr(text, "\n[Service]\n"), expected);
        test_assert(startswith(text, "# Written by wslportd"));
}

static void test_service_drop_in_keeps_prefixes(void) {
        SshdCommand command = { .program = "/usr/sbin/sshd", .prefix = ":-!!", .arguments = "-D" };
        char text[RENDER_DROP_IN_SIZE_MAX];

        test_equal_int(render_service_drop_in(&command, 2222, NULL, 0, text), 0);
        test_contains(text, "\nExecStart=:-!!/usr/sbin/sshd -p 2222 \"-D\"\n");
}

static void test_service_drop_in_with_an_unknown_prefix(void) {
        SshdCommand command = { .program = "/usr/sbin/sshd", .prefix = "-?" };
        char text[RENDER_DROP_IN_SIZE_MAX];

        test_equal_int(render_service_drop_in(&command, 2222, NULL, 0, text), -E2BIG);
}

/* sshd_options_without_ours() removes exactly what a drop-in adds. */
static void test_service_drop_in_without_ours(void) {
        SshdCommand command = { .program = "/usr/sbin/sshd", .arguments = "-p\0" "2022\0-p\0" "2222\0-D" };
        char text[RENDER_DROP_IN_SIZE_MAX];

        sshd_options_without_ours(command.arguments);
        test_equal_int(render_service_drop_in(&command, 2223, (const uint16_t[]){ 2022 }, 1, text), 0);
        test_contains(text, "\nExecStart=/usr/sbin/sshd -p 2022 -p 2223 \"-D\"\n");
}

/* The longest command fits, and a text that is too long by any length is refused, to the byte. */
static void test_service_drop_in_too_long(void) {
        char text[RENDER_DROP_IN_SIZE_MAX];
        SshdCommand command = { .program = "/usr/sbin/sshd" };
        uint16_t beside[700];
        size_t n = 0;

        memset(command.arguments, '%', sizeof(command.arguments) - 2);
        test_equal_int(render_service_drop_in(&command, 2222, NULL, 0, text), 0);
        test_assert(strlen(text) > 2 * (sizeof(command.arguments) - 2));

        for (size_t i = 0; i < ELEMENTSOF(beside); i++)
                beside[i] = 1022;
        for (size_t pad = 0; pad < 8; pad += test_slowness()) {
                memset(command.arguments, 0, sizeof(command.arguments));
                memset(command.arguments, 'x', 100 + pad);
                for (n = 0; render_service_drop_in(&command, 2222, beside, n, text) == 0; n++)
                        test_assert(text[strlen(text) - 1] == '\n');
                for (size_t more = n; more <= ELEMENTSOF(beside); more++)
                        test_equal_int(render_service_drop_in(&command, 2222, beside, more, text), -E2BIG);
                /* " -p 1022" has 8 letters. */
                test_equal_int(render_service_drop_in(&command, 2222, beside, n - 1, text), 0);
                test_assert(strlen(text) + 8 >= sizeof(text));
        }
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_port_file_reads_back),
                TEST(test_last_port_file_reads_back),
                TEST_TABLE(test_damaged_port_file, damaged),
                TEST_TABLE(test_damaged_last_port_file, damaged_last_port),
                TEST(test_moved_file_reads_back),
                TEST(test_unread_file_reads_back),
                TEST(test_disabled_socket_reads_back),
                TEST(test_most_ports_fit_a_moved_file),
                TEST_TABLE(test_damaged_moved_file, damaged_moved),
                TEST_TABLE(test_socket_drop_in, sockets),
                TEST(test_socket_drop_in_too_long),
                TEST_TABLE(test_damaged_socket_drop_in, damaged_drop_ins),
                TEST_TABLE(test_service_drop_in, services),
                TEST(test_service_drop_in_keeps_prefixes),
                TEST(test_service_drop_in_with_an_unknown_prefix),
                TEST(test_service_drop_in_without_ours),
                TEST(test_service_drop_in_too_long),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
