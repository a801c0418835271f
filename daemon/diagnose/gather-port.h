/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "diagnose/finding.h"
#include "facts/holders.h"
#include "kernel/routes.h"

/* What gather_port() works on. */
typedef struct PortSources {
        Sockets *sockets;     /* NULL: the kernel could not be asked */
        Routes *routes;       /* the same */
        ManagedUnits managed; /* empty: systemd could not be asked */
        Home home;            /* without ports: sshd's configuration tells none */
        const Status *status; /* NULL: no daemon answers */
        uint16_t moved_to;    /* the port in wslportd's own files; 0: none */
} PortSources;

/* Fills in @facts->port: which port sshd has, whether it listens there, and who else does, by the kernel's
 * listeners; and which rules of the owner's are for a port that sshd has left. Where .number is set already, only
 * who listens there. Reads .machine.root and .sshd.options of @facts. */
void gather_port(const PortSources *from, CheckFacts *facts);
