/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/status.h"
#include "diagnose/checks.h"
#include "kernel/sockets.h"

/* Fills in @f->port: which port sshd has, whether it listens there, and who else does, by the kernel's
 * listeners. Reads .machine.root and .sshd of @f, and .port.home, 0 where sshd's configuration tells none.
 * @sockets and @status may be NULL; @moved_to is the port of wslportd's own files, 0 for none. */
void gather_port(Sockets *sockets, const Status *status, uint16_t moved_to, CheckFacts *f);
