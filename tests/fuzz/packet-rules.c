/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz/root.h"
#include "sshd/packet-rules.h"

/* Rules of nftables and iptables, whatever stands there. Each place that is found is a line of the text, which names
 * the port and has the verdict; and two rules behind any text are found, unless a set was left open.
 *
 * The input: both ports, and the text. */

static const char *const paths[] = { "/etc/rules" };

static bool line_has(const char *text, unsigned number, const char *word) {
        for (; number > 1; number--)
                text = line_next(text);
        return memmem(text, strcspn(text, "\n"), word, strlen(word));
}

static void require_place(const ConfigPlace *place, const char *text, const char *word, const char *other) {
        unsigned n = 0;

        if (place->line == 0)
                return;
        LINES_FOREACH (line, text)
                n++;
        require(place->line <= n);
        require(line_has(text, place->line, word) || line_has(text, place->line, other));
}

static void read_rules(const char *text, PacketRules *p) {
        fuzz_root_put(paths[0], strdup(text));
        (void) config_walk(fuzz_root, paths[0], packet_rules_add, p);
        for (size_t i = 0; i < ELEMENTSOF(p->ports); i++) {
                /* The verdict's letters may have quotes or backslashes between them. */
                if (!strpbrk(text, "\"'\\")) {
                        require_place(&p->lets_in[i], text, "accept", "ACCEPT");
                        require_place(&p->diverts[i], text, "r", "");
                }
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        uint16_t from = fuzz_u16(&input) ?: 22, to = fuzz_u16(&input) ?: 2222;
        PacketRules p = { .ports = { from, to } };
        _cleanup_free_ char *text = fuzz_text(&input, '\0');
        char *whole = NULL;

        fuzz_root_make(paths, ELEMENTSOF(paths));
        for (char *up; (up = strstr(text, "..")); *up = '_')
                ; /* out of the root there are more files than fit into a fuzzer's time */
        read_rules(text, &p);
        (void) port_list_has(text, from);

        if (p.in_set || strcasestr(text, "include"))
                return 0;
        require(asprintf(&whole,
                         "%s\nchain input { type filter hook input priority 0; policy drop; }\n"
                         "tcp dport %u accept\n-A PREROUTING -p tcp --dport %u -j DNAT --to 192.0.2.1\n",
                         text, from, to) >= 0);
        p = (PacketRules){ .ports = { from, to } };
        read_rules(whole, &p);
        require(p.closes && p.lets_in[0].line > 0 && p.diverts[1].line > 0);
        free(whole);
        fuzz_files_clear();
        return 0;
}
