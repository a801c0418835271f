/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/words.h"

/* Writes the rule of Windows' firewall that lets other machines reach WSL's sshd, as a line for an elevated
 * PowerShell. */

typedef enum FirewallScope {
        FIREWALL_LAN,       /* the machines of the local subnets */
        FIREWALL_TAILSCALE, /* the machines of a Tailscale mesh */
        FIREWALL_ANY,
        _FIREWALL_SCOPE_MAX,
} FirewallScope;

DECLARE_WORDS(firewall_scope, FirewallScope);

/* In mirrored mode a rule of either form lets traffic in: WSL's virtual machine is behind the Hyper-V
 * firewall, into which Windows mirrors the port rules of its plain firewall. */
typedef enum FirewallForm {
        FIREWALL_WINDOWS, /* New-NetFirewallRule */
        FIREWALL_HYPERV,  /* New-NetFirewallHyperVRule, for WSL alone */
} FirewallForm;

#define FIREWALL_LINE_SIZE 512

/* In the place of sshd's port: the UDP ports of which mosh-server(1) takes one for each session. */
#define FIREWALL_MOSH 0

/* Each rule has a -Name of its own, made of port and scope, so that its removal removes that rule and
 * nothing else. Source: Microsoft's reference of the NetSecurity module, which names LocalSubnet for the
 * plain rule only; the Hyper-V rule takes it too, as public scripts have it. */
void firewall_rule(FirewallForm form, FirewallScope scope, uint16_t port,
                   char ret[static FIREWALL_LINE_SIZE]);
void firewall_removal(FirewallForm form, FirewallScope scope, uint16_t port,
                      char ret[static FIREWALL_LINE_SIZE]);

#define FIREWALL_TEXT_SIZE 2048

/* Writes the rules of both forms and their removals, with comments: the whole can be pasted or read. */
void firewall_render(FirewallScope scope, uint16_t port, char ret[static FIREWALL_TEXT_SIZE]);
