/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fs.h"

#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <sys/stat.h>

static int open_folder(const char *path, bool make, const char **ret_name) {
        const char *slash = strrchr(path, '/');
        _cleanup_close_ int fd = -1;
        char folder[PATH_MAX];
        bool made;

        if (!slash || slash == path || slash[1] == '\0' ||
            (size_t) snprintf(folder, sizeof(folder), "%.*s", (int) (slash - path), path) >= sizeof(folder))
                return -EINVAL;

        made = make && mkdir(folder, 0755) >= 0;
        if (make && !made && errno != EEXIST)
                return -errno;

        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        if (made && fchmod(fd, 0755) < 0) /* whatever the umask */
                return -errno;

        *ret_name = slash + 1;
        return TAKE_FD(fd);
}

/* Less than @size bytes, as they are: nothing is added. */
static ssize_t read_fd(int fd, char *buffer, size_t size) {
        size_t length = 0;

        while (length < size) {
                ssize_t n = TEMP_FAILURE_RETRY(read(fd, buffer + length, size - length));

                if (n <= 0)
                        return n < 0 ? -errno : (ssize_t) length;
                length += (size_t) n;
        }

        return -E2BIG;
}

ssize_t fs_read_bytes_at(int folder_fd, const char *name, int flags, char *buffer, size_t size) {
        _cleanup_close_ int fd = -1;
        struct stat st;

        /* O_NONBLOCK so that a FIFO can't hold us up; it is refused right after. */
        fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;

        return S_ISREG(st.st_mode) ? read_fd(fd, buffer, size) : -EINVAL;
}

ssize_t fs_read_at(int folder_fd, const char *name, char *buffer, size_t size) {
        ssize_t n;

        n = fs_read_bytes_at(folder_fd, name, O_NOFOLLOW, buffer, size);
        if (n < 0)
                return n;
        if (memchr(buffer, '\0', (size_t) n))
                return -EBADMSG;

        buffer[n] = '\0';
        return n;
}

ssize_t fs_read(const char *path, char *buffer, size_t size) {
        return fs_read_at(AT_FDCWD, path, buffer, size);
}

int fs_open_folder(const char *path) {
        int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        char name[NAME_MAX + 1];

        while (fd >= 0 && *(path += strspn(path, "/"))) {
                size_t length = strcspn(path, "/");
                _cleanup_close_ int outer_fd = fd;

                if (length >= sizeof(name))
                        return -ENAMETOOLONG;
                snprintf(name, sizeof(name), "%.*s", (int) length, path);
                fd = openat(outer_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                path += length;
        }
        return fd < 0 ? -errno : fd;
}

ssize_t fs_read_bytes(const char *path, char *buffer, size_t size) {
        return fs_read_bytes_at(AT_FDCWD, path, 0, buffer, size);
}

static bool holds(int folder_fd, const char *name, const char *text) {
        size_t size = strlen(text) + 2;
        _cleanup_free_ char *buffer = malloc(size);

        return buffer && fs_read_at(folder_fd, name, buffer, size) >= 0 && streq(buffer, text);
}

/* One fixed name, so that the next write reuses what a kill leaves behind. A dot begins it: no glob of
 * sshd's or systemd's takes it in. */
static void temporary_name(const char *name, char ret[static NAME_MAX + 1]) {
        snprintf(ret, NAME_MAX + 1, ".%s.new", name);
}

int fs_write_if_changed(const char *path, const char *text) {
        _cleanup_close_ int folder_fd = -1, fd = -1;
        char temporary[NAME_MAX + 1];
        const char *name;
        int r;

        folder_fd = open_folder(path, true, &name);
        if (folder_fd < 0)
                return folder_fd;

        /* NOLINTNEXTLINE(core.CallAndMessage): name is set, as a failed call has left an errno above 0 */
        temporary_name(name, temporary);
        if (holds(folder_fd, name, text)) {
                (void) unlinkat(folder_fd, temporary, 0);
                return 0;
        }
        if (unlinkat(folder_fd, temporary, 0) < 0 && errno != ENOENT)
                return -errno;

        fd = openat(folder_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0)
                return -errno;

        r = dprintf(fd, "%s", text) < 0 ? -errno : 0;
        if (r >= 0 && (fchmod(fd, 0644) < 0 || fsync(fd) < 0))
                r = -errno;
        if (r >= 0 && renameat(folder_fd, temporary, folder_fd, name) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlinkat(folder_fd, temporary, 0);
                return r;
        }

        return fsync(folder_fd) < 0 ? -errno : 1;
}

static int remove_from(int folder_fd, const char *name) {
        /* A read-only file system refuses a removal before it looks whether there is such a file. */
        if (faccessat(folder_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
                return 0;
        if (unlinkat(folder_fd, name, 0) < 0 &&
            (errno != EISDIR || unlinkat(folder_fd, name, AT_REMOVEDIR) < 0))
                return errno == ENOENT ? 0 : -errno;

        return fsync(folder_fd) < 0 ? -errno : 1;
}

int fs_remove(const char *path) {
        _cleanup_close_ int folder_fd = -1;
        char temporary[NAME_MAX + 1];
        const char *name;
        int r;

        folder_fd = open_folder(path, false, &name);
        if (folder_fd < 0)
                return folder_fd == -ENOENT ? 0 : folder_fd;

        /* NOLINTNEXTLINE(core.CallAndMessage): as above */
        temporary_name(name, temporary);
        r = remove_from(folder_fd, temporary);
        return r < 0 ? r : remove_from(folder_fd, name);
}

int fs_remove_all(const char *pattern, const char *spared) {
        int removed = 0, first = 0, r;
        glob_t paths = { 0 };

        (void) glob(pattern, GLOB_BRACE, NULL, &paths);
        for (size_t i = 0; i < paths.gl_pathc; i++) {
                char *path = paths.gl_pathv[i];

                r = streq(path, strempty(spared)) ? 0 : fs_remove(path);
                note_error(&first, r);
                removed = removed || r > 0;
                *strrchr(path, '/') = '\0';
                if (r > 0)
                        (void) rmdir(path); /* other files may be in there */
        }
        globfree(&paths);
        return first < 0 ? first : removed;
}
