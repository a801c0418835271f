/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/checks.h"

/* The way of other machines to sshd: addresses and firewalls. */

/* Returns true where the caller should suggest the command that lets sshd's port pass. */
static bool is_in_the_way(const CheckFacts *f, Finding *r, Hint hint, const char *name) {
        const FirewallFact *firewall = &f->firewalls[hint];
        uint16_t port = f->port.number;

        if (firewall->on == FACT_NO)
                say(r, VERDICT_SKIPPED, "%s is not on", name);
        else if (firewall->on == FACT_UNKNOWN)
                say(r, VERDICT_UNKNOWN, "can't tell whether %s is on", name);
        else if (port == 0)
                say(r, VERDICT_UNKNOWN, "%s is on; can't tell sshd's port", name);
        else if (firewall->allows == FACT_YES)
                say(r, VERDICT_OK, "%s is on, and lets port %u pass", name, port);
        else if (firewall->allows == FACT_NO)
                say(r, VERDICT_PROBLEM, "%s is on, and does not let port %u pass", name, port);
        else
                say(r, VERDICT_UNKNOWN, "%s is on; can't tell whether it lets port %u pass%s", name, port,
                    ask_as_root(f));
        return firewall->on == FACT_YES && port != 0 && firewall->allows != FACT_YES;
}

void check_selinux(const CheckFacts *f, Finding *r) {
        if (is_in_the_way(f, r, HINT_SELINUX, "SELinux"))
                suggest(r, "sudo semanage port -a -t ssh_port_t -p tcp %u", f->port.number);
}

void check_ufw(const CheckFacts *f, Finding *r) {
        if (is_in_the_way(f, r, HINT_UFW, "ufw"))
                suggest(r, "sudo ufw allow %u/tcp", f->port.number);
}

void check_firewalld(const CheckFacts *f, Finding *r) {
        if (is_in_the_way(f, r, HINT_FIREWALLD, "firewalld"))
                suggest(r, "sudo firewall-cmd --permanent --add-port=%u/tcp && sudo firewall-cmd --reload",
                        f->port.number);
}

/* Says the first of these rules that there is, or @ok. Returns its kind, or _PORT_RULE_MAX. */
static PortRuleKind say_rule(const CheckFacts *f, Finding *r, PortRuleKind first, PortRuleKind last,
                             const char *ok) {
        char text[PORT_RULE_SIZE];

        for (PortRuleKind kind = first; kind <= last; kind++)
                if (port_rules_describe(&f->port.rules, kind, text)) {
                        say(r, kind == PORT_RULE_DIVERT ? VERDICT_PROBLEM : VERDICT_WARNING, "%s", text);
                        return kind;
                }
        if (f->port.home == 0 || f->port.number == 0 || f->port.rules.error < 0)
                say(r, VERDICT_UNKNOWN, "not every rule for sshd's port could be read%s", ask_as_root(f));
        else
                say(r, VERDICT_OK, "%s", ok);
        return _PORT_RULE_MAX;
}

void check_packet_filter(const CheckFacts *f, Finding *r) {
        (void) say_rule(f, r, PORT_RULE_DIVERT, PORT_RULE_LET_IN,
                        "no file of nftables or iptables keeps others from sshd's port; the kernel's own "
                        "rules are not looked at, `nft list ruleset` shows them to root");
}

void check_port_rules(const CheckFacts *f, Finding *r) {
        if (say_rule(f, r, PORT_RULE_MATCH, PORT_RULE_BAN,
                     "sshd's configuration and fail2ban have no rule for another port of sshd's") !=
            PORT_RULE_BAN)
                return;
        suggest(r,
                "printf '[sshd]\\nport = %u,%u\\n' | sudo tee /etc/fail2ban/jail.d/zz-sshd-port.local && "
                "sudo systemctl try-reload-or-restart fail2ban.service",
                f->port.home, f->port.number);
}

void check_addresses(const CheckFacts *f, Finding *r) {
        const AddressFacts *has = &f->addresses;
        bool inside = mode_hides_lan(f->machine.mode);
        bool as_windows = f->machine.mode != MODE_NOT_WSL && !inside; /* WSL has Windows' addresses */

        if (has->usable == FACT_UNKNOWN)
                say(r, VERDICT_UNKNOWN, "can't read this machine's addresses");
        else if (f->machine.mode == MODE_CONSOMME)
                say(r, VERDICT_UNKNOWN,
                    "in this networking mode other machines use Windows' own addresses, which WSL can't "
                    "see; ipconfig.exe tells them");
        else if (has->usable == FACT_YES && inside && has->mesh[0])
                say(r, VERDICT_OK, "other machines use %s (mesh)", has->mesh);
        else if (has->usable == FACT_YES && inside)
                say(r, VERDICT_PROBLEM,
                    "%s is an address inside of Windows: other machines can't use it; see networking-mode",
                    has->lan);
        else if (has->usable == FACT_YES)
                say(r, VERDICT_OK, "other machines use %s%s%s%s%s%s", has->lan, has->lan[0] ? " (LAN)" : "",
                    has->lan[0] && has->mesh[0] ? " or " : "", has->mesh, has->mesh[0] ? " (mesh)" : "",
                    f->machine.mode == MODE_MIRRORED && !f->wslconfig.values.host_address_loopback
                                    ? "; Windows itself uses localhost, as hostAddressLoopback=true below "
                                      "[experimental] in .wslconfig is missing"
                                    : "");
        else {
                if (has->link_local[0])
                        say(r, VERDICT_PROBLEM,
                            "only %s, the kind of address that a machine gives itself where the network "
                            "gives it none",
                            has->link_local);
                else
                        say(r, VERDICT_PROBLEM,
                            "no address of a LAN or a mesh that other machines could use%s",
                            as_windows ? "; WSL takes over those of Windows when it starts" : "");
                if (as_windows)
                        suggest(r, SHUTDOWN);
        }
}

void check_windows_firewall(const CheckFacts *f, Finding *r) {
        const WindowsRule *block = windows_rules_find(&f->windows.rules, true);
        Fact lets_in = f->windows.lets_in;
        uint16_t port = f->port.number;

        if (port == 0)
                say(r, VERDICT_UNKNOWN, "can't tell sshd's port");
        else if (lets_in == FACT_YES)
                say(r, VERDICT_OK, "Windows' firewall lets other machines in to port %u", port);
        else if (lets_in == FACT_NO && block)
                say(r, VERDICT_PROBLEM,
                    "the rule \"%s\" of Windows' firewall keeps others from port %u, whatever other rules "
                    "allow: it has to be removed or disabled there",
                    block->name, port);
        else if (lets_in == FACT_NO && f->windows.rules.ignored)
                say(r, VERDICT_PROBLEM,
                    "a policy on Windows ignores local rules of its firewall (AllowLocalFirewallRules): "
                    "only "
                    "who makes that policy can let other machines in to port %u",
                    port);
        else if (lets_in == FACT_NO)
                say(r, VERDICT_PROBLEM,
                    "Windows' firewall has no rule that lets other machines in to port %u", port);
        else
                say(r, VERDICT_UNKNOWN, "%s whether Windows' firewall lets other machines in to port %u%s",
                    f->config.values.interop ? "Windows has not told" : "can't tell", port,
                    f->config.values.interop
                                    ? "; this adds a rule"
                                    : ": Interop=no in wslportd.conf keeps Windows from being asked, "
                                      "by other checks too; this adds a rule");
        if (port != 0 && lets_in != FACT_YES && !block && !f->windows.rules.ignored)
                suggest(r, "wslportctl firewall --apply");
}

/* Seen from outside of WSL: all else looks from within. */
void check_from_windows(const CheckFacts *f, Finding *r) {
        uint16_t port = f->port.number;

        if (f->port.listens == FACT_NO)
                say(r, VERDICT_SKIPPED, "sshd does not listen");
        else if (f->windows.greeting == GREETING_SSH)
                say(r, VERDICT_OK, "Windows itself reaches sshd at localhost:%u", port);
        else if (f->windows.greeting == GREETING_WINDOWS_OPENSSH)
                say(r, VERDICT_PROBLEM, "at localhost:%u Windows reaches its own sshd, not WSL's", port);
        else if (f->windows.greeting == GREETING_REFUSED)
                say(r, VERDICT_WARNING, "Windows itself gets no greeting at localhost:%u", port);
        else if (say_not_asked(f, r))
                return;
        else if (f->machine.for_everyone)
                say(r, VERDICT_SKIPPED, "wslportctl diagnose asks Windows, too");
        else
                say(r, VERDICT_UNKNOWN, "can't tell whether Windows itself reaches sshd");
}
