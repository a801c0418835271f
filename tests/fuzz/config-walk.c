/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <strings.h>

#include "fuzz/root.h"
#include "sshd/config-walk.h"

/* sshd's configuration, with files that take in each other, and themselves. The walk ends, tells lines that are there,
 * and reads the same when it is repeated. A line behind any text in the main file is told unless the walk had ended.
 *
 * The input: the text of each file up to a NUL. */

static const char *const paths[] = { "/etc/ssh/sshd_config", "/etc/ssh/a.conf", "/etc/ssh/b.conf", "/etc/c" };

static char *texts[ELEMENTSOF(paths)];

typedef struct Told {
        uint64_t hash;
        unsigned n, n_last; /* all lines, and those with the keyword Last */
} Told;

static unsigned count_lines(const char *text) {
        unsigned n = 0;

        LINES_FOREACH (line, text)
                n++;
        return n;
}

static int on_line(const ConfigLine *line, void *userdata) {
        int i = string_index(line->place.file, paths, ELEMENTSOF(paths));
        Told *told = userdata;

        require(i >= 0 && line->place.line > 0 && line->place.line <= count_lines(texts[i]));
        require(line->words[0] && strcasecmp(line->words, "include") != 0);
        WORDS_FOREACH (word, line->words)
                told->hash = hash_add(told->hash, word, strlen(word) + 1);
        told->n++;
        told->n_last += streq(line->words, "Last");
        return 0;
}

static int walk(Told *ret) {
        *ret = (Told){ .hash = HASH_FIRST };
        return config_walk_sshd(fuzz_root, "", on_line, ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        Told told, again;
        char *longer;
        unsigned n_last;
        int r;

        fuzz_root_make(paths, ELEMENTSOF(paths));
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                texts[i] = fuzz_text(&input, '\0');
                for (char *up; (up = strstr(texts[i], "..")); *up = '_')
                        ; /* out of the root there are more files than fit into a fuzzer's time */
                fuzz_root_put(paths[i], strdup(texts[i]));
        }

        r = walk(&told);
        require(r <= 0 && walk(&again) == r && again.hash == told.hash && again.n == told.n);
        n_last = told.n_last;

        require(asprintf(&longer, "%s\nLast 1\n", texts[0]) >= 0);
        free(texts[0]);
        texts[0] = longer;
        fuzz_root_put(paths[0], strdup(longer));
        (void) walk(&told);
        require(told.n_last > n_last || strlen(longer) >= 64 * 1024);

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                free(texts[i]);
        fuzz_files_clear();
        return 0;
}
