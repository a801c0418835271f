/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/status.h"
#include "diagnose/facts.h"

/* What Windows has to do with it. Each of these waits for its facts. */

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
