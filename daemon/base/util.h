/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Microseconds of CLOCK_MONOTONIC, unless a name says otherwise. */
typedef uint64_t usec_t;

#define USEC_PER_MSEC ((usec_t) 1000)
#define USEC_PER_SEC ((usec_t) 1000000)
#define USEC_INFINITY UINT64_MAX

/* Called when something may have changed at an object, which whoever gave the handler then asks. Must not free
 * the object. */
typedef void (*ChangeHandler)(void *userdata);

#define _cleanup_(function) __attribute__((cleanup(function)))
#define _printf_(string, first) __attribute__((format(printf, string, first)))

/* Defines function##p() for _cleanup_(), out of a function that takes a pointer. */
#define DEFINE_TRIVIAL_CLEANUP(type, function)          \
        static inline void function##p(type *pointer) { \
                if (*pointer)                           \
                        function(*pointer);             \
        }                                               \
        struct swallow_the_semicolon

#define TAKE_PTR(pointer)                                      \
        ({                                                     \
                __typeof__(pointer) taken_pointer = (pointer); \
                (pointer) = NULL;                              \
                taken_pointer;                                 \
        })

#define TAKE_FD(fd)                  \
        ({                           \
                int taken_fd = (fd); \
                (fd) = -1;           \
                taken_fd;            \
        })

/* vsnprintf() for a function like printf(), of which @format is the last parameter with a name. */
#define format_arguments(buffer, size, format)                                           \
        ({                                                                               \
                va_list formatted_arguments;                                             \
                int formatted_length;                                                    \
                va_start(formatted_arguments, format);                                   \
                formatted_length = vsnprintf(buffer, size, format, formatted_arguments); \
                va_end(formatted_arguments);                                             \
                formatted_length;                                                        \
        })

#define ELEMENTSOF(array) (sizeof(array) / sizeof((array)[0]))

static inline void freep(void *pointer) {
        free(*(void **) pointer);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the cleanup attribute gives it so */
static inline void closep(int *fd) {
        if (*fd >= 0)
                close(*fd);
}

DEFINE_TRIVIAL_CLEANUP(FILE *, fclose);
DEFINE_TRIVIAL_CLEANUP(DIR *, closedir);

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
#define _cleanup_closedir_ _cleanup_(closedirp)
#define _cleanup_fclose_ _cleanup_(fclosep)

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

static inline bool isempty(const char *s) {
        return !s || s[0] == '\0';
}

static inline const char *strempty(const char *s) {
        return s ? s : "";
}

static inline bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

/* Returns the place of @s among the @n @strings, or -EINVAL if none of them equals @s. */
static inline int string_index(const char *s, const char *const strings[], size_t n) {
        for (size_t i = 0; i < n; i++)
                if (streq(s, strings[i]))
                        return (int) i;

        return -EINVAL;
}

/* The line behind the one that begins at @line. */
static inline const char *line_next(const char *line) {
        line += strcspn(line, "\n");
        return *line ? line + 1 : line;
}

#define LINES_FOREACH(line, text) for (const char *line = (text); *line; line = line_next(line))

/* Copies @text to @buffer, cut between two characters where it doesn't fit. "?" stands for each byte that
 * isn't UTF-8, and for each character that a terminal would take for a command or that a reader wouldn't
 * see: control characters of both sets, line breaks, marks that turn the order of a line around, invisible
 * characters. Returns @buffer. */
const char *printable(const char *text, char *buffer, size_t size);

/* Time in µs by a @clock of clock_gettime(2) that every Linux has. */
static inline usec_t clock_usec(clockid_t clock) {
        struct timespec t;

        clock_gettime(clock, &t);
        return (usec_t) t.tv_sec * USEC_PER_SEC + (usec_t) t.tv_nsec / 1000;
}

/* Keeps the first error of several steps that are all to be tried. */
static inline void note_error(int *first, int r) {
        if (r < 0 && *first == 0)
                *first = r;
}

/* True for a negative errno of a machine that is short of something for the moment: the same call may
 * succeed later, and the error tells nothing about the object of the call. */
static inline bool errno_is_passing(int error) {
        switch (error < 0 ? -error : 0) {
        case EAGAIN:
        case EHOSTDOWN: /* the helper's socket */
        case EINTR:
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
                return true;
        default:
                return false;
        }
}

/* Blocks @signals, which 0 ends, as sd_event_add_signal(3) and sd_event_add_child(3) want it. Returns 0 or a
 * negative errno. */
static inline int block_signals(const int *signals) {
        sigset_t set;

        sigemptyset(&set);
        for (; *signals != 0; signals++)
                sigaddset(&set, *signals);
        return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : 0;
}

/* The rest of @s behind @prefix, or NULL where @s doesn't begin with it. */
static inline const char *startswith(const char *s, const char *prefix) {
        size_t length = strlen(prefix);

        return strncmp(s, prefix, length) == 0 ? s + length : NULL;
}

/* A list of words in one buffer: each word has its NUL, and an empty word ends the list. A zeroed buffer is
 * the empty list. words_append() returns false and changes nothing where @word is empty or doesn't fit. */
static inline const char *words_next(const char *word) {
        return word + strlen(word) + 1;
}

#define WORDS_FOREACH(word, words) for (const char *word = (words); *word; word = words_next(word))

static inline bool words_append(char *words, size_t size, const char *word) {
        size_t used = 0, length = strlen(word);

        WORDS_FOREACH (each, words)
                used += strlen(each) + 1;
        if (length == 0 || used + length + 2 > size)
                return false;

        memcpy(words + used, word, length + 1);
        words[used + length + 1] = '\0';
        return true;
}

/* FNV-1a, begun with HASH_FIRST. It finds changes; somebody who wants to can make two inputs with the same
 * hash. */
#define HASH_FIRST UINT64_C(0xcbf29ce484222325)

static inline uint64_t hash_add(uint64_t hash, const void *data, size_t size) {
        for (const uint8_t *byte = data, *end = byte + size; byte < end; byte++)
                hash = (hash ^ *byte) * UINT64_C(0x100000001b3);
        return hash;
}
