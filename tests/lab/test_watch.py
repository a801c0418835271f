# SPDX-License-Identifier: LGPL-2.1-or-later
"""How events reach the daemon: listeners, routes and addresses, the bus, systemd, and messages that somebody makes up. And what
the daemon writes into the journal.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import statistics
import threading
import time

import pytest

import wslport as w
from machine import Machine

LOCALHOST = ["127.0.0.1", "loopback"]


# ---- how listeners are watched ----

def no_tracefs(m: Machine) -> None:
    m.mask("sys-kernel-tracing.mount", "sys-kernel-debug.mount")


def no_capability(m: Machine) -> None:
    m.write("/etc/systemd/system/wslportd-helper.service.d/capability.conf", "[Service]\nCapabilityBoundingSet=~CAP_PERFMON\n")


@pytest.mark.parametrize("obstacle", [None, no_tracefs, no_capability], ids=["tracepoint", "no-tracefs", "no-capability"])
def test_the_way_of_watching_listeners_is_told(make, obstacle):
    m = make(windows=w.WINDOWS_HOLDS_22, **w.HASTE)
    if obstacle:
        obstacle(m)
    w.boot(m)
    w.reachable(m, "relocated", 2222)
    kind = "timer" if obstacle else "tracepoint"
    w.wait_properties(m, ListenerWatch=kind)
    assert w.said(m, "Listeners are watched by: " + (f"{kind}, as the tracepoint can't be had: " if obstacle else kind))
    # Without the tracepoint, too, systemd's signals about the unit are enough.
    m.run(["systemctl", "restart", "ssh.service"], check=True)
    w.reachable(m, "relocated", 2222)
    m.run(["systemctl", "reload", "ssh.service"], check=True)
    w.reachable(m, "relocated", 2222)


# Listens, prints the time by the clock that machine and host share, and waits for its end.
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
    w.reachable(m, "relocated", 2222)
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

    # Takes the time of each of the monitor's lines as soon as the line is there.
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
            time.sleep(number * 0.618 % 1)  # so that each listen() meets another phase of the poll
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
    w.reachable(m, "relocated", 2222)


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
    w.reachable(m, "relocated", 2222)
    w.wait_properties(m, Reachable=[LOCALHOST, ["192.168.50.10", "lan"]])
    assert w.failed_units(m) == []


def test_an_interface_is_mirrored_later(make):
    """An interface that WSL doesn't mirror leads to containers. WSL's rule for it is an event, and so is the rule's end."""
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22))
    always, later = [["127.0.0.1", "loopback"], ["192.168.50.10", "lan"]], ["192.168.60.10", "lan"]
    m.run(["sh", "-c", "ip link add eth7 type veth peer name far7; ip address add 192.168.60.10/24 dev eth7;"
                       "ip link set far7 up; ip link set eth7 up"], check=True)
    w.wait_settled(m)
    assert w.properties(m)["Reachable"] == always
    for verb, expected in (("add", [*always, later]), ("del", always)):
        m.run(["ip", "rule", verb, "pref", "0", "iif", "eth7", "ipproto", "6", "lookup", "local"], check=True)
        w.wait_properties(m, Reachable=expected)


def test_interfaces_and_addresses_change_in_bursts(make):
    m = w.boot(w.hide_tracepoint(make(windows=w.WINDOWS_HOLDS_22)))
    w.reachable(m, "relocated", 2222)
    pid = w.main_pid(m)
    session = m.ssh_session(2222, "lan")
    w.wait_settled(m)
    before, binds = w.evaluations(m), len(w.binds(m))
    with w.ticking(session):
        changes = [f"address {verb} 192.168.50.{n}/24 dev eth0" for verb in ("add", "del") for n in range(60, 100)]
        # One process makes them all: a burst of eighty processes takes as long as the host lets it.
        burst = "\\n".join(["link add d0 type veth peer name d1", "link set d0 up", *changes, "link del d0", ""])
        for _ in range(3):
            m.run(["sh", "-c", f"printf '{burst}' | ip -batch -"], check=True)
            w.wait_settled(m)
        # 240 changes of addresses cause one evaluation a burst, or a few if a burst lasts longer than the daemon waits.
        assert 1 <= w.evaluations(m) - before <= 3 * 4
        m.run(["ip", "address", "add", "192.168.50.77/24", "dev", "eth0"], check=True)
        w.wait_properties(m, Reachable=[LOCALHOST, ["192.168.50.10", "lan"], ["192.168.50.77", "lan"]])
        m.run(["ip", "address", "del", "192.168.50.77/24", "dev", "eth0"], check=True)
        w.wait_properties(m, Reachable=[LOCALHOST, ["192.168.50.10", "lan"]])
    assert len(w.binds(m)) == binds and w.main_pid(m) == pid and len(w.told(m, "relocated")) == 1
    w.reachable(m, "relocated", 2222)


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
    w.wait_properties(m, State="relocated", Port=2222)
    # From now on the daemon hears of units over the bus, no longer over systemd's own socket.
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.wait_properties(m, Port=0)
    m.run(["systemctl", "start", "ssh.service"], check=True)
    w.reachable(m, "relocated", 2222)


def test_the_bus_comes_and_goes_during_a_move(make):
    m = make(**w.HASTE)
    m.write("/etc/systemd/system/ssh.service.d/wait.conf",
            "[Service]\nExecReload=\nExecReload=/bin/sh -c 'until [ -e /run/go ]; do sleep 0.05; done'\n"
            "ExecReload=/bin/kill -HUP $MAINPID\n")
    w.boot(m)
    w.reachable(m, "clear", 22)

    def stop_bus(times: int) -> None:
        m.run(["systemctl", "stop", "dbus.socket", "dbus.service"], check=True)
        w.eventually(lambda: sum("the connection has ended" in text for text in w.daemon_messages(m)) == times, "it knows")

    stop_bus(1)
    m.write(w.CONFIG, w.configuration(Policy={"Relocate": "mirrored"}))
    m.run(["systemctl", "reload", "--no-block", w.UNIT], check=True)
    w.eventually(lambda: w.active_state(m, "ssh.service") == "reloading", "the move")
    m.run(["systemctl", "start", "dbus.socket", "dbus.service"], check=True)
    w.eventually(lambda: w.properties(m), "on the bus again")
    stop_bus(2)
    m.write("/run/go", "")
    w.wait_sshd(m, 2222)
    # Without the bus the daemon hears of units over systemd's own socket.
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.eventually(lambda: w.said(m, "ssh.service: inactive, was"), "it is told", 20)


def test_systemd_and_the_bus_restart_again_and_again(make):
    m, sessions = w.relocated(make, **w.HASTE)
    pid, daemon = w.main_pid(m), w.main_pid(m, w.UNIT)
    with w.ticking(*sessions):
        for argv in ("restart dbus.service", "daemon-reexec", "daemon-reload", "restart dbus.service", "daemon-reload"):
            m.run(["systemctl", *argv.split()])
        w.eventually(lambda: w.properties(m), "on the bus again", 20)
        w.reachable(m, "relocated", 2222)
        assert (w.main_pid(m), w.main_pid(m, w.UNIT)) == (pid, daemon)
        m.windows.release(22)
        assert w.call(m, "Restore") == (0, "")
        w.reachable(m, "clear", 22)
        m.run(["systemctl", "restart", "ssh.service"], check=True)
        w.reachable(m, "clear", 22)


# ---- the journal ----

def test_the_journal_and_its_catalog(make):
    m = make(windows=w.WINDOWS_HOLDS_22, policy={"CandidatePorts": "2222"}, **w.HASTE)
    w.boot(m)
    w.reachable(m, "relocated", 2222)
    m.windows.release(22)
    assert w.call(m, "Restore") == (0, "")
    w.reachable(m, "clear", 22)
    session = m.ssh_session(22, "lan")
    w.leave_home(m)
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
            ("unpinned", "5", "Subject: Linux no longer holds the port that sshd has left"),
            ("blocked", "4", "Subject: sshd can't have its port, and wslportd doesn't move it")):
        entries = w.told(m, name)
        assert entries and {entry["PRIORITY"] for entry in entries} == {priority}, name
        assert {entry["SYSLOG_IDENTIFIER"] for entry in entries} == {"wslportd"}
        assert subject in catalog, name


def test_a_boot_with_one_move_is_three_lines(make):
    """In the order in which things happened, each with fields for programs."""
    m = make(windows=w.WINDOWS_HOLDS_22)
    m.write(w.CONFIG, "[Daemon]\nLogLevel=info\n")
    w.boot(m)
    w.eventually(lambda: w.said(m, w.STATUS_RELOCATED), "the last line")
    refuses = "Windows refuses 22 (a program has it, or an excluded port range)"
    entries = m.journal(SYSLOG_IDENTIFIER="wslportd")
    assert [entry["MESSAGE"] for entry in entries] == [f"Port 22 can't be had: {refuses}",
                                                       f"sshd is moved to port 2222: {refuses}", w.STATUS_RELOCATED]
    every = m.messages()
    started = next(i for i, line in enumerate(every) if line.startswith("Starting ssh.service"))
    assert started < every.index(f"sshd is moved to port 2222: {refuses}")
    fields = [{name: entry.get(name) for name in ("PORT", "STATE", "CAUSE", "FROM", "TO", "HOLDER")} for entry in entries]
    assert fields[0] == {"PORT": "22", "STATE": None, "CAUSE": "windows-refuses", "FROM": None, "TO": None, "HOLDER": "windows"}
    assert fields[1].pop("HOLDER").startswith("windows") and fields[1].pop("CAUSE").startswith("windows-")
    assert fields[1] == {"PORT": "2222", "STATE": "relocated", "FROM": "22", "TO": "2222"}
    assert (fields[2]["STATE"], fields[2]["CAUSE"], fields[2]["HOLDER"]) == ("relocated", "windows-openssh-holds", "windows-openssh")
    assert not [entry for entry in entries if "CODE_FILE" in entry]


@pytest.mark.waits
def test_a_host_that_does_not_answer_is_told(make):
    m = make(**w.HASTE)
    m.windows.silent()
    m.boot()
    # The helper's deadline is 30 s.
    w.eventually(lambda: m.running and w.told(m, "no-answer"), "told", 60)
    assert {entry["PRIORITY"] for entry in w.told(m, "no-answer")} == {"5"}
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
for family in (0, 4, 15):
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
    m, session = w.pinned(make)  # so that all of the daemon's netlink sockets are open, also the one that waits for ends on 22
    before, pid = w.properties(m), w.main_pid(m, w.UNIT)
    fds = len(list(m.path(f"/proc/{pid}/fd").iterdir()))
    sshd, relocations, files = w.main_pid(m), len(w.told(m, "relocated")), w.own_files(m)
    binds = len(w.binds(m))

    ports = netlink_ports(m)
    assert len(ports) == 5
    with w.ticking(session):
        out = m.run(["/usr/bin/python3", "-SEc", FORGE, *ports], check=True).stdout
        # The daemon's sockets are connected to the kernel, so the kernel refuses messages of anybody else's: ECONNREFUSED.
        assert {line.split()[-1] for line in out.splitlines()} == {str(errno.ECONNREFUSED)}
        assert w.properties(m) == before
    assert (w.main_pid(m, w.UNIT), w.main_pid(m)) == (pid, sshd)
    assert len(list(m.path(f"/proc/{pid}/fd").iterdir())) == fds
    assert len(w.told(m, "relocated")) == relocations and w.own_files(m) == files and len(w.binds(m)) == binds

    # The messages don't keep the daemon busy, and it still hears of real events.
    def cpu() -> int:
        return sum(map(int, m.read(f"/proc/{pid}/stat").rpartition(")")[2].split()[11:13]))

    def rests() -> bool:
        before = cpu()
        time.sleep(1)
        return cpu() == before
    w.eventually(rests, "a second without a tick of CPU time")
    assert w.main_pid(m, w.UNIT) == pid
    m.run(["systemctl", "restart", "ssh.service"], check=True)
    w.reachable(m, "relocated", 2222)
    m.run(["ip", "address", "add", "192.168.50.77/24", "dev", "eth0"], check=True)
    w.wait_properties(m, Reachable=[LOCALHOST, ["192.168.50.10", "lan"], ["192.168.50.77", "lan"]])


# ---- how sshd's folders are watched ----

def test_the_kernel_gives_no_inotify(make):
    """Others of root's, as containers, may have all that there are."""
    m = make(windows=w.WINDOWS_HOLDS_22)
    m.write(f"/etc/systemd/system/{w.UNIT}.d/inotify.conf", "[Service]\nSystemCallFilter=~inotify_init1:EMFILE\n")
    w.boot(m)
    w.check_report(m, "relocated", 2222)


def test_another_folder_takes_the_place_of_sshds(make):
    m = w.boot(make())
    w.check_report(m, "clear", 22)
    for name in ("old", "older"):  # the first move of a folder copies it: it is in the lower layer of the lab's root
        m.run(["sh", "-ec", f"cd /etc/ssh; mv sshd_config.d {name}; cp -a {name} sshd_config.d"], check=True)
        w.wait_settled(m)
    m.write("/etc/ssh/sshd_config.d/50-port.conf", "Port 2022\n")
    w.wait_properties(m, HomePort=2022)
