/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sshd/config-walk.h"

/* Reads the rules of a packet filter, in nftables' or iptables-save's form, and notes those that name one of two
 * TCP ports. Rules by an address or an interface are passed over. Pure. */
typedef struct PacketRules {
        uint16_t ports[2];                  /* to be set before the first line */
        ConfigPlace lets_in[2], diverts[2]; /* the first rule that does so with that port */
        bool closes;                        /* what no rule lets in is turned away */
        bool unsure;                        /* a rule names its ports by a set or a variable */

        enum { PACKETS_ANY, PACKETS_IN, PACKETS_AWAY } chain; /* of the rule that is read */
        bool has[2];                                          /* it names that port */
        bool reads_ports, in_set; /* its ports follow, to a brace that may stand in another line */
} PacketRules;

/* A ConfigLineHandler. */
int packet_rules_add(const ConfigLine *line, void *rules);

/* True if @port is in a list like "22", "22,2222", "2200:2299", "2200-2299" or "ssh". */
bool port_list_has(const char *list, uint16_t port);
