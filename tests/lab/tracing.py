# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kernel's trace events, in a tracefs instance of their own. Those of one machine's processes follow their forks.

Unlike ptrace it doesn't stop the processes, so that it changes neither counts nor times.
"""

from __future__ import annotations

import functools
import re
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from machine import Machine
from processes import PATIENCE

LISTEN = 10  # TCP_LISTEN, net/tcp_states.h
_LINE = re.compile(r"\s*(?P<comm>.+)-(?P<pid>\d+)\s+\[\d+\]\s+\S+\s+(?P<seconds>\d+)\.(?P<usec>\d+): (?P<name>\w+): (?P<text>.*)")
_PAIR = re.compile(r"(\w+)=(\S+)")


@dataclass(frozen=True)
class Event:
    usec: int  # CLOCK_MONOTONIC, as systemd's timestamps
    pid: int  # as the host counts
    comm: str
    name: str
    text: str

    @property
    def fields(self) -> dict[str, str]:
        return dict(_PAIR.findall(self.text))


@functools.cache
def obstacle() -> str | None:
    """Returns why this kernel can't trace, or None if it can."""
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(["mount", "-t", "tracefs", "tracefs", folder], stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL).returncode:
            return "no tracefs can be mounted here"
        try:
            if not (Path(folder) / "events/raw_syscalls").exists():
                return "this kernel does not trace system calls (CONFIG_FTRACE_SYSCALLS)"
        finally:
            subprocess.run(["umount", "-l", folder], check=True, stdin=subprocess.DEVNULL)
    return None


class Trace:
    """with Trace(m, {"sched/sched_process_exec": ""}) as trace: …

    events: names of trace events, each with a filter or "".
    m: None traces all of the host's processes.
    pids: the processes to trace, with all that they start. By default all of the machine's, if the trace begins before boot().
    """

    def __init__(self, m: Machine | None, events: dict[str, str], *pids: int) -> None:
        self._pids = pids or ((m._holder.pid,) if m else ())
        self._events = events

    def __enter__(self) -> Trace:
        self._folder = tempfile.TemporaryDirectory()
        subprocess.run(["mount", "-t", "tracefs", "tracefs", self._folder.name], check=True, stdin=subprocess.DEVNULL)
        self._instance = Path(self._folder.name) / f"instances/wslportd-{uuid.uuid4().hex[:8]}"
        self._instance.mkdir()
        self._set("buffer_size_kb", "8192")
        self._set("trace_clock", "mono")
        self._set("options/event-fork", "1")
        self._set("set_event_pid", " ".join(map(str, self._pids)))
        for name, condition in self._events.items():
            if condition:
                self._set(f"events/{name}/filter", condition)
            self._set(f"events/{name}/enable", "1")
        return self

    def _set(self, name: str, value: str) -> None:
        (self._instance / name).write_text(value)

    def __exit__(self, *_: object) -> None:
        self._set("tracing_on", "0")
        self._instance.rmdir()
        subprocess.run(["umount", "-l", self._folder.name], check=True, stdin=subprocess.DEVNULL)
        self._folder.cleanup()

    def clear(self) -> None:
        self._set("trace", "")

    def events(self, name: str = "") -> list[Event]:
        """The events in the order of time. Raises RuntimeError if the buffer was too small for all of them."""
        lost = sum(int(line.split()[1]) for stats in self._instance.glob("per_cpu/cpu*/stats")
                   for line in stats.read_text().splitlines() if line.startswith("overrun"))
        if lost:
            raise RuntimeError(f"{lost} events are lost")
        found = [Event(int(m["seconds"]) * 1_000_000 + int(m["usec"]), int(m["pid"]), m["comm"], m["name"], m["text"])
                 for m in map(_LINE.match, (self._instance / "trace").read_text().splitlines()) if m]
        return [event for event in found if name in ("", event.name)]

    # ---- common questions ----

    def execs(self, program: str) -> list[Event]:
        return [event for event in self.events("sched_process_exec") if event.fields["filename"].endswith(f"/{program}")]

    def listening(self, port: int, since: int = 0, timeout: float = PATIENCE) -> Event:
        """The first event after `since` (µs) by which somebody listens on the port."""
        deadline = time.monotonic() + timeout
        while True:
            for event in self.events("inet_sock_set_state"):
                if event.usec >= since and event.fields["sport"] == str(port) and event.fields["newstate"] == "TCP_LISTEN":
                    return event
            if time.monotonic() > deadline:
                raise TimeoutError(f"nobody listens on {port}")
            time.sleep(0.02)


def listener_events(*ports: int) -> Trace:
    """Traces the sockets that begin or cease to listen on these ports, in all network namespaces: the daemon hears of each."""
    sport = "||".join(f"sport=={port}" for port in ports)
    closed = 7  # TCP_CLOSE, net/tcp_states.h
    return Trace(None, {"sock/inet_sock_set_state": f"newstate=={LISTEN}&&({sport})||oldstate=={LISTEN}&&newstate=={closed}&&({sport})"})
