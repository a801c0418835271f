/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* The ListenAddress lines of sshd's configuration files, to show a person the one that is in the way. */

typedef struct ListenAddressLine {
        char file[256];
        unsigned number; /* of the line in its file */
        char text[81];   /* cut to this size */
} ListenAddressLine;

/* Finds the first line that @matches: listen_address_sets_port() or listen_address_is_loopback(). It follows
 * no Include lines but the usual one, of sshd_config.d. Returns 1, or 0 if it finds none. */
int listen_address_find(bool (*matches)(const char *line), ListenAddressLine *ret);

/* Whether @line is a ListenAddress with a port. Nothing else in sshd's configuration or options can change
 * that port. */
bool listen_address_sets_port(const char *line);

/* Whether @line is a ListenAddress of the loopback interface. */
bool listen_address_is_loopback(const char *line);
