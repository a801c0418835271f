/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/checks.h"
#include "fuzz/fuzz.h"

/* What `wslportctl diagnose` says of any facts, whatever the texts among them: one printable line each, and a
 * remedy that can be pasted, which runs none but commands of ours.
 *
 * The input: a byte or two for each fact that isn't a text, in their order; then the texts, a line each, in theirs; and
 * an os-release up to the end. */

static bool is_command(const char *word) {
        static const char *const commands[] = { "sed", "systemctl", "printf", "tee", "wsl.exe", "ssh-keygen", "mkdir",
                                                "apt-get", "dnf", "zypper", "pacman", "ufw", "firewall-cmd", "semanage",
                                                "kill", "wslportctl" };

        for (size_t i = 0; i < ELEMENTSOF(commands); i++)
                if (streq(commands[i], word))
                        return true;
        return false;
}

/* The next word as a shell takes it, the first of a command or not (POSIX, 2.2 and 2.3). Nothing is expanded but one
 * variable of ours, and quotes are closed. */
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

                        require(end > s); /* no other sign of a shell's */
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
        require(memchr(finding->finding, '\0', sizeof(finding->finding)) && !isempty(finding->finding));
        require(memchr(finding->remedy, '\0', sizeof(finding->remedy)));
        require(path_is_printable(finding->finding) && path_is_printable(finding->remedy));
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

/* Such names are systemd's (unit-name.c), or none at all. */
static void take_name(FuzzInput *input, char *ret, size_t size) {
        take_text(input, ret, size);
        ret[strspn(ret, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\@")] = '\0';
        if (ret[0] == '\0' || ret[strlen(ret) - 1] == '\\')
                ret[0] = '\0';
}

static void take_facts(FuzzInput *input, CheckFacts *ret) {
        CheckFacts *f = ret;

        f->root = fuzz_byte(input) & 1;
        f->mode = fuzz_byte(input) % _MODE_MAX;
        f->systemd = take_fact(input);
        f->systemd_setting = take_setting(input);
        take_unit(input, &f->daemon);
        f->daemon_answers = take_fact(input);
        f->state = fuzz_byte(input) % _STATE_MAX;
        f->config_valid = take_fact(input);
        f->config_line = fuzz_byte(input);
        f->relocate = fuzz_byte(input) % _RELOCATE_MAX;
        f->socket_activation = fuzz_byte(input) % _SOCKET_ACTIVATION_MAX;
        f->candidates_line = fuzz_byte(input);
        f->n_candidates = fuzz_byte(input) % (CONFIG_CANDIDATES_MAX + 1U);
        for (size_t i = 0; i < f->n_candidates; i++)
                f->candidates[i] = (PortRange){ (uint16_t) (8022 + i * 997), (uint16_t) (8022 + i * 1000) };
        f->sshd_installed = take_fact(input);
        f->verdict = fuzz_byte(input) % (SSHD_VERDICT_OUR_FILE_REFUSED + 1U);
        f->host_keys = take_fact(input);
        f->run_directory = take_fact(input);
        take_unit(input, &f->service);
        take_unit(input, &f->socket);
        f->home_port = fuzz_u16(input);
        f->port = fuzz_u16(input);
        f->listens = take_fact(input);
        uint8_t listens = fuzz_byte(input);
        f->loopback_only = listens & 1;
        f->ipv6_only = listens & 2;
        f->fixed = listens & 4;
        f->listen_line = fuzz_byte(input);
        f->holder = fuzz_byte(input) % _HOLDER_MAX;
        f->holder_pid = fuzz_u16(input);
        f->home_holder = fuzz_byte(input) % _HOLDER_MAX;
        f->windows_sshd = fuzz_byte(input) % _WINDOWS_START_MAX;
        f->windows_refuses = take_fact(input);
        f->range_first = fuzz_u16(input);
        f->range_last = fuzz_u16(input);
        f->firewall_rule = take_fact(input);
        f->has_addresses = take_fact(input);
        f->wslconfig = take_fact(input);
        f->wslconfig_wide = fuzz_byte(input) & 1;
        f->wsl.networking_mode = take_setting(input);
        f->wsl.ignored_ports = take_setting(input);
        f->wsl.instance_idle_timeout = take_setting(input);
        f->wsl.vm_idle_timeout = take_setting(input);
        f->wsl.mode = fuzz_byte(input) % _MODE_MAX;
        f->wsl.n_ports = fuzz_byte(input) % (WSLCONFIG_PORTS_MAX + 1U);
        for (size_t i = 0; i < f->wsl.n_ports; i++)
                f->wsl.ports[i] = (uint16_t) (f->port + i * 257);
        f->wsl.instance_idle_msec = (int16_t) fuzz_u16(input);
        f->wsl.vm_idle_msec = (int16_t) fuzz_u16(input);
        f->selinux = take_firewall(input);
        f->ufw = take_firewall(input);
        f->firewalld = take_firewall(input);

        take_name(input, f->daemon.name, sizeof(f->daemon.name));
        take_text(input, f->daemon.result, sizeof(f->daemon.result));
        take_text(input, f->reason, sizeof(f->reason));
        take_text(input, f->config_error, sizeof(f->config_error));
        take_text(input, f->sshd_error, sizeof(f->sshd_error));
        take_name(input, f->service.name, sizeof(f->service.name));
        take_text(input, f->service.result, sizeof(f->service.result));
        take_name(input, f->socket.name, sizeof(f->socket.name));
        take_text(input, f->last_error, sizeof(f->last_error));
        take_text(input, f->listen_file, sizeof(f->listen_file));
        take_text(input, f->holder_name, sizeof(f->holder_name));
        take_text(input, f->holder_unit, sizeof(f->holder_unit));
        take_text(input, f->home_detail, sizeof(f->home_detail));
        memcpy(f->holder_detail, f->home_detail, sizeof(f->holder_detail));
        take_text(input, f->lan, sizeof(f->lan));
        take_text(input, f->tailscale, sizeof(f->tailscale));
        take_text(input, f->link_local, sizeof(f->link_local));
        take_text(input, f->wslconfig_path, sizeof(f->wslconfig_path));
        if (!path_is_printable(f->wslconfig_path))
                f->wslconfig_path[0] = '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        char file[CHECK_PATH_SIZE];
        Finding findings[CHECKS_MAX];
        _cleanup_free_ char *os = NULL;
        CheckFacts facts = { 0 };
        unsigned line;
        size_t n;

        take_facts(&input, &facts);
        os = fuzz_text(&input, '\0');
        facts.packages = packages_from_os_release(os);
        require(facts.packages <= PACKAGES_PACMAN);

        n = checks_run(&facts, findings);
        require(n > 0 && n <= CHECKS_MAX);
        for (size_t i = 0; i < n; i++)
                require_finding(&findings[i]);

        fuzz_untouched(file);
        fuzz_untouched(line);
        if (sshd_error_find_line(facts.sshd_error, file, &line)) {
                require(line > 0 && file[0] == '/' && memchr(file, '\0', sizeof(file)));
                require(startswith(facts.sshd_error, file));
        } else {
                require_untouched(file);
                require_untouched(line);
        }
        return 0;
}
