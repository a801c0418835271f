# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon's costs beside those of other programs: `tests/run bench`. Each comparison measures both sides in turn, in one run.

Prints a table of medians (least…most) and their ratio, and writes $WSLPORTD_BUILD_DIR/bench.json. Only ratios mean anything, as
other work on the host slows both sides alike. Arguments name the comparisons to run; without any, all run.

WSLPORTD_BENCH_BOOTS        boots of each kind (10)
WSLPORTD_BENCH_IDLE         seconds without an event (60)
WSLPORTD_BENCH_EVENTS       events of a day (2000)
WSLPORTD_BENCH_CONNECTIONS  established ones, and those of the flood (50000)
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "lab"))
import roots
import wslport as w
from machine import Machine
from test_idle import at_home_on, host_pid, own_ports, quiet, voluntary
from test_neighbours import FLAP
from test_neighbours import start as start_neighbour
from tracing import Trace

DESTDIR = Path(os.environ["WSLPORTD_DESTDIR"])
PROGRAMS = Path(os.environ["WSLPORTD_BUILD"]) / "tests/bench"
BOOTS = int(os.environ.get("WSLPORTD_BENCH_BOOTS", "10"))
IDLE = float(os.environ.get("WSLPORTD_BENCH_IDLE", "60"))
EVENTS = int(os.environ.get("WSLPORTD_BENCH_EVENTS", "2000"))
CONNECTIONS = int(os.environ.get("WSLPORTD_BENCH_CONNECTIONS", "50000"))

TIMESYNCD = "systemd-timesyncd.service"
BIN = "/usr/local/bin"
YARDSTICK = f"{BIN}/bench-yardstick"
PROPERTIES = ("org.wslport1", "/org/wslport1", w.INTERFACE)
ORDERED = ("[Unit]\nDefaultDependencies=no\nRequires=sysinit.target\nAfter=sysinit.target dbus.socket\n"
           "Before=ssh.socket ssh.service shutdown.target\nConflicts=shutdown.target\n"
           f"[Service]\nType=notify\nExecStart={BIN}/bench-empty\n[Install]\nWantedBy=multi-user.target\n")
SHELL_LOOP = "while :; do ss -Htln sport = :22 >/dev/null; sleep 1; done"


# ---- the table ----

class Table:
    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    @staticmethod
    def _spread(values: Sequence[float]) -> str:
        if not values:
            return "–"
        digits = 0 if statistics.median(values) >= 100 else 1 if statistics.median(values) >= 1 else 3
        text = f"{statistics.median(values):.{digits}f}"
        return text if len(values) == 1 else f"{text} ({min(values):.{digits}f}…{max(values):.{digits}f})"

    def head(self) -> None:
        print(f"{'':58} {'wslportd':>26} {'against':>26}  {'ratio':>8}  goal", flush=True)

    def row(self, what: str, ours: Sequence[float], against: str = "", theirs: Sequence[float] = (), *, goal: str = "",
            at_most: float | None = None, met: bool | None = None) -> float | None:
        """Prints one comparison. at_most is the goal for the ratio. Without it `met` tells, or there is no goal."""
        ratio = None
        if ours and theirs and statistics.median(theirs) > 0:
            ratio = statistics.median(ours) / statistics.median(theirs)
        if at_most is not None:
            goal = goal or f"≤ {at_most:g} ×"
            met = bool(ours and theirs) and statistics.median(ours) <= at_most * statistics.median(theirs)
        verdict = "" if met is None else ", met" if met else ", NOT MET"
        name = f"{what} | {against}" if against else what
        print(f"{name:58} {self._spread(ours):>26} {self._spread(theirs):>26}  {'' if ratio is None else f'{ratio:8.3g}':>8}  "
              f"{goal}{verdict}", flush=True)
        self.rows.append({"what": what, "against": against, "ours": list(ours), "theirs": list(theirs), "ratio": ratio,
                          "goal": goal, "met": met})
        return ratio


# ---- machines ----

@contextmanager
def machine(daemon: bool = True, config: str = "[Daemon]\nLogLevel=info\n", **options: Any) -> Iterator[Machine]:
    with Machine(overlay=[DESTDIR] if daemon else [], **options) as m:
        for name in ("bench-empty", "bench-reserve", "bench-yardstick"):
            m.write(f"{BIN}/{name}", (PROGRAMS / name).read_bytes(), 0o755)
        for name in roots.MASKED_GENERATORS:  # so that a daemon-reload costs what it costs elsewhere
            (m.path(roots.GENERATORS) / name).unlink()  # the link itself, as m.path() would follow it
        m.write(w.CONFIG, config)
        if daemon:
            m.enable(w.UNIT)
        yield m


def with_timesyncd(m: Machine) -> None:
    """Enables systemd-timesyncd, which the root masks, and which doesn't run in a container by itself."""
    m.offline(["systemctl", "--root=/", "unmask", TIMESYNCD])
    m.write(f"/etc/systemd/system/{TIMESYNCD}.d/here.conf", "[Unit]\nConditionVirtualization=\nConditionCapability=\n")
    m.enable(TIMESYNCD)


def with_service(m: Machine, name: str, command: str) -> str:
    m.write(f"/etc/systemd/system/{name}.service", f"[Service]\nExecStart={command}\n[Install]\nWantedBy=multi-user.target\n")
    m.enable(f"{name}.service")
    return f"{name}.service"


def yardstick(m: Machine, *arguments: object, timeout: float = 300) -> list[int]:
    return [int(line) for line in m.run([YARDSTICK, *map(str, arguments)], check=True, timeout=timeout).stdout.split()]


def when(m: Machine, unit: str, name: str = "ActiveEnterTimestampMonotonic") -> int:
    return int(w.show(m, unit, name)[name])


def cgroups(m: Machine, unit: str) -> list[Path]:
    """The unit's cgroup; for the daemon, those of its helpers, too."""
    found = [m._cgroup / "guest/system.slice" / unit]
    if unit == w.UNIT:
        found += (m._cgroup / "guest/system.slice").glob("wslportd-*.service")
    return found


def cpu_usec(m: Machine, unit: str) -> int:
    return sum(int(re.search(r"usage_usec (\d+)", (group / "cpu.stat").read_text())[1]) for group in cgroups(m, unit))


def memory(m: Machine, unit: str) -> dict[str, int]:
    """The memory of all of the unit's processes, in KiB."""
    total = {"Private_Dirty": 0, "Pss": 0}
    for group in cgroups(m, unit):
        for pid in (group / "cgroup.procs").read_text().split():
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            for name in total:
                total[name] += int(re.search(rf"^{name}:\s+(\d+)", rollup, re.MULTILINE)[1])
    return total


# ---- starting ----

def boot_kinds(conflict: bool) -> tuple[str, ...]:
    return ("daemon", "sandboxed", "empty", "none") if not conflict else ("daemon",)


def prepare(m: Machine, kind: str) -> str:
    """Prepares a boot of that kind. Returns the unit that stands in the daemon's place."""
    if kind == "sandboxed":
        m.write(f"/etc/systemd/system/{w.UNIT}.d/empty.conf", f"[Service]\nExecStart=\nExecStart={BIN}/bench-empty\nExecStopPost=\n")
    elif kind in ("empty", "none"):
        m.disable(w.UNIT)
    if kind == "empty":
        m.write("/etc/systemd/system/empty.service", ORDERED)
        m.enable("empty.service")
        return "empty.service"
    return w.UNIT if kind != "none" else ""


def boots(table: Table) -> None:
    """From exec to READY=1, and until sshd listens, by the clock that the kernel and systemd share."""
    found: dict[tuple[str, str], list[float]] = {}
    evaluations: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(BOOTS):
        for conflict in (False, True):
            for kind in boot_kinds(conflict):
                with machine() as m:
                    with_timesyncd(m)
                    unit = prepare(m, kind)
                    w.boot(m)  # the first boot of a disk does more than later ones
                    m.poweroff()
                    if conflict:
                        w.eventually(lambda: m.windows.claim(22), "Windows takes 22")  # noqa: B023
                    with Trace(m, {"sched/sched_process_exec": "", "sched/sched_process_fork": 'comm ~ "wslportd*"',
                                   "sock/inet_sock_set_state": "newstate==10"}) as trace:
                        m.boot()
                        m.wait_running()
                        listens = trace.listening(2222 if conflict else 22).usec
                        key = f"{kind}{' conflict' if conflict else ''}"

                        def note(what: str, value: float) -> None:
                            found.setdefault((key, what), []).append(value)  # noqa: B023

                        note("listens", listens - when(m, "sysinit.target"))
                        if unit:
                            program = "wslportd" if kind == "daemon" else "bench-empty"
                            note("ready", when(m, unit) - trace.execs(program)[0].usec)
                            note("start", when(m, unit) - when(m, unit, "ExecMainStartTimestampMonotonic"))
                        if kind == "daemon":
                            children = {event.fields["child_pid"] for event in trace.events("sched_process_fork")}
                            evaluations[conflict].append(sum(str(event.pid) in children for event in trace.execs("sshd")
                                                             if event.usec < listens))
                        note("timesyncd", when(m, TIMESYNCD) - trace.execs("systemd-timesyncd")[0].usec)
                        note("timesyncd start", when(m, TIMESYNCD) - when(m, TIMESYNCD, "ExecMainStartTimestampMonotonic"))

    ready = found["daemon", "ready"]
    table.row("exec to READY=1, no conflict, µs", ready, "the empty program", found["empty", "ready"], at_most=1.5)
    table.row("", ready, "the empty program, in the daemon's sandbox", found["sandboxed", "ready"])
    table.row("", ready, "systemd-timesyncd", found["daemon", "timesyncd"], goal="faster", at_most=1.0)
    table.row("the same and its sandbox, from fork, µs", found["daemon", "start"], "systemd-timesyncd", found["daemon", "timesyncd start"])
    table.row("", found["daemon", "start"], "the empty program, in the daemon's sandbox", found["sandboxed", "start"])
    none = statistics.median(found["none", "listens"])
    added = {kind: [value - none for value in found[kind, "listens"]] for kind in ("daemon", "sandboxed", "empty")}
    table.row("added until sshd listens, no conflict, µs", added["daemon"], "the empty unit", added["empty"], at_most=1.3)
    table.row("", added["daemon"], "the empty unit, sandboxed", added["sandboxed"])
    table.row("until sshd listens on 2222, µs", found["daemon conflict", "listens"], "on 22, no conflict", found["daemon", "listens"])
    table.row("sshd's evaluations in a boot, conflict", evaluations[True], "no conflict", evaluations[False],
              goal="≤ 1 more", met=max(evaluations[True]) <= min(evaluations[False]) + 1)


def size(table: Table) -> None:
    """Sizes of the stripped programs."""
    def installed(top: Path, *patterns: str) -> int:
        with tempfile.TemporaryDirectory() as folder:
            total = 0
            for path in (path for pattern in patterns for path in top.glob(pattern)):
                copy = Path(shutil.copy(path, folder))
                if copy.read_bytes()[:2] != b"#!":
                    subprocess.run(["strip", copy], check=True)
                total += copy.stat().st_size
            return total

    def libraries(m: Machine, unit: str) -> list[float]:
        maps = Path(f"/proc/{host_pid(m, unit)}/maps").read_text()
        return [len(set(re.findall(r"\S+\.so\S*$", maps, re.MULTILINE)))]

    with machine() as m:
        with_timesyncd(m)
        w.boot(m)
        theirs = installed(m.path("/"), "usr/lib/systemd/systemd-timesyncd")
        shared = installed(m.path("/"), "usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-*.so", "usr/lib/systemd/libsystemd-shared-*.so")
        daemon = installed(DESTDIR, "usr/sbin/wslportd")
        all_of_it = installed(DESTDIR, "usr/sbin/wslportd", "usr/bin/wslportctl", "usr/libexec/wslportd-*")
        table.row("size of the daemon, bytes", [daemon], "systemd-timesyncd and its libsystemd-shared", [theirs + shared], at_most=1.0)
        table.row("", [daemon], "systemd-timesyncd alone", [theirs])
        table.row("size of all programs, bytes", [all_of_it], "systemd-timesyncd and its libsystemd-shared", [theirs + shared], at_most=1.0)
        ours = libraries(m, w.UNIT)
        table.row("libraries loaded", ours, "systemd-timesyncd", libraries(m, TIMESYNCD), goal="fewer", at_most=0.999)


# ---- standing by ----

def day(table: Table) -> None:
    """Memory before and after a day's events, which happen without pauses; then wake-ups while nothing happens."""
    port, other = own_ports(2)
    with machine() as m:
        at_home_on(m, port)
        m.write("/etc/ssh/sshd_config.d/50-address.conf", "ListenAddress 127.0.0.1\n")  # so that strangers can listen beside it
        with_timesyncd(m)
        loop = with_service(m, "loop", f"/bin/sh -c '{SHELL_LOOP}'")
        reserve = with_service(m, "reserve", f"{BIN}/bench-reserve {other}")
        w.boot(m)
        w.wait_properties(m, State="clear", Port=port, ListenerWatch="tracepoint")
        pid = host_pid(m)
        quiet(m, pid, demanded=False)
        os.sync()  # otherwise pages of files that were just written count as private and dirty
        memories = [memory(m, w.UNIT)]
        for tenth in range(10):
            m.run([YARDSTICK, "stir", "127.0.0.3", str(port), str(EVENTS // 10 // 2)], check=True, timeout=300)
            m.run([YARDSTICK, "call", "5", "Probe"], check=True)
            for verb in ("reload", "restart"):
                m.run(["systemctl", verb, "ssh.service"], check=True)
            for method in (("Relocate", "q", str(2222)), ("Restore",)):
                assert w.call(m, *method)[0] == 0, method
            w.wait_properties(m, State="clear", Port=port)
            if tenth in (0, 9):
                quiet(m, pid, demanded=False)
                memories.append(memory(m, w.UNIT))
        before, first, end = memories
        for name, text in (("Private_Dirty", "private memory (Private_Dirty)"), ("Pss", "memory (PSS)")):
            smallest = name == "Private_Dirty" or None
            for unit, other_text in ((TIMESYNCD, "systemd-timesyncd"), (reserve, "what portreserve does"), (loop, "a shell loop over ss")):
                theirs = memory(m, unit)[name]
                table.row(f"{text} after a day of {EVENTS} events, KiB" if unit == TIMESYNCD else "", [end[name]], other_text, [theirs],
                          goal="smaller" if smallest else "", at_most=1.0 if smallest else None)
        table.row("private memory after a day, KiB", [end["Private_Dirty"]], "after its first tenth", [first["Private_Dirty"]],
                  goal="not a page more", at_most=1.0)
        table.row("", [end["Private_Dirty"]], "before it", [before["Private_Dirty"]])

        loop_pids = lambda: sum(voluntary(p) for p in (m._cgroup / f"guest/system.slice/{loop}/cgroup.procs").read_text().split()[:1])  # noqa: E731
        quiet(m, pid, demanded=False)
        start, counts, used = time.monotonic(), [voluntary(pid), loop_pids()], [cpu_usec(m, w.UNIT), cpu_usec(m, loop)]
        time.sleep(IDLE)
        took = time.monotonic() - start
        wakeups, loop_wakeups = voluntary(pid) - counts[0], loop_pids() - counts[1]
        beats = int(took / 15) + 2  # sd-event beats after half to three quarters of WatchdogSec=30
        table.row(f"wake-ups in {took:.0f} idle s", [wakeups], "a shell loop at 1 s (the shell alone)", [loop_wakeups],
                  goal=f"the watchdog's ({took / 22.5:.0f} to {beats})", met=wakeups <= beats)
        table.row(f"CPU in {took:.0f} idle s, µs", [cpu_usec(m, w.UNIT) - used[0]], "a shell loop at 1 s", [cpu_usec(m, loop) - used[1]])


def evaluation(table: Table) -> None:
    """A whole evaluation: Probe() asks for it, and its answer is included."""
    port, = own_ports(1)
    for state, windows in (("clear", {}), ("relocated", {port: w.WINDOWS})):
        ours: dict[int, list[float]] = {}
        ss: dict[int, list[float]] = {}
        proc: dict[int, list[float]] = {}
        with machine(windows=windows) as m:
            at_home_on(m, port)
            w.boot(m)
            w.wait_properties(m, State=state)
            for count in (10, CONNECTIONS):
                holder = m.spawn([YARDSTICK, "connections", str(count)])
                w.eventually(lambda: "held" in holder.stdout, f"{count} connections", timeout=120)  # noqa: B023
                quiet(m, host_pid(m), demanded=False)
                for _ in range(5):
                    before = cpu_usec(m, w.UNIT)
                    yardstick(m, "call", 100, "Probe")
                    ours.setdefault(count, []).append((cpu_usec(m, w.UNIT) - before) / 101)
                    if state == "clear":
                        ss.setdefault(count, []).extend(yardstick(m, "cpu", 1, "ss", "-tlnp"))
                        proc.setdefault(count, []).extend(yardstick(m, "cpu", 1, "cat", "/proc/net/tcp", "/proc/net/tcp6"))
                holder.kill()
                holder.wait()
        name = f"an evaluation, {state}, {CONNECTIONS} connections, µs CPU"
        if state == "clear":
            table.row(name, ours[CONNECTIONS], "ss -tlnp", ss[CONNECTIONS], at_most=0.001)
            table.row("", ours[CONNECTIONS], "reading /proc/net/tcp and tcp6", proc[CONNECTIONS])
            table.row("the same, 10 connections, µs CPU", ours[10], "ss -tlnp", ss[10])
        table.row(name, ours[CONNECTIONS], "itself at 10", ours[10], at_most=1.2)


def flood(table: Table) -> None:
    ours_clear, ours_blocked = own_ports(2)
    times: dict[str, list[float]] = {}
    wakeups: dict[str, list[float]] = {}
    watchdog = "[Service]\nWatchdogSec=0\n"
    with machine() as clear, machine(windows={ours_clear: w.WINDOWS}) as blocked, machine(daemon=False) as none:
        for m in (clear, blocked):
            m.write(f"/etc/systemd/system/{w.UNIT}.d/watchdog.conf", watchdog)
        at_home_on(clear, ours_clear)
        blocked.write("/etc/ssh/sshd_config.d/50-port.conf", f"ListenAddress 0.0.0.0:{ours_blocked}\nListenAddress 0.0.0.0:{ours_clear}\n")
        for m in (clear, blocked, none):
            w.boot(m)
        w.wait_properties(clear, State="clear", ListenerWatch="tracepoint")
        w.wait_properties(blocked, State="blocked")
        for m in (clear, blocked):
            quiet(m, host_pid(m))
        for _ in range(5):
            for name, m in (("none", none), ("clear", clear), ("blocked", blocked), ("unfiltered", none)):
                subscriber = None
                if name == "unfiltered":
                    subscriber = m.spawn([YARDSTICK, "subscriber"])
                    w.eventually(lambda: subscriber.stdout, "the comparison has joined")  # noqa: B023
                pid = subscriber.pid if subscriber else host_pid(m) if name != "none" else 0
                before = voluntary(pid) if pid else 0
                times.setdefault(name, []).append(yardstick(m, "flood", CONNECTIONS)[0] / 1e6)
                wakeups.setdefault(name, []).append(voluntary(pid) - before if pid else 0)
                if subscriber:
                    subscriber.kill()
                    subscriber.wait()
    for state, text in (("clear", "no answer awaited"), ("blocked", "blocked: an answer awaited")):
        table.row(f"wake-ups, {CONNECTIONS} closes, {text}", wakeups[state], "a subscriber without filter", wakeups["unfiltered"],
                  goal="0", met=not any(wakeups[state]))
        table.row("their time, ms", times[state], "no subscriber", times["none"], at_most=1.0999 if state == "clear" else None,
                  goal="1.0 ×" if state == "clear" else "")
        table.row("", times[state], "a subscriber without filter", times["unfiltered"])


def neighbours(table: Table) -> None:
    """Somebody takes 22 and gives it back ten times a second."""
    with machine(windows=w.WINDOWS_HOLDS_22, scan_ms=30, keep_ms=1500) as m:
        loop = with_service(m, "loop", f"/bin/sh -c '{SHELL_LOOP}'")
        w.boot(m)
        w.wait_properties(m, State="relocated", Port=2222)
        m.windows.release(22)
        start_neighbour(m, "linux", FLAP, "22", "0")
        start, used = time.monotonic(), [cpu_usec(m, w.UNIT), cpu_usec(m, loop)]
        time.sleep(IDLE)
        took = time.monotonic() - start
        ours, theirs = ((cpu_usec(m, unit) - before) / took for unit, before in zip((w.UNIT, loop), used))
    table.row("CPU while 22 changes hands 10 times a second, µs/s", [ours], "a shell loop at 1 s", [theirs],
              goal="1 % of a core", met=ours < 10_000)


# ---- answering ----

def move(table: Table) -> None:
    """From sshd's failed bind until it listens elsewhere, against a restart that a person types when sshd has failed."""
    ours, theirs = [], []
    with machine(scan_ms=30, keep_ms=300, config="[Policy]\nRestore=manual\n") as m:
        m.write("/etc/systemd/system/ssh.service.d/often.conf", "[Unit]\nStartLimitIntervalSec=0\n")
        w.boot(m)
        with Trace(m, {"sock/inet_sock_set_state": "newstate==10"}, m._init_pid, *host_pids(m)) as trace:
            for _ in range(BOOTS):
                w.wait_properties(m, State="clear", Port=22)
                m.run(["systemctl", "stop", "ssh.service"], check=True)
                w.eventually(lambda: m.windows.claim(22), "Windows takes 22")
                trace.clear()
                m.run(["systemctl", "start", "ssh.service"])
                listens = trace.listening(2222).usec
                ours.append(listens - failed_at(m))
                w.wait_properties(m, State="relocated", Port=2222)

                m.run(["systemctl", "kill", "--signal=KILL", "ssh.service"], check=True)
                w.eventually(lambda: w.active_state(m, "ssh.service") in ("active", "failed"), "it is down")
                w.wait_properties(m, Port=2222)
                trace.clear()
                start = time.monotonic_ns() // 1000
                m.run(["systemctl", "restart", "ssh.service"], check=True)
                theirs.append(trace.listening(2222, start).usec - start)
                m.windows.release(22)
                w.wait_properties(m, State="relocated", Port=2222)
                assert w.call(m, "Restore")[0] == 0
    table.row("sshd failed to bind, until it listens elsewhere, µs", ours, "systemctl restart ssh, until it listens", theirs, at_most=1.1)


def host_pids(m: Machine) -> list[int]:
    return [int(pid) for procs in (m._cgroup / "guest").rglob("cgroup.procs") for pid in procs.read_text().split()]


def failed_at(m: Machine) -> int:
    """When systemd last saw sshd's end."""
    return when(m, "ssh.service", "ExecMainExitTimestampMonotonic") or when(m, "ssh.service", "InactiveEnterTimestampMonotonic")


def strangers(table: Table) -> None:
    port, = own_ports(1)
    count = 3 * BOOTS
    seen: list[float] = []
    with machine() as m:
        at_home_on(m, port)
        m.write("/etc/ssh/sshd_config.d/50-address.conf", "ListenAddress 127.0.0.1\n")
        w.boot(m)
        w.wait_properties(m, State="clear", Port=port, ListenerWatch="tracepoint")
        quiet(m, host_pid(m), demanded=False)
        ours = [ns / 1e6 for ns in yardstick(m, "listen", "127.0.0.3", port, count, 120_000)]

        over = threading.Event()
        listening: list[float] = []

        def poll() -> None:
            while not over.wait(1):
                result = m.beside("guest", ["ss", "-Htln", "src", f"127.0.0.3:{port}"])
                result.wait()
                if result.stdout and listening:
                    seen.append((time.monotonic() - listening.pop()) * 1000)

        thread = threading.Thread(target=poll)
        thread.start()
        for number in range(BOOTS):
            time.sleep(number * 0.618 % 1)  # so that each listen() meets another phase of the poll
            stranger = m.spawn(["/usr/bin/python3", "-SEc", w.LISTEN, "127.0.0.3", str(port), "listen"])
            w.eventually(lambda: "127.0.0.3" in m.listeners()[port], "a stranger")
            listening.append(time.monotonic())
            w.eventually(lambda: not listening, "the poll has seen it")
            stranger.kill()
            w.eventually(lambda: "127.0.0.3" not in m.listeners()[port], "gone")
        over.set()
        thread.join()
    table.row("a stranger's listen() to the property, ms", ours, "ss once a second", seen, goal="median < 1 ms",
              met=statistics.median(ours) < 1)


def properties(table: Table) -> None:
    """Reads properties over one connection of libsystemd's, and by busctl, which is a new process each time."""
    others = {"hostnamed": ("org.freedesktop.hostname1", "/org/freedesktop/hostname1", "org.freedesktop.hostname1", "Hostname"),
              "timedated": ("org.freedesktop.timedate1", "/org/freedesktop/timedate1", "org.freedesktop.timedate1", "LocalRTC")}
    with machine() as m:
        w.boot(m)
        w.wait_properties(m, State="clear")
        quiet(m, host_pid(m), demanded=False)
        there = {name: arguments for name, arguments in others.items()
                 if m.run(["busctl", "get-property", *arguments]).returncode == 0}
        many: dict[str, list[float]] = {}
        busctl: dict[str, list[float]] = {}
        for _ in range(5):
            for name, arguments in {"ours": (*PROPERTIES, "State"), **there}.items():
                many.setdefault(name, []).append(yardstick(m, "get", 2000, *arguments)[0] / 2e6)
                busctl.setdefault(name, []).extend(yardstick(m, "cpu", 10, "busctl", "get-property", *arguments))
    for name in others:
        if name in there:
            table.row("10,000 properties, µs each" if name == "hostnamed" else "", many["ours"], name, many[name], at_most=1.0)
            table.row("busctl get-property, µs of its own CPU", busctl["ours"], name, busctl[name])
        else:
            print(f"{name} does not start here", flush=True)


def callgrind(table: Table) -> None:
    """Counts instructions, if valgrind is installed: from exec to idle, and for evaluations and moves. Other work on the host
    doesn't change these counts."""
    programs = [Path(path) for path in ("/usr/bin/valgrind", "/usr/bin/valgrind.bin", "/usr/libexec/valgrind/callgrind-amd64-linux",
                                        "/usr/libexec/valgrind/vgpreload_core-amd64-linux.so", "/usr/libexec/valgrind/default.supp")]
    if not programs[0].exists():
        print("callgrind: valgrind is not installed", flush=True)
        return
    counting = "/usr/bin/valgrind --tool=callgrind --callgrind-out-file=/var/lib/wslportd/callgrind"

    def counted(m: Machine) -> int:
        return int(re.search(r"^(?:summary|totals): (\d+)", m.read("/var/lib/wslportd/callgrind"), re.MULTILINE)[1])

    def count(program: str, *requests: tuple[str, ...], typed: str = "") -> tuple[int, int]:
        """The instructions of a program from its start until it has served the requests, and those of a command."""
        with machine() as m:
            for path in filter(Path.exists, programs):
                m.write(path, path.read_bytes(), 0o755)
            # Valgrind generates code, which the unit's sandbox forbids.
            m.write(f"/etc/systemd/system/{w.UNIT}.d/callgrind.conf",
                    "[Service]\nExecStart=\nExecStopPost=\nSystemCallFilter=\nMemoryDenyWriteExecute=no\nWatchdogSec=0\nTimeoutStartSec=60\n"
                    f"ExecStart={counting} {program}\n")
            w.boot(m)
            quiet(m, host_pid(m), demanded=False)
            for request in requests:
                assert w.call(m, *request)[0] == 0, request
            quiet(m, host_pid(m), demanded=False)
            m.run(["systemctl", "stop", w.UNIT], check=True)
            ours = counted(m)
            if typed:
                m.run([*counting.split(), *typed.split()], check=True)
            return ours, counted(m)

    evaluations, moves = 50, (("Relocate", "q", "2222"), ("Restore",))
    boot, _ = count("/usr/sbin/wslportd")
    table.row("instructions of a boot without conflict", [boot], "the empty program", [count(f"{BIN}/bench-empty")[0]])
    ours, ss = count("/usr/sbin/wslportd", *(("Probe",),) * evaluations, typed="/usr/bin/ss -tlnp")
    table.row("instructions of an evaluation, answer included", [(ours - boot) / evaluations], "ss -tlnp", [ss])
    ours, restart = count("/usr/sbin/wslportd", *moves, typed="/usr/bin/systemctl restart ssh.service")
    table.row("instructions of a move", [(ours - boot) / len(moves)], "systemctl restart ssh", [restart])


COMPARISONS: list[Callable[[Table], None]] = [boots, size, day, evaluation, flood, neighbours, move, strangers, properties, callgrind]


def main() -> None:
    wanted = sys.argv[1:] or [comparison.__name__ for comparison in COMPARISONS]
    table = Table()
    print(f"load {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores; median (least…most)\n")
    table.head()
    failed = []
    for comparison in COMPARISONS:
        if comparison.__name__ in wanted:
            try:
                comparison(table)
            except Exception as error:  # the other comparisons go on
                failed.append(comparison.__name__)
                print(f"{comparison.__name__}: {error!r}", flush=True)
    out = Path(os.environ.get("WSLPORTD_BUILD_DIR", "/var/tmp/wslportd-build")) / "bench.json"
    out.write_text(json.dumps({"load": os.getloadavg(), "rows": table.rows, "failed": failed}, indent=1, ensure_ascii=False) + "\n")
    missed = [row for row in table.rows if row["met"] is False]
    print(f"\n{sum(row['met'] is True for row in table.rows)} goals met, {len(missed)} not; {out}; load {os.getloadavg()[0]:.2f}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
