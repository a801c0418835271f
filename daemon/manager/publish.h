/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/observe.h"

/* Tells systemd, the bus and the journal. */
typedef struct Publisher {
        Context *c;
        const Observer *observer;
        Status status; /* as it was told last */
        PortSet told;  /* the home ports whose holder here was told, for as long as he is in the way */
} Publisher;

/* Shows what was decided and what was seen, where that has changed. */
void publisher_publish(Publisher *publisher, const Decision *decision);

/* Says READY=1, once, and then lets the bus have us. */
void publisher_say_ready(Publisher *publisher);

/* Between "RELOADING=1" and "READY=1" the manager reads its configuration. */
void publisher_say_reloading(void);
void publisher_say_reloaded(Publisher *publisher);

/* sshd can't have the port of @fact. */
void publisher_tell_refusal(Publisher *publisher, const PortFact *fact);

/* A move by @decision has ended well; @from is where sshd was. */
void publisher_tell_moved(Publisher *publisher, const Decision *decision, uint16_t from);
