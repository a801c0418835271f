/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sshd/config-walk.h"

/* The owner's rules for sshd's old port, or its new one, which mean something else once sshd is moved. */

typedef enum PortRuleKind {
        PORT_RULE_MATCH,     /* Match LocalPort of the old port, in sshd's configuration */
        PORT_RULE_MATCH_NEW, /* of the new port */
        PORT_RULE_BAN,       /* fail2ban's, for the old port only */
        PORT_RULE_DIVERT,    /* a packet filter's: who wants the new port is sent elsewhere */
        PORT_RULE_LET_IN,    /* a packet filter's, for the old port only */
        _PORT_RULE_MAX,
} PortRuleKind;

typedef struct PortRules {
        uint16_t from, to;
        ConfigPlace places[_PORT_RULE_MAX]; /* the first of each kind */
        int error;                          /* of the first file that could not be read; 0: none */
} PortRules;

/* Looks for the rules in files. @from and @to are the same for an sshd that isn't moved. @root and @options: as
 * for config_walk_sshd(). */
void port_rules_find(const char *root, const char *options, uint16_t from, uint16_t to, PortRules *ret);

#define PORT_RULE_SIZE 512

/* Writes a line for people. Returns false, and writes nothing, where there is no such rule. */
bool port_rules_describe(const PortRules *rules, PortRuleKind kind, char ret[static PORT_RULE_SIZE]);
