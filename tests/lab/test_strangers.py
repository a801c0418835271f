# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a user can do: each way by which a user without rights, or Windows' side, comes near the daemon, and what must not come of it.

A row is one way. It is tried as the uid that `USER` is, and after each row `Stage.unharmed()` looks at what no row may achieve:
sshd stays where it is and lets people in, the daemon and its helper run on, their files are as they were, root is answered, and
nothing that only root may know was told. Floods of calls are in test_bus, listeners and processes in test_neighbours.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import test_bus as bus
import wslport as w
from machine import Machine

USER = 65534
AS_USER = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
SECRET = "hunter2secret"
PROFILE = "/mnt/c/Users/me"
DENIED = {f"{bus.ERROR}.{name}" for name in
          ("AccessDenied", "InteractiveAuthorizationRequired", "UnknownMethod", "UnknownObject", "UnknownInterface", "PropertyReadOnly")}


@dataclass
class Stage:
    m: Machine
    before: dict[str, Any]

    def user(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a shell's script as the user. It may do what it can."""
        return self.m.run([*AS_USER, "sh", "-c", script, "sh", *arguments])

    def ask(self, *arguments: object) -> tuple[str, str]:
        return bus.ask(self.m, *arguments, uid=USER)

    def denied(self, *arguments: object) -> None:
        assert self.ask(*arguments)[0] in DENIED

    def diagnosis(self, *wrapper: str) -> str:
        return self.m.run([*wrapper, "busctl", "--json=short", "call", *w.BUS, w.INTERFACE, "Diagnose"], check=True).stdout

    def state(self) -> dict[str, Any]:
        m = self.m
        properties = w.properties(m)
        return {"properties": {name: properties[name] for name in ("State", "Port", "HomePort", "Reason", "Unit", "Mechanism")},
                "processes": {unit: w.main_pid(m, unit) for unit in (w.UNIT, w.HELPER, "ssh.service")},
                "ports": w.sshd_ports(m), "status": w.status_text(m), "files": w.own_files(m),
                "installed": {name: content for name, content in w.contents(m, "/usr/lib/systemd/system", "/etc/ssh/sshd_config.d",
                                                                           "/usr/libexec", "/usr/share/dbus-1").items()
                              if "wslport" in name}}

    def unharmed(self) -> None:
        assert self.state() == self.before
        assert bus.ask_manager(self.m, "Probe")[0] == "return"
        assert w.logs_in(self.m, 2222)


Attempt = Callable[[Stage], Any]


def on_bus(*arguments: object) -> Attempt:
    return lambda s: s.denied(*arguments)


def fails(script: str) -> Attempt:
    def attempt(s: Stage) -> None:
        result = s.user(script)
        assert result.returncode != 0, result.stdout
    return attempt


def whatever(script: str) -> Attempt:
    """What comes of it is seen by Stage.unharmed()."""
    return lambda s: s.user(script)


def each_path(script: str) -> Attempt:
    """Tries the script with each file of the daemon's, with each folder of these, and with where files would be."""
    def attempt(s: Stage) -> None:
        files = [w.CONFIG, w.STATIC_FILE, f"{w.CONFIG}.d/x.conf", "/run/wslportd.conf.d/x.conf", "/usr/lib/wslportd.conf.d/x.conf",
                 "/run/wslportd-helper", "/run/systemd/system/ssh.service.d/zz-wslportd.conf",
                 f"{w.STATE_DIRECTORY}/sshd.d/evil.conf", *s.before["files"], *s.before["installed"]]
        s.user("for path; do folder=${path%/*}; " + script + "; done", *files)
    return attempt


# ---- the bus ----

def spoofs(s: Stage) -> None:
    """Signals as systemd, the bus daemon and polkit send them, to the daemon itself."""
    owner = re.search(r"(?m)^UniqueName=(\S+)", s.m.run(["busctl", "status", w.BUS[0]], check=True).stdout)
    assert owner
    job = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "JobRemoved", "uoss", "1",
           "/org/freedesktop/systemd1/job/1", "ssh.service", "failed")
    unit = ("/org/freedesktop/systemd1/unit/ssh_2eservice", bus.PROPERTIES, "PropertiesChanged", "sa{sv}as",
            "org.freedesktop.systemd1.Unit", "1", "ActiveState", "s", "failed", "0")
    gone = ("/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local", "Disconnected", "")
    for signal in (job, unit, gone):
        for name in (w.BUS[0], owner[1]):
            s.m.run([*AS_USER, "busctl", f"--destination={name}", "emit", *signal])


def texts(s: Stage) -> None:
    for text in ("\033[31m", "$(reboot)", "x" * 100_000, "lan\n", ""):
        assert s.ask(*bus.READS["GetFirewallRules"][:-1], text)[0] == f"{bus.OURS}.InvalidArgument"
        if text:
            assert s.ask(*bus.READS["GetClientConfig"][:-1], text)[0] == f"{bus.OURS}.InvalidArgument"


def reads_all(s: Stage) -> None:
    """Whatever he may read has no secret of root's."""
    for member, arguments in bus.READS.items():
        name, text = s.ask(*arguments)
        assert name == "return" and SECRET not in text, member
    assert SECRET not in s.diagnosis(*AS_USER) and SECRET not in s.m.run([*AS_USER, "wslportctl", "diagnose"]).stdout
    assert SECRET not in s.m.run([*AS_USER, "systemctl", "status", w.UNIT]).stdout


BUS: dict[str, Attempt] = {
    **{f"calls {member}": on_bus(*arguments) for member, arguments in bus.ACTS.items()},
    **{f"calls {member}": on_bus(*arguments) for member, arguments in bus.NOBODYS.items()},
    "reads": reads_all,
    "writes strange texts": texts,
    "sends another's signals": spoofs,
    "takes the name": fails(f"busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus RequestName su {w.BUS[0]} 4"),
    "listens to others' calls": fails("timeout 5 busctl monitor org.wslport1"),
    "stops the units": fails(f"systemctl --no-ask-password stop {w.UNIT} {w.HELPER} {w.HELPER_SOCKET} ssh.service"),
    "reloads the daemon": fails(f"systemctl --no-ask-password reload {w.UNIT}"),
    "has systemd signal it": fails(f"systemctl --no-ask-password kill --signal=HUP {w.UNIT} {w.HELPER}"),
    "sets the environment": fails("systemctl --no-ask-password set-environment WSLPORTD_HELPER=/tmp/evil LD_PRELOAD=/tmp/evil.so"),
    "edits the unit": fails(f"systemctl --no-ask-password set-property --runtime {w.UNIT} CPUQuota=1%"),
}

# ---- sockets, signals, processes ----

PIDS = f"$(systemctl show --property=MainPID --value {w.UNIT} {w.HELPER})"
NOTIFY = """python3 -SEc '
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for text in ("STATUS=owned", "STOPPING=1", "RELOADING=1", "WATCHDOG=trigger", "MAINPID=1", "READY=1"):
    s.sendto(text.encode(), "/run/systemd/notify")'"""
HELPER = """python3 -SEc '
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect("/run/wslportd-helper")'"""


def stops_nobodys_processes(s: Stage) -> None:
    """Some of the daemon's programs aren't root's. None is nobody's, so that he can't stop it in the middle of its work."""
    stopper = s.m.spawn([*AS_USER, "sh", "-c", "while :; do kill -STOP -1; done"])
    with contextlib.ExitStack() as stack:
        stack.callback(stopper.wait)
        stack.callback(stopper.kill)
        for port in (22022, 2222):
            assert bus.ask_manager(s.m, "Relocate", "q", port)[0] == "return"
        assert bus.ask_manager(s.m, "Diagnose")[0] == "return"
    s.before = s.state()


PROCESSES: dict[str, Attempt] = {
    "connects to the helper": fails(HELPER),
    "notifies systemd in the daemon's name": whatever(NOTIFY),
    "sends signals": fails(f"for pid in {PIDS}; do for signal in HUP STOP TERM KILL USR1 0; do kill -$signal $pid && exit 0; done; done; exit 1"),
    "reads its memory": fails(f"for pid in {PIDS}; do head -c 1 /proc/$pid/mem && exit 0; cat /proc/$pid/environ && exit 0; ls /proc/$pid/fd && exit 0; done; exit 1"),
    "goes into its cgroup": fails(f"echo $$ > /sys/fs/cgroup{w.CGROUP}/cgroup.procs || echo $$ > /sys/fs/cgroup{w.HELPER_CGROUP}/cgroup.procs"),
    "freezes its cgroup": fails(f"echo 1 > /sys/fs/cgroup{w.CGROUP}/cgroup.freeze || echo 1 > /sys/fs/cgroup{w.HELPER_CGROUP}/cgroup.freeze"),
    "stops whatever is his": stops_nobodys_processes,
    "writes into the journal as others": whatever("for name in sshd wslportd systemd; do logger -t $name -p auth.err 'error: Bind to port 22'; done"),
    "runs the helper's programs": fails("wslportd; /usr/libexec/wslportd-helper || /usr/libexec/wslportd-bindprobe 22"),
    "runs --reset": fails("wslportd --reset"),
    "points root's wslportctl elsewhere": lambda s: s.m.run(["/usr/bin/wslportctl"], check=True, env={
        "PATH": "/tmp", "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/tmp/evil", "WSLPORTD_HELPER": "/tmp/evil", "WSL_INTEROP": "/tmp/evil"}),
}

# ---- files ----

FILES: dict[str, Attempt] = {
    "writes": each_path('echo evil > "$path"'),
    "links in a file's place": each_path('ln -sf /tmp/evil "$path"'),
    "removes": each_path('rm -rf "$path"'),
    "moves away": each_path('mv "$path" "$path.old"; mv "$folder" "$folder.old"'),
    "makes folders": each_path('mkdir -p "$folder"; mkdir -p "$path"'),
    "changes modes": each_path('chmod 777 "$path" "$folder"'),
    "leaves things in /tmp": whatever("for name in wslportd .wslportd sshd.d port.conf; do ln -sf /etc/shadow /tmp/$name; done"),
}

# ---- Windows' files, which any user may write ----

ROOTS = "[general]\ninstanceIdleTimeout=4242000\n"


def wslconfig(script: str) -> Attempt:
    """Root's diagnosis doesn't follow, and no remedy would write there."""
    def attempt(s: Stage) -> None:
        s.m.write("/root/secret/.wslconfig", ROOTS)
        s.m.run(["sh", "-ec", f"rm -rf /mnt/c/Users; mkdir -p {PROFILE}; chmod -R 777 /mnt/c"], check=True)
        result = s.user(f"cd {PROFILE} && {script}")
        assert result.returncode == 0, result.stderr
        for text in (s.diagnosis(), s.m.run(["wslportctl", "diagnose", "--json"]).stdout, s.diagnosis(*AS_USER)):
            assert "4242" not in text
            assert not re.search(r"(>>|sed|tee)[^|&]*/mnt/c/Users", text)
        assert s.m.read("/root/secret/.wslconfig") == ROOTS
    return attempt


WINDOWS: dict[str, Attempt] = {
    "links .wslconfig": wslconfig("ln -s /root/secret/.wslconfig .wslconfig"),
    "links .wslconfig, relatively": wslconfig("ln -s ../../../../root/secret/.wslconfig .wslconfig"),
    "links the profile": wslconfig("cd .. && rmdir me && ln -s /root/secret me"),
    "links all profiles": wslconfig("cd ../.. && rm -r Users && mkdir /tmp/users && ln -s /root/secret /tmp/users/me && ln -s /tmp/users Users"),
    "links the drive's folder": wslconfig("cd ../.. && rm -r Users && ln -s /root Users"),
    "puts a FIFO": wslconfig("mkfifo .wslconfig"),
    "links to a device": wslconfig("ln -s /dev/zero .wslconfig"),
    "puts a huge file": wslconfig("truncate -s 10G .wslconfig"),
}

TABLES = {"bus": BUS, "processes": PROCESSES, "files": FILES, "windows": WINDOWS}


@pytest.mark.parametrize("table", TABLES)
def test_what_a_user_can_do(make, table):
    m = make(windows=w.WINDOWS_HOLDS_22)
    m.path("/mnt/c/Users/me").mkdir(parents=True, exist_ok=True)
    w.boot(m)
    w.wait_properties(m, State="relocated", Port=2222, HomePortHolderDetail=w.WINDOWS_SOFTWARE)
    # sshd writes such lines for what a client sends.
    m.run(["logger", "-t", "sshd", "-p", "auth.err", f"error: maximum authentication attempts exceeded for invalid user {SECRET}"], check=True)
    s = Stage(m, {})
    s.before = s.state()
    for way, attempt in TABLES[table].items():
        print(way)
        try:
            attempt(s)
            s.unharmed()
        except AssertionError as error:
            raise AssertionError(f"a user {way}: {error}") from error


def test_what_is_told_of_an_sshd_that_failed(make):
    """sshd's own reason is told to root, and to nobody what a client has sent."""
    m = w.boot(make(enabled=False))
    w.wait_sshd(m, 22)
    m.run(["systemctl", "enable", "--now", w.UNIT], check=True)
    w.wait_properties(m, State="clear")
    m.write("/run/systemd/system/ssh.service.d/fail.conf", "[Service]\nExecStart=\nExecStart=/bin/false\n")
    m.run(["sh", "-c", "systemctl daemon-reload; systemctl restart ssh.service"])
    w.eventually(lambda: w.active_state(m, "ssh.service") == "failed", "sshd has failed")
    s = Stage(m, {})
    for text in ("error: Bind to port 22 on 0.0.0.0 failed: Address already in use.",
                 f"error: maximum authentication attempts exceeded for invalid user {SECRET} from 192.0.2.1 port 5 ssh2 [preauth]"):
        m.run(["logger", "-t", "sshd", "-p", "auth.err", text], check=True)
        w.eventually(lambda text=text: any(text in line for line in m.messages(SYSLOG_IDENTIFIER="sshd")), "it is in the journal")
    for told in (s.diagnosis(), s.diagnosis(*AS_USER), m.run(["wslportctl", "diagnose"]).stdout, json.dumps(w.properties(m))):
        assert SECRET not in told
    assert "Bind to port 22" in m.run(["wslportctl", "diagnose"]).stdout and "Bind to port 22" not in s.diagnosis(*AS_USER)


@pytest.mark.parametrize("path, mode, link", [
    ("/etc/ssh/sshd_config.d/60-own.conf", 0o600, ""), ("/srv/own/60-own.conf", 0o644, ""),
    ("/srv/own/60-own.conf", 0o644, "/etc/ssh/sshd_config.d/60-own.conf")])
def test_what_is_told_of_a_file_that_only_root_may_read(make, path, mode, link):
    """sshd's words about it have a piece of it. Everybody is told the line, and root the rest."""
    m = make()
    m.write(path, f"{SECRET} yes\n", mode)
    m.path(path).parent.chmod(0o755 if mode == 0o600 else 0o700)
    if link:
        m.path(link).symlink_to(path)
    else:
        m.write("/etc/ssh/sshd_config.d/50-include.conf", f"Include {path}\n")
    m.boot()
    p = w.eventually(lambda: (p := w.properties(m)) and "60-own.conf" in p["Reason"] and p, "it is told")
    assert "line 1: only root" in p["Reason"] and SECRET not in json.dumps(p) + w.status_text(m)
    assert SECRET in m.run(["wslportctl", "diagnose"]).stdout
