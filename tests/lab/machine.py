# SPDX-License-Identifier: LGPL-2.1-or-later
"""A WSL machine to test in: real systemd, dbus and OpenSSH beneath an emulation of WSL's port tracker.

    with Machine(windows={22: Greeting()}) as m:
        m.write("/etc/wslportd.conf", "...")
        m.boot()
        m.wait_running()
        assert m.banner(22).startswith(b"SSH-2.0-OpenSSH_for_Windows")

A machine is made of anonymous namespaces that belong to its own processes (guest.c, tracker/). These processes end when this
process does, however it ends. Any number of machines may run side by side.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import network
import roots
from processes import PATIENCE, GuestProcess, Process, Session, SideProcess, until
from windows import RELEASE, Greeting, Windows, behaviour, filter_options, gateway

HERE = Path(__file__).parent
CC = ["cc", "-std=gnu17", "-O2", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wshadow", "-Wmissing-prototypes", "-Wstrict-prototypes"]
WSL_MODES = ("mirrored", "nat", "bridged", "none", "consomme", "virtioproxy")
OWN_TOOLS = ("nsenter", "setpriv", "ip", "nft", "ssh", "ssh-keygen", "mmdebstrap")
_counter = itertools.count()


def missing_tools() -> list[str]:
    return [tool for tool in OWN_TOOLS if not shutil.which(tool)]


@functools.cache
def programs() -> Path:
    """The directory of lab-guest, lab-tracker and lab-faults.so: meson's, or one beside the roots, for which cc builds them here."""
    if built := os.environ.get("WSLPORTD_BUILD"):
        for directory in (Path(built) / "tests/lab", Path(built)):
            if (directory / "lab-guest").exists():
                return directory
    sources = {"guest": [HERE / "guest.c"], "tracker": sorted((HERE / "tracker").glob("*.c")), "faults.so": [HERE / "faults.c"]}
    headers = [HERE / "lab.h", HERE / "tracker/tracker.h"]
    version = hashlib.sha256(b"".join(file.read_bytes() for file in sum(sources.values(), headers))).hexdigest()[:12]

    def make(unfinished: Path) -> None:
        unfinished.mkdir()
        for name, files in sources.items():
            more = ["-shared", "-fPIC"] if name.endswith(".so") else []
            subprocess.run([*CC, *more, "-o", unfinished / f"lab-{name}", *files], check=True)
    return roots.once(roots.cache_directory() / f"programs-{version}", make)


class Machine:
    """One machine, over any number of boots."""

    def __init__(
            self,
            mode: str = "mirrored",
            suite: str = "bookworm",
            overlay: Sequence[Path] = (),
            windows: Mapping[int, Greeting] | None = None,
            excluded: Sequence[str] = (),
            kernel: str | None = None,
            wslinfo: str | None = "",
            ssh: str = "service",
            tailscale: bool = False,
            relay: bool = False,
            host_loopback: bool = False,
            release: str = RELEASE,
            scan_ms: int = 500,
            keep_ms: int = 60_000) -> None:
        """
        mode: the networking mode, which decides about the network, the filter and what wslinfo prints; or "not-wsl".
        overlay: directories that are laid over the root, the first on top.
        windows: ports that Windows' programs have before the first boot, with their greetings.
        excluded: Windows' excluded port ranges.
        kernel: the osrelease that the machine shows ("6.6" is enough); before 6.8 scans don't show bound, idle sockets.
        wslinfo: "" prints the mode, "hang" never ends, None isn't installed; any other text is printed.
        ssh: "service" as Debian has it, "socket" activation, or "off".
        tailscale: adds a second mirrored interface, eth1, with an address of 100.64.0.0/10.
        relay: adds loopback0 and its rules to consomme mode.
        host_loopback: hostAddressLoopback=true of .wslconfig: Windows and the guest reach each other by their LAN addresses, too.
        release: of WSL; see behaviour() and filter_options() in windows.py.
        scan_ms, keep_ms: the tracker's rhythm. The defaults are Microsoft's.
        """
        if mode not in (*WSL_MODES, "not-wsl"):
            raise ValueError(f"unknown mode {mode}")
        self.mode = mode
        self.shared_cgroups = False  # as WSL 2.9.8 to 2.9.12 have it
        self.kernel = kernel or "6.18"
        if "microsoft" not in self.kernel:
            self.kernel += ".20.1-microsoft-standard-WSL2"
        self.interfaces = [network.ETH0, *([network.TAILSCALE] if tailscale else [])]
        self.boot_seconds = 0.0  # from boot() to wait_running()'s end
        self._booted_at = 0.0
        self.boot_ids: list[uuid.UUID] = []
        self._suite, self._overlay, self.release = suite, list(overlay), release
        self._relay, self._host_loopback = relay, host_loopback
        self._windows, self._excluded = dict(windows or {}), list(excluded)
        self._wslinfo, self._ssh = wslinfo, ssh
        self._settings = {"scan": scan_ms, "keep": keep_ms, "guest-range": "{}-{}".format(*network.EPHEMERAL),
                          **behaviour(mode, release)}
        version = re.match(r"(\d+)\.(\d+)", self.kernel)
        if version and (int(version[1]), int(version[2])) < (6, 8):
            self._settings["hide-idle"] = True
        self._agent: socket.socket | None = None
        self._init_pid = 0
        self._messages: list[str] = []
        self._children: list[Process] = []

    # ---- life ----

    def __enter__(self) -> Machine:
        self._exit = contextlib.ExitStack()
        try:
            self._start_windows()
            self._start_holder()
            self._furnish()
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._children:
            if process.poll() is None:
                process.kill()
        self._children.clear()
        if self._agent is not None:
            self._agent.close()
        self._exit.close()
        _remove_cgroup(self._cgroup)  # in case the holder was killed before it could do so

    def _start(self, name: str, *arguments: str,
               pass_fds: Sequence[int] = ()) -> tuple[subprocess.Popen[bytes], socket.socket, str]:
        """Starts one of the lab's programs, which ends when its socket is closed. Returns also the words behind its "ready"."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        process = subprocess.Popen([programs() / name, *arguments], stdin=theirs, stdout=subprocess.DEVNULL,
                                   pass_fds=pass_fds, start_new_session=True)
        theirs.close()

        def end() -> None:
            ours.close()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

        self._exit.callback(end)
        ours.settimeout(PATIENCE)
        word, _, rest = ours.recv(256).decode().partition(" ")
        if word != "ready":
            raise RuntimeError(f"{name} didn't start")
        return process, ours, rest

    def _start_windows(self) -> None:
        self._log = os.memfd_create("log", os.MFD_CLOEXEC)
        self._exit.callback(os.close, self._log)
        self._tracker, control, lan = self._start("lab-tracker", str(self._log), pass_fds=[self._log])
        self.windows = Windows(control)
        self.namespaces = {"windows": f"/proc/{self._tracker.pid}/ns/net",
                           "lan": f"/proc/{self._tracker.pid}/fd/{lan}"}
        for name, value in self._settings.items():
            self.windows.set(name, value)
        for ports in self._excluded:
            self.windows.exclude(ports)
        for port, greeting in self._windows.items():
            self.windows.claim(port, greeting)
        self._shell("windows", network.windows_script(self.interfaces, self.namespaces["lan"], self._host_loopback))
        self._shell("lan", network.lan_script(self.interfaces))

    def _start_holder(self) -> None:
        mountpoint = roots.mountpoint()
        hierarchy = _cgroup2()
        _sweep(hierarchy)
        cgroup = hierarchy / f"wslportd-lab.{os.getpid()}.{next(_counter)}"
        layers = ":".join(str(path) for path in [*self._overlay, roots.root(self._suite)])
        self._holder, self._control, _ = self._start("lab-guest", str(mountpoint), str(cgroup), layers)
        self._disk = Path(f"/proc/{self._holder.pid}/root{mountpoint}/root")
        self._cgroup = cgroup

    def _furnish(self) -> None:
        if self.mode != "not-wsl" and self._wslinfo is not None:
            answer = f"echo {self._wslinfo or self.mode}"
            if self._wslinfo == "hang":
                answer = "exec sleep infinity"
            script = f'#!/bin/sh\n[ "$1" = --networking-mode ] || exit 1\n{answer}\n'
            self.write("/usr/bin/wslinfo", script, 0o755)
        if self._ssh != "service":
            self.disable("ssh.service")
        if self._ssh == "socket":
            self.enable("ssh.socket")

    @property
    def running(self) -> bool:
        self._hear()
        return self._agent is not None

    def hurry(self) -> None:
        """Gives the next boots, and Windows' answers, priority over what else this host runs.

        By a real-time policy, which is inherited: the kernel gives each session an autogroup, across which a nice value has
        no effect.
        """
        for process in self._holder, self._tracker:
            os.sched_setscheduler(process.pid, os.SCHED_RR, os.sched_param(1))

    def boot(self, plugged: bool = True) -> None:
        """
        Turns the machine on: a cold boot of the same disk, with an empty /run and a new network.

        plugged=False: the machine has lo only until plug(), as when WSL sets the network up late.
        """
        if self.running:
            raise RuntimeError("the machine is running")
        self._booted_at = time.monotonic()
        self.boot_ids.append(uuid.uuid4())  # the kernel would show the host's, which is the same at each boot
        options = ["hostname=lab", f"boot-id={self.boot_ids[-1]}\n"]
        if self.mode != "not-wsl":
            options += ["container=wsl", f"osrelease={self.kernel}\n",
                        f"version=Linux version {self.kernel} (root@lab) #1 SMP PREEMPT_DYNAMIC\n"]
        options += filter_options(self.release) + (["shared-cgroups"] if self.shared_cgroups else [])

        with contextlib.ExitStack() as stack:
            ours, agents = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            stack.callback(agents.close)
            fds = [agents.fileno()]
            if self.mode in ("mirrored", "consomme", "virtioproxy"):
                tracker_end, agent_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                stack.callback(tracker_end.close)
                stack.callback(agent_end.close)
                self.windows.ask("guest", [tracker_end.fileno()])
                fds.append(agent_end.fileno())
            socket.send_fds(self._control, ["\0".join(["boot", *options]).encode()], fds)
        self._agent_pid = int(self._expect("booted"))

        ours.settimeout(PATIENCE)
        if ours.recv(64) != b"network":
            raise RuntimeError("lab-guest: no network namespace")
        self.namespaces["guest"] = f"/proc/{self._agent_pid}/ns/net"
        if len(self.boot_ids) > 1:
            self._shell("windows", network.unplug_script(self.interfaces), quiet=True)
        if plugged:
            self.plug()
        ours.send(b"start")
        started = ours.recv(64).decode()
        if not started.startswith("started "):
            raise RuntimeError("lab-guest: no PID 1")
        self._init_pid = int(started.split()[1])
        self._agent = ours

    def plug(self) -> None:
        """Connects the network."""
        cables = network.Cables(self.mode, self._relay, tuple(self.interfaces), self._host_loopback, gateway(self.release))
        self._shell("guest", cables.guest_script(self.namespaces["windows"]))
        self._shell("windows", cables.windows_script())

    def wait_running(self, timeout: float = PATIENCE) -> str:
        """Waits until systemd has finished the boot. Returns "running", or "degraded" when a unit has failed."""
        def state() -> str | None:  # None while systemd doesn't answer yet
            answer = self.run(["systemctl", "is-system-running", "--wait"], timeout=timeout).stdout.strip()
            return answer if answer in ("running", "degraded", "maintenance") else None

        answer: str = until("the boot", timeout, state)
        self.boot_seconds = time.monotonic() - self._booted_at
        return answer

    def poweroff(self, timeout: float = PATIENCE) -> None:
        """A clean shutdown."""
        self.run(["systemctl", "poweroff"], timeout=timeout)
        self.wait_down(timeout)

    def kill(self, timeout: float = PATIENCE) -> None:
        """Kills everything at once, as `wsl --shutdown` may do."""
        if self._agent is not None:
            self._agent.close()
            self.wait_down(timeout)

    def wait_down(self, timeout: float = PATIENCE) -> None:
        until("the machine's end", timeout, lambda: not self.running)

    def _hear(self, timeout: float = 0) -> None:
        """Reads a message of the holder's, if there is one."""
        self._control.settimeout(timeout)
        try:
            message = self._control.recv(256).decode()
        except (BlockingIOError, TimeoutError):
            return
        finally:
            self._control.settimeout(None)
        if not message:
            raise RuntimeError("lab-guest has gone")
        if message.startswith("down"):
            if self._agent is not None:
                self._agent.close()
            self._agent = None
        else:
            self._messages.append(message)

    def _expect(self, word: str, timeout: float = PATIENCE) -> str:
        def found() -> str | None:
            self._hear(0.01)
            for message in self._messages:
                if message.startswith(word + " "):
                    self._messages.remove(message)
                    return message.partition(" ")[2]
            return None

        answer: str = until(f"lab-guest's {word}", timeout, found, 0)
        return answer

    # ---- commands ----

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a shell that WSL starts."""
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
               "USER": "root", "LOGNAME": "root", "SHELL": "/bin/sh", "TERM": "dumb", "LANG": "C.UTF-8"}
        if self.mode != "not-wsl":
            env |= {"WSL_DISTRO_NAME": "lab", "WSL_INTEROP": "/run/WSL/1_interop"}
        return env

    def spawn(self, argv: Sequence[str], stdin: bytes | None = None, env: Mapping[str, str] | None = None,
              directory: str = "/", where: str = "here") -> Process:
        """Starts a command in the machine, beneath the filter, as a shell of WSL's does."""
        if self._agent is None:
            raise RuntimeError("the machine isn't running")
        env = {**self.environment, **(env or {})}
        process = GuestProcess(self._agent, argv, stdin, env, directory, where)
        self._children.append(process)
        return process

    def run(self, argv: Sequence[str], check: bool = False, timeout: float = PATIENCE, stdin: bytes | None = None,
            env: Mapping[str, str] | None = None, directory: str = "/") -> subprocess.CompletedProcess[str]:
        """Runs a command in the machine to its end."""
        return self._finish(self.spawn(argv, stdin, env, directory), check, timeout)

    def _finish(self, process: Process, check: bool, timeout: float) -> subprocess.CompletedProcess[str]:
        try:
            return process.finish(check, timeout)
        finally:
            self._children.remove(process)  # frees three descriptors; some tests run thousands of commands

    def other_distro(self, argv: Sequence[str], stdin: bytes | None = None) -> Process:
        """Starts a command as in another WSL distro: with the same network and filter, but in a PID namespace of its own."""
        return self.spawn(argv, stdin, where="other")

    def beside(self, origin: str, argv: Sequence[str], stdin: bytes | None = None) -> Process:
        """Starts a program of the host's in the network of "windows", "lan" or "guest", without the filter."""
        process = SideProcess(self.namespaces[origin], argv, stdin)
        self._children.append(process)
        return process

    def _shell(self, origin: str, script: str, quiet: bool = False) -> None:
        result = SideProcess(self.namespaces[origin], ["sh", "-s"], script.encode()).finish(False, PATIENCE)
        if not quiet and (result.returncode != 0 or result.stderr):
            raise RuntimeError(f"network of {origin}: {result.stderr}\n{script}")

    def hang(self, on: bool = True) -> None:
        """From now on a port without a listener doesn't answer instead of refusing."""
        self._shell("windows", network.HANG_ON if on else network.HANG_OFF)

    def offline(self, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Runs a command on the machine's disk while it is off, as in a chroot."""
        return subprocess.run(["chroot", str(self._disk), *argv],
                              check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env={**self.environment, "SYSTEMD_OFFLINE": "1"})

    # ---- files and units ----

    def path(self, path: str | Path) -> Path:
        """The path by which this process reaches a file of the machine's. Follows links as the machine would."""
        top = Path(f"/proc/{self._agent_pid}/root") if self.running else self._disk
        resolved, rest = Path("/"), list(Path(path).parts[1:])
        for _ in range(1000):
            if not rest:
                break
            part = rest.pop(0)
            if part == "..":
                resolved = resolved.parent
            elif (link := top / str(resolved / part)[1:]).is_symlink():
                target = Path(os.readlink(link))
                rest = list(target.parts[1:] if target.is_absolute() else target.parts) + rest
                resolved = Path("/") if target.is_absolute() else resolved
            else:
                resolved /= part
        return top / str(resolved)[1:]

    def write(self, path: str | Path, text: str | bytes, mode: int = 0o644) -> None:
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)
        target.chmod(mode)

    def read(self, path: str | Path) -> str:
        return self.path(path).read_text()

    def exists(self, path: str | Path) -> bool:
        return self.path(path).exists()

    def enable(self, *units: str) -> None:
        self._systemctl("enable", *units)

    def disable(self, *units: str) -> None:
        self._systemctl("disable", *units)

    def mask(self, *units: str) -> None:
        self._systemctl("mask", *units)

    def _systemctl(self, *arguments: str) -> None:
        if self.running:
            self.run(["systemctl", *arguments], check=True)
        else:
            self.offline(["systemctl", "--root=/", *arguments])

    def journal(self, boot: int = 0, **fields: str) -> list[dict[str, Any]]:
        """The journal of a boot (0: the last, -1: the one before it). Fields select entries: _COMM="sshd"."""
        boot_id = self.boot_ids[boot - 1].hex
        argv = ["journalctl", "--output=json", "--all", "--no-pager", f"_BOOT_ID={boot_id}"]
        argv += [f"{name}={value}" for name, value in fields.items()]
        result = self.run(argv) if self.running else self.offline(argv)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def messages(self, **fields: str) -> list[str]:
        """The texts of the last boot's journal."""
        return [str(entry.get("MESSAGE", "")) for entry in self.journal(**fields)]

    # ---- the network as it is ----

    def listeners(self) -> dict[int, list[str]]:
        """Listening TCP ports with their addresses, from /proc, as any other way would bind() something."""
        found: dict[int, list[str]] = {}
        for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
            for line in Path(f"/proc/{self._agent_pid}/net/{name}").read_text().splitlines()[1:]:
                local, state = line.split()[1], line.split()[3]
                if state == "0A":
                    digits, port = local.split(":")
                    words = [bytes.fromhex(digits[i:i + 8])[::-1] for i in range(0, len(digits), 8)]
                    found.setdefault(int(port, 16), []).append(socket.inet_ntop(family, b"".join(words)))
        return found

    def wait_listening(self, port: int, timeout: float = PATIENCE) -> None:
        until(f"a listener on {port}", timeout, lambda: port in self.listeners(), 0.02)

    def _address(self, origin: str) -> str:
        if self.mode == "mirrored":
            return network.ETH0.address if origin == "lan" else "127.0.0.1"
        return "127.0.0.1" if origin == "guest" else network.NAT_GUEST

    def banner(self, port: int, origin: str = "guest", address: str | None = None,
               timeout: float = 3) -> bytes:
        """Connects to the port and returns what the other side says first, b"" if it says nothing.

        Raises ConnectionRefusedError or TimeoutError if there is no connection.
        """
        script = ("import socket, sys\n"
                  "s = socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3]))\n"
                  "try: sys.stdout.buffer.write(s.recv(4096))\n"
                  "except TimeoutError: pass\n")
        process = self.beside(origin, ["/usr/bin/python3", "-SEc", script, address or self._address(origin),
                                       str(port), str(timeout)])
        result = self._finish(process, False, 2 * timeout + 5)
        if result.returncode != 0:
            if "ConnectionRefusedError" in result.stderr:
                raise ConnectionRefusedError(f"{origin} → {port}")
            if "TimeoutError" in result.stderr:
                raise TimeoutError(f"{origin} → {port}")
            raise OSError(result.stderr)
        return process.stdout_bytes

    def _ssh_argv(self, port: int, origin: str, address: str | None, command: str) -> list[str]:
        key = "/root/.ssh/id_ed25519" if origin == "guest" else str(roots.private_key())
        options = {"UserKnownHostsFile": "/dev/null", "StrictHostKeyChecking": "no", "LogLevel": "ERROR",
                   "IdentitiesOnly": "yes", "BatchMode": "yes", "ConnectTimeout": str(PATIENCE),
                   "KexAlgorithms": "curve25519-sha256"}  # newer ones take longer than the rest of the login
        return ["ssh", "-F", "none", "-i", key, *(f"-o{k}={v}" for k, v in options.items()), "-p", str(port),
                f"root@{address or self._address(origin)}", command]

    def _ssh_process(self, port: int, command: str, origin: str, address: str | None) -> Process:
        argv = self._ssh_argv(port, origin, address, command)
        return self.spawn(argv) if origin == "guest" else self.beside(origin, argv)

    def ssh(self, port: int, command: str = "true", origin: str = "guest", address: str | None = None,
            check: bool = True, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """Runs a command by real ssh, from "guest", "windows" or "lan"."""
        return self._finish(self._ssh_process(port, command, origin, address), check, timeout)

    def ssh_session(self, port: int, origin: str = "windows", address: str | None = None) -> Session:
        """Opens a session that stays. Returns when the session ticks."""
        session = Session(self._ssh_process(port, Session.SCRIPT, origin, address))
        until("the session", PATIENCE, lambda: session.ticks() > 0 or session.process.poll() is not None)
        if session.process.poll() is not None:
            raise RuntimeError(f"ssh: {session.process.stderr}")
        return session

    # ---- what the tracker saw ----

    def log(self, event: str | None = None, **members: Any) -> list[dict[str, Any]]:
        """The tracker's events of all boots, or those of one kind with such members."""
        lines = os.pread(self._log, os.fstat(self._log).st_size, 0).decode().splitlines()
        prefix = f"/{self._cgroup.name}/guest"
        found = []
        for entry in map(json.loads, lines):
            entry["cgroup"] = entry.get("cgroup", "").removeprefix(prefix)
            if event in (None, entry["event"]) and all(entry.get(k) == v for k, v in members.items()):
                found.append(entry)
        return found

    def stray_reservations(self, by: str = "") -> list[int]:
        """TCP ports that Windows has reserved for a command whose name begins so, and on which neither sshd nor systemd listened
        afterwards."""
        strays = set()
        for entry in self.log():
            if entry["event"] == "reserved" and entry["protocol"] == "tcp" and entry["command"].startswith(by):
                strays.add(entry["port"])
            elif entry["event"] == "listening" and entry["command"] in ("sshd", "systemd", "(sd-listen)"):
                strays.discard(entry["port"])
        return sorted(strays)

    def account(self) -> dict[str, str]:
        """The tracker's log, the journal's end and the listeners, for the report of a failed test."""
        found = {}
        with contextlib.suppress(Exception):
            found["tracker"] = "\n".join(map(str, self.log()))
        with contextlib.suppress(Exception):
            found["journal"] = "\n".join(f"{entry.get('SYSLOG_IDENTIFIER', '')}: {entry.get('MESSAGE', '')}"
                                         for entry in self.journal()[-100:])
        with contextlib.suppress(Exception):
            found["listeners"] = str(self.listeners())
        return found


def _cgroup2() -> Path:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ")
        if right.split()[0] == "cgroup2":
            return Path(left.split()[4])
    raise RuntimeError("no cgroup2 hierarchy is mounted")


def _remove_cgroup(path: Path) -> None:
    for directory, _, _ in os.walk(path, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(directory)


def _sweep(hierarchy: Path) -> None:
    """Removes the cgroups of tests whose holder was killed with them."""
    for path in hierarchy.glob("wslportd-lab.*.*"):
        if not Path(f"/proc/{path.name.split('.')[1]}").exists():
            _remove_cgroup(path)
