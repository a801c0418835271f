/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* A fuzzer states with require() what holds for any input. libFuzzer runs it, or main.c runs it over its
 * corpus; a failure ends the process either way. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define require(expression)                                                                            \
        do {                                                                                           \
                if (!(expression)) {                                                                   \
                        fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__, #expression);      \
                        abort();                                                                       \
                }                                                                                      \
        } while (0)

/* Marks an output that must stay untouched. */
#define FUZZ_UNTOUCHED 0xa5

#define fuzz_untouched(output) memset(&(output), FUZZ_UNTOUCHED, sizeof(output))
#define require_untouched(output) require(fuzz_is_untouched(&(output), sizeof(output)))

static inline bool fuzz_is_untouched(const void *output, size_t size) {
        const uint8_t *bytes = output;

        /* Each byte equals the one before it. A loop, which libFuzzer traces, would be slower than the
         * tested code. */
        return size == 0 || (bytes[0] == FUZZ_UNTOUCHED && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* True for printable ASCII that ends within the buffer. */
static inline bool fuzz_is_printable(const char *text, size_t size) {
        for (size_t i = 0; i < size; i++)
                if (text[i] == '\0')
                        return true;
                else if (text[i] < ' ' || text[i] > '~')
                        return false;
        return false;
}

/* The input, which is taken from its beginning. An input that has ended gives zeros and empty texts. */
typedef struct FuzzInput {
        const uint8_t *data;
        size_t size;
} FuzzInput;

static inline uint8_t fuzz_byte(FuzzInput *input) {
        if (input->size == 0)
                return 0;
        input->size--;
        return *input->data++;
}

static inline uint16_t fuzz_u16(FuzzInput *input) {
        uint16_t high = fuzz_byte(input);

        return (uint16_t) (high << 8 | fuzz_byte(input));
}

/* The bytes up to the next @end or NUL, which is left out, as a string for the caller to free. The sanitizer
 * sees a read beyond the string, as no byte more is allocated. */
static inline char *fuzz_text(FuzzInput *input, char end) {
        size_t length = 0;
        char *text;

        while (length < input->size && input->data[length] != (uint8_t) end && input->data[length] != '\0')
                length++;
        text = malloc(length + 1);
        require(text);
        memcpy(text, input->data, length);
        text[length] = '\0';

        input->data += length;
        input->size -= length;
        (void) fuzz_byte(input);
        return text;
}

/* The lines up to an empty one or the end, as a list of words (base/util.h) for the caller to free. */
static inline char *fuzz_words(FuzzInput *input) {
        size_t size = input->size + 2;
        char *words = calloc(1, size);

        require(words);
        for (size_t n = 0; input->size > 0;) {
                _cleanup_free_ char *word = fuzz_text(input, '\n');

                if (isempty(word))
                        break;
                memcpy(words + n, word, strlen(word) + 1);
                n += strlen(word) + 1;
        }
        return words;
}

/* True if a list of words ends within its buffer. */
static inline bool fuzz_is_words(const char *words, size_t size) {
        for (size_t n = 0; n < size;) {
                const char *end = memchr(words + n, '\0', size - n);

                if (!end)
                        return false;
                if (end == words + n)
                        return true;
                n = (size_t) (end - words) + 1;
        }
        return false;
}

static inline bool fuzz_same_words(const char *a, const char *b) {
        while (*a && streq(a, b)) {
                a = words_next(a);
                b = words_next(b);
        }
        return *a == '\0' && *b == '\0';
}
