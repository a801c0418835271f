/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/greeting.h"

#include "process/child.h"
#include "windows/greet.h"

/* For the process' own beginning and end. */
#define MARGIN (500 * USEC_PER_MSEC)

struct Greeting {
        Child *child;
        uint16_t port;
        GreetingHandler handler;
        void *userdata;
};

Greeting *greeting_free(Greeting *g) {
        if (!g)
                return NULL;

        child_free(g->child);
        free(g);
        return NULL;
}

static void greeting_on_child(const ChildResult *child, void *userdata) {
        GreetingResult result = GREETING_UNKNOWN;
        Greeting *g = userdata;
        Banner banner;

        switch (child->exit_status) {
        case GREET_HEARD:
                result = banner_parse(child->output, strlen(child->output), &banner) > 0 ? GREETING_SSH : GREETING_OTHER;
                break;
        case GREET_REFUSED:
                result = GREETING_REFUSED;
                break;
        default:
                break;
        }
        g->handler(g->port, result, result == GREETING_SSH ? &banner : NULL, g->userdata);
}

int greeting_start(sd_event *event, uint16_t port, usec_t timeout, GreetingHandler handler, void *userdata,
                   Greeting **ret) {
        char number[sizeof("65535")], milliseconds[24];
        const char *const argv[] = { LIBEXECDIR "/wslportd-greeting", number, milliseconds, NULL };
        _cleanup_(greeting_freep) Greeting *g = NULL;
        int r;

        g = malloc(sizeof(*g));
        if (!g)
                return -ENOMEM;
        *g = (Greeting){ .port = port, .handler = handler, .userdata = userdata };

        snprintf(number, sizeof(number), "%u", port);
        snprintf(milliseconds, sizeof(milliseconds), "%llu", (unsigned long long) (timeout / USEC_PER_MSEC));
        r = child_spawn(event, argv, PROGRAM_NONE, timeout + MARGIN, greeting_on_child, g, &g->child);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(g);
        return 0;
}
