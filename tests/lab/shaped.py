# SPDX-License-Identifier: LGPL-2.1-or-later
"""Machines of the shapes of shapes.py, and the checks that hold on all of them.

Most of these tests share standing(): the daemon's report and the kernel show where sshd is, and logins work there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import wslport as w
from machine import Machine
from shapes import SHAPES

QUICK = ("debian-12", "ubuntu-24.04")  # a service, and a socket with a generator


def on(*names: str) -> pytest.MarkDecorator:
    """Runs a test on these shapes, and on those that aren't QUICK in `tests/run thorough` alone."""
    return pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.thorough) for name in names])


ONCE = pytest.mark.parametrize("name", SHAPES)  # for the one test that `tests/run lab` runs on each shape
EVERY = on(*SHAPES)
# Together they have each unit, each mechanism, each systemd and each place of sshd's configuration.
KINDS = on("debian-12", "debian-12-socket", "debian-13", "ubuntu-22.04-socket", "ubuntu-24.04", "el8", "suse")
UBUNTU = on("ubuntu-24.04", "ubuntu-26.04")
SOCKETS = on(*(name for name, shape in SHAPES.items() if shape.unit == "ssh.socket"))
BOTH = ("0.0.0.0", "::")
WAYS_IN = {"0.0.0.0": [("guest", None), ("lan", None)], "::": [("guest", "::1")]}


def laid(make: w.Make, name: str, **options: Any) -> Machine:
    m = make(suite=SHAPES[name].suite, **options)
    SHAPES[name].lay(m)
    return m


def users_files(m: Machine) -> dict[str, bytes | str]:
    found = w.contents(m, "/etc/ssh", "/usr/etc/ssh", "/etc/default", "/etc/sysconfig", "/etc/systemd")
    return {name: data for name, data in found.items() if name != w.STATIC_FILE}


def left(m: Machine) -> list[str]:
    """The files of the daemon's that are still there, but for the port that it will try first next time."""
    return [name for name in w.own_files(m) if name != w.LAST_PORT_FILE]


def complaints(m: Machine) -> list[str]:
    """The errors of sshd and systemd in the journal. PAM's don't count: the lab's roots have no locales."""
    return [text for entry in m.journal() if (text := str(entry.get("MESSAGE", ""))) and not text.startswith("pam_") and
            (int(entry.get("PRIORITY", 6)) <= 3 and str(entry.get("SYSLOG_IDENTIFIER")).startswith(("sshd", "systemd")) or
             w.BIND_ERRORS.search(text))]


def gets_in(m: Machine, port: int, families: tuple[str, ...] = BOTH) -> bool:
    """Returns whether logins work at that port, by each family, and from a neighbour on the LAN."""
    return all(m.ssh(port, "echo $SSH_CONNECTION", origin, address).stdout.split()[3] == str(port)
               for family in families for origin, address in WAYS_IN[family])


def standing(m: Machine, state: str, port: int, mechanism: str, families: tuple[str, ...] = BOTH) -> dict[str, Any]:
    """Checks that the report and the kernel show sshd there and nowhere else, by that mechanism, and that logins work."""
    w.wait_properties(m, timeout=20, State=state, Port=port)

    def told() -> dict[str, Any] | None:
        p, seen = w.properties(m), m.listeners()
        listeners = {tuple(entry[:3]) for entry in p["Listeners"] if entry[1] in (port, 22)} if p else set()
        there = {(address, port, "sshd") for address in seen.get(port, [])}
        return p if listeners == there != set() and (port == 22 or 22 not in seen) else None

    p = w.eventually(told, "the listeners are told")
    assert gets_in(m, port, families)
    # systemd binds a port without an address as [::], for both families.
    assert tuple(sorted(m.listeners()[port])) == families or families == BOTH and m.listeners()[port] == ["::"]
    assert p.get("Mechanism") == mechanism
    return p


def boot(m: Machine) -> Machine:
    w.boot_in_time(m)
    assert (m.wait_running(), w.failed_units(m)) == ("running", [])
    return m


def relocated(make: w.Make, name: str, **options: Any) -> Machine:
    m = boot(laid(make, name, windows=w.WINDOWS_HOLDS_22, **options))
    standing(m, "relocated", 2222, SHAPES[name].mechanism)
    return m


def systemctl(m: Machine, *arguments: str) -> None:
    m.run(["systemctl", *arguments], check=True)


def enabled(m: Machine, unit: str) -> str:
    return m.run(["systemctl", "is-enabled", unit]).stdout.strip()


def units(m: Machine) -> dict[str, tuple[str, str]]:
    return {unit: (enabled(m, unit), w.active_state(m, unit)) for unit in ("ssh.socket", "ssh.service")}


def only(m: Machine, port: int) -> bool:
    return set(m.listeners()) & {22, 2222} == {port}


def listens(m: Machine) -> dict[int, set[str]]:
    return {port: set(addresses) for port, addresses in m.listeners().items()}


def configure(m: Machine, **ssh: str) -> None:
    m.write(w.CONFIG, w.configuration(SSH=ssh))


def reset(m: Machine, status: int = 0) -> str:
    """Runs what a package's removal runs once the daemon is stopped. Returns its messages."""
    result = m.run(["/usr/sbin/wslportd", "--reset"])
    assert result.returncode == status, result.stderr
    systemctl(m, "daemon-reload")  # as a package's removal does next
    return result.stdout + result.stderr


def slow_stop(m: Machine, unit: str) -> Callable[[], None]:
    """From now on the unit doesn't stop before what is returned is called."""
    m.write("/run/slow-stop", "")
    m.write(f"/run/systemd/system/{unit}.d/slow.conf", "[Service]\nExecStop=/bin/sh -c 'while test -e /run/slow-stop; do sleep 0.05; done'\n")
    systemctl(m, "daemon-reload")
    return lambda: m.run(["rm", "/run/slow-stop"], check=True)
