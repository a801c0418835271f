/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "diagnose/facts.h"
#include "facts/holders.h"
#include "kernel/routes.h"

/* Reads the facts of the checks from the kernel, systemd, sshd, the journal and files, each with a deadline.
 * It waits, so it is for a process of its own. It binds and changes nothing. @bus is the system bus, NULL if
 * there is none; @status is what the daemon says there, NULL if it doesn't answer. @for_everyone: as
 * MachineFacts'. With a @port, only what check_who() looks at is read. The caller has SIGCHLD blocked. Returns 0, or
 * a negative errno if there is no event loop. */
int gather_facts(sd_bus *bus, const Status *status, bool for_everyone, uint16_t port, CheckFacts *ret);

/* ── gather-port.c ── */

/* The sources that gather_port() asks. */
typedef struct PortSources {
        Sockets *sockets;     /* NULL: the kernel could not be asked */
        Routes *routes;       /* the same */
        ManagedUnits managed; /* empty: systemd could not be asked */
        Home home;            /* without ports: sshd's configuration tells none */
        const Status *status; /* NULL: no daemon answers */
        uint16_t moved_to;    /* the port in wslportd's own files; 0: none */
} PortSources;

/* Fills in @facts->port: which port sshd has, whether it listens there, and who else does, by the kernel's
 * listeners; and which rules of the owner's are for a port that sshd has left. Where .number is set already, only
 * who listens there. Reads .machine.root and .sshd.options of @facts. */
void gather_port(const PortSources *from, CheckFacts *facts);

/* ── gather-windows.c ── */

/* Windows' part in the facts. Each function waits for its answers. */

/* Finds out whether Windows has sshd's port, where nobody here listens on it: .port.holder and
 * .port.holder_detail of @facts. @status is NULL where the daemon doesn't answer. It connects to the port
 * once, where the facts aren't for everyone, and doesn't bind it. Does the same with the home port where Windows had that:
 * .port.home_greeting. */
void gather_windows_holder(sd_event *event, const Status *status, CheckFacts *facts);

/* Has Windows name its program on the port that is asked about, where nobody here listens and the facts aren't for
 * everyone; else the excluded range. Asks as gather_windows() does. */
void gather_windows_program(sd_event *event, CheckFacts *facts);

/* Asks Windows' own programs, where .config.values.interop allows it: .windows of @facts. */
void gather_windows(sd_event *event, CheckFacts *facts);

/* Reads /etc/wsl.conf and the Windows user's .wslconfig: .machine.systemd_setting and .wslconfig of @facts.
 * If several Windows users have a .wslconfig, Windows tells which of them it is, where
 * .config.values.interop allows that. */
void gather_wslconfig(sd_event *event, CheckFacts *facts);

/* Windows' drives may hang for ever, so a child process reads .wslconfig: this program, run again with this
 * argument. Its main() then returns gather_wslconfig_main(). */
#define GATHER_WSLCONFIG_OPTION "--read-wslconfig"
int gather_wslconfig_main(int argc, char *argv[]);
