/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/observe.h"

/* Tells systemd, the bus and the journal. */
typedef struct Publisher {
        Context *c;
        const Observer *observer;
        Status status; /* as it was told last */
        PortSet told;  /* the ports of sshd that a stranger listens on, which was told */
} Publisher;

/* Shows what was decided and observed, if that has changed. What was told last stands while the observer
 * can't see all. */
void publisher_publish(Publisher *p, const Decision *decision);

/* Says READY=1 at the first call, and connects to the bus. */
void publisher_say_ready(Publisher *p);

/* Tells that sshd can't have the port of @fact. */
void publisher_tell_refusal(Publisher *p, const PortFact *fact);

/* Tells what lets others in to @port only if its owner says so; and if sshd was @moved there, which rules of the
 * owner's are still about its home port. */
void publisher_tell_rules(Publisher *p, uint16_t port, bool moved);

/* Tells that @decision was carried out; @from is where sshd was. */
void publisher_tell_moved(Publisher *p, const Decision *decision, uint16_t from);
