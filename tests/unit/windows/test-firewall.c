/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"
#include "windows/firewall.h"

#define CREATOR "'{40E0AC32-46A5-438A-A0B2-2B479E8F2E90}'"

static const struct {
        const char *name;
        FirewallForm form;
        FirewallScope scope;
        uint16_t port;
        const char *rule, *removal;
} rules[] = {
        { "lan", FIREWALL_WINDOWS, FIREWALL_LAN, 2222,
          "New-NetFirewallRule -Name WSL-SSH-2222-lan -DisplayName \"WSL SSH (2222, lan)\" -Direction "
          "Inbound "
          "-Protocol TCP -LocalPort 2222 -RemoteAddress LocalSubnet -Action Allow",
          "Remove-NetFirewallRule -Name WSL-SSH-2222-lan" },
        { "tailscale", FIREWALL_WINDOWS, FIREWALL_TAILSCALE, 22,
          "New-NetFirewallRule -Name WSL-SSH-22-tailscale -DisplayName \"WSL SSH (22, tailscale)\" "
          "-Direction "
          "Inbound -Protocol TCP -LocalPort 22 -RemoteAddress 100.64.0.0/10,fd7a:115c:a1e0::/48 -Action Allow",
          "Remove-NetFirewallRule -Name WSL-SSH-22-tailscale" },
        { "any names no remote address", FIREWALL_WINDOWS, FIREWALL_ANY, 65535,
          "New-NetFirewallRule -Name WSL-SSH-65535-any -DisplayName \"WSL SSH (65535, any)\" -Direction "
          "Inbound "
          "-Protocol TCP -LocalPort 65535 -Action Allow",
          "Remove-NetFirewallRule -Name WSL-SSH-65535-any" },
        { "Hyper-V, lan", FIREWALL_HYPERV, FIREWALL_LAN, 2222,
          "New-NetFirewallHyperVRule -Name WSL-SSH-2222-lan -DisplayName \"WSL SSH (2222, lan)\" -Direction "
          "Inbound -VMCreatorId " CREATOR " -Protocol TCP -LocalPorts 2222 -RemoteAddresses LocalSubnet "
          "-Action Allow",
          "Remove-NetFirewallHyperVRule -Name WSL-SSH-2222-lan" },
        { "Hyper-V, tailscale", FIREWALL_HYPERV, FIREWALL_TAILSCALE, 2222,
          "New-NetFirewallHyperVRule -Name WSL-SSH-2222-tailscale -DisplayName \"WSL SSH (2222, "
          "tailscale)\" "
          "-Direction Inbound -VMCreatorId " CREATOR " -Protocol TCP -LocalPorts 2222 -RemoteAddresses "
          "100.64.0.0/10,fd7a:115c:a1e0::/48 -Action Allow",
          "Remove-NetFirewallHyperVRule -Name WSL-SSH-2222-tailscale" },
        { "Hyper-V, any", FIREWALL_HYPERV, FIREWALL_ANY, 2222,
          "New-NetFirewallHyperVRule -Name WSL-SSH-2222-any -DisplayName \"WSL SSH (2222, any)\" -Direction "
          "Inbound -VMCreatorId " CREATOR " -Protocol TCP -LocalPorts 2222 -Action Allow",
          "Remove-NetFirewallHyperVRule -Name WSL-SSH-2222-any" },
        { "mosh", FIREWALL_WINDOWS, FIREWALL_LAN, FIREWALL_MOSH,
          "New-NetFirewallRule -Name WSL-mosh-60000-61000-lan -DisplayName \"WSL mosh (60000-61000, lan)\" "
          "-Direction Inbound -Protocol UDP -LocalPort 60000-61000 -RemoteAddress LocalSubnet -Action Allow",
          "Remove-NetFirewallRule -Name WSL-mosh-60000-61000-lan" },
        { "Hyper-V, mosh", FIREWALL_HYPERV, FIREWALL_ANY, FIREWALL_MOSH,
          "New-NetFirewallHyperVRule -Name WSL-mosh-60000-61000-any -DisplayName \"WSL mosh (60000-61000, any)\" "
          "-Direction Inbound -VMCreatorId " CREATOR " -Protocol UDP -LocalPorts 60000-61000 -Action Allow",
          "Remove-NetFirewallHyperVRule -Name WSL-mosh-60000-61000-any" },
};

static void test_rule(const void *data) {
        const __typeof__(rules[0]) *row = data;
        char rule[FIREWALL_LINE_SIZE], removal[FIREWALL_LINE_SIZE];

        firewall_rule(row->form, row->scope, row->port, rule);
        test_equal_string(rule, row->rule);
        firewall_removal(row->form, row->scope, row->port, removal);
        test_equal_string(removal, row->removal);
}

/* Whoever pastes the whole text makes one rule: all other lines are comments. */
static void test_text(void) {
        for (FirewallScope scope = 0; scope < _FIREWALL_SCOPE_MAX; scope++) {
                char text[FIREWALL_TEXT_SIZE], line[FIREWALL_LINE_SIZE];
                unsigned commands = 0;

                firewall_render(scope, 65535, text);
                test_assert(strlen(text) < sizeof(text) - 1 && text[strlen(text) - 1] == '\n');
                for (const char *c = text; *c; c++)
                        test_assert(*c == '\n' || (*c >= ' ' && *c <= '~'));
                for (FirewallForm form = FIREWALL_WINDOWS; form <= FIREWALL_HYPERV; form++) {
                        firewall_rule(form, scope, 65535, line);
                        test_contains(text, line);
                        firewall_removal(form, scope, 65535, line);
                        test_contains(text, line);
                }
                for (char *each = strtok(text, "\n"); each; each = strtok(NULL, "\n"))
                        if (each[0] != '#') {
                                commands++;
                                firewall_rule(FIREWALL_WINDOWS, scope, 65535, line);
                                test_equal_string(each, line);
                        }
                test_equal_int(commands, 1);
        }
}

static void test_scope_words(void) {
        FirewallScope scope = FIREWALL_TAILSCALE;

        test_equal_int(firewall_scope_from_string("LAN", &scope), -EINVAL);
        test_equal_int(firewall_scope_from_string("", &scope), -EINVAL);
        test_equal_int(scope, FIREWALL_TAILSCALE);
        for (FirewallScope each = 0; each < _FIREWALL_SCOPE_MAX; each++) {
                test_equal_int(firewall_scope_from_string(firewall_scope_to_string(each), &scope), 0);
                test_equal_int(scope, each);
        }
        /* A value out of range has the word of the narrowest scope. */
        test_equal_string(firewall_scope_to_string(_FIREWALL_SCOPE_MAX), "lan");
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_rule, rules),
                TEST(test_text),
                TEST(test_scope_words),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
