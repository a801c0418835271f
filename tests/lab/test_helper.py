# SPDX-License-Identifier: LGPL-2.1-or-later
"""wslportd.service has next to no rights, and its helper only those that it needs. Without the helper, or with one that is killed
or stopped at any moment, nobody is locked out, and all is well when the helper is back."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from pathlib import Path

import pytest

import test_kill as kill
import wslport as w
from machine import Machine
from windows import SILENT

PROGRAM = "/usr/libexec/wslportd-helper"


def exposure(m: Machine, unit: str) -> float:
    out = m.run(["systemd-analyze", "security", "--no-pager", unit], check=True).stdout
    return float(re.findall(r"exposure level for \S+: ([0-9.]+)", out)[0])


def status(m: Machine, unit: str, name: str) -> list[str]:
    """The values of a field in the status of the unit's main process."""
    return re.findall(rf"^{name}:\s*(.*)", m.read(f"/proc/{w.main_pid(m, unit)}/status"), re.MULTILINE)


def socket_inode(m: Machine) -> str:
    return re.findall(r"(\d+) /run/wslportd-helper$", m.read(f"/proc/{w.main_pid(m, w.HELPER)}/net/unix"), re.MULTILINE)[0]


def test_the_daemon_may_do_next_to_nothing(make):
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22))
    w.check_report(m, "relocated", 2222)
    assert exposure(m, w.UNIT) <= 1.5
    for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert status(m, w.UNIT, name) == ["0" * 16]
    assert status(m, w.UNIT, "Seccomp") == ["2"] and status(m, w.UNIT, "NoNewPrivs") == ["1"]

    # A program with one capability binds.
    assert {entry["command"] for entry in w.binds(m, cgroup=w.HELPER_CGROUP)} == {"wslportd-bindpr"}
    assert not w.binds(m, cgroup=w.CGROUP)


def program_of_helper(m: Machine, name: str) -> dict[str, str]:
    """The status of a program that the helper has run, and that waits."""
    def found() -> dict[str, str] | None:
        for pid in (m._cgroup / f"guest{w.HELPER_CGROUP}/cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/status").read_text()
                if text.startswith(f"Name:\t{name}\n"):
                    return dict(re.findall(r"^(\w+):[ \t]*(.*)", text, re.MULTILINE))
        return None

    return w.eventually(found, f"the helper runs {name}")


def capabilities(status: dict[str, str]) -> dict[str, int]:
    return {name: int(status["Cap" + name], 16) for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")}


def test_who_its_programs_are(make):
    """sshd is asked as root with one right; the others are a user that nothing else is. No service's user can disturb them."""
    m = make(windows={22: SILENT})
    m.write(w.CONFIG, w.configuration(Windows={"ProbeTimeoutSec": "10"}))
    w.boot(m)
    greeting = program_of_helper(m, "wslportd-greeti")
    w.wait_properties(m, State="relocated", Port=2222)

    m.windows.silent()
    asking = m.spawn(["busctl", "call", *w.BUS, w.INTERFACE, "Relocate", "q", "22022"])
    probe = program_of_helper(m, "wslportd-bindpr")
    m.windows.silent(False)
    asking.wait()

    os.mkfifo(m.path("/etc/ssh/sshd_config.d/zz.conf"))  # sshd waits for its contents
    m.spawn(["busctl", "call", *w.BUS, w.INTERFACE, "Relocate", "q", "2222"])
    sshd = program_of_helper(m, "sshd")

    read, bind = 1 << 2, 1 << 10
    for status, user, right in (greeting, 65523, 0), (probe, 65523, bind), (sshd, 0, read):
        for ids in "Uid", "Gid":
            assert status[ids].split() == [str(user)] * 4, status
        assert status["Groups"] == "" and status["NoNewPrivs"] == "1", status
        ambient = right if user != 0 else 0  # root needs none
        assert capabilities(status) == {"Inh": ambient, "Prm": right, "Eff": right, "Bnd": right, "Amb": ambient}, status
    helper = [str(w.main_pid(m, w.HELPER)), sshd["NSpid"].split()[-1]]
    for pid in helper:
        result = m.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/bin/kill", "-STOP", pid])
        assert result.returncode != 0 and "not permitted" in result.stderr


def test_nobody_else_can_ask_it(make):
    m = w.boot(make())
    assert m.path("/run/wslportd-helper").stat().st_mode & 0o777 == 0o600
    connect = "import socket; socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect('/run/wslportd-helper')"
    result = m.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-S", "-c", connect])
    assert result.returncode != 0 and "Permission denied" in result.stderr


def test_it_comes_and_goes_with_the_daemon(make):
    m = w.boot(make())
    pid, inode = w.main_pid(m, w.HELPER), socket_inode(m)
    m.run(["systemctl", "restart", w.UNIT], check=True)
    w.check_report(m, "clear", 22)
    # The helper is restarted, maybe as a newer program. Its socket stays, as a new bind would have to wait for Windows.
    assert w.main_pid(m, w.HELPER) not in (0, pid) and socket_inode(m) == inode
    m.run(["systemctl", "stop", w.UNIT], check=True)
    w.eventually(lambda: w.active_state(m, w.HELPER) == "inactive", "the helper has ended, too")
    assert w.active_state(m, w.HELPER_SOCKET) == "active"
    for _ in range(2):  # without a pause
        m.run(["systemctl", "stop", w.UNIT], check=True)
        m.run(["systemctl", "start", w.UNIT], check=True)
    w.check_report(m, "clear", 22)
    assert socket_inode(m) == inode
    assert w.failed_units(m) == []


@pytest.mark.parametrize("windows", [{}, w.WINDOWS_HOLDS_22], ids=["22-free", "22-held"])
def test_without_a_helper(make, windows):
    """The helper's program is missing: the boot goes on, sshd is as without wslportd, and the daemon says so."""
    m = w.clock_hold(make(windows=windows))
    program = m.path(PROGRAM).read_bytes()
    m.path(PROGRAM).unlink()
    m.boot()
    w.eventually(lambda: w.active_state(m, w.UNIT) == "active", "READY")
    w.check_hold(m)
    w.eventually(lambda: w.active_state(m, "ssh.service") == ("failed" if windows else "active"), "sshd has tried its port")
    assert w.own_files(m) == {}

    m.write(PROGRAM, program, 0o755)
    w.wait_sshd(m, 2222 if windows else 22, 60)
    w.check_report(m, "relocated" if windows else "clear", 2222 if windows else 22)


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_it_is_disturbed_all_the_time(make, number):
    """sshd moves to and fro while the test kills or stops a process of the helper's every few milliseconds."""
    chance = w.seeded()
    m = w.boot(make())
    w.check_report(m, "clear", 22)
    session = m.ssh_session(22)
    procs = m._cgroup / f"guest{w.HELPER_CGROUP}/cgroup.procs"

    with kill.Outage(m) as outage:
        for request in [("Relocate", "q", "2222"), ("Restore",)] * 4:
            process = w.begin_call(m, *request)
            while process.poll() is None:
                pids = [int(line) for line in procs.read_text().split()] if procs.exists() else []
                if pids:
                    victim = chance.choice(pids)
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(victim, number)
                    time.sleep(chance.uniform(0, 0.05))
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(victim, signal.SIGCONT)
                time.sleep(chance.uniform(0, 0.05))
            assert session.alive()
            w.eventually(lambda: len(kill.ports(m)) == 1 and kill.login(m), "a way in")
    assert outage.longest < kill.RELOAD_SECONDS
    assert w.call(m, "Relocate", "q", "2222") == (0, "")
    w.wait_sshd(m, 2222)
    assert w.call(m, "Restore") == (0, "")
    w.wait_sshd(m, 22)
    w.wait_properties(m, State="clear", Port=22)
    assert w.failed_units(m) == []


def test_a_stopped_helper_keeps_nobody_waiting(make):
    """Each look at a listener asks the helper. Properties are answered all the same, and what they say is made up for."""
    m = w.boot(make())
    w.check_report(m, "clear", 22)
    m.run(["systemctl", "kill", "--signal=STOP", "wslportd-helper.service"], check=True)
    for _ in range(3):
        m.run(["systemctl", "kill", "--signal=HUP", w.UNIT], check=True)  # each has everything looked at anew
        # One evaluation waits 0.3 s at the most. For each listener it was 3 s.
        m.run(["busctl", "--timeout=2", "get-property", *w.BUS, w.INTERFACE, "State"], check=True)
    m.run(["systemctl", "kill", "--signal=CONT", "wslportd-helper.service"], check=True)
    w.check_report(m, "clear", 22)


# ---- the kernel refuses a system call of the helper's ----

REFUSALS = f"/etc/systemd/system/{w.HELPER}.d/zz-faults.conf"

# strace counts the calls of each process: "2" is the second one of every process, as long as the drop-in is there.
FAULTS = [f"{call}:{error}:{n}" for calls, errors, ns in (
    ("accept4", "EMFILE ENOMEM", "1 2"),
    ("clone", "EAGAIN ENOMEM", "1 2"),
    ("recvmsg", "ENOMEM EINTR", "1"),
    ("sendmsg", "ENOBUFS ENOMEM", "1"),
    ("pidfd_open", "EMFILE ENOMEM", "1"),
    ("poll", "ENOMEM EINTR", "1"),
    ("waitid", "EINTR", "1"),
    ("openat", "EMFILE ENOMEM EIO", "1 2 3 5 8"),
    ("dup2", "EMFILE", "1 2 3"),
    ("close_range", "ENOMEM", "1"),
    ("prctl", "ENOMEM", "1 2"),
    ("setresuid", "EAGAIN", "1"),
    ("capset", "EPERM", "1"),
    ("execve", "ENOMEM EMFILE", "2"),  # the first execve() is strace's own
    ("getsockopt", "ENOBUFS", "1"),
    ("setsockopt", "ENOMEM", "1"),
    ("readlinkat", "ENOMEM EIO", "1 3"),
    ("open_by_handle_at", "ENOMEM EIO", "1"),
    ("perf_event_open", "EMFILE ENOMEM", "1"),
    ("mmap", "ENOMEM", "3 8"),
    ("bind", "ENOMEM", "1"),
) for call in calls.split() for error in errors.split() for n in ns.split()]


def faults() -> list[str]:
    """Some of FAULTS. WSLPORTD_HELPER_FAULTS says how many (8), or "all"."""
    wanted = os.environ.get("WSLPORTD_HELPER_FAULTS", "8")
    return FAULTS if wanted == "all" else w.seeded().sample(FAULTS, int(wanted))


def refuse(m: Machine, call: str, error: str, n: str) -> None:
    # strace -f counts a child's calls from the child's start, and survives the kill of a process.
    m.write(REFUSALS, f"""[Service]
SystemCallFilter=
NoNewPrivileges=no
ExecStart=
ExecStart=/usr/bin/strace -f -qq -o /dev/null -e trace={call} -e inject={call}:error={error}:when={n} {PROGRAM}
""")


@pytest.mark.thorough
def test_the_kernel_refuses_the_helper_a_call(make):
    m = w.boot(make())
    w.check_report(m, "clear", 22)
    here = 22
    for fault in faults():
        call, error, n = fault.split(":")
        refuse(m, call, error, n)
        m.run(["systemctl", "daemon-reload"], check=True)
        m.run(["systemctl", "restart", w.HELPER])
        request = ("Relocate", "q", "2222") if here == 22 else ("Restore",)
        result = m.run(["busctl", "--timeout=60", "call", *w.BUS, w.INTERFACE, *request], timeout=70)
        print(fault, result.returncode, result.stderr.strip())
        w.eventually(lambda: len(kill.ports(m)) == 1 and kill.login(m), f"{fault}: a way in")
        assert w.active_state(m, w.UNIT) == "active", fault

        m.path(REFUSALS).unlink()
        m.run(["systemctl", "daemon-reload"], check=True)
        m.run(["systemctl", "restart", w.HELPER], check=True)
        w.eventually(lambda: w.call(m, *request) == (0, ""), fault, 60)
        here = 2222 if here == 22 else 22
        w.wait_properties(m, Port=here, State="relocated" if here == 2222 else "clear")
        w.wait_sshd(m, here)
    assert w.failed_units(m) == []


def test_the_tracepoint_could_not_be_had_for_a_while(make):
    m = make()
    refuse(m, "perf_event_open", "EMFILE", "1+")
    w.boot(m)
    w.wait_properties(m, State="clear", ListenerWatch="timer")
    m.path(REFUSALS).unlink()
    m.run(["systemctl", "daemon-reload"], check=True)
    m.run(["systemctl", "restart", w.HELPER], check=True)
    assert w.call(m, "Probe") == (0, "")
    w.wait_properties(m, State="clear", ListenerWatch="tracepoint")


# ---- the kernel is too old: no helper program can be run ----

@pytest.mark.parametrize("error", ["ENOSYS", "EINVAL"], ids=["before-5.9", "before-5.11"])
def test_a_kernel_without_close_range_is_told_once(make, error):
    m = make()
    for unit in w.UNIT, w.HELPER:
        m.write(f"/etc/systemd/system/{unit}.d/old-kernel.conf",
                f"[Service]\nSystemCallFilter=~close_range\nSystemCallErrorNumber={error}\n")
    m.boot()
    m.wait_running()
    lines = [entry["MESSAGE"] for entry in m.journal() if entry.get("SYSLOG_IDENTIFIER") == "wslportd"]
    assert lines == ["wslportd needs Linux 5.11 or later, and stops: Function not implemented"]
    assert w.failed_units(m) == [w.UNIT]
    assert w.show(m, w.UNIT, "ExecMainStatus", "NRestarts") == {"ExecMainStatus": "69", "NRestarts": "0"}
    assert w.logs_in(m, 22)
