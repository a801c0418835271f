# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the daemon share: they read its state in a Machine, and the same state from independent sources.

Tests don't sleep to be in step with a machine: eventually() waits until a condition is true, and hold() checks that a
condition stays true.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from machine import WSL_MODES, Machine
from processes import PATIENCE, Process, Session
from windows import Greeting

UNIT = "wslportd.service"
HELPER, HELPER_SOCKET = "wslportd-helper.service", "wslportd-helper.socket"
CGROUP = "/system.slice/wslportd.service"
HELPER_CGROUP = "/system.slice/wslportd-helper.service"  # also of the programs that the helper runs for the daemon
CONFIG = "/etc/wslportd.conf"
STATIC_FILE = "/etc/ssh/sshd_config.d/10-wslportd.conf"
STATE_DIRECTORY = "/var/lib/wslportd"
PORT_FILE = f"{STATE_DIRECTORY}/sshd.d/port.conf"
LAST_PORT_FILE = f"{STATE_DIRECTORY}/last-port"
BUS = ("org.wslport1", "/org/wslport1")
INTERFACE = "org.wslport1.Manager"

# tests/run installs this drop-in with a daemon that has sanitizers built in.
SANITIZED = "usr/lib/systemd/system/wslportd.service.d/sanitized.conf"
# Takes the tracepoint away from the helper, which opens it for the daemon.
UNTRACED = "/etc/systemd/system/wslportd-helper.service.d/untraced.conf"

WINDOWS = Greeting()
WINDOWS_SOFTWARE = "OpenSSH_for_Windows_9.5"
WINDOWS_HOLDS_22 = {22: WINDOWS}
STARTED, EXITED, ENTERED = "ExecMainStartTimestampMonotonic", "ExecMainExitTimestampMonotonic", "ActiveEnterTimestampMonotonic"
REASON_RELOCATED = f"Windows ({WINDOWS_SOFTWARE}) holds 22"
STATUS_RELOCATED = f"ssh on 2222; {REASON_RELOCATED}"

# The MESSAGE_ID of each of the daemon's journal entries.
MESSAGES = {"conflict": "46f2508be7884c6e865d6f5adcff99bc", "relocated": "09e8bf5ba3654c62b1228f1736b12d8b",
            "restored": "3bc19b13f8f0466493fad2a5928f74dc", "blocked": "d44c503302c444dc8ec65b606dbacd78",
            "pinned": "e7c41e82b86e452b8c176d70d98ce7b9", "unpinned": "68190a4537254cba92437c190d42900b",
            "no-answer": "9b9e8b71d9b24f52a9a4a29c796cb7fd"}

# The tracker in a hurry, where its own pace isn't what a test is about.
HASTE = {"scan_ms": 30, "keep_ms": 1500}

# sshd says so, or the daemon for it, when a bind of sshd's has failed.
BIND_ERRORS = re.compile(r"Bind to port|Cannot bind any address|Address already in use")

# A copy of the daemon's unit that runs sleep(1) for as long as the daemon may hold the boot. A busy host slows both alike.
HOLD = "lab-hold.service"
NOT_OF_HOLD = ("Type=", "NotifyAccess=", "BusName=", "Exec", "Restart", "WatchdogSec=", "StateDirectory", "Alias=", "Also=")


# ---- waiting ----

def eventually(condition: Callable[[], Any], what: str = "", timeout: float = PATIENCE) -> Any:
    """Waits for a true value of `condition()` and returns it."""
    began = time.monotonic()
    while not (value := condition()):
        waited = time.monotonic() - began
        assert waited < timeout, f"not within {timeout} s: {what}"
        time.sleep(min(max(0.02, waited / 8), 0.25))  # each look takes CPU time from what the test waits for
    return value


def hold(condition: Callable[[], Any], seconds: float, what: str = "") -> None:
    """Checks that `condition()` stays true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), f"no longer true: {what}"
        time.sleep(0.05)


# ---- machines ----

Make = Callable[..., Machine]


def configuration(**sections: dict[str, str]) -> str:
    return "".join(f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in keys.items())
                   for name, keys in {"Daemon": {"LogLevel": "debug"}, **sections}.items())


def boot(m: Machine) -> Machine:
    m.boot()
    m.wait_running()
    return m


def boot_in_time(m: Machine, times: int = 3) -> Machine:
    """Boots until the daemon was fast enough to move sshd before sshd's first bind.

    A busy host can make the daemon too late: it lets sshd start after 2 s and moves sshd then. Such a boot is undone and
    repeated, with a priority above the other machines; the last one counts in any case.
    """
    if own_files(m):  # then a boot can't be undone
        times = 1
        m.hurry()
    while True:
        boot(m)
        times -= 1
        # Units that were switched meanwhile can't be undone here.
        if times == 0 or not said(m, "boot goes on") or any(name.endswith("/disabled-socket") for name in own_files(m)):
            return m
        m.kill()
        for name in own_files(m):
            m.path(name).unlink()
        m.hurry()


def clock_hold(m: Machine) -> Machine:
    """Adds the unit that tells check_hold() when the daemon must have let the boot go on."""
    lines = [line for line in m.read(f"/usr/lib/systemd/system/{UNIT}").splitlines() if not line.startswith(NOT_OF_HOLD)]
    seconds = 4 if m.exists(f"/{SANITIZED}") else 2  # a daemon with sanitizers needs longer until it runs at all
    lines.insert(lines.index("[Service]") + 1, f"RemainAfterExit=yes\nExecStart=/usr/bin/sleep {seconds}")
    m.write(f"/etc/systemd/system/{HOLD}", "\n".join(lines))
    m.enable(HOLD)
    return m


def restart(m: Machine) -> None:
    """Restarts the daemon and the unit of clock_hold()."""
    m.run(["systemctl", "restart", UNIT, HOLD], check=True)


def check_hold(m: Machine, unit: str = UNIT) -> None:
    """Promise 3: the daemon, or another unit, is ready at most two seconds after the daemon's start."""
    eventually(lambda: int(show(m, unit, ENTERED)[ENTERED]), f"{unit} is active")
    eventually(lambda: int(show(m, HOLD, EXITED)[EXITED]), "two seconds are over")
    assert seconds_between(m, UNIT, STARTED, unit, ENTERED) < seconds_between(m, HOLD, STARTED, HOLD, EXITED)


def hide_tracepoint(m: Machine) -> Machine:
    """Makes the daemon do without the tracepoint, which tells of listeners in all network namespaces.

    For tests that count wake-ups or evaluations: the machines of other tests would add theirs.
    """
    m.write(UNTRACED,
            "[Service]\nInaccessiblePaths=-/sys/kernel/tracing -/sys/kernel/debug\n")
    return m


def set_mode(m: Machine, mode: str) -> None:
    """Sets the networking mode from the next boot on."""
    assert not m.running and mode in (*WSL_MODES, "not-wsl")
    m.mode = mode
    m.windows.set_mode(mode, m.release)
    if mode == "not-wsl":
        m.path("/usr/bin/wslinfo").unlink()
    else:
        m._furnish()


def barrier(m: Machine, name: str = "barrier", before: str = f"{UNIT} ssh.service", script: str = "") -> None:
    """Holds the boot just before the daemon starts, until /run/NAME is there. A script, if given, runs there instead."""
    script = script or f"until [ -e /run/{name} ]; do sleep 0.01; done"
    m.write(f"/root/{name}.sh", script)
    m.write(f"/etc/systemd/system/{name}.service",
            "[Unit]\nDefaultDependencies=no\nAfter=sysinit.target dbus.socket\n"
            f"Before={before} shutdown.target\nConflicts=shutdown.target\n"
            f"[Service]\nType=oneshot\nExecStart=/bin/sh /root/{name}.sh\nRemainAfterExit=yes\n"
            "[Install]\nWantedBy=multi-user.target\n")
    m.enable(f"{name}.service")


@contextlib.contextmanager
def held_boot(m: Machine, before: str = f"{UNIT} ssh.service") -> Iterator[None]:
    """Boots, and holds the boot just before the daemon starts for as long as the block runs."""
    barrier(m, before=before)
    m.boot()
    eventually(lambda: active_state(m, "barrier.service") == "activating", "the boot is held")
    yield
    m.write("/run/barrier", "")
    m.wait_running()


LISTEN = """
import os, socket, sys
address, port, words = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
if "listen" in words:  # also where sshd's sessions have left a TIME_WAIT
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((address, port))
if "listen" in words:
    s.listen()
if "fork" in words and os.fork():
    os._exit(0)
import time
time.sleep(100000)
"""


def wrap_helper(m: Machine, line: str) -> None:
    """Makes each run of wslportd-bindprobe begin with a line of shell."""
    helper = "/usr/libexec/wslportd-bindprobe"
    m.write(f"{helper}.real", m.path(helper).read_bytes(), 0o755)
    m.write(helper, f'#!/bin/sh\n{line}\nexec {helper}.real "$@"\n', 0o755)


def asks_windows(m: Machine, address: str = "") -> bool:
    """Whether a bind() of the daemon's waits for its answer. It needs no bind() itself."""
    return m.run(["pgrep", "-f", f"wslportd-bindprobe {address}"]).returncode == 0


def linux_holder(m: Machine, port: int, listen: bool = True) -> None:
    """Enables a Linux program that takes a port before the daemon starts."""
    m.write("/root/listen.py", LISTEN)
    m.write(f"/etc/systemd/system/holder-{port}.service",
            "[Unit]\nDefaultDependencies=no\nAfter=sysinit.target\n"
            f"Before={UNIT} ssh.service shutdown.target\nConflicts=shutdown.target\n"
            f"[Service]\nType=forking\nExecStart=/usr/bin/python3 -S /root/listen.py 0.0.0.0 {port} "
            f"{'listen fork' if listen else 'fork'}\n"
            "[Install]\nWantedBy=multi-user.target\n")
    m.enable(f"holder-{port}.service")


# ---- what systemd, the bus and the journal say ----

def show(m: Machine, unit: str, *names: str) -> dict[str, str]:
    lines = m.run(["systemctl", "show", unit, *(f"--property={name}" for name in names)], check=True).stdout.splitlines()
    return dict(line.partition("=")[::2] for line in lines)


def wait_systemd(m: Machine) -> None:
    """Waits until PID 1 answers, early in a boot."""
    eventually(lambda: active_state(m, "init.scope"), "systemd answers")


def active_state(m: Machine, unit: str) -> str:
    """The unit's ActiveState; "" while systemd doesn't answer yet."""
    return m.run(["systemctl", "show", unit, "--property=ActiveState", "--value"]).stdout.strip()


def status_text(m: Machine) -> str:
    return show(m, UNIT, "StatusText")["StatusText"]


def failed_units(m: Machine) -> list[str]:
    lines = m.run(["systemctl", "list-units", "--failed", "--plain", "--no-legend"], check=True).stdout.splitlines()
    return [line.split()[0] for line in lines]


def seconds_between(m: Machine, unit_a: str, name_a: str, unit_b: str, name_b: str) -> float:
    """Seconds from one of systemd's monotonic timestamps to another."""
    a = int(show(m, unit_a, name_a)[name_a])
    b = int(show(m, unit_b, name_b)[name_b])
    assert a and b, (unit_a, name_a, a, unit_b, name_b, b)
    return (b - a) / 1e6


def ready_seconds(m: Machine, unit: str = UNIT) -> float:
    """Seconds from a unit's exec() to its READY=1."""
    return seconds_between(m, unit, STARTED, unit, ENTERED)


def properties(m: Machine) -> dict[str, Any] | None:
    """All of the daemon's D-Bus properties, or None if the daemon isn't on the bus."""
    result = m.run(["busctl", "--json=short", "call", *BUS, "org.freedesktop.DBus.Properties", "GetAll", "s",
                    INTERFACE])
    if result.returncode != 0:
        return None
    return {name: value["data"] for name, value in json.loads(result.stdout)["data"][0].items()}


def wait_properties(m: Machine, timeout: float = PATIENCE, **expected: Any) -> dict[str, Any]:
    """Waits until the properties are as expected, and returns them all."""
    seen: dict[str, Any] | None = None

    def matches() -> dict[str, Any] | None:
        nonlocal seen
        seen = properties(m)
        return seen if seen and all(seen[name] == value for name, value in expected.items()) else None

    try:
        return eventually(matches, timeout=timeout)
    except AssertionError:
        raise AssertionError(f"expected {expected}, the properties are {seen}") from None


def call(m: Machine, method: str, *arguments: str, uid: int = 0) -> tuple[int, str]:
    """The exit status and the error of a method call."""
    argv = ["busctl", "call", *BUS, INTERFACE, method, *arguments]
    if uid:
        argv = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *argv]
    result = m.run(argv)
    return result.returncode, result.stderr


def begin_call(m: Machine, *request: str) -> Process:
    """A method call that may take long: the method, then its arguments as busctl has them."""
    return m.spawn(["busctl", "--timeout=60", "call", *BUS, INTERFACE, *request])


def seeded() -> random.Random:
    seed = int(os.environ.get("WSLPORTD_SEED", "0")) or random.randrange(1 << 30)
    print(f"WSLPORTD_SEED={seed}")
    return random.Random(seed)


def daemon_messages(m: Machine, boot: int = 0) -> list[str]:
    """The journal's lines of the daemon, and of systemd about the daemon's unit."""
    return [str(entry.get("MESSAGE", "")) for entry in m.journal(boot)
            if entry.get("SYSLOG_IDENTIFIER") == "wslportd" or entry.get("UNIT") == UNIT]


def said(m: Machine, *texts: str) -> bool:
    """Whether one line of the daemon has all of the texts."""
    return any(all(text in line for text in texts) for line in daemon_messages(m))


def main_pid(m: Machine, unit: str = "ssh.service") -> int:
    return int(show(m, unit, "MainPID")["MainPID"])


def evaluations(m: Machine) -> int:
    """The number of evaluations so far: the daemon logs a line for each at LogLevel=debug."""
    return sum(line.startswith("mode ") for line in daemon_messages(m))


def wait_settled(m: Machine, seconds: float = 2) -> None:
    """Waits until the daemon has not evaluated for some seconds. By then late events are over, such as the end of IPv6's
    duplicate address detection."""
    def unchanged() -> bool:
        before = evaluations(m)
        time.sleep(seconds)
        return evaluations(m) == before
    eventually(unchanged, "the daemon settles")


def context_switches(m: Machine) -> int:
    text = m.read(f"/proc/{main_pid(m, UNIT)}/status")
    return sum(int(n) for n in re.findall(r"ctxt_switches:\s+(\d+)", text))


# ---- what the kernel and the tracker say ----

def _sockets(m: Machine, pid: int) -> set[str]:
    links = (os.readlink(fd) for fd in m.path(f"/proc/{pid}/fd").iterdir())
    return {link[len("socket:["):-1] for link in links if link.startswith("socket:[")}


def sshd_ports(m: Machine) -> set[int]:
    """The ports on which ssh.service's main process listens, by its file descriptors."""
    pid = main_pid(m)
    try:
        return _listening(m, pid) if pid else set()
    except OSError:  # the process has just ended
        return set()


def _listening(m: Machine, pid: int) -> set[int]:
    ports = set()
    inodes = _sockets(m, pid)
    for name in ("tcp", "tcp6"):
        for line in m.read(f"/proc/{pid}/net/{name}").splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return ports


def wait_sshd(m: Machine, port: int, timeout: float = PATIENCE) -> None:
    eventually(lambda: sshd_ports(m) == {port} and active_state(m, "ssh.service") == "active",
               f"sshd on {port}", timeout)


def binds(m: Machine, command: str | None = None, cgroup: str | None = None, boot: int = 0) -> list[dict[str, Any]]:
    """TCP binds in the tracker's log since the last boot."""
    log = m.log()
    starts = [i for i, entry in enumerate(log) if entry["event"] == "guest"]
    return [entry for entry in log[starts[boot - 1] if starts else 0:]
            if entry["event"] == "bind" and entry["protocol"] == "tcp" and
            (command is None or entry["command"] == command) and (cgroup is None or entry["cgroup"] == cgroup)]


def count_connections(m: Machine, port: int | str) -> None:
    """From now on connections() tells how many connections to a port of Windows' were begun; "{ 22, 80 }": to one of these."""
    m._shell("windows", f"""nft -f - <<'END'
table ip arrivals {{
    chain syn {{
        type filter hook prerouting priority -310
        tcp dport {port} tcp flags & (syn | ack) == syn counter
    }}
}}
END
""")


def connections(m: Machine) -> int:
    process = m.beside("windows", ["nft", "list", "table", "ip", "arrivals"])
    assert process.wait() == 0
    return int(re.findall(r"packets (\d+)", process.stdout)[0])


def come_up_on_ipv6(m: Machine) -> None:
    """Restarts sshd so that it listens on IPv6 only: another program has 22 on IPv4 meanwhile, and then ends."""
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    process = m.spawn(["/usr/bin/python3", "-S", "-c", LISTEN, "0.0.0.0", "22", "listen"])
    m.wait_listening(22)
    m.run(["systemctl", "start", "ssh.service"], check=True)
    eventually(lambda: "::" in m.listeners()[22], "sshd on IPv6")
    process.kill()
    eventually(lambda: m.listeners()[22] == ["::"], "the other has gone")


def logs_in(m: Machine, port: int, origin: str = "guest") -> bool:
    return m.ssh(port, "echo $((6 * 7))", origin).stdout == "42\n"


def contents(m: Machine, *folders: str) -> dict[str, bytes | str]:
    """Each file below these folders, with its bytes, or with the target of a link."""
    found: dict[str, bytes | str] = {}
    for folder in folders:
        top = m.path(folder)
        for path in sorted(top.rglob("*")):
            name = f"{folder}/{path.relative_to(top)}"
            if path.is_symlink():
                found[name] = os.readlink(path)
            elif path.is_file():
                found[name] = path.read_bytes()
    return found


def own_files(m: Machine) -> dict[str, bytes | str]:
    """Each file of the daemon's that isn't installed with it."""
    found = contents(m, "/etc/ssh", "/etc/systemd", "/run/systemd/system", "/run/systemd/transient", STATE_DIRECTORY)
    not_its = (STATIC_FILE, f".wants/{UNIT}", ".wants/wslportd-reset.service", UNTRACED)
    return {name: data for name, data in found.items() if "wslport" in name and not name.endswith(not_its)}


# ---- sessions ----

def told(m: Machine, message: str) -> list[dict[str, Any]]:
    """The journal's entries of one of the daemon's messages."""
    return m.journal(MESSAGE_ID=MESSAGES[message])


def open_sessions(m: Machine, port: int) -> list[Session]:
    """One session from the guest by IPv4, one by IPv6, and one from a neighbour on the LAN."""
    return [m.ssh_session(port, "guest"), m.ssh_session(port, "guest", "::1"), m.ssh_session(port, "lan")]


@contextlib.contextmanager
def ticking(*sessions: Session) -> Iterator[None]:
    """Checks at its end that all of the sessions still tick."""
    yield
    assert [session.alive() for session in sessions] == [True] * len(sessions)


def reachable(m: Machine, state: str, port: int) -> dict[str, Any]:
    """Checks that the report and the kernel show sshd there, on both families, and that logins work."""
    wait_sshd(m, port)

    # sshd binds one family after the other, and each is reported for itself.
    def both() -> dict[str, Any] | None:
        p = wait_properties(m, State=state, Port=port)
        listeners = {(address, holder) for address, number, holder, _ in p["Listeners"] if number == port}
        return p if listeners == {("0.0.0.0", "sshd"), ("::", "sshd")} else None

    p = eventually(both, "both families are told")
    assert sorted(m.listeners()[port]) == ["0.0.0.0", "::"]
    assert logs_in(m, port) and logs_in(m, port, "lan")
    assert m.ssh(port, "echo $SSH_CONNECTION", "guest", "::1").stdout.split()[3] == str(port)
    assert m.exists(PORT_FILE) == (state == "relocated")
    return p


def relocated(make: Make, restore: str = "manual", **options: Any) -> tuple[Machine, list[Session]]:
    """A machine whose Windows holds 22, with sshd on 2222 and three sessions there."""
    m = boot(make(windows=WINDOWS_HOLDS_22, policy={"Restore": restore}, **options))
    reachable(m, "relocated", 2222)
    return m, open_sessions(m, 2222)


def pinned(make: Make) -> tuple[Machine, Session]:
    """A machine whose sshd has left 22, and the session that still holds 22."""
    m = boot(make(**HASTE))
    reachable(m, "clear", 22)
    session = m.ssh_session(22, "lan")
    leave_home(m)
    return m, session


def leave_home(m: Machine) -> None:
    """Moves sshd away from 22, where one session stays."""
    assert call(m, "Relocate", "q", "0") == (0, "")
    reachable(m, "relocated", 2222)
    wait_properties(m, PinnedSessions=1)
    assert not m.windows.claim(22)


def start_holder(m: Machine, where: str, port: int) -> Process:
    """A program of this distro ("linux") or of another ("other-distro") that listens on the port."""
    argv = ["/usr/bin/python3", "-S", "-c", LISTEN, "0.0.0.0", str(port), "listen"]
    process = m.other_distro(argv) if where == "other-distro" else m.spawn(argv)
    m.wait_listening(port)
    return process


# ---- the whole, from two sides ----

def check_report(m: Machine, state: str, port: int, can_bind: bool = True) -> dict[str, Any]:
    """Promise 5: STATUS, every D-Bus property, the files, systemd and the kernel say the same.

    can_bind=False: binds hang or fail in the machine, so that programs like ip can't run.
    """
    p = wait_properties(m, State=state, Port=port)
    pid = main_pid(m)
    assert sshd_ports(m) == ({port} if port else set())

    assert p["Version"] == m.run(["wslportd", "--version"], check=True).stdout.split()[1]
    assert p["NetworkingMode"] == m.run(["wslinfo", "--networking-mode"], check=True).stdout.strip() == m.mode
    assert p["HomePort"] == 22
    assert p["Unit"] == show(m, "ssh.service", "Id")["Id"] == "ssh.service"
    assert p["ConfigurationFile"] == CONFIG

    def reported(p: dict[str, Any]) -> set[tuple[str, int]]:
        return {(address, number) for address, number, _, _ in p["Listeners"]}

    def listeners() -> set[tuple[str, int]]:
        return {(address, number) for number, addresses in m.listeners().items() if number in (port, 22) for address in addresses}

    # An sshd that has just started binds its second address a moment after the first.
    p = eventually(lambda: (p := properties(m)) and reported(p) == listeners() and p, "the listeners are told")
    assert all((holder, unit) == ("sshd", "ssh.service") for _, _, holder, unit in p["Listeners"])

    established = [line for name in ("tcp", "tcp6") for line in m.read(f"/proc/{pid}/net/{name}").splitlines()[1:]
                   if line.split()[3] == "01" and line.split()[1].endswith(":0016")]
    assert p["PinnedSessions"] == (len(established) if state == "relocated" else 0)

    if can_bind:
        links = json.loads(m.run(["ip", "-json", "address"], check=True).stdout)
        kinds = {"eth0": "lan", "eth1": "tailscale"}
        addresses = {entry["local"]: kinds[link["ifname"]] for link in links if link["ifname"] in kinds
                     for entry in link["addr_info"] if entry["scope"] == "global"}
        assert dict(p["Reachable"]) == ({"127.0.0.1": "loopback", **addresses} if port else {})

    assert abs(p["LastChangeUSec"] / 1e6 - time.time()) < 600

    if state == "relocated":
        greeting = m.banner(22).decode().strip()
        assert greeting.startswith("SSH-2.0-OpenSSH_for_Windows")
        software = greeting.removeprefix("SSH-2.0-")
        p = wait_properties(m, HomePortHolder="windows-openssh", HomePortHolderDetail=software)
        if p["Cause"] != "requested":
            assert (p["Cause"], p["Reason"]) == ("windows-openssh-holds", f"Windows ({software}) holds 22")
        assert status_text(m) == f"ssh on {port}; {p['Reason']}"
        assert m.read(PORT_FILE).splitlines()[-1] == f"Port {port}"
        assert m.read(LAST_PORT_FILE) == f"{port}\n"
    elif state == "clear":
        assert (p["HomePortHolder"], p["HomePortHolderDetail"]) == ("sshd", "")
        assert own_files(m) == {}
        assert status_text(m) == f"ssh on {port}; nothing in its way"
    assert re.match(rb"SSH-2\.0-OpenSSH_\d", m.banner(port))
    return p


def check_relocated_boot(m: Machine, port: int = 2222) -> None:
    """Promise 3: sshd's first bind was the right one, and no unit has failed."""
    assert failed_units(m) == []
    of_sshd = binds(m, command="sshd")
    assert of_sshd and {(entry["port"], entry["verdict"]) for entry in of_sshd} == {(port, "allow")}
    assert not [line for line in m.messages() if BIND_ERRORS.search(line)]
    assert sshd_ports(m) == {port}
    assert logs_in(m, port) and logs_in(m, port, "windows") and logs_in(m, port, "lan")
    assert m.banner(22) == WINDOWS.text

