/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/observe.h"

/* The request that a decision makes of a move. */

/* An address, as home_probe_addresses() writes it, and a port: bind() has to be granted there. */
typedef struct MoveProbe {
        char address[INET6_ADDRSTRLEN];
        uint16_t port;
        bool listens; /* sshd has the port, so that the kernel refuses the bind once Windows has answered */
} MoveProbe;

typedef struct MoveRequest {
        Placement from, to; /* as Trial's */
        MoveProbe probes[SSHD_PORTS_MAX + 2];
        size_t n_probes;
        uint16_t expected; /* where sshd is to listen in the end, for the last check; 0: that isn't checked */
        ServicePhase phase; /* as for plan_apply(): SERVICE_INACTIVE where sshd isn't to be touched */
        ManagedUnits managed;
        const HomeFacts *sshd;
} MoveRequest;

/* Makes the request for @d from what @o has seen. It points into @o, and is valid until the next observation. */
MoveRequest move_request_make(const Observer *o, const Decision *d);
