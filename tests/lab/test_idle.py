# SPDX-License-Identifier: LGPL-2.1-or-later
"""While nothing happens on a watched port, only the watchdog wakes the daemon.

The tracepoint tells of listeners in all network namespaces, in those of other tests' machines, too. So these tests use ports of
their own, or count what the kernel told.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

import wslport as w
from machine import Machine
from tracing import listener_events


def host_pid(m: Machine, unit: str = w.UNIT) -> int:
    """The host's number of the unit's main process."""
    return int((m._cgroup / f"guest/system.slice/{unit}/cgroup.procs").read_text().split()[0])


def voluntary(pid: int | str) -> int:
    return int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])


def cpu_ticks(pid: int) -> int:
    return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))


def quiet(m: Machine, pid: int, demanded: bool = True) -> None:
    """Waits until the daemon rests after the boot: no wake-up for 2 s. Fails after 30 s, or gives up after 5 s if not demanded."""
    m.wait_running()
    before, since = voluntary(pid), time.monotonic()
    deadline = since + (30 if demanded else 5)
    while time.monotonic() - since < 2:
        if time.monotonic() > deadline:
            assert not demanded, "the daemon never came to rest"
            return
        if (now := voluntary(pid)) != before:
            before, since = now, time.monotonic()
        time.sleep(0.05)


def own_ports(count: int) -> list[int]:
    """Random ports, which no other machine's sshd is likely to have."""
    return random.sample(range(10000, 32000), count)


def at_home_on(m: Machine, *ports: int) -> None:
    m.write("/etc/ssh/sshd_config.d/50-port.conf", "".join(f"Port {port}\n" for port in ports))


# ---- a flood of connections on other ports ----

FLOOD = """
import socket, struct, sys
count, reset = int(sys.argv[1]), struct.pack("ii", 1, 0)
for family, address in ((socket.AF_INET, "127.0.0.2"), (socket.AF_INET6, "::1")):
    listener = socket.socket(family)
    listener.bind((address, 0))
    listener.listen()
    name = listener.getsockname()[:2]
    for _ in range(count // 2):
        client = socket.socket(family)
        client.connect(name)
        served = listener.accept()[0]
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)  # no TIME_WAIT
        client.close()
        served.close()
print(count, flush=True)
"""

# Joins the same two multicast groups as the daemon, but without a filter.
SUBSCRIBER = """
import socket
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)
s.bind((0, 0))
for group in (1, 3):
    s.setsockopt(270, 1, group)
print("joined", flush=True)
while True:
    try:
        s.recv(65536)
    except OSError:
        pass
"""


@pytest.mark.parametrize("state", ["clear", "blocked"])
def test_connections_on_other_ports(make, state, capsys):
    """In state blocked the daemon subscribes to the ends of sockets; in state clear it doesn't."""
    count = int(os.environ.get("WSLPORTD_FLOOD", "50000"))
    mine, other = own_ports(2)
    m = make(windows={} if state == "clear" else {other: w.WINDOWS})
    at_home_on(m, mine, other)
    if state == "blocked":  # ListenAddress with a port: the daemon can't move that
        m.write("/etc/ssh/sshd_config.d/50-port.conf", f"ListenAddress 0.0.0.0:{mine}\nListenAddress 0.0.0.0:{other}\n")
    m.write(f"/etc/systemd/system/{w.UNIT}.d/watchdog.conf", "[Service]\nWatchdogSec=0\n")
    w.boot(m)
    w.wait_properties(m, State=state, Port=mine)
    pid = host_pid(m)
    subscriber = m.spawn(["/usr/bin/python3", "-SEc", SUBSCRIBER])
    w.eventually(lambda: subscriber.stdout, "the comparison has joined")
    quiet(m, pid)

    before = voluntary(pid), cpu_ticks(pid), voluntary(subscriber.pid), cpu_ticks(subscriber.pid)
    assert m.run(["/usr/bin/python3", "-SEc", FLOOD, str(count)], check=True, timeout=120).stdout == f"{count}\n"
    after = voluntary(pid), cpu_ticks(pid), voluntary(subscriber.pid), cpu_ticks(subscriber.pid)
    wakeups, ticks, their_wakeups, their_ticks = (b - a for a, b in zip(before, after))
    with capsys.disabled():
        print(f"\nMEASURED {state}, {count} connections on other ports: {wakeups} voluntary context switches, {ticks * 10} ms; "
              f"without a filter {their_wakeups}, {their_ticks * 10} ms", flush=True)
    assert wakeups == 0 and ticks == 0
    assert their_wakeups > count // 100

    # In state blocked the end of a connection on a watched port does wake the daemon.
    m.banner(mine)
    if state == "blocked":
        w.eventually(lambda: voluntary(pid) > after[0], "a watched port")


# ---- idle ----

def watchdog_beats(seconds: float) -> int:
    return int(seconds / 15) + 2  # sd-event beats after half to three quarters of WatchdogSec=30


def armed_timers(pid: int) -> list[str]:
    """When the timers of a process go off, as the kernel shows it."""
    found = []
    for file in Path(f"/proc/{pid}/fdinfo").iterdir():
        found += re.findall(r"(?m)^it_value: \((?!0, 0\)).*", file.read_text())
    return found


def test_a_pinned_session_needs_no_timer(make):
    """The kernel tells of its end."""
    def without_watchdog(**options) -> Machine:
        m = make(**options)
        m.write(f"/etc/systemd/system/{w.UNIT}.d/watchdog.conf", "[Service]\nWatchdogSec=0\n")
        return m

    m, session = w.pinned(without_watchdog)
    quiet(m, host_pid(m), demanded=False)
    w.eventually(lambda: not armed_timers(host_pid(m)), "no timer")
    session.close()
    w.wait_properties(m, PinnedSessions=0)


@pytest.mark.waits
def test_minutes_idle(make, capsys):
    seconds = float(os.environ.get("WSLPORTD_IDLE_SECONDS", "60"))
    clear, straced, relocated = make(), make(), make(windows=w.WINDOWS_HOLDS_22)
    ports = own_ports(2)
    at_home_on(clear, ports[0])
    at_home_on(straced, ports[1])
    machines = [clear, straced, relocated]
    for m in machines:
        m.write(w.CONFIG, "[Daemon]\nLogLevel=info\n")
        w.boot(m)
    w.wait_properties(clear, State="clear", Port=ports[0])
    w.wait_properties(straced, State="clear", Port=ports[1])
    w.wait_properties(relocated, State="relocated", Port=2222, HomePortHolder="windows-openssh")
    assert w.show(clear, w.UNIT, "WatchdogUSec")["WatchdogUSec"] == "30s"
    pids = [host_pid(m) for m in machines]
    for m, pid in zip(machines, pids):
        quiet(m, pid, demanded=m is not relocated)

    with listener_events(22, 2222) as told:
        before, start = [voluntary(pid) for pid in pids], time.monotonic()
        strace, table = None, ""
        if shutil.which("strace"):
            strace = subprocess.Popen(["strace", "-f", "-c", "-p", str(pids[1])], stderr=subprocess.PIPE,
                                      stdin=subprocess.DEVNULL, text=True)
        while time.monotonic() - start < seconds:
            assert all(Path(f"/proc/{pid}").exists() for pid in pids)
            time.sleep(0.5)
        after, took = [voluntary(pid) for pid in pids], time.monotonic() - start
        foreign = len(told.events())
        if strace:
            strace.send_signal(2)
            table = strace.communicate(timeout=10)[1]

    wakeups = [b - a for a, b in zip(before, after)]
    with capsys.disabled():
        print(f"\nMEASURED {took:.0f} s idle: {wakeups[0]} voluntary context switches at home, {wakeups[2]} relocated "
              f"(with {foreign} listeners of other machines told); the watchdog alone makes {took / 22.5:.0f} to {took / 15:.0f}\n{table}",
              flush=True)
    beats = watchdog_beats(took)
    assert wakeups[0] <= beats
    assert wakeups[2] <= beats + 4 * foreign
    if strace:
        calls = dict((line.split()[-1], int(line.split()[3])) for line in table.splitlines()
                     if re.match(r"\s*\d+\.\d+", line) and "total" not in line)
        assert calls.get("epoll_wait", 0) + calls.get("epoll_pwait2", 0) + calls.get("epoll_pwait", 0) <= beats + 1
        assert set(calls) <= {"epoll_wait", "epoll_pwait", "epoll_pwait2", "sendmsg", "sendto", "timerfd_settime", "read", "socket",
                              "setsockopt", "getsockopt", "connect", "close", "restart_syscall", "gettid", "getpid", "getuid",
                              "geteuid", "getgid", "getegid"}, table
