/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/packet-rules.h"

#include <ctype.h>

bool port_list_has(const char *list, uint16_t port) {
        for (; *list; list += strcspn(list, ","), list += *list == ',') {
                char *end;
                unsigned long first = strtoul(list, &end, 10), last = first;
                bool is_ssh = startswith(list, "ssh") && !isalnum((unsigned char) list[3]);

                if (end > list && (*end == ':' || *end == '-'))
                        last = strtoul(end + 1, NULL, 10);
                if (end > list ? first <= port && port <= last : is_ssh && port == 22)
                        return true;
        }
        return false;
}

/* True if @word, without what is behind a semicolon, is one of @words: " word word ". */
static bool is_one_of(const char *word, const char *words) {
        char padded[16]; /* no word of ours is longer */

        snprintf(padded, sizeof(padded), " %.*s ", (int) strcspn(word, ";"), word);
        return padded[1] != ' ' && strstr(words, padded);
}

static void begin_rule(PacketRules *p) {
        p->has[0] = p->has[1] = p->reads_ports = p->in_set = false;
}

static void add_ports(PacketRules *p, const char *word) {
        p->unsure = p->unsure || *word == '@' || *word == '$' || streq(word, "vmap");
        p->in_set = p->in_set || *word == '{';
        for (size_t i = 0; i < ELEMENTSOF(p->ports); i++)
                p->has[i] = p->has[i] || port_list_has(word + (*word == '{'), p->ports[i]);
        p->in_set = p->in_set && !strchr(word, '}');
        p->reads_ports = p->in_set;
}

/* @before: the word before it; "" for the first one. */
static void add_verdict(PacketRules *p, const ConfigLine *line, const char *word, const char *before) {
        ConfigPlace *places = is_one_of(word, " accept ACCEPT ")                 ? p->lets_in
                              : is_one_of(word, " redirect REDIRECT dnat DNAT ") ? p->diverts
                                                                                 : NULL;
        const char *first = line->words, *third = words_next(words_next(first));

        for (size_t i = 0; places && i < ELEMENTSOF(p->ports); i++)
                if (p->has[i] && p->chain != PACKETS_AWAY && places[i].line == 0)
                        places[i] = line->place;

        /* "policy drop", ":INPUT DROP", "-A INPUT -j DROP", or a verdict without a condition */
        if (p->chain == PACKETS_IN && is_one_of(word, " drop DROP reject REJECT ") &&
            (streq(before, "policy") || *first == ':' || (before == third && streq(third, "-j")) ||
             is_one_of(first, " drop reject counter log ")))
                p->closes = true;
}

int packet_rules_add(const ConfigLine *line, void *rules) {
        const char *before = "";
        PacketRules *p = rules;
        bool udp = false;

        if (!p->in_set)
                begin_rule(p);
        WORDS_FOREACH (word, line->words) {
                bool names_chain = *word == ':' && *before == '\0'; /* iptables' ":INPUT DROP" */

                udp = udp || is_one_of(word, " udp ");
                if (names_chain || is_one_of(before, " chain hook -A "))
                        p->chain = is_one_of(word + names_chain, " input INPUT ") ? PACKETS_IN
                                   : is_one_of(word + names_chain, " output OUTPUT forward FORWARD ")
                                                   ? PACKETS_AWAY
                                                   : PACKETS_ANY;
                else if (p->reads_ports)
                        add_ports(p, word);
                else if (is_one_of(word, " dport --dport --dports "))
                        p->reads_ports = !udp && !streq(before, "!");
                else
                        add_verdict(p, line, word, before);

                if (strchr(word, ';') && !p->in_set) { /* another rule follows in this line */
                        begin_rule(p);
                        udp = false;
                }
                before = word;
        }
        return 0;
}
