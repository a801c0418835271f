/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* What may keep sshd off a port, or other machines away from it, and only a person should change. A hint
 * names the command that lets the port through; wslportd never runs it. */

typedef enum Hint {
        HINT_SELINUX,
        HINT_UFW,
        HINT_FIREWALLD,
        _HINT_MAX,
} Hint;

/* Whether it is on, and whether its own records let @port through. The files are root's. Returns 1, 0, or a
 * negative errno if they can't be read. @root is "" but in tests. */
int hints_is_on(const char *root, Hint hint);
int hints_allows(const char *root, Hint hint, uint16_t port);

/* Calls @on_hint with a line for people for each that is on and doesn't let @port through. Returns how many. */
unsigned hints_for_port(const char *root, uint16_t port, void (*on_hint)(const char *text, void *userdata),
                        void *userdata);
