# SPDX-License-Identifier: LGPL-2.1-or-later
"""What wslportd and its lab believe of WSL, one function each.

A belief returns what it saw, where that is as believed; it raises Differs where it isn't, and Unseen where it can't be seen
here. Its docstring is what is believed, with the source: a file of github.com/microsoft/WSL, a report, or "lab", for what only
our own imitation has shown.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import netlink
import windows

OUR_PORTS = range(23000, 23100)  # of no use to anybody, and in nobody's CandidatePorts
GATEWAYS = ("169.254.73.249", "169.254.73.152")  # since 2.9.0, before
DESTROY_LENGTHS = range(332, 381)  # 6.1 to 7.3; only attributes are relied on
LOOPBACK_EXCEPTION = "127.0.0.2"
HOME_PORT = 22


class Differs(Exception):
    pass


class Unseen(Exception):
    pass


@dataclass
class Machine:
    """What one belief finds out and others use."""

    mode: str = ""
    windows: bool = False  # its programs can be run
    host_loopback: bool = False  # hostAddressLoopback=true
    raw: dict[str, str] = field(default_factory=dict)  # outputs of programs, for the report
    port: int = 0  # the one that was bound to see how long that takes
    listener: socket.socket | None = None

    def keep(self, title: str, text: str) -> str:
        self.raw[title] = text
        return text


def command(*argv: str, timeout: float = 10) -> str:
    """What a program of Linux' prints; Unseen where it isn't there or fails."""
    if not shutil.which(argv[0]):
        raise Unseen(f"there is no {argv[0]}")
    try:
        result = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Unseen(f"{argv[0]} didn't end within {timeout:.0f} s") from None
    if result.returncode != 0:
        raise Unseen(f"{argv[0]}: {(result.stderr or result.stdout).strip().splitlines()[-1:] or result.returncode}")
    return result.stdout.strip()


def need_windows(m: Machine) -> None:
    if not m.windows:
        raise Unseen("Windows' programs can't be run from here")


def need_mirrored(m: Machine) -> None:
    if m.mode != "mirrored":
        raise Unseen(f"the mode is {m.mode or 'not known'}, not mirrored")


# ---- versions ----

def wsl_version(m: Machine) -> str:
    """wsl.exe tells its version and Windows' (any locale: the first numbers of each line)."""
    need = "WSL 2.0 and Windows 11 22H2 (10.0.22621) have mirrored networking"
    try:
        # Without the last of four numbers, which would be taken for an address.
        text = m.keep("wsl.exe --version", re.sub(r"\b(\d{1,3}(?:\.\d{1,3}){2})\.\d{1,3}\b", r"\1", windows.run("wsl.exe", "--version")))
    except windows.Unavailable as error:
        raise Unseen(str(error)) from None
    m.windows = True
    numbers = [tuple(map(int, found.split("."))) for found in re.findall(r"\d+(?:\.\d+){2,3}", text)]
    if not numbers:
        raise Differs("wsl.exe --version prints no version")
    build = next((n for n in numbers if n[0] == 10 and n[1] == 0 and n[2] > 10000), None)
    if numbers[0] < (2, 0) or (build and build[2] < 22621):
        raise Differs(f"{need}; here: {text.splitlines()[0]}")
    return f"WSL {'.'.join(map(str, numbers[0]))}, Windows {'.'.join(map(str, build)) if build else 'not told'}"


def kernel(m: Machine) -> str:
    """The kernel is 5.15 or later; helpers need 5.11 for close_range(CLOSE_RANGE_CLOEXEC)."""
    release = os.uname().release
    version = tuple(map(int, re.match(r"(\d+)\.(\d+)", release).groups()))
    if version < (5, 15):
        raise Differs(release)
    return release


# ---- WSL ----

def networking_mode(m: Machine) -> str:
    """wslinfo prints one word, without environment, root or interop (microsoft/WSL, util.cpp UtilGetNetworkingMode)."""
    m.mode = command("wslinfo", "--networking-mode", timeout=15)
    if m.mode not in ("nat", "bridged", "mirrored", "consomme", "virtioproxy", "none", "wsl1"):
        raise Differs(f"wslinfo prints {m.mode[:40]!r}")
    return m.mode


def container(m: Machine) -> str:
    """systemd runs as PID 1 with container=wsl, so ConditionVirtualization=wsl holds and =!container doesn't."""
    with open("/proc/1/environ", "rb") as file:
        environment = file.read().split(b"\0")
    with open("/proc/1/comm") as file:
        init = file.read().strip()
    if init != "systemd":
        raise Differs(f"PID 1 is {init}; wslportd needs systemd=true in /etc/wsl.conf")
    if b"container=wsl" not in environment:
        raise Differs("PID 1's environment has no container=wsl")
    said = command("systemd-detect-virt", "--container")
    if said != "wsl":
        raise Differs(f"systemd-detect-virt says {said}")
    return "container=wsl"


def seccomp(m: Machine) -> str:
    """Each process below WSL's init has a seccomp filter where Windows decides about binds (main.cpp RegisterSeccompHook)."""
    with open("/proc/self/status") as file:
        status = file.read()
    filtered = re.search(r"(?m)^Seccomp:\s+2", status) is not None
    expected = m.mode in ("mirrored", "consomme", "virtioproxy")
    if not m.mode:
        raise Unseen("the mode isn't known")
    if filtered != expected:
        raise Differs(f"mode {m.mode}, and {'a' if filtered else 'no'} filter")
    return "a filter" if filtered else "no filter"


# ---- the network ----

def loopback0(m: Machine) -> str:
    """In mirrored mode there is an interface loopback0 on bus vmbus; consomme's is on virtio (lab: no bus)."""
    need_mirrored(m)
    found = [link for link in netlink.links() if link.name == "loopback0"]
    if not found:
        raise Differs("there is no loopback0")
    if found[0].bus == "virtio":
        raise Differs("loopback0 is on virtio")
    return f"loopback0 on {found[0].bus or 'no bus'}"


def rules_by_interface(m: Machine) -> str:
    """Rules `iif NAME ipproto tcp lookup local` for loopback0 and each mirrored interface (NetworkManager.cpp)."""
    need_mirrored(m)
    names = {rule.iif for rule in netlink.rules() if rule.iif and rule.protocol == socket.IPPROTO_TCP
             and rule.table == netlink.RT_TABLE_LOCAL}
    if "loopback0" not in names or len(names) < 2:
        raise Differs(f"such rules are there for: {', '.join(sorted(names)) or 'none'}")
    return f"loopback0 and {len(names) - 1} other"


def rules_to_windows(m: Machine) -> str:
    """Tables 127 and 128 are looked up for tcp before the table local (NetworkManager.cpp)."""
    need_mirrored(m)
    found = netlink.rules()
    local = min((r.priority for r in found if not r.iif and r.table == netlink.RT_TABLE_LOCAL), default=0)
    ahead = {r.table for r in found if r.protocol == socket.IPPROTO_TCP and r.priority < local}
    if not {127, 128} <= ahead:
        raise Differs(f"before the table local come: {sorted(ahead)}")
    return "127 and 128 before local"


def table_127(m: Machine) -> str:
    """Table 127 sends 127.0.0.1 to WSL's gateway by loopback0 (NetworkManager.cpp)."""
    need_mirrored(m)
    found = [r for r in netlink.routes() if r.table == 127]
    if not any(r.to == "127.0.0.1" and r.device == "loopback0" and r.gateway in GATEWAYS for r in found):
        raise Differs(f"table 127 has {len(found)} routes: " + ", ".join(f"{r.to} via {r.gateway} dev {r.device}" for r in found))
    return f"127.0.0.1 via {found[0].gateway}"


def table_128(m: Machine) -> str:
    """Table 128 is empty unless hostAddressLoopback=true (WslMirroredNetworking.cpp): Windows reaches WSL by localhost only."""
    need_mirrored(m)
    found = [r for r in netlink.routes() if r.table == 128]
    if bool(found) != m.host_loopback:
        raise Differs(f"{len(found)} routes in table 128, hostAddressLoopback={str(m.host_loopback).lower()}")
    return f"{len(found)} routes, hostAddressLoopback={str(m.host_loopback).lower()}"


def port_block(m: Machine) -> str:
    """WSL gives the guest a block of 4,096 ports of its own, in ip_local_port_range (WslCoreGuestNetworkService.cpp)."""
    need_mirrored(m)
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        first, last = map(int, file.read().split())
    if last - first + 1 != 4096:
        raise Differs(f"ip_local_port_range is {first} to {last}, {last - first + 1} ports")
    return f"{first} to {last}"


# ---- the kernel ----

def inet_diag(m: Machine) -> str:
    """inet_diag lists listeners, with the inode of their cgroup's folder (CONFIG_INET_DIAG, CONFIG_SOCK_CGROUP_DATA)."""
    with socket.socket() as s:
        s.bind((LOOPBACK_EXCEPTION, 0))
        s.listen()
        found = netlink.listeners(s.getsockname()[1])
    if len(found) != 1:
        raise Differs(f"one listener is made, and {len(found)} are listed")
    with open("/proc/self/cgroup") as file:
        path = next((line.strip()[3:] for line in file if line.startswith("0::")), "")
    inode = os.stat(f"/sys/fs/cgroup{path}").st_ino if path and os.path.isdir(f"/sys/fs/cgroup{path}") else 0
    if found[0].cgroup == 0:
        raise Differs("no cgroup is told")
    if inode and found[0].cgroup not in (inode, 1):
        raise Differs(f"cgroup {found[0].cgroup} is told, the folder's inode is {inode}")
    return "listed with its cgroup"


def destroy_events(m: Machine) -> str:
    """The end of a listener is told by SKNLGRP_INET_TCP_DESTROY, without a privilege (net/core/sock_diag.c)."""
    s = socket.socket()
    s.bind((LOOPBACK_EXCEPTION, 0))
    s.listen()
    length = netlink.destroy_event(s.getsockname()[1], s.close)
    if length == 0:
        raise Differs("the end of a listener wasn't told within two seconds")
    if length not in DESTROY_LENGTHS:
        raise Differs(f"the message has {length} bytes; {DESTROY_LENGTHS[0]} to {DESTROY_LENGTHS[-1]} were seen so far")
    return f"{length} bytes"


def tracepoint(m: Machine) -> str:
    """Tracefs has sock:inet_sock_set_state, and perf_event_paranoid is at most 2 (Microsoft's kernel configurations)."""
    path = "/sys/kernel/tracing/events/sock/inet_sock_set_state/id"
    if not os.path.exists(path):
        raise Differs("tracefs has no event sock/inet_sock_set_state, so wslportd looks by a timer")
    with open("/proc/sys/kernel/perf_event_paranoid") as file:
        paranoid = int(file.read())
    if paranoid > 2:
        raise Differs(f"perf_event_paranoid is {paranoid}, so wslportd looks by a timer")
    return f"there, perf_event_paranoid is {paranoid}"


# ---- ports ----

def greeting(address: str, port: int) -> str:
    """The first line that a server says; "" for none within two seconds. OSError where it can't be connected to."""
    with socket.create_connection((address, port), timeout=2) as s:
        if not select.select([s], [], [], 2)[0]:
            return ""
        return s.recv(255).split(b"\n")[0].decode("ascii", errors="replace").strip()


def held_port(m: Machine) -> str:
    """Where Windows' OpenSSH has 22, its greeting is SSH-2.0-OpenSSH_for_Windows_… (PowerShell/openssh-portable, version.h)."""
    need_mirrored(m)
    if netlink.listeners(HOME_PORT):
        raise Unseen("22 is a program's of Linux")
    try:
        said = greeting("127.0.0.1", HOME_PORT)
    except OSError as error:
        raise Unseen(f"nobody answers on 22: {error.strerror or error}") from None
    if not said.startswith("SSH-2.0-OpenSSH_for_Windows_"):
        raise Differs(f"22 greets with {said[:60]!r}")
    return said


def exception(m: Machine) -> str:
    """A bind of 127.0.0.2 asks nobody: it succeeds for a port that Windows holds (WslCoreGuestNetworkService.cpp)."""
    need_mirrored(m)
    if netlink.listeners(HOME_PORT):
        raise Unseen("22 is a program's of Linux")
    try:
        greeting("127.0.0.1", HOME_PORT)
    except OSError:
        raise Unseen("Windows doesn't hold 22") from None
    with socket.socket() as s:
        try:
            s.bind((LOOPBACK_EXCEPTION, HOME_PORT))
        except OSError as error:
            raise Differs(f"bind(127.0.0.2:22): {error.strerror}") from None
    return "127.0.0.2:22 can be bound while Windows holds 22"


def own_bind(m: Machine) -> str:
    """A bind that Windows allows takes less than a second (lab: it waits for one request to the host)."""
    need_mirrored(m)
    for port in OUR_PORTS:
        s = socket.socket()
        began = time.monotonic()
        try:
            s.bind(("0.0.0.0", port))
            s.listen()
        except OSError as error:
            s.close()
            if error.errno == errno.EADDRINUSE:
                continue
            raise Differs(f"bind(0.0.0.0:{port}): {errno.errorcode.get(error.errno or 0, error)}") from None
        took = time.monotonic() - began
        m.port, m.listener = port, s
        if took > 1:
            raise Differs(f"the bind of {port} took {took:.1f} s")
        return f"port {port}, {took * 1000:.0f} ms"
    raise Differs(f"each of {OUR_PORTS[0]} to {OUR_PORTS[-1]} is refused")


LISTENER_SCRIPT = ("$l=New-Object System.Net.Sockets.TcpListener([System.Net.IPAddress]::Loopback,{port});"
                   "$until=(Get-Date).AddSeconds({seconds});$began=Get-Date;"
                   "while((Get-Date) -lt $until){{try{{$l.Start();$l.Stop();'free after '+"
                   "[int]((Get-Date)-$began).TotalMilliseconds;exit}}catch{{Start-Sleep -Milliseconds 100}}}};'held'")


def held_for_guest(m: Machine) -> str:
    """While a program of Linux listens on a port, Windows can't have it (GnsPortTracker.cpp: exclusive by protocol and port)."""
    need_windows(m)
    if not m.listener:
        raise Unseen("no port could be bound")
    said = windows.powershell(LISTENER_SCRIPT.format(port=m.port, seconds=1)).strip()
    m.keep(f"TcpListener on {m.port} while Linux listens", said)
    if "held" not in said:
        raise Differs(f"Windows: {said[:60]}")
    return "refused there"


def released(m: Machine) -> str:
    """Windows has a port within two seconds after its listener in Linux has been closed (scans every 500 ms)."""
    need_windows(m)
    if not m.listener:
        raise Unseen("no port could be bound")
    time.sleep(1.2)  # two scans see the listener
    m.listener.close()
    m.listener = None
    said = windows.powershell(LISTENER_SCRIPT.format(port=m.port, seconds=10)).strip()
    m.keep(f"TcpListener on {m.port} after its close", said)
    after = re.search(r"free after (\d+)", said)
    if not after or int(after[1]) > 2000:
        raise Differs(f"Windows: {said[:60]}")
    return f"after {after[1]} ms"


# ---- Windows ----

def interop_of_a_service(m: Machine) -> str:
    """A service can run Windows' programs by absolute path with WSL_INTEROP=/run/WSL/1_interop (util.cpp)."""
    need_windows(m)
    path = f"{windows.drives()}c/{windows.SYSTEM32}/cmd.exe"
    said = command("systemd-run", "--quiet", "--wait", "--pipe", "--collect", f"--setenv=WSL_INTEROP={windows.INTEROP_SOCKET}",
                   path, "/c", "ver", timeout=30)
    if "Windows" not in said:
        raise Differs(f"cmd.exe /c ver in a service prints {said[:60]!r}")
    return "cmd.exe runs in a service"


CMDLETS = {
    "New-NetFirewallRule": ["Name", "DisplayName", "Direction", "Protocol", "LocalPort", "RemoteAddress", "Action"],
    "Remove-NetFirewallRule": ["Name"],
    "New-NetFirewallHyperVRule": ["Name", "DisplayName", "Direction", "VMCreatorId", "Protocol", "LocalPorts", "RemoteAddresses",
                                  "Action"],
    "Remove-NetFirewallHyperVRule": ["Name"],
    "Get-NetFirewallHyperVRule": [],
}


def cmdlets(m: Machine) -> str:
    """PowerShell has the firewall's cmdlets with the parameters that wslportctl prints (Microsoft Learn, NetSecurity)."""
    need_windows(m)
    names = ",".join(f"'{name}'" for name in CMDLETS)
    script = f"foreach($n in {names}){{'== '+$n;Get-Command $n -Syntax -ErrorAction SilentlyContinue}}"
    text = m.keep("Get-Command -Syntax", windows.powershell(script, 60))
    missing = []
    for name, parameters in CMDLETS.items():
        syntax = text.partition(f"== {name}\n")[2].partition("\n== ")[0]
        if name not in syntax:
            missing.append(name)
        missing += [f"{name} -{p}" for p in parameters if name in syntax and not re.search(rf"-{p}\b", syntax)]
    if missing:
        raise Differs("not there: " + ", ".join(missing))
    return f"{len(CMDLETS)} cmdlets"


def ranges(m: Machine) -> str:
    """netsh lists excluded ranges and the dynamic range as rows of numbers, in any language."""
    need_windows(m)
    excluded = m.keep("netsh excludedportrange",
                      windows.run("netsh.exe", "int", "ipv4", "show", "excludedportrange", "protocol=tcp"))
    dynamic = m.keep("netsh dynamicport", windows.run("netsh.exe", "int", "ipv4", "show", "dynamicport", "tcp"))
    rows = re.findall(r"(?m)^\s*(\d+)\s+(\d+)(\s+\*)?\s*$", excluded)
    strange = [line for line in excluded.splitlines() if len(re.findall(r"\d+", line)) > 2]
    numbers = [int(n) for n in re.findall(r":\s*(\d+)", dynamic)]
    if strange or any(int(a) > int(b) for a, b, _ in rows) or len(numbers) != 2:
        raise Differs("the rows are of another form; they are in the report")
    return f"{len(rows)} excluded, dynamic from {numbers[0]}, {numbers[1]} ports"


def listeners_of_windows(m: Machine) -> str:
    """netstat -ano lists Windows' TCP listeners with their PIDs in the last column."""
    need_windows(m)
    text = m.keep("netstat -ano", windows.run("NETSTAT.EXE", "-ano", "-p", "TCP"))
    rows = re.findall(r"(?m)^\s*TCP\s+\S+:(\d+)\s+0\.0\.0\.0:0\s+.*?(\d+)\s*$", text)
    if not rows:
        raise Differs("no row of a listener is understood")
    return f"{len(rows)} listeners"


def wslconfig(m: Machine) -> str:
    """.wslconfig is in the Windows user's folder; networkingMode= there is what runs (or what Windows fell back from)."""
    need_windows(m)
    profile = windows.run("reg.exe", "query", r"HKCU\Volatile Environment", "/v", "USERPROFILE")
    found = re.search(r"REG_SZ\s+([A-Za-z]):\\(.*)", profile)
    if not found:
        raise Differs("reg.exe names no USERPROFILE")
    path = f"{windows.drives()}{found[1].lower()}/{found[2].strip()}/.wslconfig".replace("\\", "/")
    if not os.path.exists(path):
        raise Unseen("there is no .wslconfig")
    with open(path, "rb") as file:
        data = file.read(64 * 1024)
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", errors="replace")
    m.keep(".wslconfig", text)
    m.host_loopback = re.search(r"(?im)^\s*hostAddressLoopback\s*=\s*true", text) is not None
    wanted = re.search(r"(?im)^\s*networkingMode\s*=\s*\"?(\w+)", text)
    if wanted and m.mode and wanted[1].lower() != m.mode:
        raise Differs(f"it says networkingMode={wanted[1]}, and {m.mode} runs")
    return f"read, networkingMode={wanted[1] if wanted else 'not given'}"


# ---- the system ----

def journal(m: Machine) -> str:
    """journald keeps this boot's journal."""
    lines = command("journalctl", "-b", "-n", "5", "-o", "cat", "--no-pager").splitlines()
    if not lines:
        raise Differs("journalctl -b is empty")
    return "there"


def system_bus(m: Machine) -> str:
    """The system bus answers, and polkit is there, or root alone may move sshd."""
    names = command("busctl", "--system", "list", "--no-pager", "--no-legend")
    if "org.freedesktop.systemd1" not in names:
        raise Differs("systemd isn't on the system bus")
    return "D-Bus with polkit" if "org.freedesktop.PolicyKit1" in names else "D-Bus without polkit"


def daemon(m: Machine) -> str:
    """wslportd runs, and sees what is seen here: the mode, and sshd's listeners."""
    name = ("org.wslport1", "/org/wslport1", "org.wslport1.Manager")
    said = command("busctl", "--system", "get-property", *name, "NetworkingMode", "State", "Port",
                   "ListenerWatch").splitlines()
    m.keep("wslportd", "\n".join(said))
    mode, port = said[0].partition(" ")[2].strip('"'), int(said[2].split()[1])
    if m.mode and mode != m.mode:
        raise Differs(f"wslportd says {mode}, wslinfo {m.mode}")
    if port and not netlink.listeners(port):
        raise Differs(f"wslportd says that sshd is on {port}, and nobody listens there")
    return f"{said[1].partition(' ')[2]}, port {port}"


Belief = Callable[[Machine], str]

# In this order: later ones use what earlier ones have found out.
BELIEFS: list[tuple[str, list[tuple[str, Belief]]]] = [
    ("versions", [("WSL and Windows", wsl_version), ("kernel", kernel)]),
    ("WSL", [("wslinfo", networking_mode), (".wslconfig", wslconfig), ("systemd's start", container), ("seccomp filter", seccomp)]),
    ("network", [("loopback0", loopback0), ("rules by interface", rules_by_interface), ("rules to Windows", rules_to_windows),
                 ("table 127", table_127), ("table 128", table_128), ("block of ports", port_block)]),
    ("kernel", [("inet_diag", inet_diag), ("destroy events", destroy_events), ("tracepoint", tracepoint)]),
    ("ports", [("22 held by Windows", held_port), ("127.0.0.2", exception), ("one bind", own_bind),
               ("Windows meanwhile", held_for_guest), ("its release", released)]),
    ("Windows", [("interop in a service", interop_of_a_service), ("cmdlets", cmdlets), ("port ranges", ranges),
                 ("netstat", listeners_of_windows)]),
    ("system", [("journal", journal), ("D-Bus and polkit", system_bus), ("wslportd", daemon)]),
]


@dataclass(frozen=True)
class Result:
    name: str
    verdict: str  # "as believed", "differs", "can't be seen here"
    text: str
    belief: str


def check(name: str, belief: Belief, m: Machine) -> Result:
    believed = " ".join((belief.__doc__ or "").split())
    try:
        return Result(name, "as believed", belief(m), believed)
    except Differs as error:
        return Result(name, "differs", str(error), believed)
    except (Unseen, windows.Unavailable) as error:
        return Result(name, "can't be seen here", str(error), believed)
    except (OSError, ValueError, IndexError) as error:
        return Result(name, "can't be seen here", f"{type(error).__name__}: {error}", believed)


def close(m: Machine) -> None:
    if m.listener:
        with contextlib.suppress(OSError):
            m.listener.close()
        m.listener = None
