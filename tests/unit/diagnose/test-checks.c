/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/checks.h"

#include "unit/test.h"

/* A machine on which nothing is wrong. */
static CheckFacts well(void) {
        return (CheckFacts){
                .machine = { .root = true, .mode = MODE_MIRRORED, .systemd = FACT_YES, .packages = PACKAGES_APT },
                .daemon = {
                        .unit = { "wslportd.service", .installed = true, .enabled = true, .active = true },
                        .answers = FACT_YES,
                },
                .config = {
                        .valid = FACT_YES,
                        .values = { .candidates = { { 2222, 2222 }, { 2200, 2299 } }, .n_candidates = 2 },
                },
                .sshd = {
                        .installed = FACT_YES,
                        .verdict = SSHD_VERDICT_VALID,
                        .host_keys = FACT_YES,
                        .run_directory = FACT_YES,
                        .service = { "ssh.service", .installed = true, .enabled = true, .active = true },
                },
                .port = {
                        .home = 22,
                        .number = 2222,
                        .listens = FACT_YES,
                        .holder = HOLDER_NONE,
                        .home_holder = HOLDER_WINDOWS_OPENSSH,
                        .home_detail = "OpenSSH_for_Windows_9.5",
                },
                .windows = { .refuses = FACT_NO, .lets_in = FACT_YES, .greeting = GREETING_SSH },
                .addresses = { .usable = FACT_YES, .lan = "192.0.2.1" },
                .wslconfig = {
                        .found = FACT_YES,
                        .path = "/mnt/c/Users/me/.wslconfig",
                        .values = { .instance_idle_msec = -1 },
                },
                .firewalls = { { FACT_NO, FACT_UNKNOWN }, { FACT_NO, FACT_UNKNOWN }, { FACT_NO, FACT_UNKNOWN } },
        };
}

static const Finding *find(const Finding *findings, size_t n, const char *check) {
        for (size_t i = 0; i < n; i++)
                if (streq(findings[i].check, check))
                        return &findings[i];
        test_fail("there is no check %s", check);
}

#define CHANGE(name) static void name(CheckFacts *f)

CHANGE(nothing) { (void) f; }
CHANGE(all_unknown) { *f = (CheckFacts){ 0 }; }
CHANGE(not_wsl) { f->machine.mode = MODE_NOT_WSL; }
CHANGE(no_systemd) { f->machine.systemd = FACT_NO; }
CHANGE(no_systemd_boot_section) { f->machine.systemd = FACT_NO; f->machine.systemd_setting.section_line = 2; }
CHANGE(no_systemd_said) { f->machine.systemd = FACT_NO; f->machine.systemd_setting = (WslSetting){ 4, 2 }; }
CHANGE(daemon_absent) { f->daemon.unit.installed = f->daemon.unit.active = f->daemon.unit.enabled = false; }
CHANGE(daemon_masked) { f->daemon.unit.masked = true; }
CHANGE(daemon_off) { f->daemon.unit.active = f->daemon.unit.enabled = false; }
CHANGE(daemon_failed) { f->daemon.unit.active = false; f->daemon.unit.failed = true; strcpy(f->daemon.unit.result, "exit-code"); }
CHANGE(daemon_disabled) { f->daemon.unit.enabled = false; }
CHANGE(daemon_silent) { f->daemon.answers = FACT_NO; }
CHANGE(daemon_answers_unseen) { f->daemon.unit.name[0] = '\0'; }
CHANGE(daemon_unseen) { f->daemon.unit.name[0] = '\0'; f->daemon.answers = FACT_UNKNOWN; }
CHANGE(config_line) { f->config.valid = FACT_NO; f->config.error_place = (ConfigPlace){ "/etc/wslportd.conf", 7 }; strcpy(f->config.error, "no such key"); }
CHANGE(config_drop_in) { config_line(f); strcpy(f->config.error_place.file, "/run/wslportd.conf.d/my $x.conf"); }
CHANGE(config_warning) { config_line(f); f->config.valid = FACT_YES; }
CHANGE(config_whole) { f->config.valid = FACT_NO; f->config.error_place = (ConfigPlace){ "/etc/wslportd.conf", 0 }; strcpy(f->config.error, "too long"); }
CHANGE(nat) { f->machine.mode = MODE_NAT; }
CHANGE(nat_mesh) { f->machine.mode = MODE_NAT; strcpy(f->addresses.mesh, "100.64.0.1"); }
CHANGE(nat_no_file) { f->machine.mode = MODE_NAT; f->wslconfig.found = FACT_UNKNOWN; f->wslconfig.path[0] = '\0'; }
CHANGE(nat_key) { f->machine.mode = MODE_NAT; f->wslconfig.values.mode = MODE_NAT; f->wslconfig.values.networking_mode = (WslSetting){ 3, 2 }; }
CHANGE(nat_section) { f->machine.mode = MODE_NAT; f->wslconfig.values.networking_mode.section_line = 2; }
CHANGE(nat_uneditable) { f->machine.mode = MODE_NAT; f->wslconfig.path[0] = '\0'; }
CHANGE(nat_quotes) { f->machine.mode = MODE_NAT; strcpy(f->wslconfig.path, "/mnt/c/Users/O'Neil $x/.wslconfig"); }
CHANGE(nat_though_mirrored) { f->machine.mode = MODE_NAT; f->wslconfig.values.mode = MODE_MIRRORED; }
CHANGE(wsl1) { f->machine.mode = MODE_WSL1; }
CHANGE(not_installed) { f->sshd.installed = FACT_NO; }
CHANGE(not_installed_dnf) { f->sshd.installed = FACT_NO; f->machine.packages = PACKAGES_DNF; }
CHANGE(not_installed_zypper) { f->sshd.installed = FACT_NO; f->machine.packages = PACKAGES_ZYPPER; }
CHANGE(not_installed_pacman) { f->sshd.installed = FACT_NO; f->machine.packages = PACKAGES_PACMAN; }
CHANGE(not_installed_other) { f->sshd.installed = FACT_NO; f->machine.packages = PACKAGES_UNKNOWN; }
CHANGE(refused) {
        f->sshd.verdict = SSHD_VERDICT_REFUSED;
        strcpy(f->sshd.error, "/etc/ssh/sshd_config: line 3: Bad configuration option: Foo");
}
CHANGE(refused_down) { refused(f); f->sshd.service.active = false; f->sshd.service.failed = true; f->port.listens = FACT_NO; }
CHANGE(refused_starting) { refused(f); f->sshd.service.starting = true; }
CHANGE(no_run_directory_starting) { f->sshd.service.starting = true; f->sshd.run_directory = FACT_NO; }
CHANGE(refused_bom) { refused(f); strcpy(f->sshd.error, "/etc/ssh/sshd_config: line 1: Bad configuration option: \\357\\273\\277Include"); }
CHANGE(refused_utf16) { refused(f); strcpy(f->sshd.error, "/etc/ssh/sshd_config line 1: no argument after keyword \"\\377\\376I\""); }
CHANGE(refused_match) { refused(f); strcpy(f->sshd.error, "/etc/ssh/sshd_config line 3: Bad Match condition"); }
CHANGE(refused_include) { refused(f); strcpy(f->sshd.error, "/etc/ssh/sshd_config line 3: no argument after keyword \"Include\""); }
CHANGE(refused_long_name) {
        refused(f);
        memset(f->sshd.error + 1, 'x', 200);
        strcpy(f->sshd.error + 200, ": line 3: \\376\\377");
}
CHANGE(refused_no_line) { f->sshd.verdict = SSHD_VERDICT_REFUSED; strcpy(f->sshd.error, "something \033[31m else"); }
CHANGE(refused_for_ours) { f->sshd.verdict = SSHD_VERDICT_OUR_FILE_REFUSED; }
CHANGE(config_unseen_user) { f->sshd.verdict = SSHD_VERDICT_UNKNOWN; f->machine.root = false; }
CHANGE(config_unseen) { f->sshd.verdict = SSHD_VERDICT_UNKNOWN; strcpy(f->sshd.error, "did not end in time"); }
CHANGE(no_keys) { f->sshd.host_keys = FACT_NO; }
CHANGE(no_keys_down) { f->sshd.host_keys = FACT_NO; f->sshd.service.active = f->sshd.service.starting = true; }
CHANGE(key_missing) { no_keys(f); strcpy(f->sshd.error, "no hostkeys available: Unable to load host key: /data/key"); }
CHANGE(key_missing_usual) { no_keys(f); strcpy(f->sshd.error, "no hostkeys available: Unable to load host key: /etc/ssh/ssh_host_rsa_key"); }
CHANGE(keys_missing) { no_keys(f); strcpy(f->sshd.error, "sshd: no hostkeys available -- exiting."); }
CHANGE(key_open) { no_keys(f); strcpy(f->sshd.error, "no hostkeys available: Permissions 0644 for '/data/k $x' are too open."); }
CHANGE(run_directory_unseen) { f->sshd.run_directory = FACT_UNKNOWN; }
CHANGE(no_run_directory) { f->sshd.run_directory = FACT_NO; }
CHANGE(no_run_directory_down) { f->sshd.run_directory = FACT_NO; f->sshd.service.active = false; }
CHANGE(not_enabled) { f->sshd.service.enabled = false; }
CHANGE(not_enabled_stopped) { f->sshd.service.enabled = f->sshd.service.active = false; }
CHANGE(sshd_masked) { f->sshd.service.masked = true; f->sshd.service.enabled = f->sshd.service.active = false; f->port.listens = FACT_NO; }
CHANGE(by_socket) {
        f->sshd.service.enabled = f->sshd.service.active = false;
        f->sshd.socket = (UnitFact){ "ssh.socket", .installed = true, .enabled = true, .active = true };
}
CHANGE(socket_unwanted) { by_socket(f); f->config.values.socket_activation = SOCKET_ACTIVATION_DISABLE; }
CHANGE(socket_unwanted_fixed) { socket_unwanted(f); f->sshd.fixed = true; }
CHANGE(socket_wanted_off) { f->config.values.socket_activation = SOCKET_ACTIVATION_DISABLE; }
CHANGE(socket_unseen) { f->config.values.socket_activation = SOCKET_ACTIVATION_DISABLE; f->sshd.service.name[0] = '\0'; }
CHANGE(socket_enabled_unwanted) {
        f->config.values.socket_activation = SOCKET_ACTIVATION_DISABLE;
        f->sshd.socket = (UnitFact){ "ssh.socket", .installed = true, .enabled = true };
}
CHANGE(socket_lost) { by_socket(f); f->port.listens = FACT_NO; }
CHANGE(stopped) { f->sshd.service.active = false; f->port.listens = FACT_NO; }
CHANGE(failed) {
        stopped(f);
        f->sshd.service.failed = true;
        strcpy(f->sshd.service.result, "exit-code");
        strcpy(f->sshd.last_error, "error: Bind to port 22");
}
CHANGE(failed_user) { failed(f); f->sshd.last_error[0] = '\0'; f->machine.root = false; }
CHANGE(units_unseen) { f->sshd.service.name[0] = '\0'; }
CHANGE(units_unseen_deaf) { f->sshd.service.name[0] = '\0'; f->port.listens = FACT_UNKNOWN; }
CHANGE(held) {
        failed(f);
        f->port.holder = HOLDER_LINUX;
        f->port.holder_pid = 71;
        strcpy(f->port.holder_name, "nginx");
        strcpy(f->port.holder_unit, "nginx.service");
}
CHANGE(held_unit_quotes) { held(f); strcpy(f->port.holder_unit, "a\\x2db$(x).service"); }
CHANGE(held_by_pid) { held(f); f->port.holder_unit[0] = '\0'; }
CHANGE(held_by_distro) { stopped(f); f->port.holder = HOLDER_OTHER_DISTRO; }
CHANGE(held_by_windows) { stopped(f); f->port.holder = HOLDER_WINDOWS; f->daemon.unit.active = false; }
CHANGE(held_by_windows_ssh) { held_by_windows(f); strcpy(f->port.holder_detail, "OpenSSH_9"); }
CHANGE(held_by_windows_up) { stopped(f); f->port.holder = HOLDER_WINDOWS; strcpy(f->daemon.reason, "Relocate=never"); }
CHANGE(starts_with_windows) { f->windows.sshd_start = WINDOWS_START_AUTOMATIC; }
CHANGE(started_on_windows) { f->windows.sshd_start = WINDOWS_START_MANUAL; }
CHANGE(disabled_on_windows) { f->windows.sshd_start = WINDOWS_START_DISABLED; }
CHANGE(not_by_sshd) { f->windows.sshd_start = WINDOWS_START_DISABLED; f->port.home_holder = HOLDER_WINDOWS; }
CHANGE(held_by_someone) { f->port.holder = HOLDER_UNKNOWN; f->port.listens = FACT_UNKNOWN; f->machine.root = false; }
CHANGE(home_silent) { f->port.home_greeting = HOME_SILENT; }
CHANGE(home_silent_for_good) { home_silent(f); f->config.values.relocate = RELOCATE_MIRRORED; }
CHANGE(home_silent_range) { home_silent(f); f->port.home_holder = HOLDER_WINDOWS; }
CHANGE(home_proxied) { f->port.home_holder = HOLDER_WINDOWS; f->port.home_greeting = HOME_GREETS_AS_SSHD; }
CHANGE(at_home) { f->port.number = f->port.home = 22; f->port.home_holder = HOLDER_SSHD; }
CHANGE(at_home_nat) { at_home(f); nat(f); }
CHANGE(host_loopback) { f->wslconfig.values.host_address_loopback = true; }
CHANGE(held_by_windows_perhaps) { stopped(f); f->port.holder = HOLDER_UNKNOWN; }
CHANGE(held_by_windows_unanswered) { held_by_windows_perhaps(f); f->config.values.interop = true; }
CHANGE(port_unknown) { f->port.number = 0; f->port.listens = FACT_UNKNOWN; f->machine.root = false; }
CHANGE(bound) { f->daemon.last_bind = BIND_FREE; }
CHANGE(tracker_dead) { f->daemon.last_bind = BIND_TRACKER_DEAD; }
CHANGE(tracker_dead_down) { failed(f); tracker_dead(f); }
CHANGE(tracker_dead_refused) { refused_down(f); tracker_dead(f); }
CHANGE(tracker_dead_half) { f->port.ipv6_only = true; tracker_dead(f); }
CHANGE(tracker_dead_range) { f->windows.refuses = FACT_YES; tracker_dead(f); }
CHANGE(windows_silent) { f->daemon.last_bind = BIND_NO_ANSWER; }
CHANGE(windows_silent_refused) { refused_down(f); windows_silent(f); }
CHANGE(tracker_dead_nat) { refused_down(f); tracker_dead(f); nat(f); }
CHANGE(starting) { f->sshd.service.starting = true; f->port.listens = FACT_NO; }
CHANGE(windows_silent_down) { starting(f); windows_silent(f); }
CHANGE(all_taken) { stopped(f); strcpy(f->daemon.reason, "Windows holds 22, and " REASON_NO_CANDIDATE " is free: add one"); }
CHANGE(all_taken_line) { all_taken(f); f->config.values.places[CONFIG_CANDIDATE_PORTS] = (ConfigPlace){ "/etc/wslportd.conf", 9 }; }
CHANGE(all_taken_drop_in) { all_taken(f); f->config.values.places[CONFIG_CANDIDATE_PORTS] = (ConfigPlace){ "/etc/wslportd.conf.d/a b.conf", 9 }; }
CHANGE(all_taken_twice) {
        all_taken_line(f);
        f->config.values.candidates[0] = (PortRange){ 8022, 8022 };
        f->config.values.candidates[1] = (PortRange){ 10000, 11000 };
}
CHANGE(all_taken_all) { all_taken_twice(f); f->config.values.candidates[0] = (PortRange){ 1024, 65535 }; }
CHANGE(all_taken_many) {
        all_taken_line(f);
        for (f->config.values.n_candidates = 0; f->config.values.n_candidates < CONFIG_CANDIDATES_MAX; f->config.values.n_candidates++)
                f->config.values.candidates[f->config.values.n_candidates] = (PortRange){ 2222, 2222 };
}
CHANGE(all_taken_refused) { all_taken(f); f->config.valid = FACT_NO; }
CHANGE(range) { f->windows.refuses = FACT_YES; f->windows.range.first = 2200; f->windows.range.last = 2300; }
CHANGE(range_daemon_off) { range(f); f->daemon.unit.active = false; }
CHANGE(range_unseen) { f->windows.refuses = FACT_UNKNOWN; f->port.listens = FACT_NO; }
CHANGE(range_untold) { range_unseen(f); f->config.values.interop = true; }
CHANGE(range_perhaps) { stopped(f); range(f); f->windows.refuses = FACT_UNKNOWN; }
CHANGE(range_nat) { nat(f); f->windows.refuses = FACT_YES; }
CHANGE(loopback) { f->port.loopback_only = true; f->port.loopback_line = (ConfigPlace){ "/etc/ssh/sshd_config", 12 }; }
CHANGE(loopback_socket) { by_socket(f); loopback(f); }
CHANGE(half) { f->port.ipv6_only = true; }
CHANGE(absent_nowhere) { stopped(f); strcpy(f->port.absent, "100.64.0.4"); }
CHANGE(absent) { absent_nowhere(f); f->port.absent_line = (ConfigPlace){ "/etc/ssh/sshd_config", 3 }; }
CHANGE(twice) { stopped(f); strcpy(f->sshd.socket.name, "ssh.socket"); f->sshd.socket_has_twice = true; }
CHANGE(loopback_nowhere) { f->port.loopback_only = true; }
CHANGE(no_address) { f->addresses.usable = FACT_NO; f->addresses.lan[0] = '\0'; }
CHANGE(wrong_address) { no_address(f); strcpy(f->addresses.link_local, "169.254.1.1"); }
CHANGE(mesh) { strcpy(f->addresses.mesh, "100.64.0.1"); }
CHANGE(consomme) { f->machine.mode = MODE_CONSOMME; }
CHANGE(addresses_unseen) { f->addresses.usable = FACT_UNKNOWN; }
CHANGE(ignored) {
        f->wslconfig.values.ports[0] = 80, f->wslconfig.values.ports[1] = 2222, f->wslconfig.values.ports[2] = 443;
        f->wslconfig.values.n_ports = 3;
        f->wslconfig.values.ignored_ports = (WslSetting){ 5, 4 };
}
CHANGE(ignored_alone) { ignored(f); f->wslconfig.values.ports[0] = 2222; f->wslconfig.values.n_ports = 1; }
CHANGE(ignored_other) { ignored(f); f->port.number = 22; }
CHANGE(wslconfig_unseen) { f->wslconfig.found = FACT_UNKNOWN; f->wslconfig.path[0] = '\0'; f->wslconfig.values = (WslConfig){ 0 }; }
CHANGE(wslconfig_ambiguous) { wslconfig_unseen(f); f->wslconfig.ambiguous = true; }
CHANGE(wslconfig_ambiguous_in_nat) { nat(f); wslconfig_ambiguous(f); }
CHANGE(rule_missing) { f->windows.lets_in = FACT_NO; }
CHANGE(greeted_by_windows) { f->windows.greeting = GREETING_WINDOWS_OPENSSH; }
CHANGE(greeted_by_nobody) { f->windows.greeting = GREETING_REFUSED; }
CHANGE(greeted_unseen) { f->windows.greeting = GREETING_UNKNOWN; }
CHANGE(greeted_untold) { greeted_unseen(f); f->config.values.interop = true; }
CHANGE(rule_blocks) {
        rule_missing(f);
        f->windows.rules = (WindowsRules){ .rules = { { .blocks = true, .name = "no ssh", .remote = "Any" } }, .n = 1 };
}
CHANGE(rules_ignored) { rule_missing(f); f->windows.rules.ignored = true; }
CHANGE(rule_unseen) { f->windows.lets_in = FACT_UNKNOWN; }
CHANGE(rule_untold) { rule_unseen(f); f->config.values.interop = true; }
CHANGE(idle) { f->wslconfig.values.instance_idle_msec = 15000; f->wslconfig.values.vm_idle_msec = 60000; }
CHANGE(idle_vm_never) { f->wslconfig.values.instance_idle_msec = 15000; f->wslconfig.values.vm_idle_msec = -1; }
CHANGE(idle_absent) { idle(f); f->wslconfig.found = FACT_NO; }
CHANGE(openers_on) { f->firewalls[HINT_SELINUX] = f->firewalls[HINT_UFW] = f->firewalls[HINT_FIREWALLD] = (FirewallFact){ FACT_YES, FACT_NO }; }
CHANGE(openers_open) { f->firewalls[HINT_SELINUX] = f->firewalls[HINT_UFW] = f->firewalls[HINT_FIREWALLD] = (FirewallFact){ FACT_YES, FACT_YES }; }
CHANGE(openers_half_seen) { f->firewalls[HINT_SELINUX] = f->firewalls[HINT_UFW] = f->firewalls[HINT_FIREWALLD] = (FirewallFact){ FACT_YES, FACT_UNKNOWN }; }
CHANGE(openers_on_no_port) { openers_on(f); f->port.number = 0; }
CHANGE(openers_unseen) { f->firewalls[HINT_SELINUX] = f->firewalls[HINT_UFW] = f->firewalls[HINT_FIREWALLD] = (FirewallFact){ 0 }; }

CHANGE(ruled) {
        f->port.rules = (PortRules){ .from = 22, .to = 2222 };
        f->port.rules.places[PORT_RULE_MATCH] = (ConfigPlace){ "/etc/ssh/sshd_config", 7 };
}
CHANGE(ruled_by_fail2ban) { ruled(f); f->port.rules.places[PORT_RULE_MATCH].line = 0; f->port.rules.places[PORT_RULE_BAN] = (ConfigPlace){ "/etc/fail2ban/jail.local", 6 }; }
CHANGE(packets_let_in) { ruled(f); f->port.rules.places[PORT_RULE_LET_IN] = (ConfigPlace){ "/etc/nftables.conf", 8 }; }
CHANGE(packets_diverted) { packets_let_in(f); f->port.rules.places[PORT_RULE_DIVERT] = (ConfigPlace){ "/etc/iptables/rules.v4", 2 }; }
CHANGE(ruled_by_long_names) {
        for (PortRuleKind kind = 0; kind < _PORT_RULE_MAX; kind++) {
                memset(f->port.rules.places[kind].file, 'x', sizeof(f->port.rules.places[kind].file) - 1);
                f->port.rules.places[kind].line = 1;
        }
}
CHANGE(rules_unseen) { f->port.rules.error = -EACCES; f->machine.root = false; }

#define UNKNOWN VERDICT_UNKNOWN
#define OK VERDICT_OK
#define WARNING VERDICT_WARNING
#define PROBLEM VERDICT_PROBLEM
#define SKIPPED VERDICT_SKIPPED
#define START "sudo systemctl enable --now wslportd.service"
#define RELOAD " && sudo systemctl try-reload-or-restart wslportd.service"
#define ANEW " && wsl.exe --shutdown"
#define FILE_OF_ME " /mnt/c/Users/me/.wslconfig"

static const struct {
        const char *name;
        void (*change)(CheckFacts *facts);
        const char *check;
        Verdict verdict;
        const char *finding; /* a part of the finding */
        const char *remedy;  /* the whole remedy */
} rows[] = {
        { "systemd", nothing, "systemd", OK, "runs", "" },
        { "the daemon answers, systemd does not", daemon_answers_unseen, "daemon", OK, "answers", "" },
        { "systemd unknown", all_unknown, "systemd", UNKNOWN, "can't tell whether systemd runs", "" },
        { "no systemd", no_systemd, "systemd", PROBLEM, "systemd=true",
          "printf '\\n[boot]\\nsystemd=true\\n' | sudo tee -a /etc/wsl.conf" ANEW },
        { "no systemd, [boot]", no_systemd_boot_section, "systemd", PROBLEM, "",
          "sudo sed -i '2a systemd=true' /etc/wsl.conf" ANEW },
        { "no systemd, said so", no_systemd_said, "systemd", PROBLEM, "",
          "sudo sed -i '4s/.*/systemd=true/' /etc/wsl.conf" ANEW },

        { "daemon", nothing, "daemon", OK, "enabled and runs", "" },
        { "daemon absent", daemon_absent, "daemon", PROBLEM, "does not know",
          "sudo systemctl daemon-reload && " START },
        { "daemon masked", daemon_masked, "daemon", PROBLEM, "masked",
          "sudo systemctl unmask wslportd.service && " START },
        { "daemon off", daemon_off, "daemon", PROBLEM, "not enabled", START },
        { "daemon failed", daemon_failed, "daemon", PROBLEM, "failed (exit-code)",
          "sudo systemctl reset-failed wslportd.service && " START },
        { "daemon disabled", daemon_disabled, "daemon", PROBLEM, "next boot", START },
        { "daemon silent", daemon_silent, "daemon", WARNING, "D-Bus", "" },
        { "daemon unknown", daemon_unseen, "daemon", UNKNOWN, "can't ask systemd", "" },

        { "configuration", nothing, "configuration", OK, "", "" },
        { "configuration, a warning", config_warning, "configuration", WARNING, "/etc/wslportd.conf:7: no such key", "" },
        { "configuration, a line", config_line, "configuration", PROBLEM, "/etc/wslportd.conf:7: no such key", "" },
        { "configuration, a drop-in's line", config_drop_in, "configuration", PROBLEM, "/run/wslportd.conf.d/my $x.conf:7: no such key", "" },
        { "configuration, all of it", config_whole, "configuration", PROBLEM, "refuses /etc/wslportd.conf: too long", "" },
        { "configuration unknown", all_unknown, "configuration", UNKNOWN, "", "" },

        { "mode", nothing, "networking-mode", OK, "mirrored", "" },
        { "mode unknown", all_unknown, "networking-mode", UNKNOWN, "wslinfo", "" },
        { "nat", nat, "networking-mode", PROBLEM, "networkingMode=mirrored",
          "printf '\\n[wsl2]\\nnetworkingMode=mirrored\\n' >>" FILE_OF_ME ANEW },
        { "nat, and a mesh", nat_mesh, "networking-mode", WARNING, "by a mesh only",
          "printf '\\n[wsl2]\\nnetworkingMode=mirrored\\n' >>" FILE_OF_ME ANEW },
        { "nat, its key there", nat_key, "networking-mode", PROBLEM, "",
          "sed -i '3s/.*/networkingMode=mirrored/'" FILE_OF_ME ANEW },
        { "nat, its section there", nat_section, "networking-mode", PROBLEM, "",
          "sed -i '2a networkingMode=mirrored'" FILE_OF_ME ANEW },
        { "nat, a file that sed can't edit", nat_uneditable, "networking-mode", PROBLEM, "[wsl2]", "" },
        { "nat, the file not found", nat_no_file, "networking-mode", PROBLEM, "wsl.exe --shutdown", "" },
        { "nat, a name with quotes", nat_quotes, "networking-mode", PROBLEM, "",
          "printf '\\n[wsl2]\\nnetworkingMode=mirrored\\n' >> '/mnt/c/Users/O'\\''Neil $x/.wslconfig'" ANEW },
        { "nat, though it says mirrored", nat_though_mirrored, "networking-mode", PROBLEM, "shut down since",
          "wsl.exe --shutdown" },
        { "WSL 1", wsl1, "networking-mode", PROBLEM, "WSL 1", "wsl.exe --set-version \"$WSL_DISTRO_NAME\" 2" },
        { "not WSL", not_wsl, "networking-mode", SKIPPED, "not WSL", "" },
        { "not WSL, daemon", not_wsl, "daemon", SKIPPED, "not WSL", "" },

        { "installed", nothing, "sshd-installed", OK, "", "" },
        { "installed unknown", all_unknown, "sshd-installed", UNKNOWN, "", "" },
        { "not installed, apt", not_installed, "sshd-installed", PROBLEM, "",
          "sudo apt-get install -y openssh-server" },
        { "not installed, dnf", not_installed_dnf, "sshd-installed", PROBLEM, "", "sudo dnf install -y openssh-server" },
        { "not installed, zypper", not_installed_zypper, "sshd-installed", PROBLEM, "",
          "sudo zypper --non-interactive install openssh" },
        { "not installed, pacman", not_installed_pacman, "sshd-installed", PROBLEM, "",
          "sudo pacman -S --noconfirm openssh" },
        { "not installed, what installs?", not_installed_other, "sshd-installed", PROBLEM, "", "" },
        { "not installed skips others", not_installed, "listening", SKIPPED, "not installed", "" },

        { "sshd's config", nothing, "sshd-config", OK, "", "" },
        { "sshd's config unknown to root", config_unseen, "sshd-config", UNKNOWN, "did not end in time", "" },
        { "sshd's config unknown to a user", config_unseen_user, "sshd-config", UNKNOWN, "sudo", "" },
        { "sshd's config refused", refused, "sshd-config", PROBLEM, "line 3: Bad configuration option: Foo",
          "sudo sed -i --follow-symlinks '3s/^/#/' /etc/ssh/sshd_config && sudo sshd -t && sudo systemctl restart ssh.service" },
        { "sshd's config refused, and sshd failed on it", refused_down, "sshd-config", PROBLEM, "",
          "sudo sed -i --follow-symlinks '3s/^/#/' /etc/ssh/sshd_config && sudo systemctl reset-failed ssh.service && "
          "sudo systemctl restart ssh.service" },
        { "sshd's config refused, and sshd is starting", refused_starting, "sshd-config", PROBLEM, "",
          "sudo sed -i --follow-symlinks '3s/^/#/' /etc/ssh/sshd_config && sudo systemctl reset-failed ssh.service && "
          "sudo systemctl restart ssh.service" },
        { "no run-time directory, and sshd is starting", no_run_directory_starting, "run-directory", SKIPPED, "when sshd starts", "" },
        { "what it is refused for is told once", refused_down, "sshd-running", PROBLEM, "see sshd-config", "" },
        { "sshd's config begins with a mark", refused_bom, "sshd-config", PROBLEM, "the file begins with a byte order mark (BOM)",
          "sudo sed -i --follow-symlinks '1s/^\\xef\\xbb\\xbf//' /etc/ssh/sshd_config && sudo sshd -t && sudo systemctl restart ssh.service" },
        { "sshd's config in UTF-16", refused_utf16, "sshd-config", PROBLEM, "the file is in UTF-16",
          "sudo iconv -f UTF-16 -t UTF-8 -o /etc/ssh/sshd_config.utf8 /etc/ssh/sshd_config && "
          "sudo cp /etc/ssh/sshd_config.utf8 /etc/ssh/sshd_config && sudo rm /etc/ssh/sshd_config.utf8 && "
          "sudo sshd -t && sudo systemctl restart ssh.service" },
        { "sshd's config in UTF-16, too long a command", refused_long_name, "sshd-config", PROBLEM, "the file is in UTF-16", "" },
        { "sshd's config refused, a Match", refused_match, "sshd-config", PROBLEM, "line 3", "" },
        { "sshd's config refused, an Include", refused_include, "sshd-config", PROBLEM, "line 3", "" },
        { "sshd's config refused, no line", refused_no_line, "sshd-config", PROBLEM, "something ?[31m else", "" },
        { "our file refused", refused_for_ours, "sshd-config", PROBLEM, "wslportd's file",
          "sudo systemctl restart wslportd.service" },

        { "host keys", nothing, "host-keys", OK, "", "" },
        { "host keys unknown", all_unknown, "host-keys", UNKNOWN, "", "" },
        { "no host keys", no_keys, "host-keys", PROBLEM, "", "sudo ssh-keygen -A && sudo systemctl restart ssh.service" },
        { "no host keys, and it tries again and again", no_keys_down, "host-keys", PROBLEM, "",
          "sudo ssh-keygen -A && sudo systemctl reset-failed ssh.service && sudo systemctl restart ssh.service" },

        { "the named key is missing", key_missing, "host-keys", PROBLEM, "Unable to load host key: /data/key", "" },
        { "a usual key is missing", key_missing_usual, "host-keys", PROBLEM, "ssh_host_rsa_key",
          "sudo ssh-keygen -A && sudo systemctl restart ssh.service" },
        { "sshd names no key", keys_missing, "host-keys", PROBLEM, "no hostkeys available",
          "sudo ssh-keygen -A && sudo systemctl restart ssh.service" },
        { "others can read the key", key_open, "host-keys", PROBLEM, "Permissions 0644",
          "sudo chmod 600 '/data/k $x' && sudo systemctl restart ssh.service" },

        { "run directory", nothing, "run-directory", OK, "", "" },
        { "no run directory", no_run_directory, "run-directory", PROBLEM, "/run/sshd", "sudo mkdir -m 0755 /run/sshd" },
        { "run directory unknown", run_directory_unseen, "run-directory", UNKNOWN, "can't tell", "" },
        { "no run directory, sshd is down", no_run_directory_down, "run-directory", SKIPPED, "", "" },

        { "enabled", nothing, "sshd-enabled", OK, "ssh.service", "" },
        { "enabled, the socket", by_socket, "sshd-enabled", OK, "ssh.socket", "" },
        { "not enabled", not_enabled, "sshd-enabled", PROBLEM, "", "sudo systemctl enable ssh.service" },
        { "not enabled, and stopped", not_enabled_stopped, "sshd-enabled", PROBLEM, "",
          "sudo systemctl enable --now ssh.service" },
        { "masked", sshd_masked, "sshd-enabled", PROBLEM, "masked",
          "sudo systemctl unmask ssh.service && sudo systemctl enable --now ssh.service" },
        { "masked, so it isn't started", sshd_masked, "sshd-running", PROBLEM, "", "" },
        { "enabled unknown", units_unseen, "sshd-enabled", UNKNOWN, "", "" },

        { "running", nothing, "sshd-running", OK, "", "" },
        { "running, by the socket", by_socket, "sshd-running", OK, "ssh.socket", "" },
        { "running, without systemd", units_unseen, "sshd-running", OK, "", "" },
        { "running unknown", units_unseen_deaf, "sshd-running", UNKNOWN, "", "" },
        { "stopped", stopped, "sshd-running", PROBLEM, "does not run", "sudo systemctl restart ssh.service" },
        { "failed", failed, "sshd-running", PROBLEM, "failed (exit-code): error: Bind to port 22",
          "sudo systemctl reset-failed ssh.service && sudo systemctl restart ssh.service" },
        { "failed, for a user", failed_user, "sshd-running", PROBLEM, "sudo wslportctl diagnose",
          "sudo systemctl reset-failed ssh.service && sudo systemctl restart ssh.service" },
        { "failed, for another has the port", held, "sshd-running", PROBLEM, "see port-holder", "" },

        { "socket kept", by_socket, "ssh-socket", SKIPPED, "only SocketActivation=disable", "" },
        { "socket against the policy", socket_unwanted, "ssh-socket", PROBLEM, "ssh.socket is active",
          "sudo systemctl disable --now ssh.socket && sudo systemctl enable --now ssh.service" },
        { "socket, and a service that could not be moved", socket_unwanted_fixed, "ssh-socket", PROBLEM, "its port is fixed", "" },
        { "socket enabled against the policy", socket_enabled_unwanted, "ssh-socket", PROBLEM, "ssh.socket is enabled",
          "sudo systemctl disable --now ssh.socket && sudo systemctl enable --now ssh.service" },
        { "no socket, as the policy has it", socket_wanted_off, "ssh-socket", OK, "", "" },
        { "socket unknown", socket_unseen, "ssh-socket", UNKNOWN, "", "" },

        { "holder", nothing, "port-holder", OK, "Windows (OpenSSH_for_Windows_9.5) has 22", "" },
        { "holder starts by itself", starts_with_windows, "port-holder", OK,
          "has 22, with an sshd that starts with Windows; Set-Service sshd -StartupType Disabled", "" },
        { "holder is started by hand", started_on_windows, "port-holder", OK, "Stop-Service sshd", "" },
        { "holder is disabled", disabled_on_windows, "port-holder", OK, "gone at the next start of Windows", "" },
        { "holder isn't sshd", not_by_sshd, "port-holder", OK, "(OpenSSH_for_Windows_9.5) has 22", "" },
        { "holder, a unit", held, "port-holder", PROBLEM, "nginx (pid 71, nginx.service) has port 2222",
          "sudo systemctl stop nginx.service" },
        { "holder, a unit of a strange name", held_unit_quotes, "port-holder", PROBLEM, "",
          "sudo systemctl stop 'a\\x2db$(x).service'" },
        { "holder, a process", held_by_pid, "port-holder", PROBLEM, "nginx (pid 71) has", "sudo kill 71" },
        { "holder, another distro", held_by_distro, "port-holder", PROBLEM, "another WSL distro",
          "wsl.exe --list --running" },
        { "holder, Windows, and no daemon", held_by_windows, "port-holder", PROBLEM, "a program or a reserved range",
          START },
        { "holder, Windows by name", held_by_windows_ssh, "port-holder", PROBLEM, "Windows (OpenSSH_9) has port 2222", START },
        { "holder, Windows, and the daemon won't", held_by_windows_up, "port-holder", PROBLEM, "Relocate=never", "" },
        { "holder unknown", held_by_someone, "port-holder", UNKNOWN, "sudo", "" },
        { "home is silent", home_silent, "port-holder", WARNING, "does not answer on 22 any more", "sudo wslportctl restore" },
        { "home is silent, and Windows' for good", home_silent_for_good, "port-holder", OK, "has 22", "" },
        { "home is silent, and was no sshd", home_silent_range, "port-holder", OK, "Windows (OpenSSH_for_Windows_9.5) has 22", "" },
        { "home is proxied", home_proxied, "port-holder", OK, "perhaps this one by a port proxy", "" },
        { "at home", at_home, "port-holder", OK, "Relocate=mirrored", "" },
        { "at home in nat", at_home_nat, "port-holder", OK, "nobody else has port 22", "" },
        { "LAN, and Windows", nothing, "addresses", OK, "Windows itself uses localhost", "" },
        { "LAN, and Windows by it", host_loopback, "addresses", OK, "other machines use 192.0.2.1 (LAN)", "" },
        { "holder, perhaps Windows", held_by_windows_perhaps, "port-holder", SKIPPED, "before sshd binds it", "" },
        { "holder, perhaps Windows, which is asked", held_by_windows_unanswered, "port-holder", UNKNOWN, "before sshd binds it", "" },
        { "holder, no port known", port_unknown, "port-holder", UNKNOWN, "sudo", "" },

        { "range", nothing, "windows-range", OK, "", "" },
        { "range, all candidates", all_taken, "windows-range", PROBLEM, "no port",
          "printf '\\n[Policy]\\nCandidatePorts=2222 2200-2299 8022 10022-10121 30022-30121\\n' | "
          "sudo tee -a /etc/wslportd.conf" RELOAD },
        { "range, all candidates of a line", all_taken_line, "windows-range", PROBLEM, "",
          "sudo sed -i --follow-symlinks '9s/=[^#;]*/=2222 2200-2299 8022 10022-10121 30022-30121 /' /etc/wslportd.conf" RELOAD },
        { "range, all candidates of a drop-in", all_taken_drop_in, "windows-range", PROBLEM, "",
          "sudo sed -i --follow-symlinks '9s/=[^#;]*/=2222 2200-2299 8022 10022-10121 30022-30121 /' '/etc/wslportd.conf.d/a b.conf'" RELOAD },
        { "range, some of ours among all candidates", all_taken_twice, "windows-range", PROBLEM, "",
          "sudo sed -i --follow-symlinks '9s/=[^#;]*/=8022 10000-11000 30022-30121 /' /etc/wslportd.conf" RELOAD },
        { "range, nothing is left to add", all_taken_all, "windows-range", PROBLEM, "no port", "" },
        { "range, no room to add", all_taken_many, "windows-range", PROBLEM, "no port", "" },
        { "range, in a file that is refused", all_taken_refused, "windows-range", PROBLEM, "no port", "" },
        { "range, by interop", range, "windows-range", PROBLEM, "2200-2300", "sudo systemctl restart wslportd.service" },
        { "range, by interop, no daemon", range_daemon_off, "windows-range", PROBLEM, "2200-2300", START },
        { "range unknown", range_unseen, "windows-range", SKIPPED, "see windows-firewall", "" },
        { "range unknown to Windows", range_untold, "windows-range", UNKNOWN, "before sshd binds it", "" },
        { "a range that may be", range_perhaps, "windows-range", UNKNOWN, "may refuse it", "" },
        { "a range that may be: no cause", range_perhaps, "listening", PROBLEM, "does not listen on port 2222", "sudo systemctl restart ssh.service" },
        { "range in nat", range_nat, "windows-range", SKIPPED, "", "" },

        { "tracker", bound, "port-tracker", OK, "Windows has answered", "" },
        { "tracker, not asked", nothing, "port-tracker", SKIPPED, "no bind()", "" },
        { "tracker in nat", nat, "port-tracker", SKIPPED, "share no ports", "" },
        { "tracker dead", tracker_dead_down, "port-tracker", PROBLEM, "WSL's port tracker is dead", "wsl.exe --shutdown" },
        { "tracker dead, sshd listens", tracker_dead, "port-tracker", PROBLEM, "loses its own", "wsl.exe --shutdown" },
        { "tracker dead: no restart", tracker_dead_down, "sshd-running", PROBLEM, "see port-tracker", "" },
        { "tracker dead: nor from elsewhere", tracker_dead_down, "listening", PROBLEM, "see port-tracker", "" },
        { "tracker dead: nor after a file is mended", tracker_dead_refused, "sshd-config", PROBLEM, "Bad configuration", "" },
        { "tracker dead: nor for half a port", tracker_dead_half, "listen-address", PROBLEM, "IPv6", "" },
        { "tracker dead: nor for a range", tracker_dead_range, "windows-range", PROBLEM, "", "" },
        { "Windows silent", windows_silent_down, "port-tracker", PROBLEM, "has not answered", "wsl.exe --shutdown" },
        { "Windows silent, sshd listens", windows_silent, "port-tracker", UNKNOWN, "has not answered", "" },
        { "Windows silent, perhaps long ago", windows_silent_refused, "port-tracker", UNKNOWN, "whether it answers now is not known", "" },
        { "Windows silent, perhaps long ago: mended as ever", windows_silent_refused, "sshd-config", PROBLEM, "Bad configuration",
          "sudo sed -i --follow-symlinks '3s/^/#/' /etc/ssh/sshd_config && sudo systemctl reset-failed ssh.service && "
          "sudo systemctl restart ssh.service" },
        { "tracker dead, ports not shared: mended as ever", tracker_dead_nat, "sshd-config", PROBLEM, "Bad configuration",
          "sudo sed -i --follow-symlinks '3s/^/#/' /etc/ssh/sshd_config && sudo systemctl reset-failed ssh.service && "
          "sudo systemctl restart ssh.service" },
        { "Windows silent, sshd waits", windows_silent_down, "sshd-running", WARNING, "still starting; see port-tracker", "" },
        { "starting", starting, "sshd-running", WARNING, "ssh.service is still starting", "" },

        { "listening", nothing, "listening", OK, "2222", "" },
        { "not listening", stopped, "listening", PROBLEM, "", "sudo systemctl restart ssh.service" },
        { "not listening, a socket that lost its own", socket_lost, "listening", PROBLEM, "",
          "sudo systemctl restart ssh.socket" },
        { "not listening, told elsewhere", held, "listening", PROBLEM, "see port-holder", "" },
        { "listening unknown", held_by_someone, "listening", UNKNOWN, "root", "" },
        { "listening, no port known", port_unknown, "listening", UNKNOWN, "sudo", "" },

        { "address", nothing, "listen-address", OK, "", "" },
        { "loopback", loopback, "listen-address", PROBLEM, "/etc/ssh/sshd_config:12",
          "sudo sed -i --follow-symlinks '12s/^/#/' /etc/ssh/sshd_config && sudo sshd -t && sudo systemctl reload ssh.service" },
        { "loopback, of a socket", loopback_socket, "listen-address", PROBLEM, "/etc/ssh/sshd_config:12",
          "sudo sed -i --follow-symlinks '12s/^/#/' /etc/ssh/sshd_config && sudo systemctl daemon-reload && sudo systemctl restart "
          "ssh.socket" },
        { "half of its port", half, "listen-address", PROBLEM, "on IPv6 only", "sudo systemctl restart ssh.service" },
        { "loopback, nowhere said", loopback_nowhere, "listen-address", PROBLEM, "does not tell why", "" },
        { "an address that isn't there", absent, "listen-address", PROBLEM,
          "no address 100.64.0.4 (/etc/ssh/sshd_config:3)", "" },
        { "an address that isn't there, nowhere said", absent_nowhere, "listen-address", PROBLEM, "no address 100.64.0.4", "" },
        { "an address twice", twice, "listen-address", PROBLEM, "twice", "sudo systemctl edit ssh.socket" },
        { "address unknown", held_by_someone, "listen-address", UNKNOWN, "", "" },
        { "address of none", stopped, "listen-address", SKIPPED, "", "" },

        { "LAN", nothing, "addresses", OK, "192.0.2.1 (LAN)", "" },
        { "LAN and mesh", mesh, "addresses", OK, "192.0.2.1 (LAN) or 100.64.0.1 (mesh)", "" },
        { "no address", no_address, "addresses", PROBLEM, "no address", "wsl.exe --shutdown" },
        { "wrong address", wrong_address, "addresses", PROBLEM, "169.254.1.1", "wsl.exe --shutdown" },
        { "an address inside of Windows", nat, "addresses", PROBLEM, "see networking-mode", "" },
        { "an address inside of Windows, and a mesh", nat_mesh, "addresses", OK, "machines use 100.64.0.1 (mesh)", "" },
        { "addresses of Windows", consomme, "addresses", UNKNOWN, "ipconfig.exe", "" },
        { "addresses unknown", addresses_unseen, "addresses", UNKNOWN, "", "" },

        { "ports ignored: none", nothing, "ignored-ports", OK, "", "" },
        { "ports ignored: ours among them", ignored, "ignored-ports", PROBLEM, "line 5",
          "sed -i '5s/.*/ignoredPorts=80,443/'" FILE_OF_ME ANEW },
        { "ports ignored: ours", ignored_alone, "ignored-ports", PROBLEM, "line 5", "sed -i 5d" FILE_OF_ME ANEW },
        { "ports ignored: others", ignored_other, "ignored-ports", OK, "", "" },
        { "ports ignored: unknown", wslconfig_unseen, "ignored-ports", UNKNOWN, "", "" },

        { "rule", nothing, "windows-firewall", OK, "2222", "" },
        { "no rule", rule_missing, "windows-firewall", PROBLEM, "2222", "wslportctl firewall --apply" },
        { "a rule that blocks", rule_blocks, "windows-firewall", PROBLEM, "\"no ssh\"", "" },
        { "rules that a policy ignores", rules_ignored, "windows-firewall", PROBLEM, "AllowLocalFirewallRules", "" },
        { "rule unknown", rule_unseen, "windows-firewall", UNKNOWN, "Interop=no", "wslportctl firewall --apply" },
        { "rule unknown to Windows", rule_untold, "windows-firewall", UNKNOWN, "Windows has not told", "wslportctl firewall --apply" },
        { "rule in nat", nat, "windows-firewall", SKIPPED, "", "" },

        { "idle", nothing, "idle-timeout", OK, "", "" },
        { "idle, of which WSL", idle, "idle-timeout", WARNING, "2.5.8",
          "printf '\\n[general]\\ninstanceIdleTimeout=-1\\n' >>" FILE_OF_ME ANEW },
        { "idle, stopped", idle, "idle-timeout", WARNING, "15 s after",
          "printf '\\n[general]\\ninstanceIdleTimeout=-1\\n' >>" FILE_OF_ME ANEW },
        { "idle, the VM lives on", idle_vm_never, "idle-timeout", WARNING, "vmIdleTimeout does not help",
          "printf '\\n[general]\\ninstanceIdleTimeout=-1\\n' >>" FILE_OF_ME ANEW },
        { "idle, no file yet", idle_absent, "idle-timeout", WARNING, "15 s after",
          "printf '\\n[general]\\ninstanceIdleTimeout=-1\\n' >>" FILE_OF_ME ANEW },
        { "idle, which user's", wslconfig_ambiguous, "idle-timeout", SKIPPED, "see windows-firewall", "" },
        { "idle, which user's, in nat", wslconfig_ambiguous_in_nat, "idle-timeout", UNKNOWN, "instanceIdleTimeout=-1", "" },
        { "ports ignored: which user's", wslconfig_ambiguous, "ignored-ports", SKIPPED, "see windows-firewall", "" },
        { "idle unknown", wslconfig_unseen, "idle-timeout", UNKNOWN, "instanceIdleTimeout=-1", "" },

        { "from Windows", nothing, "from-windows", OK, "localhost:2222", "" },
        { "from Windows, to Windows", greeted_by_windows, "from-windows", PROBLEM, "its own sshd", "" },
        { "from Windows, nobody", greeted_by_nobody, "from-windows", WARNING, "no greeting at localhost:2222", "" },
        { "from Windows, not asked", greeted_unseen, "from-windows", SKIPPED, "see windows-firewall", "" },
        { "from Windows, no answer", greeted_untold, "from-windows", UNKNOWN, "can't tell", "" },
        { "from Windows, and sshd is down", stopped, "from-windows", SKIPPED, "does not listen", "" },

        { "SELinux off", nothing, "selinux", SKIPPED, "", "" },
        { "SELinux lets it", openers_open, "selinux", OK, "2222", "" },
        { "SELinux", openers_on, "selinux", PROBLEM, "2222", "sudo semanage port -a -t ssh_port_t -p tcp 2222" },
        { "SELinux half known", openers_half_seen, "selinux", UNKNOWN, "", "sudo semanage port -a -t ssh_port_t -p tcp 2222" },
        { "SELinux unknown", openers_unseen, "selinux", UNKNOWN, "", "" },
        { "ufw off", nothing, "ufw", SKIPPED, "", "" },
        { "ufw lets it", openers_open, "ufw", OK, "2222", "" },
        { "ufw", openers_on, "ufw", PROBLEM, "2222", "sudo ufw allow 2222/tcp" },
        { "ufw, port unknown", openers_on_no_port, "ufw", UNKNOWN, "can't tell sshd's port", "" },
        { "ufw unknown", openers_unseen, "ufw", UNKNOWN, "", "" },
        { "firewalld off", nothing, "firewalld", SKIPPED, "", "" },
        { "firewalld lets it", openers_open, "firewalld", OK, "2222", "" },
        { "firewalld", openers_on, "firewalld", PROBLEM, "2222",
          "sudo firewall-cmd --permanent --add-port=2222/tcp && sudo firewall-cmd --reload" },
        { "firewalld unknown", openers_unseen, "firewalld", UNKNOWN, "", "" },

        { "packets", nothing, "packet-filter", OK, "no file of nftables or iptables", "" },
        { "packets, no port", port_unknown, "packet-filter", UNKNOWN, "not every rule", "" },
        { "packets, unseen", rules_unseen, "packet-filter", UNKNOWN, "sudo wslportctl diagnose may tell", "" },
        { "packets, let in elsewhere", packets_let_in, "packet-filter", WARNING, "the rule for port 22 in /etc/nftables.conf:8 does not let in to port 2222", "" },
        { "packets, diverted", packets_diverted, "packet-filter", PROBLEM, "/etc/iptables/rules.v4:2 sends elsewhere", "" },

        { "rules", nothing, "port-rules", OK, "no rule for another port", "" },
        { "rules, no port", port_unknown, "port-rules", UNKNOWN, "not every rule", "" },
        { "rules, unseen", rules_unseen, "port-rules", UNKNOWN, "sudo wslportctl diagnose may tell", "" },
        { "rules, a Match", ruled, "port-rules", WARNING, "Match LocalPort 22 in /etc/ssh/sshd_config:7 does not match", "" },
        { "rules, fail2ban", ruled_by_fail2ban, "port-rules", WARNING, "fail2ban's rule for port 22 in /etc/fail2ban/jail.local:6",
          "printf '[sshd]\\nport = 22,2222\\n' | sudo tee /etc/fail2ban/jail.d/zz-sshd-port.local && "
          "sudo systemctl try-reload-or-restart fail2ban.service" },
        { "rules, a long name", ruled_by_long_names, "port-rules", WARNING, "xxx:1 does not match", "" },
};

static void test_check(const void *data) {
        const __typeof__(rows[0]) *row = data;
        Finding findings[FINDINGS_MAX];
        const Finding *finding;
        CheckFacts f = well();

        row->change(&f);
        finding = find(findings, checks_run(&f, findings), row->check);
        test_equal_string(verdict_to_string(finding->verdict), verdict_to_string(row->verdict));
        test_contains(finding->finding, row->finding);
        test_equal_string(finding->remedy, row->remedy);
}

/* Without facts no check claims anything, without faults no check suggests anything, and the table has a row for each
 * verdict of each check. */
static void test_as_a_whole(void) {
        Finding findings[FINDINGS_MAX];
        CheckFacts f = { 0 };
        size_t n;

        n = checks_run(&f, findings);
        for (size_t i = 0; i < n; i++) {
                if (findings[i].verdict != VERDICT_UNKNOWN && findings[i].verdict != VERDICT_SKIPPED)
                        test_fail("%s claims %s of nothing", findings[i].check, findings[i].finding);
                test_assert(findings[i].finding[0]);
        }

        f = well();
        n = checks_run(&f, findings);
        for (size_t i = 0; i < n; i++) {
                bool ok = false, wrong = false, unknown = false;

                if (findings[i].verdict != VERDICT_OK && findings[i].verdict != VERDICT_SKIPPED)
                        test_fail("%s says %s", findings[i].check, findings[i].finding);
                test_equal_string(findings[i].remedy, "");

                for (size_t k = 0; k < ELEMENTSOF(rows); k++)
                        if (streq(rows[k].check, findings[i].check)) {
                                ok = ok || rows[k].verdict == VERDICT_OK;
                                wrong = wrong || rows[k].verdict == VERDICT_PROBLEM || rows[k].verdict == VERDICT_WARNING;
                                unknown = unknown || rows[k].verdict == VERDICT_UNKNOWN;
                        }
                if (!ok || !wrong || (!unknown && !streq(findings[i].check, "run-directory")))
                        test_fail("%s is not tried for all that it says", findings[i].check);
        }
}

/* However long or strange the texts are, no half command comes out, and each text is one line. */
static void test_hostile_facts(void) {
        Finding findings[FINDINGS_MAX];
        char text[sizeof(findings[0].finding)];
        CheckFacts f = well();
        size_t n;

        failed(&f);
        nat(&f);
        memset(f.wslconfig.path, '\'', sizeof(f.wslconfig.path) - 1);
        memset(f.sshd.last_error, '\t', sizeof(f.sshd.last_error) - 1);
        strcpy(f.sshd.service.result, "\033]0;x\a\xff\xc3\xa9\xe2\x80\xae");
        n = checks_run(&f, findings);
        for (size_t i = 0; i < n; i++) {
                test_equal_string(printable(findings[i].finding, text, sizeof(text)), findings[i].finding);
                test_equal_string(printable(findings[i].remedy, text, sizeof(text)), findings[i].remedy);
                test_assert(!strchr(findings[i].remedy, '\t'));
        }
        test_equal_string(find(findings, n, "networking-mode")->remedy, "");
        test_contains(find(findings, n, "sshd-running")->finding, "(?]0;x?" "?\xc3\xa9?)");
}

CHANGE(asked) { f->port = (ListenFacts){ .number = 80, .listens = FACT_NO, .holder = HOLDER_NONE }; f->machine.root = false; }
CHANGE(asked_sshd) { asked(f); f->port.listens = FACT_YES; }
CHANGE(asked_unseen) { asked(f); f->port.listens = FACT_UNKNOWN; f->port.holder = HOLDER_UNKNOWN; }
CHANGE(asked_unseen_by_root) { asked_unseen(f); f->machine.root = true; }
CHANGE(asked_linux) { asked(f); f->port.holder = HOLDER_LINUX; f->port.holder_pid = 7; strcpy(f->port.holder_name, "nginx"); }
CHANGE(asked_bound) { asked(f); f->port.holder = HOLDER_LINUX; strcpy(f->port.holder_detail, "a socket here that does not listen"); }
CHANGE(asked_distro) { asked(f); f->port.holder = HOLDER_OTHER_DISTRO; }
CHANGE(asked_openssh) { asked(f); f->port.holder = HOLDER_WINDOWS_OPENSSH; strcpy(f->port.holder_detail, "OpenSSH_for_Windows_9.5"); }
CHANGE(asked_windows) { asked(f); f->port.holder = HOLDER_WINDOWS; strcpy(f->port.holder_detail, "x\033[31m"); }
CHANGE(asked_silent) { asked(f); f->port.holder = HOLDER_UNKNOWN; }
CHANGE(asked_for_everyone) { asked_silent(f); f->machine.for_everyone = true; }
CHANGE(asked_range) { asked(f); f->windows.range = (PortRange){ 50000, 50059 }; }
CHANGE(asked_nat) { asked(f); f->machine.mode = MODE_NAT; }
CHANGE(asked_no_mode) { asked(f); f->machine.mode = MODE_UNKNOWN; }

static const struct {
        const char *name;
        void (*change)(CheckFacts *f);
        const char *holder, *detail;
} holders[] = {
        { "nobody", asked, "unknown", "nobody listens: free, as far as can be seen without binding it" },
        { "sshd", asked_sshd, "sshd", "ssh.service" },
        { "somebody", asked_unseen, "unknown", "a process of this distro or of another listens; root can see which" },
        { "somebody, for root", asked_unseen_by_root, "unknown", "a process of this distro or of another listens" },
        { "a process", asked_linux, "linux", "nginx (pid 7)" },
        { "a socket, by the daemon", asked_bound, "linux", "a socket here that does not listen" },
        { "another distro", asked_distro, "other-distro", "" },
        { "Windows' sshd", asked_openssh, "windows-openssh", "OpenSSH_for_Windows_9.5" },
        { "a program of Windows'", asked_windows, "windows", "x?[31m" },
        { "no answer", asked_silent, "unknown", "nobody here listens; Windows has not answered" },
        { "Windows isn't asked", asked_for_everyone, "unknown", "nobody here listens; wslportctl who asks Windows, too" },
        { "a range", asked_range, "unknown", "nobody listens, but Windows may refuse 50000-50059: an excluded port range" },
        { "nat", asked_nat, "none", "nobody here listens; Windows isn't looked at (networking mode: nat)" },
        { "no mode", asked_no_mode, "unknown", "nobody here listens; the networking mode isn't known" },
};

static void test_holder(const void *data) {
        const __typeof__(holders[0]) *row = data;
        Finding finding = { 0 };
        CheckFacts f = well();

        row->change(&f);
        check_who(&f, &finding);
        test_equal_string(finding.check, row->holder);
        test_equal_string(finding.finding, row->detail);
        test_equal_string(finding.remedy, "");
}

static const struct {
        const char *name, *error, *file; /* .file NULL: the error names none */
        unsigned line;
} errors[] = {
        { "an option", "/etc/ssh/sshd_config: line 3: Bad configuration option: x", "/etc/ssh/sshd_config", 3 },
        { "a value", "/etc/ssh/sshd_config line 41: Badly formatted port number.", "/etc/ssh/sshd_config", 41 },
        { "the command line", "command-line line 0: x", NULL, 0 },
        { "no file", "no hostkeys available -- exiting.", NULL, 0 },
        { "line 0", "/a line 0: x", NULL, 0 },
        { "no number", "/a line x: x", NULL, 0 },
        { "no end", "/a line 3", NULL, 0 },
        { "too large", "/a line 99999999999999999999: x", NULL, 0 },
        { "nothing", "", NULL, 0 },
};

static void test_error(const void *data) {
        const __typeof__(errors[0]) *row = data;
        char file[CHECK_PATH_SIZE] = "";
        unsigned line = 0;

        test_equal_int(sshd_error_find_line(row->error, file, &line), row->file != NULL);
        test_equal_string(file, strempty(row->file));
        test_equal_int(line, row->line);
}

int main(int argc, char *argv[]) {
        static const Test tests[] = {
                TEST_TABLE(test_check, rows),
                TEST(test_as_a_whole),
                TEST(test_hostile_facts),
                TEST_TABLE(test_holder, holders),
                TEST_TABLE(test_error, errors),
        };

        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
