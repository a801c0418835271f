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

size_t client_addresses(const Status *status, const char **ret, size_t size) {
        static const AddressKind kinds[] = { ADDRESS_TAILSCALE, ADDRESS_MESH, ADDRESS_LAN };
        size_t used = 0;

        /* IPv6 comes after IPv4: privacy extensions change the LAN's every day. */
        for (size_t k = 0; k < 2 * ELEMENTSOF(kinds); k++) {
                if (kinds[k / 2] == ADDRESS_LAN && mode_hides_lan(status->mode))
                        continue;
                for (size_t i = 0; i < status->n_reachable && used < size; i++)
                        if (status->reachable[i].kind == kinds[k / 2] &&
                            is_ipv6(status->reachable[i].address) == (k % 2 == 1))
                                ret[used++] = status->reachable[i].address;
        }
        return used;
}

bool client_has_localhost(const Status *status) {
        for (size_t i = 0; i < status->n_reachable; i++)
                if (status->reachable[i].kind == ADDRESS_LOOPBACK)
                        return true;
        return false;
}

static void print_block(FILE *file, const ClientConfig *config, const char *const addresses[], size_t n,
                        uint16_t port) {
        fprintf(file, "Host %s\n    HostName %s\n", isempty(config->host) ? "wsl" : config->host,
                addresses[0]);
        for (size_t i = 1; i < n; i++)
                fprintf(file, "    # HostName %s%s\n", addresses[i],
                        status_port_at(config->status, addresses[i]) == port ? "" : ", on another port");
        fprintf(file, "    Port %u\n", port);
        if (!isempty(config->user))
                fprintf(file, "    User %s\n", config->user);
}

static void print_blocks(FILE *file, const ClientConfig *config) {
        static const char *const localhost[] = { "localhost" };
        const char *addresses[STATUS_REACHABLE_MAX];
        size_t n = client_addresses(config->status, addresses, ELEMENTSOF(addresses));

        fprintf(file, "# For other machines, in ~/.ssh/config:\n");
        if (n > 0)
                print_block(file, config, addresses, n, status_port_at(config->status, addresses[0]));
        else
                fprintf(file, "# none: sshd listens on no address that they could use\n");

        fprintf(file, "\n# For Windows on this machine, in %%USERPROFILE%%\\.ssh\\config:\n");
        if (client_has_localhost(config->status))
                print_block(file, config, localhost, 1, status_port_at(config->status, "127.0.0.1"));
        else
                fprintf(file, "# none: sshd does not listen on 127.0.0.1\n");
}

int client_config_render(const ClientConfig *config, char **ret) {
        char *text = NULL;
        size_t size;
        FILE *file;

        if (config->status->port == 0 || !is_made_of(strempty(config->host), LETTERS_AND_DIGITS ".-_") ||
            !is_made_of(strempty(config->user), LETTERS_AND_DIGITS ".-_+@"))
                return -EINVAL;
        for (size_t i = 0; i < config->status->n_reachable; i++)
                if (!is_address(config->status->reachable[i].address))
                        return -EINVAL;

        file = open_memstream(&text, &size);
        if (!file)
                return -errno;
        print_blocks(file, config);
        if (fclose(file) != 0) {
                free(text);
                return -ENOMEM;
        }
        *ret = text;
        return 0;
}
