/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/checks.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>

#include "core/config-file.h"
#include "base/printable.h"

#define RELOAD_DAEMON "sudo systemctl try-reload-or-restart wslportd.service"
#define START_DAEMON "sudo systemctl enable --now wslportd.service"
#define SHUTDOWN "wsl.exe --shutdown"
#define WSL_CONF "/etc/wsl.conf"

static const char *const verdict_words[_VERDICT_MAX] = {
        [VERDICT_UNKNOWN] = "unknown", [VERDICT_OK] = "ok",           [VERDICT_WARNING] = "warning",
        [VERDICT_PROBLEM] = "problem", [VERDICT_SKIPPED] = "skipped",
};
DEFINE_WORDS(verdict, Verdict);

/* ── words ── */

static void _printf_(3, 4) say(Finding *r, Verdict verdict, const char *format, ...) {
        va_list arguments;

        r->verdict = verdict;
        va_start(arguments, format);
        vsnprintf(r->finding, sizeof(r->finding), format, arguments);
        va_end(arguments);
}

/* Half a command is none. */
static void _printf_(2, 3) mend(Finding *r, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        if ((size_t) vsnprintf(r->remedy, sizeof(r->remedy), format, arguments) >= sizeof(r->remedy))
                r->remedy[0] = '\0';
        va_end(arguments);
}

#define QUOTED_SIZE (4 * CHECK_PATH_SIZE)

/* One word of a shell's. Returns @buffer. */
static const char *quote(const char *s, char buffer[static QUOTED_SIZE]) {
        static const char plain[] =
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.,:@%+=/";
        size_t n = 0;

        if (*s && s[strspn(s, plain)] == '\0') {
                snprintf(buffer, QUOTED_SIZE, "%s", s);
                return buffer;
        }
        buffer[n++] = '\'';
        for (; *s && n + 6 < QUOTED_SIZE; s++)
                if (*s == '\'')
                        n += (size_t) snprintf(buffer + n, QUOTED_SIZE - n, "'\\''");
                else
                        buffer[n++] = *s;
        buffer[n++] = '\'';
        buffer[n] = '\0';
        return buffer;
}

void remedy_without_sudo(char *remedy) {
        static const char sudo[] = "sudo ";
        bool quoted = false, begins = true;
        char *to = remedy;

        for (const char *from = remedy; *from;) {
                if (begins && !quoted && startswith(from, sudo)) {
                        from += strlen(sudo);
                        begins = false;
                        continue;
                }
                if (!quoted && from[0] == '\\' && from[1]) {
                        *to++ = *from++;
                        *to++ = *from++;
                        begins = false;
                        continue;
                }
                if (*from == '\'')
                        quoted = !quoted;
                begins = !quoted &&
                         (*from == '|' || *from == '&' || *from == ';' || (begins && *from == ' '));
                *to++ = *from++;
        }
        *to = '\0';
}

bool path_is_printable(const char *path) {
        for (size_t n; *path; path += n) {
                n = printable_length(path, SIZE_MAX);
                if (n == 0)
                        return false;
        }
        return true;
}

/* Whatever came in, one printable line goes out. */
static void clean(char *text) {
        for (size_t n; *text; text += n ? n : 1) {
                n = printable_length(text, SIZE_MAX);
                if (n == 0)
                        *text = '?';
        }
}

bool sshd_error_find_line(const char *error, char ret_file[static CHECK_PATH_SIZE], unsigned *ret_line) {
        const char *word = strstr(error, " line ");
        unsigned long line;
        size_t length;
        char *end;

        if (error[0] != '/' || !word)
                return false;
        length = (size_t) (word - error);
        if (length > 0 && error[length - 1] == ':')
                length--;
        line = strtoul(word + strlen(" line "), &end, 10);
        if (*end != ':' || line == 0 || line > UINT_MAX || length >= CHECK_PATH_SIZE)
                return false;

        memcpy(ret_file, error, length);
        ret_file[length] = '\0';
        *ret_line = (unsigned) line;
        return true;
}

static PackageManager packages_of_id(const char *id) {
        static const struct {
                const char *id;
                PackageManager packages;
        } known[] = {
                { "debian", PACKAGES_APT },
                { "ubuntu", PACKAGES_APT },
                { "fedora", PACKAGES_DNF },
                { "rhel", PACKAGES_DNF },
                { "centos", PACKAGES_DNF },
                { "suse", PACKAGES_ZYPPER },
                { "opensuse", PACKAGES_ZYPPER },
                { "arch", PACKAGES_PACMAN },
                { "opensuse-leap", PACKAGES_ZYPPER },
                { "archlinux", PACKAGES_PACMAN },
                { "kali", PACKAGES_APT },
                { "opensuse-tumbleweed", PACKAGES_ZYPPER },
        };

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (streq(known[i].id, id))
                        return known[i].packages;
        return PACKAGES_UNKNOWN;
}

PackageManager packages_from_os_release(const char *text) {
        static const char *const keys[] = { "ID=", "ID_LIKE=" };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                        const char *value = startswith(line, keys[i]);
                        size_t length = value ? strcspn(value, "\n") : 0;
                        char words[128], *rest = words, *word;

                        if (length == 0 || length >= sizeof(words))
                                continue;
                        memcpy(words, value, length);
                        words[length] = '\0';
                        while ((word = strsep(&rest, " \"'\r")))
                                if (packages_of_id(word) != PACKAGES_UNKNOWN)
                                        return packages_of_id(word);
                }
        return PACKAGES_UNKNOWN;
}

/* ── what several checks ask ── */

static bool is_wsl(const CheckFacts *f) {
        return f->machine.mode != MODE_NOT_WSL;
}

static bool is_up(const UnitFact *unit) {
        return unit->name[0] && unit->active;
}

/* The check that tells why sshd isn't where it should be; NULL where none of them does. */
static const char *cause(const CheckFacts *f) {
        if (f->sshd.installed == FACT_NO)
                return "sshd-installed";
        if (f->sshd.verdict == SSHD_VERDICT_REFUSED || f->sshd.verdict == SSHD_VERDICT_OUR_FILE_REFUSED)
                return "sshd-config";
        if (f->sshd.host_keys == FACT_NO)
                return "host-keys";
        if (f->port.holder == HOLDER_LINUX || f->port.holder == HOLDER_OTHER_DISTRO ||
            f->port.holder == HOLDER_WINDOWS || f->port.holder == HOLDER_WINDOWS_OPENSSH)
                return "port-holder";
        if (strstr(f->daemon.reason, REASON_ALL_TAKEN) || f->windows.refuses == FACT_YES)
                return "windows-range";
        return NULL;
}

static const char *unit_name(const UnitFact *unit, const char *otherwise) {
        return unit->name[0] ? unit->name : otherwise;
}

/* What starts sshd again. */
static const char *sshd_unit(const CheckFacts *f) {
        return is_up(&f->sshd.socket) || (f->sshd.socket.name[0] && f->sshd.socket.enabled &&
                                          !f->sshd.service.enabled)
                               ? f->sshd.socket.name
                               : unit_name(&f->sshd.service, "ssh.service");
}

#define RESTART_SIZE 640

/* One that fails again and again has used up its starts, which a restart alone doesn't give back. */
static const char *restart(const CheckFacts *f, char buffer[static RESTART_SIZE]) {
        const char *unit = sshd_unit(f);

        if (f->sshd.service.failed || f->sshd.service.starting || f->sshd.socket.failed)
                snprintf(buffer, RESTART_SIZE, "sudo systemctl reset-failed %s && sudo systemctl restart %s",
                         unit, unit);
        else
                snprintf(buffer, RESTART_SIZE, "sudo systemctl restart %s", unit);
        return buffer;
}

/* Sets a key of a file of WSL's, where it stands already or where it can be put. */
static void mend_setting(Finding *r, const char *path, bool wide, bool root, const WslSetting *setting,
                         const char *section, const char *key, const char *value) {
        char quoted[QUOTED_SIZE];

        if (path[0] == '\0' || wide)
                return;
        quote(path, quoted);
        if (setting->line != 0)
                mend(r, "%ssed -i '%us/.*/%s=%s/' %s && " SHUTDOWN, root ? "sudo " : "", setting->line, key,
                     value, quoted);
        else if (setting->section_line != 0)
                mend(r, "%ssed -i '%ua %s=%s' %s && " SHUTDOWN, root ? "sudo " : "", setting->section_line,
                     key, value, quoted);
        else if (root)
                mend(r, "printf '\\n[%s]\\n%s=%s\\n' | sudo tee -a %s && " SHUTDOWN, section, key, value,
                     quoted);
        else
                mend(r, "printf '\\n[%s]\\n%s=%s\\n' >> %s && " SHUTDOWN, section, key, value, quoted);
}

static void mend_wslconfig(Finding *r, const CheckFacts *f, const WslSetting *setting, const char *section,
                           const char *key, const char *value) {
        mend_setting(r, f->wslconfig.path, f->wslconfig.wide, false, setting, section, key, value);
}

/* ── the checks ── */

static void check_systemd(const CheckFacts *f, Finding *r) {
        if (f->machine.systemd == FACT_YES)
                say(r, VERDICT_OK, "systemd runs");
        else if (f->machine.systemd == FACT_NO) {
                say(r, VERDICT_PROBLEM,
                    "systemd does not run here, and sshd and wslportd are its services; [boot] "
                    "systemd=true in " WSL_CONF " turns it on");
                mend_setting(r, WSL_CONF, false, true, &f->machine.systemd_setting, "boot", "systemd",
                             "true");
        } else
                say(r, VERDICT_UNKNOWN, "it could not be seen whether systemd runs");
}

static void check_daemon(const CheckFacts *f, Finding *r) {
        const UnitFact *d = &f->daemon.unit;

        if (!d->name[0]) {
                if (f->daemon.answers == FACT_YES)
                        say(r, VERDICT_OK, "wslportd answers");
                else
                        say(r, VERDICT_UNKNOWN, "systemd could not be asked about wslportd%s",
                            f->machine.root ? "" : "; sudo wslportctl diagnose may");
        } else if (d->masked) {
                say(r, VERDICT_PROBLEM, "wslportd is masked");
                mend(r, "sudo systemctl unmask %s && " START_DAEMON, d->name);
        } else if (!d->installed) {
                say(r, VERDICT_PROBLEM,
                    "systemd does not know wslportd.service; it reads anew what is installed with a "
                    "daemon-reload");
                mend(r, "sudo systemctl daemon-reload && " START_DAEMON);
        } else if (d->failed) {
                say(r, VERDICT_PROBLEM, "wslportd has failed (%s)", d->result);
                mend(r, "sudo systemctl reset-failed %s && " START_DAEMON, d->name);
        } else if (!d->active) {
                say(r, VERDICT_PROBLEM, "wslportd does not run%s", d->enabled ? "" : ", and is not enabled");
                mend(r, START_DAEMON);
        } else if (!d->enabled) {
                say(r, VERDICT_PROBLEM, "wslportd runs, and will not at the next boot: it is not enabled");
                mend(r, START_DAEMON);
        } else if (f->daemon.answers == FACT_NO)
                say(r, VERDICT_WARNING,
                    "wslportd runs, and does not answer on D-Bus: what it knows is missing below");
        else
                say(r, VERDICT_OK, "wslportd is enabled and runs");
}

static void check_configuration(const CheckFacts *f, Finding *r) {
        if (f->config.valid == FACT_YES)
                say(r, VERDICT_OK, "%s has no errors", SYSCONFDIR "/wslportd.conf");
        else if (f->config.valid == FACT_NO && f->config.error_line == 0)
                say(r, VERDICT_PROBLEM, "%s is refused: %s", SYSCONFDIR "/wslportd.conf", f->config.error);
        else if (f->config.valid == FACT_NO) {
                say(r, VERDICT_PROBLEM, "%s:%u: %s", SYSCONFDIR "/wslportd.conf", f->config.error_line,
                    f->config.error);
                mend(r, "sudo sed -i '%us/^/#/' %s && " RELOAD_DAEMON, f->config.error_line,
                     SYSCONFDIR "/wslportd.conf");
        } else
                say(r, VERDICT_UNKNOWN, "%s could not be read", SYSCONFDIR "/wslportd.conf");
}

static void check_networking_mode(const CheckFacts *f, Finding *r) {
        const char *mode = networking_mode_to_string(f->machine.mode);

        if (f->machine.mode == MODE_UNKNOWN)
                say(r, VERDICT_UNKNOWN,
                    "WSL does not say which networking mode it runs in; wslinfo --networking-mode may");
        else if (mode_shares_ports(f->machine.mode) || f->machine.mode == MODE_BRIDGED)
                say(r, VERDICT_OK, "the networking mode is %s: other machines can reach WSL", mode);
        else if (f->machine.mode == MODE_WSL1) {
                say(r, VERDICT_PROBLEM, "this distro runs under WSL 1");
                mend(r, "wsl.exe --set-version \"$WSL_DISTRO_NAME\" 2");
        } else if (f->wslconfig.values.mode == MODE_MIRRORED) {
                say(r, VERDICT_PROBLEM,
                    "the networking mode is %s, though .wslconfig says mirrored: WSL has not been shut down "
                    "since, or "
                    "this Windows can't",
                    mode);
                mend(r, SHUTDOWN);
        } else {
                say(r, f->addresses.tailscale[0] ? VERDICT_WARNING : VERDICT_PROBLEM,
                    "the networking mode is %s: other machines %s; below [wsl2] in .wslconfig of the "
                    "Windows user goes networkingMode=mirrored, and then " SHUTDOWN,
                    mode, f->addresses.tailscale[0] ? "reach WSL by Tailscale only" : "don't reach WSL");
                mend_wslconfig(r, f, &f->wslconfig.values.networking_mode, "wsl2", "networkingMode",
                               "mirrored");
        }
}

static void check_sshd_installed(const CheckFacts *f, Finding *r) {
        static const char *const commands[] = {
                [PACKAGES_UNKNOWN] = "",
                [PACKAGES_APT] = "sudo apt-get install -y openssh-server",
                [PACKAGES_DNF] = "sudo dnf install -y openssh-server",
                [PACKAGES_ZYPPER] = "sudo zypper --non-interactive install openssh",
                [PACKAGES_PACMAN] = "sudo pacman -S --noconfirm openssh",
        };

        if (f->sshd.installed == FACT_YES)
                say(r, VERDICT_OK, "sshd is installed");
        else if (f->sshd.installed == FACT_NO) {
                say(r, VERDICT_PROBLEM, "sshd is not installed");
                mend(r, "%s", commands[f->machine.packages]);
        } else
                say(r, VERDICT_UNKNOWN, "it could not be seen whether sshd is installed");
}

static void check_sshd_config(const CheckFacts *f, Finding *r) {
        char file[CHECK_PATH_SIZE], quoted[QUOTED_SIZE], command[RESTART_SIZE];
        unsigned line;

        if (f->sshd.verdict == SSHD_VERDICT_VALID)
                say(r, VERDICT_OK, "sshd accepts its configuration");
        else if (f->sshd.verdict == SSHD_VERDICT_OUR_FILE_REFUSED) {
                say(r, VERDICT_PROBLEM, "sshd refuses wslportd's file: %s", f->sshd.error);
                mend(r, "sudo systemctl restart wslportd.service");
        } else if (f->sshd.verdict == SSHD_VERDICT_REFUSED) {
                say(r, VERDICT_PROBLEM, "sshd refuses its configuration: %s", f->sshd.error);
                if (sshd_error_find_line(f->sshd.error, file, &line))
                        mend(r, "sudo sed -i '%us/^/#/' %s && %s", line, quote(file, quoted),
                             restart(f, command));
        } else if (f->machine.root)
                say(r, VERDICT_UNKNOWN, "sshd did not say whether it accepts its configuration: %s",
                    f->sshd.error);
        else
                say(r, VERDICT_UNKNOWN,
                    "only root can have sshd check its configuration: sudo wslportctl diagnose, or "
                    "sudo sshd -t");
}

static void check_host_keys(const CheckFacts *f, Finding *r) {
        char command[RESTART_SIZE];

        if (f->sshd.host_keys == FACT_YES)
                say(r, VERDICT_OK, "sshd has host keys");
        else if (f->sshd.host_keys == FACT_NO) {
                say(r, VERDICT_PROBLEM,
                    "sshd has no host key that it can use, and does not start without one");
                mend(r, "sudo ssh-keygen -A && %s", restart(f, command));
        } else
                say(r, VERDICT_UNKNOWN, "it could not be seen whether there are host keys");
}

static void check_run_directory(const CheckFacts *f, Finding *r) {
        if (!is_up(&f->sshd.service))
                say(r, VERDICT_SKIPPED, "it is made when sshd starts");
        else if (f->sshd.run_directory == FACT_YES)
                say(r, VERDICT_OK, "sshd has its run-time directory");
        else if (f->sshd.run_directory == FACT_NO) {
                say(r, VERDICT_PROBLEM, "/run/sshd is missing: sshd runs, and ends each connection");
                mend(r, "sudo mkdir -m 0755 /run/sshd");
        } else
                say(r, VERDICT_UNKNOWN, "it could not be seen whether /run/sshd is there");
}

static void check_sshd_enabled(const CheckFacts *f, Finding *r) {
        if (!f->sshd.service.name[0])
                say(r, VERDICT_UNKNOWN, "systemd could not be asked about sshd");
        else if (f->sshd.service.masked) {
                say(r, VERDICT_PROBLEM, "%s is masked: nothing can start it", f->sshd.service.name);
                mend(r, "sudo systemctl unmask %s && sudo systemctl enable --now %s", f->sshd.service.name,
                     f->sshd.service.name);
        } else if (f->sshd.socket.name[0] && f->sshd.socket.enabled)
                say(r, VERDICT_OK, "%s is enabled", f->sshd.socket.name);
        else if (f->sshd.service.enabled)
                say(r, VERDICT_OK, "%s is enabled", f->sshd.service.name);
        else {
                say(r, VERDICT_PROBLEM, "%s is not enabled: sshd does not start at boot",
                    f->sshd.service.name);
                /* systemd 252 may lose track of an active ssh.service when its alias comes back, and start
                 * it twice. */
                mend(r, "sudo systemctl enable %s%s", f->sshd.service.active ? "" : "--now ",
                     f->sshd.service.name);
        }
}

static void check_sshd_running(const CheckFacts *f, Finding *r) {
        const char *why = cause(f), *name = f->sshd.service.name;
        char command[RESTART_SIZE];

        if (is_up(&f->sshd.socket))
                say(r, VERDICT_OK, "%s listens for sshd", f->sshd.socket.name);
        else if (!name[0]) {
                if (f->port.listens == FACT_YES)
                        say(r, VERDICT_OK, "sshd runs");
                else
                        say(r, VERDICT_UNKNOWN, "systemd could not be asked about sshd");
        } else if (f->sshd.service.active)
                say(r, VERDICT_OK, "%s runs", name);
        else {
                const char *error = f->sshd.last_error[0] ? f->sshd.last_error
                                    : f->sshd.error[0]    ? f->sshd.error
                                                          : "";

                if (f->sshd.service.failed)
                        say(r, VERDICT_PROBLEM, "%s has failed (%s)%s%.300s%s%s%s", name,
                            f->sshd.service.result, error[0] ? ": " : "", error, why ? "; see " : "",
                            why ? why : "",
                            !error[0] && !f->machine.root ? "; sudo wslportctl diagnose may see why" : "");
                else
                        say(r, VERDICT_PROBLEM, "%s does not run%s%s", name, why ? "; see " : "",
                            why ? why : "");
                if (!why && !f->sshd.service.masked)
                        mend(r, "%s", restart(f, command));
        }
}

static void check_ssh_socket(const CheckFacts *f, Finding *r) {
        const UnitFact *socket = &f->sshd.socket;

        if (f->config.values.socket_activation == SOCKET_ACTIVATION_KEEP)
                say(r, VERDICT_SKIPPED, "SocketActivation=keep: either is right");
        else if (!f->sshd.service.name[0])
                say(r, VERDICT_UNKNOWN, "systemd could not be asked about sshd's socket");
        else if (!socket->name[0] || (!socket->active && !socket->enabled))
                say(r, VERDICT_OK, "sshd listens by itself, as SocketActivation=disable wants it");
        else {
                say(r, VERDICT_PROBLEM, "%s is %s, and SocketActivation=disable wants %s in its place%s",
                    socket->name, socket->active ? "active" : "enabled", f->sshd.service.name,
                    f->sshd.fixed ? "; that could not be moved, as its port is fixed" : "");
                if (!f->sshd.fixed)
                        mend(r, "sudo systemctl disable --now %s && sudo systemctl enable --now %s",
                             socket->name, f->sshd.service.name);
        }
}

/* Who wants the home port back on Linux has to know it. */
static const char *how_windows_starts_sshd(const CheckFacts *f) {
        static const char *const texts[_WINDOWS_START_MAX] = {
                [WINDOWS_START_AUTOMATIC] =
                                ", with an sshd that starts with Windows; Set-Service sshd -StartupType "
                                "Disabled, in an elevated PowerShell, ends that",
                [WINDOWS_START_MANUAL] =
                                ", with an sshd that somebody started: Stop-Service sshd, in an elevated "
                                "PowerShell, ends it",
                [WINDOWS_START_DISABLED] =
                                ", with an sshd that is disabled, and is gone at the next start of Windows",
        };

        return f->port.home_holder == HOLDER_WINDOWS_OPENSSH ? strempty(texts[f->windows.sshd_start]) : "";
}

static void check_port_holder(const CheckFacts *f, Finding *r) {
        char quoted[QUOTED_SIZE];
        bool home_is_windows = f->port.home_holder == HOLDER_WINDOWS ||
                               f->port.home_holder == HOLDER_WINDOWS_OPENSSH;
        static const char otherwise[] = "a program or a reserved range";

        if (f->port.number == 0)
                say(r, VERDICT_UNKNOWN, "sshd's port is not known%s",
                    f->machine.root ? "" : "; sudo wslportctl diagnose may tell");
        else if (f->port.holder == HOLDER_LINUX && f->port.holder_unit[0]) {
                say(r, VERDICT_PROBLEM, "%s (pid %d, %s) has port %u", f->port.holder_name,
                    f->port.holder_pid, f->port.holder_unit, f->port.number);
                mend(r, "sudo systemctl stop %s", quote(f->port.holder_unit, quoted));
        } else if (f->port.holder == HOLDER_LINUX) {
                say(r, VERDICT_PROBLEM, "%s (pid %d) has port %u", f->port.holder_name, f->port.holder_pid,
                    f->port.number);
                if (f->port.holder_pid > 1)
                        mend(r, "sudo kill %d", f->port.holder_pid);
        } else if (f->port.holder == HOLDER_OTHER_DISTRO) {
                say(r, VERDICT_PROBLEM,
                    "another WSL distro has port %u: stop it there, or end that distro with wsl.exe "
                    "--terminate NAME; "
                    "the names are",
                    f->port.number);
                mend(r, "wsl.exe --list --running");
        } else if (f->port.holder == HOLDER_WINDOWS || f->port.holder == HOLDER_WINDOWS_OPENSSH) {
                say(r, VERDICT_PROBLEM, "Windows (%s) has port %u, and sshd is not moved%s%.200s",
                    f->port.holder_detail[0] ? f->port.holder_detail : otherwise, f->port.number,
                    f->daemon.reason[0] ? ": " : "", f->daemon.reason);
                if (!is_up(&f->daemon.unit))
                        mend(r, START_DAEMON);
        } else if (f->port.holder == HOLDER_UNKNOWN)
                say(r, VERDICT_UNKNOWN, "it could not be seen who has port %u%s", f->port.number,
                    f->port.listens == FACT_NO
                                    ? "; nobody here, and whether Windows has it is seen when sshd binds it"
                    : f->machine.root ? ""
                                      : "; sudo wslportctl diagnose may tell");
        else if (home_is_windows && f->port.home != f->port.number)
                say(r, VERDICT_OK, "nobody else has port %u; Windows (%s) has %u%s", f->port.number,
                    f->port.home_detail[0] ? f->port.home_detail : otherwise, f->port.home,
                    how_windows_starts_sshd(f));
        else
                say(r, VERDICT_OK, "nobody else has port %u", f->port.number);
}

/* Those that there are, in front of more. What stands behind them on their line stays. */
static void mend_candidates(Finding *r, const CheckFacts *f) {
        static const PortRange more[] = { { 8022, 8022 }, { 10022, 10121 }, { 30022, 30121 } };
        PortRange all[ELEMENTSOF(f->config.values.candidates) + ELEMENTSOF(more)];
        char list[160]; /* in one line of the file, with room for a comment */
        size_t n = f->config.values.n_candidates;

        memcpy(all, f->config.values.candidates, sizeof(f->config.values.candidates));
        for (size_t i = 0; i < ELEMENTSOF(more); i++) {
                bool known = false;

                for (size_t k = 0; k < f->config.values.n_candidates; k++)
                        known = known || (all[k].first <= more[i].first && more[i].last <= all[k].last);
                if (!known)
                        all[n++] = more[i];
        }
        if (f->config.valid != FACT_YES || n == f->config.values.n_candidates ||
            n > ELEMENTSOF(f->config.values.candidates) || !port_ranges_format(all, n, list, sizeof(list)))
                return;
        if (f->config.values.lines[CONFIG_CANDIDATE_PORTS] != 0)
                mend(r, "sudo sed -i '%us/=[^#;]*/=%s /' " CONFIG_FILE " && " RELOAD_DAEMON,
                     f->config.values.lines[CONFIG_CANDIDATE_PORTS], list);
        else
                mend(r,
                     "printf '\\n[Policy]\\nCandidatePorts=%s\\n' | sudo tee -a " CONFIG_FILE
                     " && " RELOAD_DAEMON,
                     list);
}

static void check_windows_range(const CheckFacts *f, Finding *r) {
        if (!mode_shares_ports(f->machine.mode) && f->machine.mode != MODE_UNKNOWN)
                say(r, VERDICT_SKIPPED, "in this networking mode Windows has its own ports");
        else if (strstr(f->daemon.reason, REASON_ALL_TAKEN)) {
                say(r, VERDICT_PROBLEM,
                    "every port that sshd may be moved to is taken: more candidates, away from Windows' "
                    "ranges, help");
                mend_candidates(r, f);
        } else if (f->windows.refuses == FACT_YES) {
                say(r, VERDICT_PROBLEM,
                    "port %u lies in %u-%u, which Windows keeps for itself; wslportd finds another",
                    f->port.number, f->windows.range.first, f->windows.range.last);
                mend(r, "%s",
                     is_up(&f->daemon.unit) ? "sudo systemctl restart wslportd.service" : START_DAEMON);
        } else if (f->windows.refuses == FACT_NO)
                say(r, VERDICT_OK, "port %u is in no range that Windows keeps for itself", f->port.number);
        else if (f->port.listens == FACT_YES)
                say(r, VERDICT_OK, "Windows lets sshd have port %u", f->port.number);
        else
                say(r, VERDICT_UNKNOWN,
                    "whether Windows lets sshd have a port is seen when it binds it, or with "
                    "Interop=yes in wslportd.conf");
}

static void check_listening(const CheckFacts *f, Finding *r) {
        const char *why = cause(f);
        char command[RESTART_SIZE];

        if (f->port.number == 0 && f->port.listens != FACT_NO)
                say(r, VERDICT_UNKNOWN, "sshd's port is not known%s",
                    f->machine.root ? "" : "; sudo wslportctl diagnose may tell");
        else if (f->port.listens == FACT_YES)
                say(r, VERDICT_OK, "sshd listens on port %u", f->port.number);
        else if (f->port.listens == FACT_UNKNOWN)
                say(r, VERDICT_UNKNOWN, "something listens on port %u; whether it is sshd only root can see",
                    f->port.number);
        else {
                say(r, VERDICT_PROBLEM, "sshd does not listen on port %u%s%s", f->port.number,
                    why ? "; see " : "", why ? why : "");
                if (!why)
                        mend(r, "%s", restart(f, command));
        }
}

static void check_listen_address(const CheckFacts *f, Finding *r) {
        char quoted[QUOTED_SIZE], command[RESTART_SIZE];

        if (f->port.listens == FACT_NO)
                say(r, VERDICT_SKIPPED, "sshd does not listen");
        else if (f->port.listens == FACT_UNKNOWN)
                say(r, VERDICT_UNKNOWN, "it is not known where sshd listens");
        else if (f->port.ipv6_only) {
                say(r, VERDICT_PROBLEM,
                    "sshd listens on IPv6 only: another had port %u on IPv4 when it started",
                    f->port.number);
                mend(r, "%s", restart(f, command));
        } else if (!f->port.loopback_only)
                say(r, VERDICT_OK, "sshd listens for other machines too");
        else if (f->port.listen_file[0]) {
                say(r, VERDICT_PROBLEM,
                    "sshd listens on this machine's own address only: ListenAddress in %s:%u",
                    f->port.listen_file, f->port.listen_line);
                /* A socket unit has it by a generator. */
                if (is_up(&f->sshd.socket))
                        mend(r,
                             "sudo sed -i '%us/^/#/' %s && sudo systemctl daemon-reload && sudo systemctl "
                             "restart %s",
                             f->port.listen_line, quote(f->port.listen_file, quoted), f->sshd.socket.name);
                else
                        mend(r, "sudo sed -i '%us/^/#/' %s && sudo systemctl reload %s", f->port.listen_line,
                             quote(f->port.listen_file, quoted), unit_name(&f->sshd.service, "ssh.service"));
        } else
                say(r, VERDICT_PROBLEM,
                    "sshd listens on this machine's own address only; why was not found in sshd_config: "
                    "look into %s",
                    sshd_unit(f));
}

static void check_addresses(const CheckFacts *f, Finding *r) {
        bool inside = mode_hides_lan(f->machine.mode);

        if (f->addresses.usable == FACT_UNKNOWN)
                say(r, VERDICT_UNKNOWN, "this machine's addresses could not be read");
        else if (f->machine.mode == MODE_CONSOMME)
                say(r, VERDICT_UNKNOWN,
                    "in this networking mode other machines use Windows' own addresses, which are not "
                    "seen from here; ipconfig.exe tells them");
        else if (f->addresses.usable == FACT_YES && inside && f->addresses.tailscale[0])
                say(r, VERDICT_OK, "other machines use %s (Tailscale)", f->addresses.tailscale);
        else if (f->addresses.usable == FACT_YES && inside)
                say(r, VERDICT_PROBLEM,
                    "%s is an address inside of Windows: other machines can't use it; see networking-mode",
                    f->addresses.lan);
        else if (f->addresses.usable == FACT_YES)
                say(r, VERDICT_OK, "other machines use %s%s%s%s%s", f->addresses.lan,
                    f->addresses.lan[0] ? " (LAN)" : "",
                    f->addresses.lan[0] && f->addresses.tailscale[0] ? " or " : "", f->addresses.tailscale,
                    f->addresses.tailscale[0] ? " (Tailscale)" : "");
        else {
                if (f->addresses.link_local[0])
                        say(r, VERDICT_PROBLEM,
                            "only %s, which is what a machine gives itself in a network that gives it none",
                            f->addresses.link_local);
                else
                        say(r, VERDICT_PROBLEM,
                            "no address of a LAN or of Tailscale that other machines could use%s",
                            is_wsl(f) && !inside ? "; WSL takes over those of Windows when it starts" : "");
                if (is_wsl(f) && !inside)
                        mend(r, SHUTDOWN);
        }
}

static void check_windows_firewall(const CheckFacts *f, Finding *r) {
        if (!mode_shares_ports(f->machine.mode) && f->machine.mode != MODE_UNKNOWN)
                say(r, VERDICT_SKIPPED, "in this networking mode nothing comes in through it");
        else if (f->port.number == 0)
                say(r, VERDICT_UNKNOWN, "sshd's port is not known");
        else if (f->windows.firewall_rule == FACT_YES)
                say(r, VERDICT_OK, "Windows' firewall has a rule that lets others in to port %u",
                    f->port.number);
        else {
                if (f->windows.firewall_rule == FACT_NO)
                        say(r, VERDICT_PROBLEM,
                            "Windows' firewall has no rule that lets others in to port %u", f->port.number);
                else
                        say(r, VERDICT_UNKNOWN,
                            "whether Windows' firewall lets others in to port %u can't be seen from here "
                            "without "
                            "Interop=yes in wslportd.conf; this adds a rule",
                            f->port.number);
                mend(r, "wslportctl firewall --apply");
        }
}

/* The list without our port, or "" where nothing is left. */
static void other_ports(const WslConfig *wsl, uint16_t port, char *ret, size_t size) {
        size_t used = 0;

        ret[0] = '\0';
        for (size_t i = 0; i < wsl->n_ports && used < size; i++)
                if (wsl->ports[i] != port)
                        used += (size_t) snprintf(ret + used, size - used, "%s%u", used ? "," : "",
                                                  wsl->ports[i]);
}

static void check_ignored_ports(const CheckFacts *f, Finding *r) {
        char others[6 * WSLCONFIG_PORTS_MAX + 1], quoted[QUOTED_SIZE];
        bool ignored = false;

        for (size_t i = 0; i < f->wslconfig.values.n_ports; i++)
                ignored = ignored || (f->port.number != 0 && f->wslconfig.values.ports[i] == f->port.number);

        if (!mode_shares_ports(f->machine.mode) && f->machine.mode != MODE_UNKNOWN)
                say(r, VERDICT_SKIPPED, "in this networking mode it has no meaning");
        else if (f->wslconfig.found == FACT_UNKNOWN)
                say(r, VERDICT_UNKNOWN, "the Windows user's .wslconfig could not be found");
        else if (f->port.number == 0)
                say(r, VERDICT_UNKNOWN, "sshd's port is not known");
        else if (!ignored)
                say(r, VERDICT_OK, "ignoredPorts in .wslconfig does not have port %u", f->port.number);
        else {
                say(r, VERDICT_PROBLEM,
                    "ignoredPorts in line %u of .wslconfig has port %u: sshd can bind it, and what others "
                    "send goes to "
                    "Windows all the same",
                    f->wslconfig.values.ignored_ports.line, f->port.number);
                other_ports(&f->wslconfig.values, f->port.number, others, sizeof(others));
                if (others[0])
                        mend_wslconfig(r, f, &f->wslconfig.values.ignored_ports, "experimental",
                                       "ignoredPorts", others);
                else if (f->wslconfig.path[0] && !f->wslconfig.wide)
                        mend(r, "sed -i %ud %s && " SHUTDOWN, f->wslconfig.values.ignored_ports.line,
                             quote(f->wslconfig.path, quoted));
        }
}

static void check_idle_timeout(const CheckFacts *f, Finding *r) {
        if (f->wslconfig.found == FACT_UNKNOWN)
                say(r, VERDICT_UNKNOWN,
                    "the Windows user's .wslconfig could not be found; without [general] "
                    "instanceIdleTimeout=-1 there "
                    "WSL stops a distro that no Windows program uses, sshd and all");
        else if (f->wslconfig.values.instance_idle_msec < 0)
                say(r, VERDICT_OK, "WSL leaves this distro running when no Windows program uses it");
        else {
                say(r, VERDICT_WARNING,
                    "WSL stops this distro %d s after the last Windows program that used it, sshd and all "
                    "([general] instanceIdleTimeout in .wslconfig)%s",
                    f->wslconfig.values.instance_idle_msec / 1000,
                    f->wslconfig.values.vm_idle_msec >= 0 ? ", and the virtual machine after it"
                                                          : "; vmIdleTimeout does not help");
                mend_wslconfig(r, f, &f->wslconfig.values.instance_idle_timeout, "general",
                               "instanceIdleTimeout", "-1");
        }
}

static void check_port_opener(const CheckFacts *f, Finding *r, const FirewallFact *w, const char *name,
                              const char *command) {
        if (w->on == FACT_NO)
                say(r, VERDICT_SKIPPED, "%s is not on", name);
        else if (w->on == FACT_UNKNOWN)
                say(r, VERDICT_UNKNOWN, "it could not be seen whether %s is on", name);
        else if (f->port.number == 0)
                say(r, VERDICT_UNKNOWN, "%s is on, and sshd's port is not known", name);
        else if (w->allows == FACT_YES)
                say(r, VERDICT_OK, "%s is on, and lets port %u pass", name, f->port.number);
        else {
                if (w->allows == FACT_NO)
                        say(r, VERDICT_PROBLEM, "%s is on, and does not let port %u pass", name,
                            f->port.number);
                else
                        say(r, VERDICT_UNKNOWN, "%s is on; whether it lets port %u pass could not be seen%s",
                            name, f->port.number, f->machine.root ? "" : ", sudo wslportctl diagnose may");
                snprintf(r->remedy, sizeof(r->remedy), "%s", command);
        }
}

static void check_selinux(const CheckFacts *f, Finding *r) {
        char command[80];

        snprintf(command, sizeof(command), "sudo semanage port -a -t ssh_port_t -p tcp %u", f->port.number);
        check_port_opener(f, r, &f->firewalls[HINT_SELINUX], "SELinux", command);
}

static void check_ufw(const CheckFacts *f, Finding *r) {
        char command[80];

        snprintf(command, sizeof(command), "sudo ufw allow %u/tcp", f->port.number);
        check_port_opener(f, r, &f->firewalls[HINT_UFW], "ufw", command);
}

static void check_firewalld(const CheckFacts *f, Finding *r) {
        char command[120];

        snprintf(command, sizeof(command),
                 "sudo firewall-cmd --permanent --add-port=%u/tcp && sudo firewall-cmd --reload",
                 f->port.number);
        check_port_opener(f, r, &f->firewalls[HINT_FIREWALLD], "firewalld", command);
}

/* Where a check has a meaning. */
typedef enum Where {
        ANYWHERE,
        WHERE_WSL,
        WHERE_SSHD,
} Where;

static const struct {
        const char *name;
        void (*run)(const CheckFacts *facts, Finding *r);
        Where where;
} checks[] = {
        { "systemd", check_systemd, WHERE_WSL },
        { "daemon", check_daemon, WHERE_WSL },
        { "configuration", check_configuration, ANYWHERE },
        { "networking-mode", check_networking_mode, WHERE_WSL },
        { "sshd-installed", check_sshd_installed, ANYWHERE },
        { "sshd-config", check_sshd_config, WHERE_SSHD },
        { "host-keys", check_host_keys, WHERE_SSHD },
        { "run-directory", check_run_directory, WHERE_SSHD },
        { "sshd-enabled", check_sshd_enabled, WHERE_SSHD },
        { "ssh-socket", check_ssh_socket, WHERE_SSHD },
        { "port-holder", check_port_holder, WHERE_SSHD },
        { "windows-range", check_windows_range, WHERE_WSL },
        { "sshd-running", check_sshd_running, WHERE_SSHD },
        { "listening", check_listening, WHERE_SSHD },
        { "listen-address", check_listen_address, WHERE_SSHD },
        { "selinux", check_selinux, WHERE_SSHD },
        { "ufw", check_ufw, WHERE_SSHD },
        { "firewalld", check_firewalld, WHERE_SSHD },
        { "addresses", check_addresses, ANYWHERE },
        { "ignored-ports", check_ignored_ports, WHERE_WSL },
        { "windows-firewall", check_windows_firewall, WHERE_WSL },
        { "idle-timeout", check_idle_timeout, WHERE_WSL },
};

_Static_assert(ELEMENTSOF(checks) <= CHECKS_MAX, "there are more checks than fit");

size_t checks_run(const CheckFacts *facts, Finding ret[static CHECKS_MAX]) {
        for (size_t i = 0; i < ELEMENTSOF(checks); i++) {
                ret[i] = (Finding){ .check = checks[i].name };
                if (checks[i].where == WHERE_WSL && !is_wsl(facts))
                        say(&ret[i], VERDICT_SKIPPED, "this is not WSL");
                else if (checks[i].where == WHERE_SSHD && facts->sshd.installed == FACT_NO)
                        say(&ret[i], VERDICT_SKIPPED, "sshd is not installed");
                else
                        checks[i].run(facts, &ret[i]);
                clean(ret[i].finding);
                clean(ret[i].remedy);
        }
        return ELEMENTSOF(checks);
}
