/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/config-walk.h"

#include <sys/prctl.h>

#include "unit/files.h"

#define MAIN "/etc/ssh/sshd_config: "

/* Writes "file:line word|word" for each line. */
static int on_line(const ConfigLine *line, void *userdata) {
        char *all = userdata, *end = all + strlen(all);

        end += sprintf(end, "%s:%u ", line->place.file, line->place.line);
        WORDS_FOREACH (word, line->words)
                end += sprintf(end, "%s%s", word == line->words ? "" : "|", word);
        strcpy(end, "\n");
        return 0;
}

static const struct {
        const char *name, *files, *options, *lines;
        int error;
} walks[] = {
        { "no file", "/etc/x: x\n", "", "", 0 },
        { "one file", MAIN "Port 22\n" MAIN "\n" MAIN "  UsePAM yes\n", "",
          "/etc/ssh/sshd_config:1 Port|22\n/etc/ssh/sshd_config:3 UsePAM|yes\n", 0 },
        { "Include in its place", MAIN "A 1\n" MAIN "Include /etc/ssh/sshd_config.d/*.conf\n" MAIN "B 1\n"
          "/etc/ssh/sshd_config.d/2.conf: D 1\n/etc/ssh/sshd_config.d/1.conf: C 1\n/etc/ssh/sshd_config.d/3.off: E 1\n", "",
          "/etc/ssh/sshd_config:1 A|1\n/etc/ssh/sshd_config.d/1.conf:1 C|1\n/etc/ssh/sshd_config.d/2.conf:1 D|1\n"
          "/etc/ssh/sshd_config:3 B|1\n", 0 },
        { "a relative one, in other letters", MAIN "iNCLUDE a.d/*.conf\n/etc/ssh/a.d/1.conf: A 1\n", "",
          "/etc/ssh/a.d/1.conf:1 A|1\n", 0 },
        { "quoted, with a sign of equality", MAIN "Include=\"/etc/a b\"\n/etc/a b: A 1\n", "", "/etc/a b:1 A|1\n", 0 },
        { "several, one within another", MAIN "Include /etc/a /etc/b\n/etc/a: Include /etc/c\n/etc/c: C 1\n/etc/b: B 1\n", "",
          "/etc/c:1 C|1\n/etc/b:1 B|1\n", 0 },
        { "twice", MAIN "Include /etc/a /etc/a\n/etc/a: A 1\n", "", "/etc/a:1 A|1\n/etc/a:1 A|1\n", 0 },
        { "nothing there", MAIN "Include /etc/a/*.conf /etc/b\n" MAIN "A 1\n", "", "/etc/ssh/sshd_config:2 A|1\n", 0 },
        { "a comment, and no keyword", MAIN "#Include /etc/a\n" MAIN "Include\n" MAIN "=\n/etc/a: A 1\n", "", "", 0 },
        { "another main file", MAIN "A 1\n/etc/other: B 1\n", "-D\0-f/etc/other\0", "/etc/other:1 B|1\n", 0 },
        { "SUSE's", "/usr/etc/ssh/sshd_config: A 1\n", "", "/usr/etc/ssh/sshd_config:1 A|1\n", 0 },
        { "SUSE's, and one in /etc", MAIN "B 1\n/usr/etc/ssh/sshd_config: A 1\n", "", "/etc/ssh/sshd_config:1 B|1\n", 0 },
};

static void test_walk(const void *data) {
        const __typeof__(walks[0]) *row = data;
        TestRoot root = test_root();
        char lines[4096] = "";

        test_put_all(&root, row->files);
        test_equal_int(config_walk_sshd(root.path, row->options, on_line, lines), row->error);
        test_equal_string(lines, row->lines);
}

static const struct {
        const char *name, *line, *words;
} splits[] = {
        { "blanks", " \tA\t b  c \r", "A|b|c" },
        { "equality", "A=b", "A|b" },
        { "equality with blanks", "A = b = c", "A|b|=|c" },
        { "quotes", "A \"b c\" 'd \"e'", "A|b c|d \"e" },
        { "quotes within a word", "A b\"c d\"e", "A|bc de" },
        { "an empty word", "A \"\" b", "A|b" },
        { "backslashes", "A b\\ c \\\"d\\' e\\f \"g\\ h\" i\\", "A|b c|\"d'|e\\f|g\\ h|i\\" },
        { "a comment behind", "A b # c", "A|b" },
        { "a sharp in a word", "A b#c", "A|b#c" },
        { "an open quote", "A \"b # c", "A|b # c" },
        { "only signs of equality", "= =", "" },
        { "a quoted keyword", "\"A=\" b", "A=|b" },
};

static void test_split(const void *data) {
        const __typeof__(splits[0]) *row = data;
        char lines[4096] = "", expected[256] = "";
        TestRoot root = test_root();

        test_put(&root, "/etc/a", row->line);
        test_equal_int(config_walk(root.path, "a", on_line, lines), 0);
        if (row->words[0])
                snprintf(expected, sizeof(expected), "/etc/a:1 %s\n", row->words);
        test_equal_string(lines, expected);
}

/* Neither depth, nor breadth, nor what can't be read keeps the walk from its end. */
static void test_hostile(void) {
        char lines[64 * 1024] = "", path[64];
        TestRoot root = test_root();

        test_put(&root, "/etc/ssh/sshd_config", "A 1\nInclude /etc/ssh/sshd_config\nB 1\n");
        test_equal_int(config_walk_sshd(root.path, "", on_line, lines), -ELOOP);
        test_contains(lines, "/etc/ssh/sshd_config:3 B|1\n");

        test_put(&root, "/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config /etc/ssh/sshd_config\nA 1\n");
        lines[0] = '\0';
        test_equal_int(config_walk_sshd(root.path, "", on_line, lines), -ELOOP);

        test_put(&root, "/etc/ssh/sshd_config", "Include /etc/d/*\nA 1\n");
        test_put_bytes(&root, "/etc/d/1", "B\0 1\n", 5);
        test_put(&root, "/etc/d/2", "C 1\n");
        snprintf(path, sizeof(path), "%s/etc/d/3", root.path);
        test_assert(mkfifo(path, 0644) == 0);
        lines[0] = '\0';
        test_equal_int(config_walk_sshd(root.path, "", on_line, lines), -EBADMSG);
        test_equal_string(lines, "/etc/d/2:1 C|1\n/etc/ssh/sshd_config:2 A|1\n");

        snprintf(path, sizeof(path), "%s/etc/d", root.path);
        test_assert(chmod(root.path, 0755) == 0 && chmod(path, 0700) == 0);
        if (setresuid(65534, 65534, 0) < 0)
                test_skip("it needs root");
        lines[0] = '\0';
        test_equal_int(config_walk_sshd(root.path, "", on_line, lines), -EACCES);
        test_equal_string(lines, "/etc/ssh/sshd_config:2 A|1\n");
        test_assert(setresuid(0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0); /* for the leak checker */
}

static int stop(const ConfigLine *line, void *userdata) {
        *(unsigned *) userdata = line->place.line;
        return streq(line->words, "B") ? 7 : 0;
}

static void test_the_handler_ends_it(void) {
        TestRoot root = test_root();
        unsigned number = 0;

        test_put_all(&root, MAIN "Include /etc/a\n" MAIN "C 1\n/etc/a: A 1\n/etc/a: B 1\n/etc/a: D 1\n");
        test_equal_int(config_walk_sshd(root.path, "", stop, &number), 7);
        test_equal_int(number, 2);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_walk, walks),
                TEST_TABLE(test_split, splits),
                TEST(test_hostile),
                TEST(test_the_handler_ends_it),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
