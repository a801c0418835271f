/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>

#include "fuzz/files.h"

/* A root for code that finds its files by glob(3). Empty files are there to be found; their texts are those of
 * fuzz/files.h. */

static char fuzz_root[PATH_MAX];

static inline int fuzz_root_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void) st, (void) type, (void) ftw;
        return remove(path);
}

static inline void fuzz_root_remove(void) {
        (void) nftw(fuzz_root, fuzz_root_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Makes it at the first call. */
static inline void fuzz_root_make(const char *const paths[], size_t n) {
        if (fuzz_root[0])
                return;
        snprintf(fuzz_root, sizeof(fuzz_root), "%s/fuzz-root-XXXXXX", getenv("TMPDIR") ?: "/tmp");
        require(mkdtemp(fuzz_root) && atexit(fuzz_root_remove) == 0);
        for (size_t i = 0; i < n; i++) {
                _cleanup_fclose_ FILE *file = NULL;
                char path[2 * PATH_MAX];

                snprintf(path, sizeof(path), "%s%s", fuzz_root, paths[i]);
                for (char *slash = path + strlen(fuzz_root) + 1; (slash = strchr(slash, '/')); slash++) {
                        *slash = '\0';
                        require(mkdir(path, 0700) == 0 || errno == EEXIST);
                        *slash = '/';
                }
                file = fopen(path, "we");
                require(file);
        }
}

/* Takes ownership of @text. */
static inline void fuzz_root_put(const char *path, char *text) {
        char whole[2 * PATH_MAX];

        snprintf(whole, sizeof(whole), "%s%s", fuzz_root, path);
        fuzz_file_put(whole, text, strlen(text));
}
