/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sshd/config-walk.h"

/* The ListenAddress lines of sshd's configuration files, to show a person the one that is in the way. */

typedef struct ListenAddressLine {
        ConfigPlace place;
        char text[81]; /* printable ASCII, cut to this size */
} ListenAddressLine;

/* Finds the first line whose address @matches: listen_address_sets_port() or listen_address_is_loopback().
 * @root and @options: as for config_walk_sshd(). Returns 1, or 0 if it finds none. */
int listen_address_find(const char *root, const char *options, bool (*matches)(const char *address),
                        ListenAddressLine *ret);

/* True if @address has a port. Nothing else in sshd's configuration or options can change that port. */
bool listen_address_sets_port(const char *address);

/* True if @address is of the loopback interface. */
bool listen_address_is_loopback(const char *address);
