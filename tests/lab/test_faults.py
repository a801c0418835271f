# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kernel refuses the daemon a system call, or malloc() fails, once, at its start or during a move. Or the disk is full,
read-only, or holds what a power cut has left. Or the clock jumps.

A point names an error, and which of the calls that can fail with it does: "ENOSPC:3" is the third one, "malloc:240" the 240th
allocation. The call fails once, and nothing of it is done. Afterwards a login works, the daemon runs (systemd may have restarted
it), its report is what the kernel shows, its files are whole and nothing is beside them, and the next request succeeds.

WSLPORTD_FAULT_POINTS  how many points of each kind in each case (1), spread evenly, each at random within its share; or "sites",
                       one of each error for each path of the daemon's own functions to such a call; or "all"; or those
                       that are named: "ENOSPC:3,malloc:240" ("ENOSPC:3," is one)
WSLPORTD_FAULT_KINDS   "calls", "allocations", or both with a blank between (both)
WSLPORTD_SEED          replays a choice; the seed is printed, and told where it fails
"""

from __future__ import annotations

import collections
import contextlib
import ctypes
import errno
import mmap
import os
import random
import re
import statistics
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import machine as lab
import test_kill as kill
import wslport as w
from machine import Machine
from processes import PATIENCE

LIBRARY = "/usr/lib/lab-faults.so"
PLAN = "/run/wslportd-faults"
GATE = "/run/wslportd-gate"
IDLE_SECONDS = 0.05  # a daemon that makes no system call for so long has finished

# The daemon is preloaded with faults.c. If there is a gate, it waits there until the test has attached to it. systemd restarts it
# at once, and as often as it ends. The test refuses a call by taking away its number, and systemd's filter would kill for that.
DROP_IN = f"""\
[Unit]
StartLimitIntervalSec=0
[Service]
Environment=LD_PRELOAD={LIBRARY}
ExecStart=
ExecStart=/bin/sh -c 'if [ -p {GATE} ]; then read -r go <{GATE}; fi; exec /usr/sbin/wslportd'
RestartSec=100ms
SystemCallFilter=
"""


@dataclass(frozen=True)
class Case:
    request: tuple[str, ...]  # (): both units start, as at boot
    before: str
    after: str


CASES = {
    "boot": Case((), "", "relocated"),  # Windows holds 22
    "relocate": Case(("Relocate", "q", "2222"), "clear", "relocated"),
    "restore": Case(("Restore",), "relocated", "clear"),
}


# ---- system calls ----

def _table(text: str) -> dict[str, tuple[str, ...]]:
    rows = (line.split(":") for line in text.strip().splitlines())
    return {name: tuple(errors.split()) for names, errors in rows for name in names.split()}


# The errors of each call, out of ENOSPC, EROFS, EIO, EINTR, ENOBUFS, EMFILE, ENOMEM, ETIMEDOUT, and EAGAIN for processes. close()
# has none, as its error says nothing. brk() has none, as it returns no error; malloc() uses it.
ERRORS = _table("""
    read pread64 readv: EIO EINTR
    write pwrite64 writev: EIO EINTR ENOSPC
    open openat: EMFILE ENOMEM EIO EINTR
    fsync fdatasync: EIO ENOSPC
    rename renameat renameat2: EIO ENOSPC EROFS
    unlink unlinkat rmdir: EIO EROFS
    mkdir mkdirat: EIO ENOSPC EROFS
    chmod fchmod fchmodat: EIO EROFS
    stat lstat fstat newfstatat statx access faccessat faccessat2 readlink readlinkat getdents64: EIO ENOMEM
    name_to_handle_at open_by_handle_at: EIO ENOMEM
    socket: EMFILE ENOBUFS ENOMEM
    connect: EINTR ENOMEM ETIMEDOUT
    bind setsockopt getsockopt getsockname getpeername: ENOBUFS ENOMEM
    sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg: ENOBUFS ENOMEM EINTR
    epoll_create1 timerfd_create signalfd4 eventfd2 inotify_init1 memfd_create pidfd_open perf_event_open: EMFILE ENOMEM
    epoll_ctl: ENOMEM ENOSPC
    epoll_wait epoll_pwait epoll_pwait2: EINTR
    poll ppoll: EINTR ENOMEM
    pipe pipe2 dup dup2 dup3: EMFILE
    mmap mremap mprotect ioctl: ENOMEM
    clone clone3 fork vfork: EAGAIN ENOMEM
    wait4 waitid getrandom: EINTR
""")
CREATES = ("ENOSPC", "EROFS")


class Registers(ctypes.Structure):  # struct user_regs_struct of x86-64, as far as it is used here
    _fields_ = [("_before", ctypes.c_ulonglong * 10), ("rax", ctypes.c_ulonglong), ("_between", ctypes.c_ulonglong * 4),
                ("orig_rax", ctypes.c_ulonglong),
                ("_then", ctypes.c_ulonglong * 3), ("rsp", ctypes.c_ulonglong), ("_after", ctypes.c_ulonglong * 7)]


PTRACE_GETREGS, PTRACE_SETREGS = 12, 13


class Faulty(kill.Traced):
    """A process whose system calls can be made to fail."""

    def errors(self, call: int) -> tuple[str, ...]:
        """The errors with which the next call can fail."""
        name = kill.numbers().get(call, "")
        errors = ERRORS.get(name, ())
        info = kill.SyscallInfo()
        kill.ptrace(kill.PTRACE_GET_SYSCALL_INFO, self.pid, ctypes.sizeof(info), ctypes.byref(info))
        if name in ("open", "openat") and info.rest[name == "openat" and 2 or 1] & os.O_CREAT:
            errors += CREATES
        return errors

    def site(self, call: int) -> int:
        """Identifies the place of the next call: the addresses on the stack that lie in the daemon's own text."""
        registers, text, top = Registers(), range(0), 0
        kill.ptrace(PTRACE_GETREGS, self.pid, 0, ctypes.byref(registers))
        for line in Path(f"/proc/{self.pid}/maps").read_text().splitlines():
            begin, end = (int(address, 16) for address in line.split()[0].split("-"))
            if line.split()[1] == "r-xp" and line.endswith("/wslportd"):
                text = range(begin, end)
            elif begin <= registers.rsp < end:
                top = end
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            stack = os.pread(memory.fileno(), min(top - registers.rsp, 1 << 16) // 8 * 8, registers.rsp)
        return hash((call, *(word - text.start for word, in struct.iter_unpack("=Q", stack) if word in text)))

    def refuse(self, error: str) -> None:
        """Makes the next call fail, and nothing of it is done."""
        registers = Registers()
        kill.ptrace(PTRACE_GETREGS, self.pid, 0, ctypes.byref(registers))
        registers.orig_rax = ctypes.c_ulonglong(-1).value
        kill.ptrace(PTRACE_SETREGS, self.pid, 0, ctypes.byref(registers))
        kill.ptrace(kill.PTRACE_SYSCALL, self.pid)
        _, status = os.waitpid(self.pid, kill.WALL)
        assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == kill.SYSCALL_STOP, f"{status:#x}"
        kill.ptrace(PTRACE_GETREGS, self.pid, 0, ctypes.byref(registers))
        registers.rax = ctypes.c_ulonglong(-getattr(errno, error)).value
        kill.ptrace(PTRACE_SETREGS, self.pid, 0, ctypes.byref(registers))


# ---- allocations, and the clock ----

class Plan:
    """The memory that the test shares with faults.c: orders and results."""

    LAYOUT = struct.Struct("=QQQq960s")
    SITES = struct.Struct("=32768Q")

    def __init__(self, m: Machine) -> None:
        size = self.LAYOUT.size + self.SITES.size
        m.write(PLAN, bytes(size))
        with open(m.path(PLAN), "r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), size)

    def set(self, fail_at: int = 0, shift: int = 0) -> None:
        self.LAYOUT.pack_into(self._bytes, 0, 0, fail_at, 0, shift, b"")

    @property
    def count(self) -> int:
        return self.LAYOUT.unpack_from(self._bytes)[0]

    @property
    def failed(self) -> bool:
        return self.LAYOUT.unpack_from(self._bytes)[2] > 0

    def sites(self) -> list[int]:
        """The site of each allocation since the last set(). Allocations beyond the table have a site each."""
        return [*self.SITES.unpack_from(self._bytes, self.LAYOUT.size), *range(self.count)][:self.count]

    def where(self) -> list[str]:
        """The daemon's own functions on the way to the failed allocation, the innermost first."""
        words = self.LAYOUT.unpack_from(self._bytes)[4].split(b"\0")[0].decode().split()
        program = Path(os.environ["WSLPORTD_DESTDIR"]) / "usr/sbin/wslportd"
        offsets = [word.rpartition("+")[2] for word in words if "/wslportd+" in word]
        try:
            lines = subprocess.run(["addr2line", "-sfe", program, *offsets], check=True, capture_output=True,
                                   text=True).stdout.splitlines()
        except (OSError, subprocess.SubprocessError):
            return words
        return [f"{function} ({place})" for function, place in zip(lines[::2], lines[1::2])] if offsets else words


def furnish(m: Machine) -> None:
    """Prepares a machine that is off."""
    m.write(LIBRARY, (lab.programs() / "lab-faults.so").read_bytes(), 0o755)
    m.write(f"/etc/systemd/system/{w.UNIT}.d/faults.conf", DROP_IN)
    for unit in ("ssh.service", "ssh.socket"):
        m.write(f"/etc/systemd/system/{unit}.d/faults.conf", "[Unit]\nStartLimitIntervalSec=0\n")


# ---- what has to hold ----

# If the question about the first candidate failed, sshd gets the second.
PORTS = {"clear": {22}, "relocated": {2222, 22022}}


def told(m: Machine, addresses: tuple[str, ...] = ("0.0.0.0", "::")) -> str | None:
    """The state, if the report, the kernel and systemd agree on it."""
    p = w.properties(m)
    listeners = {(address, port) for port, found in m.listeners().items() for address in found
                 if port in {22, 2222, 22022}}
    agree = (p and p["Port"] in PORTS.get(p["State"], ()) and {(a, port) for a, port, _, _ in p["Listeners"]} == listeners
             and listeners == {(address, p["Port"]) for address in addresses}
             and {(holder, unit) for _, _, holder, unit in p["Listeners"]} == {("sshd", p["Unit"])}
             and len(kill.processes(m)) == 1)
    return p["State"] if p and agree else None


def logs_in(m: Machine) -> bool:
    return any(w.logs_in(m, port, "lan") for port in m.listeners().keys() & {22, 2222, 22022})


def addresses(shape: str) -> tuple[str, ...]:
    """sshd's addresses: Debian's socket unit has one listener for both families."""
    return ("::",) if shape == "debian-12-socket" else ("0.0.0.0", "::")


# ---- trials ----

class Trials:
    """One machine, and one case that is tried again and again there."""

    def __init__(self, m: Machine, case: Case, shape: str, unit: str, by_site: bool, tell: Callable[[str], None]) -> None:
        self.m, self.case, self.shape, self.unit, self.by_site, self.tell = m, case, shape, unit, by_site, tell
        self.plan = Plan(m)
        self.expected: dict[str, dict[str, bytes | str]] = {}  # the files of each state, as an undisturbed daemon leaves them
        self.outages: list[float] = []
        self.tried: collections.Counter[str] = collections.Counter()  # by error
        self.ends: collections.Counter[str] = collections.Counter()
        self.restarts = 0
        self.problems: dict[str, list[str]] = {}
        self.accounts: dict[str, str] = {}  # what went on at the first point with that problem
        self.sites: dict[str, int] = {}  # of each point, if by_site

    # -- before a trial --

    def request(self, *words: str) -> None:
        status, error = w.call(self.m, *words)
        assert (status, error) == (0, ""), f"{words[0]}: {error}"

    def arrives(self, state: str) -> None:
        w.eventually(lambda: told(self.m, addresses(self.shape)) == state and not self.astray(state), f"{state}, undisturbed")

    def files_at_rest(self) -> dict[str, bytes | str]:
        """The daemon's files, once it has written the last: it tells of a state before."""
        def at_rest() -> dict[str, bytes | str] | None:
            before = kill.files(self.m)
            time.sleep(0.5)
            return before if kill.files(self.m) == before else None
        return w.eventually(at_rest, "the files are at rest")

    def astray(self, state: str) -> list[str]:
        """The names of files that an undisturbed daemon would have left otherwise."""
        if state not in self.expected:
            return []
        left, right = kill.files(self.m), self.expected[state]
        left = {name: data.replace(b"22022", b"2222") if isinstance(data, bytes) else data for name, data in left.items()}
        return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))

    def turn_off(self) -> None:
        """Stops daemon and sshd, and removes all of the daemon's files, as before a first boot."""
        m = self.m
        m.run(["systemctl", "stop", w.UNIT, "ssh.socket", "ssh.service"])
        for name in kill.own(kill.files(m)):
            m.path(name).unlink()
        m.run(["systemctl", "daemon-reload"], check=True)
        m.run(["systemctl", "reset-failed"])

    def begin(self) -> None:
        """Goes to where the case begins, by the daemon's own moves."""
        if not self.case.request:
            self.turn_off()
            return
        for _ in range(2):  # a move that failed in the last trial succeeds now
            state = told(self.m, addresses(self.shape))
            if state == self.case.before and not self.astray(state):
                return
            self.request(*CASES["restore" if state == "relocated" else "relocate"].request)
            if state == self.case.after:
                break
        self.arrives(self.case.before)

    def repair(self) -> None:
        """Makes the machine usable again after a trial that went wrong."""
        self.turn_off()
        for name, data in kill.own(self.expected.get(self.case.before, {})).items():
            self.m.write(name, data)
        self.m.run(["systemctl", "daemon-reload"], check=True)
        self.m.run(["systemctl", "start", w.UNIT, self.unit], check=True)
        if self.case.request:
            self.arrives(self.case.before)

    def measure(self) -> tuple[list[str], list[str]]:
        """The points of system calls, and of allocations, of the case undisturbed."""
        if self.case.request:  # once there and back: what is kept for good is there from the start
            for state in ("clear", "relocated", "clear", "relocated")[:3 if self.case.before == "clear" else 4]:
                if told(self.m, addresses(self.shape)) != state:
                    self.request(*CASES["restore" if state == "clear" else "relocate"].request)
                self.expected.pop(state, None)
                self.arrives(state)
                self.expected[state] = self.files_at_rest()
        self.begin()
        points, _ = self.calls("", 0)
        self.arrives(self.case.after)
        self.expected[self.case.after] = self.files_at_rest()
        self.begin()
        self.allocations(0)
        self.arrives(self.case.after)
        allocations = {f"malloc:{number}": site for number, site in enumerate(self.plan.sites(), 1)}
        self.sites.update(allocations)
        self.begin()
        return points, list(allocations)

    # -- the case, with something refused --

    @contextlib.contextmanager
    def under_way(self) -> Iterator[Callable[[], bool]]:
        """What tells whether it is over, without asking the daemon, which may be stopped."""
        if self.case.request:
            request = self.m.spawn(["busctl", "call", *w.BUS, w.INTERFACE, *self.case.request])
            yield lambda: request.poll() is not None
            self.m._finish(request, False, 26)
            assert request.stderr.strip() != "Call failed: Connection timed out", "the request was never answered"
            return
        start = self.m.spawn(["systemctl", "start", w.UNIT, self.unit])
        yield lambda: start.poll() is not None and len(self.m.listeners().keys() & PORTS[self.case.after]) == 1
        self.m._finish(start, False, 30)

    def attach(self) -> Faulty:
        """Attaches to the daemon: before the request, or at the daemon's exec()."""
        m = self.m
        if self.case.request:
            pid, = kill.processes(m)
            daemon = Faulty(pid)
            for _ in range(500):  # attaching has woken the daemon up, and listeners of other machines may at any time
                if daemon.next_call(0.05) is None:
                    break
            return daemon

        def waits() -> int:
            with contextlib.suppress(OSError, ValueError):
                pid, = kill.processes(m)
                return pid if Path(f"/proc/{pid}/comm").read_text() == "sh\n" else 0
            return 0

        gate = os.open(m.path(GATE), os.O_RDWR)
        try:
            daemon = Faulty(w.eventually(waits, "the daemon is about to begin"))
            os.write(gate, b"go\n")
            call = None
            while kill.numbers().get(call) != "execve":
                call = daemon.next_call(PATIENCE)
                assert call is not None, "the daemon doesn't start"
        finally:
            m.path(GATE).unlink()
            os.close(gate)
        return daemon

    def calls(self, error: str, number: int) -> tuple[list[str], bool]:
        """Makes the number-th call that can fail with the error do so. Returns the points up to there, and whether it failed."""
        if not self.case.request:
            os.mkfifo(self.m.path(GATE))
            with self.under_way() as over:
                daemon = self.attach()
                return self._walk(daemon, over, error, number)
        daemon = self.attach()
        with self.under_way() as over:
            return self._walk(daemon, over, error, number)

    def _walk(self, daemon: Faulty, over: Callable[[], bool], error: str, number: int) -> tuple[list[str], bool]:
        points: list[str] = []
        by_site = self.by_site and not error  # the undisturbed run, which is measured
        counts: collections.Counter[str] = collections.Counter()
        self.last_calls: collections.deque[str] = collections.deque(maxlen=10)
        while True:
            call = daemon.next_call(IDLE_SECONDS)
            if call is None:
                if over():
                    daemon.detach()
                    return points, False
                continue
            self.last_calls.append(kill.numbers().get(call, str(call)))
            errors = daemon.errors(call)
            site = daemon.site(call) if errors and by_site else 0
            for fits in errors:
                counts[fits] += 1
                points.append(f"{fits}:{counts[fits]}")
                if by_site:
                    self.sites[points[-1]] = site
                if (fits, counts[fits]) == (error, number):
                    daemon.refuse(error)
                    daemon.detach()
                    return points, True

    def allocations(self, number: int) -> bool:
        self.plan.set(fail_at=number)
        with self.under_way() as over:
            w.eventually(lambda: over() or self.plan.failed, "the case ends, or the allocation fails")
        deadline = time.monotonic() + 2
        while not self.plan.failed and time.monotonic() < deadline:
            count = self.plan.count
            time.sleep(IDLE_SECONDS)
            if self.plan.count == count:
                break
        failed = self.plan.failed
        if not failed and number:
            self.plan.set()  # so that it doesn't fail while the next trial is prepared
        return failed

    def refuse(self, point: str) -> bool:
        error, _, number = point.partition(":")
        self.last_calls = collections.deque()
        return self.allocations(int(number)) if error == "malloc" else self.calls(error, int(number))[1]

    # -- after a trial --

    def note(self, point: str, problem: str, began: float) -> None:
        self.problems.setdefault(problem, []).append(point)
        place = self.plan.where() if point.startswith("malloc") else list(self.last_calls)
        self.tell(f"{problem}: {point}: {place}")
        if problem in self.accounts:
            return
        journal = [f"{entry.get('SYSLOG_IDENTIFIER')}: {entry.get('MESSAGE')}" for entry in self.m.journal()
                   if int(entry["__REALTIME_TIMESTAMP"]) / 1e6 >= began]
        self.accounts[problem] = "\n    ".join([
            f"first at {point}: {place}", f"left: {kill.own(kill.files(self.m))}", f"listeners: {self.m.listeners()}", f"report: {w.properties(self.m)}",
            "journal:", *journal])

    def check(self, error: str) -> None:
        # At boot sshd can't come up before it is moved, and after a disk error the daemon tries again in a minute.
        patience = PATIENCE + 75 if not self.case.request and error in ("EIO", "ENOSPC", "EROFS") else PATIENCE
        m, allowed = self.m, {self.case.after, self.case.before or self.case.after}
        state = w.eventually(lambda: (s := told(m, addresses(self.shape))) in allowed and s, "the daemon knows where sshd is", patience)
        assert logs_in(m)
        with contextlib.suppress(AssertionError):
            w.eventually(lambda: not self.astray(state), timeout=5)
        assert not (names := self.astray(state)), f"{state}, and these files aren't as they should be: {names}"
        # The call that failed may have been a part of the answer to this very question.
        now = w.eventually(lambda: told(m, addresses(self.shape)), "the daemon still knows")
        assert now == state, "the state was none to stay"
        check = m.run(["sshd", "-t"])
        assert (check.returncode, check.stderr) == (0, "")
        assert {w.active_state(m, unit) for unit in (self.unit, w.UNIT)} == {"active"}
        self.restarts += int(w.show(m, w.UNIT, "NRestarts")["NRestarts"]) > 0
        self.ends[state] += 1

    def reloads(self, since: float) -> float:
        """The seconds in which systemd read its units."""
        found = [re.fullmatch(r"Reloading finished in (\d+) ms\.", str(entry.get("MESSAGE", ""))) for entry in self.m.journal()
                 if int(entry["__REALTIME_TIMESTAMP"]) / 1e6 >= since]
        return sum(int(match[1]) / 1000 for match in found if match)

    def point(self, point: str) -> None:
        began, outage, refused = time.time(), kill.Outage(self.m), False
        self.m.run(["systemctl", "reset-failed", w.UNIT])  # and with it NRestarts=
        try:
            if self.case.request:
                with outage:
                    refused = self.refuse(point)
                    self.check(point.partition(':')[0])
                # systemd reads its units meanwhile, twice if the move is undone. That time doesn't count.
                assert outage.longest < kill.RELOAD_SECONDS or outage.longest - self.reloads(began) < kill.RELOAD_SECONDS, \
                    "sshd was away for longer than a reload takes"
            else:
                refused = self.refuse(point)
                self.check(point.partition(':')[0])
            self.outages.append(outage.longest)
            self.begin()
        except (AssertionError, OSError, TimeoutError, subprocess.SubprocessError) as error:
            self.note(point, str(error).splitlines()[0], began)
            self.repair()
            if not self.case.request:
                self.begin()
        self.tried[point.partition(":")[0] if refused else "past the end"] += 1


def choose(points: Sequence[str], sites: dict[str, int], wanted: str, chance: random.Random) -> list[str]:
    if wanted == "sites":
        groups: dict[tuple[str, int], list[str]] = {}
        for point in points:
            groups.setdefault((point.partition(":")[0], sites[point]), []).append(point)
        return [chance.choice(group) for group in groups.values()]
    if wanted == "all" or len(points) <= int(wanted):
        return list(points)
    return [points[int(number) - 1] for number in kill.choose(len(points), int(wanted), chance)]


@pytest.mark.thorough
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="registers differ elsewhere")
@pytest.mark.parametrize("shape", ["service", "ubuntu-24.04", "debian-12-socket"])
@pytest.mark.parametrize("name", CASES)
def test_refused_once(make, name, shape, capsys, record_property):
    m, unit, _ = kill.machine(make, shape)
    furnish(m)
    if name != "boot":  # listeners of other machines would wake the daemon during each move
        w.hide_tracepoint(m)
    w.boot(m)
    if name == "boot":
        m.run(["systemctl", "stop", unit, "ssh.service"], check=True)
        w.eventually(lambda: m.windows.claim(22), "Windows gets 22", 80)

    def tell(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}", flush=True)

    wanted = os.environ.get("WSLPORTD_FAULT_POINTS", "1")
    trials = Trials(m, CASES[name], shape, unit, wanted == "sites", tell)
    m.run(["systemctl", "restart", w.UNIT], check=True)  # from now on the daemon shares the plan
    calls, allocations = trials.measure()

    seed = int(os.environ.get("WSLPORTD_SEED") or time.time_ns() % 1_000_000)
    chance = random.Random(seed)
    kinds = {"calls": calls, "allocations": allocations}
    if "," in wanted:
        points = [point for point in wanted.split(",") if point]
    else:
        points = [point for kind in os.environ.get("WSLPORTD_FAULT_KINDS", "calls allocations").split()
                  for point in choose(kinds[kind], trials.sites, wanted, chance)]
    start = time.monotonic()
    for point in points:
        trials.point(point)

    tried = dict(sorted(trials.tried.items()))
    for key, value in {"seed": seed, "calls": len(calls), "allocations": len(allocations), "tried": tried}.items():
        record_property(key, value)
    tell(f"MEASURED {shape}, {name}: {len(calls)} points of system calls, {len(allocations)} allocations, WSLPORTD_SEED={seed}; "
         f"tried {tried}, {dict(trials.ends)} afterwards, started again {trials.restarts} times; sshd away for "
         f"{1000 * statistics.median(trials.outages or [0]):.0f} ms, at most {1000 * max(trials.outages, default=0):.0f} ms; "
         f"{(time.monotonic() - start) / max(len(points), 1):.2f} s each; "
         f"problems: {({problem: len(at) for problem, at in trials.problems.items()})}")
    assert not trials.problems, f"WSLPORTD_SEED={seed}\n" + "\n".join(
        f"{problem}\n  at {' '.join(at)}\n  {trials.accounts[problem]}" for problem, at in trials.problems.items())
    assert sum(tried.values()) - tried.get("past the end", 0) >= len(points) / 2


# ---- answers of the kernel that fail ----

def asks_for(daemon: Faulty) -> str:
    """The subject of the netlink request that the daemon is about to send (linux/rtnetlink.h, linux/inet_diag.h)."""
    info = kill.SyscallInfo()
    kill.ptrace(kill.PTRACE_GET_SYSCALL_INFO, daemon.pid, ctypes.sizeof(info), ctypes.byref(info))
    with open(f"/proc/{daemon.pid}/mem", "rb", buffering=0) as memory:
        kind, states = struct.unpack("=4xH14xI", os.pread(memory.fileno(), 24, info.rest[1]))
    return {22: "addresses", 34: "rules"}.get(kind, "sessions" if kind == 20 and states & 1 << 1 else "")


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="registers differ elsewhere")
def test_what_is_not_listed_is_not_gone(make):
    m = w.hide_tracepoint(make(**w.HASTE))
    furnish(m)
    w.boot(m)
    w.wait_properties(m, State="clear", Port=22)
    session = m.ssh_session(22, "lan")
    assert w.call(m, "Relocate", "q", "2222") == (0, "")
    w.wait_properties(m, State="relocated", PinnedSessions=1, Reachable=[["127.0.0.1", "loopback"], ["192.168.50.10", "lan"]])
    w.wait_settled(m)
    pid, = kill.processes(m)
    daemon = Faulty(pid)
    m.run(["ip", "address", "add", "192.168.50.77/24", "dev", "eth0"], check=True)  # the daemon asks only after a change
    refused: collections.Counter[str] = collections.Counter()
    deadline = time.monotonic() + 20
    for words in (["call", *w.BUS, w.INTERFACE, "Probe"], ["get-property", *w.BUS, w.INTERFACE, "PinnedSessions", "Reachable"]):
        request = m.spawn(["busctl", *words])
        while request.poll() is None or len(refused) < 3:
            assert time.monotonic() < deadline, refused
            call = daemon.next_call(IDLE_SECONDS)
            if call is None or kill.numbers()[call] != "sendto" or not (what := asks_for(daemon)):
                continue
            if what != "rules" or refused[what] < 4:  # which is as often as the daemon tries; it asks for the addresses after them
                daemon.refuse("ENOBUFS")
                refused[what] += 1
    daemon.detach()
    assert request.stdout == 'u 1\na(ss) 2 "127.0.0.1" "loopback" "192.168.50.10" "lan"\n'
    assert session.alive() and not w.said(m, "No session holds")
    w.wait_properties(m, Reachable=[["127.0.0.1", "loopback"], ["192.168.50.10", "lan"], ["192.168.50.77", "lan"]])
    session.close()
    w.wait_properties(m, PinnedSessions=0)


# ---- files after a power cut, and files of a newer version ----

KEPT = {
    w.PORT_FILE: b"# Written by wslportd: sshd can't have port 22. Taken away when it goes back; edits are lost.\nPort 2222\n",
    f"{w.STATE_DIRECTORY}/moved": b"2222 socket\n",
    w.LAST_PORT_FILE: b"2222\n",
    f"{w.STATE_DIRECTORY}/disabled-socket": b"ssh.socket ssh.service enabled\n",
}
# Only wslportd reads these, and it changes nothing because of them. They may stay damaged.
MERE_NOTES = {w.LAST_PORT_FILE, f"{w.STATE_DIRECTORY}/disabled-socket"}

DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "truncated": lambda data, chance: data[:chance.randrange(1, max(len(data), 2))],
    "empty": lambda data, chance: b"",
    "garbage": lambda data, chance: chance.randbytes(len(data) or 100),
    "nuls": lambda data, chance: bytes(len(data) or 4096),
    "longer": lambda data, chance: data + chance.randbytes(70_000),
    "newer": lambda data, chance: b"# Version 2\n" + data.replace(b"\n", b" 22022 more-of-it\n") + b"Also=this\n",
}


def temporary(name: str) -> str:
    folder, _, name = name.rpartition("/")
    return f"{folder}/.{name}.new"


def damages(wanted: str, chance: random.Random) -> list[tuple[str, str]]:
    """The damaged files, and how each is damaged: a file itself, or the temporary file of an interrupted write beside it."""
    pairs = [(name, how) for file in KEPT for name in (file, temporary(file)) for how in DAMAGES]
    return pairs if wanted == "all" else chance.sample(pairs, min(int(wanted), len(pairs)))


@pytest.mark.thorough
@pytest.mark.parametrize("shape", ["service", "ubuntu-24.04", "debian-12-socket"])
@pytest.mark.parametrize("windows", [{}, w.WINDOWS_HOLDS_22], ids=["22-free", "22-held"])
def test_half_written_state_at_boot(make, windows, shape, capsys):
    m, unit, _ = kill.machine(make, shape)
    for port, greeting in windows.items():
        m.windows.claim(port, greeting)
    seed = int(os.environ.get("WSLPORTD_SEED") or time.time_ns() % 1_000_000)
    chance, problems = random.Random(seed), []
    wanted = os.environ.get("WSLPORTD_FAULT_POINTS", "2")
    allowed = {"relocated"} if windows else {"clear", "relocated"}
    pairs = damages(wanted if wanted == "all" else str(min(int(wanted), 5)), chance)
    for name, how in pairs:
        for other in kill.own(kill.files(m)):
            m.path(other).unlink()
        for file, data in KEPT.items():  # the other files are whole
            if file in (name, w.PORT_FILE, w.LAST_PORT_FILE) or (shape == "debian-12-socket" and file.endswith("moved")):
                m.write(file, data)
        if shape == "debian-12-socket" and name != w.PORT_FILE:
            m.path(w.PORT_FILE).unlink()
        whole = KEPT.get(name) if name in KEPT else KEPT[next(file for file in KEPT if temporary(file) == name)]
        m.write(name, DAMAGES[how](whole, chance))
        damaged = m.path(name).read_bytes()
        m.boot()
        try:
            m.wait_running()
            state = w.eventually(lambda: (s := told(m, addresses(shape))) in allowed and s, "it knows where sshd is")
            assert logs_in(m)
            assert w.failed_units(m) == []
            left = kill.own(kill.files(m))
            if left.get(name) == damaged and how != "empty":
                assert name in MERE_NOTES, "it is left"
            left = {file: data for file, data in left.items() if file not in MERE_NOTES}
            kept = {"clear": [], "relocated": [{w.PORT_FILE}, {f"{w.STATE_DIRECTORY}/moved", next(
                (file for file in left if file.endswith("/zz-wslportd.conf")), "")}]}[state]
            assert set(left) in (kept or [set()]), f"{state}, and there are {sorted(left)}"
        except (AssertionError, TimeoutError) as error:
            problems.append(f"{name}, {how}: {str(error).splitlines()[0]}\n    {kill.own(kill.files(m))}\n    {w.properties(m)}\n    "
                            + "\n    ".join(w.daemon_messages(m)))
        m.kill()
    with capsys.disabled():
        print(f"\nMEASURED {shape}, {'22 held' if windows else '22 free'}: {len(pairs)} damaged files, WSLPORTD_SEED={seed}; "
              f"{len(problems)} problems", flush=True)
    assert not problems, f"WSLPORTD_SEED={seed}\n" + "\n".join(problems)


# ---- disks ----

# Makes a folder a small file system, keeps the folder's files, and fills every byte and inode.
FILL = """
set -e
cd {folder}
cp -a . /root/kept
mount -t tmpfs -o mode=755,size=64k,nr_inodes=32 tmpfs {folder}
cp -a /root/kept/. {folder}
rm -rf /root/kept
cd {folder}
dd if=/dev/zero of=filler bs=4k 2>/dev/null || :
i=0
while touch filler-$i; do i=$((i+1)); done 2>/dev/null
"""
# The same for /run, in place, as systemd has its sockets there.
FILL_RUN = """
mount -o remount,size=$(($(du -sxk /run | cut -f1) + 16))k /run
cat /dev/zero >/run/filler 2>/dev/null || :
"""
FREE = "rm -f {folder}/filler*"
READ_ONLY = "mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}"
WRITABLE = "umount {folder}"

DISKS = {
    "state-full": (FILL, FREE, w.STATE_DIRECTORY, "No space left on device"),
    "run-full": (FILL_RUN, f"{FREE} && mount -o remount,size=100m /run", "/run", "No space left on device|not enough space available"),  # wslportd says the first, systemd the second
    "state-read-only": (READ_ONLY, WRITABLE, w.STATE_DIRECTORY, "Read-only file system"),
}


def on_disk(m: Machine, script: str, folder: str) -> None:
    """Runs the script while the daemon is stopped, as the daemon has a mount namespace of its own."""
    m.run(["systemctl", "stop", w.UNIT], check=True)
    m.run(["sh", "-c", script.format(folder=folder)], check=True)
    m.run(["systemctl", "start", w.UNIT], check=True)


@pytest.mark.thorough
@pytest.mark.parametrize("shape", ["service", "ubuntu-24.04", "debian-12-socket"])
@pytest.mark.parametrize("disk", DISKS)
def test_disk(make, disk, shape):
    """Nothing can be written: the daemon refuses a move and says why, or makes it in full. With room again it makes the move."""
    spoil, mend, folder, words = DISKS[disk]
    m, unit, _ = kill.machine(make, shape)
    w.boot(m)

    def is_told(state: str) -> bool:
        return told(m, addresses(shape)) == state and logs_in(m) and w.failed_units(m) == []

    def beside() -> list[str]:
        return [name for name in kill.own(kill.files(m)) if "/." in name]

    w.eventually(lambda: is_told("clear"), "clear")
    for before, after, request in (("clear", "relocated", kill.MOVES["relocate"].request),
                                   ("relocated", "clear", kill.MOVES["restore"].request)):
        on_disk(m, spoil, folder)
        w.eventually(lambda: is_told(before), f"{before}, on a bad disk")  # noqa: B023
        files = kill.own(kill.files(m))
        with kill.Outage(m) as outage:
            status, error = w.call(m, *request)
            w.eventually(lambda: is_told(before if status else after), "sshd is where it was, or where it was to go")  # noqa: B023
        assert outage.longest < kill.RELOAD_SECONDS
        assert status == 0 or re.search(words, error), error
        assert beside() == []
        if status:
            left = kill.own(kill.files(m))
            assert left == files
            assert before == "relocated" or disk != "run-full" or shape != "service", "going home needs no room in /run"
        on_disk(m, mend, folder)
        w.eventually(lambda: is_told(before if status else after), "the same with room again")  # noqa: B023
        if status:
            assert w.call(m, *request) == (0, "")
        w.eventually(lambda: is_told(after), f"{after}, with room again")  # noqa: B023
        assert beside() == []


# ---- the time of day ----

def test_the_clock_jumps(make):
    """The clock jumps by hours, to and fro, between moves and during them. Reports have the new time, and nothing else differs."""
    m, _, _ = kill.machine(make, "service")
    furnish(m)
    w.boot(m)
    plan = Plan(m)
    m.run(["systemctl", "restart", w.UNIT], check=True)
    w.eventually(lambda: told(m) == "clear", "clear")
    pid = w.main_pid(m, w.UNIT)
    for hours in (5, -7, 100, -100_000, 0):
        for state, request in (("relocated", CASES["relocate"].request), ("clear", CASES["restore"].request)):
            plan.set(shift=3600 * hours)
            assert w.call(m, *request) == (0, "")
            w.eventually(lambda: told(m) == state, state)  # noqa: B023
            changed = w.properties(m)["LastChangeUSec"] / 1e6
            assert abs(changed - time.time() - 3600 * hours) < 60, (changed, time.time(), hours)
        moving = m.spawn(["busctl", "call", *w.BUS, w.INTERFACE, *CASES["relocate"].request])
        for sign in range(2000):
            plan.set(shift=3600 * hours * (-1) ** sign)
            if moving.poll() is not None:
                break
        assert moving.wait() == 0, moving.stderr
        w.eventually(lambda: told(m) == "relocated", "relocated")
        assert w.call(m, *CASES["restore"].request) == (0, "")
        w.eventually(lambda: told(m) == "clear", "clear")
        assert logs_in(m)
    assert w.main_pid(m, w.UNIT) == pid and not w.said(m, "watchdog")
