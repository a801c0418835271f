/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fs.h"

#include <limits.h>
#include <sys/stat.h>

#include "unit/test.h"

/* Makes a folder for one case. */
static const char *folder(void) {
        static char path[64];

        snprintf(path, sizeof(path), "/tmp/wslportd-fs.XXXXXX");
        test_assert(mkdtemp(path));
        test_assert(chdir(path) >= 0);
        return path;
}

static const char *in(const char *base, const char *name) {
        static char paths[4][PATH_MAX];
        static unsigned next;
        char *path = paths[next++ % 4];

        snprintf(path, PATH_MAX, "%s/%s", base, name);
        return path;
}

static void clean_up(const char *base) {
        (void) unlink("d/f");
        (void) unlink("d/.f.new");
        (void) unlink("target");
        (void) rmdir("d/f");
        (void) rmdir("d");
        test_assert(chdir("/") >= 0);
        test_assert(rmdir(base) >= 0);
}

static void test_write_read_remove(void) {
        const char *base = folder(), *path = in(base, "d/f");
        mode_t mask = umask(0077); /* the daemon's too */
        struct stat st;
        char text[16];

        test_equal_int(fs_write_if_changed(path, "one\n"), 1);
        (void) umask(mask);
        test_assert(stat("d", &st) >= 0 && (st.st_mode & 07777) == 0755);
        test_equal_int(fs_write_if_changed(path, "one\n"), 0);
        test_equal_int(fs_write_if_changed(path, "one\nmore\n"), 1);
        test_equal_int(fs_read(path, text, sizeof(text)), 9);
        test_equal_string(text, "one\nmore\n");
        test_assert(stat(path, &st) >= 0 && (st.st_mode & 07777) == 0644);
        test_assert(access(in(base, "d/.f.new"), F_OK) < 0);
        test_equal_int(fs_remove(path), 1);
        test_equal_int(fs_remove(path), 0);
        test_equal_int(fs_remove(in(base, "nowhere/f")), 0);
        clean_up(base);
}

static void test_leftover_is_reused(void) {
        const char *base = folder(), *path = in(base, "d/f");
        char text[16];

        test_assert(mkdir("d", 0755) >= 0);
        test_assert(symlink("/etc/passwd", "d/.f.new") >= 0);
        test_equal_int(fs_write_if_changed(path, "x\n"), 1);
        test_assert(access(in(base, "d/.f.new"), F_OK) < 0);
        test_equal_int(fs_read(path, text, sizeof(text)), 2);
        clean_up(base);
}

static void leave(const char *name, const char *text) {
        _cleanup_fclose_ FILE *file = fopen(name, "w");

        test_assert(file && fputs(text, file) >= 0);
}

static void test_unchanged_file_loses_its_leftover(void) {
        const char *base = folder(), *path = in(base, "d/f");

        test_equal_int(fs_write_if_changed(path, "x\n"), 1);
        leave("d/.f.new", "y");
        test_equal_int(fs_write_if_changed(path, "x\n"), 0);
        test_assert(access("d/.f.new", F_OK) < 0);
        clean_up(base);
}

static void test_remove_all(void) {
        const char *base = folder(), *pattern = in(base, "*.d/{f,.f.new}");

        test_equal_int(fs_remove_all(pattern, NULL), 0);
        test_assert(mkdir("a.d", 0755) >= 0 && mkdir("b.d", 0755) >= 0 && mkdir("c.d", 0755) >= 0 &&
                    mkdir("d.d", 0755) >= 0);
        leave("a.d/f", "x");
        leave("b.d/f", "x");
        leave("b.d/other", "x");
        leave("c.d/f", "x");
        leave("d.d/.f.new", "x");
        test_equal_int(fs_remove_all(pattern, in(base, "c.d/f")), 1);
        test_assert(access("a.d", F_OK) < 0 && access("b.d/f", F_OK) < 0 && access("d.d", F_OK) < 0);
        test_assert(access("b.d/other", F_OK) >= 0 && access("c.d/f", F_OK) >= 0);
        test_equal_int(fs_remove_all(pattern, in(base, "c.d/f")), 0);

        /* One that can't be removed doesn't keep the others. */
        test_assert(mkdir("b.d/f", 0755) >= 0);
        leave("b.d/f/x", "x");
        test_equal_int(fs_remove_all(pattern, NULL), -ENOTEMPTY);
        test_assert(access("c.d", F_OK) < 0 && access("b.d/f/x", F_OK) >= 0);
        test_assert(unlink("b.d/f/x") >= 0 && unlink("b.d/other") >= 0);
        test_equal_int(fs_remove_all(pattern, NULL), 1);
        test_assert(access("b.d", F_OK) < 0);
        clean_up(base);
}

static void test_remove_takes_the_leftover_too(void) {
        const char *base = folder(), *path = in(base, "d/f");

        test_equal_int(fs_write_if_changed(path, "x\n"), 1);
        leave("d/.f.new", "y");
        test_equal_int(fs_remove(path), 1);
        test_assert(access("d/f", F_OK) < 0 && access("d/.f.new", F_OK) < 0);

        leave("d/.f.new", "y");
        test_equal_int(fs_remove(path), 0);
        test_assert(access("d/.f.new", F_OK) < 0);

        test_assert(mkdir("d/.f.new", 0755) >= 0);
        leave("d/.f.new/x", "not ours");
        test_equal_int(fs_write_if_changed(path, "x\n"), -EISDIR);
        test_equal_int(fs_remove(path), -ENOTEMPTY);
        test_assert(unlink("d/.f.new/x") >= 0);
        test_equal_int(fs_remove(path), 0);
        test_assert(access("d/.f.new", F_OK) < 0);

        test_assert(mkdir("d/f", 0755) >= 0);
        leave("d/.f.new", "y");
        test_equal_int(fs_remove(path), 1);
        test_assert(access("d/f", F_OK) < 0 && access("d/.f.new", F_OK) < 0);
        test_equal_int(fs_remove(in(base, "d")), 1); /* the folder is empty now */
        clean_up(base);
}

static void test_symlink_is_replaced_not_followed(void) {
        const char *base = folder(), *path = in(base, "d/f");
        char text[16];

        test_equal_int(fs_write_if_changed(in(base, "target"), "kept\n"), 1);
        test_assert(mkdir("d", 0755) >= 0);
        test_assert(symlink("../target", "d/f") >= 0);
        test_equal_int(fs_read(path, text, sizeof(text)), -ELOOP);
        test_equal_int(fs_write_if_changed(path, "new\n"), 1);
        test_equal_int(fs_read(in(base, "target"), text, sizeof(text)), 5);
        test_equal_string(text, "kept\n");
        test_equal_int(fs_read(path, text, sizeof(text)), 4);
        clean_up(base);
}

static void test_folders_and_pipes_are_errors(void) {
        const char *base = folder(), *path = in(base, "d/f");
        char text[16];

        test_assert(mkdir("d", 0755) >= 0 && mkfifo("d/f", 0644) >= 0);
        test_equal_int(fs_read(path, text, sizeof(text)), -EINVAL);
        test_equal_int(fs_write_if_changed(path, "x\n"), 1);
        test_equal_int(fs_remove(path), 1);
        test_assert(mkdir("d/f", 0755) >= 0);
        test_equal_int(fs_read(path, text, sizeof(text)), -EINVAL);
        test_equal_int(fs_write_if_changed(path, "x\n"), -EISDIR);
        test_assert(access(in(base, "d/.f.new"), F_OK) < 0);
        clean_up(base);
}

static void test_bounds(void) {
        const char *base = folder(), *path = in(base, "d/f");
        _cleanup_fclose_ FILE *file = NULL;
        char text[5];

        test_equal_int(fs_write_if_changed(path, "1234"), 1);
        test_equal_int(fs_read(path, text, sizeof(text)), 4);
        test_equal_int(fs_write_if_changed(path, "12345"), 1);
        test_equal_int(fs_read(path, text, sizeof(text)), -E2BIG);
        file = fopen(path, "w");
        test_assert(file && fwrite("a\0b", 1, 3, file) == 3 && fflush(file) == 0);
        test_equal_int(fs_read(path, text, sizeof(text)), -EBADMSG);
        clean_up(base);
}

static void test_unwritable_is_an_error(void) {
        char text[16];

        test_equal_int(fs_write_if_changed("/proc/wslportd-test", "x\n") < 0, 1);
        test_equal_int(fs_read("/proc/self/nothing", text, sizeof(text)), -ENOENT);
        test_equal_int(fs_write_if_changed("relative", "x\n"), -EINVAL);
        test_equal_int(fs_remove("/dev/null/f"), -ENOTDIR);
        test_equal_int(fs_remove("relative"), -EINVAL);
        test_equal_int(fs_remove("/tmp/"), -EINVAL);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_write_read_remove),
                TEST(test_leftover_is_reused),
                TEST(test_unchanged_file_loses_its_leftover),
                TEST(test_remove_all),
                TEST(test_remove_takes_the_leftover_too),
                TEST(test_symlink_is_replaced_not_followed),
                TEST(test_folders_and_pipes_are_errors),
                TEST(test_bounds),
                TEST(test_unwritable_is_an_error),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
