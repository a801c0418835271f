# SPDX-License-Identifier: LGPL-2.1-or-later
"""demo.py [SUITE]: the whole story in one machine, to be read while it happens: `tests/run demo`.

The machine is of that Debian, or of the oldest that the lab knows. The demo checks each thing before it tells it, and ends
with an error if the thing isn't so.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import shorten
from typing import Any

import roots
from conftest import obstacle
from machine import Machine
from processes import Session
from windows import Greeting

PATIENCE = 20


class NotAsTold(Exception):
    pass


def say(text: str) -> None:
    print(f"\n● {text}", flush=True)


def show(line: str, output: str = "") -> None:
    print(f"  {line}")
    for row in output.rstrip().splitlines():
        print(f"    {row}".rstrip(), flush=True)


def must(condition: Any, what: str) -> None:
    if not condition:
        raise NotAsTold(what)


def must_come(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        must(time.monotonic() < deadline, what)
        time.sleep(0.05)


def run(machine: Machine, command: str, status: int = 0) -> str:
    result = machine.run(command.split(), timeout=60)
    show(f"$ {command}", result.stdout + result.stderr)
    must(result.returncode == status, f"{command} ended with {result.returncode}, not {status}")
    return result.stdout


def must_greet(machine: Machine, port: int, who: str, origin: str = "guest") -> None:
    """Shows who greets on that port, and checks that it is "OpenSSH_for_Windows", or WSL's own sshd."""
    greeting = machine.banner(port, origin).decode(errors="replace").strip()
    place = {"guest": "WSL", "windows": "Windows", "lan": "a neighbour"}[origin]
    show(f"port {port}, asked from {place}: {greeting}")
    must(greeting.startswith("SSH-2.0-OpenSSH_") and ("for_Windows" in greeting) == (who == "Windows"),
         f"on port {port} it should be {who} who greets")


def must_listen(machine: Machine, port: int) -> None:
    must_come(lambda: port in machine.listeners(), f"sshd did not come to listen on {port}")
    must(set(machine.listeners()) & {22, 2222, 22022} == {port}, f"sshd listens on more than {port}")


def must_live(session: Session) -> None:
    must(session.alive(), "the session has died")
    show(f"the session from before: alive, {session.ticks()} lines long")


def conflict(machine: Machine) -> None:
    say("A WSL machine in mirrored mode. Windows' own OpenSSH server has port 22. WSL boots, without wslportd.")
    must_greet(machine, 22, "Windows", "windows")
    machine.boot()
    must(machine.wait_running() == "degraded", "sshd should have failed")
    run(machine, "systemctl is-active ssh.service", 3)
    errors = [line for line in machine.messages(SYSLOG_IDENTIFIER="sshd") if "Bind" in line or "Cannot bind" in line]
    show("journal of sshd", "\n".join(errors))
    must(any("Address already in use" in line for line in errors), "sshd should say why it failed")


def rescue(machine: Machine) -> None:
    say("wslportd is enabled, and sshd comes up on 2222. Both can be reached.")
    run(machine, "systemctl --quiet enable --now wslportd.service")
    must_listen(machine, 2222)
    must_greet(machine, 22, "Windows")
    must_greet(machine, 2222, "WSL")
    must_greet(machine, 2222, "WSL", "windows")
    hello = machine.ssh(2222, "echo hello from $(hostname)", origin="lan").stdout
    show("ssh -p 2222, from a neighbour on the LAN", hello)
    must(hello == "hello from lab\n", "ssh from a neighbour")


def cold_boot(machine: Machine) -> None:
    say("The next boot: sshd's first bind is right, nothing fails.")
    machine.poweroff()
    machine.boot()
    must(machine.wait_running() == "running", "a unit has failed")
    must_listen(machine, 2222)
    show(f"booted in {machine.boot_seconds:.1f} s")
    late = [line for line in machine.messages(SYSLOG_IDENTIFIER="sshd") if "Bind to port" in line]
    must(not late, f"sshd should have nothing to complain of: {late}")
    must("relocated: sshd is on port 2222, away from 22" in run(machine, "wslportctl status"), "the status")


def move(machine: Machine) -> Session:
    say("A neighbour logs in, and sshd is moved once more. The session stays.")
    session = machine.ssh_session(2222, "lan")
    run(machine, "wslportctl relocate 22022")
    must_listen(machine, 22022)
    must_live(session)
    run(machine, "wslportctl relocate 2222")
    must_listen(machine, 2222)
    return session


def restore(machine: Machine, session: Session) -> None:
    say("Windows holds 22 still: sshd stays where clients find it.")
    run(machine, "wslportctl restore", 5)
    must_listen(machine, 2222)

    say("Windows' sshd is switched off (Stop-Service sshd), and sshd goes back to 22 when asked.")
    machine.windows.release(22)
    run(machine, "wslportctl restore")
    must_listen(machine, 22)
    must_greet(machine, 22, "WSL", "windows")
    must_live(session)
    must("clear: sshd is on port 22, nothing is in its way" in run(machine, "wslportctl status"), "the status")


def story(destdir: Path, suite: str) -> None:
    """Raises NotAsTold, or an error of the machine's."""
    with Machine(mode="mirrored", suite=suite, overlay=[destdir], windows={22: Greeting()}) as machine:
        conflict(machine)
        rescue(machine)
        cold_boot(machine)
        session = move(machine)
        restore(machine, session)
        strays = machine.stray_reservations()
        say("Ports that Windows lost without sshd getting them: " + (", ".join(map(str, strays)) or "none"))
        must(not strays, "Windows has lost a port to nobody")


def main(suite: str = roots.OLDEST) -> int:
    start = time.monotonic()
    if reason := obstacle():
        print(f"✗ {reason}", file=sys.stderr)
        return 1
    say("A Debian root for the machine: built once, in half a minute, and kept.")
    try:
        show(str(roots.root(suite, progress=lambda text: show(f"{time.monotonic() - start:3.0f} s  {shorten(text, 100)}"))))
    except RuntimeError as error:  # no mirror is configured, or it can't be reached
        print(f"✗ {error}", file=sys.stderr)
        return 1
    try:
        story(Path(os.environ["WSLPORTD_DESTDIR"]), suite)
    except NotAsTold as error:
        print(f"\n✗ It isn't as told: {error}", file=sys.stderr)
        return 1
    say(f"That was all, in {time.monotonic() - start:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
