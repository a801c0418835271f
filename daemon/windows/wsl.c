/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/wsl.h"

#include "base/fs.h"

NetworkingMode wsl_mode(const char *container, const char *release) {
        if (streq(container, "wsl") || strstr(release, "WSL2"))
                return MODE_UNKNOWN;
        /* WSL 1 says "4.4.0-19041-Microsoft"; the first kernels of WSL 2 "4.19.43-microsoft-standard". */
        if (strstr(release, "Microsoft"))
                return MODE_WSL1;
        if (strcasestr(release, "microsoft") || strstr(release, "WSL"))
                return MODE_UNKNOWN;
        return MODE_NOT_WSL;
}

int wsl_detect(NetworkingMode *ret) {
        char container[64], release[256];
        ssize_t n;

        n = fs_read("/run/systemd/container", container, sizeof(container));
        if (n < 0 && n != -ENOENT)
                return (int) n;
        container[n < 0 ? 0 : strcspn(container, "\n")] = '\0';

        n = fs_read("/proc/sys/kernel/osrelease", release, sizeof(release));
        if (n < 0)
                return (int) n;

        *ret = wsl_mode(container, release);
        return 0;
}
