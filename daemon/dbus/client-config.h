/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/status.h"

/* What a client's ~/.ssh/config needs to reach WSL's sshd, see ssh_config(5). */

typedef struct ClientConfig {
        const char *host; /* the client's name for this machine; NULL or "": wsl */
        const char *user; /* NULL or "": the block names no user */
        const Status *status;
} ClientConfig;

/* Makes Host blocks for other machines, Tailscale's addresses before those of the LAN, and one for Windows
 * itself. Leaves out addresses that other machines can't reach. Returns 0 and the text, to be freed; -EINVAL
 * if the port is 0, an address isn't one, the host has anything but letters, digits, ".", "-" and "_", or the
 * user anything that would need quotes; or another negative errno. */
int client_config_render(const ClientConfig *config, char **ret);

/* Writes the addresses of @status that other machines can use to @ret, best first, at most @size of them.
 * Returns how many. */
size_t client_addresses(const Status *status, const char **ret, size_t size);

/* True if Windows on this machine reaches sshd by the name localhost. */
bool client_has_localhost(const Status *status);
