/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/request.h"

#include "systemd/bus.h"

void pending_request_done(PendingRequest *pending) {
        sd_bus_message_unref(pending->call);
        *pending = (PendingRequest){ .kind = REQUEST_NONE };
}

bool pending_request_is_met(const PendingRequest *pending, uint16_t port) {
        switch (pending->kind) {
        case REQUEST_RELOCATE:
                return port != 0 && (pending->port == 0 || port == pending->port);
        case REQUEST_RESTORE:
                return port == 0;
        case REQUEST_NONE:
        case REQUEST_PROBE:
        default:
                return true;
        }
}

static int pending_request_reply(const PendingRequest *pending, bool met, const char *reason) {
        return met ? sd_bus_reply_method_return(pending->call, NULL)
                   : sd_bus_reply_method_errorf(pending->call, BUS_ERROR_NOT_POSSIBLE, "%s", reason);
}

int pending_request_answer(PendingRequest *pending, bool met, const char *reason) {
        int r;

        r = pending_request_reply(pending, met, reason);
        if (errno_is_passing(r)) /* somebody waits for it */
                r = pending_request_reply(pending, met, reason);
        pending_request_done(pending);
        return r < 0 ? r : 0;
}

int pending_request_take(PendingRequest *pending, Request kind, uint16_t port, sd_bus_message *call,
                         uint32_t uid, bool waits) {
        bool acts = kind != REQUEST_PROBE;

        /* More users may look than act, and some look all the time. */
        if (pending->kind == REQUEST_PROBE ? acts || (uid == 0 && pending->uid != 0)
                                           : pending->kind != REQUEST_NONE && acts && waits)
                (void) pending_request_answer(pending, false, "another request has come meanwhile");
        if (pending->kind != REQUEST_NONE)
                return -EBUSY;

        *pending = (PendingRequest){ kind, port, sd_bus_message_ref(call), uid };
        return 0;
}
