/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/client-config.h"

#include <arpa/inet.h>

#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static bool is_made_of(const char *s, const char *characters) {
        return s[strspn(s, characters)] == '\0';
}

static bool is_ipv6(const char *address) {
        return strchr(address, ':');
}

static bool is_address(const char *address) {
        struct in6_addr binary;

        return inet_pton(is_ipv6(address) ? AF_INET6 : AF_INET, address, &binary) == 1;
}

/* True if the client comes by addresses of this kind. Those of other meshes are in no scope but any. */
static bool is_for_client(const ClientConfig *config, AddressKind kind) {
        if (config->windows)
                return kind == ADDRESS_LOOPBACK;
        if (kind == ADDRESS_LAN)
                return config->scope != FIREWALL_TAILSCALE && !mode_hides_lan(config->status->mode);
        return (kind == ADDRESS_TAILSCALE && config->scope != FIREWALL_LAN) ||
               (kind == ADDRESS_MESH && config->scope == FIREWALL_ANY);
}

size_t client_addresses(const ClientConfig *config, const char **ret, size_t size) {
        static const AddressKind kinds[] = { ADDRESS_TAILSCALE, ADDRESS_MESH, ADDRESS_LAN,
                                             ADDRESS_LOOPBACK };
        const Status *status = config->status;
        size_t used = 0;

        /* IPv6 comes after IPv4: privacy extensions change the LAN's every day. */
        for (size_t k = 0; k < 2 * ELEMENTSOF(kinds); k++)
                for (size_t i = 0; i < status->n_reachable && used < size; i++)
                        if (status->reachable[i].kind == kinds[k / 2] &&
                            is_for_client(config, kinds[k / 2]) &&
                            is_ipv6(status->reachable[i].address) == (k % 2 == 1))
                                ret[used++] = status->reachable[i].address;
        return used;
}

static void print_block(FILE *file, const ClientConfig *config, const char *const addresses[], size_t n) {
        uint16_t port = status_port_at(config->status, addresses[0]);

        fprintf(file, "# For %s:\nHost %s\n    HostName %s\n",
                config->windows ? "Windows on this machine, in %USERPROFILE%\\.ssh\\config"
                                : "other machines, in ~/.ssh/config",
                isempty(config->host) ? "wsl" : config->host, client_name(config, addresses[0]));
        for (size_t i = 1; i < n; i++)
                fprintf(file, "    # HostName %s%s\n", addresses[i],
                        status_port_at(config->status, addresses[i]) == port ? "" : ", on another port");
        fprintf(file, "    Port %u\n", port);
        if (!isempty(config->user))
                fprintf(file, "    User %s\n", config->user);
}

int client_config_render(const ClientConfig *config, char **ret) {
        const char *addresses[STATUS_REACHABLE_MAX];
        size_t n = client_addresses(config, addresses, ELEMENTSOF(addresses)), size;
        char *text = NULL;
        FILE *file;

        if (config->status->port == 0 || !is_made_of(strempty(config->host), LETTERS_AND_DIGITS ".-_") ||
            !is_made_of(strempty(config->user), LETTERS_AND_DIGITS ".-_+@"))
                return -EINVAL;
        for (size_t i = 0; i < config->status->n_reachable; i++)
                if (!is_address(config->status->reachable[i].address))
                        return -EINVAL;
        if (n == 0)
                return -EADDRNOTAVAIL;

        file = open_memstream(&text, &size);
        if (!file)
                return -errno;
        print_block(file, config, addresses, n);
        if (fclose(file) != 0) {
                free(text);
                return -ENOMEM;
        }
        *ret = text;
        return 0;
}
