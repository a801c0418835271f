/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* The words of an enum, out of a table NAME_words. NAME_to_string() gives the word of a value, for a value
 * out of range the first word. NAME_from_string() returns 0 and the value, or -EINVAL and leaves *@ret
 * untouched. */
#define DECLARE_WORDS(name, Type)                 \
        const char *name##_to_string(Type value); \
        int name##_from_string(const char *s, Type *ret)

#define DEFINE_WORDS(name, Type)                                                                     \
        const char *name##_to_string(Type value) {                                                   \
                return name##_words[(size_t) value < ELEMENTSOF(name##_words) ? (size_t) value : 0]; \
        }                                                                                            \
        int name##_from_string(const char *s, Type *ret) {                                           \
                int i = string_index(s, name##_words, ELEMENTSOF(name##_words));                     \
                                                                                                     \
                if (i >= 0)                                                                          \
                        *ret = (Type) i;                                                             \
                return i < 0 ? i : 0;                                                                \
        }                                                                                            \
        struct swallow_the_semicolon
