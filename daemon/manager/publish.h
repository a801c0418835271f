/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/observe.h"

/* Tells systemd, the bus and the journal. */
typedef struct Publisher {
        Context *c;
        Observer *observer;
        Status status;               /* as it was told last */
        char line[STATUS_LINE_SIZE]; /* of it, as the journal has it last */
        Decision moved;              /* .action was carried out, which is still to be told */
        uint16_t moved_from;         /* where sshd was before */
} Publisher;

/* Shows what was decided and observed, if that has changed. What was told last stands while the observer can't see
 * all, and what only @decision's action, @request or a greeting will decide stands until then. */
void publisher_publish(Publisher *p, const Decision *decision, Request request);

/* Says READY=1 at the first call, and connects to the bus. */
void publisher_say_ready(Publisher *p);

/* Tells that sshd can't have the port of @fact, unless that was told before, and has not changed since. */
void publisher_tell_refusal(Publisher *p, const PortFact *fact);

/* Tells what lets others in to @port only if its owner says so; and if sshd was @moved there, which rules of the
 * owner's are still about its home port. */
void publisher_tell_rules(Publisher *p, uint16_t port, bool moved);

/* Notes that @decision was carried out; @from is where sshd was. It is told once sshd listens, behind the properties
 * that have changed. */
void publisher_note_moved(Publisher *p, const Decision *decision, uint16_t from);
