/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "facts/mode.h"

#include "core/delay.h"
#include "windows/wsl.h"

/* How long wslinfo may take. Boot waits for the first try, unless the routes show the mode. */
#define WSLINFO_TIMEOUT_FIRST (800 * USEC_PER_MSEC)
#define WSLINFO_TIMEOUT_MAX (30 * USEC_PER_SEC)

struct Mode {
        sd_event *event;
        Routes *routes;
        Child *wslinfo;
        Delay patience;      /* with wslinfo, from try to try */
        NetworkingMode seen; /* in the routes, or in the kernel's name */
        NetworkingMode told; /* by wslinfo */
        bool unconfirmed;    /* wslinfo gave no answer */
        ChangeHandler handler;
        void *userdata;
};

void mode_free(Mode *mode) {
        if (!mode)
                return;

        child_free(mode->wslinfo);
        sd_event_unref(mode->event);
        free(mode);
}

static void mode_on_wslinfo(const ChildResult *result, void *userdata) {
        Mode *mode = userdata;

        mode->told = result->exit_status == 0 ? wslinfo_parse(result->output) : MODE_UNKNOWN;
        mode->unconfirmed = mode->told == MODE_UNKNOWN;
        mode->wslinfo = child_free(mode->wslinfo); /* and *@result with it */
        mode->handler(mode->userdata);
}

void mode_ask(Mode *mode) {
        int r;

        /* These last as long as the VM runs. */
        if (mode->seen == MODE_NOT_WSL || mode->seen == MODE_WSL1 || mode->told != MODE_UNKNOWN)
                return;

        (void) routes_read_mode(mode->routes, &mode->seen); /* an error leaves what was seen before */
        if (mode->wslinfo)
                return;

        r = wslinfo_start(mode->event, delay_next(&mode->patience), mode_on_wslinfo, mode, &mode->wslinfo);
        if (r < 0 && r != -ENOENT)
                mode->unconfirmed = true;
}

static void mode_on_routes(void *userdata) {
        Mode *mode = userdata;

        mode_ask(mode);
        mode->handler(mode->userdata);
}

int mode_new(sd_event *event, Routes *routes, ChangeHandler handler, void *userdata, Mode **ret) {
        _cleanup_(mode_freep) Mode *mode = malloc(sizeof(*mode));
        int r;

        if (!mode)
                return -ENOMEM;
        *mode = (Mode){
                .event = sd_event_ref(event),
                .routes = routes,
                .patience = { .first = WSLINFO_TIMEOUT_FIRST, .max = WSLINFO_TIMEOUT_MAX },
                .handler = handler,
                .userdata = userdata,
        };

        r = wsl_detect(&mode->seen);
        if (r >= 0)
                r = routes_watch(routes, event, mode_on_routes, mode);
        if (r < 0)
                return r;
        mode_ask(mode);

        *ret = TAKE_PTR(mode);
        return 0;
}

NetworkingMode mode_get(const Mode *mode) {
        return mode->told != MODE_UNKNOWN ? mode->told : mode->seen;
}

bool mode_is_pending(const Mode *mode) {
        return mode->wslinfo && mode->seen != MODE_MIRRORED && mode->patience.last == WSLINFO_TIMEOUT_FIRST;
}

bool mode_is_unconfirmed(const Mode *mode) {
        return mode->unconfirmed;
}
