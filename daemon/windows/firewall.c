/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "windows/firewall.h"

#define WSL_VM_CREATOR_ID "{40E0AC32-46A5-438A-A0B2-2B479E8F2E90}"

static const struct {
        const char *word;
        const char *remote; /* NULL: from anywhere, which is what a rule says that names none */
        const char *whom;
} scopes[_FIREWALL_SCOPE_MAX] = {
        [FIREWALL_LAN] = { "lan", "LocalSubnet", "the local network" },
        [FIREWALL_TAILSCALE] = { "tailscale", "100.64.0.0/10", "a Tailscale mesh" },
        [FIREWALL_ANY] = { "any", NULL, "anywhere" },
};

const char *firewall_scope_to_string(FirewallScope scope) {
        return scopes[(size_t) scope < ELEMENTSOF(scopes) ? scope : FIREWALL_LAN].word;
}

int firewall_scope_from_string(const char *s, FirewallScope *ret) {
        for (size_t i = 0; i < ELEMENTSOF(scopes); i++)
                if (streq(s, scopes[i].word)) {
                        *ret = (FirewallScope) i;
                        return 0;
                }
        return -EINVAL;
}

void firewall_rule(FirewallForm form, FirewallScope scope, uint16_t port,
                   char ret[static FIREWALL_LINE_SIZE]) {
        const char *word = firewall_scope_to_string(scope);
        const char *remote = (size_t) scope < ELEMENTSOF(scopes) ? scopes[scope].remote
                                                                 : scopes[FIREWALL_LAN].remote;

        if (form == FIREWALL_HYPERV)
                snprintf(ret, FIREWALL_LINE_SIZE,
                         "New-NetFirewallHyperVRule -Name WSL-SSH-%u-%s -DisplayName \"WSL SSH (%u, %s)\" "
                         "-Direction Inbound -VMCreatorId '" WSL_VM_CREATOR_ID
                         "' -Protocol TCP -LocalPorts %u%s%s "
                         "-Action Allow",
                         port, word, port, word, port, remote ? " -RemoteAddresses " : "", strempty(remote));
        else
                snprintf(ret, FIREWALL_LINE_SIZE,
                         "New-NetFirewallRule -Name WSL-SSH-%u-%s -DisplayName \"WSL SSH (%u, %s)\" "
                         "-Direction Inbound -Protocol TCP -LocalPort %u%s%s -Action Allow",
                         port, word, port, word, port, remote ? " -RemoteAddress " : "", strempty(remote));
}

void firewall_removal(FirewallForm form, FirewallScope scope, uint16_t port,
                      char ret[static FIREWALL_LINE_SIZE]) {
        snprintf(ret, FIREWALL_LINE_SIZE, "%s -Name WSL-SSH-%u-%s",
                 form == FIREWALL_HYPERV ? "Remove-NetFirewallHyperVRule" : "Remove-NetFirewallRule", port,
                 firewall_scope_to_string(scope));
}

void firewall_render(FirewallScope scope, uint16_t port, char ret[static FIREWALL_TEXT_SIZE]) {
        const char *whom = scopes[(size_t) scope < ELEMENTSOF(scopes) ? scope : FIREWALL_LAN].whom;
        char rules[2][FIREWALL_LINE_SIZE], removals[2][FIREWALL_LINE_SIZE];

        for (FirewallForm form = FIREWALL_WINDOWS; form <= FIREWALL_HYPERV; form++) {
                firewall_rule(form, scope, port, rules[form]);
                firewall_removal(form, scope, port, removals[form]);
        }
        /* No line is that long; the compiler wants to know. */
        snprintf(ret, FIREWALL_TEXT_SIZE,
                 "# In an elevated PowerShell: lets machines from %s reach port %u.\n"
                 "%.400s\n"
                 "# Takes it away again:\n"
                 "# %.400s\n"
                 "# Or in its place, for WSL alone, in the Hyper-V firewall, and away again:\n"
                 "# %.400s\n"
                 "# %.400s\n",
                 whom, port, rules[FIREWALL_WINDOWS], removals[FIREWALL_WINDOWS], rules[FIREWALL_HYPERV],
                 removals[FIREWALL_HYPERV]);
}
