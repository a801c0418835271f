/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/status.h"
#include "windows/firewall.h"

/* What a client's ~/.ssh/config needs to reach WSL's sshd, see ssh_config(5). The client is another machine that
 * Windows' firewall lets in by the rule of a scope, or Windows on this machine. */

typedef struct ClientConfig {
        const char *host; /* the client's name for this machine; NULL or "": wsl */
        const char *user; /* NULL or "": the block names no user */
        FirewallScope scope;
        bool windows; /* the client is Windows itself, whatever the scope */
        const Status *status;
} ClientConfig;

/* Makes the client's Host block. Returns 0 and the text, to be freed; -EADDRNOTAVAIL if sshd has no address for
 * the client; -EINVAL if the port is 0, an address isn't one, the host has anything but letters, digits, ".", "-"
 * and "_", or the user anything that would need quotes; or another negative errno. */
int client_config_render(const ClientConfig *config, char **ret);

/* Writes the addresses at which the client reaches sshd to @ret, best first, at most @size of them. Returns how
 * many. */
size_t client_addresses(const ClientConfig *config, const char **ret, size_t size);

/* What the client calls one of these addresses. For an IPv6 socket that takes IPv4 too, WSL's relay in NAT listens
 * on Windows' ::1 only. (microsoft/WSL, wslrelay/localhost.cpp) */
static inline const char *client_name(const ClientConfig *config, const char *address) {
        return config->windows ? "localhost" : address;
}
