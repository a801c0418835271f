/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

/* What a client's ~/.ssh/config needs to reach WSL's sshd, see ssh_config(5). */

typedef struct ClientAddress {
        const char *address; /* "192.0.2.1", "2001:db8::1" */
        AddressKind kind;
} ClientAddress;

typedef struct ClientConfig {
        const char *host; /* what the client calls this machine; NULL or "": wsl */
        const char *user; /* NULL or "": none is named */
        uint16_t port;
        NetworkingMode mode;
        const ClientAddress *addresses;
        size_t n_addresses;
} ClientConfig;

#define CLIENT_CONFIG_SIZE 8192

/* Host blocks for other machines, the Tailscale address before that of the LAN, and for Windows itself.
 * Loopback and link-local addresses are no use to others and left out, and so are those that the mode hides.
 *
 * Returns 0; -EINVAL where the host has anything but letters, digits, ".", "-" and "_", the user anything
 * that would need quotes, an address isn't one, or the port is 0; -E2BIG where it is longer than @size or
 * CLIENT_CONFIG_SIZE. */
int client_config_render(const ClientConfig *config, char *ret, size_t size);

/* The addresses of @config that others can use, best first, at most @size of them. Returns how many were written. */
size_t client_addresses(const ClientConfig *config, const char **ret, size_t size);
