/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "fuzz/fuzz.h"

/* Runs a fuzzer, built by any compiler, over the files and folders in its arguments: its corpus as a
 * regression test. A path that doesn't exist is a failure. */

static int run_file(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        _cleanup_free_ uint8_t *data = NULL;
        _cleanup_close_ int fd = -1;
        size_t size = 0;

        /* git's own files */
        if (type != FTW_F || path[ftw->base] == '.')
                return 0;

        fd = open(path, O_RDONLY | O_CLOEXEC);
        data = malloc((size_t) st->st_size); /* no byte more: the sanitizer sees each read beyond it */
        if (fd < 0 || (!data && st->st_size > 0)) {
                fprintf(stderr, "%s: %s\n", path, strerror(errno));
                return EXIT_FAILURE;
        }
        while (size < (size_t) st->st_size) {
                ssize_t n = read(fd, data + size, (size_t) st->st_size - size);
                if (n <= 0) {
                        fprintf(stderr, "%s: %s\n", path, n < 0 ? strerror(errno) : "the file has become shorter");
                        return EXIT_FAILURE;
                }
                size += (size_t) n;
        }

        printf("%s\n", path);
        fflush(stdout);
        (void) LLVMFuzzerTestOneInput(data, size);
        return 0;
}

int main(int argc, char *argv[]) {
        if (argc < 2) {
                fprintf(stderr, "usage: %s FILE|FOLDER...\n", argv[0]);
                return EXIT_FAILURE;
        }

        for (int i = 1; i < argc; i++) {
                int r = nftw(argv[i], run_file, 8, FTW_PHYS);
                if (r < 0)
                        fprintf(stderr, "%s: %s\n", argv[i], strerror(errno));
                if (r != 0)
                        return EXIT_FAILURE;
        }

        return EXIT_SUCCESS;
}
