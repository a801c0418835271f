# SPDX-License-Identifier: LGPL-2.1-or-later
"""wslportctl: it prints what the kernel, ss, systemd and the bus show at that moment; its exit status tells a script what
happened; and hostile text doesn't reach the terminal as a command."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import wslport as w
from machine import Machine
from processes import Process
from windows import Greeting

OK, FAILED, USAGE, NOT_RUNNING, NOT_ALLOWED, NOT_POSSIBLE = range(6)
NAMES = {"Listeners": ("Address", "Port", "Holder", "Unit"), "Reachable": ("Address", "Kind")}
ESCAPE = "\x1b"
SOMEBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
NOBODY_KNOWS = ["setpriv", "--reuid=4711", "--regid=4711", "--clear-groups"]



# ---- helpers ----

def ctl(m: Machine, *arguments: str, before: Iterable[str] = (), **env: str) -> subprocess.CompletedProcess[str]:
    return m.run([*before, "wslportctl", *arguments], env=env)


def succeeds(m: Machine, *arguments: str, before: Iterable[str] = ()) -> str:
    result = ctl(m, *arguments, before=before)
    assert (result.returncode, result.stderr) == (OK, "")
    return result.stdout


def fails(m: Machine, status: int, *arguments: str, before: Iterable[str] = ()) -> str:
    """Checks that the command fails with that status, and prints nothing on stdout. Returns its error, which is one line."""
    result = ctl(m, *arguments, before=before)
    assert (result.returncode, result.stdout) == (status, ""), result.stderr
    assert result.stderr.startswith("wslportctl: ") and result.stderr.count("\n") == 1
    return result.stderr


def on_a_terminal(m: Machine, command: str, **env: str) -> str:
    result = m.run(["script", "--quiet", "--return", "--command", command, "/dev/null"],
                   env={"TERM": "xterm-256color", **env})
    assert result.returncode == OK
    return result.stdout.replace("\r\n", "\n")


def named(properties: dict[str, Any]) -> dict[str, Any]:
    """D-Bus properties as --json prints them."""
    found = {name: value for name, value in properties.items() if name != "ConfigurationFile"}
    for name, members in NAMES.items():
        found[name] = [dict(zip(members, row, strict=True)) for row in found[name]]
    return found


def without_ago(picture: str) -> str:
    return re.sub(r", \d+ (s|min) ago", "", picture)


def is_clean(text: str, color: bool = False) -> bool:
    """Returns whether the text has no control character, and none that changes a line's direction; colours may be allowed."""
    if color:
        text = re.sub(r"\x1b\[[0-9]+m", "", text)
    return not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", text)


def lines(process: Process) -> list[str]:
    return [re.sub(r"^\d\d:\d\d:\d\d  ", "", line) for line in process.stdout.splitlines()]


def relocated(make: w.Make, **options: Any) -> Machine:
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22, **options))
    w.check_report(m, "relocated", 2222)
    return m


# ---- what it prints ----

def test_it_prints_what_others_show(make):
    m = relocated(make, tailscale=True, **w.HASTE)
    properties = w.properties(m)
    assert properties is not None
    assert json.loads(succeeds(m, "status", "--json")) == named(properties) == json.loads(succeeds(m, "--json"))

    picture = succeeds(m)
    assert without_ago(picture) == without_ago(succeeds(m, "status"))
    assert picture.count("\n") <= 24 and max(map(len, picture.splitlines())) <= 80
    assert picture.startswith("relocated: sshd is on port 2222, away from 22\n")
    # The two sides, from the first sources: Windows' greeting, the socket's owner, systemd.
    software = m.banner(22).decode().strip().removeprefix("SSH-2.0-")
    unit = w.show(m, "ssh.service", "Id")["Id"]
    assert re.search(rf"^ +22  {software} +-$", picture, re.MULTILINE)
    assert re.search(rf"^ +2222  - +sshd \({unit}\)$", picture, re.MULTILINE)
    assert w.sshd_ports(m) == {2222}
    assert f"unit       {unit}, moved by sshd-config\n" in picture and m.exists(w.PORT_FILE)
    assert "networking mirrored: " in picture
    since = re.search(r"since +(\d+-\d+-\d+ \d+:\d+:\d+)", picture)
    assert since and since[1] == m.run(["date", f"--date=@{properties['LastChangeUSec'] // 1_000_000}",
                                        "+%F %T"], check=True).stdout.strip()
    # Tailscale's address stands before the LAN's.
    addresses = json.loads(m.run(["ip", "-json", "address"], check=True).stdout)
    told = re.findall(r"^  (tailscale|lan) +port 2222 of (.*)$", picture, re.MULTILINE)
    assert [kind for kind, _ in told] == ["tailscale", "lan"]
    for (_, text), name in zip(told, ("eth1", "eth0"), strict=True):
        here = [entry["local"] for link in addresses if link["ifname"] == name for entry in link["addr_info"]
                if entry["scope"] == "global"]
        assert sorted(text.split(", ")) == sorted(here)
    assert "wslportctl firewall\n" in picture and "wslportctl ssh-config\n" in picture
    assert "diagnose" not in picture and "wslconfig" not in picture

    # The listeners, as ss shows them.
    head, *rows = [line.split() for line in succeeds(m, "listeners").splitlines()]
    assert head == ["address", "port", "holder", "unit"]
    ss = [line.split()[3].rpartition(":") for line in m.run(["ss", "-Hltn"], check=True).stdout.splitlines()]
    assert sorted(rows) == sorted([address.strip("[]"), port, "sshd", unit] for address, _, port in ss if port in ("22", "2222"))
    assert len(rows) == 2
    assert json.loads(succeeds(m, "listeners", "--json")) == named(properties)["Listeners"]

    # A session that stays on the home port is shown until it ends.
    m.windows.release(22)
    w.eventually(lambda: ctl(m, "restore").returncode == OK, "Windows gives 22 back")
    session = m.ssh_session(22, "lan")
    succeeds(m, "relocate")
    w.wait_properties(m, PinnedSessions=1)
    picture = succeeds(m)
    assert re.search(r"^ +22  .* 1 open session$", picture, re.MULTILINE)
    assert "pinned     1 session still on 22; Windows can have it when the last one ends\n" in picture
    session.close()
    w.wait_properties(m, PinnedSessions=0)
    assert "session" not in succeeds(m)


@pytest.mark.parametrize("mode", ["nat", "not-wsl"])
def test_nothing_in_the_way(make, mode):
    m = make(mode=mode, windows={} if mode == "not-wsl" else w.WINDOWS_HOLDS_22)
    if mode == "not-wsl":
        for unit in (w.UNIT, w.HELPER, w.HELPER_SOCKET):
            m.write(f"/etc/systemd/system/{unit}.d/anywhere.conf", "[Unit]\nConditionVirtualization=\n")
    w.boot(m)
    w.wait_properties(m, State="clear", Port=22)
    picture = succeeds(m)
    assert picture.startswith("clear: sshd is on port 22, nothing is in its way\n")
    assert "diagnose" not in picture and "firewall" not in picture
    assert ("networkingMode=mirrored" in picture) == (mode == "nat")
    assert json.loads(succeeds(m, "status", "--json"))["NetworkingMode"] == mode
    for options in ([], ["--apply"], ["--check"]):
        assert f"networking mode {mode} shares no ports with Windows, so a rule for 22 helps nothing" in fails(
            m, NOT_POSSIBLE, "firewall", *options)
    assert "-LocalPort 22 " in succeeds(m, "firewall", "--port", "22") and "WSL-SSH-22" in succeeds(m, "firewall", "--remove")


def test_the_first_look(make):
    """A new user's first look: without the daemon, without an sshd, and where all is well, it says what to do next."""
    m = w.boot(make(mode="not-wsl"))
    error = fails(m, NOT_RUNNING)
    assert "this isn't WSL" in error and "wslportctl diagnose" in error and "systemctl start" not in error
    assert fails(m, NOT_RUNNING, "restore") == error

    m = w.boot(make())
    w.check_report(m, "clear", 22)
    picture = succeeds(m)
    assert picture.startswith("clear: sshd is on port 22, nothing is in its way\n")
    assert "next, to reach it from other machines\n" in picture
    assert "wslportctl firewall\n" in picture and "wslportctl ssh-config\n" in picture

    m = make(windows=w.WINDOWS_HOLDS_22, ssh="off")
    for name in ("/usr/lib/systemd/system/ssh.service", "/usr/lib/systemd/system/ssh.socket",
                 "/etc/init.d/ssh", "/usr/sbin/sshd"):
        m.path(name).unlink()
    w.boot(m)
    w.wait_properties(m, State="unmanaged", Port=0)
    picture = succeeds(m)
    assert picture.startswith("unmanaged: sshd is not up\n") and "why        no ssh service is installed\n" in picture
    assert "how to install sshd:                        wslportctl diagnose\n" in picture
    assert "apt-get install -y openssh-server\n" in ctl(m, "diagnose").stdout


def test_colour_on_a_terminal_only(make):
    m = relocated(make)
    plain = without_ago(succeeds(m))
    assert is_clean(plain)
    for command in ("wslportctl", "wslportctl listeners"):
        colored = on_a_terminal(m, command)
        assert ESCAPE in colored and is_clean(colored, color=True)
    assert without_ago(re.sub(r"\x1b\[[0-9]+m", "", on_a_terminal(m, "wslportctl"))) == plain
    assert without_ago(on_a_terminal(m, "wslportctl", NO_COLOR="1")) == plain
    assert without_ago(on_a_terminal(m, "wslportctl", TERM="dumb")) == plain
    assert ESCAPE in on_a_terminal(m, "wslportctl", NO_COLOR="")  # no-color.org: an empty value doesn't count
    assert ESCAPE not in ctl(m, TERM="xterm-256color").stdout
    assert ESCAPE not in on_a_terminal(m, "wslportctl --json")


# ---- how it ends ----

def check_moves(m: Machine) -> None:
    assert succeeds(m, "reload") == w.STATUS_RELOCATED + "\n"
    assert "22" in fails(m, NOT_POSSIBLE, "restore") and w.sshd_ports(m) == {2222}
    assert fails(m, NOT_POSSIBLE, "relocate", "80").endswith(
        f"80 is not among CandidatePorts: add it in {w.CONFIG}, then `wslportctl reload`\n")
    assert fails(m, NOT_POSSIBLE, "relocate", "22").endswith("; to take sshd there: `wslportctl restore`\n")
    assert succeeds(m, "relocate", "22022").startswith("ssh on 22022; ") and w.sshd_ports(m) == {22022}
    # 22022 is no candidate any more, so that sshd isn't where the policy says.
    m.write(w.CONFIG, "[Policy]\nCandidatePorts=2201\n")
    succeeds(m, "reload")
    assert succeeds(m, "relocate").startswith("ssh on 2201; ") and w.sshd_ports(m) == {2201}
    m.write(w.CONFIG, "[Policy]\nCandidatePorts=22\n")
    succeeds(m, "reload")
    assert "no port of CandidatePorts is free" in fails(m, NOT_POSSIBLE, "relocate") and w.sshd_ports(m) == {2201}
    m.write(w.CONFIG, w.configuration())
    succeeds(m, "reload")
    assert succeeds(m, "relocate").startswith("ssh on 2201; ")
    moved = json.loads(succeeds(m, "relocate", "2222", "--json"))
    assert (moved["Port"], moved["HomePort"]) == (2222, 22) and w.sshd_ports(m) == {2222}

    m.windows.release(22)
    w.eventually(lambda: ctl(m, "restore").returncode == OK, "Windows gives 22 back")
    assert w.sshd_ports(m) == {22}
    assert succeeds(m, "restore") == "ssh on 22; nothing in its way\n"


def check_quiet(m: Machine) -> None:
    assert succeeds(m, "status", "--quiet") == ""
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.wait_properties(m, Port=0)
    assert w.properties(m)["State"] in ("unknown", "conflict")
    quiet = ctl(m, "status", "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (FAILED, "", "")
    m.run(["systemctl", "start", "ssh.service"], check=True)
    w.wait_properties(m, State="clear", Port=22)
    assert succeeds(m, "status", "--quiet") == ""


def check_a_refused_configuration(m: Machine) -> None:
    m.write(w.CONFIG, "[Policy]\nRelocate=sometimes\n")
    error = fails(m, FAILED, "reload")
    assert f"{w.CONFIG}:2" in error and "sometimes" in error
    m.write(w.CONFIG, w.configuration())
    succeeds(m, "reload")


def check_a_user_without_rights(m: Machine) -> None:
    """wslportctl tells him at once, and nothing happens; to look is for everyone."""
    for verb in ("relocate", "restore", "reload"):
        assert "sudo" in fails(m, NOT_ALLOWED, verb, before=SOMEBODY)
    m.run(["systemctl", "mask", "--runtime", "--now", "polkit.service"], check=True)
    assert "sudo" in fails(m, NOT_ALLOWED, "relocate", before=SOMEBODY)
    assert w.sshd_ports(m) == {22}
    for verb in ("status", "listeners"):
        assert succeeds(m, verb, "--json", before=SOMEBODY) == succeeds(m, verb, "--json")


def check_wrong_command_lines(m: Machine) -> None:
    wrong = [["relocate", "0"], ["relocate", "70000"], ["relocate", "65536"], ["relocate", "-1"], ["relocate", "abc"],
             ["relocate", "2222x"], ["relocate", ""], ["relocate", "2222", "2223"], ["restore", "22"], ["status", "it"],
             ["reload", "--now"], ["monitor", "x"], ["listeners", "x"], ["probe", "22"], ["stauts"], ["\x1b[2J"],
             ["help", "stauts"], ["status", "--josn"]]
    for arguments in wrong:
        assert is_clean(fails(m, USAGE, *arguments))
    assert ctl(m, "--nonsense").returncode == USAGE
    assert w.sshd_ports(m) == {22}


def check_help(m: Machine) -> None:
    verbs = re.findall(r"^  ([a-z][a-z-]+) ", succeeds(m, "--help"), re.MULTILINE)
    assert {"status", "listeners", "monitor", "probe", "relocate", "restore", "reload", "who", "help"} <= set(verbs)
    assert succeeds(m, "help") == succeeds(m, "--help") == succeeds(m, "-h")
    assert max(map(len, succeeds(m, "help").splitlines())) <= 80
    for verb in verbs:
        assert succeeds(m, "help", verb) == succeeds(m, verb, "--help") == succeeds(m, verb, "x", "-h")
        assert succeeds(m, "help", verb).startswith(f"wslportctl {verb}")
    assert succeeds(m, "--version") == f"wslportctl {succeeds(m, '--version').split()[1]}\n"


def check_without_a_daemon(m: Machine) -> None:
    """wslportctl says how to start the daemon, and doesn't start it."""
    for verb in ("status", "listeners", "monitor", "probe", "relocate", "restore", "reload"):
        assert "systemctl start wslportd" in fails(m, NOT_RUNNING, verb)
    assert w.active_state(m, w.UNIT) == "inactive"
    without_bus = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /run/dbus && exec "$@"', "sh"]
    for verb in ("status", "monitor", "relocate"):
        assert "system bus" in fails(m, NOT_RUNNING, verb, before=without_bus)


def test_moves_and_how_they_end(make):
    m = relocated(make, **w.HASTE)
    check_moves(m)
    check_quiet(m)
    check_a_refused_configuration(m)
    check_a_user_without_rights(m)
    check_wrong_command_lines(m)

    m.run(["systemctl", "kill", "--signal=STOP", w.UNIT], check=True)
    assert "has not answered" in fails(m, NOT_RUNNING, "status", before=["env", "SYSTEMD_BUS_TIMEOUT=1s"])
    m.run(["systemctl", "kill", "--signal=CONT", w.UNIT], check=True)

    assert m.run(["systemctl", "stop", w.UNIT]).returncode == 0
    check_help(m)
    check_without_a_daemon(m)
    assert m.run(["systemctl", "start", w.UNIT]).returncode == 0
    w.wait_properties(m, State="clear")
    # D-Bus ends the connection of a user who is in no passwd.
    assert "ended the connection" in fails(m, NOT_RUNNING, "status", before=NOBODY_KNOWS)
    succeeds(m)


def test_probe(make):
    m = relocated(make)
    bound = len(w.binds(m))
    assert succeeds(m, "probe") == w.STATUS_RELOCATED + "\n"
    assert [entry for entry in w.binds(m)[bound:] if entry["port"]] == []
    assert "sudo" in fails(m, NOT_ALLOWED, "probe", before=SOMEBODY)


def test_it_cannot_print(make):
    m = relocated(make)
    shell = lambda script: m.run(["sh", "-c", script])  # noqa: E731
    assert shell("wslportctl >&-").returncode == FAILED
    closed = shell("wslportctl monitor >&-")
    assert closed.returncode == FAILED and "lost" in closed.stderr  # its bus connection has not taken descriptor 1
    full = shell("wslportctl status >/dev/full")
    assert full.returncode == FAILED and "No space left" in full.stderr
    assert shell("wslportctl monitor >/dev/full").returncode == FAILED
    closed = shell("wslportctl status --json <&- 2>&-")
    assert closed.returncode == OK and json.loads(closed.stdout)["Port"] == 2222
    # When the reader of its pipe has gone, monitor ends at once and silently, without waiting for another event.
    piped = shell("{ wslportctl monitor; echo $? >/run/status; } | head -n 1")
    assert piped.stdout.count("\n") == 1 and piped.stderr == "" and m.read("/run/status") == "0\n"


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_it_binds_nothing(make, suite):
    """Each bind() waits for Windows. Debian 13's libsystemd would bind to connect to the bus, so wslportctl avoids that."""
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22, suite=suite))
    w.wait_properties(m, State="relocated", Port=2222)
    for verb in (["status"], ["relocate"]):
        traced = m.run(["strace", "-f", "-e", "trace=bind,connect", "wslportctl", *verb], check=True)
        assert traced.stdout.count("\n") >= 1 and "connect(" in traced.stderr and "bind(" not in traced.stderr


# ---- live ----

def test_monitor_follows(make):
    m = relocated(make, **w.HASTE)
    plain, objects, somebodys = (m.spawn([*before, "wslportctl", "monitor", *arguments])
                                 for before, arguments in (((), ()), ((), ("--json",)), (SOMEBODY, ())))
    here = w.STATUS_RELOCATED
    for process in (plain, somebodys):
        w.eventually(lambda: lines(process)[:1] == [here], "the first line")  # noqa: B023
    succeeds(m, "relocate", "22022")
    w.eventually(lambda: [line for line in lines(plain) if line.startswith("ssh on 22022; ")], "the move")
    m.windows.release(22)
    w.eventually(lambda: ctl(m, "restore").returncode == OK, "Windows gives 22 back")
    w.eventually(lambda: "ssh on 22; nothing in its way" in lines(plain), "and back")

    told = lambda: [json.loads(line) for line in objects.stdout.splitlines()]  # noqa: E731
    last_is_what_is = lambda: [event["Status"] for event in told() if "Status" in event][-1] == named(w.properties(m) or {})  # noqa: E731
    w.eventually(last_is_what_is, "the last is what is")
    seen = len(lines(plain))
    m.run(["systemctl", "restart", w.UNIT], check=True)
    w.eventually(lambda: lines(plain)[seen:][-1:] == ["ssh on 22; nothing in its way"], "after a restart")
    again = lines(plain)[seen:]
    assert again[0].startswith("wslportd has ended") and "wslportd is running again" in again

    # All three have seen the same events, and none is missing.
    w.eventually(lambda: lines(somebodys) == lines(plain), "a user sees as much")
    w.eventually(last_is_what_is, "the last is what is")
    events = told()
    assert [event["Event"] for event in events if event["Event"] in ("Stopped", "Started")] == ["Stopped", "Started"]
    ports = [event["Status"]["Port"] for event in events if event["Event"] == "Status"]
    assert ports[0] == 2222 and 22022 in ports and ports[-1] == 22

    for process, number in ((plain, signal.SIGINT), (objects, signal.SIGTERM), (somebodys, signal.SIGINT)):
        process.kill(number)
        assert process.wait() == OK and process.stderr == ""
    assert all(is_clean(process.stdout) for process in (plain, objects, somebodys))


def test_monitor_tells_the_signals(make):
    m = w.boot(make(**w.HASTE))
    w.check_report(m, "clear", 22)
    plain, objects = (m.spawn(["wslportctl", "monitor", *arguments]) for arguments in ((), ("--json",)))
    for process in (plain, objects):
        w.eventually(lambda: process.stdout, "the first line")  # noqa: B023
    told = lambda: [event for event in map(json.loads, objects.stdout.splitlines())  # noqa: E731
                    if event["Event"] in ("Conflict", "Relocated", "Restored")]

    succeeds(m, "relocate", "22022")
    succeeds(m, "restore")
    moves = [{"Event": "Relocated", "From": 22, "To": 22022}, {"Event": "Restored", "Port": 22}]
    w.eventually(lambda: told() == moves, "both moves")
    w.eventually(lambda: not m.stray_reservations(), "the tracker has seen sshd on 22")

    # Windows takes 22 while sshd is down.
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.eventually(lambda: m.windows.claim(22, Greeting()), "Windows has it")
    m.run(["systemctl", "start", "--no-block", "ssh.service"], check=True)
    w.wait_sshd(m, 22022)
    w.eventually(lambda: [event for event in told()[2:] if event["Event"] == "Relocated"], "the move")
    conflict, moved = told()[2:]
    assert conflict["Event"] == "Conflict" and conflict["Port"] == 22 and conflict["Holder"].startswith("windows")
    assert moved == {"Event": "Relocated", "From": 22, "To": 22022}

    # People read each thing once: the line of the status says it.
    named_holder = f"ssh on 22022; Windows ({w.WINDOWS_SOFTWARE}) holds 22"
    w.eventually(lambda: lines(plain)[-1] == named_holder, "Windows' greeting")
    assert not re.search("^(conflict|relocated|restored|also changed)", "\n".join(lines(plain)), re.MULTILINE)
    assert all(a != b for a, b in itertools.pairwise(lines(plain)))
    assert lines(plain).count("ssh on 22022; somebody asked for port 22022") == 1, lines(plain)


# ---- hostile text ----

HOSTILE = "\x1b[2J\x1b]0;pwned\x07\r\nsshd is fine\n\x9b31m\u202etxt.exe\u2028\u200b" + 300 * "A"
LINES = (1, 4)  # of monitor and monitor --json: what the impostor's signals come to


def test_nothing_hostile_reaches_the_terminal(make):
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22, enabled=False))
    impostor = Path(os.environ["WSLPORTD_BUILD"]) / "tests/lab/lab-impostor"
    m.write("/root/impostor", impostor.read_bytes(), 0o755)
    m.spawn(["/root/impostor", HOSTILE])
    w.eventually(lambda: ctl(m).returncode == OK, "the impostor is there")

    picture = succeeds(m)
    assert is_clean(picture) and picture.count("\n") <= 24 and max(map(len, picture.splitlines())) <= 80
    assert "?[2J?]0;pwned???sshd is fine" in picture and "\nsshd is fine" not in picture
    assert succeeds(m, "listeners").count("\n") == 3 and is_clean(succeeds(m, "listeners"))
    for colored in (on_a_terminal(m, "wslportctl"), on_a_terminal(m, "wslportctl listeners")):
        assert is_clean(colored, color=True)
    for verb in ("status", "listeners"):
        text = succeeds(m, verb, "--json")
        assert is_clean(text) and text.count("\n") == 1 and is_clean(str(json.loads(text)))
    assert "?[2J" in fails(m, NOT_POSSIBLE, "relocate")
    assert is_clean(fails(m, NOT_POSSIBLE, "relocate"))

    monitors = [m.spawn(["wslportctl", "monitor", *arguments]) for arguments in ((), ("--json",))]
    for process in monitors:
        w.eventually(lambda: process.stdout, "the first line")  # noqa: B023
    succeeds(m, "restore")
    for process, count in zip(monitors, LINES, strict=True):
        w.eventually(lambda: len(lines(process)) == 1 + count, "all the signals")  # noqa: B023
        assert is_clean(process.stdout)

    # The bus delivers signals of another sender, and wslportctl ignores them.
    names = [line.split()[0] for line in m.run(["busctl", "list", "--no-legend"], check=True).stdout.splitlines()
             if line.split()[2] == "wslportctl"]
    assert len(names) == 2
    for name in names:
        m.run([*SOMEBODY, "busctl", "emit", f"--destination={name}", *w.BUS[1:], w.INTERFACE, "Restored", "q", "4711"],
              check=True)
    succeeds(m, "restore")
    for process, count in zip(monitors, LINES, strict=True):
        w.eventually(lambda: len(lines(process)) == 1 + 2 * count, "the impostor's")  # noqa: B023
        assert "4711" not in process.stdout
