/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/util.h"

/* The rule of Windows' firewall that lets other machines reach WSL's sshd, as a line for an elevated
 * PowerShell. */

typedef enum FirewallScope {
        FIREWALL_LAN,       /* the machines of the local subnets */
        FIREWALL_TAILSCALE, /* those of a Tailscale mesh */
        FIREWALL_ANY,
        _FIREWALL_SCOPE_MAX,
} FirewallScope;

const char *firewall_scope_to_string(FirewallScope scope);

/* 0 and the value, or -EINVAL and *@ret untouched. */
int firewall_scope_from_string(const char *s, FirewallScope *ret);

/* In mirrored mode either lets traffic in: WSL's virtual machine is behind the Hyper-V firewall, and port
 * rules of the plain one are mirrored into that. */
typedef enum FirewallForm {
        FIREWALL_WINDOWS, /* New-NetFirewallRule */
        FIREWALL_HYPERV,  /* New-NetFirewallHyperVRule, for WSL alone */
} FirewallForm;

#define FIREWALL_LINE_SIZE 512

/* A rule has a -Name of its own, made of port and scope: its removal takes away that one and nothing else.
 * Source: Microsoft's reference of the NetSecurity module. That names LocalSubnet for the plain rule only; the
 * Hyper-V one takes it too, as scripts in public use have it. */
void firewall_rule(FirewallForm form, FirewallScope scope, uint16_t port,
                   char ret[static FIREWALL_LINE_SIZE]);
void firewall_removal(FirewallForm form, FirewallScope scope, uint16_t port,
                      char ret[static FIREWALL_LINE_SIZE]);

#define FIREWALL_TEXT_SIZE 2048

/* All of them, with comments, so that the whole can be pasted or read. */
void firewall_render(FirewallScope scope, uint16_t port, char ret[static FIREWALL_TEXT_SIZE]);
