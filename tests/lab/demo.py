# SPDX-License-Identifier: LGPL-2.1-or-later
"""The story in one machine: Windows holds 22, WSL boots, sshd is on 2222. To be run by `tests/run demo`."""

import os
import time
from pathlib import Path

from machine import Greeting, Machine

BUS = ("org.wslport1", "/org/wslport1", "org.wslport1.Manager")


def say(text: str) -> None:
    print(f"\n● {text}", flush=True)


def show(command: str, output: str) -> None:
    print(f"  $ {command}")
    for line in output.rstrip().splitlines():
        print(f"    {line}", flush=True)


def run(machine: Machine, command: str) -> None:
    show(command, machine.run(command.split(), timeout=20).stdout)


def wait_for(machine: Machine, port: int) -> None:
    deadline = time.monotonic() + 20
    while port not in machine.listeners():
        if time.monotonic() > deadline:
            raise SystemExit(f"sshd did not come to listen on {port}")
        time.sleep(0.05)


def main() -> None:
    say("A WSL machine in mirrored mode is made. Windows' own OpenSSH server has port 22.")
    with Machine(mode="mirrored", overlay=[Path(os.environ["WSLPORTD_DESTDIR"])], windows={22: Greeting()}) as machine:
        show("nc 127.0.0.1 22", machine.banner(22, "windows").decode())

        say("Without wslportd: sshd can't have its port.")
        machine.boot()
        machine.wait_running()
        run(machine, "systemctl is-active ssh.service")
        show("journalctl -t sshd", "\n".join(m for m in machine.messages(SYSLOG_IDENTIFIER="sshd") if "Bind" in m))

        say("systemctl enable --now wslportd")
        machine.run(["systemctl", "enable", "--now", "wslportd.service"], timeout=20)
        wait_for(machine, 2222)
        run(machine, "systemctl is-active ssh.service")
        show("nc 127.0.0.1 22", machine.banner(22, "guest").decode())
        show("nc 127.0.0.1 2222", machine.banner(2222, "guest").decode())
        show("ssh -p 2222 root@wsl   # from a neighbour on the LAN", machine.ssh(2222, "echo hello from $(hostname)", origin="lan").stdout)

        say("From now on its first bind is right: the next cold boot.")
        machine.poweroff()
        machine.boot()
        machine.wait_running()
        wait_for(machine, 2222)
        run(machine, "systemctl is-system-running")
        run(machine, "systemctl --failed --no-legend")
        run(machine, "systemctl show wslportd -P StatusText")
        run(machine, "cat /var/lib/wslportd/sshd.d/port.conf")
        run(machine, f"busctl get-property {' '.join(BUS)} State HomePort HomePortHolder Port Reason")

        say("Ports that Windows lost without sshd getting them: " + (", ".join(map(str, machine.stray_reservations())) or "none"))


main()
