# SPDX-License-Identifier: LGPL-2.1-or-later
"""The distros that WSL users run, as shapes.py has them: that the lab's are what they should be, that sshd goes from
its port and back on each of them, and what users have made of theirs.

Every test with the daemon also checks promise 2 at its end, by the fixture `make`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

pytest.register_assert_rewrite("wslport")

import wslport as w  # noqa: E402
from machine import Machine  # noqa: E402
from roots import PACKAGE  # noqa: E402
from shapes import ADDRESSES, GENERATOR, MAIN, SHAPES, UNITS, include, link  # noqa: E402
from wslport import make  # noqa: E402, F401

EVERY = pytest.mark.parametrize("name", SHAPES)
# One of each kind: of unit, of mechanism, of systemd, of where sshd's configuration is.
KINDS = pytest.mark.parametrize("name", ["debian-12", "debian-12-socket", "debian-13", "ubuntu-22.04-socket", "ubuntu-24.04", "el8", "suse"])
UBUNTU = pytest.mark.parametrize("name", ["ubuntu-24.04", "ubuntu-26.04"])
SOCKETS = pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if shape.unit == "ssh.socket"])
BOTH = ("0.0.0.0", "::")
WAYS_IN = {"0.0.0.0": [("guest", None), ("lan", None)], "::": [("guest", "::1")]}


# ---- helpers ----

def laid(make: w.Make, name: str, **options: Any) -> Machine:
    m = make(suite=SHAPES[name].suite, **options)
    SHAPES[name].lay(m)
    return m


def users_files(m: Machine) -> dict[str, bytes | str]:
    found = w.contents(m, "/etc/ssh", "/usr/etc/ssh", "/etc/default", "/etc/sysconfig", "/etc/systemd")
    return {name: data for name, data in found.items() if name != w.STATIC_FILE}


def left(m: Machine) -> list[str]:
    """What there still is of the daemon's; but for the port that it tries first next time."""
    return [name for name in w.own_files(m) if name != w.LAST_PORT_FILE]


def complaints(m: Machine) -> list[str]:
    """What sshd and systemd have to say of errors; but for PAM, which misses Debian's locale."""
    return [text for entry in m.journal() if (text := str(entry.get("MESSAGE", ""))) and not text.startswith("pam_") and
            (int(entry.get("PRIORITY", 6)) <= 3 and str(entry.get("SYSLOG_IDENTIFIER")).startswith(("sshd", "systemd")) or
             w.BIND_ERRORS.search(text))]


def gets_in(m: Machine, port: int, families: tuple[str, ...] = BOTH) -> bool:
    """Whether one can log in at that port, on each family, and from a neighbour on the LAN."""
    return all(m.ssh(port, "echo $SSH_CONNECTION", origin, address).stdout.split()[3] == str(port)
               for family in families for origin, address in WAYS_IN[family])


def standing(m: Machine, state: str, port: int, mechanism: str, families: tuple[str, ...] = BOTH) -> dict[str, Any]:
    """Report and kernel say that sshd is there and nowhere else, by that mechanism, and one can log in."""
    w.wait_properties(m, timeout=20, State=state, Port=port)

    def told() -> dict[str, Any] | None:
        p, seen = w.properties(m), m.listeners()
        listeners = {tuple(entry[:3]) for entry in p["Listeners"] if entry[1] in (port, 22)} if p else set()
        there = {(address, port, "sshd") for address in seen.get(port, [])}
        return p if listeners == there != set() and (port == 22 or 22 not in seen) else None

    p = w.eventually(told, "the listeners are told")
    assert gets_in(m, port, families)
    # systemd's "22" is [::], for both families.
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


# ---- the lab itself ----

@pytest.fixture
def alone(machine: w.Make) -> Callable[[str], Machine]:
    """A machine of that shape, off, without the daemon."""
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


# What stands in sshd's configuration, and the addresses that the generator gives the socket; None: it writes nothing.
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
def test_what_the_generator_writes(alone, name):
    m = boot(alone(name))
    for text, expected in GENERATED:
        include(m, text)
        systemctl(m, "daemon-reload")
        streams = re.findall(r"(?m)^ListenStream=(.*)", m.read(ADDRESSES)) if m.exists(ADDRESSES) else None
        assert streams is None or streams.pop(0) == ""  # the reset
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
    include(m, "NoSuchOption yes\n")  # and so the socket falls back to its own addresses
    systemctl(m, "daemon-reload")
    systemctl(m, "restart", "ssh.socket")
    assert list(m.listeners()) == [22]


def retarget(m: Machine) -> None:
    """Other addresses for the socket unit, which PID 1 takes in."""
    if m.exists(GENERATOR):
        include(m, "Port 2022\n")
    else:
        m.write("/run/systemd/system/ssh.socket.d/port.conf", "[Socket]\nListenStream=\nListenStream=2022\n")
    systemctl(m, "daemon-reload")
    w.eventually(lambda: "2022" in w.show(m, "ssh.socket", "Listen")["Listen"], "it is retargeted")


@SOCKETS
def test_a_silent_outage(alone, name):
    """Seen with systemd 252, 257 and 262, and with either Accept=."""
    m = boot(alone(name))
    retarget(m)
    for _ in range(2):
        assert w.show(m, "ssh.socket", "ActiveState", "SubState") == {"ActiveState": "active", "SubState": "listening"}
        assert m.listeners() == {}
        systemctl(m, "start", "ssh.socket")  # which changes nothing
    systemctl(m, "restart", "ssh.socket")
    assert list(m.listeners()) == [2022] and gets_in(m, 2022)


@SOCKETS
def test_a_running_service_hides_it(alone, name):
    """What sshd was given stays open until it ends. With Accept=yes it was given nothing."""
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
    """A line of the table at the end of the run (see conftest.py), filled in as the test goes."""
    line: dict[str, Any] = {"shape": name, "circle": circle, "mechanism": "", "relocate s": "", "restore s": ""}
    record("circle", line)
    return line


@EVERY
def test_circle_at_boot(make, record_property, name):
    line = row(record_property, name, "at boot")
    m = laid(make, name, windows=w.WINDOWS_HOLDS_22)
    before = users_files(m)
    boot(m)
    line["mechanism"] = (w.properties(m) or {}).get("Mechanism", "?")
    standing(m, "relocated", 2222, SHAPES[name].mechanism)
    line["relocate s"] = f"{w.ready_seconds(m):.3f}"  # boot was held for so long
    assert complaints(m) == [] and m.banner(22) == w.WINDOWS.text
    m.poweroff()
    boot(m)  # and the next one starts there
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


# ---- removal ----

def reset(m: Machine, status: int = 0) -> str:
    """What a package's removal runs once the daemon is stopped, and what it says."""
    result = m.run(["/usr/sbin/wslportd", "--reset"])
    assert result.returncode == status, result.stderr
    systemctl(m, "daemon-reload")  # which follows
    return result.stdout + result.stderr


def stopped(make: w.Make, name: str, **options: Any) -> tuple[Machine, dict[str, bytes | str]]:
    """A machine whose sshd was moved, with the daemon stopped; and the user's files as they were."""
    m = laid(make, name, windows=w.WINDOWS_HOLDS_22, **options)
    before = users_files(m)
    boot(m)
    standing(m, "relocated", 2222, SHAPES[name].mechanism)
    systemctl(m, "stop", w.UNIT)
    return m, before


def only(m: Machine, port: int) -> bool:
    return set(m.listeners()) & {22, 2222} == {port}


@EVERY
def test_removal_leaves_nothing(make, name):
    m, before = stopped(make, name)
    m.windows.release(22)
    session = m.ssh_session(2222, "lan")
    assert reset(m) == ""
    assert only(m, 22) and w.own_files(m) == {} and users_files(m) == before
    assert gets_in(m, 22) and session.alive()
    assert w.failed_units(m) == [] and complaints(m) == []


@KINDS
def test_removal_where_its_port_is_taken(make, name):
    """It stays reachable, and does what is said then."""
    shape, (m, before) = SHAPES[name], stopped(make, name)
    session = m.ssh_session(2222, "lan")
    told = reset(m)
    assert only(m, 2222) and gets_in(m, 2222) and m.banner(22) == w.WINDOWS.text
    assert shape.unit in told and "2222" in told and "Windows refuses 22" in told and told.count("\n") == 1
    drop_in = f"/run/systemd/system/{shape.unit}.d/zz-wslportd.conf"
    assert list(w.own_files(m)) == ([drop_in] if shape.unit.endswith(".socket") else [])
    m.windows.release(22)
    m.run(["sh", "-c", told.strip().partition(" configuration before: " if drop_in in w.own_files(m) else
                                              " configuration: ")[2]], check=True)
    w.eventually(lambda: only(m, 22), "the command does it")
    assert gets_in(m, 22) and session.alive() and w.own_files(m) == {} and users_files(m) == before
    assert w.failed_units(m) == [] and complaints(m) == []


@pytest.mark.parametrize("name", ["debian-12", "debian-13-socket", "ubuntu-24.04"])
def test_the_next_boot_after_removal(make, name):
    """Also where it had to stay."""
    m, before = stopped(make, name)
    assert "2222" in reset(m)
    m.poweroff()
    m.windows.release(22)
    m.mask(w.UNIT)
    boot(m)
    assert only(m, 22) and gets_in(m, 22) and w.own_files(m).keys() <= {f"/etc/systemd/system/{w.UNIT}"}


@pytest.mark.parametrize("name", ["debian-12", "el8", "ubuntu-24.04"])
def test_removal_with_a_configuration_that_sshd_refuses(make, name):
    m, _ = stopped(make, name)
    m.windows.release(22)
    text = m.read(MAIN)
    m.write(MAIN, text + "NoSuchOption yes\n")
    told = reset(m)
    assert only(m, 2222) and gets_in(m, 2222) and "NoSuchOption" in told
    drop_in = f"/run/systemd/system/{SHAPES[name].unit}.d/zz-wslportd.conf"
    assert list(w.own_files(m)) == ([drop_in] if SHAPES[name].unit.endswith(".socket") else [])
    assert m.stray_reservations() == []  # nobody asked Windows for a port that sshd can't take


@pytest.mark.parametrize("name", ["debian-12", "debian-12-socket", "ubuntu-24.04"])
def test_removal_with_sshd_stopped(make, name):
    m, before = stopped(make, name)
    m.windows.release(22)
    systemctl(m, "stop", SHAPES[name].unit, SHAPES[name].service)
    assert reset(m) == ""
    assert w.own_files(m) == {} and users_files(m) == before and not set(m.listeners()) & {22, 2222}
    systemctl(m, "start", SHAPES[name].unit)
    w.eventually(lambda: only(m, 22), "as before")
    assert gets_in(m, 22)


def test_removal_where_windows_does_not_answer(make):
    m, before = stopped(make, "debian-12", stray=(22,))  # who asked is gone before the answer comes
    m.windows.release(22)
    m.windows.silent()
    told = reset(m)
    assert "Windows does not answer" in told and "systemctl restart ssh.service" in told
    m.windows.silent(False)
    assert only(m, 2222) and gets_in(m, 2222) and w.own_files(m) == {} and users_files(m) == before


def test_no_removal_while_the_daemon_runs(make):
    """It would move sshd again."""
    m = relocated(make, "debian-12")
    files = w.own_files(m)
    assert "systemctl disable --now wslportd" in reset(m, status=1)
    assert w.own_files(m) == files
    standing(m, "relocated", 2222, "sshd-config")


def test_removal_undoes_what_was_disabled(make):
    m = laid(make, "ubuntu-24.04", windows=w.WINDOWS_HOLDS_22)
    before = users_files(m)
    configure(m, SocketActivation="disable")
    boot(m)
    w.eventually(lambda: enabled(m, "ssh.service") == "enabled", "the service instead of the socket")
    standing(m, "relocated", 2222, "sshd-config")
    systemctl(m, "stop", w.UNIT)
    m.windows.release(22)
    assert reset(m) == ""
    assert only(m, 22) and gets_in(m, 22) and w.own_files(m) == {} and users_files(m) == before
    assert (enabled(m, "ssh.socket"), enabled(m, "ssh.service")) == ("enabled", "disabled")
    m.poweroff()
    m.mask(w.UNIT)
    boot(m)
    assert w.active_state(m, "ssh.socket") == "active" and gets_in(m, 22)


@pytest.mark.parametrize("name", ["debian-12", "debian-12-socket", "el8", "ubuntu-24.04"])
def test_outside_of_wsl_sshd_starts_at_home(make, name):
    """The system's image was brought elsewhere: what --reset does before sshd starts."""
    m = relocated(make, name)
    m.poweroff()
    m.windows.release(22)
    w.set_mode(m, "not-wsl")
    boot(m)
    w.eventually(lambda: only(m, 22), "its own port")
    assert w.logs_in(m, 22) and complaints(m) == [] and w.own_files(m) == {}
    unit = "wslportd-reset.service"
    assert w.show(m, unit, "Result", "ConditionResult") == {"Result": "success", "ConditionResult": "yes"}
    assert w.seconds_between(m, unit, w.STARTED, unit, w.EXITED) < m.boot_seconds / 2, "it holds the boot"


# ---- the silent outage, with the daemon ----

@pytest.mark.parametrize("text, windows, expected", [
    ("Port 2022\n", {}, {2022: BOTH}), ("AddressFamily inet\n", w.WINDOWS_HOLDS_22, {2222: ("0.0.0.0",)})],
    ids=["at-home", "relocated"])
@UBUNTU
def test_a_silent_outage_is_mended(make, name, text, windows, expected):
    m = boot(laid(make, name, windows=windows))
    standing(m, "relocated" if windows else "clear", 2222 if windows else 22, "sshd-config" if windows else "")
    session = m.ssh_session(2222 if windows else 22, "lan")
    systemctl(m, "stop", "ssh.service")  # so that systemd alone has the sockets
    include(m, text)
    systemctl(m, "daemon-reload")
    w.eventually(lambda: {port: tuple(sorted(addresses)) for port, addresses in m.listeners().items()} == expected,
                 "sshd listens on what its configuration says")
    (port, families), = expected.items()
    standing(m, "relocated" if windows else "clear", port, "sshd-config" if windows else "", families)
    assert session.alive() and w.failed_units(m) == []


@pytest.mark.waits
def test_a_silent_outage_where_nothing_is_answered_at_first(make):
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


@pytest.mark.parametrize("end", ["TERM", "KILL"])
def test_the_daemon_ends_before_systemd_was_told_of_a_move(make, end):
    """The next daemon-reload, anybody's, would close the socket."""
    m = boot(laid(make, "ubuntu-24.04", stray=(2222,)))  # who asked is gone before the answer comes
    standing(m, "clear", 22, "")
    before, pid = w.show(m, "ssh.socket", "InvocationID"), w.main_pid(m, w.UNIT)
    m.windows.silent()
    m.spawn(["busctl", "call", *w.BUS, w.INTERFACE, "Relocate", "q", "2222"])
    w.eventually(lambda: m.exists(w.PORT_FILE), "sshd has been asked")
    w.eventually(lambda: w.binds(m, command="wslportd-bindpr"), "Windows has been asked")
    m.run(["kill", f"-{end}", str(pid)], check=True)
    w.eventually(lambda: not m.exists(f"/proc/{pid}"), "it has ended")
    m.windows.silent(False)
    if end == "TERM":
        systemctl(m, "daemon-reload")
    else:  # systemd starts it again
        standing(m, "clear", 22, "")
    assert only(m, 22) and gets_in(m, 22) and left(m) == []
    assert w.show(m, "ssh.socket", "InvocationID") == before


# ---- what users have made of their configuration ----

def prepend(m: Machine, text: str) -> None:
    m.write(MAIN, text + m.read(MAIN))


def moved(m: Machine, mechanism: str, families: tuple[str, ...] = BOTH) -> None:
    """As it was laid, it is moved at boot, and the user's files stay what they are."""
    before = users_files(m)
    boot(m)
    standing(m, "relocated", 2222, mechanism, families)
    assert users_files(m) == before and complaints(m) == []


@pytest.mark.parametrize("name, mechanism", [("debian-12", "command-line"), ("fedora", "command-line"),
                                             ("ubuntu-24.04", "socket")])
def test_the_main_file_names_22(make, name, mechanism):
    m = laid(make, name, windows=w.WINDOWS_HOLDS_22)
    prepend(m, "Port 22\n")
    moved(m, mechanism)
    m.windows.release(22)
    assert w.call(m, "Restore") == (0, "")
    standing(m, "clear", 22, "")
    assert left(m) == []


def test_the_main_file_comes_to_name_22(make):
    """It was moved by its configuration; with a second port there the socket would get both, and fail."""
    m = relocated(make, "ubuntu-24.04")
    standing(m, "relocated", 2222, "sshd-config")
    prepend(m, "Port 22\n")
    m.poweroff()
    boot(m)
    standing(m, "relocated", 2222, "socket")
    m.windows.release(22)
    assert w.call(m, "Restore") == (0, "")
    standing(m, "clear", 22, "")


def test_the_main_file_comes_to_name_22_for_a_socket_that_runs(make):
    m = relocated(make, "ubuntu-24.04")
    prepend(m, "Port 22\n")
    systemctl(m, "daemon-reload")
    m.run(["systemctl", "restart", "ssh.socket"])
    standing(m, "relocated", 2222, "socket")


def listens(m: Machine) -> dict[int, set[str]]:
    return {port: set(addresses) for port, addresses in m.listeners().items()}


@pytest.mark.parametrize("name, mechanism, other, port", [
    ("debian-12", "command-line", 2022, 2222), ("ubuntu-24.04", "socket", 2022, 2222), ("ubuntu-24.04", "socket", 2222, 22022)])
def test_one_of_two_ports_is_taken(make, name, mechanism, other, port):
    """The other stays, over boots and moves; be it one of the policy's, a socket is all or nothing."""
    m = laid(make, name, windows=w.WINDOWS_HOLDS_22)
    include(m, f"Port 22\nPort {other}\n")
    before = users_files(m)
    boot(m)
    for _ in range(2):
        w.wait_properties(m, timeout=20, State="relocated", Mechanism=mechanism, Port=port)
        w.eventually(lambda: listens(m) == {other: {*BOTH}, port: {*BOTH}}, "the other stays")
        assert gets_in(m, port) and gets_in(m, other) and users_files(m) == before and w.failed_units(m) == []
        assert complaints(m) == []
        m.poweroff()
        boot(m)
    m.windows.release(22)
    assert w.call(m, "Restore") == (0, "")
    w.eventually(lambda: listens(m) == {22: {*BOTH}, other: {*BOTH}}, "as before")
    assert left(m) == [] and gets_in(m, 22) and gets_in(m, other)
    assert w.call(m, "Relocate", "q", "2200") == (0, "")
    w.eventually(lambda: listens(m) == {2200: {*BOTH}, other: {*BOTH}}, "asked to, it leaves one")


def test_both_of_two_ports_are_taken(make):
    m = laid(make, "ubuntu-24.04", windows={22: w.WINDOWS, 2022: w.WINDOWS})
    include(m, "Port 22\nPort 2022\n")
    boot(m)
    w.wait_properties(m, State="relocated", Port=2222, HomePortHolder="windows-openssh")
    w.wait_settled(m)  # each is asked who it is, once
    w.count_connections(m, 2022)
    assert w.call(m, "Probe") == (0, "")
    w.wait_settled(m)
    assert w.connections(m) == 1


def test_22_and_2222_are_both_configured(make):
    """One of them is enough for a service, and nothing that could be written would be better."""
    m = laid(make, "debian-12", windows=w.WINDOWS_HOLDS_22)
    prepend(m, "Port 22\nPort 2222\n")
    before = users_files(m)
    boot(m)
    w.wait_sshd(m, 2222)
    pid = w.main_pid(m)
    p = w.wait_properties(m, Port=2222, HomePort=22, HomePortHolder="windows-openssh")
    assert p["Reason"] and p.get("Mechanism") == ""
    w.hold(lambda: w.sshd_ports(m) == {2222} and w.main_pid(m) == pid and w.own_files(m) == {}, 3, "nothing is done")
    assert gets_in(m, 2222) and users_files(m) == before and w.failed_units(m) == []


@pytest.mark.parametrize("name", ["debian-12", "debian-13", "fedora", "suse", "ubuntu-24.04"])
@pytest.mark.parametrize("text, families", [
    ("ListenAddress 0.0.0.0\n", ("0.0.0.0",)), ("AddressFamily inet\n", ("0.0.0.0",)),
    ("AddressFamily inet6\n", ("::",))],
    ids=["ListenAddress", "inet", "inet6"])
def test_one_family(make, name, text, families):
    m = laid(make, name, windows=w.WINDOWS_HOLDS_22)
    include(m, text)
    moved(m, "sshd-config", families)


@pytest.mark.parametrize("stream, families", [("0.0.0.0:22", ("0.0.0.0",)), ("[::]:22", ("::",))], ids=["inet", "inet6"])
@pytest.mark.parametrize("name", ["debian-12-socket", "ubuntu-22.04-socket"])
def test_one_family_of_a_socket(make, name, stream, families):
    """A drop-in of the user's own, where no generator reads sshd's configuration."""
    m = laid(make, name, windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/systemd/system/ssh.socket.d/mine.conf",
            f"[Socket]\nListenStream=\nListenStream={stream}\nBindIPv6Only=ipv6-only\n")
    moved(m, "socket", families)
    m.windows.release(22)
    assert w.call(m, "Restore") == (0, "")
    standing(m, "clear", 22, "", families)


def test_a_socket_has_an_address_with_its_port(make):
    """A ListenAddress x:22 that the generator hands on."""
    m = laid(make, "ubuntu-24.04", windows=w.WINDOWS_HOLDS_22)
    lan = m._address("lan")
    include(m, f"ListenAddress {lan}:22\n")
    before = users_files(m)
    boot(m)
    p = w.wait_properties(m, State="relocated", Mechanism="socket", Port=2222)
    assert m.listeners() == {2222: [lan]} and [entry[:3] for entry in p["Listeners"]] == [[lan, 2222, "sshd"]]
    assert w.logs_in(m, 2222, "lan") and users_files(m) == before and complaints(m) == []
    m.windows.release(22)
    assert w.call(m, "Restore") == (0, "")
    w.wait_properties(m, State="clear", Port=22)
    assert m.listeners() == {22: [lan]} and left(m) == []


def test_a_socket_has_an_address_with_a_scope(make):
    m = laid(make, "debian-12-socket", windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/systemd/system/ssh.socket.d/mine.conf",
            "[Socket]\nListenStream=\nListenStream=0.0.0.0:22\nListenStream=[fe80::1]:22%%lo\nFreeBind=yes\n")
    boot(m)
    w.wait_properties(m, State="relocated", Mechanism="socket", Port=2222)
    assert m.listeners() == {2222: ["0.0.0.0", "fe80::1"]} and complaints(m) == []


@pytest.mark.parametrize("file, text, line", [(MAIN, "# mine\n\nListenAddress 0.0.0.0:22\n", 3),
                                              ("/etc/ssh/sshd_config.d/50-user.conf", "listenaddress = [::]:22\n", 1)],
                         ids=["main", "included"])
def test_an_address_with_its_port(make, file, text, line):
    """No drop-in helps there: who wrote it is told where."""
    m = laid(make, "debian-12", windows=w.WINDOWS_HOLDS_22)
    m.write(file, text + (m.read(file) if m.exists(file) else ""))
    before = users_files(m)
    m.boot()
    m.wait_running()
    p = w.wait_properties(m, State="blocked")
    assert re.search(rf"{re.escape(file)}(:| line | \(line ){line}\b", p["Reason"]), p["Reason"]
    assert p.get("Mechanism") == "" and w.own_files(m) == {} and users_files(m) == before
    assert w.active_state(m, "ssh.service") == "failed"  # as without us
    m.windows.release(22)
    systemctl(m, "restart", "ssh.service")
    w.wait_properties(m, State="clear", Port=22)


def test_a_match_block_before_the_include(make):
    m = laid(make, "debian-12", windows=w.WINDOWS_HOLDS_22)
    m.write(MAIN, "UsePAM yes\nMatch User nobody\n    X11Forwarding no\nInclude /etc/ssh/sshd_config.d/*.conf\n")
    moved(m, "command-line")


@pytest.mark.parametrize("text, mechanism", [("", "sshd-config"), ("Port 22\n", "command-line")])
def test_a_command_line_of_the_users_own(make, text, mechanism):
    m = laid(make, "debian-12", windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/systemd/system/ssh.service.d/override.conf",
            "[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D $SSHD_OPTS -o PermitRootLogin=yes\n")
    include(m, text + "PermitRootLogin no\n")  # so that a login needs the option
    moved(m, mechanism)
    assert "-o PermitRootLogin=yes" in m.read(f"/proc/{w.main_pid(m)}/cmdline").replace("\0", " ")


@pytest.mark.parametrize("file, text", [
    ("/etc/systemd/system/ssh.service.d/override.conf", "[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D -p 22\n"),
    ("/etc/default/ssh", 'SSHD_OPTS="-p 22"\n')], ids=["ExecStart", "SSHD_OPTS"])
def test_a_port_in_the_command(make, file, text):
    """It beats whatever our files say."""
    m = laid(make, "debian-12", windows=w.WINDOWS_HOLDS_22)
    m.write(file, text)
    before = users_files(m)
    m.boot()
    m.wait_running()
    p = w.wait_properties(m, State="blocked")
    assert "-p in the command of ssh.service" in p["Reason"] and p.get("Mechanism") == ""
    assert w.own_files(m) == {} and users_files(m) == before
    assert w.active_state(m, "ssh.service") == "failed"  # as without us


@pytest.mark.parametrize("text, mechanism", [("Include /etc/ssh/sshd_config.d/*.conf\n", "sshd-config"),
                                             ("", "command-line")], ids=["Include", "without"])
def test_a_main_file_of_the_users_own(make, text, mechanism):
    """It is named by -f, so that sshd is asked about that one."""
    m = laid(make, "debian-12", windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/ssh/mine", f"{text}UsePAM yes\n")
    m.write("/etc/default/ssh", "SSHD_OPTS=-f /etc/ssh/mine\n")
    prepend(m, "Port 2022\n")  # in the one that isn't read
    moved(m, mechanism)


def test_etc_is_read_only(make):
    """An image whose /etc has no Include line of ours, and can't be given one."""
    m = laid(make, "debian-12", windows=w.WINDOWS_HOLDS_22)
    m.path(w.STATIC_FILE).unlink()
    w.barrier(m, "read-only", script="mount --bind /etc /etc && mount -o remount,bind,ro /etc")
    moved(m, "command-line")
    assert m.run(["touch", "/etc/x"]).returncode != 0
    m.windows.release(22)
    assert w.call(m, "Restore") == (0, "")
    standing(m, "clear", 22, "")


def test_an_instance_has_the_port(make):
    """sshd@ is no unit that is managed: it is told as the holder, and stays."""
    m = laid(make, "debian-12")
    m.write("/etc/systemd/system/sshd@.service",
            "[Unit]\nBefore=ssh.service\n[Service]\nType=notify\nRuntimeDirectory=sshd\nRuntimeDirectoryPreserve=yes\n"
            "ExecStart=/usr/sbin/sshd -D -p %i\nKillMode=process\n[Install]\nWantedBy=multi-user.target\n")
    link(m, "/etc/systemd/system/sshd@.service", "/etc/systemd/system/multi-user.target.wants/sshd@22.service")
    before = users_files(m)
    m.boot()
    m.wait_running()
    p = w.wait_properties(m, timeout=20, State="relocated", Port=2222, HomePortHolder="linux")
    pid = w.main_pid(m, "sshd@22.service")
    assert f"sshd (pid {pid})" in p["HomePortHolderDetail"]
    assert {tuple(entry[1:]) for entry in p["Listeners"]} == {(22, "linux", "sshd@22.service"), (2222, "sshd", "ssh.service")}
    assert gets_in(m, 22) and gets_in(m, 2222) and w.main_pid(m, "sshd@22.service") == pid
    assert users_files(m) == before and w.failed_units(m) == []


def test_an_sshd_started_by_hand(make):
    m = boot(laid(make, "debian-12"))
    standing(m, "clear", 22, "")
    before = users_files(m)
    systemctl(m, "stop", "ssh.service")
    m.run(["mkdir", "-p", "/run/sshd"], check=True)
    by_hand = m.spawn(["/usr/sbin/sshd", "-D"])
    m.wait_listening(22)
    session = m.ssh_session(22, "lan")
    w.wait_properties(m, HomePortHolder="linux")
    w.hold(lambda: by_hand.poll() is None and w.active_state(m, "ssh.service") == "inactive", 1, "it is left alone")
    m.run(["systemctl", "start", "ssh.service"])
    w.wait_sshd(m, 2222)
    p = w.wait_properties(m, State="relocated", Port=2222, HomePortHolder="linux")
    assert "sshd" in p["HomePortHolderDetail"] and p.get("Mechanism") == "sshd-config"
    assert {(n, holder) for _, n, holder, _ in p["Listeners"]} == {(22, "linux"), (2222, "sshd")}
    assert gets_in(m, 2222) and gets_in(m, 22) and session.alive() and by_hand.poll() is None
    assert users_files(m) == before and w.failed_units(m) == []


def test_a_masked_service_stays_masked(make):
    m = laid(make, "debian-12", windows=w.WINDOWS_HOLDS_22)
    m.mask("ssh.service")
    before = users_files(m)
    boot(m)
    p = w.eventually(lambda: w.properties(m), "it is on the bus")
    assert p["State"] != "relocated" and (p["Port"], p.get("Mechanism")) == (0, "")
    w.hold(lambda: (w.show(m, "ssh.service", "LoadState", "ActiveState")
                    == {"LoadState": "masked", "ActiveState": "inactive"}), 1, "it stays so")
    assert w.own_files(m) == {} and users_files(m) == before and w.failed_units(m) == []


@pytest.mark.parametrize("name", ["debian-12", "ubuntu-24.04"])
def test_what_its_owner_stopped_stays_stopped(make, name):
    shape, m = SHAPES[name], relocated(make, name)
    before, files = users_files(m), w.own_files(m)
    systemctl(m, "stop", shape.unit, shape.service)
    w.wait_properties(m, Port=0)
    m.windows.release(22)
    w.hold(lambda: not m.listeners().keys() & {22, 2222} and w.active_state(m, shape.unit) == "inactive", 2, "it stays so")
    assert w.own_files(m) == files and users_files(m) == before
    systemctl(m, "start", shape.unit)
    standing(m, "relocated", 2222, shape.mechanism)


def test_a_masked_socket_stays_masked(make):
    m = laid(make, "ubuntu-24.04", windows=w.WINDOWS_HOLDS_22)
    m.mask("ssh.socket", "ssh.service")
    before = users_files(m)
    boot(m)
    w.eventually(lambda: w.properties(m), "it is on the bus")
    w.hold(lambda: m.listeners() == {} and w.own_files(m) == {}, 1, "it stays so")
    assert users_files(m) == before and w.failed_units(m) == []


# ---- what needs a person ----

def test_what_lets_the_new_port_through_is_told(make):
    m = laid(make, "fedora", windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/ufw/ufw.conf", "# Set to yes to start on boot.\nENABLED=yes\nLOGLEVEL=low\n")
    m.write("/usr/lib/tmpfiles.d/firewalld.conf", "f /run/firewalld.pid 0644 - - - 1\n")
    boot(m)
    standing(m, "relocated", 2222, "sshd-config")
    for command in ("ufw allow 2222/tcp", "firewall-cmd --permanent --add-port=2222/tcp && firewall-cmd --reload"):
        assert len([text for text in w.daemon_messages(m) if text.endswith(command)]) == 1


@pytest.mark.parametrize("name", ["fedora", "arch", "suse", "el8", "debian-13-socket", "ubuntu-24.04"])
def test_a_configuration_that_sshd_refuses_is_never_applied(make, name):
    """A reload would end sshd, where its unit doesn't check; a socket unit would fall back to its own addresses."""
    shape, m = SHAPES[name], boot(laid(make, name))
    standing(m, "clear", 22, "")
    pid = w.main_pid(m, shape.service)
    include(m, "NoSuchOption yes\n")
    if name == "el8":
        m.write(MAIN, m.read(MAIN) + "NoSuchOption yes\n")
    before = users_files(m)
    status, error = w.call(m, "Relocate", "q", "0")
    assert status != 0 and "NoSuchOption" in error
    w.hold(lambda: w.main_pid(m, shape.service) == pid and only(m, 22), 1, "nothing is done")
    assert left(m) == [] and users_files(m) == before and w.failed_units(m) == []


# ---- packages come and go ----

# Purged, and only removed: then systemd makes a service of its own of the script that is left, for a program that isn't.
PROGRAM = (f"{UNITS}/ssh.service", "/usr/sbin/sshd", "/etc/init.d/ssh")


def take_away(m: Machine, package: tuple[str, ...] = PROGRAM) -> None:
    for path in package:
        m.write(f"/root/package{path}", m.path(path).read_bytes(), m.path(path).stat().st_mode & 0o777)
        m.path(path).unlink()


def bring_back(m: Machine, package: tuple[str, ...] = PROGRAM) -> None:
    for path in package:
        m.write(path, m.path(f"/root/package{path}").read_bytes(), m.path(f"/root/package{path}").stat().st_mode & 0o777)


@pytest.mark.parametrize("package", [PROGRAM, PROGRAM[:2]], ids=["purged", "removed"])
def test_openssh_is_removed_and_installed_again(make, package):
    m = relocated(make, "debian-12")
    before = users_files(m)
    systemctl(m, "stop", "ssh.service")
    take_away(m, package)
    systemctl(m, "daemon-reload")
    w.wait_properties(m, Port=0, **({"State": "unmanaged"} if package == PROGRAM else {}))
    assert w.active_state(m, w.UNIT) == "active" and w.failed_units(m) == []
    bring_back(m, package)
    systemctl(m, "daemon-reload")
    systemctl(m, "start", "ssh.service")
    standing(m, "relocated", 2222, "sshd-config")
    assert users_files(m) == before and w.failed_units(m) == [] and complaints(m) == []


@pytest.mark.parametrize("alias", [True, False], ids=["alias", "no-alias"])
def test_the_other_name_becomes_the_unit(make, alias):
    """And the first again. Of what is no more than another name, nothing else is asked."""
    m = laid(make, "debian-12")
    m.path("/etc/init.d/ssh").unlink()  # systemd would make an ssh.service of it
    boot(m)
    for unit, other in (("sshd.service", "ssh.service"), ("ssh.service", "sshd.service")):
        systemctl(m, "disable", "--now", other)
        text = m.read(f"{UNITS}/{other}").partition("Alias=")[0]
        m.path(f"{UNITS}/{other}").unlink()
        m.write(f"{UNITS}/{unit}", text + (f"Alias={other}\n" if alias else ""))
        systemctl(m, "daemon-reload")
        systemctl(m, "enable", "--now", unit)
        assert standing(m, "clear", 22, "")["Unit"] == unit
        systemctl(m, "restart", w.UNIT)  # whose first reading it is
        assert standing(m, "clear", 22, "")["Unit"] == unit
        assert w.call(m, "Relocate", "q", "2222") == (0, "")
        standing(m, "relocated", 2222, "sshd-config")
        assert w.call(m, "Restore") == (0, "")
        standing(m, "clear", 22, "")


def test_openssh_is_installed_while_the_daemon_runs(make):
    m = laid(make, "debian-12", windows=w.WINDOWS_HOLDS_22)
    take_away(m)
    boot(m)
    w.wait_properties(m, State="unmanaged", Port=0)
    before = users_files(m)
    bring_back(m)
    systemctl(m, "daemon-reload")
    m.run(["systemctl", "start", "ssh.service"])  # as its package does; it may come before us
    standing(m, "relocated", 2222, "sshd-config")
    assert users_files(m) == before and w.failed_units(m) == []


def dpkg(m: Machine, *arguments: str) -> None:
    m.run(["dpkg", *arguments], check=True, timeout=120, env={"DEBIAN_FRONTEND": "noninteractive"})


def package_status(m: Machine) -> str:
    return m.run(["dpkg-query", "-W", "-f=${db:Status-Abbrev}", "openssh-server"]).stdout.strip()


DEBIANS = pytest.mark.parametrize("name", [name for name in SHAPES if name.startswith("debian-")])


@DEBIANS
def test_the_package_is_upgraded_while_relocated(make, name):
    """The real one, with what its maintainer's scripts do; to the same version, as no other can be had."""
    shape, m = SHAPES[name], relocated(make, name)
    before, session, pid = users_files(m), m.ssh_session(2222, "lan"), w.main_pid(m)
    inode = m.path("/usr/sbin/sshd").stat().st_ino
    dpkg(m, "-i", PACKAGE)
    assert m.path("/usr/sbin/sshd").stat().st_ino != inode and w.main_pid(m) != pid
    standing(m, "relocated", 2222, shape.mechanism)
    assert session.alive() and m.banner(22) == w.WINDOWS.text
    assert users_files(m) == before and w.failed_units(m) == []
    # It restarts the service and then the socket, which is refused then: so it is without us.
    refused = "ssh.socket" if shape.unit == "ssh.socket" else "-"
    assert [text for text in complaints(m) if refused not in text] == []


@pytest.mark.parametrize("name", ["debian-12", "debian-13"])
def test_the_package_is_purged_and_installed_again(make, name):
    m = relocated(make, name)
    session = m.ssh_session(2222, "lan")
    dpkg(m, "-P", "openssh-server")
    w.wait_properties(m, State="unmanaged", Port=0)
    assert session.alive() and w.active_state(m, w.UNIT) == "active" and m.exists(w.PORT_FILE)
    dpkg(m, "-i", PACKAGE)
    standing(m, "relocated", 2222, "sshd-config")
    assert package_status(m) == "ii" and session.alive()
    assert w.failed_units(m) == [] and complaints(m) == []


@pytest.mark.parametrize("name", ["debian-12", "debian-13"])
def test_the_package_is_installed_where_windows_has_the_port(make, name):
    m = laid(make, name, windows=w.WINDOWS_HOLDS_22)
    m.offline(["dpkg", "-P", "openssh-server"])
    boot(m)
    w.wait_properties(m, State="unmanaged", Port=0)
    dpkg(m, "-i", PACKAGE)  # its first start comes before anybody could ask Windows
    standing(m, "relocated", 2222, "sshd-config")
    assert package_status(m) == "ii" and w.failed_units(m) == []


@pytest.mark.parametrize("name", ["debian-12", "el8", "arch", "debian-13-socket", "ubuntu-22.04-socket", "ubuntu-24.04"])
def test_upgraded_while_relocated(make, name):
    shape, m = SHAPES[name], relocated(make, name)
    before, session = users_files(m), m.ssh_session(2222, "lan")
    systemctl(m, "daemon-reload")
    if name != "ubuntu-22.04-socket":  # its service is in conflict with its socket
        systemctl(m, "try-restart", shape.service)
    systemctl(m, "daemon-reload")
    standing(m, "relocated", 2222, shape.mechanism)
    assert session.alive() and m.banner(22) == w.WINDOWS.text
    assert users_files(m) == before and w.failed_units(m) == [] and complaints(m) == []


# ---- which units are to run ----

def configure(m: Machine, **ssh: str) -> None:
    m.write(w.CONFIG, w.configuration(SSH=ssh))


@pytest.mark.parametrize("windows", [{}, w.WINDOWS_HOLDS_22], ids=["free", "held"])
def test_ensure_enabled(make, windows):
    m = laid(make, "debian-12", windows=windows)
    configure(m, EnsureEnabled="yes")
    before = users_files(m)
    m.disable("ssh.service")
    boot(m)
    standing(m, *(("relocated", 2222, "sshd-config") if windows else ("clear", 22, "")))
    assert enabled(m, "ssh.service") == "enabled" and users_files(m) == before
    assert w.failed_units(m) == []


def test_a_disabled_service_is_left_so(make):
    m = laid(make, "debian-12")
    m.disable("ssh.service")
    before = users_files(m)
    boot(m)
    advice = "systemctl enable --now ssh.service"
    w.eventually(lambda: advice in (w.properties(m) or {"Reason": ""})["Reason"], "it is told")
    w.wait_properties(m, Port=0)
    w.hold(lambda: w.active_state(m, "ssh.service") == "inactive", 1, "it stays off")
    assert enabled(m, "ssh.service") == "disabled" and users_files(m) == before


@pytest.mark.parametrize("windows", [{}, w.WINDOWS_HOLDS_22], ids=["free", "held"])
@SOCKETS
def test_socket_activation_is_disabled_and_kept_again(make, name, windows):
    m = laid(make, name, windows=windows)
    before = users_files(m)
    configure(m, SocketActivation="disable")
    boot(m)
    place = ("relocated", 2222, "sshd-config") if windows else ("clear", 22, "")
    w.eventually(lambda: units(m) == {"ssh.socket": ("disabled", "inactive"), "ssh.service": ("enabled", "active")},
                 "the service instead of the socket")
    standing(m, *place)
    if windows:
        m.poweroff()
        boot(m)
        standing(m, *place)
    session = m.ssh_session(place[1], "lan")
    configure(m, SocketActivation="keep")
    assert w.call(m, "Reload") == (0, "")
    w.eventually(lambda: (found := units(m))["ssh.socket"] == ("enabled", "active") and
                 found["ssh.service"][0] == "disabled", "both are undone")
    standing(m, *place[:2], SHAPES[name].mechanism if windows else "")
    assert session.alive() and users_files(m) == before and w.failed_units(m) == []


@SOCKETS
def test_a_socket_that_failed_is_disabled(make, name):
    """It is failed no more, and not taken for the unit that listens."""
    m = laid(make, name, windows=w.WINDOWS_HOLDS_22, policy={"Relocate": "never"})
    m.boot()
    m.wait_running()
    w.wait_properties(m, State="unmanaged", Port=0)
    assert w.active_state(m, "ssh.socket") == "failed"
    configure(m, SocketActivation="disable")
    assert w.call(m, "Reload") == (0, "")
    standing(m, "relocated", 2222, "sshd-config")
    assert (enabled(m, "ssh.socket"), enabled(m, "ssh.service")) == ("disabled", "enabled")
    assert w.failed_units(m) == [] and sum("SocketActivation=disable: done" in text for text in w.daemon_messages(m)) == 1


def between_units(make: w.Make) -> Machine:
    """A machine whose service takes its time to stop."""
    m = laid(make, "ubuntu-26.04")
    m.write("/etc/systemd/system/ssh.service.d/slow.conf", "[Service]\nExecStopPost=sleep 2\n")
    return boot(m)


def switch(m: Machine, activation: str) -> None:
    """Has begun when it returns, and neither unit listens."""
    m.ssh_session(22, "lan")
    configure(m, SocketActivation=activation)
    assert w.call(m, "Reload") == (0, "")
    w.eventually(lambda: w.active_state(m, "ssh.service") == "deactivating", "the service is stopped")


def test_killed_while_neither_unit_listens(make):
    """It goes on where it was, there and back."""
    m = between_units(make)
    before = users_files(m)
    for activation, listening in (("disable", "ssh.service"), ("keep", "ssh.socket")):
        switch(m, activation)
        systemctl(m, "kill", "--signal=KILL", w.UNIT)
        w.eventually(lambda: units(m)[listening] == ("enabled", "active"), f"{listening} listens", 20)  # noqa: B023
        standing(m, "clear", 22, "")
    assert enabled(m, "ssh.service") == "disabled" and users_files(m) == before and w.own_files(m) == {}


def test_stopped_while_neither_unit_listens(make):
    """sshd doesn't wait for the daemon's next start, which goes on where it was."""
    m = between_units(make)
    before = users_files(m)
    for activation, listening in (("disable", "ssh.service"), ("keep", "ssh.socket")):
        switch(m, activation)
        systemctl(m, "stop", w.UNIT)
        w.eventually(lambda: only(m, 22) and gets_in(m, 22), "sshd is there", 20)
        systemctl(m, "start", w.UNIT)
        w.eventually(lambda: units(m)[listening] == ("enabled", "active"), f"{listening} listens", 20)  # noqa: B023
        standing(m, "clear", 22, "")
    assert enabled(m, "ssh.service") == "disabled" and users_files(m) == before and w.own_files(m) == {}


def test_removal_while_neither_unit_listens(make):
    m = between_units(make)
    before = users_files(m)
    switch(m, "disable")
    systemctl(m, "stop", w.UNIT)
    assert reset(m) == ""
    w.eventually(lambda: only(m, 22), "its own port")
    assert gets_in(m, 22) and w.own_files(m) == {} and users_files(m) == before


def test_a_socket_that_will_not_stop_is_left_as_it_was(make):
    m = laid(make, "ubuntu-24.04")
    m.write("/etc/systemd/system/ssh.socket.d/user.conf", "[Unit]\nRefuseManualStop=yes\n")
    before = users_files(m)
    boot(m)
    for times in (1, 2):
        configure(m, SocketActivation="disable")
        assert w.call(m, "Reload") == (0, "")
        w.eventually(lambda: sum("could not be carried out" in text for text in w.daemon_messages(m)) == times, "it fails")  # noqa: B023
        standing(m, "clear", 22, "")
    configure(m, SocketActivation="keep")
    assert w.call(m, "Reload") == (0, "")
    w.eventually(lambda: users_files(m) == before and w.own_files(m) == {}, "it is undone")
    assert enabled(m, "ssh.service") == "disabled"
    standing(m, "clear", 22, "")


def test_a_socket_is_not_disabled_for_a_service_that_would_not_start(make):
    m = boot(laid(make, "ubuntu-26.04"))
    m.ssh_session(22, "lan")  # the sshd that serves it has read its configuration
    include(m, "Nonsense yes\n")
    configure(m, SocketActivation="disable")
    assert w.call(m, "Reload") == (0, "")
    w.eventually(lambda: "SocketActivation=disable waits" in w.properties(m)["Reason"], "it is told")
    standing(m, "clear", 22, "")
    include(m, "")
    assert w.call(m, "Reload") == (0, "")
    w.eventually(lambda: w.said(m, "SocketActivation=disable: done"), "the service instead of the socket")
    standing(m, "clear", 22, "")


def test_a_socket_is_not_disabled_for_a_service_that_could_not_be_moved(make):
    m = laid(make, "ubuntu-24.04", windows=w.WINDOWS_HOLDS_22)
    include(m, "ListenAddress 0.0.0.0:22\n")
    configure(m, SocketActivation="disable")
    boot(m)
    reason = w.eventually(lambda: "SocketActivation=disable waits" in (text := w.properties(m)["Reason"]) and text, "it is told")
    assert "50-user.conf:1" in reason
    standing(m, "relocated", 2222, "socket")
    assert units(m)["ssh.socket"] == ("enabled", "active")
