/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

typedef struct WordList {
        const char *const *words;
        size_t n;
} WordList;

/* The word of a value, for a value out of range the first word. */
static inline const char *word_list_get(const WordList *list, unsigned value) {
        return list->words[value < list->n ? value : 0];
}

/* The words of an enum, out of a table NAME_words. NAME_to_string() is word_list_get(). NAME_from_string()
 * returns 0 and the value, or -EINVAL and leaves *@ret untouched. */
#define DECLARE_WORDS(name, Type)                 \
        extern const WordList name##_list;        \
        const char *name##_to_string(Type value); \
        int name##_from_string(const char *s, Type *ret)

#define DEFINE_WORDS(name, Type)                                                 \
        const WordList name##_list = { name##_words, ELEMENTSOF(name##_words) }; \
        const char *name##_to_string(Type value) {                               \
                return word_list_get(&name##_list, (unsigned) value);            \
        }                                                                        \
        int name##_from_string(const char *s, Type *ret) {                       \
                int i = string_index(s, name##_words, ELEMENTSOF(name##_words)); \
                                                                                 \
                if (i >= 0)                                                      \
                        *ret = (Type) i;                                         \
                return i < 0 ? i : 0;                                            \
        }                                                                        \
        struct swallow_the_semicolon
