/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/packet-rules.h"
#include "unit/files.h"

/* What is found about 22 and 2222. The numbers are lines; 0: no line. */
static const struct {
        const char *name, *text;
        unsigned lets_in[2], diverts[2];
        bool closes, unsure;
} rules[] = {
        { "nothing", "", { 0 }, { 0 }, false, false },
        { "nftables",
          "table inet filter {\n chain input {\n type filter hook input priority filter; policy drop;\n iif lo accept\n"
          " ct state invalid drop\n tcp dport 22 accept\n }\n}\n", { 6, 0 }, { 0 }, true, false },
        { "as nft prints it",
          "table ip filter {\n\tchain INPUT {\n\t\ttype filter hook input priority filter; policy accept;\n"
          "\t\tmeta l4proto tcp tcp dport 22 counter packets 1 bytes 52 accept\n\t\tcounter packets 0 bytes 0 drop\n",
          { 4, 0 }, { 0 }, true, false },
        { "open", "chain input {\n type filter hook input priority 0; policy accept;\n ct state invalid drop\n tcp dport 22 accept\n",
          { 4, 0 }, { 0 }, false, false },
        { "all in one line", "chain input { type filter hook input priority 0; policy drop; udp dport 22 accept; tcp dport 2222 accept; }",
          { 0, 1 }, { 0 }, true, false },
        { "a set", "tcp dport { 22, 80, 2200-2300 } ct state new accept", { 1, 1 }, { 0 }, false, false },
        { "a set without blanks", "tcp dport {22,2222} accept", { 1, 1 }, { 0 }, false, false },
        { "a set of several lines", "tcp dport {\n22, # ssh\n80,\n} accept\ntcp dport 2222 accept", { 4, 5 }, { 0 }, false, false },
        { "a range", "tcp dport 1-1024 accept", { 1, 0 }, { 0 }, false, false },
        { "by name", "tcp dport ssh accept", { 1, 0 }, { 0 }, false, false },
        { "another name", "tcp dport sshx accept", { 0 }, { 0 }, false, false },
        { "a named set", "tcp dport @ports accept\ntcp dport $ssh accept", { 0 }, { 0 }, false, true },
        { "a map", "tcp dport vmap { 22 : accept, 23 : drop }", { 0 }, { 0 }, false, true },
        { "all but it", "tcp dport != 22 accept", { 0 }, { 0 }, false, false },
        { "UDP", "udp dport 22 accept\n-A INPUT -p udp --dport 22 -j ACCEPT", { 0 }, { 0 }, false, false },
        { "from such a port", "tcp sport 22 accept", { 0 }, { 0 }, false, false },
        { "on the way out", "chain output {\n type filter hook output priority 0; policy drop;\n tcp dport 22 accept\n}\n", { 0 }, { 0 }, false, false },
        { "a chain of its own", "chain out {\n type filter hook output priority 0;\n tcp dport 22 accept\n}\nchain ssh {\n tcp dport 22 accept\n", { 6, 0 }, { 0 }, false, false },
        { "sent elsewhere", "tcp dport 2222 redirect to :22\ntcp dport 22 dnat to 10.0.0.2:22", { 0 }, { 2, 1 }, false, false },
        { "turned away", "chain input {\n type filter hook input priority 0;\n tcp dport 22 accept\n log prefix \"x\" drop\n}", { 3, 0 }, { 0 }, true, false },
        { "iptables", "*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n", { 4, 0 }, { 0 }, true, false },
        { "iptables, the last rule", ":INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m multiport --dports 22,2222 -j ACCEPT\n-A INPUT -j REJECT --reject-with x\n", { 2, 2 }, { 0 }, true, false },
        { "iptables, one rule", ":INPUT ACCEPT [0:0]\n-A INPUT -s 192.0.2.1/32 -j DROP\n-A INPUT -p tcp ! --dport 22 -j ACCEPT\n", { 0 }, { 0 }, false, false },
        { "iptables, forward", ":FORWARD DROP [0:0]\n-A FORWARD -p tcp --dport 22 -j ACCEPT\n-A OUTPUT -p tcp --dport 22 -j DROP\n", { 0 }, { 0 }, false, false },
        { "iptables, nat", "*nat\n-A PREROUTING -p tcp -m tcp --dport 2222 -j DNAT --to-destination 172.17.0.2:22\n", { 0 }, { 0, 2 }, false, false },
        { "a port alone", "tcp dport\n22 accept\n-A INPUT --dport\n", { 0 }, { 0 }, false, false },
        { "nonsense", "policy\n;\n: :\n-A\n-A ;\ndport { { } } 22 }\n", { 0 }, { 0 }, false, false },
};

static void test_rules(const void *data) {
        const __typeof__(rules[0]) *row = data;
        PacketRules p = { .ports = { 22, 2222 } };
        TestRoot root = test_root();

        test_put(&root, "/etc/rules", row->text);
        test_equal_int(config_walk(root.path, "/etc/rules", packet_rules_add, &p), 0);
        test_equal_int(p.lets_in[0].line, row->lets_in[0]);
        test_equal_int(p.lets_in[1].line, row->lets_in[1]);
        test_equal_int(p.diverts[0].line, row->diverts[0]);
        test_equal_int(p.diverts[1].line, row->diverts[1]);
        test_equal_int(p.closes, row->closes);
        test_equal_int(p.unsure, row->unsure);
}

static const struct {
        const char *name;
        bool has;
} lists[] = {
        { "22", true },     { "80,22", true },   { "22,80", true },  { "20:30", true }, { "20-30", true }, { "ssh", true },
        { "http,ssh", true }, { "ssh,80", true }, { "80,ssh", true }, { "0:65535", true }, { "sshd", false }, { "222", false },
        { "2", false },     { "", false },       { ",", false },     { "any", false },  { "30:20", false }, { "99999999999999999999", false },
};

static void test_list(const void *data) {
        const __typeof__(lists[0]) *row = data;

        test_equal_int(port_list_has(row->name, 22), row->has);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_rules, rules),
                TEST_TABLE(test_list, lists),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
