/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/util.h"

#include "unit/test.h"

static const struct {
        const char *name, *text, *printable;
} texts[] = {
        { "nothing", "", "" },
        { "ASCII", " OpenSSH_for_Windows_9.5 ~", " OpenSSH_for_Windows_9.5 ~" },
        { "other languages", "h\u00e9llo \u4f60\u597d \U0001f600", "h\u00e9llo \u4f60\u597d \U0001f600" },
        { "the ends of each length", "\u00a0\u07ff\u0800\xed\x9f\xbf\ue000\uffef\U00010000\U0010fffd",
          "\u00a0\u07ff\u0800\xed\x9f\xbf\ue000\uffef\U00010000\U0010fffd" },
        { "noncharacters", "\ufdd0\ufdef\ufffe\uffff\U0001fffe\U0010ffff", "??????" },
        { "an escape sequence", "\033[31mred\033]0;title\a", "?[31mred?]0;title?" },
        { "line breaks and tabs", "a\nb\r\nc\td\ve\f", "a?b??c?d?e?" },
        { "backspace and delete", "a\bb\177", "a?b?" },
        { "C1 in UTF-8",
          "\xc2\x9b"
          "31m\xc2\x85\xc2\x80",
          "?31m??" },
        { "C1 as bytes",
          "\x9b"
          "31m\x9d",
          "?31m?" },
        { "soft hyphen", "a\u00adb", "a?b" },
        { "the order of a line", "\u202egnp.exe\u202c \u2066x\u2069 \u200f\u061c", "?gnp.exe? ?x? ??" },
        { "line separators", "\u2028\u2029", "??" },
        { "invisible ones", "a\u200b\u2060\ufeff\U000e0041z", "a????z" },
        { "a surrogate", "\xed\xa0\x80!", "?!" },
        { "beyond Unicode", "\xf4\x90\x80\x80!", "?!" },
        { "overlong slash", "\xc0\xaf", "??" },
        { "overlong escape", "\xe0\x80\x9b", "???" },
        { "a character cut short", "a\xe2\x82", "a??" },
        { "a character cut short by another",
          "\xe2\x82"
          "a",
          "??a" },
        { "a follower without its leader", "\x80\xbf", "??" },
        { "bytes that never occur", "\xfe\xff\xf8\x88\x80\x80\x80", "???????" },
};

static void test_text(const void *data) {
        const __typeof__(texts[0]) *row = data;
        char buffer[128];

        test_assert(printable(row->text, buffer, sizeof(buffer)) == buffer);
        test_equal_string(buffer, row->printable);
        /* Printable text stays as it is. */
        test_equal_string(printable(row->printable, buffer, sizeof(buffer)), row->printable);
}

static void test_cut_between_characters(void) {
        static const char text[] = "a\u00e9\u4f60\U0001f600\x1b";
        char expected[sizeof(text)];

        for (size_t size = 1; size <= sizeof(text); size++) {
                char *buffer = malloc(size); /* the sanitizer sees a byte too many */
                size_t fits = size > 11   ? 11
                              : size > 10 ? 10
                              : size > 6  ? 6
                              : size > 3  ? 3
                              : size > 1  ? 1
                                          : 0;

                memcpy(expected, text, sizeof(text));
                if (fits == 11)
                        expected[10] = '?';
                expected[fits] = '\0';
                test_equal_string(printable(text, buffer, size), expected);
                free(buffer);
        }
}

static void test_every_single_byte(void) {
        for (int c = 1; c < 256; c++) {
                char text[] = { (char) c, '\0' }, buffer[4];

                test_equal_string(printable(text, buffer, sizeof(buffer)),
                                  c >= 0x20 && c < 0x7f ? text : "?");
        }
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_text, texts),
                TEST(test_cut_between_characters),
                TEST(test_every_single_byte),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
