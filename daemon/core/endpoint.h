/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* An address and a port that sshd, or a socket unit, listens on. */

typedef struct Endpoint {
        bool ipv6;
        char address[64]; /* numeric, a scope may follow behind % */
        uint16_t port;
        char scope[32]; /* as systemd writes it, behind the port; "" where there is none */
} Endpoint;

/* "0.0.0.0:22", "[::]:22", "[fe80::1%eth0]:22", or as systemd has it "[fe80::1]:22%eth0"; a blank ends it,
 * "rdomain …" may follow. -EBADMSG for anything else, as a path or "vsock:2:22". */
int endpoint_parse(const char *s, Endpoint *ret);

#define ENDPOINT_SIZE (sizeof(Endpoint) + sizeof("[]:65535%"))

/* Writes what it was read from, without what followed. Returns @ret. */
const char *endpoint_print(const Endpoint *endpoint, char ret[static ENDPOINT_SIZE]);

/* True if one of @streams is an address with this @port. @streams are words; other words are ignored. */
bool endpoints_have_port(const char *streams, uint16_t port);
