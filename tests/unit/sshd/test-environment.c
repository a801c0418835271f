/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/options.h"
#include "unit/test.h"

static const struct {
        const char *name;
        const char *text;
        const char *assignments; /* "1:A=b|2:C=d": line, name and value */
} files[] = {
        { "empty", "", "" },
        { "an assignment", "A=1\n", "1:A=1" },
        { "no newline at the end", "A=1\nB=2", "1:A=1|2:B=2" },
        { "CRLF", "A=1\r\nB=\"2\"\r\n", "1:A=1|2:B=2" },
        { "a name twice", "A=1\nA=2\n", "1:A=1|2:A=2" },
        { "no value", "A=\nB=2\n", "1:A=|2:B=2" },
        { "an equals sign in the value", "A=-oPort=22\n", "1:A=-oPort=22" },

        { "blanks in front of the name", " \t A=1\n", "1:A=1" },
        { "blanks behind the name", "A \t=1\n", "1:A=1" },
        { "a blank in the name", "export A=1\n", "1:export A=1" },
        { "blanks in front of the value", "A= \t 1\n", "1:A=1" },
        { "blanks at the end", "A=1 \t\n", "1:A=1" },
        { "blanks inside", "A=-p \t 22\n", "1:A=-p \t 22" },

        { "comments", "# A=1\n#A=1\n;A=1\n  # A=1\nB=2\n", "5:B=2" },
        { "a comment isn't continued", "# x \\\nA=1\n", "2:A=1" },
        { "no comment behind a value", "A=1 # x\n", "1:A=1 # x" },
        { "empty lines", "\n\n \nA=1\n\n", "4:A=1" },
        { "no assignments", "A\nB C\n\nD=1\n", "4:D=1" },
        { "no name", "=1\nA=2\n", "1:=1|2:A=2" },

        { "double quotes", "A=\"-p 22\"\n", "1:A=-p 22" },
        { "single quotes", "A='-p 22'\n", "1:A=-p 22" },
        { "quotes keep blanks", "A=' 1 ' \n", "1:A= 1 " },
        { "empty quotes", "A=\"\"\nB=''\n", "1:A=|2:B=" },
        { "the other quotes inside", "A='-o \"X y\"'\nB=\"'\"\n", "1:A=-o \"X y\"|2:B='" },
        { "quoted parts", "A=\"a\" 'b'c\n", "1:A=abc" },
        { "a quote within a plain part", "A=a\"b\"\n", "1:A=a\"b\"" },
        { "quotes over two lines", "A=\"1\n2\"\nB=3\n", "1:A=1\n2|3:B=3" },
        { "an unclosed quote", "A=\"1\nB=2\n", "1:A=1\nB=2\n" },

        { "continued", "A=-4 \\\n  -6\nB=1\n", "1:A=-4   -6|3:B=1" },
        { "continued in quotes", "A=\"-4 \\\n  -6\"\nB=1\n", "1:A=-4   -6|3:B=1" },
        { "not continued in single quotes", "A='1\\\n2'\n", "1:A=1\\\n2" },
        { "continued at once", "A=\\\n1\n", "1:A=1" },
        { "continued into the end", "A=1 \\\n", "1:A=1 " },
        { "a backslash at the end", "A=1\\", "1:A=1" },
        { "a backslash", "A=\\a\\\\\\ \n", "1:A=a\\ " },
        { "a backslash in front of a quote", "A=\\\"1\\\"\n", "1:A=\"1\"" },
        { "a backslash in double quotes", "A=\"\\\"\\\\\\$\\`\\a\"\n", "1:A=\"\\$`\\a" },
        { "a backslash in single quotes", "A='\\a'\n", "1:A=\\a" },
        { "dollars", "A=$B ${C}\n", "1:A=$B ${C}" },
};

typedef struct Seen {
        char text[4096];
        size_t n, fail_at; /* the handler fails at this assignment; 0: never */
} Seen;

static int note(const char *name, const char *value, unsigned line, void *userdata) {
        Seen *seen = userdata;
        size_t length = strlen(seen->text);

        if (++seen->n == seen->fail_at)
                return -EIO;
        snprintf(seen->text + length, sizeof(seen->text) - length, "%s%u:%s=%s", length > 0 ? "|" : "", line, name,
                 value ? value : "(too long)");
        return 0;
}

static void test_parse(const void *data) {
        const __typeof__(files[0]) *row = data;
        Seen seen = { 0 };

        test_equal_int(environment_parse(row->text, note, &seen), 0);
        test_equal_string(seen.text, row->assignments);
}

static void test_the_handler_ends_it(void) {
        Seen seen = { .fail_at = 2 };

        test_equal_int(environment_parse("A=1\nB=2\nC=3\n", note, &seen), -EIO);
        test_equal_string(seen.text, "1:A=1");
        test_equal_int(seen.n, 2);
}

/* A value that is too long is told as such, by its name. A name that is too long is no variable of a command. */
static void test_limits(void) {
        char text[3 * SSHD_COMMAND_SIZE], value[SSHD_COMMAND_SIZE + 1], expected[SSHD_COMMAND_SIZE + 32];

        memset(value, 'x', sizeof(value) - 1);
        value[sizeof(value) - 1] = '\0';
        for (size_t more = 0; more < 2; more++) {
                Seen seen = { 0 };

                snprintf(text, sizeof(text), "A=%s\nB=2\n", value + 1 - more);
                snprintf(expected, sizeof(expected), "1:A=%s|2:B=2", more ? "(too long)" : value + 1);
                test_equal_int(environment_parse(text, note, &seen), 0);
                test_equal_string(seen.text, expected);
        }

        for (size_t length = 127; length < 129; length++) {
                Seen seen = { 0 };

                snprintf(text, sizeof(text), "%.*s=1\nB=2\n", (int) length, value);
                test_equal_int(environment_parse(text, note, &seen), 0);
                test_equal_int(seen.n, length < 128 ? 2 : 1);
        }
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_parse, files),
                TEST(test_the_handler_ends_it),
                TEST(test_limits),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
