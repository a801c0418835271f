/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/wslconfig.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"

#define NAME ".wslconfig"

static int find_profile(const char *users, char *ret, size_t size) {
        /* Windows makes these folders, which are no person's. */
        static const char *const others[] = { "All Users", "Default", "Default User", "Public",
                                              "WDAGUtilityAccount" };
        _cleanup_close_ int users_fd = fs_open_folder(users);
        _cleanup_closedir_ DIR *folders = NULL;
        const struct dirent *folder;
        unsigned n_with = 0, n = 0;

        if (users_fd < 0)
                return users_fd;
        folders = fdopendir(users_fd);
        if (!folders)
                return -errno;

        TAKE_FD(users_fd);
        while ((folder = readdir(folders))) {
                _cleanup_close_ int fd = -1;
                struct stat st;
                bool with;

                if (folder->d_name[0] == '.' ||
                    string_index(folder->d_name, others, ELEMENTSOF(others)) >= 0)
                        continue;
                fd = openat(dirfd(folders), folder->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                with = fd >= 0 && fstatat(fd, NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
                /* A folder that this user may not look into is another user's. */
                if (fd < 0 || (!with && (n_with > 0 || faccessat(fd, ".", R_OK | X_OK, 0) < 0)))
                        continue;
                if ((size_t) snprintf(ret, size, "%s/%s", users, folder->d_name) >= size)
                        return -ENAMETOOLONG;
                n_with += with;
                n++;
        }
        return n_with == 1 || (n_with == 0 && n == 1) ? 0 : n == 0 ? -ENOENT : -ENOTUNIQ;
}

int profile_read(const char *users, const char *profile, char *ret_path, size_t path_size,
                 char ret_text[static WSLCONFIG_SIZE_MAX], bool *ret_wide) {
        _cleanup_free_ char *data = malloc(WSLCONFIG_SIZE_MAX);
        _cleanup_close_ int folder_fd = -1;
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

        folder_fd = fs_open_folder(profile);
        if (folder_fd < 0)
                return folder_fd;
        n = fs_read_bytes_at(folder_fd, NAME, O_NOFOLLOW, data, WSLCONFIG_SIZE_MAX);
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
