/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fs.h"
#include "fuzz/fuzz.h"

/* The fuzzer's own file system in the place of daemon/base/fs.c, which isn't linked then. It keeps the
 * promises of base/fs.h, or fails from a certain operation on, as if the power was cut. */

#define FUZZ_FILES_MAX 12

typedef struct FuzzFile {
        char path[256]; /* "": this entry is unused */
        char *text;
        size_t size; /* the text may have NUL bytes */
} FuzzFile;

static struct {
        FuzzFile files[FUZZ_FILES_MAX];
        unsigned n_writes;
        unsigned cut_at; /* the number of the first write that fails; 0: none */
} fuzz_files;

static inline FuzzFile *fuzz_file_find(const char *path) {
        for (size_t i = 0; i < FUZZ_FILES_MAX; i++)
                if (streq(fuzz_files.files[i].path, path))
                        return &fuzz_files.files[i];
        return NULL;
}

/* Takes ownership of @text. */
static inline void fuzz_file_put(const char *path, char *text, size_t size) {
        FuzzFile *file = fuzz_file_find(path) ?: fuzz_file_find("");

        require(file && text && strlen(path) < sizeof(file->path));
        free(file->text);
        strcpy(file->path, path);
        file->text = text;
        file->size = size;
}

static inline void fuzz_file_remove(FuzzFile *file) {
        free(file->text);
        *file = (FuzzFile){ 0 };
}

static inline void fuzz_files_clear(void) {
        for (size_t i = 0; i < FUZZ_FILES_MAX; i++)
                fuzz_file_remove(&fuzz_files.files[i]);
        fuzz_files.n_writes = fuzz_files.cut_at = 0;
}

static inline bool fuzz_files_are_cut(void) {
        return ++fuzz_files.n_writes >= fuzz_files.cut_at && fuzz_files.cut_at > 0;
}

ssize_t fs_read_bytes(const char *path, char *buffer, size_t size) {
        const FuzzFile *file = fuzz_file_find(path);

        if (!file)
                return -ENOENT;
        if (file->size >= size)
                return -E2BIG;
        memcpy(buffer, file->text, file->size);
        return (ssize_t) file->size;
}

ssize_t fs_read(const char *path, char *buffer, size_t size) {
        ssize_t n = fs_read_bytes(path, buffer, size);

        if (n >= 0 && memchr(buffer, '\0', (size_t) n))
                return -EBADMSG;
        if (n >= 0)
                buffer[n] = '\0';
        return n;
}

int fs_write_if_changed(const char *path, const char *text) {
        const FuzzFile *file = fuzz_file_find(path);

        if (file && file->size == strlen(text) && memcmp(file->text, text, file->size) == 0)
                return 0;
        if (fuzz_files_are_cut())
                return -EIO;
        fuzz_file_put(path, strdup(text), strlen(text));
        return 1;
}

int fs_remove(const char *path) {
        FuzzFile *file = fuzz_file_find(path);

        if (!file)
                return 0;
        if (fuzz_files_are_cut())
                return -EIO;
        fuzz_file_remove(file);
        return 1;
}

/* @pattern is one of the store's: below the folder in front of its first star or brace, all files of a name that it
 * has, or with "/{*," all. */
int fs_remove_all(const char *pattern, const char *spared) {
        bool any = strstr(pattern, "/{*,");
        int removed = 0;

        for (size_t i = 0; i < FUZZ_FILES_MAX; i++) {
                FuzzFile *file = &fuzz_files.files[i];
                const char *name = strrchr(file->path, '/');
                int r;

                if (!name || strncmp(file->path, pattern, strcspn(pattern, "*{")) != 0 ||
                    (!any && !strstr(pattern, name + 1)) || strstr(pattern, "/.") ||
                    streq(file->path, strempty(spared)))
                        continue;
                r = fs_remove(file->path);
                if (r < 0)
                        return r;
                removed = 1;
        }
        return removed;
}
