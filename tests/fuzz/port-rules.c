/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz/root.h"
#include "sshd/port-rules.h"

/* The files that may have rules for a port, whatever stands there. What is told names one of these files and is one
 * printable line; and a rule that the owner adds in the last word's place is found.
 *
 * The input: both ports, and the text of each file up to a NUL. */

enum { SSHD, JAIL_CONF, JAIL_D, JAIL_LOCAL, JAIL_LAST, NFT, TABLES, N };

static const char *const paths[N] = {
        [SSHD] = "/etc/ssh/sshd_config",          [JAIL_CONF] = "/etc/fail2ban/jail.conf",
        [JAIL_D] = "/etc/fail2ban/jail.d/a.conf", [JAIL_LOCAL] = "/etc/fail2ban/jail.local",
        [JAIL_LAST] = "/etc/fail2ban/jail.d/a.local", [NFT] = "/etc/nftables.conf",
        [TABLES] = "/etc/iptables/rules.v4",
};

static void look(uint16_t from, uint16_t to, PortRules *ret) {
        port_rules_find(fuzz_root, "", from, to, ret);
        require(ret->from == from && ret->to == to && ret->error <= 0);
        for (PortRuleKind kind = 0; kind < _PORT_RULE_MAX; kind++) {
                const ConfigPlace *place = &ret->places[kind];
                char text[PORT_RULE_SIZE];

                require(port_rules_describe(ret, kind, text) == (place->line != 0));
                if (place->line == 0)
                        continue;
                require(fuzz_is_printable(text, sizeof(text)) && strstr(text, place->file));
                require(string_index(place->file, paths, N) >= 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        uint16_t from = fuzz_u16(&input) ?: 22, to = fuzz_u16(&input) ?: 2222;
        _cleanup_free_ char *main_text = NULL;
        PortRules rules;
        char *text;

        fuzz_root_make(paths, N);
        for (size_t i = 0; i < N; i++) {
                text = fuzz_text(&input, '\0');
                for (char *up; (up = strstr(text, "..")); *up = '_')
                        ;
                if (i == SSHD)
                        main_text = strdup(text);
                fuzz_root_put(paths[i], text);
        }
        look(from, to, &rules);
        require(rules.places[PORT_RULE_MATCH].line == 0 || rules.places[PORT_RULE_MATCH_NEW].line == 0);

        if (from != to) {
                bool is_new = rules.places[PORT_RULE_MATCH_NEW].line != 0;

                require(asprintf(&text, "Match LocalPort %u\n%s", from, main_text) >= 0);
                fuzz_root_put(paths[SSHD], text);
                require(asprintf(&text, "[sshd]\nenabled = true\nport = %u\n", from) >= 0);
                fuzz_root_put(paths[JAIL_LAST], text);
                look(from, to, &rules);
                require(is_new ? rules.places[PORT_RULE_MATCH_NEW].line == 0
                               : rules.places[PORT_RULE_MATCH].line == 1 || rules.places[PORT_RULE_MATCH].line == 0);
                require(streq(rules.places[PORT_RULE_BAN].file, paths[JAIL_LAST]));
        }
        fuzz_files_clear();
        return 0;
}
