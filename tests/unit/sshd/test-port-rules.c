/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sshd/port-rules.h"
#include "unit/files.h"

#define MAIN "/etc/ssh/sshd_config: "
#define JAIL "/etc/fail2ban/jail.local: "
#define NFT "/etc/nftables.conf: "
#define CLOSED NFT "table inet filter { chain input {\n" NFT "type filter hook input priority 0; policy drop;\n"
#define TABLES "/etc/iptables/rules.v4: "

/* What is told of the files when sshd moves from 22 to 2222. */
static const struct {
        const char *name, *files, *told;
} cases[] = {
        { "nothing there", MAIN "Port 22\n", "" },
        { "a Match", MAIN "UsePAM yes\n" MAIN "Match LocalPort 22\n" MAIN "    PasswordAuthentication no\n",
          "Match LocalPort 22 in /etc/ssh/sshd_config:2 does not match on port 2222; repeat its block for that port\n" },
        { "a Match with more to it, taken in", MAIN "Include /etc/a\n/etc/a: match user git localport=\"22\"\n",
          "Match LocalPort 22 in /etc/a:1 does not match on port 2222; repeat its block for that port\n" },
        { "the first of two", MAIN "Match LocalPort 22\n" MAIN "Match User a LocalPort 22\n",
          "Match LocalPort 22 in /etc/ssh/sshd_config:1 does not match on port 2222; repeat its block for that port\n" },
        { "a Match of the new port", MAIN "Match LocalPort 2222\n",
          "Match LocalPort 2222 in /etc/ssh/sshd_config:1 now matches each login on port 2222; see if its block is meant for all of them\n" },
        { "a Match of each", MAIN "Match LocalPort 22\n" MAIN "Match LocalPort 2222\n", "" },
        { "another Match", MAIN "Match User LocalPort\n" MAIN "Match LocalPort\n" MAIN "Match LocalPort 2022\n" MAIN "Match LocalAddress 22\n", "" },
        { "fail2ban", JAIL "[DEFAULT]\n" JAIL "bantime = 1h\n" JAIL "[sshd]\n" JAIL "enabled = true\n" JAIL "port = ssh\n",
          "fail2ban's rule for port 22 in /etc/fail2ban/jail.local:5 does not ban on port 2222; add that port in jail.local\n" },
        { "fail2ban, as Debian has it",
          "/etc/fail2ban/jail.conf: [DEFAULT]\n/etc/fail2ban/jail.conf: enabled = false\n/etc/fail2ban/jail.conf: port = 0:65535\n"
          "/etc/fail2ban/jail.conf: [sshd]\n/etc/fail2ban/jail.conf: port    = ssh\n/etc/fail2ban/jail.conf: [dropbear]\n/etc/fail2ban/jail.conf: port = 2222\n"
          "/etc/fail2ban/jail.d/defaults-debian.conf: [sshd]\n/etc/fail2ban/jail.d/defaults-debian.conf: enabled = true\n",
          "fail2ban's rule for port 22 in /etc/fail2ban/jail.conf:5 does not ban on port 2222; add that port in jail.local\n" },
        { "fail2ban, mended in jail.d", JAIL "[sshd]\n" JAIL "enabled = true\n" JAIL "port = ssh\n"
          "/etc/fail2ban/jail.d/a.local: [sshd]\n/etc/fail2ban/jail.d/a.local: port = 22,2222\n", "" },
        { "fail2ban, which jail.local overrules", JAIL "[sshd]\n" JAIL "port = 22, 2222\n" JAIL "enabled = true\n"
          "/etc/fail2ban/jail.d/a.conf: [sshd]\n/etc/fail2ban/jail.d/a.conf: port = ssh\n", "" },
        { "fail2ban, off", JAIL "[DEFAULT]\n" JAIL "enabled = true\n" JAIL "[sshd]\n" JAIL "enabled = false\n" JAIL "port = ssh\n", "" },
        { "fail2ban, on for all", JAIL "[DEFAULT]\n" JAIL "enabled = yes\n" JAIL "[sshd]\n" JAIL "port = 22 ; not 2222\n",
          "fail2ban's rule for port 22 in /etc/fail2ban/jail.local:4 does not ban on port 2222; add that port in jail.local\n" },
        { "fail2ban, all ports", JAIL "[sshd]\n" JAIL "enabled = true\n" JAIL "port = 0:65535\n", "" },
        { "nftables", CLOSED NFT "tcp dport 22 accept\n", "the rule for port 22 in /etc/nftables.conf:3 does not let in to port 2222; add that port there\n" },
        { "nftables, both ports", CLOSED NFT "tcp dport { 22, 2222 } accept\n", "" },
        { "nftables, a set", CLOSED NFT "tcp dport 22 accept\n" NFT "tcp dport @more accept\n", "" },
        { "nftables, taken in", CLOSED NFT "include \"/etc/nftables.d/*.nft\"\n/etc/nftables.d/a.nft: tcp dport ssh accept\n",
          "the rule for port 22 in /etc/nftables.d/a.nft:1 does not let in to port 2222; add that port there\n" },
        { "nftables, a file that nobody takes in", CLOSED "/etc/nftables.d/a.nft: tcp dport ssh accept\n", "" },
        { "iptables", TABLES ":INPUT DROP [0:0]\n" TABLES "-A INPUT -p tcp --dport 22 -j ACCEPT\n",
          "the rule for port 22 in /etc/iptables/rules.v4:2 does not let in to port 2222; add that port there\n" },
        { "iptables, open", TABLES ":INPUT ACCEPT [0:0]\n" TABLES "-A INPUT -p tcp --dport 22 -j ACCEPT\n", "" },
        { "a divert", TABLES "*nat\n" TABLES "-A PREROUTING -p tcp --dport 2222 -j DNAT --to-destination 172.17.0.2:22\n",
          "the rule for port 2222 in /etc/iptables/rules.v4:2 sends elsewhere whoever wants port 2222; take that port out there, or out of CandidatePorts\n" },
        { "a divert to the new port", TABLES "*nat\n" TABLES "-A PREROUTING -p tcp --dport 22 -j REDIRECT --to-ports 2222\n", "" },
};

static void test_case(const void *data) {
        const __typeof__(cases[0]) *row = data;
        char told[2048] = "", text[PORT_RULE_SIZE];
        TestRoot root = test_root();
        PortRules found;

        test_put_all(&root, row->files);
        port_rules_find(root.path, "", 22, 2222, &found);
        test_equal_int(found.error, 0);
        for (PortRuleKind kind = 0; kind < _PORT_RULE_MAX; kind++)
                if (port_rules_describe(&found, kind, text))
                        strcat(strcat(told, text), "\n");
        test_equal_string(told, row->told);
}

static void test_not_moved(void) {
        TestRoot root = test_root();
        PortRules found;

        test_put_all(&root, MAIN "Match LocalPort 22\n" JAIL "[sshd]\n" JAIL "enabled = true\n" JAIL "port = ssh\n" CLOSED NFT "tcp dport 22 accept\n"
                     NFT "tcp dport 22 redirect to :2222\n");
        port_rules_find(root.path, "", 22, 22, &found);
        for (PortRuleKind kind = 0; kind < _PORT_RULE_MAX; kind++)
                test_equal_int(found.places[kind].line, kind == PORT_RULE_DIVERT ? 4 : 0);
}

static void test_what_can_not_be_read(void) {
        TestRoot root = test_root();
        PortRules found;

        test_put_bytes(&root, "/etc/fail2ban/jail.local", "\0", 1);
        test_put_all(&root, MAIN "Match LocalPort 22\n");
        port_rules_find(root.path, "", 22, 2222, &found);
        test_equal_int(found.error, -EBADMSG);
        test_equal_int(found.places[PORT_RULE_MATCH].line, 1);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_case, cases),
                TEST(test_not_moved),
                TEST(test_what_can_not_be_read),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
