/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/client-config.h"

#include <arpa/inet.h>

#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define ADDRESSES_MAX 64

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

size_t client_addresses(const ClientConfig *config, const char **ret, size_t size) {
        static const struct {
                AddressKind kind;
                bool ipv6;
        } order[] = {
                { ADDRESS_TAILSCALE, false },
                { ADDRESS_TAILSCALE, true },
                { ADDRESS_LAN, false },
                { ADDRESS_LAN, true }, /* last: privacy extensions change it every day */
        };
        size_t used = 0;

        for (size_t k = 0; k < ELEMENTSOF(order); k++) {
                if (order[k].kind == ADDRESS_LAN && mode_hides_lan(config->mode))
                        continue;
                for (size_t i = 0; i < config->n_addresses && used < size; i++)
                        if (config->addresses[i].kind == order[k].kind &&
                            is_ipv6(config->addresses[i].address) == order[k].ipv6)
                                ret[used++] = config->addresses[i].address;
        }
        return used;
}

static void print_login(FILE *file, const ClientConfig *config) {
        fprintf(file, "    Port %u\n", config->port);
        if (!isempty(config->user))
                fprintf(file, "    User %s\n", config->user);
}

static void print_blocks(FILE *file, const ClientConfig *config) {
        const char *host = isempty(config->host) ? "wsl" : config->host;
        const char *addresses[ADDRESSES_MAX];
        size_t n = client_addresses(config, addresses, ELEMENTSOF(addresses));

        fprintf(file, "# For other machines, in ~/.ssh/config:\n");
        if (n > 0) {
                fprintf(file, "Host %s\n    HostName %s\n", host, addresses[0]);
                for (size_t i = 1; i < n; i++)
                        fprintf(file, "    # HostName %s\n", addresses[i]);
                print_login(file, config);
        } else
                fprintf(file, "# none: this machine has no address that they could use\n");

        fprintf(file,
                "\n# For Windows on this machine, in %%USERPROFILE%%\\.ssh\\config:\n"
                "Host %s\n    HostName localhost\n",
                host);
        print_login(file, config);
}

int client_config_render(const ClientConfig *config, char **ret) {
        char *text = NULL;
        size_t size;
        FILE *file;

        if (config->port == 0 || !is_made_of(strempty(config->host), LETTERS_AND_DIGITS ".-_") ||
            !is_made_of(strempty(config->user), LETTERS_AND_DIGITS ".-_+@"))
                return -EINVAL;
        for (size_t i = 0; i < config->n_addresses; i++)
                if (!is_address(config->addresses[i].address))
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
