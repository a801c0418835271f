/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "diagnose/text.h"

typedef struct LineRow {
        const char *name;
        const char *text;
        const char *check, *verdict, *finding, *remedy; /* .check NULL: the line is passed over */
} LineRow;

static const LineRow line_rows[] = {
        { "a whole one", "sshd-enabled\tfail\tssh.service is disabled\tsystemctl enable ssh\n",
          "sshd-enabled", "fail", "ssh.service is disabled", "systemctl enable ssh" },
        { "without the line's end", "mode\tok\tmirrored\t", "mode", "ok", "mirrored", "" },
        { "nothing to say", "mode\tok\t\t\n", "mode", "ok", "", "" },
        { "UTF-8", "a\tok\tänderbar → 🙂\tß\n", "a", "ok", "änderbar → 🙂", "ß" },
        { "three fields", "mode\tok\tmirrored\n", NULL, NULL, NULL, NULL },
        { "five fields", "mode\tok\tmirrored\t\tmore\n", NULL, NULL, NULL, NULL },
        { "no check", "\tok\tmirrored\t\n", NULL, NULL, NULL, NULL },
        { "no verdict", "mode\t\tmirrored\t\n", NULL, NULL, NULL, NULL },
        { "a blank in a check", "the mode\tok\tmirrored\t\n", NULL, NULL, NULL, NULL },
        { "an escape", "mode\tok\t\033[31mred\t\n", NULL, NULL, NULL, NULL },
        { "a carriage return", "mode\tok\tmirrored\t\r\n", NULL, NULL, NULL, NULL },
        { "DEL", "mode\tok\t\177\t\n", NULL, NULL, NULL, NULL },
        { "an escape of C1", "mode\tok\t\302\2331m\t\n", NULL, NULL, NULL, NULL },
        { "U+202E turns what follows", "mode\tok\t\342\200\256\t\n", NULL, NULL, NULL, NULL },
        { "U+2066 as well", "mode\tok\t\342\201\246\t\n", NULL, NULL, NULL, NULL },
        { "U+2028 ends a line", "mode\tok\t\342\200\250\t\n", NULL, NULL, NULL, NULL },
        { "Latin-1", "mode\tok\t\344\t\n", NULL, NULL, NULL, NULL },
        { "overlong", "mode\tok\t\300\257\t\n", NULL, NULL, NULL, NULL },
        { "overlong in three", "mode\tok\t\340\200\257\t\n", NULL, NULL, NULL, NULL },
        { "a surrogate", "mode\tok\t\355\240\200\t\n", NULL, NULL, NULL, NULL },
        { "beyond Unicode", "mode\tok\t\364\220\200\200\t\n", NULL, NULL, NULL, NULL },
        { "cut in a code point", "mode\tok\t\303", NULL, NULL, NULL, NULL },
        { "a code point over the tab", "mode\tok\t\303\tx\n", NULL, NULL, NULL, NULL },
        { "empty", "", NULL, NULL, NULL, NULL },
        { "empty lines", "\n\n\n", NULL, NULL, NULL, NULL },
};

static void test_line(const void *data) {
        const LineRow *row = data;
        DiagnosisReader reader = { .rest = row->text };
        DiagnosisLine line = { .check = "untouched" };

        test_equal_int(diagnosis_read(&reader, &line), row->check != NULL);
        if (!row->check) {
                test_equal_string(line.check, "untouched");
                return;
        }
        test_equal_string(line.check, row->check);
        test_equal_string(line.verdict, row->verdict);
        test_equal_string(line.finding, row->finding);
        test_equal_string(line.remedy, row->remedy);
        test_assert(!diagnosis_read(&reader, &line));
}

static void test_bad_lines_are_passed_over(void) {
        DiagnosisReader reader = { .rest = "one\tok\t1\t\nbad\n\033\ttwo\ttwo\t\ntwo\tfail\t2\tmend it\n" };
        DiagnosisLine line;

        test_assert(diagnosis_read(&reader, &line));
        test_equal_string(line.check, "one");
        test_assert(diagnosis_read(&reader, &line));
        test_equal_string(line.check, "two");
        test_equal_string(line.remedy, "mend it");
        test_assert(!diagnosis_read(&reader, &line));
}

static void test_longest_field(void) {
        DiagnosisLine line;
        char text[600];

        for (size_t n = sizeof(line.finding) - 2; n <= sizeof(line.finding); n++) {
                DiagnosisReader reader = { .rest = text };

                snprintf(text, sizeof(text), "a\tok\t%0*d\t\n", (int) n, 7);
                test_equal_int(diagnosis_read(&reader, &line), n < sizeof(line.finding));
        }
}

static void test_many_lines(void) {
        char text[(DIAGNOSIS_LINES_MAX + 10) * 16] = "";
        DiagnosisReader reader = { .rest = text };
        DiagnosisLine line;

        for (unsigned i = 0; i < DIAGNOSIS_LINES_MAX + 10; i++)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "c%u\tok\tx\t\n", i);
        for (unsigned i = 0; i < DIAGNOSIS_LINES_MAX; i++)
                test_assert(diagnosis_read(&reader, &line));
        test_assert(!diagnosis_read(&reader, &line));
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_line, line_rows),
                TEST(test_bad_lines_are_passed_over),
                TEST(test_longest_field),
                TEST(test_many_lines),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
