/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "diagnose/finding.h"

/* The checks: each turns facts into a finding. Pure. A new check is a function, its name here, and a row in
 * the table of checks.c. */

/* Runs all checks, in the order in which the things they look at depend on each other. Returns how many
 * there are. */
size_t checks_run(const CheckFacts *facts, Finding ret[static FINDINGS_MAX]);

typedef void Check(const CheckFacts *f, Finding *r);

/* Tells who has the port that is asked about, for whatever use: the name of the check is the holder's word, and the
 * finding names the holder as HomePortHolderDetail does, or says what isn't known. */
Check check_who;

/* check-machine.c */
Check check_systemd, check_daemon, check_configuration;
Check check_networking_mode, check_ignored_ports, check_idle_timeout;

/* check-sshd.c */
Check check_sshd_installed, check_sshd_config, check_host_keys, check_run_directory;
Check check_sshd_enabled, check_ssh_socket, check_sshd_running;

/* check-port.c */
Check check_port_tracker, check_port_holder, check_windows_range, check_listening, check_listen_address;

/* check-reach.c */
Check check_selinux, check_ufw, check_firewalld, check_packet_filter, check_port_rules;
Check check_addresses, check_windows_firewall, check_from_windows;

#define RELOAD_DAEMON "sudo systemctl try-reload-or-restart wslportd.service"
#define START_DAEMON "sudo systemctl enable --now wslportd.service"
#define SHUTDOWN "wsl.exe --shutdown"

/* Ends a finding that leaves a question open, which root may have answered. */
static inline const char *ask_as_root(const CheckFacts *f) {
        return f->machine.root ? "" : "; sudo wslportctl diagnose may tell";
}

static inline bool is_up(const UnitFact *unit) {
        return unit->name[0] && unit->active;
}

/* True, and said, where only Interop=no keeps the answer unknown: windows-firewall tells of that for all checks. */
static inline bool say_not_asked(const CheckFacts *f, Finding *r) {
        if (f->config.values.interop || !mode_shares_ports(f->machine.mode))
                return false;
        say(r, VERDICT_SKIPPED, "Windows is not asked; see windows-firewall");
        return true;
}

/* True if an sshd that is started, restarted or reloaded gets no port. */
static inline bool cannot_bind(const CheckFacts *f) {
        bool waits = f->sshd.service.starting || f->daemon.cause == CAUSE_HOST_SILENT;

        if (f->machine.mode != MODE_UNKNOWN && !mode_shares_ports(f->machine.mode))
                return false;
        return f->daemon.last_bind == BIND_TRACKER_DEAD ||
               (f->daemon.last_bind == BIND_NO_ANSWER && waits && f->port.listens != FACT_YES);
}

/* Names the check that tells why sshd isn't where it should be; NULL if none does. */
const char *check_that_tells_why(const CheckFacts *f);

/* The name of sshd's service, and of the unit that starts sshd, which may be its socket. */
const char *sshd_service(const CheckFacts *f);
const char *sshd_unit(const CheckFacts *f);

/* The command that starts sshd anew. */
ShellText restart_sshd(const CheckFacts *f);

/* The check to put before a command that makes the ssh service read its configuration: a second error in there would end
 * an sshd that runs. "" where none runs. */
ShellText check_first(const CheckFacts *f);

/* Reads the file and the line that sshd's own words name: "FILE: line 3: …", "FILE line 3: …". Returns false
 * where they name none. */
bool sshd_error_find_line(const char *error, char ret_file[static CHECK_PATH_SIZE], unsigned *ret_line);
