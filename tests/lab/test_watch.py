# SPDX-License-Identifier: LGPL-2.1-or-later
"""After boot: Windows, other programs and sshd itself come and go, and sshd stays reachable, with sessions open.

Every test also checks promise 2 at its end, by the fixture `make`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

pytest.register_assert_rewrite("wslport")

import wslport as w  # noqa: E402
from machine import Greeting, Machine, Session  # noqa: E402
from wslport import make  # noqa: E402, F401

MESSAGES = {"conflict": "46f2508be7884c6e865d6f5adcff99bc", "relocated": "09e8bf5ba3654c62b1228f1736b12d8b",
            "restored": "3bc19b13f8f0466493fad2a5928f74dc", "blocked": "d44c503302c444dc8ec65b606dbacd78",
            "pinned": "e7c41e82b86e452b8c176d70d98ce7b9", "unpinned": "68190a4537254cba92437c190d42900b",
            "no-answer": "9b9e8b71d9b24f52a9a4a29c796cb7fd"}

# The tracker in a hurry, where its own pace isn't what a test is about.
HASTE = {"scan_ms": 30, "keep_ms": 1500}


# ---- helpers ----

def told(m: Machine, message: str) -> list[dict[str, Any]]:
    """The journal's entries of one of the daemon's messages."""
    return m.journal(MESSAGE_ID=MESSAGES[message])


def open_sessions(m: Machine, port: int) -> list[Session]:
    """One per way in: IPv4 and IPv6 from here, and from a neighbour on the LAN."""
    return [m.ssh_session(port, "guest"), m.ssh_session(port, "guest", "::1"), m.ssh_session(port, "lan")]


@contextlib.contextmanager
def ticking(*sessions: Session) -> Iterator[None]:
    """All of the sessions live through what is done within."""
    yield
    assert [session.alive() for session in sessions] == [True] * len(sessions)


def reachable(m: Machine, state: str, port: int) -> dict[str, Any]:
    """Report and kernel say that sshd is there, both families, and one can log in."""
    w.wait_sshd(m, port)

    # Both families come up one after the other, and so does the report of them.
    def told() -> dict[str, Any] | None:
        p = w.wait_properties(m, State=state, Port=port)
        listeners = {(address, holder) for address, number, holder, _ in p["Listeners"] if number == port}
        return p if listeners == {("0.0.0.0", "sshd"), ("::", "sshd")} else None

    p = w.eventually(told, "both families are told")
    assert sorted(m.listeners()[port]) == ["0.0.0.0", "::"]
    assert w.logs_in(m, port) and w.logs_in(m, port, "lan")
    assert m.ssh(port, "echo $SSH_CONNECTION", "guest", "::1").stdout.split()[3] == str(port)
    assert m.exists(w.PORT_FILE) == (state == "relocated")
    return p


def hold_starts(m: Machine) -> None:
    """Each start of sshd waits while /run/hold is there."""
    m.write("/etc/systemd/system/ssh.service.d/hold.conf",
            "[Service]\nExecStartPre=/bin/sh -c 'while [ -e /run/hold ]; do sleep 0.02; done'\n")


def relocated(make, restore: str = "manual", **options: Any) -> tuple[Machine, list[Session]]:
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22, policy={"Restore": restore}, **options))
    reachable(m, "relocated", 2222)
    return m, open_sessions(m, 2222)


# ---- Windows' sshd goes away ----

@pytest.mark.waits
def test_restore_auto_looks_once_a_minute(make):
    m, sessions = relocated(make, "auto")
    w.wait_properties(m, HomePortHolder="windows-openssh")
    w.count_connections(m, 22)
    before, start = len(w.binds(m)), time.monotonic()
    with ticking(*sessions):
        # One look in a good minute at a port that Windows still has: a connection, no bind(), and nobody has moved.
        w.eventually(lambda: w.connections(m), "it looks", 80)
        w.hold(lambda: w.sshd_ports(m) == {2222}, max(2, start + 62 - time.monotonic()), "it stays")
        assert w.connections(m) == 1 and len(w.binds(m)) == before
        w.wait_properties(m, State="relocated", HomePortHolder="windows-openssh")


@pytest.mark.waits
def test_restore_auto_goes_home_by_itself(make):
    m, sessions = relocated(make, "auto")
    pid = w.main_pid(m)
    with ticking(*sessions):
        m.windows.release(22)
        w.eventually(lambda: w.sshd_ports(m) == {22}, "it comes home", 80)
        reachable(m, "clear", 22)
    assert w.main_pid(m) == pid and len(told(m, "restored")) == 1


def test_restore_manual_waits_for_restore(make):
    m, sessions = relocated(make)
    w.count_connections(m, 22)
    with ticking(*sessions):
        status, error = w.call(m, "Restore")
        assert status != 0 and "Windows" in error
        reachable(m, "relocated", 2222)
        m.windows.release(22)
        w.hold(lambda: w.sshd_ports(m) == {2222}, 1, "it waits")
        assert w.connections(m) <= 1
        assert w.call(m, "Restore") == (0, "")
        reachable(m, "clear", 22)
        assert len(told(m, "restored")) == 1
        # And back and forth.
        assert w.call(m, "Relocate", "q", "22022") == (0, "")
        reachable(m, "relocated", 22022)
        assert w.call(m, "Relocate", "q", "2201") == (0, "")
        reachable(m, "relocated", 2201)
        status, error = w.call(m, "Relocate", "q", "80")
        assert status != 0 and "80 is not among CandidatePorts" in error
        assert w.call(m, "Restore") == (0, "")
        reachable(m, "clear", 22)


@pytest.mark.parametrize("restore, port", [("boot", 22), ("manual", 2222)])
def test_the_next_boot(make, restore, port):
    m, sessions = relocated(make, restore, **HASTE)
    with ticking(*sessions):
        m.windows.release(22)
        w.hold(lambda: w.sshd_ports(m) == {2222}, 1, "it waits")
    m.poweroff()
    w.boot(m)
    reachable(m, "clear" if port == 22 else "relocated", port)
    assert w.failed_units(m) == []
    assert {entry["port"] for entry in w.binds(m, command="sshd")} == {port}


# ---- Windows takes 22 while sshd isn't there ----

@pytest.mark.parametrize("way", ["restart", "kill", "stop"])
def test_windows_takes_22_in_between(make, way):
    m = make(**HASTE)
    hold_starts(m)
    m.windows.release_by_address()  # so that it can, with sessions open
    w.boot(m)
    reachable(m, "clear", 22)
    sessions = open_sessions(m, 22)
    pid = w.main_pid(m)
    with ticking(*sessions):
        m.write("/run/hold", "")
        m.windows.claim_when_free(22)
        if way == "restart":
            job = m.spawn(["systemctl", "restart", "ssh.service"])
        elif way == "kill":
            m.run(["kill", "-KILL", str(pid)], check=True)
        else:
            m.run(["systemctl", "stop", "ssh.service"], check=True)
        w.eventually(lambda: m.log("claimed", port=22), "Windows has it")
        m.path("/run/hold").unlink()
        if way == "restart":
            job.wait()
        elif way == "stop":
            m.run(["systemctl", "start", "ssh.service"])
        p = reachable(m, "relocated", 2222)
        assert p["HomePortHolder"] == "windows-openssh" or w.wait_properties(m, HomePortHolder="windows-openssh")
        assert p["PinnedSessions"] == 3
        assert w.failed_units(m) == []
        assert m.banner(22) == w.WINDOWS.text
    for session in sessions:
        session.close()
    w.wait_properties(m, PinnedSessions=0)
    assert len(told(m, "conflict")) >= 1 and len(told(m, "relocated")) == 1


# ---- Relocate=mirrored ----

def test_relocate_mirrored_never_takes_home(make):
    m = w.boot(make(policy={"Relocate": "mirrored", "Restore": "auto"}, **HASTE))
    reachable(m, "relocated", 2222)
    sessions = open_sessions(m, 2222)
    with ticking(*sessions):
        status, error = w.call(m, "Restore")
        assert status != 0 and "Relocate=mirrored" in error
        m.run(["systemctl", "restart", "ssh.service"], check=True)
        reachable(m, "relocated", 2222)
        m.run(["systemctl", "restart", w.UNIT], check=True)
        reachable(m, "relocated", 2222)
    m.poweroff()
    w.boot(m)
    reachable(m, "relocated", 2222)
    # The first bind was the moved one at both boots, and nobody ever asked about 22.
    assert not m.log("bind", protocol="tcp", port=22)
    assert m.windows.claim(22)


def test_relocate_mirrored_while_sshd_runs_at_home(make):
    m = w.boot(make(**HASTE))
    reachable(m, "clear", 22)
    sessions = open_sessions(m, 22)
    with ticking(*sessions):
        m.write(w.CONFIG, w.configuration(Policy={"Relocate": "mirrored"}))
        m.run(["systemctl", "reload", w.UNIT], check=True)
        reachable(m, "relocated", 2222)


# ---- sessions that hold the home port ----

def pinned(make) -> tuple[Machine, Session]:
    m = w.boot(make(**HASTE))
    reachable(m, "clear", 22)
    session = m.ssh_session(22, "lan")
    relocate(m)
    return m, session


def relocate(m: Machine) -> None:
    assert w.call(m, "Relocate", "q", "0") == (0, "")
    reachable(m, "relocated", 2222)
    w.wait_properties(m, PinnedSessions=1)
    assert not m.windows.claim(22)


def test_a_pinned_session_that_its_client_ends(make):
    m, session = pinned(make)
    assert session.alive()
    [entry] = told(m, "pinned")
    assert entry["PRIORITY"] == "5" and "22" in entry["MESSAGE"]
    assert not told(m, "unpinned")
    session.close()
    w.wait_properties(m, PinnedSessions=0)
    assert len(told(m, "unpinned")) == 1
    w.eventually(lambda: m.windows.claim(22), "Windows gets 22")
    reachable(m, "relocated", 2222)


def time_waits(m: Machine, port: int) -> int:
    return sum(line.split()[3] == "06" and line.split()[1].endswith(f":{port:04X}")
               for name in ("tcp", "tcp6") for line in m.read(f"/proc/{w.main_pid(m)}/net/{name}").splitlines()[1:])


# A client that sshd closes the connection to, once a signal has made it talk nonsense.
RUDE = """
import signal, socket, sys
signal.signal(signal.SIGUSR1, lambda *_: None)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
s = socket.create_connection((sys.argv[1], 22))
s.recv(1000)
print("connected", flush=True)
signal.sigwait([signal.SIGUSR1])
s.sendall(b"nonsense\\n")
while s.recv(1000):
    pass
"""


@pytest.mark.waits
def test_a_pinned_session_that_the_server_ends(make):
    m = w.boot(make(**HASTE))
    reachable(m, "clear", 22)
    client = m.beside("lan", ["/usr/bin/python3", "-SEc", RUDE, "192.168.50.10"])
    w.eventually(lambda: client.stdout, "it is connected")
    relocate(m)
    client.kill(signal.SIGUSR1)
    w.eventually(lambda: time_waits(m, 22), "TIME_WAIT")
    assert client.wait() == 0
    while time_waits(m, 22):
        p = w.properties(m)
        assert p["PinnedSessions"] == 1 or not time_waits(m, 22)
        time.sleep(0.3)
    w.wait_properties(m, 20, PinnedSessions=0)
    assert len(told(m, "pinned")) == 1 and len(told(m, "unpinned")) == 1
    w.eventually(lambda: m.windows.claim(22), "Windows gets 22")
    reachable(m, "relocated", 2222)


# ---- others hold a port ----

def holder(m: Machine, where: str, port: int) -> Any:
    argv = ["/usr/bin/python3", "-S", "-c", w.LISTEN, "0.0.0.0", str(port), "listen"]
    process = m.other_distro(argv) if where == "other-distro" else m.spawn(argv)
    m.wait_listening(port)
    return process


@pytest.mark.parametrize("where", ["linux", "other-distro"])
def test_another_holds_home_and_leaves(make, where):
    m = make(foreign=(22,), policy={"Restore": "auto"}, **HASTE)
    w.barrier(m)
    m.boot()
    w.wait_at_barrier(m)
    process = holder(m, where, 22)
    w.open_barrier(m)
    m.wait_running()
    p = reachable(m, "relocated", 2222)
    assert p["HomePortHolder"] == where and w.failed_units(m) == []
    assert (["0.0.0.0", 22, where] in [listener[:3] for listener in p["Listeners"]])
    assert p["HomePortHolderDetail"].startswith("python3 (pid " if where == "linux" else "")
    [entry] = [entry for entry in told(m, "conflict") if entry["PORT"] == "22"]
    assert ("python3" if where == "linux" else "another WSL distro") in entry["MESSAGE"]
    sessions = open_sessions(m, 2222)
    with ticking(*sessions):
        process.kill()
        reachable(m, "clear", 22)
    assert len(told(m, "restored")) == 1


@pytest.mark.parametrize("where", ["linux", "other-distro"])
def test_another_takes_home_while_sshd_is_down(make, where):
    m = w.boot(make(foreign=(22,), **HASTE))
    reachable(m, "clear", 22)
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.wait_properties(m, Port=0)
    process = holder(m, where, 22)
    w.wait_properties(m, HomePortHolder=where, State="conflict")
    m.run(["systemctl", "start", "ssh.service"])
    reachable(m, "relocated", 2222)
    assert w.failed_units(m) == []
    process.kill()
    w.wait_properties(m, HomePortHolder="unknown")
    w.hold(lambda: w.sshd_ports(m) == {2222}, 0.5, "Restore=manual")


def test_others_take_both_of_two_ports_while_sshd_is_down(make):
    m = make(foreign=(22, 2022), **HASTE)
    m.write("/etc/ssh/sshd_config.d/50-two.conf", "Port 22\nPort 2022\n")
    w.boot(m)
    w.eventually(lambda: w.sshd_ports(m) == {22, 2022}, "both")
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.wait_properties(m, Port=0)
    for port in (22, 2022):
        holder(m, "linux", port)
    w.wait_properties(m, State="conflict")
    for _ in range(2):
        assert w.call(m, "Probe") == (0, "")
    assert sorted(entry["PORT"] for entry in told(m, "conflict")) == ["2022", "22"]


@pytest.mark.parametrize("where", ["linux", "other-distro"])
def test_another_takes_the_chosen_port_while_sshd_is_down(make, where):
    m, sessions = relocated(make, foreign=(2222,), **HASTE)
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    for session in sessions:  # they would have it refused to an exclusive bind()
        session.close()
    w.wait_properties(m, Port=0)
    process = holder(m, where, 2222)
    m.run(["systemctl", "start", "ssh.service"])
    reachable(m, "relocated", 22022)
    session = m.ssh_session(22022, "lan")
    with ticking(session):
        process.kill()
        w.hold(lambda: w.sshd_ports(m) == {22022}, 0.5, "it stays where clients know it")
        assert w.call(m, "Relocate", "q", "2222") == (0, "")
        reachable(m, "relocated", 2222)


LISTENS = """
import socket, sys, time
s = [socket.create_server((a, int(sys.argv[1])), family=socket.AF_INET6 if ":" in a else socket.AF_INET) for a in sys.argv[2:]]
time.sleep(100000)
"""
MANY = [f"127.0.1.{n}" for n in range(200)]


@pytest.mark.parametrize("line, addresses, unit", [("AddressFamily inet", ["::"], ""), ("ListenAddress 127.0.0.1", ["127.0.0.3"], ""),
                                                   ("ListenAddress 127.0.0.1", MANY, ""),
                                                   ("ListenAddress 127.0.0.1", ["127.0.0.3"], "ssh.service")],
                         ids=["family", "address", "addresses", "in-its-unit"])
def test_a_user_listens_where_sshd_is_not_to(make, line, addresses, unit):
    m = make(foreign=(2022,), **HASTE)
    m.write("/etc/ssh/sshd_config.d/50-address.conf", f"Port 2022\n{line}\n")
    w.boot(m)
    w.wait_properties(m, State="clear", Port=2022)
    # Without PAM sessions stay in sshd's cgroup.
    m.spawn(["/bin/sh", "-c", (f"echo $$ >/sys/fs/cgroup/system.slice/{unit}/cgroup.procs; " if unit else "") +
             'exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"', "sh", "python3", "-Sc", LISTENS, "2022", *addresses])
    w.eventually(lambda: len(m.listeners()[2022]) == 1 + len(addresses), "all of them")
    w.eventually(lambda: "linux" in [listener[2] for listener in w.properties(m)["Listeners"]], "it is seen")
    w.hold(lambda: w.sshd_ports(m) == {2022}, 4, "nothing is taken from it")
    w.wait_properties(m, State="clear", Port=2022, HomePortHolder="sshd")


def test_sshd_among_many_where_its_home_is_not_known(make):
    m = w.boot(make(enabled=False, foreign=(3333,)))
    m.write("/etc/ssh/sshd_config.d/50-odd.conf", "Odd yes\n")
    m.spawn(["python3", "-Sc", LISTENS, "3333", *MANY])
    w.eventually(lambda: len(m.listeners().get(3333, [])) == len(MANY), "all of them")
    m.run(["systemctl", "start", w.UNIT], check=True)
    w.wait_properties(m, HomePort=0, Port=22)


@pytest.mark.parametrize("why", ["it was not to be moved", "nobody looked"])
def test_sshd_has_half_of_its_port(make, why):
    m = make(policy={"Relocate": "never"} if why == "it was not to be moved" else {}, **HASTE)
    w.boot(m)
    w.wait_properties(m, Port=22)
    if why == "nobody looked":
        m.run(["systemctl", "stop", w.UNIT], check=True)
    w.come_up_on_ipv6(m)
    session = m.ssh_session(22, "guest", "::1")
    with ticking(session):
        if why == "nobody looked":
            m.run(["systemctl", "start", w.UNIT], check=True)
        else:
            w.hold(lambda: m.listeners()[22] == ["::"], 0.5, "Relocate=never")
            m.write(w.CONFIG, w.configuration())
            m.run(["systemctl", "reload", w.UNIT], check=True)
        # It is told while it is so, and ends.
        w.wait_properties(m, State="clear", Reason="sshd has 22 on IPv6 only")
        w.eventually(lambda: sorted(m.listeners().get(22, [])) == ["0.0.0.0", "::"], "all of 22")
        reachable(m, "clear", 22)
    assert w.properties(m)["Reason"] == "sshd has 22"


# ---- two ports, of which one conflicts ----

def test_the_other_of_two_ports_stays(make):
    m = make(windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/ssh/sshd_config.d/50-two.conf", "Port 22\nPort 2022\n")
    before = w.contents(m, "/etc/ssh")
    w.boot(m)
    w.eventually(lambda: w.sshd_ports(m) == {2022, 2222}, "one moved, one not")
    w.wait_properties(m, State="relocated", Port=2222, HomePort=22, HomePortHolder="windows-openssh")
    assert w.logs_in(m, 2022) and w.logs_in(m, 2222, "lan") and m.banner(22) == w.WINDOWS.text
    sessions = open_sessions(m, 2022)
    with ticking(*sessions):
        m.run(["systemctl", "restart", "ssh.service"], check=True)
        w.eventually(lambda: w.sshd_ports(m) == {2022, 2222}, "the same")
        w.wait_properties(m, State="relocated", Port=2222)
        m.windows.release(22)
        assert w.call(m, "Restore") == (0, "")
        w.eventually(lambda: w.sshd_ports(m) == {22, 2022}, "both at home")
        w.wait_properties(m, State="clear", Port=22)
    assert w.contents(m, "/etc/ssh") == before
    assert w.failed_units(m) == []


def test_one_of_two_ports_is_enough_where_the_policy_names_it(make):
    m = make(windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/ssh/sshd_config.d/50-two.conf", "Port 22\nPort 2222\n")
    before = w.contents(m, "/etc/ssh", w.STATE_DIRECTORY)
    w.boot(m)
    w.wait_sshd(m, 2222)
    w.wait_properties(m, State="clear", Port=2222, HomePort=22)
    m.run(["systemctl", "restart", "ssh.service"], check=True)
    w.wait_sshd(m, 2222)
    w.wait_properties(m, State="clear", Port=2222)
    w.wait_settled(m)
    m.run(["systemctl", "reload", "ssh.service"], check=True)
    w.wait_settled(m)
    assert w.wait_properties(m, State="clear", Port=2222)["Reason"].endswith("2222 is sshd's too")
    assert w.sshd_ports(m) == {2222} and w.contents(m, "/etc/ssh", w.STATE_DIRECTORY) == before


# ---- how listeners are watched ----

def no_tracefs(m: Machine) -> None:
    m.mask("sys-kernel-tracing.mount", "sys-kernel-debug.mount")


def no_capability(m: Machine) -> None:
    m.write("/etc/systemd/system/wslportd-helper.service.d/capability.conf", "[Service]\nCapabilityBoundingSet=~CAP_PERFMON\n")


@pytest.mark.parametrize("obstacle", [None, no_tracefs, no_capability], ids=["tracepoint", "no-tracefs", "no-capability"])
def test_how_listeners_are_watched_is_told(make, obstacle):
    m = make(windows=w.WINDOWS_HOLDS_22, **HASTE)
    if obstacle:
        obstacle(m)
    w.boot(m)
    reachable(m, "relocated", 2222)
    kind = "timer" if obstacle else "tracepoint"
    w.wait_properties(m, ListenerWatch=kind)
    assert w.said(m, "Listeners are watched by: " + (f"{kind}, as the tracepoint can't be had: " if obstacle else kind))
    # What the unit tells is enough without it, too.
    m.run(["systemctl", "restart", "ssh.service"], check=True)
    reachable(m, "relocated", 2222)
    m.run(["systemctl", "reload", "ssh.service"], check=True)
    reachable(m, "relocated", 2222)


# Listens for a moment; says when, by the clock that both have, and waits to be told to end.
STRANGER = """
import socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.3", int(sys.argv[1])))
s.listen()
print(time.monotonic_ns(), flush=True)
time.sleep(1000)
"""

SIGNALS = ["busctl", "--json=short", "--match", "type=signal,path=/org/wslport1,member=PropertiesChanged", "monitor"]


def test_from_a_strangers_listen_to_the_property(make, capsys):
    count = int(os.environ.get("WSLPORTD_LISTENS", "8"))
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22, foreign=(2222,)))
    reachable(m, "relocated", 2222)
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.wait_properties(m, Port=0, ListenerWatch="tracepoint")

    monitor = m.spawn(SIGNALS)
    w.eventually(lambda: "Monitoring" in monitor.stderr, "busctl has joined")
    watcher = threading.Event()
    seen_by_poll: list[tuple[int, bool]] = []

    def poll() -> None:
        while not watcher.wait(1):
            result = m.beside("guest", ["ss", "-Htln", "sport", "=", ":2222"])
            result.wait()
            seen_by_poll.append((time.monotonic_ns(), bool(result.stdout)))

    # By our own eyes and clock: each line of the monitor's as soon as it is there.
    seen_by_signal: list[tuple[int, bool]] = []

    def listen() -> None:
        done = 0
        while not watcher.wait(0.001):
            text = monitor.stdout
            lines = text[done:].split("\n")[:-1]
            for line in lines:
                done += len(line) + 1
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    changed = json.loads(line)["payload"]["data"][1]
                    seen_by_signal.append((time.monotonic_ns(), any(entry[1] == 2222 for entry in changed["Listeners"]["data"])))

    threads = [threading.Thread(target=poll), threading.Thread(target=listen)]
    for thread in threads:
        thread.start()
    ours, theirs = [], []
    try:
        for number in range(count):
            stranger = m.spawn(["/usr/bin/python3", "-SEc", STRANGER, "2222"])
            at = int(w.eventually(lambda: stranger.stdout))
            ours.append(w.eventually(lambda: next((t for t, there in seen_by_signal if there and t > at - 10**7), 0), "signal") - at)
            theirs.append(w.eventually(lambda: next((t for t, there in seen_by_poll if there and t > at), 0), "poll") - at)
            gone = time.monotonic_ns()
            stranger.kill()
            w.eventually(lambda: any(t > gone and not there for t, there in seen_by_signal), "gone again")
            time.sleep(number * 0.618 % 1)  # the poll's phase
    finally:
        watcher.set()
        for thread in threads:
            thread.join()
    with capsys.disabled():
        print(f"\nMEASURED from listen() to the changed property, {count} times: median {statistics.median(ours) / 1e6:.2f} ms, worst "
              f"{max(ours) / 1e6:.2f} ms; `ss` once a second: median {statistics.median(theirs) / 1e6:.0f} ms, worst "
              f"{max(theirs) / 1e6:.0f} ms", flush=True)
    assert statistics.median(ours) < statistics.median(theirs)
    m.run(["systemctl", "start", "ssh.service"])
    reachable(m, "relocated", 2222)


# ---- consomme: a refused bind() that looks like a good one ----

def test_an_sshd_that_fell_for_consomme(make):
    m = w.boot(make(enabled=False, mode="consomme", windows=w.WINDOWS_HOLDS_22))
    # Without us it runs, without an error, where nobody looks for it.
    w.eventually(lambda: w.sshd_ports(m), "sshd listens somewhere")
    assert not w.sshd_ports(m) & {22, 2222} and w.failed_units(m) == []
    pid = w.main_pid(m)
    m.run(["systemctl", "start", w.UNIT], check=True)
    w.wait_sshd(m, 2222)
    p = w.wait_properties(m, State="relocated", Port=2222, NetworkingMode="consomme")
    assert {holder for _, port, holder, _ in p["Listeners"] if port == 2222} == {"sshd"}
    assert w.logs_in(m, 2222) and w.main_pid(m) == pid


def test_consomme_takes_22_while_sshd_is_down(make):
    m = w.boot(make(mode="consomme", **HASTE))
    w.wait_properties(m, State="clear", Port=22)
    w.eventually(lambda: not m.stray_reservations(), "the tracker has seen sshd on 22")
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.eventually(lambda: m.windows.claim(22), "Windows gets 22")
    m.run(["systemctl", "start", "ssh.service"], check=True)
    w.wait_sshd(m, 2222)
    w.wait_properties(m, State="relocated", Port=2222)
    assert w.logs_in(m, 2222) and w.failed_units(m) == []


# ---- routes and addresses ----

def test_the_network_comes_late(make):
    m = make(windows=w.WINDOWS_HOLDS_22, wslinfo=None)
    m.boot(plugged=False)
    m.wait_running()
    w.eventually(lambda: w.active_state(m, w.UNIT) == "active", "READY")
    p = w.wait_properties(m, Reachable=[])
    assert p["NetworkingMode"] != "mirrored" and w.own_files(m) == {}
    assert not w.binds(m, cgroup=w.HELPER_CGROUP)
    m.plug()
    w.wait_properties(m, NetworkingMode="mirrored")
    reachable(m, "relocated", 2222)
    w.wait_properties(m, Reachable=[["192.168.50.10", "lan"]])
    assert w.failed_units(m) == []


def test_interfaces_and_addresses_change_in_bursts(make):
    m = w.boot(w.hide_tracepoint(make(windows=w.WINDOWS_HOLDS_22)))
    reachable(m, "relocated", 2222)
    pid = w.main_pid(m)
    session = m.ssh_session(2222, "lan")
    w.wait_settled(m)
    before, binds = w.evaluations(m), len(w.binds(m))
    with ticking(session):
        burst = "; ".join(f"ip address {verb} 192.168.50.{n}/24 dev eth0" for verb in ("add", "del") for n in range(60, 100))
        for _ in range(3):
            m.run(["sh", "-c", f"ip link add d0 type veth peer name d1; ip link set d0 up; {burst}; ip link del d0"], check=True)
            w.wait_settled(m)
        # 240 changes of addresses: an evaluation a burst, or few where a burst lasts longer than the debouncing.
        assert 1 <= w.evaluations(m) - before <= 3 * 4
        m.run(["ip", "address", "add", "192.168.50.77/24", "dev", "eth0"], check=True)
        w.wait_properties(m, Reachable=[["192.168.50.10", "lan"], ["192.168.50.77", "lan"]])
        m.run(["ip", "address", "del", "192.168.50.77/24", "dev", "eth0"], check=True)
        w.wait_properties(m, Reachable=[["192.168.50.10", "lan"]])
    assert len(w.binds(m)) == binds and w.main_pid(m) == pid and len(told(m, "relocated")) == 1
    reachable(m, "relocated", 2222)


# ---- moves back off ----

def test_moves_back_off(make):
    """Somebody here takes each port that is chosen, whenever sshd is away from it."""
    m = make(policy={"CandidatePorts": "2222 22022 2200-2299"}, foreign=(22, 2222, 22022, 2200), **HASTE)
    m.write("/etc/systemd/system/ssh.service.d/limit.conf", "[Unit]\nStartLimitIntervalSec=0\n")
    w.boot(m)
    reachable(m, "clear", 22)
    port = 22
    for following in (2222, 22022, 2200):
        m.run(["systemctl", "stop", "ssh.service"], check=True)
        holder(m, "linux", port)
        m.run(["systemctl", "start", "ssh.service"])
        reachable(m, "relocated", following)
        port = following
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    process = holder(m, "linux", port)
    m.run(["systemctl", "start", "ssh.service"])
    p = w.wait_properties(m, State="blocked")
    assert "three times within a minute" in p["Reason"] and "tried again in 60 s" in p["Reason"]
    assert len(told(m, "relocated")) == 3
    [*_, entry] = told(m, "blocked")
    assert entry["PRIORITY"] == "4" and "three times within a minute" in entry["MESSAGE"]
    before = len(w.binds(m))
    w.hold(lambda: (len(w.binds(m)), len(told(m, "relocated"))) == (before, 3), 2, "it waits")
    # Limits are for what happens by itself.
    assert w.call(m, "Relocate", "q", "2201") == (0, "")
    reachable(m, "relocated", 2201)
    process.kill()


# ---- the bus, and systemd itself ----

def test_the_bus_comes_late(make):
    m = make(windows=w.WINDOWS_HOLDS_22)
    m.mask("dbus.socket", "dbus.service")
    m.boot()
    w.wait_systemd(m)
    w.wait_sshd(m, 2222)
    w.eventually(lambda: w.active_state(m, w.UNIT) == "active", "READY")
    assert w.logs_in(m, 2222) and w.properties(m) is None
    m.run(["systemctl", "unmask", "dbus.socket", "dbus.service"], check=True)
    m.run(["systemctl", "start", "dbus.socket", "dbus.service"], check=True)
    w.wait_properties(m, 45, State="relocated", Port=2222)
    # What it heard over systemd's own socket it now hears over the bus.
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.wait_properties(m, Port=0)
    m.run(["systemctl", "start", "ssh.service"], check=True)
    reachable(m, "relocated", 2222)


def test_the_bus_comes_and_goes_during_a_move(make):
    m = make(**HASTE)
    m.write("/etc/systemd/system/ssh.service.d/wait.conf",
            "[Service]\nExecReload=\nExecReload=/bin/sh -c 'until [ -e /run/go ]; do sleep 0.05; done'\n"
            "ExecReload=/bin/kill -HUP $MAINPID\n")
    w.boot(m)
    reachable(m, "clear", 22)

    def stop_bus(times: int) -> None:
        m.run(["systemctl", "stop", "dbus.socket", "dbus.service"], check=True)
        w.eventually(lambda: sum("the connection ended" in text for text in w.daemon_messages(m)) == times, "it knows")

    stop_bus(1)
    m.write(w.CONFIG, w.configuration(Policy={"Relocate": "mirrored"}))
    m.run(["systemctl", "reload", "--no-block", w.UNIT], check=True)
    w.eventually(lambda: w.active_state(m, "ssh.service") == "reloading", "the move")
    m.run(["systemctl", "start", "dbus.socket", "dbus.service"], check=True)
    w.eventually(lambda: w.properties(m), "on the bus again")
    stop_bus(2)
    m.write("/run/go", "")
    w.wait_sshd(m, 2222)
    # It still hears of the unit, over systemd's own socket.
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.eventually(lambda: w.said(m, "ssh.service: inactive, was"), "it is told", 20)


def test_all_restart_again_and_again(make):
    m, sessions = relocated(make, **HASTE)
    pid, daemon = w.main_pid(m), w.main_pid(m, w.UNIT)
    with ticking(*sessions):
        for argv in ("restart dbus.service", "daemon-reexec", "daemon-reload", "restart dbus.service", "daemon-reload"):
            m.run(["systemctl", *argv.split()])
        w.eventually(lambda: w.properties(m), "on the bus again", 20)
        reachable(m, "relocated", 2222)
        assert (w.main_pid(m), w.main_pid(m, w.UNIT)) == (pid, daemon)
        m.windows.release(22)
        assert w.call(m, "Restore") == (0, "")
        reachable(m, "clear", 22)
        m.run(["systemctl", "restart", "ssh.service"], check=True)
        reachable(m, "clear", 22)


# ---- the journal ----

def test_the_journal_and_its_catalog(make):
    m = make(windows=w.WINDOWS_HOLDS_22, policy={"CandidatePorts": "2222"}, **HASTE)
    w.boot(m)
    reachable(m, "relocated", 2222)
    m.windows.release(22)
    assert w.call(m, "Restore") == (0, "")
    reachable(m, "clear", 22)
    session = m.ssh_session(22, "lan")
    relocate(m)
    w.wait_properties(m, PinnedSessions=1)
    session.close()
    w.wait_properties(m, PinnedSessions=0)
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    for port in (22, 2222):
        w.eventually(lambda port=port: m.windows.claim(port), f"Windows gets {port}")
    m.run(["systemctl", "start", "ssh.service"])
    w.wait_properties(m, State="blocked")

    m.run(["journalctl", "--update-catalog"], check=True)
    catalog = m.run(["journalctl", "--no-pager", "-x", "-t", "wslportd"], check=True).stdout
    for name, priority, subject in (
            ("conflict", "5", "Subject: sshd can't have port 22"),
            ("relocated", "5", "Subject: sshd was moved to port 2222"),
            ("restored", "5", "Subject: sshd is back on its own port"),
            ("pinned", "5", "Subject: Sessions still hold the port that sshd has left"),
            ("unpinned", "5", "Subject: The port that sshd has left is no longer held here"),
            ("blocked", "4", "Subject: sshd can't have its port, and it is not moved")):
        entries = told(m, name)
        assert entries and {entry["PRIORITY"] for entry in entries} == {priority}, name
        assert {entry["SYSLOG_IDENTIFIER"] for entry in entries} == {"wslportd"}
        assert subject in catalog, name


@pytest.mark.waits
def test_a_host_that_does_not_answer_is_told(make):
    m = make(**HASTE)
    m.windows.silent()
    m.boot()
    # The helper's deadline is 30 s.
    w.eventually(lambda: m.running and told(m, "no-answer"), "told", 60)
    assert {entry["PRIORITY"] for entry in told(m, "no-answer")} == {"5"}
    m.windows.silent(False)
    w.wait_sshd(m, 22, 90)


# ---- messages that somebody makes up ----

FORGE = """
import os, random, socket, struct, sys
pids = [int(word) for word in sys.argv[1:]]
chance = random.Random(1)
real = struct.pack("=IHHII", 72 + 308, 20, 0, 0, 0) + bytes([2, 7]) + bytes(2) + struct.pack("!HH", 22, 0) + bytes(356)
route = struct.pack("=IHHII", 28, 24, 0, 0, 0) + struct.pack("=BBBBBBBBI", 2, 32, 0, 0, 127, 2, 0, 1, 0)
link = struct.pack("=IHHII", 32, 17, 0, 0, 0) + struct.pack("=BBHiII", 0, 0, 1, 1, 0, 0xffffffff)
done = struct.pack("=IHHII", 20, 3, 2, 1, 0) + bytes(4)
error = struct.pack("=IHHII", 36, 2, 0, 1, 0) + struct.pack("=i", -1) + bytes(16)
for family in (0, 4):
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, family)
    for pid in pids:
        for turn in range(200):
            for message in (real, route, link, done, error, b"", b"x", real[:15], real[:40], real + bytes(30000),
                            struct.pack("=IHHII", 0xffffffff, 20, 0, 0, 0), struct.pack("=IHHII", 0, 20, 0, 0, 0),
                            os.urandom(chance.randrange(1, 500))):
                try:
                    s.sendto(message, socket.MSG_DONTWAIT, (pid, 0))
                except OSError as e:
                    print(family, pid, e.errno)
                    break
                else:
                    print("sent")
"""


def netlink_ports(m: Machine) -> list[str]:
    inodes = w._sockets(m, w.main_pid(m, w.UNIT))
    lines = m.read(f"/proc/{w.main_pid(m, w.UNIT)}/net/netlink").splitlines()[1:]
    return [line.split()[2] for line in lines if line.split()[9] in inodes]


def test_messages_that_somebody_makes_up(make):
    m, session = pinned(make)  # so that all of its netlink sockets are open, and it waits for an end on 22
    before, pid = w.properties(m), w.main_pid(m, w.UNIT)
    fds = len(list(m.path(f"/proc/{pid}/fd").iterdir()))
    sshd, relocations, files = w.main_pid(m), len(told(m, "relocated")), w.own_files(m)
    binds = len(w.binds(m))

    ports = netlink_ports(m)
    assert len(ports) == 4
    with ticking(session):
        out = m.run(["/usr/bin/python3", "-SEc", FORGE, *ports], check=True).stdout
        # Its sockets are connected to the kernel, which then delivers nobody else's messages: ECONNREFUSED.
        assert {line.split()[-1] for line in out.splitlines()} == {str(errno.ECONNREFUSED)}
        assert w.properties(m) == before
    assert (w.main_pid(m, w.UNIT), w.main_pid(m)) == (pid, sshd)
    assert len(list(m.path(f"/proc/{pid}/fd").iterdir())) == fds
    assert len(told(m, "relocated")) == relocations and w.own_files(m) == files and len(w.binds(m)) == binds

    # Nor does it keep it busy, or deaf.
    def cpu() -> int:
        return sum(map(int, m.read(f"/proc/{pid}/stat").rpartition(")")[2].split()[11:13]))

    ticks = cpu()
    w.hold(lambda: w.main_pid(m, w.UNIT) == pid, 1)
    assert cpu() - ticks < 20
    m.run(["systemctl", "restart", "ssh.service"], check=True)
    reachable(m, "relocated", 2222)
    m.run(["ip", "address", "add", "192.168.50.77/24", "dev", "eth0"], check=True)
    w.wait_properties(m, Reachable=[["192.168.50.10", "lan"], ["192.168.50.77", "lan"]])
