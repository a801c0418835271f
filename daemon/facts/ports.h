/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "facts/holders.h"

/* The facts of each port that was ever of interest: the kernel's listeners, bind()'s answers, and greetings. */

typedef struct Ports {
        PortFact *facts;
        size_t n;             /* at most as many as the policy ever asks about */
        BindAnswer last_bind; /* the newest answer, on whatever port */
} Ports;

void ports_done(Ports *ports);

/* Returns the fact of @port, a new one if there is none yet, or NULL without memory. It is valid until the
 * next call. */
PortFact *ports_get(Ports *ports, uint16_t port);

/* The same; NULL if there is no fact of @port. */
const PortFact *ports_find(const Ports *ports, uint16_t port);

/* Brings @port's fact up to date with what the kernel lists now; @expected is as in holders_look(). In a @mode
 * that shares ports, a port without a listener here may be Windows'. Returns 0 or -ENOMEM. */
int ports_see(Ports *ports, uint16_t port, const PortView *view, const Endpoints *expected,
              NetworkingMode mode);

/* bind() on @port had this answer. @detail: as PortFact's. Returns 0 or -ENOMEM. */
int ports_answer(Ports *ports, uint16_t port, BindAnswer answer, const char *detail);

/* Everything may have changed. */
void ports_forget_all(Ports *ports);

/* sshd could not bind: only refusals are still true. */
void ports_forget_grants(Ports *ports);

/* Other programs may have the ports now: each may be asked for its greeting once more. */
void ports_forget_greetings(Ports *ports);
