/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/stat.h>

#include "unit/test.h"

/* A folder for files of a test, which stand for those of the machine. It is left behind in /tmp. */
typedef struct TestRoot {
        char path[32];
} TestRoot;

static inline TestRoot test_root(void) {
        TestRoot root = { "/tmp/test-root-XXXXXX" };

        test_assert(mkdtemp(root.path));
        return root;
}

static inline void test_put_bytes(const TestRoot *root, const char *path, const char *text, size_t size) {
        char whole[512], *slash;
        FILE *file;

        snprintf(whole, sizeof(whole), "%s%s", root->path, path);
        for (slash = whole + strlen(root->path) + 1; (slash = strchr(slash, '/')); slash++) {
                *slash = '\0';
                (void) mkdir(whole, 0755);
                *slash = '/';
        }
        file = fopen(whole, "we");
        test_assert(file && fwrite(text, 1, size, file) == size && fclose(file) == 0);
}

static inline void test_put(const TestRoot *root, const char *path, const char *text) {
        test_put_bytes(root, path, text, strlen(text));
}

/* Files as one text: "path: line\n" for each line. */
static inline void test_put_all(const TestRoot *root, const char *files) {
        char path[256] = "", name[256], text[4096] = "";

        LINES_FOREACH (line, files) {
                int length = (int) strcspn(line, "\n"), n = (int) strcspn(line, ":");

                test_assert(n < length && line[n] == ':');
                snprintf(name, sizeof(name), "%.*s", n, line);
                if (!streq(name, path))
                        text[0] = '\0';
                strcpy(path, name);
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.*s\n", length - n - 2, line + n + 2);
                test_put(root, path, text);
        }
}
