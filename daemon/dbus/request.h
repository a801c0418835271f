/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "core/policy.h"
#include "base/util.h"

/* What somebody asked for over D-Bus, and waits for: one at a time. */
typedef struct PendingRequest {
        Request kind; /* REQUEST_NONE: nobody waits */
        uint16_t port;
        sd_bus_message *call;
} PendingRequest;

/* Gives up what is pending, unanswered. */
void pending_request_done(PendingRequest *pending);

/* Returns 0, and keeps a reference to @call until it is answered; or -EBUSY where somebody waits already. A probe gives way
 * to what isn't one, and is answered so. */
int pending_request_take(PendingRequest *pending, Request kind, uint16_t port, sd_bus_message *call);

/* Whether an sshd that is displaced to @port (0: it isn't) is what was asked for; a probe asks for nothing of it. */
bool pending_request_is_met(const PendingRequest *pending, uint16_t port);

/* Answers, with an error and @reason where it is not @met; then nobody waits. Returns 0, or a negative errno where the
 * caller could not be told. */
int pending_request_answer(PendingRequest *pending, bool met, const char *reason);
