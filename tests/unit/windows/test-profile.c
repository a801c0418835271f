/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/wslconfig.h"

#include <sys/stat.h>

#include "unit/test.h"

/* Folders of C:\\Users: "+" marks one with a .wslconfig, "=" one in which .wslconfig is a folder, "@" one in which it
 * is a link to somebody else's, ">" a link to a folder of somebody else's. */
static const struct {
        const char *name, *folders, *profile;
        int r;
        const char *found; /* the folder */
} rows[] = {
        { "nobody", "", NULL, -ENOENT, NULL },
        { "nobody of flesh", "Public Default .x", NULL, -ENOENT, NULL },
        { "one with it", "me+", NULL, 1, "me" },
        { "one without", "me Public", NULL, 0, "me" },
        { "one of two", "me you+", NULL, 1, "you" },
        { "one of two, the other way round", "you+ me", NULL, 1, "you" },
        { "two without", "me you", NULL, -ENOTUNIQ, NULL },
        { "two with it", "me+ you+", NULL, -ENOTUNIQ, NULL },
        { "two, and it is known who", "me+ you+", "you", 1, "you" },
        { "known, without", "me+ you", "you", 0, "you" },
        { "a folder of that name is none", "me=", NULL, -EINVAL, NULL },
        { "a link isn't followed", "me@", NULL, -ELOOP, NULL },
        { "a link isn't followed, and it is known whose", "me@ you+", "me", -ELOOP, NULL },
        { "a folder that is a link is nobody's", "me>", NULL, -ENOENT, NULL },
        { "a folder that is a link, and it is known whose", "me> you+", "me", -ENOTDIR, NULL },
};

/* Somebody else's folder, with a .wslconfig. */
static char elsewhere[64];

static void put(const char *users, char *folder) {
        char path[256], theirs[256], kind = folder[strlen(folder) - 1];
        FILE *file;

        if (strchr("+=@>", kind))
                folder[strlen(folder) - 1] = '\0';
        snprintf(path, sizeof(path), "%s/%s", users, folder);
        if (kind == '>') {
                test_assert(symlink(elsewhere, path) == 0);
                return;
        }
        test_assert(mkdir(path, 0755) == 0);
        snprintf(path, sizeof(path), "%s/%s/.wslconfig", users, folder);
        if (kind == '=')
                test_assert(mkdir(path, 0755) == 0);
        if (kind == '@') {
                snprintf(theirs, sizeof(theirs), "%s/.wslconfig", elsewhere);
                test_assert(symlink(theirs, path) == 0);
        }
        if (kind != '+')
                return;
        file = fopen(path, "we");
        test_assert(file && fputs("[wsl2]\n", file) >= 0 && fclose(file) == 0);
}

static void test_profile(const void *data) {
        const __typeof__(rows[0]) *row = data;
        char users[] = "/tmp/test-profile-XXXXXX", names[128], *rest = names, *name, path[256] = "",
             expected[256], profile[256];
        char *text = malloc(WSLCONFIG_SIZE_MAX);
        bool wide = true;
        int r;

        test_assert(text && mkdtemp(users));
        strcpy(names, row->folders);
        while ((name = strsep(&rest, " ")))
                if (*name)
                        put(users, name);
        snprintf(profile, sizeof(profile), "%s/%s", users, strempty(row->profile));

        r = profile_read(users, row->profile ? profile : NULL, path, sizeof(path), text, &wide);
        test_equal_int(r, row->r);
        if (row->found) {
                snprintf(expected, sizeof(expected), "%s/%s/.wslconfig", users, row->found);
                test_equal_string(path, expected);
        }
        if (r > 0)
                test_equal_string(text, "[wsl2]\n");
        free(text);
}

static void test_no_drive(void) {
        char *text = malloc(WSLCONFIG_SIZE_MAX), path[256];
        bool wide;

        test_assert(text);
        test_equal_int(profile_read("/tmp/no such folder", NULL, path, sizeof(path), text, &wide), -ENOENT);
        free(text);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = { TEST_TABLE(test_profile, rows), TEST(test_no_drive) };
        char folder[] = "/tmp/test-profile-XXXXXX", them[] = "them+";

        test_assert(mkdtemp(folder));
        put(folder, them);
        snprintf(elsewhere, sizeof(elsewhere), "%s/them", folder);

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
