/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "unit/test.h"

/* Lists of words (base/words.h), which tables write as "-D|-p|22". */

#define TEST_WORDS_SIZE 4096

/* Returns the list that @text names. Its buffer ends directly behind it, so that sanitizers see a read
 * beyond. The fourth next call frees it. */
static inline const char *test_words(const char *text) {
        static char *lists[4];
        static size_t next;
        char **list = &lists[next++ % ELEMENTSOF(lists)];
        size_t length = strlen(text);

        free(*list);
        *list = calloc(1, length + 2);
        test_assert(*list);
        memcpy(*list, text, length);
        for (char *c = *list; *c; c++)
                if (*c == '|')
                        *c = '\0';
        return *list;
}

/* Returns the text that names the list. The next call overwrites it. */
static inline const char *test_words_text(const char *words) {
        static char text[TEST_WORDS_SIZE];
        size_t n = 0;

        text[0] = '\0';
        WORDS_FOREACH (word, words)
                n += (size_t) snprintf(text + n, sizeof(text) - n, "%s%s", n > 0 ? "|" : "", word);
        return text;
}

#define test_equal_words(words, expected) test_equal_string(test_words_text(words), expected)
