# SPDX-License-Identifier: LGPL-2.1-or-later
"""tests/run wsl, which checks on a real WSL machine what wslportd and this lab believe of WSL.

In the lab each line that can be seen is `as believed`. Where the lab behaves otherwise, the line says `differs`. Windows'
programs are stand-ins, so what they print shows only that it is understood.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import test_windows as windows
import wslport as w
from machine import Machine
from windows import Greeting

HERE = "/root/wsl"
RUN = ["python3", f"{HERE}/run.py", "--yes"]
WSLCONFIG = "/mnt/c/Users/Johnny B/.wslconfig"
REPORT = "/root/wslportd-beliefs.txt"
OWN_PORT = 23000  # beliefs.py, OUR_PORTS
VERDICTS = ("as believed", "differs", "can't be seen here")
LINE = re.compile(r"(?m)^  (as believed|differs|can't be seen here) {2,}(.+?)(?:: .*)?$")
ON_WINDOWS = {"WSL and Windows", ".wslconfig", "Windows meanwhile", "its release", "interop in a service", "cmdlets", "port ranges",
              "netstat"}

# What the programs of an English Windows print, as Microsoft documents it or people have posted it.
WSL_EXE = r"""
out.write("\ufeffWSL version: 2.8.6.0\r\nKernel version: 6.18.20.1-1\r\nWindows version: 10.0.26100.4652\r\n".encode("utf-16-le"))
"""
REG = r"""
print("\r\nHKEY_CURRENT_USER\\Volatile Environment\r\n    USERPROFILE    REG_SZ    C:\\Users\\Johnny B\r\n\r\n")
"""
CMD = r"""
print("\r\nMicrosoft Windows [Version 10.0.26100.4652]")
"""
NETSH = r"""
if "dynamicport" in sys.argv:
    print("\r\nProtocol tcp Dynamic Port Range\r\n------\r\nStart Port      : 49152\r\nNumber of Ports : 16384\r\n")
else:
    print("\r\nProtocol tcp Port Exclusion Ranges\r\n\r\nStart Port    End Port\r\n----------    --------\r\n"
          "      5357        5357\r\n     50000       50059     *\r\n\r\n* - Administered port exclusions.\r\n")
"""
NETSTAT = r"""
print("\r\nActive Connections\r\n\r\n  Proto  Local Address          Foreign Address        State           PID\r\n"
      "  TCP    0.0.0.0:22             0.0.0.0:0              LISTENING       4312\r\n")
"""
# Its TcpListener has a port as soon as no socket of Linux' shows the port; the tracker isn't asked.
POWERSHELL = r"""
import binascii, re
script = binascii.a2b_base64(sys.argv[-1]).decode("utf-16-le")
listener = re.search(r"Loopback,(\d+)\)", script)
if listener:
    print("held" if ":%04X " % int(listener[1]) in open("/proc/net/tcp").read() else "free after 312")
else:
    print("".join(f"== {name}\n{name} -Name -DisplayName -Direction -Protocol -LocalPort -LocalPorts -RemoteAddress -RemoteAddresses"
                  " -Action -VMCreatorId\n" for name in re.findall(r"'(\w+-\w+)'", script)))
"""
PROGRAMS = {"wsl.exe": WSL_EXE, "reg.exe": REG, "cmd.exe": CMD, "netsh.exe": NETSH, "NETSTAT.EXE": NETSTAT,
            "WindowsPowerShell/v1.0/powershell.exe": POWERSHELL}


def furnish(m: Machine, programs: bool = True) -> Machine:
    shutil.copytree(Path(__file__).parents[1] / "wsl", m.path("/root") / "wsl", ignore=shutil.ignore_patterns("__pycache__"))
    for name, code in PROGRAMS.items() if programs else ():
        windows.stand_in(m, name, code)
    if programs:
        m.write(WSLCONFIG, "[wsl2]\r\nnetworkingMode=mirrored\r\n")
    return m


def machine(make, programs: bool = True, **options: Any) -> Machine:
    stray = (OWN_PORT,)  # as is said beforehand: Windows can't have it for about a minute
    m = w.boot(furnish(make(**{"windows": w.WINDOWS_HOLDS_22, "stray": stray, **options}), programs))
    w.eventually(lambda: w.properties(m), "the daemon answers")
    return m


def verdicts(m: Machine, status: int) -> dict[str, set[str]]:
    """The lines of each verdict, by their names."""
    result = m.run(RUN, timeout=120, directory="/root")
    assert result.returncode == status, result.stdout + result.stderr
    lines = LINE.findall(result.stdout)
    found = {verdict: {name for said, name in lines if said == verdict} for verdict in VERDICTS}
    assert ", ".join(f"{len(found[verdict])} {verdict}" for verdict in VERDICTS) in result.stdout
    return found


def test_the_lab_is_as_believed(make):
    m = machine(make)
    m.run(["hostname", "planted-pc"], check=True)
    found = verdicts(m, 0)
    assert len(found["as believed"]) > 25 and not found["differs"] and not found["can't be seen here"], found
    text = m.read(REPORT)
    assert "differs: " not in text and "WSL 2.8.6, Windows 10.0.26100.4652" in text and "as believed: table 128: 0 routes" in text
    for planted in ("Johnny B", "planted-pc", "192.168.50.10"):
        assert planted not in text
    assert [path.name for path in m.path("/root").iterdir() if "beliefs" in path.name] == ["wslportd-beliefs.txt"]


def test_what_only_windows_can_show(make):
    """Its programs can't be run here."""
    found = verdicts(machine(make, programs=False), 0)
    assert found["can't be seen here"] == ON_WINDOWS and not found["differs"]


# ---- wrong beliefs ----

def spoil_network(m: Machine) -> None:
    m.run(["ip", "route", "replace", "127.0.0.1", "via", "169.254.73.1", "dev", "loopback0", "onlink", "table", "127"], check=True)
    m.run(["ip", "route", "add", "192.168.50.10", "via", "169.254.73.152", "dev", "eth0", "onlink", "table", "128"], check=True)
    m.run(["ip", "rule", "del", "pref", "1", "ipproto", "6", "lookup", "128"], check=True)
    m.run(["ip", "rule", "del", "pref", "0", "iif", "loopback0", "ipproto", "6", "lookup", "local"], check=True)
    m.run(["sh", "-c", "echo 30000 60000 > /proc/sys/net/ipv4/ip_local_port_range"], check=True)


def spoil_windows(m: Machine) -> None:
    windows.stand_in(m, "WindowsPowerShell/v1.0/powershell.exe", 'print("free after 5000")')
    windows.stand_in(m, "netsh.exe", 'print("excluded: 1-2")')
    windows.stand_in(m, "NETSTAT.EXE", "")
    windows.stand_in(m, "wsl.exe", 'print("Usage: wsl.exe [options]")')
    windows.stand_in(m, "cmd.exe", "")
    m.write(WSLCONFIG, "[wsl2]\nnetworkingMode=nat\n")


def hold_other_loopback(m: Machine) -> None:
    """A program of Linux' has what is believed to be free."""
    holder = m.spawn(["python3", "-S", "-c", w.LISTEN, "127.0.0.2", "22", "fork"])
    assert holder.wait() == 0


Spoil = Callable[[Machine], object]
WRONG: dict[str, tuple[dict[str, Any], Spoil | None, set[str]]] = {
    "table 128 is filled": ({"host_loopback": True}, None, {"table 128"}),
    "another greeting": ({"windows": {22: Greeting(b"SSH-2.0-Other\r\n")}}, None, {"22 held by Windows"}),
    "a slow host": ({}, lambda m: m.windows.delay(1500), {"one bind"}),
    "127.0.0.2 is not free": ({}, hold_other_loopback, {"127.0.0.2"}),
    "a network of another kind": ({}, spoil_network, {
        "table 127", "table 128", "rules to Windows", "rules by interface", "block of ports"}),
    "Windows says otherwise": ({}, spoil_windows, ON_WINDOWS),
    "another mode": ({"mode": "nat", "wslinfo": "mirrored", "windows": {}}, None, {
        "seccomp filter", "loopback0", "rules by interface", "rules to Windows", "table 127"}),
    "wslinfo has another word": ({"wslinfo": "mirrord"}, None, {"wslinfo", ".wslconfig", "seccomp filter", "wslportd"}),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_belief_differs(make, wrong):
    options, spoil, names = WRONG[wrong]
    m = machine(make, **options)
    if spoil:
        spoil(m)
    assert verdicts(m, 1)["differs"] == names


# ---- interrupted ----

INTERRUPTED = """
    set -m
    "$@" >/root/output 2>&1 &
    until [ $(grep -c '^  [adc]' /root/output) -ge {lines} ]; do sleep 0.01; done
    kill -{signal} $!
    wait $!
"""


def interrupt(m: Machine, lines: int, signal: str, *options: str) -> None:
    script = INTERRUPTED.format(lines=lines, signal=signal)
    assert m.run(["bash", "-c", script, "bash", *RUN, *options], timeout=120, directory="/root").returncode == 130
    assert "interrupted; nothing is left behind" in m.read("/root/output")


def test_interrupted_it_leaves_nothing(make):
    m = machine(make)
    before = set(m.listeners())
    for lines in (1, 2, 8, 17, 18, 19, 21):  # a later one may be the end
        interrupt(m, lines, "INT" if lines % 2 else "TERM")
        assert set(m.listeners()) == before and not [path for path in m.path("/root").iterdir() if "beliefs" in path.name]


def test_interrupted_moves_are_taken_back(make):
    m = machine(make)
    lines = len(LINE.findall(m.run(RUN, timeout=120, directory="/root").stdout))
    w.wait_properties(m, State="relocated", Port=2222)
    interrupt(m, lines + 1, "INT", "--moves")  # sshd has gone to 22022
    w.wait_properties(m, State="relocated", Port=2222)


def test_moves(make):
    m = machine(make)
    w.wait_properties(m, State="relocated", Port=2222)
    result = m.run([*RUN, "--moves"], timeout=120, directory="/root")
    assert result.returncode == 0 and re.search(r"relocate: port 22022, .*\n.*back: port 2222, ", result.stdout), result.stdout
    w.wait_properties(m, State="relocated", Port=2222)
