/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "core/decision.h"

/* What somebody asked for over D-Bus, and waits for: one at a time. */
typedef struct PendingRequest {
        Request kind; /* REQUEST_NONE: nobody waits */
        uint16_t port;
        sd_bus_message *call;
        uint32_t uid; /* of the caller */
} PendingRequest;

/* Drops the request without an answer. */
void pending_request_done(PendingRequest *pending);

/* Takes a request. Returns 0, and keeps a reference to @call until the request is answered; or -EBUSY if another
 * caller waits already. Any other request, and root's probe, takes the place of a user's probe; and any but a
 * probe that of one that only @waits for sshd's unit, as that may take for ever. Its caller is told so. */
int pending_request_take(PendingRequest *pending, Request kind, uint16_t port, sd_bus_message *call,
                         uint32_t uid, bool waits);

/* True if the caller has what he asked for when sshd is moved to @port (0: it isn't moved). A probe asks for no
 * port, so that any will do. */
bool pending_request_is_met(const PendingRequest *pending, uint16_t port);

/* Answers the caller: with an error of @cause's name that has @reason if the request is not @met. Nobody waits any
 * more. Returns 0, or a negative errno if the caller could not be told. */
int pending_request_answer(PendingRequest *pending, bool met, Cause cause, const char *reason);
