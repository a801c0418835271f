/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diagnose/checks.h"

/* What a check needs. Without it the check is skipped. */
typedef enum Needs {
        NEEDS_NOTHING,
        NEEDS_WSL,
        NEEDS_SHARED_PORTS, /* WSL, in a networking mode in which Windows and Linux share ports */
        NEEDS_SSHD,
} Needs;

static const struct {
        const char *name;
        Check *run;
        Needs needs;
        bool binds; /* its remedies have sshd bind */
} checks[] = {
        { "systemd", check_systemd, NEEDS_WSL, false },
        { "daemon", check_daemon, NEEDS_WSL, false },
        { "configuration", check_configuration, NEEDS_NOTHING, false },
        { "networking-mode", check_networking_mode, NEEDS_WSL, false },
        { "sshd-installed", check_sshd_installed, NEEDS_NOTHING, false },
        { "sshd-config", check_sshd_config, NEEDS_SSHD, true },
        { "host-keys", check_host_keys, NEEDS_SSHD, true },
        { "run-directory", check_run_directory, NEEDS_SSHD, false },
        { "sshd-enabled", check_sshd_enabled, NEEDS_SSHD, true },
        { "ssh-socket", check_ssh_socket, NEEDS_SSHD, true },
        { "port-tracker", check_port_tracker, NEEDS_SHARED_PORTS, false },
        { "port-holder", check_port_holder, NEEDS_SSHD, true },
        { "windows-range", check_windows_range, NEEDS_SHARED_PORTS, true },
        { "sshd-running", check_sshd_running, NEEDS_SSHD, true },
        { "listening", check_listening, NEEDS_SSHD, true },
        { "listen-address", check_listen_address, NEEDS_SSHD, true },
        { "selinux", check_selinux, NEEDS_SSHD, false },
        { "ufw", check_ufw, NEEDS_SSHD, false },
        { "firewalld", check_firewalld, NEEDS_SSHD, false },
        { "packet-filter", check_packet_filter, NEEDS_SSHD, false },
        { "port-rules", check_port_rules, NEEDS_SSHD, false },
        { "addresses", check_addresses, NEEDS_NOTHING, false },
        { "ignored-ports", check_ignored_ports, NEEDS_SHARED_PORTS, false },
        { "windows-firewall", check_windows_firewall, NEEDS_SHARED_PORTS, false },
        { "from-windows", check_from_windows, NEEDS_SHARED_PORTS, false },
        { "idle-timeout", check_idle_timeout, NEEDS_WSL, false },
};

_Static_assert(ELEMENTSOF(checks) <= FINDINGS_MAX, "there are more checks than fit");

/* Tells why a check is skipped; NULL if it isn't. */
static const char *lacks(const CheckFacts *f, Needs needs) {
        if ((needs == NEEDS_WSL || needs == NEEDS_SHARED_PORTS) && f->machine.mode == MODE_NOT_WSL)
                return "this is not WSL";
        if (needs == NEEDS_SHARED_PORTS && f->machine.mode != MODE_UNKNOWN &&
            !mode_shares_ports(f->machine.mode))
                return "in this networking mode Windows and WSL share no ports";
        if (needs == NEEDS_SSHD && f->sshd.installed == FACT_NO)
                return "sshd is not installed";
        return NULL;
}

size_t checks_run(const CheckFacts *facts, Finding ret[static FINDINGS_MAX]) {
        for (size_t i = 0; i < ELEMENTSOF(checks); i++) {
                const char *why = lacks(facts, checks[i].needs);

                ret[i] = (Finding){ 0 };
                snprintf(ret[i].check, sizeof(ret[i].check), "%s", checks[i].name);
                if (why)
                        say(&ret[i], VERDICT_SKIPPED, "%s", why);
                else
                        checks[i].run(facts, &ret[i]);
                if (checks[i].binds && cannot_bind(facts))
                        ret[i].remedy[0] = '\0'; /* port-tracker has the one that works */
        }
        return ELEMENTSOF(checks);
}

const char *check_that_tells_why(const CheckFacts *f) {
        if (f->sshd.installed == FACT_NO)
                return "sshd-installed";
        if (cannot_bind(f))
                return "port-tracker";
        if (f->sshd.verdict == SSHD_VERDICT_REFUSED || f->sshd.verdict == SSHD_VERDICT_OUR_FILE_REFUSED)
                return "sshd-config";
        if (f->sshd.host_keys == FACT_NO)
                return "host-keys";
        if (f->port.absent[0] || f->sshd.socket_has_twice)
                return "listen-address";
        if (holder_is_stranger(f->port.holder) || holder_is_windows(f->port.holder))
                return "port-holder";
        if (strstr(f->daemon.reason, REASON_NO_CANDIDATE) || f->windows.refuses == FACT_YES)
                return "windows-range";
        return NULL;
}
