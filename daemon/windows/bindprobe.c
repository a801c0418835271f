/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/bindprobe.h"

#include "process/child.h"

struct BindProbe {
        Child *child;
        uint16_t port;
        BindProbeHandler handler;
        void *userdata;
};

BindProbe *bindprobe_free(BindProbe *p) {
        if (!p)
                return NULL;

        child_free(p->child);
        free(p);
        return NULL;
}

static void bindprobe_on_child(const ChildResult *result, void *userdata) {
        BindProbe *p = userdata;
        BindAnswer answer = BIND_FAILED;
        char line[64] = "", *detail;

        if (result->timed_out)
                answer = BIND_NO_ANSWER;
        else if (result->exit_status == 0) {
                snprintf(line, sizeof(line), "%.*s", (int) strcspn(result->output, "\n"), result->output);
                detail = strchr(line, ' ');
                if (detail)
                        *detail = '\0';
                if (bind_answer_from_string(line, &answer) < 0 || answer == BIND_NOT_ASKED)
                        answer = BIND_FAILED;
                p->handler(p->port, answer, detail ? detail + 1 : "", p->userdata);
                return;
        }

        p->handler(p->port, answer, answer == BIND_FAILED ? "the bind helper did not run" : "", p->userdata);
}

int bindprobe_start(sd_event *event, uint16_t port, bool ipv6, usec_t timeout, BindProbeHandler handler,
                    void *userdata, BindProbe **ret) {
        char number[sizeof("65535")];
        const char *const argv[] = { LIBEXECDIR "/wslportd-bindprobe", ipv6 ? "-6" : "-4", number, NULL };
        _cleanup_(bindprobe_freep) BindProbe *p = NULL;
        int r;

        p = malloc(sizeof(*p));
        if (!p)
                return -ENOMEM;
        *p = (BindProbe){ .port = port, .handler = handler, .userdata = userdata };

        snprintf(number, sizeof(number), "%u", port);
        r = child_spawn(event, argv, PROGRAM_BINDS, timeout, bindprobe_on_child, p, &p->child);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(p);
        return 0;
}
