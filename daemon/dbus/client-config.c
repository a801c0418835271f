/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/client-config.h"

#include <arpa/inet.h>
#include <stdarg.h>

#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define ADDRESSES_MAX 64

typedef struct Text {
        char text[CLIENT_CONFIG_SIZE];
        size_t length; /* of the whole text, also where the buffer is too small for it */
} Text;

static void _printf_(2, 3) append(Text *t, const char *format, ...) {
        size_t used = t->length < sizeof(t->text) ? t->length : sizeof(t->text);
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vsnprintf(t->text + used, sizeof(t->text) - used, format, arguments);
        va_end(arguments);
        t->length += n < 0 ? sizeof(t->text) : (size_t) n;
}

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

static void append_login(Text *t, const ClientConfig *config) {
        append(t, "    Port %u\n", config->port);
        if (!isempty(config->user))
                append(t, "    User %s\n", config->user);
}

int client_config_render(const ClientConfig *config, char *ret, size_t size) {
        const char *host = isempty(config->host) ? "wsl" : config->host;
        const char *addresses[ADDRESSES_MAX];
        Text t = { .length = 0 };
        size_t n;

        if (config->port == 0 || !is_made_of(host, LETTERS_AND_DIGITS ".-_") ||
            !is_made_of(strempty(config->user), LETTERS_AND_DIGITS ".-_+@"))
                return -EINVAL;
        for (size_t i = 0; i < config->n_addresses; i++)
                if (!is_address(config->addresses[i].address))
                        return -EINVAL;

        n = client_addresses(config, addresses, ELEMENTSOF(addresses));

        append(&t, "# For other machines, in ~/.ssh/config:\n");
        if (n > 0) {
                append(&t, "Host %s\n    HostName %s\n", host, addresses[0]);
                for (size_t i = 1; i < n; i++)
                        append(&t, "    # HostName %s\n", addresses[i]);
                append_login(&t, config);
        } else
                append(&t, "# none: this machine has no address that they could use\n");

        append(&t,
               "\n# For Windows on this machine, in %%USERPROFILE%%\\.ssh\\config:\n"
               "Host %s\n    HostName localhost\n",
               host);
        append_login(&t, config);

        if (t.length >= sizeof(t.text) || t.length >= size)
                return -E2BIG;
        memcpy(ret, t.text, t.length + 1);
        return 0;
}
