# SPDX-License-Identifier: LGPL-2.1-or-later
"""Others on the machine mean harm, or know no better. Somebody can log in all the while, and they can't keep the daemon busy."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import wslport as w
from machine import Machine
from processes import PATIENCE, Process
from test_counts import children
from tracing import Trace, obstacle

SECONDS = float(os.environ.get("WSLPORTD_NEIGHBOURS_SECONDS", "12"))
NOBODY = 65534
BUSCLIENT = Path(__file__).with_name("busclient.py")


# ---- somebody logs in all the while ----

def cgroup_of(m: Machine, unit: str) -> Path:
    return m._cgroup / f"guest/system.slice/{unit}"


def sshd_listens(m: Machine, names: tuple[str, ...] = ("tcp",)) -> set[int]:
    """The ports on which sshd listens, by IPv4 unless names says otherwise. Runs nothing in the machine, where that may fail."""
    found = set()
    with contextlib.suppress(OSError):
        inodes = set()
        for pid in (cgroup_of(m, "ssh.service") / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                inodes |= {os.readlink(fd)[len("socket:["):-1] for fd in Path(f"/proc/{pid}/fd").iterdir()}
        for name in names:
            for line in Path(f"/proc/{m._agent_pid}/net/{name}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[9] in inodes:
                    found.add(int(fields[1].rpartition(":")[2], 16))
    return found


def comes_in(m: Machine, port: int) -> bool:
    """Returns whether a login works at the port. A listener that says nothing is given up after 10 s."""
    argv = m._ssh_argv(port, "lan", None, "true")
    process = m.beside("lan", [word.replace(f"ConnectTimeout={PATIENCE}", "ConnectTimeout=10") for word in argv])
    try:
        return process.wait() == 0
    except TimeoutError:
        process.kill()
        return False


class Way(threading.Thread):
    """Somebody logs in again and again, wherever sshd listens."""

    def __init__(self, m: Machine, logs_in: bool, seconds: float) -> None:
        super().__init__()
        self.m, self.logs_in, self.seconds = m, logs_in, seconds
        self.over = threading.Event()
        self.started = self.last = time.monotonic()
        self.times, self.failures, self.longest = 0, 0, 0.0

    def get_in(self) -> bool:
        ports = sshd_listens(self.m)
        if not self.logs_in:
            return bool(ports)
        came_in = any(comes_in(self.m, port) for port in ports)
        self.failures += bool(ports) and not came_in
        return came_in

    def run(self) -> None:
        while not self.over.wait(0.02):
            if self.logs_in and time.monotonic() < self.last + 0.3:
                continue
            came_in, now = self.get_in(), time.monotonic()
            self.longest = max(self.longest, now - self.last)
            if came_in:
                self.times, self.last = self.times + 1, now

    def acts(self, pause: float = 0.07) -> bool:
        """Waits a moment, and returns whether the neighbours are to go on."""
        self.over.wait(pause)
        return time.monotonic() - self.started < self.seconds


# ---- and the daemon does little ----

class Work:
    """What the daemon did since: its evaluations, and the programs that it and its helper started.

    A share of the CPU would depend on the host. These counts depend on the events alone, and `tests/run bench` has the share.
    """

    def __init__(self, m: Machine) -> None:
        self.m, self.before = m, w.evaluations(m)
        self.trace: Trace | None = None

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        if obstacle():
            yield
            return
        pids = [int(pid) for unit in (w.UNIT, w.HELPER) for pid in (cgroup_of(self.m, unit) / "cgroup.procs").read_text().split()]
        events = {"sched/sched_process_exec": "", "sched/sched_process_fork": 'comm ~ "wslportd*"'}
        with Trace(self.m, events, self.m._init_pid, *pids) as self.trace:
            yield

    def evaluations(self) -> int:
        return w.evaluations(self.m) - self.before

    def programs(self) -> Counter[str]:
        """Empty where the kernel can't trace."""
        return Counter(children(self.trace.events())) if self.trace else Counter()


@contextlib.contextmanager
def acting(m: Machine, capsys: pytest.CaptureFixture[str], what: str, *, logs_in: bool = True, seconds: float = SECONDS,
           moves: int = 0, events: Callable[[], int] = lambda: 0, share: float = 1, programs_max: int = 12) -> Iterator[Way]:
    """Neighbours act within, or the test because of them. Checks at the end that the daemon did little, and nobody was locked out.

    logs_in=False: logins are impossible; it is enough that sshd listens.
    moves: how often sshd is stopped or moved. A login may fail because of each.
    events: how many sockets of the neighbours' began or ceased to listen. Each, or this share of them, causes one evaluation at
    most. Each login causes two at most, and the test itself a few.
    programs_max: how many programs the daemon and its helper may start.
    """
    session = m.ssh_session(min(sshd_listens(m)), "lan")
    way, work = Way(m, logs_in, seconds), Work(m)
    with work.counted():
        way.start()
        try:
            yield way
            while way.acts():
                pass
        finally:
            way.over.set()
            way.join()
        evaluations, programs, caused = work.evaluations(), work.programs(), events()
    with capsys.disabled():
        print(f"\nMEASURED {what}: {caused} events, {evaluations} evaluations, {programs.total()} programs {dict(programs)}; "
              f"{way.times} ways in, {way.failures} failures, {way.longest:.2f} s between two at the most", flush=True)
    assert way.times > 3 and way.failures <= moves and way.longest < PATIENCE / 2
    assert session.alive()
    session.close()
    assert evaluations <= share * caused + (2 * way.times if logs_in else 0) + 20
    assert programs.total() <= programs_max


def boot(m: Machine, **policy: str) -> Machine:
    m.write(w.CONFIG, w.configuration(Policy=policy))
    return w.boot(m)


def relocated(make, restore: str = "manual", **options) -> Machine:
    m = boot(make(windows=w.WINDOWS_HOLDS_22, **w.HASTE, **options), Restore=restore)
    w.wait_sshd(m, 2222)
    w.wait_properties(m, State="relocated", Port=2222, HomePortHolder="windows-openssh")
    return m


def start(m: Machine, where: str, script: str, *arguments: str, uid: int = 0) -> Process:
    argv = ["sh", "-c", 'ulimit -n $(ulimit -Hn); exec "$@"', "sh", "/usr/bin/python3", "-SEc", script, *arguments]
    if uid:
        argv = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *argv]
    process = m.other_distro(argv) if where == "other-distro" else m.spawn(argv)
    w.eventually(lambda: "ready" in process.stdout or process.poll() is not None, "it acts")
    assert process.poll() is None, process.stderr
    return process


# ---- who takes ports ----

# Listens on a port for a twentieth of a second, ten times a second, with COUNT other sockets before each. Prints a line for each.
FLAP = """
import os, socket, sys, time
port, count = int(sys.argv[1]), int(sys.argv[2])
others = [socket.socket(socket.AF_UNIX) for _ in range(min(count, os.sysconf("SC_OPEN_MAX") - 100))]
print("ready", flush=True)
while True:
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        s.bind(("0.0.0.0", port))
        s.listen()
        print("listens", flush=True)
    except OSError:
        pass
    time.sleep(0.05)
    s.close()
    time.sleep(0.05)
"""


def flaps(*neighbours: Process) -> int:
    """How many of their sockets have begun or ceased to listen."""
    return 2 * sum(neighbour.stdout.count("listens") for neighbour in neighbours)


HOLD = """
import socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", int(sys.argv[1])))
s.listen()
print("ready", flush=True)
time.sleep(100000)
"""


def claim_again_and_again(m: Machine, way: Way, port: int) -> None:
    """A program of Windows' takes the port and gives it back, too, until the neighbours' time is over."""
    while way.acts():
        m.windows.claim_when_free(port)
        way.acts(0.15)
        m.windows.release(port)
    assert len(m.log("claimed", port=port)) > 3


@pytest.mark.parametrize("where", ["linux", "other-distro"])
def test_home_is_taken_and_given_back_ten_times_a_second(make, capsys, where):
    m = relocated(make, foreign=(22,))
    pid, sshd = w.main_pid(m, w.UNIT), w.main_pid(m)
    m.windows.release(22)
    neighbour = start(m, where, FLAP, "22", "0")
    with acting(m, capsys, f"{where} takes 22 and gives it back", programs_max=3,
                events=lambda: flaps(neighbour) + 2 * len(m.log("claimed", port=22))) as way:
        claim_again_and_again(m, way, 22)
    # The daemon has not missed the last of it.
    neighbour.kill()
    w.wait_properties(m, HomePortHolder="windows", Port=2222)
    last = start(m, where, HOLD, "22")
    w.wait_properties(m, HomePortHolder=where)
    last.kill()
    w.wait_properties(m, HomePortHolder="windows", State="relocated", Port=2222)
    assert (w.main_pid(m, w.UNIT), w.main_pid(m)) == (pid, sshd)


def test_home_is_given_back_ten_times_a_second_to_who_waits_for_it(make, capsys):
    """Restore=auto: sshd may go home each time that 22 is free, and 22 may be taken again before sshd is there."""
    m = boot(make(foreign=(22,), **w.HASTE), Restore="auto")
    w.wait_properties(m, State="clear", Port=22)
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    first = start(m, "linux", HOLD, "22")
    m.run(["systemctl", "start", "ssh.service"])
    w.wait_sshd(m, 2222)
    w.wait_properties(m, State="relocated", Port=2222)
    neighbour = start(m, "linux", FLAP, "22", "0")
    with acting(m, capsys, "22 is given back, and Restore=auto", seconds=2 * SECONDS, moves=6, events=lambda: flaps(neighbour),
                programs_max=30):
        first.kill()
    neighbour.kill()
    w.eventually(lambda: sshd_listens(m) == {22} or w.call(m, "Restore") == (0, ""), "home")
    w.wait_sshd(m, 22)
    w.wait_properties(m, State="clear", Port=22)


# Takes the port that the daemon's file names, as soon as the file is there, so that sshd finds the port taken. Stops after COUNT
# ports.
GREEDY = """
import os, socket, sys, time
count, mine = int(sys.argv[1]), {}
print("ready", flush=True)
while len(mine) < count:
    try:
        port = int(open("/var/lib/wslportd/sshd.d/port.conf").read().split()[-1])
    except (OSError, ValueError, IndexError):
        port = 0
    if port and port not in mine:
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("0.0.0.0", port))
            s.listen()
            mine[port] = s
            print("has", port, flush=True)
        except OSError:
            s.close()
    time.sleep(0.0005)
print("enough", flush=True)
time.sleep(100000)
"""


def test_each_candidate_is_grabbed_while_sshd_runs(make, capsys):
    """root asks for a move, and a user takes the port first: sshd stays where it was, or gets a port that nobody took."""
    m = boot(make(foreign=(2222, 22022, *range(2200, 2300)), **w.HASTE))
    w.wait_properties(m, State="clear", Port=22)
    neighbour = start(m, "linux", GREEDY, "1000", uid=NOBODY)
    with acting(m, capsys, "each candidate is grabbed", moves=4):
        for port in (2222, 22022):
            w.call(m, "Relocate", "q", str(port))
    assert "has 2222" in neighbour.stdout
    p = w.eventually(lambda: (p := w.properties(m)) and {p["Port"]} == sshd_listens(m) and p, "the report is right")
    assert w.logs_in(m, p["Port"])
    neighbour.kill()
    w.eventually(lambda: w.call(m, "Relocate", "q", "2222") == (0, ""), "moved")
    w.wait_sshd(m, 2222)
    w.wait_properties(m, State="relocated", Port=2222)


def test_candidates_are_grabbed_while_sshd_is_down(make, capsys):
    m = boot(make(foreign=(2222, 22022), **w.HASTE))
    w.wait_properties(m, State="clear", Port=22)
    m.windows.release_by_address()  # so that Windows can take 22 although a session is open
    session = m.ssh_session(22, "lan")
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.eventually(lambda: m.windows.claim(22), "Windows gets 22")
    neighbour = start(m, "linux", GREEDY, "2", uid=NOBODY)
    m.run(["systemctl", "start", "ssh.service"])
    # sshd may have got 22022 on IPv6 alone. Nobody would look for it there, so it must not stay.
    w.eventually(lambda: sshd_listens(m) == {2200}, "sshd listens on the port that nobody takes")
    assert neighbour.stdout.split("\n")[1:4] == ["has 2222", "has 22022", "enough"]
    assert session.alive()
    w.wait_properties(m, State="relocated", Port=2200)
    w.wait_sshd(m, 2200)
    with acting(m, capsys, "two candidates were grabbed", programs_max=3):
        pass


# ---- programs that look like sshd ----

# Greets with the words of its argument, and calls its process sshd.
FAKE = """
import socket, sys
open("/proc/self/comm", "w").write("sshd")
port, words = int(sys.argv[1]), sys.argv[2].encode() + b"\\r\\n"
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", port))
s.listen()
print("ready", flush=True)
while True:
    c = s.accept()[0]
    try:
        c.sendall(words)
    except OSError:
        pass
    c.close()
"""


@pytest.mark.parametrize("greeting", ["SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", "SSH-2.0-OpenSSH_for_Windows_9.5"],
                         ids=["linux", "windows"])
def test_a_fake_sshd(make, capsys, greeting):
    m = make(windows=w.WINDOWS_HOLDS_22, foreign=(22, 2222, 22022), **w.HASTE)
    with w.held_boot(m):
        fake = start(m, "linux", FAKE, "2222", greeting, uid=NOBODY)
    w.wait_sshd(m, 22022)
    p = w.wait_properties(m, State="relocated", Port=22022, HomePortHolder="windows-openssh")
    assert {(port, holder) for _, port, holder, _ in p["Listeners"]} == {(22022, "sshd")}
    assert w.said(m, "2222 can't be had", f"sshd (pid {fake_pid(m, fake)})") and w.failed_units(m) == []
    with acting(m, capsys, "a fake sshd on candidates", moves=2):
        # The fake takes sshd's own port as soon as sshd has left it.
        m.run(["systemctl", "stop", "ssh.service"], check=True)
        w.wait_properties(m, Port=0)
        second = start(m, "linux", FAKE, "22022", greeting, uid=NOBODY)
        m.run(["systemctl", "start", "ssh.service"])
        w.wait_sshd(m, 2200)
    p = w.wait_properties(m, State="relocated", Port=2200, HomePortHolder="windows-openssh")
    assert {(port, holder) for _, port, holder, _ in p["Listeners"]} == {(2200, "sshd")}
    # On 22, too, nobody is deceived: the kernel shows whose the socket is.
    m.windows.release(22)
    second.kill()
    home = w.eventually(lambda: try_start(m, FAKE, "22", greeting), "it gets 22")
    p = w.wait_properties(m, HomePortHolder="linux", Port=2200)
    assert p["HomePortHolderDetail"] == f"sshd (pid {fake_pid(m, home)})"
    status, error = w.call(m, "Restore")
    assert status != 0 and "sshd (pid" in error
    assert sshd_listens(m) == {2200} and w.logs_in(m, 2200)


def fake_pid(m: Machine, process: Process) -> int:
    """The process' number in the machine."""
    return int(re.search(r"NSpid:.*\t(\d+)\n", Path(f"/proc/{process.pid}/status").read_text())[1])


def try_start(m: Machine, script: str, *arguments: str) -> Process | None:
    try:
        return start(m, "linux", script, *arguments)
    except AssertionError:
        return None


# ---- full tables ----

# Forks until the table of processes is full, and keeps it full. All of the processes end with the first one.
FILL = """
import os, time
inner, outer = os.pipe()
print("ready", flush=True)
while True:
    try:
        if os.fork() == 0:
            os.close(outer)
            os.read(inner, 1)
            os._exit(0)
    except OSError:
        print("full", flush=True)
        time.sleep(0.01)
"""

# Calls Relocate() at each signal. A process that runs already can do so when no new one can be made.
CALLER = """
import signal, sys
sys.path.insert(0, "/root")
import busclient
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print("ready", flush=True)
for port in (22022, 22022):
    signal.sigwait([signal.SIGUSR1])
    answer = busclient.Client().call(*busclient.MANAGER, "Relocate", "q", (port,))
    print("answer", answer.kind, answer.error, answer.text(), flush=True)
"""


def set_pid_max(m: Machine, count: int) -> None:
    """Limits the machine's own table of processes. Before Linux 6.14 the limit would be the host's."""
    release = tuple(map(int, re.findall(r"\d+", platform.release())[:2]))
    if release < (6, 14):
        pytest.skip("a PID namespace has no pid_max of its own here")
    before = Path("/proc/sys/kernel/pid_max").read_text()
    m.run(["sh", "-ec", f"mount -t proc proc /mnt; echo {count} >/mnt/sys/kernel/pid_max; umount /mnt"], check=True)
    assert Path("/proc/sys/kernel/pid_max").read_text() == before


def test_the_table_of_processes_is_full(make, capsys):
    m = relocated(make, foreign=(22,))
    pid, sshd = w.main_pid(m, w.UNIT), w.main_pid(m)
    m.write("/root/busclient.py", BUSCLIENT.read_text())
    caller = start(m, "linux", CALLER)
    m.windows.release(22)
    flapper = start(m, "linux", FLAP, "22", "0")
    set_pid_max(m, 500)
    with acting(m, capsys, "the table of processes is full", logs_in=False, events=lambda: flaps(flapper)) as way:
        user = start(m, "linux", FILL, uid=NOBODY)
        w.eventually(lambda: user.stdout.count("full") > 20, "the table is full")
        # Sessions stay, but nobody can start a process, sshd neither.
        caller.kill(signal.SIGUSR1)
        w.eventually(lambda: "answer" in caller.stdout, "the daemon answers")
        assert "answer 3 org.wslport1.Error.NotPossible" in caller.stdout
        while way.acts():
            pass
        assert sshd_listens(m) == {2222}
        for process in (user, flapper):
            process.kill()
            process.wait()
    w.eventually(lambda: comes_in(m, 2222), "there is room again")
    assert (w.main_pid(m, w.UNIT), w.main_pid(m)) == (pid, sshd)
    caller.kill(signal.SIGUSR1)
    assert caller.wait() == 0 and "answer 2" in caller.stdout
    w.wait_sshd(m, 22022)
    w.wait_properties(m, State="relocated", Port=22022)


def test_tables_of_descriptors_are_full(make, capsys):
    """Each of several processes has thousands of sockets before the one that listens. Then the daemon can't know who holds 22,
    and still finds sshd. Each evaluation takes tens of ms, so that the daemon's pace allows very few."""
    m = relocated(make, foreign=(22, *range(30000, 30009)))
    pid, sshd = w.main_pid(m, w.UNIT), w.main_pid(m)
    m.windows.release(22)
    others = [start(m, "linux", FLAP, str(port), "5000", uid=NOBODY) for port in range(30000, 30009)]
    with acting(m, capsys, "tables of descriptors are full", programs_max=3, events=lambda: flaps(neighbour),
                share=0.25):
        neighbour = start(m, "linux", FLAP, "22", "30000")
    p = w.wait_properties(m, State="relocated", Port=2222)
    assert {holder for _, port, holder, _ in p["Listeners"] if port == 2222} == {"sshd"}
    assert (w.main_pid(m, w.UNIT), w.main_pid(m)) == (pid, sshd)
    m.run(["systemctl", "restart", "ssh.service"], check=True)
    w.wait_sshd(m, 2222)
    w.wait_properties(m, State="relocated", Port=2222)
    for process in (neighbour, *others):
        process.kill()
        process.wait()
    last = start(m, "linux", HOLD, "22")
    w.wait_properties(m, 75, HomePortHolder="linux")
    last.kill()


# ---- processes with another's number ----

# In each turn another process listens on the port, with the same number and another name.
SAME_PID = """
import os, socket, sys, time
port, number, last, turn = *map(int, sys.argv[1:]), 0
print("ready", flush=True)
while True:
    turn += 1
    with open("/mnt/sys/kernel/ns_last_pid", "w") as f:
        f.write(str(number - 1))
    child = os.fork()
    if child == 0:
        open("/proc/self/comm", "w").write("turn-%d" % turn)
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("0.0.0.0", port))
            s.listen()
        except OSError:
            os._exit(1)
        print(turn, os.getpid(), flush=True)
        time.sleep(0.05 if turn != last else 100000)
        os._exit(0)
    os.waitpid(child, 0)
    time.sleep(0.03)
"""


def test_a_listener_with_the_number_of_the_one_before(make, capsys):
    m = relocated(make, foreign=(22,))
    m.windows.release(22)
    m.run(["mount", "-t", "proc", "proc", "/mnt"], check=True)
    last = int(SECONDS * 8)
    neighbour = start(m, "linux", SAME_PID, "22", "9000", str(last))
    with acting(m, capsys, "processes with one number listen in turn", programs_max=3,
                events=lambda: 2 * neighbour.stdout.count("\n")):
        pass
    w.eventually(lambda: f"\n{last} " in neighbour.stdout, "the last one")
    turns = [line.split() for line in neighbour.stdout.splitlines()[1:]]
    assert sum(pid == "9000" for _, pid in turns) > len(turns) * 0.9
    p = w.wait_properties(m, HomePortHolder="linux", HomePortHolderDetail=f"turn-{last} (pid {turns[-1][1]})")
    assert p["State"] == "relocated" and sshd_listens(m) == {2222}


# Waits until sshd's process has ended, and makes one with its number that listens on its port.
HEIR = """
import os, socket, sys, time
port, number = int(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
while os.path.exists("/proc/%d" % number):
    time.sleep(0.001)
for _ in range(1000):
    with open("/mnt/sys/kernel/ns_last_pid", "w") as f:
        f.write(str(number - 1))
    child = os.fork()
    if child == 0:
        if os.getpid() != number:
            os._exit(1)
        open("/proc/self/comm", "w").write("sshd")
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("0.0.0.0", port))
        s.listen()
        print("heir", flush=True)
        time.sleep(100000)
    if os.waitpid(child, 0)[1] != 256:
        break
"""


def test_a_listener_with_the_number_that_sshd_had(make, capsys):
    m = make(windows=w.WINDOWS_HOLDS_22, foreign=(2222,), **w.HASTE)
    m.write("/etc/systemd/system/ssh.service.d/late.conf", "[Service]\nRestartSec=1\n")
    boot(m)
    w.wait_sshd(m, 2222)
    w.wait_properties(m, State="relocated", Port=2222)
    m.run(["mount", "-t", "proc", "proc", "/mnt"], check=True)
    sshd = w.main_pid(m)
    heir = start(m, "linux", HEIR, "2222", str(sshd))
    with acting(m, capsys, "a stranger has the number that sshd had", moves=2, seconds=3 * SECONDS):
        m.run(["kill", "-KILL", str(sshd)], check=True)
        w.eventually(lambda: "heir" in heir.stdout, "the stranger has sshd's number and port")
        w.wait_sshd(m, 22022)
    p = w.wait_properties(m, State="relocated", Port=22022)
    assert {(port, holder) for _, port, holder, _ in p["Listeners"]} == {(22022, "sshd")}
    status, error = w.call(m, "Relocate", "q", "2222")
    assert status != 0 and f"sshd (pid {sshd}) holds 2222" in error
    assert sshd_listens(m) == {22022} and w.logs_in(m, 22022)


# ---- other things in files' places ----

def fifo(path: Path) -> None:
    os.mkfifo(path)


def link_without_end(path: Path) -> None:
    path.symlink_to("/dev/zero")


def directory(path: Path) -> None:
    path.mkdir()
    (path / "kept").write_text("x")


THINGS = [fifo, link_without_end, directory]
OURS = [w.PORT_FILE, f"{w.STATE_DIRECTORY}/sshd.d/.port.conf.new", w.LAST_PORT_FILE, f"{w.STATE_DIRECTORY}/moved",
        f"{w.STATE_DIRECTORY}/disabled-socket", "/run/wslportd/moved", "/run/wslportd/unread", "/run/wslportd/requested"]


def put(m: Machine, path: str, thing: Callable[[Path], None]) -> None:
    """Puts a thing in the place of a file. Follows links in the folder's path, but not the file itself."""
    place = m.path(Path(path).parent) / Path(path).name
    if place.is_symlink() or place.is_file():
        place.unlink()
    elif place.exists():
        take(place)
    thing(place)


def take(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


@pytest.mark.parametrize("thing", THINGS, ids=[thing.__name__ for thing in THINGS])
def test_other_things_in_files_places(make, capsys, thing):
    """An administrator makes this mistake. A user can't: the daemon reads no file that an ordinary user can write."""
    m = w.clock_hold(relocated(make))
    sshd, session = w.main_pid(m), m.ssh_session(2222, "lan")
    text = m.read(w.CONFIG)
    m.run(["mkdir", "-p", "/run/wslportd"], check=True)
    writable = m.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "find", "/etc/wslportd.conf", "/etc/ssh",
                      w.STATE_DIRECTORY, "/run/systemd", "/run/sshd", "-writable", "(", "-type", "f", "-o", "-type", "d", ")"]).stdout
    assert writable == ""
    with acting(m, capsys, f"{thing.__name__} in files' places", moves=1):
        put(m, w.CONFIG, thing)
        assert m.run(["systemctl", "reload", w.UNIT]).returncode != 0
        w.wait_properties(m, State="relocated", Port=2222)
        for path in OURS:
            put(m, path, thing)
        w.restart(m)
        # The daemon doesn't remove a directory with something in it, and sees sshd where it is all the same.
        w.wait_properties(m, Port=2222)
        w.check_hold(m)
        assert w.said(m, "has errors, and the rest of it is in force")
    assert w.main_pid(m) == sshd and session.alive()
    put(m, w.CONFIG, lambda place: place.write_text(text))
    # The things do no harm at the next boot; the directories are removed here, as the daemon doesn't.
    for path in OURS:
        place = m.path(Path(path).parent) / Path(path).name
        if thing is directory:
            take(place)
        else:
            take(place)
            thing(place)
    m.poweroff()
    w.boot(m)
    w.wait_sshd(m, 2222)
    assert w.logs_in(m, 2222) and w.failed_units(m) == []
    w.wait_properties(m, State="relocated", Port=2222)


@pytest.mark.parametrize("thing", [fifo, directory], ids=["fifo", "directory"])
def test_other_things_in_place_of_our_include_line(make, capsys, thing):
    """sshd can't read its configuration then, and runs on."""
    m = w.clock_hold(relocated(make))
    sshd, text = w.main_pid(m), m.read(w.STATIC_FILE)
    with acting(m, capsys, f"{thing.__name__} in place of our Include line", logs_in=False):
        put(m, w.STATIC_FILE, thing)
        w.restart(m)
        w.wait_properties(m, Port=2222)
        w.check_hold(m)
    assert w.main_pid(m) == sshd
    put(m, w.STATIC_FILE, lambda place: place.write_text(text))
    m.run(["systemctl", "restart", w.UNIT], check=True)
    w.wait_properties(m, State="relocated", Port=2222)
    m.run(["systemctl", "restart", "ssh.service"], check=True)
    w.wait_sshd(m, 2222)
