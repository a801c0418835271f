/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/picture.h"

#include "unit/test.h"

static const struct {
        const char *name, *text;
        unsigned indent, columns, n_lines;
        const char *wrapped;
} rows[] = {
        { "nothing", "", 0, 80, WRAP_NEVER, "\n" },
        { "one word", "sshd", 0, 80, WRAP_NEVER, "sshd\n" },
        { "as long as the line", "sshd listens on port 2222", 0, 25, WRAP_NEVER, "sshd listens on port 2222\n" },
        { "a letter too many", "sshd listens on port 22022", 0, 25, WRAP_NEVER, "sshd listens on port\n22022\n" },
        { "indented", "sshd listens on port 22022", 5, 30, WRAP_NEVER, "sshd listens on port\n     22022\n" },
        { "no terminal", "sshd listens on port 22022", 20, WRAP_NEVER, WRAP_NEVER, "sshd listens on port 22022\n" },
        { "little room: below",
          "nobody else has port 22, says the kernel", 20, 40, WRAP_NEVER,
          "\n    nobody else has port 22, says the\n    kernel\n" },
        { "hardly a terminal",
          "nobody else has port 22, says the kernel", 20, 3, WRAP_NEVER,
          "\n    nobody else has port 22,\n    says the kernel\n" },
        { "a command", "not enabled: `systemctl enable --now ssh.service`", 0, 40, WRAP_NEVER,
          "not enabled:\n`systemctl enable --now ssh.service`\n" },
        { "a command longer than the line", "type: `systemctl enable --now ssh.service`, then wait", 0, 30,
          WRAP_NEVER, "type:\n`systemctl enable --now ssh.service`,\nthen wait\n" },
        { "a backtick too many", "a ` b c d e f g h i j k l m n o p", 0, 25, WRAP_NEVER,
          "a ` b c d e f g h i j k l\nm n o p\n" },
        { "a long word", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx y", 0, 25, WRAP_NEVER,
          "xxxxxxxxxxxxxxxxxxxxxxxxx\nxxxxxxxxxxxxxxxxxx y\n" },
        { "other languages", "ääääääää öööööööö üüüüüüü äää", 0, 25, WRAP_NEVER,
          "ääääääää öööööööö üüüüüüü\näää\n" },
        { "too many lines", "sshd listens on port 22022 and on port 22", 0, 25, 1, "sshd listens on port ...\n" },
        { "blanks at the end", "sshd   ", 0, 80, 1, "sshd   \n" },
};

static void test_wrap(const void *data) {
        const __typeof__(rows[0]) *row = data;
        char wrapped[400];
        FILE *file = fmemopen(wrapped, sizeof(wrapped), "w");

        test_assert(file);
        wrap_text(file, row->text, row->indent, row->columns, row->n_lines);
        test_assert(fclose(file) == 0);
        test_equal_string(wrapped, row->wrapped);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = { TEST_TABLE(test_wrap, rows) };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
