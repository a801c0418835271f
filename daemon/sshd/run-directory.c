/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef _FILE_OFFSET_BITS /* sshd imports stat(), not stat64() */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* sshd loads this when it is asked about its configuration (LD_PRELOAD). As root it also wants to see its
 * run-time directory, which is Debian's /run/sshd. The unit makes that at each start of sshd, and takes it away
 * at each stop. wslportd asks before the start, and leaves the directory to the unit: sshd sees / instead. */
int stat(const char *path, struct stat *ret) {
        int r = fstatat(AT_FDCWD, path, ret, 0);

        if (r < 0 && errno == ENOENT && strcmp(path, "/run/sshd") == 0)
                r = fstatat(AT_FDCWD, "/", ret, 0);
        return r;
}
