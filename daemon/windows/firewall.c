/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/firewall.h"

#define WSL_VM_CREATOR_ID "{40E0AC32-46A5-438A-A0B2-2B479E8F2E90}"

static const char *const firewall_scope_words[_FIREWALL_SCOPE_MAX] = {
        [FIREWALL_LAN] = "lan",
        [FIREWALL_TAILSCALE] = "tailscale",
        [FIREWALL_ANY] = "any",
};
DEFINE_WORDS(firewall_scope, FirewallScope);

/* What a rule lets in. */
typedef struct Service {
        const char *name, *protocol;
        char ports[sizeof("60000-61000")];
} Service;

static Service find_service(uint16_t port) {
        Service service = { "SSH", "TCP", "" };

        if (port == FIREWALL_MOSH)
                return (Service){ "mosh", "UDP", "60000-61000" };
        snprintf(service.ports, sizeof(service.ports), "%u", port);
        return service;
}

void firewall_rule(FirewallForm form, FirewallScope scope, uint16_t port,
                   char ret[static FIREWALL_LINE_SIZE]) {
        static const char *const remotes[_FIREWALL_SCOPE_MAX] = {
                [FIREWALL_LAN] = "LocalSubnet", [FIREWALL_TAILSCALE] = "100.64.0.0/10,fd7a:115c:a1e0::/48"
        };
        const char *word = firewall_scope_to_string(scope), *remote = remotes[scope];
        Service service = find_service(port);
        bool hyperv = form == FIREWALL_HYPERV;

        /* A rule that names no remote addresses lets in all of them. */
        snprintf(ret, FIREWALL_LINE_SIZE,
                 "New-NetFirewall%sRule -Name WSL-%s-%s-%s -DisplayName \"WSL %s (%s, %s)\" -Direction "
                 "Inbound%s -Protocol %s -LocalPort%s %s%s%s -Action Allow",
                 hyperv ? "HyperV" : "", service.name, service.ports, word, service.name, service.ports,
                 word, hyperv ? " -VMCreatorId '" WSL_VM_CREATOR_ID "'" : "", service.protocol,
                 hyperv ? "s" : "", service.ports,
                 !remote  ? ""
                 : hyperv ? " -RemoteAddresses "
                          : " -RemoteAddress ",
                 strempty(remote));
}

void firewall_removal(FirewallForm form, FirewallScope scope, uint16_t port,
                      char ret[static FIREWALL_LINE_SIZE]) {
        Service service = find_service(port);

        snprintf(ret, FIREWALL_LINE_SIZE, "Remove-NetFirewall%sRule -Name WSL-%s-%s-%s",
                 form == FIREWALL_HYPERV ? "HyperV" : "", service.name, service.ports,
                 firewall_scope_to_string(scope));
}

void firewall_render(FirewallScope scope, uint16_t port, char ret[static FIREWALL_TEXT_SIZE]) {
        static const char *const whom[_FIREWALL_SCOPE_MAX] = { [FIREWALL_LAN] = "the local network",
                                                               [FIREWALL_TAILSCALE] = "a Tailscale mesh",
                                                               [FIREWALL_ANY] = "anywhere" };
        char rules[2][FIREWALL_LINE_SIZE], removals[2][FIREWALL_LINE_SIZE];

        for (FirewallForm form = FIREWALL_WINDOWS; form <= FIREWALL_HYPERV; form++) {
                firewall_rule(form, scope, port, rules[form]);
                firewall_removal(form, scope, port, removals[form]);
        }
        /* No line is longer than 400 characters, which the compiler can't know. */
        snprintf(ret, FIREWALL_TEXT_SIZE,
                 "# In an elevated PowerShell: lets machines from %s reach port %u.\n"
                 "%.400s\n"
                 "# Removes that rule:\n"
                 "# %.400s\n"
                 "# Instead of it, a rule of the Hyper-V firewall, for WSL alone, and its removal:\n"
                 "# %.400s\n"
                 "# %.400s\n",
                 whom[scope], port, rules[FIREWALL_WINDOWS], removals[FIREWALL_WINDOWS],
                 rules[FIREWALL_HYPERV], removals[FIREWALL_HYPERV]);
}
