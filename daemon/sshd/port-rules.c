/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/port-rules.h"

#include <strings.h>

#include "sshd/packet-rules.h"

static int on_sshd_line(const ConfigLine *line, void *userdata) {
        static const char attribute[] = "localport";
        PortRules *rules = userdata;
        uint16_t port;

        if (strcasecmp(line->words, "match") != 0 || rules->from == rules->to)
                return 0;
        WORDS_FOREACH (word, words_next(line->words)) {
                const char *value = word + strlen(attribute);

                /* "LocalPort 22" or "LocalPort=22" (OpenSSH servconf.c, match_cfg_line()) */
                if (strncasecmp(word, attribute, strlen(attribute)) != 0 ||
                    parse_port(*value == '=' ? value + 1 : words_next(word), &port) < 0)
                        continue;
                if (port == rules->from && rules->places[PORT_RULE_MATCH].line == 0)
                        rules->places[PORT_RULE_MATCH] = line->place;
                else if (port == rules->to && rules->places[PORT_RULE_MATCH_NEW].line == 0)
                        rules->places[PORT_RULE_MATCH_NEW] = line->place;
        }
        return 0;
}

/* fail2ban's jail [sshd]. What is read last counts. */
typedef struct Jail {
        uint16_t from, to;
        bool in_default, in_jail; /* the sections that are being read */
        bool on;
        ConfigPlace bans; /* its ports are @from, and not @to */
} Jail;

static int on_jail_line(const ConfigLine *line, void *userdata) {
        const char *key = line->words, *value = words_next(key);
        bool from = false, to = false;
        Jail *jail = userdata;

        if (key[0] == '[') {
                jail->in_default = streq(key, "[DEFAULT]");
                jail->in_jail = streq(key, "[sshd]");
        } else if ((jail->in_default || jail->in_jail) && streq(key, "enabled"))
                jail->on = strchr("1tTyY", value[0]) || strcasecmp(value, "on") == 0;
        else if (jail->in_jail && streq(key, "port")) {
                for (const char *word = value; *word && *word != ';'; word = words_next(word)) {
                        from = from || port_list_has(word, jail->from);
                        to = to || port_list_has(word, jail->to);
                }
                jail->bans = from && !to ? line->place : (ConfigPlace){ 0 };
        }
        return 0;
}

void port_rules_find(const char *root, const char *options, uint16_t from, uint16_t to, PortRules *ret) {
        /* In fail2ban's order, jail.conf(5); then the packet filters, wherever a distro has them. */
        static const char *const paths[] = { "/etc/fail2ban/jail.conf",   "/etc/fail2ban/jail.d/*.conf",
                                             "/etc/fail2ban/jail.local",  "/etc/fail2ban/jail.d/*.local",
                                             "/etc/nftables.conf",        "/etc/sysconfig/nftables.conf",
                                             "/etc/iptables/rules.v[46]", "/etc/iptables/ip*tables.rules",
                                             "/etc/sysconfig/ip*tables" };
        PacketRules packets = { .ports = { from, to } };
        Jail jail = { .from = from, .to = to };
        ConfigPlace *places = ret->places;

        *ret = (PortRules){ .from = from, .to = to };
        note_error(&ret->error, config_walk_sshd(root, options, on_sshd_line, ret));
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                bool is_jail = startswith(paths[i], "/etc/fail2ban/");

                note_error(&ret->error,
                           config_walk(root, paths[i], is_jail ? on_jail_line : packet_rules_add,
                                       is_jail ? (void *) &jail : &packets));
        }

        /* An owner who has blocks for both ports has thought of the move. */
        if (places[PORT_RULE_MATCH].line != 0 && places[PORT_RULE_MATCH_NEW].line != 0)
                places[PORT_RULE_MATCH].line = places[PORT_RULE_MATCH_NEW].line = 0;
        if (jail.on)
                places[PORT_RULE_BAN] = jail.bans;
        if (packets.closes && !packets.unsure && packets.lets_in[1].line == 0)
                places[PORT_RULE_LET_IN] = packets.lets_in[0];
        places[PORT_RULE_DIVERT] = packets.diverts[1];
}

bool port_rules_describe(const PortRules *rules, PortRuleKind kind, char ret[static PORT_RULE_SIZE]) {
        static const struct {
                const char *rule, *does, *advice;
        } texts[_PORT_RULE_MAX] = {
                [PORT_RULE_MATCH] = { "Match LocalPort", "does not match on port",
                                      "repeat its block for that port" },
                [PORT_RULE_MATCH_NEW] = { "Match LocalPort", "now matches each login on port",
                                          "see if its block is meant for all of them" },
                [PORT_RULE_BAN] = { "fail2ban's rule for port", "does not ban on port",
                                    "add that port in jail.local" },
                [PORT_RULE_LET_IN] = { "the rule for port", "does not let in to port",
                                       "add that port there" },
                [PORT_RULE_DIVERT] = { "the rule for port", "sends elsewhere whoever wants port",
                                       "take that port out there, or out of CandidatePorts" },
        };
        bool is_new = kind == PORT_RULE_MATCH_NEW || kind == PORT_RULE_DIVERT;
        const ConfigPlace *place = &rules->places[kind];

        if (place->line == 0)
                return false;
        snprintf(ret, PORT_RULE_SIZE, "%s %u in %s:%u %s %u; %s", texts[kind].rule,
                 is_new ? rules->to : rules->from, place->file, place->line, texts[kind].does, rules->to,
                 texts[kind].advice);
        return true;
}
