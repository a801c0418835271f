# SPDX-License-Identifier: LGPL-2.1-or-later
"""How much work the daemon does, counted in system calls: unlike time, nothing that goes on beside it changes that.

Each bound is what was counted when it was written, with a margin for what differs from time to time: how many messages come
in one read, and how often systemd tells of its units. A change that goes past one of them is to be worth it.
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
    """System calls by name; of the daemon itself, its children are others."""
    return Counter(numbers()[int(event.text.split()[1])] for event in events if event.name == "sys_enter" and event.pid in pids)


def children(events: Iterable[Event]) -> list[str]:
    """The programs that the daemon has started."""
    forked = {event.fields["child_pid"] for event in events if event.name == "sched_process_fork"}
    return [event.fields["filename"].rpartition("/")[2] for event in events
            if event.name == "sched_process_exec" and str(event.pid) in forked]


def tell(capsys, what: str, found: Counter[str], more: object = "") -> None:
    with capsys.disabled():
        print(f"\nMEASURED {what}: {found.total()} system calls {dict(found.most_common(12))} {more}", flush=True)


def at_rest(make, **options) -> tuple[Machine, int, int]:
    """A machine that no other one's listeners wake, the daemon's process and the home port."""
    port, = own_ports(1)
    m = make(**options)
    at_home_on(m, port)
    m.write(w.CONFIG, "[Daemon]\nLogLevel=info\n")
    w.boot(m)
    w.wait_properties(m, State="clear", Port=port, ListenerWatch="tracepoint")
    pid = host_pid(m)
    quiet(m, pid)
    return m, pid, port


def test_a_boot_without_conflict(make, capsys):
    m = make()
    m.write(w.CONFIG, "[Daemon]\nLogLevel=info\n")
    for _ in range(2):  # the first of all, and one that finds what it left
        with Trace(m, EVENTS) as trace:
            w.boot(m)
            w.wait_properties(m, State="clear", Port=22)
            ready = int(w.show(m, w.UNIT, "ActiveEnterTimestampMonotonic")["ActiveEnterTimestampMonotonic"])
            until = [event for event in trace.events() if event.usec <= ready]
            daemon = trace.execs("wslportd")[0].pid
        found = calls(until, daemon)
        tell(capsys, "from exec to READY=1", found, children(until))
        assert found.total() <= 800, found
        assert sorted(children(until)) == ["sshd", "wslinfo", "wslportd-bindprobe"]
        m.poweroff()


def test_an_evaluation(make, capsys):
    """Probe(), with its answer: who holds the home port, and all that is reported."""
    m, pid, _ = at_rest(make)
    assert w.call(m, "Probe")[0] == 0  # what is done once
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
    # Each owner of a listener is asked of the helper, once for the call and once for what is reported after its answer.
    assert typical.total() <= 74, typical


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
            assert children(trace.events()).count("sshd") <= 2  # what it is about to be given, and what it says of it then


@pytest.mark.waits
def test_an_idle_minute(make, capsys):
    seconds = float(os.environ.get("WSLPORTD_IDLE_SECONDS", "60"))
    m, pid, _ = at_rest(make)
    with Trace(m, EVENTS, pid) as trace:
        start = time.monotonic()
        w.hold(lambda: True, seconds)
        found, took = calls(trace.events(), pid), time.monotonic() - start
    tell(capsys, f"{took:.0f} s idle", found)
    # Of a beat of the watchdog's: the timer, and the message, by a socket of its own.
    assert found.total() <= 12 * watchdog_beats(took), found
