/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* What else may keep sshd off a port, or others away from it, and only a person should change: said with the command
 * that does it, and never run. */

/* As lines for people, one after the other by on_hint(): ufw and firewalld where they are on and SELinux where it is
 * enforcing, unless somebody has let @port through already. @root is "" but in tests. Returns how many there were. */
unsigned hints_for_port(const char *root, uint16_t port, void (*on_hint)(const char *text, void *userdata),
                        void *userdata);

typedef enum Hint {
        HINT_SELINUX,
        HINT_UFW,
        HINT_FIREWALLD,
        _HINT_MAX,
} Hint;

/* Whether it is on, and whether its own records let @port pass. Returns 1, 0, or a negative errno where that can't be
 * read, as all of them are root's. */
int hints_is_on(const char *root, Hint hint);
int hints_allows(const char *root, Hint hint, uint16_t port);
