/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "facts/holders.h"

/* What is known of each port that was ever of interest: the kernel's listeners, answers to bind(),
 * greetings. */

typedef struct Ports {
        PortFact *facts;
        size_t n;
} Ports;

/* Some of sshd's own ports. */
typedef struct PortSet {
        uint16_t ports[SSHD_PORTS_MAX];
        size_t n;
} PortSet;

bool port_set_has(const PortSet *set, uint16_t port);

/* Adds @port, which is not in it. Where it is full, the one that was added first goes: it is sshd's no more. */
void port_set_add(PortSet *set, uint16_t port);
void port_set_remove(PortSet *set, uint16_t port);

void ports_done(Ports *ports);

/* The fact of @port, made where there is none yet; NULL without memory. Valid until the next call of this.
 * How many there are is bounded by how many ports the policy ever asks about. */
PortFact *ports_get(Ports *ports, uint16_t port);

/* The same, NULL where there is none. */
const PortFact *ports_find(const Ports *ports, uint16_t port);

/* Brings @port's fact up to date with @view, what the kernel lists now, over what was known of it; in a @mode that
 * shares ports that no one listens here says nothing of Windows. @lacks_ipv4: as PortFact's. Returns 0 or -ENOMEM. */
int ports_see(Ports *ports, uint16_t port, const PortView *view, bool lacks_ipv4, NetworkingMode mode);

/* bind() said @answer of @port. Returns 0 or -ENOMEM. */
int ports_answer(Ports *ports, uint16_t port, BindAnswer answer, const char *detail);

/* What was answered is out of date: all of it, or all but refusals (where sshd itself could not bind, what
 * said that it could is no longer true). */
void ports_forget_all(Ports *ports);
void ports_forget_grants(Ports *ports);
