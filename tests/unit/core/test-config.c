/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/config-file.h"

#include <ftw.h>
#include <sys/stat.h>
#include <syslog.h>

#include "unit/test.h"

/* The configuration's files: one, and the main file with its drop-ins. test-config-file tests what stands in a file. */

static void make_folder(char path[static 64]) {
        strcpy(path, "/tmp/test-config-XXXXXX");
        test_assert(mkdtemp(path));
        test_assert(chmod(path, 0755) == 0);
        test_assert(chdir(path) == 0);
}

static void write_file(const char *name, const char *text, size_t size) {
        _cleanup_fclose_ FILE *file = fopen(name, "we");

        test_assert(file);
        test_equal_int(fwrite(text, 1, size, file), size);
}

/* Keeps the first error. */
static void tell(const char *path, unsigned line, const char *message, void *userdata) {
        char *text = userdata;

        if (!text[0])
                snprintf(text, 512, "%s:%u: %s", path, line, message);
}

/* config_load_file() of @name returns @result; @message is empty where that is 1 or 0. */
static void check_load(const char *name, int result, const char *message) {
        Config config = config_default();
        char text[512] = "";

        test_equal_int(config_load_file(name, tell, text, &config), result);
        test_equal_string(text, message);
        test_equal_int(config.n_candidates, 3);
        test_equal_int(config.relocate, result < 0 ? RELOCATE_UNREADABLE : RELOCATE_CONFLICT);
        if (result == 1)
                test_equal_int(config.restore, RESTORE_BOOT);
}

static void test_load(void) {
        char folder[64];

        make_folder(folder);

        check_load("missing", 0, "");

        write_file("good", "[Policy]\nRestore=boot\n", 22);
        check_load("good", 1, "");

        test_assert(symlink("good", "link") == 0);
        check_load("link", 1, "");

        write_file("bad", "[Policy]\nRestore=\n", 18);
        check_load("bad", -EINVAL, "bad:2: [Policy] Restore=: write manual, boot or auto");

        write_file("nul", "[Policy]\n\0\n", 11);
        check_load("nul", -EINVAL, "nul:0: the file has a NUL byte: this is not a text file");

        test_assert(symlink("missing", "dangling") == 0);
        check_load("dangling", -ENOENT, "dangling:0: the file is a symbolic link to one that does not exist");

        test_assert(symlink("loop", "loop") == 0);
        check_load("loop", -ELOOP, "loop:0: Too many levels of symbolic links");

        check_load("good/file", -ENOTDIR, "good/file:0: Not a directory");
        check_load(".", -EINVAL, ".:0: this is not a regular file");
        check_load("/dev/null", 0, "");
        check_load("/dev/zero", -EINVAL, "/dev/zero:0: this is not a regular file");

        test_assert(mkfifo("fifo", 0600) == 0);
        check_load("fifo", -EINVAL, "fifo:0: this is not a regular file");

        /* A file that is said to be empty, and isn't. */
        check_load("/proc/sys/kernel/ostype", -EINVAL,
                   "/proc/sys/kernel/ostype:1: Linux: write [Section] or Key=value");

        for (const char *const *name = (const char *const[]){ "good", "link", "bad", "nul", "dangling",
                                                              "loop", "fifo", NULL };
             *name; name++)
                test_assert(unlink(*name) == 0);
        test_assert(rmdir(folder) == 0);
}

static void test_load_size(void) {
        static const char start[] = "[Policy]\nRestore=boot\n#";
        _cleanup_free_ char *text = malloc(64 * 1024 + 1);
        char folder[64];

        make_folder(folder);
        memset(text, 'x', 64 * 1024 + 1);
        memcpy(text, start, strlen(start));

        write_file("conf", text, 64 * 1024);
        check_load("conf", 1, "");
        write_file("conf", text, 64 * 1024 + 1);
        check_load("conf", -E2BIG, "conf:0: the file is larger than 64 KiB");

        test_assert(unlink("conf") == 0);
        test_assert(rmdir(folder) == 0);
}

static void test_load_unreadable(void) {
        char folder[64];

        make_folder(folder);
        write_file("conf", "", 0);
        test_assert(chmod("conf", 0) == 0);

        if (geteuid() == 0)
                test_assert(seteuid(65534) == 0);
        check_load("conf", -EACCES, "conf:0: Permission denied");
        if (getuid() == 0)
                test_assert(seteuid(0) == 0);

        test_assert(unlink("conf") == 0);
        test_assert(rmdir(folder) == 0);
}

/* ── drop-ins ── */

#define USR "/usr/lib/wslportd.conf.d/"
#define RUN "/run/wslportd.conf.d/"
#define ETC CONFIG_FILE ".d/"

/* Files with their texts, where NULL stands for a link to /dev/null. What they come to are the lines of config_print()
 * that no default gives. Or the first error is told with .says in it, and
 * what a start makes do with are .relocate and these lines; Relocate= is printed as the default where it can't be read. */
typedef struct FilesRow {
        const char *name;
        struct {
                const char *path, *text;
        } files[5];
        const char *prints;
        const char *says;
        RelocatePolicy relocate;
} FilesRow;

#define NEVER "[Policy]\nRelocate=never\n"
#define MIRRORED "[Policy]\nRelocate=mirrored\n"
#define DEBUG "[Daemon]\nLogLevel=debug\n"
#define TYPO "[Daemon]\nLoglevel=debug\n"

static const FilesRow files_rows[] = {
        { "no file", { { 0 } }, "", NULL, 0 },
        { "the main file", { { CONFIG_FILE, NEVER } }, "Relocate=never  # " CONFIG_FILE ":2\n", NULL, 0 },
        { "over the main file", { { CONFIG_FILE, NEVER DEBUG }, { USR "a.conf", "\n" MIRRORED } },
          "Relocate=mirrored  # " USR "a.conf:3\nLogLevel=debug  # " CONFIG_FILE ":4\n", NULL, 0 },
        { "a default over the main file", { { CONFIG_FILE, NEVER }, { ETC "a.conf", "[Policy]\nRelocate=conflict\n" } },
          "Relocate=conflict  # " ETC "a.conf:2\n", NULL, 0 },
        { "a whole list over another", { { CONFIG_FILE, "[Policy]\nCandidatePorts=1 2\n" },
                                         { ETC "a.conf", "[Policy]\nCandidatePorts=3\n" } },
          "CandidatePorts=3  # " ETC "a.conf:2\n", NULL, 0 },
        { "by name, whatever the folder", { { USR "9.conf", NEVER }, { RUN "10.conf", MIRRORED }, { ETC "8.conf", MIRRORED DEBUG } },
          "Relocate=never  # " USR "9.conf:2\nLogLevel=debug  # " ETC "8.conf:4\n", NULL, 0 },
        { "/etc masks /run and /usr/lib", { { USR "a.conf", DEBUG }, { RUN "a.conf", DEBUG }, { ETC "a.conf", NEVER } },
          "Relocate=never  # " ETC "a.conf:2\n", NULL, 0 },
        { "/run masks /usr/lib", { { USR "a.conf", TYPO }, { RUN "a.conf", NEVER }, { USR "b.conf", DEBUG } },
          "Relocate=never  # " RUN "a.conf:2\nLogLevel=debug  # " USR "b.conf:2\n", NULL, 0 },
        { "/dev/null masks", { { USR "a.conf", TYPO }, { ETC "a.conf", NULL } }, "", NULL, 0 },
        { "an empty file masks", { { USR "a.conf", TYPO }, { RUN "a.conf", "" } }, "", NULL, 0 },
        { "the main file isn't masked", { { CONFIG_FILE, NEVER }, { ETC "wslportd.conf", NULL } },
          "Relocate=never  # " CONFIG_FILE ":2\n", NULL, 0 },
        { "other names", { { ETC "a.conf~", TYPO }, { ETC ".a.conf", TYPO }, { ETC "a.conf.dpkg-new", TYPO }, { ETC "README", TYPO } },
          "", NULL, 0 },
        { "a strange name", { { ETC "\n\033[2J #.conf", NEVER } }, "Relocate=never  # " ETC "??[2J #.conf:2\n", NULL, 0 },

        { "an error in the main file", { { CONFIG_FILE, TYPO }, { ETC "a.conf", DEBUG } },
          "LogLevel=debug  # " ETC "a.conf:2\n", CONFIG_FILE ":2: there is no key Loglevel", RELOCATE_UNREADABLE },
        { "an error in a drop-in", { { CONFIG_FILE, DEBUG }, { ETC "a.conf", "x\n" DEBUG } },
          "LogLevel=debug  # " ETC "a.conf:3\n", ETC "a.conf:1: x: write [Section]", RELOCATE_UNREADABLE },
        { "an error after a readable word", { { CONFIG_FILE, MIRRORED }, { ETC "a.conf", TYPO } },
          "Relocate=conflict  # " CONFIG_FILE ":2\n", ETC "a.conf:2", RELOCATE_UNREADABLE },
        { "an error before a readable word", { { ETC "a.conf", "[Policy]\nRelocate=Never\n" }, { ETC "b.conf", MIRRORED } },
          "Relocate=mirrored  # " ETC "b.conf:2\n", ETC "a.conf:2", RELOCATE_MIRRORED },
        { "an error after never", { { CONFIG_FILE, NEVER }, { ETC "a.conf", "[Policy]\nRelocate=Conflict\n" } },
          "Relocate=never  # " ETC "a.conf:2\n", ETC "a.conf:2", RELOCATE_NEVER },
        { "an error beside a readable word", { { CONFIG_FILE, MIRRORED }, { ETC "a.conf", "[Policy]\nRelocate=conflict\nx\n" } },
          "Relocate=conflict  # " ETC "a.conf:2\n", ETC "a.conf:3", RELOCATE_CONFLICT },
        { "no regular file", { { CONFIG_FILE, MIRRORED }, { ETC "a.conf/b", "" } }, "Relocate=conflict  # " CONFIG_FILE ":2\n",
          ETC "a.conf:0: this is not a regular file", RELOCATE_UNREADABLE },
        { "no folder", { { CONFIG_FILE ".d", NEVER }, { RUN "a.conf", MIRRORED } }, "Relocate=conflict  # " RUN "a.conf:2\n",
          CONFIG_FILE ".d:0: Not a directory", RELOCATE_UNREADABLE },
        { "no folder, and never", { { CONFIG_FILE ".d", MIRRORED }, { RUN "a.conf", NEVER } }, "Relocate=never  # " RUN "a.conf:2\n",
          CONFIG_FILE ".d:0: Not a directory", RELOCATE_NEVER },
};

static void put_file(const char *root, const char *path, const char *text) {
        _cleanup_free_ char *whole = NULL;

        test_assert(asprintf(&whole, "%s%s", root, path) > 0);
        for (char *slash = whole + strlen(root); (slash = strchr(slash + 1, '/')); *slash = '/') {
                *slash = '\0';
                test_assert(mkdir(whole, 0755) == 0 || errno == EEXIST);
        }
        if (text)
                write_file(whole, text, strlen(text));
        else
                test_assert(symlink("/dev/null", whole) == 0);
}

static int remove_one(const char *path, const struct stat *, int, struct FTW *) {
        return remove(path);
}

static void remove_tree(const char *root) {
        test_assert(nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

/* Each line that a file has given. @root is left out, so that the table needn't know it. */
static char *print_given(const char *root, const Config *config) {
        char *text = NULL, *given, *rest, *place;
        size_t size;
        FILE *out;

        out = open_memstream(&text, &size);
        test_assert(out);
        config_print(config, out);
        test_assert(fclose(out) == 0);
        given = calloc(1, size + 1);
        rest = text;
        for (char *line; (line = strsep(&rest, "\n"));) {
                if (!strchr(line, '=') || strstr(line, "  # the default"))
                        continue;
                place = strstr(line, root);
                test_assert(place);
                sprintf(given + strlen(given), "%.*s%s\n", (int) (place - line), line, place + strlen(root));
        }
        free(text);
        return given;
}

static void test_files(const void *data) {
        const FilesRow *row = data;
        _cleanup_free_ char *given = NULL;
        char root[64], text[512] = "";
        Config config;

        make_folder(root);
        for (size_t i = 0; i < ELEMENTSOF(row->files) && row->files[i].path; i++)
                put_file(root, row->files[i].path, row->files[i].text);

        test_equal_int(config_load(root, tell, text, &config) == 1, !row->says);
        if (row->says) {
                test_contains(text, row->says);
                test_equal_int(config.relocate, row->relocate);
        } else
                test_equal_string(text, "");
        given = print_given(root, &config);
        test_equal_string(given, row->prints);
        remove_tree(root);
}

/* 64 drop-ins are read, whichever folders have them. One more is told, and what can be read of the others counts. */
static void test_many_files(void) {
        char root[64], text[512] = "", path[128];
        Config config;

        make_folder(root);
        put_file(root, CONFIG_FILE, MIRRORED);
        for (unsigned i = 0; i < 64; i++) {
                snprintf(path, sizeof(path), "%s%u.conf", i % 2 ? USR : RUN, i);
                put_file(root, path, DEBUG);
        }
        put_file(root, ETC "0.conf", DEBUG);
        test_equal_int(config_load(root, tell, text, &config), 1);

        put_file(root, ETC "64.conf", NEVER);
        test_equal_int(config_load(root, tell, text, &config), -E2BIG);
        test_equal_string(text, "/usr/lib/wslportd.conf.d:0: there are more than 64 drop-ins");
        test_equal_int(config.relocate, RELOCATE_NEVER); /* the owner's own count first */
        test_equal_int(config.log_level, LOG_DEBUG);
        remove_tree(root);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST(test_load),
                TEST(test_load_size),
                TEST(test_load_unreadable),
                TEST_TABLE(test_files, files_rows),
                TEST(test_many_files),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
