/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>

#include "dbus/client-config.h"
#include "windows/firewall.h"
#include "fuzz/fuzz.h"

/* The texts for clients and for PowerShell, with any host, user and addresses. Each line has one of the
 * intended forms, and only names and addresses come from the input.
 *
 * The input: the port, how many addresses are wanted, the form and the scope of a rule; then the host, the
 * user, and the word of a scope, a line each; and the addresses, each a kind and a line. */

#define WORD_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_+@:"

/* Whether the line is @keyword and one word that needs no quotes. */
static bool is_line(const char *line, const char *keyword) {
        const char *value = startswith(line, keyword);

        return value && *value && value[strspn(value, WORD_CHARACTERS)] == '\0';
}

static void require_client_config(char *text, const ClientConfig *config) {
        static const char *const comments[] = { "# For other machines, in ~/.ssh/config:",
                                                "# For Windows on this machine, in %USERPROFILE%\\.ssh\\config:" };
        unsigned n_hosts = 0, n_ports = 0;

        for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
                bool good = *line == '\0' || is_line(line, "    HostName ");

                if (startswith(line, "    # HostName ")) {
                        char *other = strstr(line, ", on another port");

                        if (other)
                                *other = '\0';
                        good = is_line(line, "    # HostName ");
                }

                for (size_t i = 0; i < ELEMENTSOF(comments); i++)
                        good = good || streq(line, comments[i]);
                if (is_line(line, "Host ")) {
                        require(streq(line + 5, isempty(config->host) ? "wsl" : config->host));
                        n_hosts++;
                        good = true;
                } else if (is_line(line, "    Port ")) {
                        require(atoi(line + 9) == config->status->port);
                        n_ports++;
                        good = true;
                } else if (is_line(line, "    User ")) {
                        require(streq(line + 9, config->user));
                        good = true;
                }
                require(good);
        }
        require(n_hosts == 1 && n_ports == 1);
}

static void try_client_config(const ClientConfig *config) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = client_config_render(config, &text);
        require(r == 0 || r == -EINVAL || r == -EADDRNOTAVAIL);
        require((r == 0) == (text != NULL));
        if (text)
                require_client_config(text, config);
}

/* Whether the firewall's rule lets clients of that address in. */
static bool is_let_in(const ClientConfig *config, AddressKind kind) {
        static const AddressKind kinds[] = { [FIREWALL_LAN] = ADDRESS_LAN, [FIREWALL_TAILSCALE] = ADDRESS_TAILSCALE };

        if (config->windows)
                return kind == ADDRESS_LOOPBACK;
        if (kind == ADDRESS_LAN && mode_hides_lan(config->status->mode))
                return false;
        return config->scope == FIREWALL_ANY ? kind != ADDRESS_LOOPBACK && kind != ADDRESS_LINK_LOCAL
                                             : kind == kinds[config->scope];
}

static void try_addresses(const ClientConfig *config, size_t size) {
        const Status *status = config->status;
        const StatusAddress *addresses = status->reachable;
        const char *chosen[64];
        size_t n_chosen;

        size = size < ELEMENTSOF(chosen) ? size : ELEMENTSOF(chosen);
        fuzz_untouched(chosen);
        n_chosen = client_addresses(config, chosen, size);
        require(n_chosen <= size && n_chosen <= status->n_reachable);
        for (size_t i = 0; i < n_chosen; i++) {
                bool is_one = false;

                for (size_t k = 0; k < status->n_reachable; k++)
                        is_one = is_one || (addresses[k].address == chosen[i] && is_let_in(config, addresses[k].kind));
                require(is_one);
        }
        require(fuzz_is_untouched(chosen + n_chosen, sizeof(chosen) - n_chosen * sizeof(chosen[0])));
}

static void require_one_line(const char *line, uint16_t port) {
        char name[32];

        require(fuzz_is_printable(line, FIREWALL_LINE_SIZE));
        snprintf(name, sizeof(name), " -Name WSL-SSH-%u-", port);
        if (port == FIREWALL_MOSH)
                strcpy(name, " -Name WSL-mosh-60000-61000-");
        require(strstr(line, name) && !strpbrk(line, ";|&`$<>"));
}

static void try_firewall(FirewallForm form, FirewallScope scope, uint16_t port, const char *word) {
        char line[FIREWALL_LINE_SIZE], text[FIREWALL_TEXT_SIZE];
        FirewallScope parsed;

        firewall_rule(form, scope, port, line);
        require_one_line(line, port);
        firewall_removal(form, scope, port, line);
        require_one_line(line, port);
        firewall_render(scope, port, text);
        require(memchr(text, '\0', sizeof(text)) && text[strlen(text) - 1] == '\n');
        require(!isempty(firewall_scope_to_string(scope)));

        fuzz_untouched(parsed);
        if (firewall_scope_from_string(word, &parsed) == 0)
                require(streq(firewall_scope_to_string(parsed), word));
        else
                require_untouched(parsed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        uint16_t port = fuzz_u16(&input);
        size_t n_wanted = fuzz_u16(&input);
        uint8_t bits = fuzz_byte(&input);
        FirewallForm form = bits & 1 ? FIREWALL_HYPERV : FIREWALL_WINDOWS;
        FirewallScope scope = fuzz_byte(&input) % _FIREWALL_SCOPE_MAX;
        _cleanup_free_ char *host = fuzz_text(&input, '\n'), *user = fuzz_text(&input, '\n');
        _cleanup_free_ char *word = fuzz_text(&input, '\n');
        Status status = { .port = port, .mode = (bits >> 1) % _MODE_MAX,
                          .listeners = { { "::", port, HOLDER_SSHD, "" } }, .n_listeners = 1 };
        const ClientConfig config = { .host = host, .user = user, .scope = scope, .windows = bits & 64, .status = &status };

        for (; status.n_reachable < STATUS_REACHABLE_MAX && input.size > 0; status.n_reachable++) {
                StatusAddress *to = &status.reachable[status.n_reachable];
                _cleanup_free_ char *text = NULL;

                to->kind = fuzz_byte(&input) % _ADDRESS_KIND_MAX;
                text = fuzz_text(&input, '\n');
                snprintf(to->address, sizeof(to->address), "%s", text);
        }

        try_client_config(&config);
        try_addresses(&config, n_wanted);
        try_firewall(form, scope, port, word);
        return 0;
}
