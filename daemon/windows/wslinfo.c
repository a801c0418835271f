/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/wslinfo.h"

#include "process/child.h"

#define WSLINFO_PROGRAM "/usr/bin/wslinfo"

struct WslInfo {
        Child *child;
        WslInfoHandler handler;
        void *userdata;
};

WslInfo *wslinfo_free(WslInfo *w) {
        if (!w)
                return NULL;

        child_free(w->child);
        free(w);
        return NULL;
}

NetworkingMode wslinfo_parse(const char *output) {
        size_t length = strcspn(output, "\r\n");
        NetworkingMode mode = MODE_UNKNOWN;
        char word[16];

        if (length >= sizeof(word))
                return MODE_UNKNOWN;

        memcpy(word, output, length);
        word[length] = '\0';

        /* Our own words are none of its. */
        if (networking_mode_from_string(word, &mode) < 0 || mode == MODE_NOT_WSL)
                return MODE_UNKNOWN;
        return mode;
}

static void wslinfo_on_child(const ChildResult *result, void *userdata) {
        WslInfo *w = userdata;

        w->handler(result->exit_status == 0 ? wslinfo_parse(result->output) : MODE_UNKNOWN, w->userdata);
}

int wslinfo_start(sd_event *event, usec_t timeout, WslInfoHandler handler, void *userdata, WslInfo **ret) {
        static const char *const argv[] = { WSLINFO_PROGRAM, "--networking-mode", NULL };
        _cleanup_(wslinfo_freep) WslInfo *w = NULL;
        int r;

        if (access(WSLINFO_PROGRAM, X_OK) < 0)
                return -errno;

        w = malloc(sizeof(*w));
        if (!w)
                return -ENOMEM;
        *w = (WslInfo){ .handler = handler, .userdata = userdata };

        r = child_spawn(event, argv, PROGRAM_ALL, timeout, wslinfo_on_child, w, &w->child);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(w);
        return 0;
}
