/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wsl.h"

#include "fs.h"

NetworkingMode wsl_release_to_mode(const char *release) {
        if (strstr(release, "WSL2"))
                return MODE_UNKNOWN;
        /* WSL 1 says "4.4.0-19041-Microsoft"; the first kernels of WSL 2 "4.19.43-microsoft-standard". */
        if (strstr(release, "Microsoft"))
                return MODE_WSL1;
        if (strcasestr(release, "microsoft") || strstr(release, "WSL"))
                return MODE_UNKNOWN;
        return MODE_NOT_WSL;
}

int wsl_detect(const char *path, NetworkingMode *ret) {
        char release[256];
        ssize_t n;

        n = fs_read(path, release, sizeof(release));
        if (n < 0)
                return (int) n;

        *ret = wsl_release_to_mode(release);
        return 0;
}
