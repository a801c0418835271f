# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine's day, at random: everybody comes and goes. After each event sshd is reachable, and the report is true.

WSLPORTD_SOAK_EVENTS    how many events (150)
WSLPORTD_SOAK_SEED      replays a day; each run prints its seed
WSLPORTD_SOAK_MACHINES  how many machines share the events (1)
WSLPORTD_SOAK_SCRIPT    replays the events of this file instead, one a line, as the shrunk script of a failure has them
WSLPORTD_SOAK_TRIES     how many days may be tried to shrink a failure (30)
"""

from __future__ import annotations

import os
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import wslport as w
from machine import Machine
from processes import PATIENCE, Process, Session

PORTS = (22, 2222, 22022, 2200, 2201)
POLICIES: tuple[dict[str, str], ...] = (
    {}, {}, {}, {"Restore": "auto"}, {"Restore": "boot"}, {"Relocate": "mirrored"}, {"Relocate": "never"},
    {"CandidatePorts": "2200-2299 2222"})
Script = list[tuple[str, int]]  # the kind of each event, and the seed of its choices, so that other events don't change them
NEVER_AGAIN = "within a minute"
READING_SECONDS = 0.3  # sshd's check by wslportd, the one of its unit, and its own start


class Day:
    def __init__(self, m: Machine, name: str, script: Script) -> None:
        self.m, self.name, self.script, self.chance = m, name, script, random.Random(0)
        self.meant = True  # whether sshd is to run
        self.policy: dict[str, str] = {}
        self.windows: set[int] = set()
        self.strangers: dict[int, Process] = {}
        self.sessions: list[Session] = []
        self.history: list[str] = []
        self.counts: Counter[str] = Counter()
        self.problem = ""
        self.failed_by_itself = False
        self.expected_port = 0  # sshd's port after a Relocate() that succeeded
        self.excused: set[int] = set()  # ports that were bound for an sshd which then was stopped, or refused its configuration
        self.entered: tuple[int, set[int]] = (0, set())  # the sshd process, and its ports, by which the last login came

    # ---- what the kernel shows ----

    def has_socket(self, port: int) -> bool:
        """Whether any socket has the port: a listener, a session, a TIME_WAIT."""
        return any(line.split()[1].endswith(f":{port:04X}") for name in ("tcp", "tcp6")
                   for line in Path(f"/proc/{self.m._agent_pid}/net/{name}").read_text().splitlines()[1:])

    def sshd(self) -> tuple[int, set[int]]:
        """The host's number of the service's main process, and the ports on which it listens."""
        path = self.m._cgroup / "guest/system.slice/ssh.service/cgroup.procs"
        try:
            pid = min(int(line) for line in path.read_text().split())
            links = [os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()]
            inodes = {link[len("socket:["):-1] for link in links if link.startswith("socket:[")}
            lines = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]]
        except (OSError, ValueError):  # there is no such process, or it has just ended
            return 0, set()
        return pid, {int(line[1].rpartition(":")[2], 16) for line in lines if line[3] == "0A" and line[9] in inodes}

    def daemon(self) -> dict[str, Any]:
        pid = int((self.m._cgroup / f"guest/system.slice/{w.UNIT}/cgroup.procs").read_text().split()[0])
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        names = (os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir())
        return {"pid": pid, "fds": Counter(name.partition(":[")[0] for name in names),
                "dirty": int(re.search(r"Private_Dirty:\s+(\d+)", rollup)[1])}

    def has_ipv4(self, port: int) -> bool:
        """Whether sshd can be reached by IPv4. With Relocate=never it may have to stay on IPv6."""
        return self.policy.get("Relocate") != "never" or "0.0.0.0" in self.m.listeners().get(port, [])

    # ---- events ----

    def windows_claims(self) -> str:
        port = self.chance.choice((22, 22, 22, *PORTS))
        if port in self.windows:
            self.windows.discard(port)
            self.m.windows.release(port)
            return f"Windows leaves {port}"
        if self.m.windows.claim(port):
            self.windows.add(port)
            return f"Windows takes {port}"
        if not self.has_socket(port):  # its socket was closed a moment ago, and no scan of the tracker's has seen that yet
            self.counts["Windows had to wait"] += 1
            w.eventually(lambda: self.has_socket(port) or self.m.windows.claim(port), f"Windows gets {port}, which nobody has")
            if not self.has_socket(port):
                self.windows.add(port)
                return f"Windows waits for {port} and takes it"
        self.counts["Windows was refused what the guest has"] += 1
        return f"Windows can't have {port}"

    def stranger(self) -> str:
        port = self.chance.choice((22, 2222, 22022))
        if port in self.strangers:
            self.strangers.pop(port).kill()
            w.eventually(lambda: self.m.listeners().get(port) != ["127.0.0.1"], "gone")
            return f"a stranger leaves {port}"
        if port in self.m.listeners():
            return f"nobody can have {port}"
        address = self.chance.choice(("0.0.0.0", "0.0.0.0", "192.168.50.10"))
        argv = ["/usr/bin/python3", "-SEc", w.LISTEN, address, str(port), "listen"]
        other = self.chance.random() < 0.4
        process = self.m.other_distro(argv) if other else self.m.spawn(argv)
        w.eventually(lambda: process.poll() is not None or port in self.m.listeners(), "a stranger")
        if process.poll() is not None:
            return f"a stranger can't have {port}"
        self.strangers[port] = process
        return f"{'another distro' if other else 'a stranger'} takes {address}:{port}"

    def ssh(self) -> str:
        verb = self.chance.choice(("restart", "restart", "stop", "start", "kill", "reload"))
        if verb == "kill":
            pid = w.main_pid(self.m)
            if not pid or not self.meant:
                return "no sshd to kill"
            self.m.run(["kill", "-KILL", str(pid)])
            w.eventually(lambda: w.main_pid(self.m) != pid, "dead")
        elif verb == "reload":
            self.m.run(["systemctl", "reload", "ssh.service"])
        else:
            self.meant = verb != "stop"
            self.m.run(["systemctl", verb, "ssh.service"])
            if verb == "stop":  # a failed unit stays failed, as if somebody still wanted it
                self.m.run(["systemctl", "reset-failed", "ssh.service"])
        return f"sshd: {verb}"

    def daemon_ends(self) -> str:
        verb = self.chance.choice(("restart", "kill"))
        if verb == "restart":
            self.m.run(["systemctl", "restart", w.UNIT], check=True)
        else:
            pid = w.main_pid(self.m, w.UNIT)
            self.m.run(["kill", "-KILL", str(pid)], check=True)
            w.eventually(lambda: w.main_pid(self.m, w.UNIT) not in (0, pid) and
                         w.active_state(self.m, w.UNIT) == "active", "started again")
        return f"wslportd: {verb}"

    def systemd(self) -> str:
        argv = self.chance.choice(("daemon-reload", "daemon-reload", "daemon-reexec", "restart dbus.service"))
        self.m.run(["systemctl", *argv.split()])
        w.eventually(lambda: w.active_state(self.m, "dbus.service") == "active", "back")
        return argv

    def session(self) -> str:
        if self.sessions and self.chance.random() < 0.5:
            self.sessions.pop(self.chance.randrange(len(self.sessions))).close()
            return "a session ends"
        ports = [port for port in w.sshd_ports(self.m) if port not in self.windows and self.has_ipv4(port)]
        if not ports or len(self.sessions) >= 4:
            return "no session"
        origin = self.chance.choice(("guest", "lan", "windows"))
        if any(port in self.strangers for port in ports):
            return "no session: a stranger may answer"
        self.sessions.append(self.m.ssh_session(ports[0], origin))
        return f"a session on {ports[0]} from {origin}"

    def configure(self) -> str:
        self.policy = self.chance.choice(POLICIES)
        self.m.write(w.CONFIG, w.configuration(**({"Policy": self.policy} if self.policy else {})))
        self.m.run(["systemctl", "reload", w.UNIT], check=True)
        return f"policy {self.policy}"

    def request(self) -> str:
        if self.chance.random() < 0.5:
            status, error = w.call(self.m, "Restore")
            if status == 0:
                self.expected_port = 22 if w.main_pid(self.m) else 0
            return f"Restore(): {error.strip() or 'done'}"
        port = self.chance.choice((0, 2222, 22022, 2205, 80))
        status, error = w.call(self.m, "Relocate", "q", str(port))
        if status == 0:
            self.expected_port = port if w.main_pid(self.m) else 0
            assert port != 80
        return f"Relocate({port}): {error.strip() or 'done'}"

    def routes(self) -> str:
        for _ in range(self.chance.randint(1, 20)):
            self.m.run(["sh", "-c", "ip address add 192.168.50.77/24 dev eth0; ip address del 192.168.50.77/24 dev eth0"])
        return "addresses come and go"

    def host(self) -> str:
        if self.chance.random() < 0.5:
            self.m.windows.delay(self.chance.choice((50, 300)))
            self.ssh()
            self.m.windows.delay(0)
            return "Windows is slow while: " + f"sshd is {'' if self.meant else 'not '}to run"
        self.m.windows.silent()
        time.sleep(0.3)  # the silence itself
        self.m.windows.silent(False)
        return "Windows is silent for a moment"

    # ---- the owner, and a user, in the middle of things ----

    def begin_request(self) -> Process:
        """Asks for a move, and returns at a random moment in it."""
        arguments = self.chance.choice((("Restore",), ("Relocate", "q", "0"), ("Relocate", "q", "2222"), ("Relocate", "q", "22022")))
        process = w.begin_call(self.m, *arguments)
        time.sleep(self.chance.uniform(0, 0.4))
        return process

    def owner_stops(self) -> str:
        """The owner stops, disables or masks sshd during a move. Whatever came of it, sshd is down then, and stays so."""
        verb = self.chance.choice(("stop", "disable --now", "mask --now"))
        request = self.begin_request()
        result = self.m.run(["systemctl", *verb.split(), "ssh.service"])
        assert result.returncode == 0, result.stderr
        request.wait()
        assert w.main_pid(self.m) == 0, f"systemctl {verb}, and sshd runs"
        undo = {"disable --now": ["enable"], "mask --now": ["unmask"]}.get(verb)
        if undo:
            self.m.run(["systemctl", *undo, "ssh.service"], check=True)
        self.m.run(["systemctl", "reset-failed", "ssh.service"])
        self.meant = False
        self.excused |= set(self.m.stray_reservations("wslport"))
        return f"systemctl {verb} during a move"

    def was_told_at(self, moment: float) -> bool:
        """Whether sshd was told to read its configuration just then: it was checked before, and sshd read it afterwards. The
        owner's own reload has the same moment."""
        return any(abs(int(entry["__REALTIME_TIMESTAMP"]) / 1e6 - moment) < READING_SECONDS
                   for entry in self.m.journal(SYSLOG_IDENTIFIER="sshd") if "Received SIGHUP" in str(entry["MESSAGE"]))

    def sshd_would_not_start(self) -> str:
        """sshd's configuration or a host key is broken for a while. An sshd that runs goes on listening."""
        before = self.sshd()[1]
        broken, key = self.m.path("/etc/ssh/sshd_config.d/60-broken.conf"), self.m.path("/etc/ssh/ssh_host_ed25519_key")
        kind = self.chance.choice(("a typo", "an open key"))
        request = self.begin_request() if self.chance.random() < 0.3 else None
        broken.write_text("Nonsense yes\n") if kind == "a typo" else key.chmod(0o644)
        written = time.time()
        if request is None:
            request = self.begin_request()
        request.wait()
        if self.meant and before and not self.was_told_at(written):
            w.eventually(lambda: self.sshd()[1], f"{kind}: sshd listens on")
        broken.unlink(missing_ok=True)
        key.chmod(0o600)
        self.excused |= set(self.m.stray_reservations("wslport"))
        if not self.sshd()[1] and self.meant:  # a start within this time has failed, for that
            self.m.run(["systemctl", "reset-failed", "ssh.service"])
            self.m.run(["systemctl", "start", "ssh.service"])
        return kind

    def helper_stops(self) -> str:
        self.m.run(["systemctl", "kill", "--signal=STOP", w.HELPER], check=True)
        request = self.begin_request()
        self.m.run(["busctl", "--timeout=10", "get-property", *w.BUS, w.INTERFACE, "State"], check=True)
        self.m.run(["systemctl", "kill", "--signal=CONT", w.HELPER], check=True)
        request.wait()
        return "the helper is stopped for a while"

    def user(self) -> str:
        """Somebody without rights asks for everything at once, and stops and kills what he can."""
        call = f"busctl --auto-start=no --timeout=5 call {' '.join(w.BUS)} {w.INTERFACE}"
        script = f"for i in 1 2 3 4 5 6 7 8; do {call} Probe & {call} Diagnose & {call} Restore & done; kill -STOP -1; wait"
        process = self.m.spawn(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", script])
        self.begin_request().wait()
        process.kill()
        self.m.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", "kill -KILL -1"])
        return "a user asks for everything"

    EVENTS = {windows_claims: 30, stranger: 12, ssh: 22, daemon_ends: 3, systemd: 6, session: 14, configure: 8, request: 10,
              routes: 4, host: 4, owner_stops: 3, sshd_would_not_start: 3, helper_stops: 2, user: 2}

    # ---- after each event ----

    def can_be_down(self, p: dict[str, Any]) -> bool:
        """Whether sshd may have no port although it is to run: it could not bind its own, and Relocate=never forbade to move it."""
        never = self.policy.get("Relocate") == "never"
        if never and (22 in self.windows or 22 in self.strangers) and not self.m.exists(w.PORT_FILE):
            self.failed_by_itself = True
        return never and self.failed_by_itself

    def disagreement(self) -> str:
        """The first thing that isn't as it should be, or ""."""
        p = w.properties(self.m)
        if not p:
            return "wslportd is not on the bus"
        ports = self.sshd()[1]
        if NEVER_AGAIN in p["Reason"] or "tried again in" in p["Reason"]:
            self.problem = "hold"
            return p["Reason"]
        self.problem = ""
        if not self.meant:
            return "" if not ports and p["Port"] == 0 else f"sshd is to be down, and listens on {ports}; Port={p['Port']}"
        if ports or self.policy.get("Relocate") != "never":
            self.failed_by_itself = False
        if not ports:
            return "" if self.can_be_down(p) and p["Port"] == 0 else f"sshd is down: {p['State']}, {p['Reason']}"
        if len(ports) != 1 or p["Port"] not in ports:
            return f"sshd listens on {ports}, Port is {p['Port']}"
        [port] = ports
        told = sorted((address, number) for address, number, _, _ in p["Listeners"])
        real = sorted((address, number) for number, addresses in self.m.listeners().items() for address in addresses
                      if number in {22, port})
        if told != real:
            return f"Listeners are {told}, the kernel has {real}"
        never = self.policy.get("Relocate") == "never"
        if not never and ("0.0.0.0", port) not in real:
            return f"sshd is on {port} by IPv6 only: {p['Reason']}"
        if p["State"] not in (("unmanaged",) if never else ("clear", "relocated")):
            return f"sshd is on {port}, and State is {p['State']}: {p['Reason']}"
        if not never and (p["State"] == "clear") != (port == 22):
            return f"sshd is on {port}, and State is {p['State']}"
        if self.m.exists(w.PORT_FILE) != (port != 22) or (port != 22 and
                                                          self.m.read(w.PORT_FILE).splitlines()[-1] != f"Port {port}"):
            return f"sshd is on {port}, and port.conf says otherwise"
        if port in self.windows or (port in self.strangers and not never):
            return f"sshd is on {port}, which another has"
        if self.policy.get("Relocate") == "mirrored" and port == 22:
            return "Relocate=mirrored, and sshd is on 22"
        if port != 22 and port not in (2222, 22022, *range(2200, 2300)):
            return f"{port} is not in the policy"
        if self.expected_port and port != self.expected_port:
            return f"it was asked for {self.expected_port}, done, and is on {port}"
        return ""

    def settle(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while said := self.disagreement():
            if self.problem == "hold":
                self.patience()
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
        self.expected_port = 0
        self.m._children[:] = [child for child in self.m._children if child.poll() is None]  # each child keeps files open
        pid, ports = self.sshd()
        for port in ports - self.strangers.keys() if (pid, ports) != self.entered else ():
            if self.has_ipv4(port):
                assert w.logs_in(self.m, port), port
        self.entered = pid, ports
        files = os.listdir(self.m.path(f"{w.STATE_DIRECTORY}/sshd.d"))
        assert set(files) <= {"port.conf"}
        for session in self.sessions:
            assert session.process.poll() is None, (session.process.argv, session.process.stderr)

    def patience(self) -> None:
        """The daemon has moved sshd three times within a minute, and waits. The test doesn't: a new daemon has no past."""
        moves = [entry for entry in self.m.journal() if entry.get("SYSLOG_IDENTIFIER") == "wslportd"
                 and re.match("sshd is (moved|back)|sshd could not be moved|.*start", str(entry["MESSAGE"]))]
        assert len(moves) >= 3
        self.counts["patience"] += 1
        self.m.run(["systemctl", "restart", w.UNIT], check=True)

    def event(self, kind: str, number: int) -> None:
        self.chance = random.Random(number)
        self.history.append(kind)
        self.history[-1] = getattr(self, kind)()
        self.counts[kind] += 1
        self.settle()

    def calm(self) -> None:
        """Goes back to the beginning: nobody else has a port, and sshd is at home."""
        for session in self.sessions:
            session.close()
        for process in self.strangers.values():
            process.kill()
        for port in self.windows:
            self.m.windows.release(port)
        self.sessions, self.strangers, self.windows, self.policy, self.meant = [], {}, set(), {}, True
        self.m.write(w.CONFIG, w.configuration())
        self.m.run(["systemctl", "reload", w.UNIT], check=True)
        self.m.run(["systemctl", "start", "ssh.service"], check=True)
        self.settle()
        if w.sshd_ports(self.m) != {22}:
            w.eventually(lambda: w.call(self.m, "Restore") == (0, ""), "home")
        w.wait_properties(self.m, State="clear", Port=22, PinnedSessions=0)
        self.exercise()

    def exercise(self) -> None:
        """Makes the daemon open each socket that it keeps from its first use on, before the test counts its files."""
        session = self.m.ssh_session(22, "lan")
        w.eventually(lambda: w.call(self.m, "Relocate", "q", "0") == (0, ""), "moved")
        w.wait_properties(self.m, State="relocated", PinnedSessions=1)
        session.close()
        w.wait_properties(self.m, PinnedSessions=0)
        w.eventually(lambda: w.call(self.m, "Restore") == (0, ""), "home again")
        w.wait_properties(self.m, State="clear", Port=22)

    def live(self) -> str:
        w.boot(self.m)
        self.calm()
        first = self.daemon()
        try:
            for kind, number in self.script:
                self.event(kind, number)
            self.calm()
            w.eventually(lambda: self.daemon()["fds"] == first["fds"], f"files are left open: {first}, {self.daemon()}")
            last = self.daemon()
            assert last["dirty"] <= first["dirty"] + 40, (first, last)
            w.eventually(lambda: set(self.m.stray_reservations("wslport")) <= self.excused, "sshd listens on each port that wslportd has bound")
        except BaseException as error:
            error.add_note(f"{self.name}, event {len(self.history)}, policy {self.policy}; before it: {self.history[-25:]}")
            raise
        return (f"{self.name}, {len(self.script)} events: fds {first['fds'].total()} → {last['fds'].total()}, Private_Dirty {first['dirty']} → "
                f"{last['dirty']} KiB; {dict(self.counts)}")


# ---- scripts ----

def make_script(seed: int, events: int) -> Script:
    chance, kinds = random.Random(seed), {kind.__name__: weight for kind, weight in Day.EVENTS.items()}
    return [(kind, chance.randrange(1_000_000)) for kind in chance.choices(list(kinds), list(kinds.values()), k=events)]


def format_script(script: Script, history: list[str]) -> str:
    """The script as text, with a remark about each event that has happened."""
    told = history + [""] * (len(script) - len(history))
    return "".join(f"{kind} {number}".ljust(24) + (f"  # {text}" if text else "") + "\n" for (kind, number), text in zip(script, told))


def parse_script(text: str) -> Script:
    lines = [line.partition("#")[0].split() for line in text.splitlines()]
    script = [(kind, int(number)) for kind, number in filter(None, lines)]
    assert {kind for kind, _ in script} <= {kind.__name__ for kind in Day.EVENTS}
    return script


def name_of(error: BaseException) -> str:
    """A name for the broken promise, the same whatever the ports are."""
    first = str(error).splitlines()[0] if str(error) else ""
    return type(error).__name__ + " " + re.sub(r"\d+", "#", re.split("[:,]", first)[0])


def shrink(script: Script, breaks: Callable[[Script], bool], tries: int) -> Script:
    """Finds a short part of a script for which breaks() is still true, within so many tries.

    First it looks for the shortest end of the script. Then delta debugging (Zeller and Hildebrandt, 2002) leaves out one part at
    a time, and halves the parts when none can be left out.
    """
    left = tries

    def still(part: Script) -> bool:
        nonlocal left
        left -= 1
        return breaks(part)

    length = 1
    while left > 0 and length < len(script):
        if still(script[-length:]):
            script = script[-length:]
            break
        length *= 2

    parts = 2
    while left > 0 and len(script) > 1:
        size = -(-len(script) // parts)
        for start in range(0, len(script), size):
            if left <= 0:
                break
            if still(shorter := script[:start] + script[start + size:]):
                script, parts = shorter, max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(2 * parts, len(script))
    return script


@pytest.mark.parametrize("needed, length", [([70], 100), ([3, 40, 41], 60), ([0, 99], 100), ([5], 6)])
def test_shrinking_finds_what_matters(needed, length):
    script = [("ssh", number) for number in range(length)]
    asked = []

    def breaks(part: Script) -> bool:
        asked.append(part)
        return {number for _, number in part} >= set(needed)

    assert shrink(script, breaks, 200) == [("ssh", number) for number in needed]
    count = len(asked)
    assert count <= 60
    # With fewer tries the script is longer, and still breaks.
    asked.clear()
    rest = shrink(script, breaks, count // 2)
    assert len(asked) <= count // 2 and breaks(rest)
    assert parse_script(format_script(rest, ["what came of it"])) == rest


# ---- the day ----

def make_day(make: w.Make, name: str, script: Script) -> Day:
    m = make(foreign=PORTS, **w.HASTE)
    for unit in ("ssh.service", "dbus.service", w.UNIT):
        m.write(f"/etc/systemd/system/{unit}.d/limit.conf", "[Unit]\nStartLimitIntervalSec=0\n")
    return Day(m, name, script)


def shrink_day(make: w.Make, day: Day, error: BaseException, tries: int) -> str:
    """The shortest script that breaks the same promise, with remarks."""
    found = format_script(day.script, day.history)

    def breaks(script: Script) -> bool:
        nonlocal found
        again = make_day(make, "shrinking", script)
        try:
            again.live()
        except Exception as other:
            if name_of(other) != name_of(error):
                return False
            found = format_script(script, again.history)
            return True
        finally:
            again.m.kill()
        return False

    day.m.kill()
    shrink(day.script[:len(day.history)], breaks, tries)
    return found


@pytest.mark.thorough
def test_a_day_at_random(make, capsys):
    events = int(os.environ.get("WSLPORTD_SOAK_EVENTS", "150"))
    seed = int(os.environ.get("WSLPORTD_SOAK_SEED") or time.time_ns() % 1_000_000)
    count = int(os.environ.get("WSLPORTD_SOAK_MACHINES", "1"))
    tries = int(os.environ.get("WSLPORTD_SOAK_TRIES", "30"))
    if file := os.environ.get("WSLPORTD_SOAK_SCRIPT"):
        days = [make_day(make, f"WSLPORTD_SOAK_SCRIPT={file}", parse_script(Path(file).read_text()))]
    else:
        days = [make_day(make, f"WSLPORTD_SOAK_SEED={seed + number}", make_script(seed + number, -(-events // count)))
                for number in range(count)]
    with capsys.disabled():
        print(f"\n{days[0].name}", flush=True)
        with ThreadPoolExecutor(len(days)) as pool:
            lived = [(day, pool.submit(day.live)) for day in days]
        for day, future in lived:
            if error := future.exception():
                print(f"{day.name} failed after {len(day.history)} events: {error}", flush=True)
                if tries > 0:
                    script = shrink_day(make, day, error, tries)
                    print(f"{day.name} failed, and so does this (WSLPORTD_SOAK_SCRIPT=a file with it):\n{script}", flush=True)
                raise error
            print("MEASURED", future.result(), flush=True)
