/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/finding.h"

#include "unit/test.h"

typedef struct LineRow {
        const char *name;
        const char *text;
        const char *check, *verdict, *finding, *remedy; /* .check NULL: the line is passed over */
} LineRow;

static const LineRow line_rows[] = {
        { "a whole one", "sshd-enabled\tproblem\tssh.service is disabled\tsystemctl enable ssh\n",
          "sshd-enabled", "problem", "ssh.service is disabled", "systemctl enable ssh" },
        { "without the line's end", "mode\tok\tmirrored\t", "mode", "ok", "mirrored", "" },
        { "nothing to say", "mode\tok\t\t\n", "mode", "ok", "", "" },
        { "UTF-8", "a\tok\tänderbar → 🙂\tß\n", "a", "ok", "änderbar → 🙂", "ß" },
        { "three fields", "mode\tok\tmirrored\n", NULL, NULL, NULL, NULL },
        { "five fields", "mode\tok\tmirrored\t\tmore\n", NULL, NULL, NULL, NULL },
        { "no check", "\tok\tmirrored\t\n", NULL, NULL, NULL, NULL },
        { "no verdict", "mode\t\tmirrored\t\n", NULL, NULL, NULL, NULL },
        { "a verdict of another version", "mode\tperhaps\tmirrored\t\n", NULL, NULL, NULL, NULL },
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
        Finding finding = { .check = "untouched" };
        const char *rest = row->text;

        test_equal_int(finding_read(&rest, &finding), row->check != NULL);
        test_equal_string(rest, "");
        if (!row->check) {
                test_equal_string(finding.check, "untouched");
                return;
        }
        test_equal_string(finding.check, row->check);
        test_equal_string(verdict_to_string(finding.verdict), row->verdict);
        test_equal_string(finding.finding, row->finding);
        test_equal_string(finding.remedy, row->remedy);
}

static void test_bad_lines_are_passed_over(void) {
        const char *rest = "one\tok\t1\t\nbad\n\033\ttwo\ttwo\t\ntwo\tproblem\t2\tmend it\n";
        Finding finding;

        test_assert(finding_read(&rest, &finding));
        test_equal_string(finding.check, "one");
        test_assert(finding_read(&rest, &finding));
        test_equal_string(finding.check, "two");
        test_equal_string(finding.remedy, "mend it");
        test_assert(!finding_read(&rest, &finding));
}

static void test_longest_field(void) {
        Finding finding;
        char text[600];

        for (size_t n = sizeof(finding.finding) - 2; n <= sizeof(finding.finding); n++) {
                const char *rest = text;

                snprintf(text, sizeof(text), "a\tok\t%0*d\t\n", (int) n, 7);
                test_equal_int(finding_read(&rest, &finding), n < sizeof(finding.finding));
        }
}

static void test_one_of_three(void) {
        Finding finding;

        test_assert(!say_fact(&finding, FACT_YES, "yes", "no", "unknown"));
        test_equal_string(finding.finding, "yes");
        test_equal_int(finding.verdict, VERDICT_OK);
        test_assert(say_fact(&finding, FACT_NO, "yes", "no", "unknown"));
        test_equal_string(finding.finding, "no");
        test_equal_int(finding.verdict, VERDICT_PROBLEM);
        test_assert(!say_fact(&finding, FACT_UNKNOWN, "yes", "no", "unknown"));
        test_equal_string(finding.finding, "unknown");
        test_equal_int(finding.verdict, VERDICT_UNKNOWN);
}

static const struct {
        const char *name, *remedy, *without;
} sudos[] = {
        { "none", "wsl.exe --shutdown", "wsl.exe --shutdown" },
        { "one", "sudo kill 1", "kill 1" },
        { "each", "sudo a && sudo b && c", "a && b && c" },
        { "behind a pipe", "printf 'x' | sudo tee -a f && sudo g; sudo h", "printf 'x' | tee -a f && g; h" },
        { "in quotes", "sed 's/a/sudo b/' 'c && sudo d'", "sed 's/a/sudo b/' 'c && sudo d'" },
        { "a quote in quotes", "sudo a 'O'\\''N && sudo x' && sudo b", "a 'O'\\''N && sudo x' && b" },
        { "as an argument", "echo sudo x", "echo sudo x" },
        { "nothing", "", "" },
};

static void test_sudo(const void *data) {
        const __typeof__(sudos[0]) *row = data;
        char remedy[200];

        strcpy(remedy, row->remedy);
        remedy_without_sudo(remedy);
        test_equal_string(remedy, row->without);
}

static void test_verdicts_read_back(void) {
        Verdict verdict = VERDICT_OK;

        for (Verdict v = 0; v < _VERDICT_MAX; v++) {
                test_equal_int(verdict_from_string(verdict_to_string(v), &verdict), 0);
                test_equal_int(verdict, v);
        }
        verdict = VERDICT_OK;
        test_equal_int(verdict_from_string("Ok", &verdict), -EINVAL);
        test_equal_int(verdict, VERDICT_OK);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_line, line_rows), TEST(test_bad_lines_are_passed_over),
                TEST(test_longest_field),         TEST(test_one_of_three),
                TEST_TABLE(test_sudo, sudos),     TEST(test_verdicts_read_back),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
