/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/checks.h"
#include "fuzz/fuzz.h"

/* Of any facts, with any texts among them, each check makes one printable line, and a remedy that a shell takes for
 * commands of ours and nothing else.
 *
 * The input: a byte or two for each fact that isn't a text; then a line for each text; then a byte for the package
 * manager; then the same again for what was added later. */

static bool is_printable(const char *text) {
        char clean[1024];

        return streq(printable(text, clean, sizeof(clean)), text);
}

static bool is_command(const char *word) {
        static const char *const commands[] = { "sed", "systemctl", "printf", "tee", "wsl.exe", "ssh-keygen", "sshd", "mkdir",
                                                "apt-get", "dnf", "zypper", "pacman", "ufw", "firewall-cmd", "semanage",
                                                "kill", "wslportctl", "chmod", "cp", "iconv", "rm" };

        for (size_t i = 0; i < ELEMENTSOF(commands); i++)
                if (streq(commands[i], word))
                        return true;
        return false;
}

/* Reads the next word as a shell does (POSIX, 2.2 and 2.3). Requires that each quote ends, and that the shell expands
 * nothing but one variable of ours. */
static const char *shell_word(const char *s, char *ret) {
        char quote = '\0';

        for (; *s && (quote || !strchr(" &|>", *s)); s++) {
                if (quote ? *s == quote : *s == '\'' || *s == '"') {
                        quote = quote ? '\0' : *s;
                        continue;
                }
                if (quote != '\'') {
                        require(!strchr("`;<()#*?[]~!{}", *s));
                        require(*s != '$' || startswith(s, "$WSL_DISTRO_NAME\""));
                }
                if (*s == '\\' && quote != '\'')
                        require(*++s);
                *ret++ = *s;
        }
        require(!quote);
        *ret = '\0';
        return s;
}

static void require_remedy(const char *remedy) {
        char word[sizeof(((Finding *) NULL)->remedy)];
        bool begins = true;

        for (const char *s = remedy; *s;) {
                if (*s == ' ')
                        s++;
                else if (startswith(s, "&& ") || startswith(s, "| ")) {
                        require(!begins);
                        s += *s == '&' ? 2 : 1;
                        begins = true;
                } else if (startswith(s, ">> "))
                        s += 2;
                else {
                        const char *end = shell_word(s, word);

                        require(end > s); /* a shell takes no other sign here */
                        s = end;
                        require(!begins || is_command(word) || streq(word, "sudo"));
                        begins = begins && streq(word, "sudo");
                }
        }
        require(!begins || isempty(remedy));
}

static void require_finding(const Finding *finding) {
        char remedy[sizeof(finding->remedy)];

        require(!isempty(finding->check) && finding->verdict < _VERDICT_MAX);
        require(memchr(finding->finding, '\0', sizeof(finding->finding)));
        require(memchr(finding->remedy, '\0', sizeof(finding->remedy)));
        require(is_printable(finding->finding) && is_printable(finding->remedy));
        require_remedy(finding->remedy);

        memcpy(remedy, finding->remedy, sizeof(remedy));
        remedy_without_sudo(remedy);
        require(strlen(remedy) <= strlen(finding->remedy) && !startswith(remedy, "sudo "));
        require_remedy(remedy);
}

static Fact take_fact(FuzzInput *input) {
        return (Fact) (fuzz_byte(input) % (FACT_YES + 1U));
}

static FirewallFact take_firewall(FuzzInput *input) {
        Fact on = take_fact(input);

        return (FirewallFact){ on, take_fact(input) };
}

static WslSetting take_setting(FuzzInput *input) {
        unsigned line = fuzz_byte(input);

        return (WslSetting){ line, fuzz_byte(input) };
}

static void take_unit(FuzzInput *input, UnitFact *ret) {
        uint8_t bits = fuzz_byte(input);

        ret->installed = bits & 1;
        ret->masked = bits & 2;
        ret->enabled = bits & 4;
        ret->active = bits & 8;
        ret->starting = ret->active && bits & 16;
        ret->failed = bits & 32;
}

static void take_text(FuzzInput *input, char *ret, size_t size) {
        _cleanup_free_ char *text = fuzz_text(input, '\n');

        snprintf(ret, size, "%s", text);
}

/* A unit's name, of the characters that systemd allows (unit-name.c), or "". */
static void take_name(FuzzInput *input, char *ret, size_t size) {
        take_text(input, ret, size);
        ret[strspn(ret, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\@")] = '\0';
        if (ret[0] == '\0' || ret[strlen(ret) - 1] == '\\')
                ret[0] = '\0';
}

/* A path with a line, or none. */
static void take_place(FuzzInput *input, ConfigPlace *ret) {
        take_text(input, ret->file, sizeof(ret->file));
        ret->line = (unsigned) strlen(ret->file);
}

static void take_facts(FuzzInput *input, CheckFacts *ret) {
        CheckFacts *f = ret;

        f->machine.root = fuzz_byte(input) & 1;
        f->machine.mode = fuzz_byte(input) % _MODE_MAX;
        f->machine.systemd = take_fact(input);
        f->machine.systemd_setting = take_setting(input);
        take_unit(input, &f->daemon.unit);
        f->daemon.answers = take_fact(input);
        f->daemon.last_bind = fuzz_byte(input) % _BIND_MAX;
        f->config.valid = take_fact(input);
        f->config.error_place.line = fuzz_byte(input);
        f->config.values.relocate = fuzz_byte(input) % _RELOCATE_MAX;
        f->config.values.socket_activation = fuzz_byte(input) % _SOCKET_ACTIVATION_MAX;
        f->config.values.places[CONFIG_CANDIDATE_PORTS].line = fuzz_byte(input);
        f->config.values.n_candidates = fuzz_byte(input) % (CONFIG_CANDIDATES_MAX + 1U);
        for (size_t i = 0; i < f->config.values.n_candidates; i++)
                f->config.values.candidates[i] = (PortRange){ (uint16_t) (8022 + i * 997), (uint16_t) (8022 + i * 1000) };
        f->sshd.installed = take_fact(input);
        f->sshd.verdict = fuzz_byte(input) % (SSHD_VERDICT_OUR_FILE_REFUSED + 1U);
        f->sshd.host_keys = take_fact(input);
        f->sshd.run_directory = take_fact(input);
        take_unit(input, &f->sshd.service);
        take_unit(input, &f->sshd.socket);
        f->port.home = fuzz_u16(input);
        f->port.number = fuzz_u16(input);
        f->port.listens = take_fact(input);
        uint8_t listens = fuzz_byte(input);
        f->port.loopback_only = listens & 1;
        f->port.ipv6_only = listens & 2;
        f->sshd.fixed = listens & 4;
        f->sshd.socket_has_twice = listens & 8;
        strcpy(f->port.absent, listens & 16 ? "100.64.0.4" : "");
        f->port.absent_line.line = listens & 32;
        f->port.loopback_line.line = fuzz_byte(input);
        f->port.holder = fuzz_byte(input) % _HOLDER_MAX;
        f->port.holder_pid = fuzz_u16(input);
        f->port.home_holder = fuzz_byte(input) % _HOLDER_MAX;
        f->windows.sshd_start = fuzz_byte(input) % _WINDOWS_START_MAX;
        f->windows.refuses = take_fact(input);
        f->windows.range.first = fuzz_u16(input);
        f->windows.range.last = fuzz_u16(input);
        f->windows.lets_in = take_fact(input);
        f->addresses.usable = take_fact(input);
        f->wslconfig.found = take_fact(input);
        bool editable = !(fuzz_byte(input) & 1);
        f->wslconfig.values.networking_mode = take_setting(input);
        f->wslconfig.values.ignored_ports = take_setting(input);
        f->wslconfig.values.instance_idle_timeout = take_setting(input);
        f->wslconfig.values.vm_idle_timeout = take_setting(input);
        f->wslconfig.values.mode = fuzz_byte(input) % _MODE_MAX;
        f->wslconfig.values.n_ports = fuzz_byte(input) % (WSLCONFIG_PORTS_MAX + 1U);
        for (size_t i = 0; i < f->wslconfig.values.n_ports; i++)
                f->wslconfig.values.ports[i] = (uint16_t) (f->port.number + i * 257);
        f->wslconfig.values.instance_idle_msec = (int16_t) fuzz_u16(input);
        f->wslconfig.values.vm_idle_msec = (int16_t) fuzz_u16(input);
        f->firewalls[HINT_SELINUX] = take_firewall(input);
        f->firewalls[HINT_UFW] = take_firewall(input);
        f->firewalls[HINT_FIREWALLD] = take_firewall(input);

        take_name(input, f->daemon.unit.name, sizeof(f->daemon.unit.name));
        take_text(input, f->daemon.unit.result, sizeof(f->daemon.unit.result));
        take_text(input, f->daemon.reason, sizeof(f->daemon.reason));
        take_text(input, f->config.error, sizeof(f->config.error));
        take_text(input, f->sshd.error, sizeof(f->sshd.error));
        take_name(input, f->sshd.service.name, sizeof(f->sshd.service.name));
        take_text(input, f->sshd.service.result, sizeof(f->sshd.service.result));
        take_name(input, f->sshd.socket.name, sizeof(f->sshd.socket.name));
        take_text(input, f->sshd.last_error, sizeof(f->sshd.last_error));
        take_text(input, f->port.loopback_line.file, sizeof(f->port.loopback_line.file));
        take_text(input, f->port.holder_name, sizeof(f->port.holder_name));
        take_text(input, f->port.holder_unit, sizeof(f->port.holder_unit));
        take_text(input, f->port.home_detail, sizeof(f->port.home_detail));
        memcpy(f->port.holder_detail, f->port.home_detail, sizeof(f->port.holder_detail));
        take_text(input, f->addresses.lan, sizeof(f->addresses.lan));
        take_text(input, f->addresses.mesh, sizeof(f->addresses.mesh));
        take_text(input, f->addresses.link_local, sizeof(f->addresses.link_local));
        take_text(input, f->wslconfig.path, sizeof(f->wslconfig.path));
        if (!editable || !is_printable(f->wslconfig.path))
                f->wslconfig.path[0] = '\0';
        f->machine.packages = fuzz_byte(input) % (PACKAGES_PACMAN + 1U);

        f->port.rules.from = f->port.home;
        f->port.rules.to = f->port.number;
        f->port.rules.error = fuzz_byte(input) & 1 ? -EACCES : 0;
        for (PortRuleKind kind = 0; kind < _PORT_RULE_MAX; kind++)
                take_place(input, &f->port.rules.places[kind]);

        take_text(input, f->config.error_place.file, sizeof(f->config.error_place.file));
        strcpy(f->config.values.places[CONFIG_CANDIDATE_PORTS].file, f->config.error_place.file);

        f->windows.greeting = fuzz_byte(input) % (GREETING_WINDOWS_OPENSSH + 1U);
        f->port.home_greeting = fuzz_byte(input) % (HOME_GREETS_AS_SSHD + 1U);
        f->config.values.interop = fuzz_byte(input) & 1;
        f->windows.rules.n = fuzz_byte(input) & 1;
        f->windows.rules.rules[0].blocks = true;
        strcpy(f->windows.rules.rules[0].remote, "Any");
        take_text(input, f->windows.rules.rules[0].name, sizeof(f->windows.rules.rules[0].name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        char file[CHECK_PATH_SIZE];
        Finding findings[FINDINGS_MAX];
        CheckFacts facts = { 0 };
        unsigned line;
        size_t n;

        take_facts(&input, &facts);

        n = checks_run(&facts, findings);
        require(n > 0 && n <= FINDINGS_MAX);
        for (size_t i = 0; i < n; i++) {
                require_finding(&findings[i]);
                require(!isempty(findings[i].finding));
        }

        findings[0] = (Finding){ 0 };
        check_who(&facts, &findings[0]);
        require_finding(&findings[0]); /* empty where a holder's kind is all that is known */

        fuzz_untouched(file);
        fuzz_untouched(line);
        if (sshd_error_find_line(facts.sshd.error, file, &line)) {
                require(line > 0 && file[0] == '/' && memchr(file, '\0', sizeof(file)));
                require(startswith(facts.sshd.error, file));
        } else {
                require_untouched(file);
                require_untouched(line);
        }
        return 0;
}
