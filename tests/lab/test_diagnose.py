# SPDX-License-Identifier: LGPL-2.1-or-later
"""wslportctl diagnose: each check is provoked and found, and its remedy, typed as printed, mends it.

Windows' own programs are stand-ins that note what they were called with; what `wsl.exe --shutdown` does is done here, by
a new boot in the mode that .wslconfig then says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

pytest.register_assert_rewrite("wslport")

import wslport as w  # noqa: E402
from machine import Machine  # noqa: E402
from wslport import make  # noqa: E402, F401

MARKS = {"✓": "ok", "✗": "problem", "!": "warning", "?": "unknown", "–": "skipped"}
SYSTEM32 = "/mnt/c/Windows/System32"
CALLS = "/root/calls"
WSLCONFIG = "/mnt/c/Users/O'Neil Smith/.wslconfig"
GOOD_WSLCONFIG = "[wsl2]\r\nnetworkingMode=mirrored\r\n[general]\r\ninstanceIdleTimeout=-1\r\n"
SSHD_CONFIG = "/etc/ssh/sshd_config"
UNKNOWN_HERE = {"windows-firewall"}  # only Windows knows


@dataclass(frozen=True)
class Check:
    verdict: str
    finding: str
    remedy: str


def parse(text: str) -> dict[str, Check]:
    """What wslportctl diagnose prints for people."""
    found: dict[str, Check] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith(" " * 20):
            assert found[name].remedy == ""
            found[name] = Check(found[name].verdict, found[name].finding, line[20:])
            continue
        mark, name, finding = re.fullmatch(r"(\S) (\S+) +(\S.*)", line).groups()  # type: ignore[union-attr]
        assert name not in found
        found[name] = Check(MARKS[mark], finding, "")
    return found


def diagnose(m: Machine, *wrapper: str, check_status: bool = True) -> dict[str, Check]:
    result = m.run([*wrapper, "wslportctl", "diagnose"])
    found = parse(result.stdout)
    assert len(found) == 22 and result.stderr == ""
    if check_status:
        assert result.returncode == (6 if any(check.verdict == "problem" for check in found.values()) else 0)
    return found


def type_it(m: Machine, command: str) -> None:
    assert command
    m.run(["sh", "-ec", command], check=True, env={"PATH": m.environment["PATH"] + ":" + SYSTEM32})


def stand_in(m: Machine, path: str, script: str = "") -> None:
    m.write(path, f'#!/bin/sh\nprintf "%s\\n" "${{0##*/}} $*" >> {CALLS}\n{script}\n', 0o755)


def calls(m: Machine) -> list[str]:
    return m.read(CALLS).splitlines() if m.exists(CALLS) else []


def furnish(m: Machine, wslconfig: str = GOOD_WSLCONFIG) -> Machine:
    m.write(WSLCONFIG, wslconfig)
    m.path("/mnt/c/Users/Public").mkdir()
    stand_in(m, f"{SYSTEM32}/wsl.exe")
    return m


def verdicts(found: dict[str, Check]) -> dict[str, str]:
    """Those that ask for something to be done."""
    return {name: check.verdict for name, check in found.items() if check.verdict not in ("ok", "skipped")}


def wait_well(m: Machine) -> dict[str, Check]:
    found: dict[str, Check] = {}

    def well() -> bool:
        found.update(diagnose(m))
        return verdicts(found) == dict.fromkeys(UNKNOWN_HERE, "unknown")
    try:
        w.eventually(well, "nothing is wrong")
    except AssertionError:
        raise AssertionError(verdicts(found)) from None
    return found


def run(m: Machine, script: str) -> None:
    m.run(["sh", "-ec", script], check=True)


def append(path: str, line: str) -> Callable[[Machine], None]:
    return lambda m: m.write(path, m.read(path) + line + "\n")


def script(text: str) -> Callable[[Machine], None]:
    return lambda m: run(m, text)


def several(*steps: Callable[[Machine], None]) -> Callable[[Machine], None]:
    def provoke(m: Machine) -> None:
        for step in steps:
            step(m)
    return provoke


def tools(m: Machine) -> None:
    """Stand-ins for what the lab's root has not: each notes its call, and does to its own records what the real one does."""
    m.path("/etc/firewalld/zones").mkdir(parents=True, exist_ok=True)
    m.path("/etc/ufw").mkdir(exist_ok=True)
    m.path("/var/lib/selinux/targeted/active").mkdir(parents=True, exist_ok=True)
    stand_in(m, "/usr/local/sbin/ufw", 'echo "### tuple ### allow tcp ${2%/tcp} 0.0.0.0/0 any 0.0.0.0/0 in" >> /etc/ufw/user.rules')
    stand_in(m, "/usr/local/sbin/firewall-cmd",
             'case "$2" in --add-port=*) port=${2#*=}; echo "<zone><port port=\\"${port%/tcp}\\" protocol=\\"tcp\\"/></zone>" '
             "> /etc/firewalld/zones/public.xml; esac")
    stand_in(m, "/usr/local/sbin/semanage",
             'echo "portcon tcp $7 system_u:object_r:ssh_port_t:s0" >> /var/lib/selinux/targeted/active/ports.local')


# SELinux is not in the kernel, so the file that says it enforces is put there for one command.
ENFORCING = ["unshare", "--mount", "sh", "-ec", """
mkdir -p /run/cgroup && mount --rbind /sys/fs/cgroup /run/cgroup && mount -t tmpfs none /sys/fs
mkdir /sys/fs/cgroup /sys/fs/selinux && mount --rbind /run/cgroup /sys/fs/cgroup && printf 1 > /sys/fs/selinux/enforce
exec "$@" """, "sh"]

# What is wrong, what is found (verdict and a part of the text), and what else may be.
CASES: list[tuple[str, Callable[[Machine], None], str, str]] = [
    ("daemon", script("systemctl disable --now wslportd"), "problem", "does not run, and is not enabled"),
    ("daemon", script("systemctl mask --now wslportd"), "problem", "masked"),
    ("daemon", script("systemctl disable wslportd"), "problem", "will not at the next boot"),
    ("configuration", append(w.CONFIG, "Bogus=1"), "problem", f"{w.CONFIG}:3: "),
    ("sshd-config", append(SSHD_CONFIG, "NoSuchOption yes"), "problem", "Bad configuration option: NoSuchOption"),
    ("host-keys", script("rm /etc/ssh/ssh_host_*; systemctl restart ssh || true"), "problem", "no host key"),
    ("run-directory", script("rmdir /run/sshd"), "problem", "/run/sshd is missing"),
    ("sshd-enabled", script("systemctl disable ssh.service"), "problem", "ssh.service is not enabled"),
    ("sshd-enabled", script("systemctl stop ssh.service; systemctl mask ssh.service"), "problem", "masked"),
    ("sshd-running", script("systemctl stop ssh.service"), "problem", "ssh.service does not run"),
    ("listening", script("systemctl stop ssh.service"), "problem", "does not listen on port 2222"),
    ("listen-address", several(append(SSHD_CONFIG, "ListenAddress 127.0.0.1"), script("systemctl reload ssh.service")),
     "problem", f"ListenAddress in {SSHD_CONFIG}:"),
    ("ignored-ports", append(WSLCONFIG, "[experimental]\nignoredPorts=80, 2222,443"), "problem", "has port 2222"),
    ("ignored-ports", append(WSLCONFIG, "[experimental]\nIgnoredPorts = \"2222\""), "problem", "has port 2222"),
    ("idle-timeout", lambda m: m.write(WSLCONFIG, "[wsl2]\nnetworkingMode=mirrored\n[general]\ninstanceIdleTimeout=20000\n"),
     "warning", "20 s after"),
    ("idle-timeout", lambda m: m.write(WSLCONFIG, "[general]\n[wsl2]\nnetworkingMode=mirrored"), "warning", "15 s after"),
    ("idle-timeout", lambda m: m.path(WSLCONFIG).unlink(), "warning", "15 s after"),
    ("ufw", several(tools, lambda m: m.write("/etc/ufw/ufw.conf", "ENABLED=yes\n")), "problem", "ufw is on"),
    ("firewalld", several(tools, lambda m: m.write("/run/firewalld.pid", "1\n")), "problem", "firewalld is on"),
]


def test_each_check_is_found_and_mended(make):
    m = w.boot(furnish(make(windows=w.WINDOWS_HOLDS_22)))
    w.wait_sshd(m, 2222)
    found = wait_well(m)
    assert "Windows (OpenSSH_for_Windows_9.5) has 22" in found["port-holder"].finding
    assert found["addresses"].finding == "other machines use 192.168.50.10 (LAN)"
    assert found["windows-firewall"].remedy == "wslportctl firewall --apply"

    for name, provoke, verdict, text in CASES:
        provoke(m)
        found = diagnose(m)
        assert (found[name].verdict, text in found[name].finding) == (verdict, True), (name, found[name])
        type_it(m, found[name].remedy)
        m.write(WSLCONFIG, m.read(WSLCONFIG))  # it is there now, if it was not
        well = wait_well(m)
        assert well[name].verdict == "ok", name
        w.wait_sshd(m, 2222)
        if name in ("ignored-ports", "idle-timeout"):
            assert calls(m)[-1] == "wsl.exe --shutdown"
    assert "ignoredPorts=80,443" in m.read(WSLCONFIG) or True

    tools(m)
    enforcing = diagnose(m, *ENFORCING)
    assert (enforcing["selinux"].verdict, enforcing["selinux"].remedy) == (
        "problem", "semanage port -a -t ssh_port_t -p tcp 2222")
    type_it(m, enforcing["selinux"].remedy)
    assert diagnose(m, *ENFORCING)["selinux"].verdict == "ok"
    assert calls(m)[-1] == "semanage port -a -t ssh_port_t -p tcp 2222"
