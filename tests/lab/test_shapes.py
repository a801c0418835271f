# SPDX-License-Identifier: LGPL-2.1-or-later
"""The distros that WSL users run: the lab's shapes of them are right, and sshd moves away and back on each."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

import wslport as w
from machine import Machine
from shaped import (
    BOTH, EVERY, ONCE, SOCKETS, UBUNTU, boot, complaints, enabled, gets_in, laid, left, listens, only, standing, systemctl,
    users_files,
)
from shapes import ADDRESSES, GENERATOR, SHAPES, include


# ---- the lab itself ----

@pytest.fixture
def alone(machine: w.Make) -> Callable[[str], Machine]:
    """alone(name) makes a machine of that shape that is off, with the daemon masked."""
    def factory(name: str) -> Machine:
        m = machine(suite=SHAPES[name].suite)
        SHAPES[name].lay(m)
        m.mask(w.UNIT)
        return m
    return factory


@EVERY
def test_a_shape_boots(alone, name):
    shape, m = SHAPES[name], boot(alone(name))
    assert gets_in(m, 22) and list(m.listeners()) == [22]
    assert complaints(m) == []
    assert enabled(m, shape.unit) == "enabled"
    assert w.active_state(m, shape.unit) == "active"
    if shape.unit != shape.service:
        assert enabled(m, shape.service) == "disabled"
    there = {unit for unit in ("ssh.service", "sshd.service") if w.show(m, unit, "LoadState")["LoadState"] == "loaded"}
    assert there == {"debian-12-socket": {"ssh.service"}, "debian-13-socket": {"ssh.service"},
                     "ubuntu-22.04-socket": {"ssh.service"}, "ubuntu-24.04": {"ssh.service"},
                     "fedora": {"sshd.service"}, "el8": {"sshd.service"}, "suse": {"sshd.service"},
                     "arch": {"sshd.service"},
                     }.get(name, {"ssh.service", "sshd.service"})


# A text in sshd's configuration, and the addresses that the generator gives the socket for it. None: it writes nothing.
GENERATED = [
    ("", None), ("Port 22\n", None), ("ListenAddress 0.0.0.0\n", None), ("ListenAddress ::\nPort 22\n", None),
    ("NoSuchOption yes\n", None),
    ("Port 2022\n", ["0.0.0.0:2022", "[::]:2022"]),
    ("Port 22\nPort 2022\n", ["0.0.0.0:2022", "0.0.0.0:22", "[::]:2022", "[::]:22"]),
    ("AddressFamily inet\n", ["0.0.0.0:22"]), ("AddressFamily inet6\n", ["[::]:22"]),
    ("AddressFamily inet6\nPort 2022\n", ["[::]:2022"]),
    ("ListenAddress 127.0.0.1:2022\nListenAddress ::1\n", ["127.0.0.1:2022", "[::1]:22"]),
]


@UBUNTU
def test_the_generator_writes_the_configurations_addresses(alone, name):
    m = boot(alone(name))
    for text, expected in GENERATED:
        include(m, text)
        systemctl(m, "daemon-reload")
        streams = re.findall(r"(?m)^ListenStream=(.*)", m.read(ADDRESSES)) if m.exists(ADDRESSES) else None
        assert streams is None or streams.pop(0) == ""  # the empty one forgets the socket unit's own
        assert (sorted(streams) if streams is not None else None) == expected, text


@UBUNTU
def test_the_socket_follows_the_configuration(alone, name):
    m = alone(name)
    include(m, "Port 2022\n")
    boot(m)
    assert sorted(m.listeners()[2022]) == sorted(BOTH) and 22 not in m.listeners() and gets_in(m, 2022)
    include(m, "Port 2023\n")
    systemctl(m, "daemon-reload")
    systemctl(m, "restart", "ssh.socket")
    assert list(m.listeners()) == [2023] and gets_in(m, 2023)
    include(m, "NoSuchOption yes\n")  # the generator can't read that, and the socket falls back to its own addresses
    systemctl(m, "daemon-reload")
    systemctl(m, "restart", "ssh.socket")
    assert list(m.listeners()) == [22]


def retarget(m: Machine) -> None:
    """Gives the socket unit another port, and has systemd read it."""
    if m.exists(GENERATOR):
        include(m, "Port 2022\n")
    else:
        m.write("/run/systemd/system/ssh.socket.d/port.conf", "[Socket]\nListenStream=\nListenStream=2022\n")
    systemctl(m, "daemon-reload")
    w.eventually(lambda: "2022" in w.show(m, "ssh.socket", "Listen")["Listen"], "it is retargeted")


@SOCKETS
def test_a_socket_with_new_addresses_says_listening_and_does_not(alone, name):
    """systemd 252, 257 and 262 do so, with Accept=yes and Accept=no."""
    m = boot(alone(name))
    retarget(m)
    for _ in range(2):
        assert w.show(m, "ssh.socket", "ActiveState", "SubState") == {"ActiveState": "active", "SubState": "listening"}
        assert m.listeners() == {}
        systemctl(m, "start", "ssh.socket")  # does nothing, as the unit is active
    systemctl(m, "restart", "ssh.socket")
    assert list(m.listeners()) == [2022] and gets_in(m, 2022)


@SOCKETS
def test_a_running_service_hides_such_a_socket(alone, name):
    """sshd keeps the sockets that it got from systemd until it ends. With Accept=yes sshd gets none."""
    m = boot(alone(name))
    assert gets_in(m, 22)
    retarget(m)
    if name != "ubuntu-22.04-socket":
        assert list(m.listeners()) == [22] and gets_in(m, 22)
        systemctl(m, "stop", "ssh.service")
    assert m.listeners() == {}
    assert w.active_state(m, "ssh.socket") == "active"


# ---- away and back ----

def timed(m: Machine, port: int, *call: str) -> float:
    """Seconds from a method's call until sshd listens there."""
    start = time.monotonic()
    assert w.call(m, *call) == (0, "")
    w.eventually(lambda: port in m.listeners(), f"it listens on {port}")
    return time.monotonic() - start


def row(record: Callable[[str, object], None], name: str, circle: str) -> dict[str, Any]:
    """Adds a line to the table at the end of the run (see conftest.py). The test fills it in."""
    line: dict[str, Any] = {"shape": name, "circle": circle, "mechanism": "", "relocate s": "", "restore s": ""}
    record("circle", line)
    return line


@ONCE
def test_circle_at_boot(make, record_property, name):
    line = row(record_property, name, "at boot")
    m = laid(make, name, windows=w.WINDOWS_HOLDS_22)
    before = users_files(m)
    boot(m)
    line["mechanism"] = (w.properties(m) or {}).get("Mechanism", "?")
    standing(m, "relocated", 2222, SHAPES[name].mechanism)
    line["relocate s"] = f"{w.ready_seconds(m):.3f}"  # the daemon held the boot for so long
    assert complaints(m) == [] and m.banner(22) == w.WINDOWS.text
    m.poweroff()
    boot(m)  # sshd starts on 2222 now
    standing(m, "relocated", 2222, SHAPES[name].mechanism)
    assert complaints(m) == []
    session = m.ssh_session(2222, "lan")
    m.windows.release(22)
    line["restore s"] = f"{timed(m, 22, 'Restore'):.3f}"
    standing(m, "clear", 22, "")
    assert session.alive()
    assert users_files(m) == before and left(m) == []
    assert w.failed_units(m) == [] and complaints(m) == []


@EVERY
def test_circle_at_run_time(make, record_property, name):
    line = row(record_property, name, "at run time")
    m = laid(make, name)
    before = users_files(m)
    boot(m)
    standing(m, "clear", 22, "")
    sessions = [m.ssh_session(22, "guest", "::1"), m.ssh_session(22, "lan")]
    line["relocate s"] = f"{timed(m, 2222, 'Relocate', 'q', '0'):.3f}"
    line["mechanism"] = (w.properties(m) or {}).get("Mechanism", "?")
    standing(m, "relocated", 2222, SHAPES[name].mechanism)
    sessions.append(m.ssh_session(2222, "lan"))
    line["restore s"] = f"{timed(m, 22, 'Restore'):.3f}"
    standing(m, "clear", 22, "")
    assert [session.alive() for session in sessions] == [True] * 3
    assert users_files(m) == before and left(m) == []
    assert w.failed_units(m) == [] and complaints(m) == []


# ---- the daemon mends a socket that doesn't listen ----

@pytest.mark.parametrize("text, windows, expected", [
    ("Port 2022\n", {}, {2022: BOTH}), ("AddressFamily inet\n", w.WINDOWS_HOLDS_22, {2222: ("0.0.0.0",)})],
    ids=["at-home", "relocated"])
@UBUNTU
def test_a_socket_that_does_not_listen_is_mended(make, name, text, windows, expected):
    m = boot(laid(make, name, windows=windows))
    standing(m, "relocated" if windows else "clear", 2222 if windows else 22, "sshd-config" if windows else "")
    session = m.ssh_session(2222 if windows else 22, "lan")
    systemctl(m, "stop", "ssh.service")  # so that nobody but systemd has the sockets
    include(m, text)
    systemctl(m, "daemon-reload")
    w.eventually(lambda: {port: tuple(sorted(addresses)) for port, addresses in m.listeners().items()} == expected,
                 "sshd listens on what its configuration says")
    (port, families), = expected.items()
    standing(m, "relocated" if windows else "clear", port, "sshd-config" if windows else "", families)
    assert session.alive() and w.failed_units(m) == []


@pytest.mark.waits
def test_such_a_socket_is_mended_later_if_the_helper_fails_at_first(make):
    m = boot(laid(make, "ubuntu-24.04"))
    w.wrap_helper(m, "[ -e /etc/answers ] || exit 1")
    systemctl(m, "stop", "ssh.service")
    include(m, "Port 2022\n")
    systemctl(m, "daemon-reload")
    w.wait_properties(m, State="unknown", Port=0)
    w.eventually(lambda: w.said(m, "Port 2022 can't be had"), "it was asked")
    m.write("/etc/answers", "")
    w.eventually(lambda: listens(m) == {2022: {*BOTH}}, "it is asked again after a minute", timeout=90)
    standing(m, "clear", 2022, "")


@pytest.mark.parametrize("windows", [{}, w.WINDOWS_HOLDS_22], ids=["at-home", "moved"])
@pytest.mark.parametrize("end", ["TERM", "KILL"])
def test_the_daemon_ends_before_systemd_was_told_of_a_move(make, windows, end):
    """Otherwise anybody's next daemon-reload would close the socket."""
    # stray: the daemon ends before Windows answers its helper
    m = boot(laid(make, "ubuntu-24.04", windows=windows, stray=(2222, 22022)))
    at, to = (2222, 22022) if windows else (22, 2222)
    here = ("relocated", 2222, "sshd-config") if windows else ("clear", 22, "")
    standing(m, *here)
    before, pid, files = w.show(m, "ssh.socket", "InvocationID"), w.main_pid(m, w.UNIT), left(m)
    m.windows.silent()
    m.spawn(["busctl", "call", *w.BUS, w.INTERFACE, "Relocate", "q", str(to)])
    w.eventually(lambda: w.asks_windows(m), "sshd has been asked")
    m.run(["kill", f"-{end}", str(pid)], check=True)
    w.eventually(lambda: not m.exists(f"/proc/{pid}"), "it has ended")
    m.windows.silent(False)
    if end == "TERM":
        systemctl(m, "daemon-reload")
    else:  # systemd starts the daemon again
        standing(m, *here)
    assert only(m, at) and gets_in(m, at) and left(m) == files
    assert w.show(m, "ssh.socket", "InvocationID") == before


# ---- a move that goes on, or is cut off, while systemd has not read our files ----

IN_TWO_FAMILIES = pytest.mark.parametrize("name", ["ubuntu-24.04", "debian-13-socket"])
HELD_SSHD = """#!/bin/sh
case " $* " in *" -T "*) while [ -e /run/hold ]; do sleep 0.02; done ;; esac
exec /usr/lib/real/sshd "$@"
"""


def hold_sshd(m: Machine) -> None:
    """While /run/hold is there, sshd doesn't say where it would listen."""
    m.write("/usr/lib/real/sshd", m.path("/usr/sbin/sshd").read_bytes(), 0o755)
    m.write("/usr/sbin/sshd", HELD_SSHD, 0o755)


def in_place(m: Machine) -> bool:
    """Whether our files move the socket unit."""
    return m.exists(w.PORT_FILE) or m.exists("/run/systemd/system/ssh.socket.d/zz-wslportd.conf")


@pytest.mark.parametrize("mends", ["", "ExecStopPost=\n"], ids=["mend", "start"])
@pytest.mark.parametrize("way", ["out", "out-of-two", "home"])
@IN_TWO_FAMILIES
def test_the_daemon_is_killed_before_systemd_has_read_its_files(make, name, way, mends):
    """systemd would close the socket at its next reading. On the way home, Windows has taken 22 meanwhile."""
    home, m = way == "home", laid(make, name, windows=w.WINDOWS_HOLDS_22 if way == "home" else {}, stray=(22, 2222, 22022), **w.HASTE)
    if way == "out-of-two":  # and sshd was on the second one before, in the place of the first
        if m.exists(GENERATOR):
            include(m, "Port 22\nPort 2222\n")
        else:
            m.write("/etc/systemd/system/ssh.socket.d/two.conf", "[Socket]\nListenStream=2222\n")
        m.write(w.LAST_PORT_FILE, "2222\n")
    hold_sshd(m)
    m.write(f"/etc/systemd/system/{w.UNIT}.d/kill.conf", f"[Service]\nRestart=no\n{mends}")
    boot(m)
    p = w.wait_properties(m, State="relocated" if home else "clear")
    systemctl(m, "stop", "ssh.service")  # a service that runs keeps the sockets that systemd closes
    files, listeners, before, pid = w.own_files(m), m.listeners(), w.show(m, "ssh.socket", "InvocationID"), w.main_pid(m, w.UNIT)
    m.windows.release(22)
    m.write("/run/hold", "")
    m.spawn(["busctl", "call", *w.BUS, w.INTERFACE, *(("Restore",) if home else ("Relocate", "q", "22022"))])
    w.eventually(lambda: in_place(m) != home, "our files have changed")
    m.run(["kill", "-KILL", str(pid)], check=True)
    w.eventually(lambda: w.active_state(m, w.UNIT) == "failed", "it has ended")
    m.path("/run/hold").unlink()
    if home:
        w.eventually(lambda: m.windows.claim(22), "Windows takes 22")
    if not mends:  # by anybody
        systemctl(m, "daemon-reload")
        assert m.listeners() == listeners and w.own_files(m) == files
    systemctl(m, "start", w.UNIT)
    w.wait_properties(m, State=p["State"], Port=p["Port"])
    assert m.listeners() == listeners and w.own_files(m) == files and w.show(m, "ssh.socket", "InvocationID") == before


@pytest.mark.parametrize("way", ["out", "home"])
@IN_TWO_FAMILIES
def test_systemd_reads_its_units_while_windows_is_asked(make, name, way):
    """Anybody may have it read them. The socket listens on where it was until Windows has granted the other port."""
    m = laid(make, name, windows=w.WINDOWS_HOLDS_22 if way == "home" else {}, **w.HASTE)
    second = "::" if name == "ubuntu-24.04" else "0.0.0.0"
    w.wrap_helper(m, f'[ "$1" != {second} ] || while [ -e /run/hold ]; do sleep 0.02; done')
    boot(m)
    at, to = (2222, 22) if way == "home" else (22, 2222)
    w.eventually(lambda: only(m, at), "it listens")
    m.windows.release(22)
    systemctl(m, "stop", "ssh.service")  # a service that runs keeps the sockets that systemd closes
    w.wait_settled(m, 0.5)
    m.write("/run/hold", "")
    asking = w.begin_call(m, *(("Restore",) if way == "home" else ("Relocate", "q", "2222")))
    w.eventually(lambda: w.asks_windows(m, second), "Windows is asked")
    systemctl(m, "daemon-reload")
    assert only(m, at) and gets_in(m, at)
    systemctl(m, "stop", "ssh.service")
    m.path("/run/hold").unlink()
    assert asking.wait() == 0
    standing(m, *(("clear", 22, "") if way == "home" else ("relocated", 2222, SHAPES[name].mechanism)))


def test_the_owner_restarts_the_socket_unit_during_a_move(make):
    """systemd refuses that while its service runs (Debian), and the unit is down then. The service listens on."""
    m = laid(make, "debian-13-socket", stray=(2222,))
    hold_sshd(m)
    boot(m)
    standing(m, "clear", 22, "")
    m.write("/run/hold", "")
    asking = w.begin_call(m, "Relocate", "q", "2222")
    w.eventually(lambda: in_place(m), "it has begun")
    assert m.run(["systemctl", "restart", "ssh.socket"]).returncode != 0 and only(m, 22)
    m.path("/run/hold").unlink()
    asking.wait()
    w.eventually(lambda: (p := w.properties(m)) and p["Port"], "the report is there")
    assert w.logs_in(m, w.properties(m)["Port"])
