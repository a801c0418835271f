/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/request.h"

#include <ctype.h>

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

/* Writes "org.wslport1.Error.HostSilent" for "host-silent". */
static void name_error(Cause cause, char ret[static 64]) {
        bool named = cause != CAUSE_NONE && cause != CAUSE_REQUESTED;
        const char *word = named ? cause_to_string(cause) : "not-possible";
        char *to = stpcpy(ret, BUS_ERROR(""));

        for (const char *from = word; *from; from++)
                if (*from != '-')
                        *to++ = from == word || from[-1] == '-' ? (char) toupper((unsigned char) *from)
                                                                : *from;
        *to = '\0';
}

int pending_request_answer(PendingRequest *pending, bool met, Cause cause, const char *reason) {
        char name[64];
        int r = -EAGAIN;

        name_error(cause, name);
        for (int tries = 0; tries < 2 && errno_is_passing(r); tries++) /* somebody waits for it */
                r = met ? sd_bus_reply_method_return(pending->call, NULL)
                        : sd_bus_reply_method_errorf(pending->call, name, "%s", reason);
        pending_request_done(pending);
        return r < 0 ? r : 0;
}

int pending_request_take(PendingRequest *pending, Request kind, uint16_t port, sd_bus_message *call,
                         uint32_t uid, bool waits) {
        bool acts = kind != REQUEST_PROBE;

        /* More users may look than act, and some look all the time. */
        if (pending->kind == REQUEST_PROBE ? acts || (uid == 0 && pending->uid != 0)
                                           : pending->kind != REQUEST_NONE && acts && waits)
                (void) pending_request_answer(pending, false, CAUSE_NONE,
                                              "another request has come meanwhile");
        if (pending->kind != REQUEST_NONE)
                return -EBUSY;

        *pending = (PendingRequest){ kind, port, sd_bus_message_ref(call), uid };
        return 0;
}
