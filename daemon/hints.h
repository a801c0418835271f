/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util.h"

/* What else may keep sshd off a port, or others away from it, and only a person should change: said with the command
 * that does it, and never run. */

/* As lines for people, one after the other by on_hint(): ufw and firewalld where they are on, SELinux where it is
 * enforcing and nobody has given sshd the port yet. @root is "" but in tests. Returns how many there were. */
unsigned hints_for_port(const char *root, uint16_t port, void (*on_hint)(const char *text, void *userdata),
                        void *userdata);
