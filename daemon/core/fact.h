/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

/* The facts about one port. */
typedef struct PortFact {
        uint16_t port;
        Holder holder;    /* found among the kernel's listeners or by a greeting, without a bind */
        BindAnswer bind;  /* the bind helper's answer since the facts were last forgotten */
        bool holder_left; /* its holder was seen to go away, without a bind */
        bool lacks_ipv4;  /* sshd should have all of IPv4 too, and has IPv6 only: then .bind is about IPv4 */
        bool greeted;    /* it was asked for its greeting since it was last bound; no part of the decision */
        Cause told;      /* why sshd can't have it, as it was told last; no part of the decision */
        char detail[80]; /* a name for people, printable: "nginx (pid 4711)", "OpenSSH_for_Windows_9.5" */
} PortFact;

/* The outcome of these facts for an sshd that wants to bind the port. */
typedef enum Availability {
        PORT_NOT_ASKED,
        PORT_FREE,
        PORT_TAKEN, /* by anybody, a running sshd included */
        PORT_NO_ANSWER,
        PORT_TRACKER_DEAD,
        PORT_UNDECIDED, /* the question itself failed */
} Availability;

/* NULL if no fact is about @port. */
const PortFact *port_facts_find(const PortFact facts[], size_t n, uint16_t port);

Availability port_fact_availability(const PortFact *fact);

/* Returns what keeps sshd from the port, or CAUSE_NONE where nothing is known to. */
Cause port_fact_cause(const PortFact *fact);

/* For people: "Windows (OpenSSH_for_Windows_9.5) holds 22". */
void port_fact_describe(const PortFact *fact, char *ret, size_t size);
