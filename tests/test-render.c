/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "render.h"
#include "test.h"

static void test_port_file_reads_back(void) {
        static const uint16_t ports[] = { 1, 22, 2222, 65535 };

        for (size_t i = 0; i < ELEMENTSOF(ports); i++) {
                char text[RENDER_SIZE_MAX];
                uint16_t port = 0;

                render_port_file(ports[i], 22, text);
                test_equal_int(render_parse_port_file(text, &port), 0);
                test_equal_int(port, ports[i]);
                test_contains(text, "\nPort ");
        }
}

static void test_last_port_file_reads_back(void) {
        char text[RENDER_SIZE_MAX];
        uint16_t port = 0;

        render_last_port_file(2222, text);
        test_equal_string(text, "2222\n");
        test_equal_int(render_parse_last_port_file(text, &port), 0);
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

        test_equal_int(render_parse_port_file(row->text, &port), -EBADMSG);
        test_equal_int(port, 7);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_port_file_reads_back),
                TEST(test_last_port_file_reads_back),
                TEST_TABLE(test_damaged_port_file, damaged),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
