# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who has a port, whatever it is for: `wslportctl who` and FindHolder(). Nothing is bound for it, and for a user who asks the
daemon nothing is connected to."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

import test_bus as bus
import test_ctl as ctl
import test_windows as windows
import wslport as w
from machine import Machine
from windows import NOT_LISTENING, SILENT, Greeting

NOBODY = 65534
FREE = ("unknown", "nobody listens: free, as far as can be seen without binding it")
HERE = ("unknown", "a process of this distro or of another listens; root can see which")
NOT_LOOKED = ("unknown", "nobody here listens; wslportctl who asks Windows, too")


def who(m: Machine, port: int, before: tuple[str, ...] = ()) -> tuple[str, str]:
    answer = json.loads(ctl.succeeds(m, "who", str(port), "--json", before=before))
    assert list(answer) == ["Port", "Holder", "Detail"] and answer["Port"] == port
    return answer["Holder"], answer["Detail"]


def find_holder(m: Machine, port: int, uid: int = 0) -> tuple[str, str]:
    result = m.run(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "busctl", "--json=short", "call", *w.BUS,
                    w.INTERFACE, "FindHolder", "q", str(port)], check=True)
    holder, detail = json.loads(result.stdout)["data"]
    return holder, detail


def machine(make: w.Make, **options: Any) -> Machine:
    m = w.boot(make(windows={22: w.WINDOWS, 8022: Greeting(b"SSH-2.0-dropbear_2022.83\r\n"), 8023: SILENT, 8024: NOT_LISTENING},
                    foreign=(3000, 3001), **options))
    w.wait_properties(m, State="relocated", Port=2222, HomePortHolderDetail=w.WINDOWS_SOFTWARE)
    return m


def test_whoever_has_the_port(make):
    m = machine(make)
    w.start_holder(m, "linux", 3000)
    w.start_holder(m, "other-distro", 3001)
    pid, = re.findall(r"pid=(\d+)", m.run(["ss", "-Hltnp", "sport = :3000"], check=True).stdout)
    logged = len(m.log())
    expected = {
        22: (("windows-openssh", w.WINDOWS_SOFTWARE), f"Windows ({w.WINDOWS_SOFTWARE}) holds 22"),
        8022: (("windows", "dropbear_2022.83"), "Windows (dropbear_2022.83) holds 8022"),
        8023: (("windows", "a program that does not greet as SSH"), "Windows (a program that does not greet as SSH) holds 8023"),
        8024: (FREE, f"port 8024: {FREE[1]}"),  # it has the port, and only a bind would show it
        8025: (FREE, f"port 8025: {FREE[1]}"),
        2222: (("sshd", "ssh.service"), "sshd has 2222"),
        3000: (("linux", f"python3 (pid {pid})"), f"python3 (pid {pid}) holds 3000"),
        3001: (("other-distro", ""), "another WSL distro holds 3001"),
    }
    for port, (answer, text) in expected.items():
        assert who(m, port) == find_holder(m, port) == answer
        assert ctl.succeeds(m, "who", str(port)) == f"{text}\n"

    # It tells what is now, and needs no daemon.
    m.windows.release(22)
    assert who(m, 22) == find_holder(m, 22) == FREE
    m.run(["systemctl", "stop", w.UNIT], check=True)
    for port in (8022, 8025, 2222, 3000, 3001):
        assert who(m, port) == expected[port][0]
    assert not [entry for entry in m.log()[logged:] if entry["event"] == "bind" and entry["command"].startswith("wslport")]


def test_a_user_is_told_what_he_could_find_out(make):
    m = machine(make)
    w.start_holder(m, "linux", 3000)
    his = m.spawn([*ctl.SOMEBODY, "/usr/bin/python3", "-S", "-c", w.LISTEN, "0.0.0.0", "3001", "listen"])
    m.wait_listening(3001)
    before = tuple(ctl.SOMEBODY)
    holder, detail = who(m, 3001, before)
    assert holder == "linux" and detail.startswith("python3 (pid ") and his.poll() is None
    assert who(m, 3000, before) == HERE
    assert who(m, 8022, before) == ("windows", "dropbear_2022.83")  # he connects himself

    # The daemon doesn't connect for him: he could have it do so again and again.
    w.count_connections(m, "{ 22, 8022, 8025, 8080 }")
    for _ in range(3):
        assert find_holder(m, 22, NOBODY) == ("windows-openssh", w.WINDOWS_SOFTWARE)  # as the property says
        assert find_holder(m, 8022, NOBODY) == find_holder(m, 8025, NOBODY) == NOT_LOOKED
        assert find_holder(m, 3000, NOBODY) == find_holder(m, 3001, NOBODY) == HERE
        assert find_holder(m, 2222, NOBODY) == ("sshd", "ssh.service")
    assert w.connections(m) == 0

    # Nor while he calls without pause; and root is answered meanwhile, with one connection each time.
    poured = [bus.client(m, "pour", "FindHolder", uid=NOBODY) for _ in range(3)]
    for n in range(1, 4):
        assert find_holder(m, 8022) == ("windows", "dropbear_2022.83") and w.connections(m) == n
    assert bus.ask_manager(m, "Probe")[0] == "return"
    assert all(process.poll() is None for process in poured)
    for process in poured:
        process.kill()


def test_a_diagnosis_for_a_user_connects_to_nobody(make):
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22))
    w.wait_properties(m, State="relocated", HomePortHolder="windows-openssh")
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.wait_properties(m, Port=0)
    w.count_connections(m, 2222)
    for uid, connections in (NOBODY, 0), (NOBODY, 0), (0, 1):
        assert bus.ask_manager(m, "Diagnose", uid=uid)[0] == "return"
        assert w.connections(m) == connections


def test_each_caller_has_the_answer_to_his_own_question(make):
    m = w.boot(make())
    w.wait_properties(m, State="clear")
    bus.stand_in(m, r"until [ -e /run/go ]; do sleep 0.02; done; printf 'linux\tok\t%s\t\n' "
                    '"port $2$(test "$1" = --for-everyone || echo $1)"')
    calls = [("FindHolder", "q", 80), ("FindHolder", "q", 80), ("FindHolder", "q", 81), ("Diagnose",), ("FindHolder", "q", 80)]
    for uid in (0, NOBODY):
        m.path("/run/go").unlink(missing_ok=True)
        ran = bus.runs(m)
        first = bus.client(m, "call", w.BUS[1], w.INTERFACE, *calls[0], uid=uid)
        w.eventually(lambda: bus.runs(m) == ran + 1, "it runs")  # noqa: B023
        others = [bus.client(m, "call", w.BUS[1], w.INTERFACE, *call, uid=uid) for call in calls[1:4]]
        w.hold(lambda: all(process.poll() is None for process in others), 0.5, "they wait")  # noqa: B023
        m.write("/run/go", "")
        assert bus.answer(first) == ("return", "linux")
        assert [bus.answer(process)[0] for process in others] == ["return"] * 3
        assert bus.runs(m) == ran + 4
    assert find_holder(m, 80) == ("linux", "port 80") and find_holder(m, 81, NOBODY) == ("linux", "port 81")


@pytest.mark.parametrize("mode", ["nat", "not-wsl"])
def test_where_ports_are_not_shared(make, mode):
    m = w.boot(make(mode=mode, windows={8022: w.WINDOWS}, foreign=(3000,)))
    w.start_holder(m, "linux", 3000)
    w.wait_sshd(m, 22)
    nobody = ("none", f"nobody here listens; Windows isn't looked at (networking mode: {mode})")
    assert who(m, 8022) == who(m, 8022, tuple(ctl.SOMEBODY)) == nobody
    assert ctl.succeeds(m, "who", "8022") == f"port 8022: {nobody[1]}\n"
    assert who(m, 22) == ("sshd", "ssh.service") and who(m, 3000)[0] == "linux"
    if mode == "nat":
        assert find_holder(m, 8022) == find_holder(m, 8022, NOBODY) == nobody


def test_windows_names_its_program(make):
    m = windows.relocated(make)
    windows.stand_in(m, "netsh.exe", r"""print("\r\n----------    --------\r\n     40000       40099\r\n"
"     50000       50059     *\r\n")""")
    m.windows.exclude("40000-40099")
    refused = ("unknown", "nobody listens, but Windows may refuse 40000-40099: an excluded port range")
    assert who(m, 22) == ("windows-openssh", w.WINDOWS_SOFTWARE) and who(m, 40001) == FREE and windows.calls(m) == []
    windows.set_interop(m, "yes")
    assert who(m, 22) == find_holder(m, 22) == ("windows-openssh", windows.SSHD_EXE)
    assert who(m, 40001) == find_holder(m, 40001) == refused
    assert who(m, 8025) == FREE

    # It may listen where no connection from here arrives.
    windows.stand_in(m, "NETSTAT.EXE", windows.NETSTAT.replace("0.0.0.0:22 ", "10.0.0.1:8025 "))
    assert who(m, 8025) == find_holder(m, 8025) == ("windows", "sshd.exe")


def test_wrong_ports(make):
    m = w.boot(make())
    w.wait_properties(m, State="clear")
    for arguments in [], ["0"], ["65536"], ["-1"], ["22x"], [""], ["\x1b[2J"], ["22", "23"]:
        assert ctl.is_clean(ctl.fails(m, ctl.USAGE, "who", *arguments))
    assert bus.ask_manager(m, "FindHolder", "q", 0) == (f"{bus.OURS}.InvalidArgument", "a port is a number from 1 to 65535")
    assert bus.ask_manager(m, "FindHolder", "s", "22")[0] == f"{bus.ERROR}.InvalidArgs"
    m.path(bus.DIAGNOSE).unlink()
    assert "can't be run" in ctl.fails(m, ctl.FAILED, "who", "22")
    assert bus.ask_manager(m, "FindHolder", "q", 22)[0] == f"{bus.OURS}.NotPossible"
