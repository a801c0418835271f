# SPDX-License-Identifier: LGPL-2.1-or-later
"""After boot: Windows and sshd come and go, and sshd stays reachable, with sessions open."""

from __future__ import annotations

import signal
import time

import pytest

import wslport as w
from machine import Machine
from processes import PATIENCE, Process


# ---- Windows' sshd goes away ----

@pytest.mark.waits
def test_restore_auto_looks_once_a_minute(make):
    m, sessions = w.relocated(make, "auto")
    w.wait_properties(m, HomePortHolder="windows-openssh")
    w.count_connections(m, 22)
    before, start = len(w.binds(m)), time.monotonic()
    with w.ticking(*sessions):
        # In a good minute the daemon looks once at the port that Windows still has: it connects, and binds nothing.
        w.eventually(lambda: w.connections(m), "it looks", 80)
        w.hold(lambda: w.sshd_ports(m) == {2222}, max(2, start + 62 - time.monotonic()), "it stays")
        assert w.connections(m) == 1 and len(w.binds(m)) == before
        w.wait_properties(m, State="relocated", HomePortHolder="windows-openssh")


@pytest.mark.waits
def test_restore_auto_goes_home_by_itself(make):
    m, sessions = w.relocated(make, "auto")
    pid = w.main_pid(m)
    with w.ticking(*sessions):
        m.windows.release(22)
        w.eventually(lambda: w.sshd_ports(m) == {22}, "it comes home", 80)
        w.reachable(m, "clear", 22)
    assert w.main_pid(m) == pid and len(w.told(m, "restored")) == 1


def test_restore_manual_waits_for_restore(make):
    m, sessions = w.relocated(make)
    w.count_connections(m, 22)
    with w.ticking(*sessions):
        status, error = w.call(m, "Restore")
        assert status != 0 and "Windows" in error
        w.reachable(m, "relocated", 2222)
        m.windows.release(22)
        w.hold(lambda: w.sshd_ports(m) == {2222}, 1, "it waits")
        assert w.connections(m) <= 1
        assert w.call(m, "Restore") == (0, "")
        w.reachable(m, "clear", 22)
        assert len(w.told(m, "restored")) == 1
        # From one port to another, and home.
        assert w.call(m, "Relocate", "q", "22022") == (0, "")
        w.reachable(m, "relocated", 22022)
        assert w.call(m, "Relocate", "q", "2201") == (0, "")
        w.reachable(m, "relocated", 2201)
        status, error = w.call(m, "Relocate", "q", "80")
        assert status != 0 and "80 is not among CandidatePorts" in error
        assert w.call(m, "Restore") == (0, "")
        w.reachable(m, "clear", 22)


def test_a_request_outlasts_a_restart(make):
    """Restore=auto takes nobody from the port that he asked for, until he asks to go back or the machine boots."""
    m = w.boot(make(policy={"Restore": "auto"}, **w.HASTE))
    w.reachable(m, "clear", 22)
    for ends in ("restore", "boot"):
        assert w.call(m, "Relocate", "q", "2222") == (0, "")
        for _ in range(2):
            m.run(["systemctl", "restart", w.UNIT], check=True)
            w.wait_properties(m, State="relocated", Port=2222)
            w.hold(lambda: w.sshd_ports(m) == {2222}, 3, "sshd stays")
        if ends == "restore":
            assert w.call(m, "Restore") == (0, "")
            w.eventually(lambda: not m.exists("/run/wslportd/requested"), "nothing is kept")
        else:
            m.poweroff()
            w.boot(m)
        w.reachable(m, "clear", 22)


@pytest.mark.parametrize("restore, port", [("boot", 22), ("manual", 2222)])
def test_the_next_boot(make, restore, port):
    m, sessions = w.relocated(make, restore, **w.HASTE)
    with w.ticking(*sessions):
        m.windows.release(22)
        w.hold(lambda: w.sshd_ports(m) == {2222}, 1, "it waits")
    m.poweroff()
    w.boot(m)
    w.reachable(m, "clear" if port == 22 else "relocated", port)
    assert w.failed_units(m) == []
    assert {entry["port"] for entry in w.binds(m, command="sshd")} == {port}


# ---- Windows takes 22 while sshd isn't there ----

def hold_starts(m: Machine) -> None:
    """Makes each start of sshd wait while /run/hold exists."""
    m.write("/etc/systemd/system/ssh.service.d/hold.conf",
            "[Service]\nExecStartPre=/bin/sh -c 'while [ -e /run/hold ]; do sleep 0.02; done'\n")


@pytest.mark.parametrize("way", ["restart", "kill", "stop"])
def test_windows_takes_22_in_between(make, way):
    m = make(**w.HASTE)
    hold_starts(m)
    m.windows.release_by_address()  # so that Windows can take 22 although sessions are open
    w.boot(m)
    w.reachable(m, "clear", 22)
    sessions = w.open_sessions(m, 22)
    pid = w.main_pid(m)
    with w.ticking(*sessions):
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
        p = w.reachable(m, "relocated", 2222)
        assert p["HomePortHolder"] == "windows-openssh" or w.wait_properties(m, HomePortHolder="windows-openssh")
        assert p["PinnedSessions"] == 3
        assert w.failed_units(m) == []
        assert m.banner(22) == w.WINDOWS.text
    for session in sessions:
        session.close()
    w.wait_properties(m, PinnedSessions=0)
    assert len(w.told(m, "conflict")) >= 1 and len(w.told(m, "relocated")) == 1


# ---- Relocate=mirrored ----

def test_relocate_mirrored_never_takes_home(make):
    m = w.boot(make(policy={"Relocate": "mirrored", "Restore": "auto"}, **w.HASTE))
    w.reachable(m, "relocated", 2222)
    sessions = w.open_sessions(m, 2222)
    with w.ticking(*sessions):
        status, error = w.call(m, "Restore")
        assert status != 0 and "Relocate=mirrored" in error
        m.run(["systemctl", "restart", "ssh.service"], check=True)
        w.reachable(m, "relocated", 2222)
        m.run(["systemctl", "restart", w.UNIT], check=True)
        w.reachable(m, "relocated", 2222)
    m.poweroff()
    w.boot(m)
    w.reachable(m, "relocated", 2222)
    # At both boots sshd's first bind was 2222, and nobody ever asked Windows for 22.
    assert not m.log("bind", protocol="tcp", port=22)
    assert m.windows.claim(22)


def test_relocate_mirrored_while_sshd_runs_at_home(make):
    m = w.boot(make(**w.HASTE))
    w.reachable(m, "clear", 22)
    sessions = w.open_sessions(m, 22)
    with w.ticking(*sessions):
        m.write(w.CONFIG, w.configuration(Policy={"Relocate": "mirrored"}))
        m.run(["systemctl", "reload", w.UNIT], check=True)
        w.reachable(m, "relocated", 2222)


# ---- sessions that hold the home port ----

def test_a_pinned_session_that_its_client_ends(make):
    m, session = w.pinned(make)
    assert session.alive()
    [entry] = w.told(m, "pinned")
    assert entry["PRIORITY"] == "5" and "22" in entry["MESSAGE"]
    assert not w.told(m, "unpinned")
    session.close()
    w.wait_properties(m, PinnedSessions=0)
    assert len(w.told(m, "unpinned")) == 1
    w.eventually(lambda: m.windows.claim(22), "Windows gets 22")
    w.reachable(m, "relocated", 2222)


def time_waits(m: Machine, port: int) -> int:
    return sum(line.split()[3] == "06" and line.split()[1].endswith(f":{port:04X}")
               for name in ("tcp", "tcp6") for line in m.read(f"/proc/{w.main_pid(m)}/net/{name}").splitlines()[1:])


# A client that talks nonsense after a signal, so that sshd closes the connection.
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
    m = w.boot(make(**w.HASTE))
    w.reachable(m, "clear", 22)
    client = m.beside("lan", ["/usr/bin/python3", "-SEc", RUDE, "192.168.50.10"])
    w.eventually(lambda: client.stdout, "it is connected")
    w.leave_home(m)
    client.kill(signal.SIGUSR1)
    w.eventually(lambda: time_waits(m, 22), "TIME_WAIT")
    assert client.wait() == 0
    while time_waits(m, 22):
        p = w.properties(m)
        assert p["PinnedSessions"] == 1 or not time_waits(m, 22)
        time.sleep(0.3)
    w.wait_properties(m, PinnedSessions=0)
    assert len(w.told(m, "pinned")) == 1 and len(w.told(m, "unpinned")) == 1
    w.eventually(lambda: m.windows.claim(22), "Windows gets 22")
    w.reachable(m, "relocated", 2222)


# ---- two ports, of which one conflicts ----

def test_the_other_of_two_ports_stays(make):
    m = make(windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/ssh/sshd_config.d/50-two.conf", "Port 22\nPort 2022\n")
    before = w.contents(m, "/etc/ssh")
    w.boot(m)
    w.eventually(lambda: w.sshd_ports(m) == {2022, 2222}, "one moved, one not")
    w.wait_properties(m, State="relocated", Port=2222, HomePort=22, HomePortHolder="windows-openssh")
    assert w.logs_in(m, 2022) and w.logs_in(m, 2222, "lan") and m.banner(22) == w.WINDOWS.text
    sessions = w.open_sessions(m, 2022)
    with w.ticking(*sessions):
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


# ---- consomme: a refused bind() that looks like a good one ----

def test_an_sshd_that_fell_for_consomme(make):
    m = w.boot(make(enabled=False, mode="consomme", windows=w.WINDOWS_HOLDS_22))
    # Without wslportd sshd runs without an error, on a port that nobody knows.
    w.eventually(lambda: w.sshd_ports(m), "sshd listens somewhere")
    assert not w.sshd_ports(m) & {22, 2222} and w.failed_units(m) == []
    pid = w.main_pid(m)
    m.run(["systemctl", "start", w.UNIT], check=True)
    w.wait_sshd(m, 2222)
    p = w.wait_properties(m, State="relocated", Port=2222, NetworkingMode="consomme")
    assert {holder for _, port, holder, _ in p["Listeners"] if port == 2222} == {"sshd"}
    assert w.logs_in(m, 2222) and w.main_pid(m) == pid


def test_consomme_takes_22_while_sshd_is_down(make):
    m = w.boot(make(mode="consomme", **w.HASTE))
    w.wait_properties(m, State="clear", Port=22)
    w.eventually(lambda: not m.stray_reservations(), "the tracker has seen sshd on 22")
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.eventually(lambda: m.windows.claim(22), "Windows gets 22")
    m.run(["systemctl", "start", "ssh.service"], check=True)
    w.wait_sshd(m, 2222)
    w.wait_properties(m, State="relocated", Port=2222)
    assert w.logs_in(m, 2222) and w.failed_units(m) == []


# ---- moves back off ----

def test_moves_back_off(make):
    """Another program takes each port that the daemon has chosen, as soon as sshd has left it."""
    m = make(policy={"CandidatePorts": "2222 22022 2200-2299"}, foreign=(22, 2222, 22022, 2200), **w.HASTE)
    m.write("/etc/systemd/system/ssh.service.d/limit.conf", "[Unit]\nStartLimitIntervalSec=0\n")
    w.boot(m)
    w.reachable(m, "clear", 22)
    port = 22
    for following in (2222, 22022, 2200):
        m.run(["systemctl", "stop", "ssh.service"], check=True)
        w.start_holder(m, "linux", port)
        m.run(["systemctl", "start", "ssh.service"])
        w.reachable(m, "relocated", following)
        port = following
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    process = w.start_holder(m, "linux", port)
    m.run(["systemctl", "start", "ssh.service"])
    p = w.wait_properties(m, State="blocked")
    assert "three times within a minute" in p["Reason"] and "tried again in 60 s" in p["Reason"]
    assert len(w.told(m, "relocated")) == 3
    [*_, entry] = w.told(m, "blocked")
    assert entry["PRIORITY"] == "4" and "three times within a minute" in entry["MESSAGE"]
    before = len(w.binds(m))
    w.hold(lambda: (len(w.binds(m)), len(w.told(m, "relocated"))) == (before, 3), 2, "it waits")
    # The limit doesn't hold for a person who asks for a move.
    assert w.call(m, "Relocate", "q", "2201") == (0, "")
    w.reachable(m, "relocated", 2201)
    process.kill()


def test_a_request_while_sshd_starts_is_answered_with_what_came_of_it(make):
    m = make()
    m.write("/etc/systemd/system/ssh.service.d/slow.conf", "[Service]\nExecStartPre=/bin/sh -c 'until [ -e /run/go ]; do sleep 0.05; done'\n")
    m.write("/etc/tmpfiles.d/go.conf", "f /run/go\n")
    w.boot(m)
    w.wait_properties(m, State="clear", Port=22)

    def while_starting(port: int) -> Process:
        m.path("/run/go").unlink()
        m.run(["systemctl", "restart", "--no-block", "ssh.service"], check=True)
        w.eventually(lambda: w.active_state(m, "ssh.service") == "activating", "it starts")
        w.eventually(lambda: "sshd is starting" in w.properties(m)["Reason"], "the daemon has seen it")
        asked = m.spawn(["wslportctl", "relocate", str(port)])
        w.hold(lambda: asked.poll() is None, 1, "it isn't answered yet")
        return asked

    asked = while_starting(22022)
    m.write("/run/go", "")
    assert asked.finish(True, PATIENCE).stdout.startswith("ssh on 22022")
    w.wait_sshd(m, 22022)

    # A unit that never gets there keeps nobody from asking for something else, and a stopped one is an answer.
    asked = while_starting(2222)
    restore = m.spawn(["wslportctl", "restore"])
    assert asked.wait(PATIENCE) == 5 and "another request has come" in asked.stderr
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    assert restore.wait(PATIENCE) in (0, 5) and "starting" not in restore.stderr
