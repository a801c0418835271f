/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/checks.h"

#include "core/config-file.h"

/* sshd's port: who has it, and where sshd listens. */

static const char no_name[] = "a program or a reserved range";

/* For a user who wants the home port back for sshd. */
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

void check_port_tracker(const CheckFacts *f, Finding *r) {
        BindAnswer last = f->daemon.last_bind;

        if (last == BIND_TRACKER_DEAD)
                say(r, VERDICT_PROBLEM,
                    "WSL's port tracker is dead: nobody can bind a port before WSL is shut down%s",
                    f->port.listens == FACT_YES ? ", and an sshd that is restarted or reloaded loses its own"
                                                : "");
        else if (cannot_bind(f))
                say(r, VERDICT_PROBLEM,
                    "Windows has not answered wslportd's last bind(), and sshd's own may wait as well: if "
                    "that goes on, WSL has to be shut down");
        else if (last == BIND_NO_ANSWER)
                say(r, VERDICT_UNKNOWN,
                    "Windows has not answered wslportd's last bind(); whether it answers now is not known");
        else if (last == BIND_NOT_ASKED || last == BIND_FAILED)
                say(r, VERDICT_SKIPPED, "wslportd knows of no bind() that Windows was asked about");
        else
                say(r, VERDICT_OK, "Windows has answered wslportd's last bind()");
        if (cannot_bind(f))
                suggest(r, SHUTDOWN);
}

static void say_linux_holds(const ListenFacts *port, Finding *r) {
        say(r, VERDICT_PROBLEM, "%s (pid %d%s%s) has port %u", port->holder_name, port->holder_pid,
            port->holder_unit[0] ? ", " : "", port->holder_unit, port->number);
        /* Perhaps the only way in: nobody is told to end it. */
        if (streq(port->holder_name, "sshd") || streq(port->holder_name, "dropbear"))
                return;
        if (port->holder_unit[0])
                suggest(r, "sudo systemctl stop %s", quote(port->holder_unit).text);
        else if (port->holder_pid > 1)
                suggest(r, "sudo kill %d", port->holder_pid);
}

void check_port_holder(const CheckFacts *f, Finding *r) {
        const ListenFacts *port = &f->port;

        if (port->number == 0)
                say(r, VERDICT_UNKNOWN, "can't tell sshd's port%s", ask_as_root(f));
        else if (port->holder == HOLDER_LINUX)
                say_linux_holds(port, r);
        else if (port->holder == HOLDER_OTHER_DISTRO) {
                say(r, VERDICT_PROBLEM,
                    "another WSL distro has port %u: stop the server there, or end the distro with wsl.exe "
                    "--terminate NAME; its name is among these",
                    port->number);
                suggest(r, "wsl.exe --list --running");
        } else if (holder_is_windows(port->holder)) {
                say(r, VERDICT_PROBLEM, "Windows (%s) has port %u, and sshd is not moved%s%.200s",
                    port->holder_detail[0] ? port->holder_detail : no_name, port->number,
                    f->daemon.reason[0] ? ": " : "", f->daemon.reason);
                if (!is_up(&f->daemon.unit))
                        suggest(r, START_DAEMON);
        } else if (port->holder == HOLDER_UNKNOWN && port->listens == FACT_NO)
                say(r, f->config.values.interop ? VERDICT_UNKNOWN : VERDICT_SKIPPED,
                    "nobody in WSL has port %u; can't tell whether Windows has it before sshd binds it",
                    port->number);
        else if (port->holder == HOLDER_UNKNOWN)
                say(r, VERDICT_UNKNOWN, "can't tell who has port %u%s", port->number, ask_as_root(f));
        else if (port->home_holder == HOLDER_WINDOWS_OPENSSH && port->home_greeting == HOME_SILENT &&
                 f->config.values.relocate != RELOCATE_MIRRORED) {
                say(r, VERDICT_WARNING,
                    "nobody else has port %u, and Windows' sshd does not answer on %u any more: if it was "
                    "stopped, WSL's can go back",
                    port->number, port->home);
                suggest(r, "sudo wslportctl restore");
        } else if (port->home_greeting == HOME_GREETS_AS_SSHD)
                say(r, VERDICT_OK,
                    "nobody else has port %u; on %u an sshd of this version answers, perhaps this one by a "
                    "port proxy of Windows' (netsh.exe interface portproxy show all)",
                    port->number, port->home);
        else if (holder_is_windows(port->home_holder) && port->home != port->number)
                say(r, VERDICT_OK, "nobody else has port %u; Windows (%s) has %u%s", port->number,
                    port->home_detail[0] ? port->home_detail : no_name, port->home,
                    how_windows_starts_sshd(f));
        else
                say(r, VERDICT_OK, "nobody else has port %u%s", port->number,
                    port->number == port->home && mode_shares_ports(f->machine.mode) &&
                                                    f->config.values.relocate != RELOCATE_MIRRORED
                                    ? "; Relocate=mirrored in wslportd.conf leaves it to Windows for good"
                                    : "");
}

/* Nobody in Linux listens on the port, nor is a program of Windows' known to. */
static Holder say_nobody(const CheckFacts *f, Finding *r) {
        const PortRange *range = &f->windows.range;
        NetworkingMode mode = f->machine.mode;

        if (mode != MODE_UNKNOWN && !mode_shares_ports(mode)) {
                say(r, VERDICT_OK, "nobody here listens; Windows isn't looked at (networking mode: %s)",
                    networking_mode_to_string(mode));
                return HOLDER_NONE;
        }
        if (range->last != 0)
                say(r, VERDICT_UNKNOWN,
                    "nobody listens, but Windows may refuse %u-%u: an excluded port range", range->first,
                    range->last);
        else
                say(r, VERDICT_UNKNOWN, "%s",
                    mode == MODE_UNKNOWN ? "nobody here listens; the networking mode isn't known"
                    : f->port.holder == HOLDER_NONE
                                    ? "nobody listens: free, as far as can be seen without binding it"
                    : f->machine.for_everyone ? "nobody here listens; wslportctl who asks Windows, too"
                                              : "nobody here listens; Windows has not answered");
        return HOLDER_UNKNOWN;
}

void check_who(const CheckFacts *f, Finding *r) {
        const ListenFacts *port = &f->port;
        Holder holder = port->holder;

        if (port->holder_pid > 0)
                say(r, VERDICT_OK, "%s (pid %d)", port->holder_name, port->holder_pid);
        else if (holder_is_stranger(holder) || holder_is_windows(holder))
                say(r, VERDICT_OK, "%s", port->holder_detail);
        else if (port->listens == FACT_YES) {
                holder = HOLDER_SSHD;
                say(r, VERDICT_OK, "%s", sshd_unit(f));
        } else if (port->listens == FACT_NO)
                holder = say_nobody(f, r);
        else
                say(r, VERDICT_UNKNOWN, "a process of this distro or of another listens%s",
                    f->machine.root ? "" : "; root can see which");

        snprintf(r->check, sizeof(r->check), "%s", holder_to_string(holder));
}

/* Suggests to add candidates behind the present ones. A comment on that line stays. */
static void suggest_candidates(Finding *r, const ConfigFacts *config) {
        static const PortRange more[] = { { 8022, 8022 }, { 10022, 10121 }, { 30022, 30121 } };
        const Config *has = &config->values;
        const ConfigPlace *place = &has->places[CONFIG_CANDIDATE_PORTS];
        PortRange all[CONFIG_CANDIDATES_MAX + ELEMENTSOF(more)];
        char list[160]; /* all of it is in one line of the file, with room for a comment */
        size_t n = has->n_candidates;

        memcpy(all, has->candidates, sizeof(has->candidates));
        for (size_t i = 0; i < ELEMENTSOF(more); i++) {
                bool known = false;

                for (size_t k = 0; k < has->n_candidates; k++)
                        known = known || (all[k].first <= more[i].first && more[i].last <= all[k].last);
                if (!known)
                        all[n++] = more[i];
        }
        if (config->valid != FACT_YES || n == has->n_candidates || n > CONFIG_CANDIDATES_MAX ||
            !port_ranges_format(all, n, list, sizeof(list)))
                return;
        if (place->line != 0)
                suggest(r, "sudo sed -i --follow-symlinks '%us/=[^#;]*/=%s /' %s && " RELOAD_DAEMON,
                        place->line, list, quote(place->file).text);
        else
                suggest(r,
                        "printf '\\n[Policy]\\nCandidatePorts=%s\\n' | sudo tee -a " CONFIG_FILE
                        " && " RELOAD_DAEMON,
                        list);
}

void check_windows_range(const CheckFacts *f, Finding *r) {
        uint16_t port = f->port.number;

        if (strstr(f->daemon.reason, REASON_NO_CANDIDATE)) {
                say(r, VERDICT_PROBLEM,
                    "no port that sshd may be moved to is free: more candidates, outside of "
                    "Windows' ranges, help");
                suggest_candidates(r, &f->config);
        } else if (f->windows.refuses == FACT_YES) {
                say(r, VERDICT_PROBLEM,
                    "port %u lies in %u-%u, which Windows keeps for itself; wslportd finds another port",
                    port, f->windows.range.first, f->windows.range.last);
                suggest(r, "%s",
                        is_up(&f->daemon.unit) ? "sudo systemctl restart wslportd.service" : START_DAEMON);
        } else if (f->windows.range.last != 0)
                say(r, VERDICT_UNKNOWN,
                    "port %u lies in %u-%u, where Windows may refuse it; nothing shows that it did", port,
                    f->windows.range.first, f->windows.range.last);
        else if (f->windows.refuses == FACT_NO)
                say(r, VERDICT_OK, "port %u lies in no range that Windows keeps for itself", port);
        else if (f->port.listens == FACT_YES)
                say(r, VERDICT_OK, "Windows lets sshd have port %u", port);
        else if (!say_not_asked(f, r))
                say(r, VERDICT_UNKNOWN,
                    "can't tell whether Windows lets sshd have port %u before sshd binds it", port);
}

void check_listening(const CheckFacts *f, Finding *r) {
        const char *why = check_that_tells_why(f);

        if (f->port.number == 0 && f->port.listens != FACT_NO)
                say(r, VERDICT_UNKNOWN, "can't tell sshd's port%s", ask_as_root(f));
        else if (f->port.listens == FACT_YES)
                say(r, VERDICT_OK, "sshd listens on port %u", f->port.number);
        else if (f->port.listens == FACT_UNKNOWN)
                say(r, VERDICT_UNKNOWN, "something listens on port %u; only root can see if it is sshd",
                    f->port.number);
        else {
                say(r, VERDICT_PROBLEM, "sshd does not listen on port %u%s%s", f->port.number,
                    why ? "; see " : "", strempty(why));
                if (!why)
                        suggest(r, "%s", restart_sshd(f).text);
        }
}

void check_listen_address(const CheckFacts *f, Finding *r) {
        const ListenFacts *port = &f->port;

        if (port->listens != FACT_YES && f->sshd.socket_has_twice) {
                say(r, VERDICT_PROBLEM,
                    "%s has an address twice, and systemd can't bind it twice: an empty line ListenStream= "
                    "takes away those before it",
                    f->sshd.socket.name);
                suggest(r, "sudo systemctl edit %s", f->sshd.socket.name);
        } else if (port->absent[0] && port->absent_line.line != 0)
                say(r, VERDICT_PROBLEM, "this machine has no address %s (%s:%u)", port->absent,
                    port->absent_line.file, port->absent_line.line);
        else if (port->absent[0])
                say(r, VERDICT_PROBLEM, "this machine has no address %s", port->absent);
        else if (port->listens == FACT_NO)
                say(r, VERDICT_SKIPPED, "sshd does not listen");
        else if (port->listens == FACT_UNKNOWN)
                say(r, VERDICT_UNKNOWN, "can't tell where sshd listens");
        else if (port->ipv6_only) {
                say(r, VERDICT_PROBLEM,
                    "sshd listens on IPv6 only: something else had port %u on IPv4 when sshd started",
                    port->number);
                suggest(r, "%s", restart_sshd(f).text);
        } else if (!port->loopback_only)
                say(r, VERDICT_OK, "sshd listens for other machines too");
        else if (port->loopback_line.line != 0) {
                say(r, VERDICT_PROBLEM, "sshd listens for this machine only: ListenAddress in %s:%u",
                    port->loopback_line.file, port->loopback_line.line);
                /* A generator hands the addresses on to a socket unit. */
                suggest(r, "sudo sed -i --follow-symlinks '%us/^/#/' %s && %ssudo systemctl %s %s",
                        port->loopback_line.line, quote(port->loopback_line.file).text, check_first(f).text,
                        is_up(&f->sshd.socket) ? "daemon-reload && sudo systemctl restart" : "reload",
                        is_up(&f->sshd.socket) ? f->sshd.socket.name : sshd_service(f));
        } else
                say(r, VERDICT_PROBLEM,
                    "sshd listens for this machine only, and its configuration does not tell why: look into "
                    "%s",
                    sshd_unit(f));
}
