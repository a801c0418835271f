/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/profile.h"

#include <sys/stat.h>

#include "base/fs.h"

#define NAME ".wslconfig"

/* Windows makes the other folders, which are no person's. */
static bool is_profile_name(const char *name) {
        static const char *const others[] = { "All Users", "Default", "Default User", "Public",
                                              "WDAGUtilityAccount" };

        return name[0] != '.' && string_index(name, others, ELEMENTSOF(others)) < 0;
}

static int find_profile(const char *users, char *ret, size_t size) {
        _cleanup_closedir_ DIR *folders = NULL;
        const struct dirent *folder;
        unsigned n_with = 0, n = 0;

        folders = opendir(users);
        if (!folders)
                return -errno;

        while ((folder = readdir(folders))) {
                char path[4096];
                struct stat st;
                bool with;

                if (!is_profile_name(folder->d_name) ||
                    (size_t) snprintf(path, sizeof(path), "%s/%s/" NAME, users, folder->d_name) >=
                                    sizeof(path))
                        continue;
                with = stat(path, &st) == 0 && S_ISREG(st.st_mode);
                *strrchr(path, '/') = '\0';
                /* A folder that this user may not look into is another user's. */
                if ((!with && access(path, R_OK | X_OK) < 0) || stat(path, &st) < 0 ||
                    !S_ISDIR(st.st_mode) || (!with && n_with > 0))
                        continue;
                if (strlen(path) >= size)
                        return -ENAMETOOLONG;
                strcpy(ret, path);
                n_with += with;
                n++;
        }
        return n_with == 1 || (n_with == 0 && n == 1) ? 0 : n == 0 ? -ENOENT : -ENOTUNIQ;
}

int profile_read(const char *users, const char *profile, char *ret_path, size_t path_size,
                 char ret_text[static WSLCONFIG_SIZE_MAX], bool *ret_wide) {
        _cleanup_free_ char *data = malloc(WSLCONFIG_SIZE_MAX);
        char found[2048], path[sizeof(found) + sizeof(NAME)];
        ssize_t n;
        int r;

        if (!data)
                return -ENOMEM;
        if (!profile) {
                r = find_profile(users, found, sizeof(found));
                if (r < 0)
                        return r;
                profile = found;
        }
        if ((size_t) snprintf(path, sizeof(path), "%s/" NAME, profile) >= sizeof(path) ||
            strlen(path) >= path_size)
                return -ENAMETOOLONG;

        n = fs_read_bytes(path, data, WSLCONFIG_SIZE_MAX);
        if (n < 0 && n != -ENOENT)
                return (int) n;
        if (n >= 0) {
                r = wslconfig_decode(data, (size_t) n, ret_text, WSLCONFIG_SIZE_MAX, ret_wide);
                if (r < 0)
                        return r;
        }

        strcpy(ret_path, path);
        return n >= 0;
}
