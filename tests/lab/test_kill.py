# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon is killed at a system call of a move, and started again: promise 1 holds, and nothing is left behind.

Point n is the entry of the n-th system call after the request: the calls before it are done, it and the later ones are not. So
all points together are all the states in which a kill can leave the machine. Most calls only read. Point "c5" is the fifth one
among the calls that change something and those directly after one.

WSLPORTD_KILL_POINTS  how many points of each move (4), half of them near a change, spread evenly, each at random within its
                      share; or "all"; or a list: "240,c5" ("c5," is a list of one)
WSLPORTD_SEED         replays a choice; each run prints its seed
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import itertools
import os
import random
import re
import signal
import statistics
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import wslport as w
from machine import Machine

STATES = {"clear": 22, "relocated": 2222}
BOTH = ("0.0.0.0", "::")
FOLDERS = ("/etc/ssh", w.STATE_DIRECTORY, "/run/systemd/system")
CHANGES = {"clone", "clone3", "fork", "vfork", "write", "mkdir", "mkdirat", "unlink", "unlinkat", "rmdir", "rename", "renameat",
           "renameat2", "fchmod", "fchmodat", "fsync"}  # files and processes; a request to systemd is a message like many others
# A reload takes 40 to 90 ms. Whatever is left undone, sshd must be back by itself; a busy host may take some seconds for that.
RELOAD_SECONDS = 5.0


@dataclass(frozen=True)
class Move:
    request: tuple[str, ...]
    before: str
    after: str
    wanted: bool = False  # a Windows program waits for 22, and takes it as soon as sshd has left


MOVES = {
    "relocate": Move(("Relocate", "q", "2222"), "clear", "relocated"),
    "relocate-22-wanted": Move(("Relocate", "q", "2222"), "clear", "relocated", wanted=True),
    "restore": Move(("Restore",), "relocated", "clear"),
}


# ---- one process, from system call to system call ----

PTRACE_SYSCALL, PTRACE_DETACH = 24, 17  # linux/ptrace.h
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_GET_SYSCALL_INFO = 0x4206, 0x4207, 0x420e
PTRACE_O_TRACESYSGOOD = 1
SYSCALL_STOP = signal.SIGTRAP | 0x80
WALL = 0x40000000

_ptrace = ctypes.CDLL(None, use_errno=True).ptrace
_ptrace.restype = ctypes.c_long
_ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request: int, pid: int, address: int = 0, data: Any = 0) -> None:
    if _ptrace(request, pid, address, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x}: {os.strerror(ctypes.get_errno())}")


class SyscallInfo(ctypes.Structure):  # struct ptrace_syscall_info, as far as it is of interest
    _fields_ = [("op", ctypes.c_uint8), ("arch", ctypes.c_uint32), ("ip", ctypes.c_uint64),
                ("sp", ctypes.c_uint64), ("nr", ctypes.c_uint64), ("rest", ctypes.c_uint64 * 8)]


class Traced:
    """A process without its children. All calls have to come from one thread."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD)
        self._stopped = False
        self._stop()

    def _stop(self) -> None:
        ptrace(PTRACE_INTERRUPT, self.pid)
        os.waitpid(self.pid, WALL)
        self._stopped = True

    def _entering(self) -> int | None:
        info = SyscallInfo()
        ptrace(PTRACE_GET_SYSCALL_INFO, self.pid, ctypes.sizeof(info), ctypes.byref(info))
        return info.nr if info.op == 1 else None

    def next_call(self, seconds: float) -> int | None:
        """Lets the process run to its next system call, and stops it before the call is made.

        Returns the call's number, or None if there is none for so many seconds.
        """
        if self._stopped:
            ptrace(PTRACE_SYSCALL, self.pid)
            self._stopped = False
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG | WALL)
            if pid == 0:
                time.sleep(0.00005)
                continue
            assert os.WIFSTOPPED(status), f"the daemon has ended by itself: {status:#x}"
            call = self._entering() if os.WSTOPSIG(status) == SYSCALL_STOP else None
            if call is not None:
                self._stopped = True
                return call
            is_signal = os.WSTOPSIG(status) != SYSCALL_STOP and status >> 16 == 0
            ptrace(PTRACE_SYSCALL, self.pid, 0, os.WSTOPSIG(status) if is_signal else 0)
        return None

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        while os.WIFSTOPPED(status := os.waitpid(self.pid, WALL)[1]):
            pass
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL

    def detach(self) -> None:
        if not self._stopped:
            self._stop()
        ptrace(PTRACE_DETACH, self.pid)


@functools.cache
def numbers() -> dict[int, str]:
    for path in (f"/usr/include/{os.uname().machine}-linux-gnu/asm/unistd_64.h", "/usr/include/asm-generic/unistd.h"):
        if Path(path).exists():
            return {int(number): name for name, number in re.findall(r"#define __NR_(\w+) (\d+)", Path(path).read_text())}
    raise RuntimeError("the kernel's headers are wanted, for the names of system calls")


# ---- the machine ----

class Outage(threading.Thread):
    """Measures the longest time in which sshd listens nowhere."""

    def __init__(self, m: Machine) -> None:
        super().__init__(daemon=True)
        self._m, self._over = m, threading.Event()
        self.longest = 0.0

    def run(self) -> None:
        since = None
        while not self._over.wait(0.02):
            if ports(self._m):
                since = None
            else:
                since = since or time.monotonic()
                self.longest = max(self.longest, time.monotonic() - since)

    def __enter__(self) -> Outage:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


def processes(m: Machine) -> list[int]:
    """The host's numbers of the daemon's processes, and of those that the helper runs for it."""
    def of(cgroup: str) -> list[int]:
        path = m._cgroup / f"guest{cgroup}/cgroup.procs"
        return sorted(int(line) for line in path.read_text().split()) if path.exists() else []

    return of(w.CGROUP) + of(w.HELPER_CGROUP)[1:]  # the first one is the helper itself


def ports(m: Machine) -> set[int]:
    return m.listeners().keys() & {*STATES.values()}


def greets(m: Machine) -> bool:
    with contextlib.suppress(OSError):
        return any(m.banner(port, "lan").startswith(b"SSH-2.0-OpenSSH_") for port in ports(m))
    return False


def login(m: Machine) -> bool:
    """Returns whether a login works on any port."""
    return any(m.ssh(port, "echo $((6 * 7))", "lan", check=False).stdout == "42\n" for port in ports(m))


def files(m: Machine) -> dict[str, bytes | str]:
    return w.contents(m, *FOLDERS)


def own(found: dict[str, bytes | str]) -> dict[str, bytes | str]:
    return {name: data for name, data in found.items() if "wslport" in name and name != w.STATIC_FILE}


def told(m: Machine, addresses: Sequence[str]) -> str | None:
    """The state, if the report, the kernel and systemd agree on it, with a listener on each of these addresses and no other."""
    p = w.properties(m)
    listeners = {(address, port) for port, addresses in m.listeners().items() if port in STATES.values()
                 for address in addresses}
    agree = (p and STATES.get(p["State"]) == p["Port"] and {(a, port) for a, port, _, _ in p["Listeners"]} == listeners
             and listeners == {(address, p["Port"]) for address in addresses}
             and {(holder, unit) for _, _, holder, unit in p["Listeners"]} == {("sshd", p["Unit"])}
             and len(processes(m)) == 1)
    return p["State"] if p and agree else None


class Trials:
    """One machine, and one move that is tried again and again there."""

    def __init__(self, m: Machine, move: Move, unit: str, addresses: Sequence[str]) -> None:
        self.m, self.move, self.unit = m, move, unit
        self.addresses = addresses
        self.expected: dict[str, dict[str, bytes | str]] = {}  # the files of each state, as an undisturbed daemon leaves them
        self.outages: list[float] = []
        self.ends: dict[str, int] = dict.fromkeys(STATES, 0)
        self.killed = 0
        self.problems: dict[str, list[str]] = {}
        self.accounts: dict[str, str] = {}  # what went on at the first point with that problem

    def measure(self) -> list[str]:
        """Makes the move undisturbed. Returns its system calls."""
        if self.move.before == "relocated":
            assert w.call(self.m, *MOVES["relocate"].request) == (0, "")
        self.m.run(["systemctl", "restart", w.UNIT], check=True)
        w.eventually(lambda: told(self.m, self.addresses) == self.move.before, self.move.before)
        self.expected[self.move.before] = files(self.m)
        self.attract()
        calls, _ = self.run()
        w.eventually(lambda: told(self.m, self.addresses) == self.move.after, self.move.after)
        self.expected[self.move.after] = files(self.m)
        return calls

    def attract(self) -> None:
        if self.move.wanted:
            self.m.windows.release(22)
            self.m.windows.claim_when_free(22)

    def run(self, point: str = "") -> tuple[list[str], bool]:
        """Sends the request, and kills the daemon at that point. Returns the calls up to there, and whether it was killed."""
        pid, = processes(self.m)
        daemon = Traced(pid)
        for _ in range(500):  # attaching has woken the daemon up, and listeners of other machines may at any time
            if daemon.next_call(0.05) is None:
                break
        request = self.m.spawn(["busctl", "call", *w.BUS, w.INTERFACE, *self.move.request])
        calls: list[str] = []
        counted, end = 0, int(point.removeprefix("c") or -1)
        while counted != end:
            call = daemon.next_call(0.05)
            if call is not None:
                calls.append(numbers().get(call, str(call)))
                counted += not point.startswith("c") or near_change(calls)
            elif request.poll() is not None:
                break
        killed = counted == end
        daemon.kill() if killed else daemon.detach()
        status = self.m._finish(request, False, 10).returncode
        assert killed or status == 0, request.stderr
        self.killed += killed
        return calls, killed

    def reset(self) -> None:
        """Goes back to where the move begins, whatever the last trial left, with a new daemon."""
        m, before = self.m, self.move.before
        if told(m, self.addresses) == before and files(m) == self.expected[before]:
            return
        m.run(["systemctl", "stop", w.UNIT])
        m.windows.release(22)
        for name in own(files(m)):
            m.path(name).unlink()
        for name, data in own(self.expected[before]).items():
            m.write(name, data)
        if ports(m) != {STATES[before]}:
            m.run(["systemctl", "daemon-reload"], check=True)
            if self.unit.endswith(".socket"):  # systemd refuses to restart a socket while its service runs
                m.run(["systemctl", "stop", self.unit.replace(".socket", ".service")], check=True)
            m.run(["systemctl", "restart", self.unit], check=True)
        m.run(["systemctl", "start", w.UNIT], check=True)
        w.eventually(lambda: told(m, self.addresses) == before and files(m) == self.expected[before], f"{before}, for the next trial")

    def astray(self, state: str) -> list[str]:
        """The names of files that an undisturbed daemon would have left otherwise."""
        left, right = files(self.m), self.expected[state]
        return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))

    def note(self, point: str, calls: list[str], problem: str, began: float) -> None:
        self.problems.setdefault(problem, []).append(point)
        if problem in self.accounts:
            return
        journal = [f"{entry.get('SYSLOG_IDENTIFIER')}: {entry.get('MESSAGE')}" for entry in self.m.journal()
                   if int(entry["__REALTIME_TIMESTAMP"]) / 1e6 >= began]
        self.accounts[problem] = "\n    ".join([
            f"first at {point}, call {len(calls)}: {calls[-10:]}, the last not made", f"left: {own(files(self.m))}",
            f"listeners: {self.m.listeners()}", f"report: {w.properties(self.m)}", "journal:", *journal])

    def point(self, point: str) -> bool:
        """Tries one point. Returns whether the move was still under way there."""
        m, calls, killed = self.m, [], False
        self.reset()
        self.attract()
        began, outage = time.time(), Outage(m)
        try:
            with outage:
                calls, killed = self.run(point)
                if killed:
                    w.eventually(lambda: w.active_state(m, w.UNIT) == "failed" and not processes(m), "the daemon and its children are dead")
                    # In half of the trials systemd finishes its jobs first; in the others the daemon comes in their midst.
                    if len(calls) % 2:
                        try:
                            w.eventually(lambda: greets(m), "sshd answers without the daemon", RELOAD_SECONDS)
                        except AssertionError as error:  # the trial goes on: maybe the daemon can mend it
                            self.note(point, calls, str(error).splitlines()[0], began)
                    m.run(["systemctl", "start", w.UNIT], check=True)
                state = w.eventually(lambda: told(m, self.addresses), "the daemon knows where sshd is")
                assert login(m)
                with contextlib.suppress(AssertionError):
                    w.eventually(lambda: not self.astray(state), timeout=5)
                assert not (names := self.astray(state)), f"{state}, and these files aren't as they should be: {names}"
                assert told(m, self.addresses) == state, "the state was none to stay"
                check = m.run(["sshd", "-t"])
                assert (check.returncode, check.stderr) == (0, "")
                assert w.active_state(m, self.unit) == "active"
            self.ends[state] += 1
            assert outage.longest < RELOAD_SECONDS, "sshd was away for longer than a reload takes"
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            self.note(point, calls, str(error).splitlines()[0], began)
        self.outages.append(outage.longest)
        return killed


def near_change(calls: Sequence[str]) -> bool:
    """Returns whether the last call changes something, or the one before it did."""
    return not CHANGES.isdisjoint(calls[-2:])


def choose(count: int, wanted: int, chance: random.Random, prefix: str = "") -> list[str]:
    """So many of the points 1 … count, spread evenly."""
    edges = [1 + count * i // wanted for i in range(wanted + 1)]
    return [f"{prefix}{chance.randrange(a, b)}" for a, b in zip(edges, edges[1:]) if a < b]


def choose_points(calls: Sequence[str], wanted: str, seed: int) -> Iterable[str]:
    if wanted == "all":
        return map(str, itertools.count(1))
    if "," in wanted:
        return [point for point in wanted.split(",") if point]
    chance, half = random.Random(seed), int(wanted) // 2
    changes = sum(near_change(calls[:n]) for n in range(1, len(calls) + 1))
    return choose(len(calls), int(wanted) - half, chance) + choose(changes, half, chance, "c")


def machine(make, shape: str) -> tuple[Machine, str, Sequence[str]]:
    """A machine that is off, the unit that has sshd's port, and sshd's addresses."""
    # A daemon that is killed between the bind of a port and the move leaves the port reserved for a while.
    options = {**w.HASTE, "stray": tuple(STATES.values())}
    if shape == "service":
        return make(**options), "ssh.service", BOTH
    shapes = pytest.importorskip("shapes")
    chosen = shapes.SHAPES[shape]
    m = make(suite=chosen.suite, **options)
    chosen.lay(m)
    if chosen.suite != "bookworm":  # since 9.8 sshd refuses clients that connect often without a login, as greets() does
        shapes.include(m, "PerSourcePenalties no\n")
    return m, chosen.unit, ["::"] if chosen.mechanism == "socket" else BOTH  # a socket unit without an address binds [::] for both families


@pytest.mark.thorough
@pytest.mark.parametrize("shape", ["service", "ubuntu-24.04", "debian-13-socket", "el8"])
@pytest.mark.parametrize("name", MOVES)
def test_killed_at_a_system_call(make, name, shape, capsys, record_property):
    m, ssh, addresses = machine(make, shape)
    # Only the test starts the daemon again, and as often as it likes.
    for unit, more in ((w.UNIT, "[Service]\nRestart=no\n"), ("ssh.service", ""), (ssh, "")):
        m.write(f"/etc/systemd/system/{unit}.d/kill.conf", f"[Unit]\nStartLimitIntervalSec=0\n{more}")
    w.boot(m)
    trials = Trials(m, MOVES[name], ssh, addresses)
    calls = trials.measure()

    seed = int(os.environ.get("WSLPORTD_SEED") or time.time_ns() % 1_000_000)
    wanted = os.environ.get("WSLPORTD_KILL_POINTS", "4")
    tried, start = 0, time.monotonic()
    for point in choose_points(calls, wanted, seed):
        under_way = trials.point(point)
        tried += 1
        # The number of calls differs from run to run. All points are tried when a move past the measured number ends by itself.
        if wanted == "all" and not under_way and tried > len(calls):
            break

    for key, value in {"seed": seed, "calls": len(calls), "points": tried, "killed": trials.killed}.items():
        record_property(key, value)
    with capsys.disabled():
        print(f"\nMEASURED {shape}, {name}: {len(calls)} system calls, WSLPORTD_SEED={seed}; {tried} points tried, killed at "
              f"{trials.killed}, {trials.ends} afterwards; sshd away for {1000 * statistics.median(trials.outages or [0]):.0f} ms, at most "
              f"{1000 * max(trials.outages, default=0):.0f} ms; {(time.monotonic() - start) / tried:.2f} s each; "
              f"problems: {({problem: len(at) for problem, at in trials.problems.items()})}", flush=True)
    assert not trials.problems, f"WSLPORTD_SEED={seed}\n" + "\n".join(
        f"{problem}\n  at {' '.join(at)}\n  {trials.accounts[problem]}" for problem, at in trials.problems.items())
    assert trials.killed >= tried / 2
