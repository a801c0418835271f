/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/wsl.h"

#include "base/fs.h"

#define WSLINFO_PROGRAM "/usr/bin/wslinfo"

NetworkingMode wsl_mode(const char *container, const char *release) {
        if (streq(container, "wsl") || strstr(release, "WSL2"))
                return MODE_UNKNOWN;
        /* WSL 1 says "4.4.0-19041-Microsoft"; the first kernels of WSL 2 say
         * "4.19.43-microsoft-standard". */
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

int wslinfo_start(sd_event *event, usec_t timeout, ChildHandler handler, void *userdata, Child **ret) {
        static const char *const argv[] = { WSLINFO_PROGRAM, "--networking-mode", NULL };

        if (access(WSLINFO_PROGRAM, X_OK) < 0)
                return -errno;
        return child_spawn(event, argv, NULL, PROGRAM_ALL, timeout, handler, userdata, ret);
}

NetworkingMode wslinfo_parse(const char *output) {
        NetworkingMode mode = MODE_UNKNOWN;
        char word[16];

        if ((size_t) snprintf(word, sizeof(word), "%.*s", (int) strcspn(output, "\r\n"), output) >=
            sizeof(word))
                return MODE_UNKNOWN;
        /* MODE_NOT_WSL is a word of ours, and none of WSL's. */
        return networking_mode_from_string(word, &mode) < 0 || mode == MODE_NOT_WSL ? MODE_UNKNOWN : mode;
}
