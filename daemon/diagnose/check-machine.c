/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/checks.h"

#include "core/config-file.h"

/* wslportd itself, and what WSL's own files say. */

#define WSL_CONF "/etc/wsl.conf"

/* Suggests to set a key in a file of WSL's: on the key's own line, else below its section, else at the
 * end. */
static void suggest_setting(Finding *r, const char *path, bool root, const WslSetting *setting,
                            const char *section, const char *key, const char *value) {
        ShellText file = quote(path);
        const char *sudo = root ? "sudo " : "";

        if (setting->line != 0)
                suggest(r, "%ssed -i '%us/.*/%s=%s/' %s && " SHUTDOWN, sudo, setting->line, key, value,
                        file.text);
        else if (setting->section_line != 0)
                suggest(r, "%ssed -i '%ua %s=%s' %s && " SHUTDOWN, sudo, setting->section_line, key, value,
                        file.text);
        else
                suggest(r, "printf '\\n[%s]\\n%s=%s\\n' %s %s && " SHUTDOWN, section, key, value,
                        root ? "| sudo tee -a" : ">>", file.text);
}

static void suggest_wslconfig(Finding *r, const CheckFacts *f, const WslSetting *setting,
                              const char *section, const char *key, const char *value) {
        if (f->wslconfig.path[0])
                suggest_setting(r, f->wslconfig.path, false, setting, section, key, value);
}

void check_systemd(const CheckFacts *f, Finding *r) {
        if (say_fact(r, f->machine.systemd, "systemd runs",
                     "systemd does not run, which sshd and wslportd need: systemd=true below [boot] "
                     "in " WSL_CONF " starts it",
                     "can't tell whether systemd runs"))
                suggest_setting(r, WSL_CONF, true, &f->machine.systemd_setting, "boot", "systemd", "true");
}

void check_daemon(const CheckFacts *f, Finding *r) {
        const UnitFact *unit = &f->daemon.unit;

        if (!unit->name[0] && f->daemon.answers == FACT_YES)
                say(r, VERDICT_OK, "wslportd answers");
        else if (!unit->name[0])
                say(r, VERDICT_UNKNOWN, "can't ask systemd about wslportd%s", ask_as_root(f));
        else if (unit->masked) {
                say(r, VERDICT_PROBLEM, "wslportd is masked: nothing can start it");
                suggest(r, "sudo systemctl unmask %s && " START_DAEMON, unit->name);
        } else if (!unit->installed) {
                say(r, VERDICT_PROBLEM,
                    "systemd does not know wslportd.service; with a daemon-reload it looks again");
                suggest(r, "sudo systemctl daemon-reload && " START_DAEMON);
        } else if (unit->failed) {
                say(r, VERDICT_PROBLEM, "wslportd has failed (%s)", unit->result);
                suggest(r, "sudo systemctl reset-failed %s && " START_DAEMON, unit->name);
        } else if (!unit->active) {
                say(r, VERDICT_PROBLEM, "wslportd does not run%s",
                    unit->enabled ? "" : ", and is not enabled");
                suggest(r, START_DAEMON);
        } else if (!unit->enabled) {
                say(r, VERDICT_PROBLEM, "wslportd runs, but will not at the next boot: it is not enabled");
                suggest(r, START_DAEMON);
        } else if (f->daemon.answers == FACT_NO)
                say(r, VERDICT_WARNING,
                    "wslportd runs, but does not answer on D-Bus: other checks lack what it knows");
        else
                say(r, VERDICT_OK, "wslportd is enabled and runs");
}

void check_configuration(const CheckFacts *f, Finding *r) {
        const ConfigPlace *place = &f->config.error_place;
        const ConfigFacts *config = &f->config;

        if (config->valid == FACT_YES && isempty(config->error))
                say(r, VERDICT_OK, "wslportd's configuration has no errors");
        else if (config->valid == FACT_UNKNOWN)
                say(r, VERDICT_UNKNOWN, "can't read %s%s", place->file, ask_as_root(f));
        else if (place->line == 0)
                say(r, VERDICT_PROBLEM, "wslportd refuses %s: %s", place->file, config->error);
        else /* no command: the line may be meant to forbid something, whatever is wrong with it */
                say(r, config->valid == FACT_YES ? VERDICT_WARNING : VERDICT_PROBLEM, "%s:%u: %s",
                    place->file, place->line, config->error);
}

void check_networking_mode(const CheckFacts *f, Finding *r) {
        const char *mode = networking_mode_to_string(f->machine.mode);
        bool mesh = f->addresses.mesh[0];

        if (f->machine.mode == MODE_UNKNOWN)
                say(r, VERDICT_UNKNOWN, "can't tell the networking mode; wslinfo --networking-mode may");
        else if (mode_shares_ports(f->machine.mode) || f->machine.mode == MODE_BRIDGED)
                say(r, VERDICT_OK, "the networking mode is %s: other machines can reach WSL", mode);
        else if (f->machine.mode == MODE_WSL1) {
                say(r, VERDICT_PROBLEM, "this distro runs under WSL 1, and wslportd needs WSL 2");
                suggest(r, "wsl.exe --set-version \"$WSL_DISTRO_NAME\" 2");
        } else if (f->wslconfig.values.mode == MODE_MIRRORED) {
                say(r, VERDICT_PROBLEM,
                    "the networking mode is %s, though .wslconfig says mirrored: WSL has not been shut down "
                    "since, or this Windows has no such mode",
                    mode);
                suggest(r, SHUTDOWN);
        } else {
                say(r, mesh ? VERDICT_WARNING : VERDICT_PROBLEM,
                    "the networking mode is %s: other machines %s; networkingMode=mirrored below [wsl2] in "
                    "the Windows user's .wslconfig, and then " SHUTDOWN ", changes that",
                    mode, mesh ? "reach WSL by a mesh only" : "can't reach WSL");
                suggest_wslconfig(r, f, &f->wslconfig.values.networking_mode, "wsl2", "networkingMode",
                                  "mirrored");
        }
}

/* Lists the ports without @port. */
static void other_ports(const WslConfig *wsl, uint16_t port, char *ret, size_t size) {
        size_t used = 0;

        ret[0] = '\0';
        for (size_t i = 0; i < wsl->n_ports && used < size; i++)
                if (wsl->ports[i] != port)
                        used += (size_t) snprintf(ret + used, size - used, "%s%u", used ? "," : "",
                                                  wsl->ports[i]);
}

void check_ignored_ports(const CheckFacts *f, Finding *r) {
        const WslConfig *wsl = &f->wslconfig.values;
        char others[6 * WSLCONFIG_PORTS_MAX + 1];

        if (f->wslconfig.ambiguous && say_not_asked(f, r))
                return;
        if (f->wslconfig.found == FACT_UNKNOWN)
                say(r, VERDICT_UNKNOWN, "can't find the Windows user's .wslconfig");
        else if (f->port.number == 0)
                say(r, VERDICT_UNKNOWN, "can't tell sshd's port");
        else if (!port_is_one_of(f->port.number, wsl->ports, wsl->n_ports))
                say(r, VERDICT_OK, "ignoredPorts in .wslconfig does not name port %u", f->port.number);
        else {
                say(r, VERDICT_PROBLEM,
                    "ignoredPorts in line %u of .wslconfig names port %u: sshd can bind the port, but what "
                    "other machines send there goes to Windows",
                    wsl->ignored_ports.line, f->port.number);
                other_ports(wsl, f->port.number, others, sizeof(others));
                if (others[0])
                        suggest_wslconfig(r, f, &wsl->ignored_ports, "experimental", "ignoredPorts", others);
                else if (f->wslconfig.path[0])
                        suggest(r, "sed -i %ud %s && " SHUTDOWN, wsl->ignored_ports.line,
                                quote(f->wslconfig.path).text);
        }
}

void check_idle_timeout(const CheckFacts *f, Finding *r) {
        const WslConfig *wsl = &f->wslconfig.values;

        if (f->wslconfig.ambiguous && say_not_asked(f, r))
                return;
        if (f->wslconfig.found == FACT_UNKNOWN)
                say(r, VERDICT_UNKNOWN,
                    "can't find the Windows user's .wslconfig; without instanceIdleTimeout=-1 below "
                    "[general] there, and WSL 2.5.8, WSL stops a distro, and sshd with it, when no Windows "
                    "program uses the distro");
        else if (wsl->instance_idle_msec < 0)
                say(r, VERDICT_OK, "WSL leaves this distro running when no Windows program uses it");
        else {
                say(r, VERDICT_WARNING,
                    "WSL stops this distro, and sshd with it, %d s after the last Windows program that used "
                    "it (instanceIdleTimeout below [general] in .wslconfig, which WSL 2.5.8 and later "
                    "read)%s",
                    wsl->instance_idle_msec / 1000,
                    wsl->vm_idle_msec >= 0 ? ", and the virtual machine after it"
                                           : "; vmIdleTimeout does not help");
                suggest_wslconfig(r, f, &wsl->instance_idle_timeout, "general", "instanceIdleTimeout", "-1");
        }
}
