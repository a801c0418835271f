# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon's work, counted in system calls. Unlike times, other work on the host doesn't change these counts.

Each bound is the count at the time of writing, with a margin for what differs from run to run: how many messages come in one
read, and how often systemd tells of its units. A change that exceeds a bound must be worth it.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable

import pytest

import wslport as w
from machine import Machine
from test_idle import at_home_on, own_ports, quiet, host_pid, watchdog_beats
from test_kill import numbers
from tracing import Event, Trace, obstacle

EVENTS = {"raw_syscalls/sys_enter": 'comm ~ "wslportd*"', "sched/sched_process_exec": "",
          "sched/sched_process_fork": 'comm ~ "wslportd*"'}


@pytest.fixture(autouse=True)
def _tracing() -> None:
    if reason := obstacle():
        pytest.skip(reason)


def calls(events: Iterable[Event], *pids: int) -> Counter[str]:
    """The system calls of these processes, by name. The daemon's children are other processes."""
    return Counter(numbers()[int(event.text.split()[1])] for event in events if event.name == "sys_enter" and event.pid in pids)


def children(events: Iterable[Event]) -> list[str]:
    """The programs that children of the traced processes have executed."""
    forked = {event.fields["child_pid"] for event in events if event.name == "sched_process_fork"}
    return [event.fields["filename"].rpartition("/")[2] for event in events
            if event.name == "sched_process_exec" and str(event.pid) in forked]


def tell(capsys, what: str, found: Counter[str], more: object = "") -> None:
    with capsys.disabled():
        print(f"\nMEASURED {what}: {found.total()} system calls {dict(found.most_common(12))} {more}", flush=True)


def at_rest(make, **options) -> tuple[Machine, int, int]:
    """A machine whose daemon no other machine's listeners wake, the daemon's process, and the home port."""
    port, = own_ports(1)
    m = make(**options)
    at_home_on(m, port)
    m.write(w.CONFIG, "[Daemon]\nLogLevel=info\n")
    w.boot(m)
    w.wait_properties(m, State="clear", Port=port, ListenerWatch="tracepoint")
    pid = host_pid(m)
    quiet(m, pid)
    return m, pid, port


def calls_of_a_boot(m: Machine, capsys) -> int:
    with Trace(m, EVENTS) as trace:
        w.boot(m)
        w.wait_properties(m, State="clear", Port=22)
        ready = int(w.show(m, w.UNIT, "ActiveEnterTimestampMonotonic")["ActiveEnterTimestampMonotonic"])
        until = [event for event in trace.events() if event.usec <= ready]
        daemon = trace.execs("wslportd")[0].pid
    found = calls(until, daemon)
    tell(capsys, "from exec to READY=1", found, children(until))
    assert sorted(children(until)) == ["sshd", "wslinfo", "wslportd-bindprobe"]
    m.poweroff()
    return found.total()


def test_a_boot_without_conflict(make, capsys):
    """A first boot, and one that finds the first one's files. In one boot of ten systemd tells of a change while its units are
    being read, and they are read twice: the least of three counts."""
    boots = []
    while len(boots) < 3 and (not boots or max(boots[-1]) > 800):
        m = make()
        m.write(w.CONFIG, "[Daemon]\nLogLevel=info\n")
        boots.append([calls_of_a_boot(m, capsys) for _ in range(2)])
    assert all(min(found) <= 800 for found in zip(*boots)), boots


def test_an_evaluation(make, capsys):
    """A Probe() with its answer. The daemon finds out who holds the home port, and all else that it reports."""
    m, pid, _ = at_rest(make)
    assert w.call(m, "Probe")[0] == 0  # the first one does more: it opens what later ones share
    quiet(m, pid)
    found = []
    with Trace(m, EVENTS, pid) as trace:
        for _ in range(10):
            trace.clear()
            assert w.call(m, "Probe")[0] == 0
            quiet(m, pid)
            found.append(calls(trace.events(), pid))
            assert not children(trace.events())
    typical = sorted(found, key=Counter.total)[len(found) // 2]
    tell(capsys, "an evaluation", typical, sorted(map(Counter.total, found)))
    # The daemon asks the helper for the owner of each listener twice: for the call, and for the report after its answer.
    assert typical.total() <= 62, typical


def test_a_move(make, capsys):
    m, pid, port = at_rest(make, stray=(2222,))
    with Trace(m, EVENTS, pid, host_pid(m, "wslportd-helper.service")) as trace:
        for method, state, bound in (("Relocate", "relocated", 1100), ("Restore", "clear", 1100)):
            trace.clear()
            assert w.call(m, method, *(("q", "2222") if method == "Relocate" else ()))[0] == 0
            w.wait_properties(m, State=state, Port=2222 if method == "Relocate" else port)
            found = calls(trace.events(), pid)
            tell(capsys, method, found, children(trace.events()))
            assert found.total() <= bound, found
            # About what is to be, about what it is then, and once more before the job where the bind has taken its time.
            assert children(trace.events()).count("sshd") <= 3


@pytest.mark.waits
def test_an_idle_minute(make, capsys):
    seconds = float(os.environ.get("WSLPORTD_IDLE_SECONDS", "60"))
    m, pid, _ = at_rest(make)
    with Trace(m, EVENTS, pid) as trace:
        start = time.monotonic()
        w.hold(lambda: True, seconds)
        found, took = calls(trace.events(), pid), time.monotonic() - start
    tell(capsys, f"{took:.0f} s idle", found)
    # A beat of the watchdog needs a timer, and a message on a socket of its own.
    assert found.total() <= 12 * watchdog_beats(took), found
