# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon on D-Bus: its interface, its answers, who may do what, and hostile clients."""

from __future__ import annotations

import contextlib
import json
import re
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

import wslport as w
from machine import Machine
from processes import PATIENCE, Process
from windows import NOT_LISTENING

HERE = Path(__file__).parent
INTERFACE_FILE = "/usr/share/dbus-1/interfaces/org.wslport1.Manager.xml"
DIAGNOSE = "/usr/libexec/wslportd-diagnose"

PROPERTIES = "org.freedesktop.DBus.Properties"
ERROR = "org.freedesktop.DBus.Error"
OURS = "org.wslport1.Error"
DENIED = {f"{ERROR}.AccessDenied", f"{ERROR}.InteractiveAuthorizationRequired"}


# ---- helpers ----

def client(m: Machine, *arguments: object, uid: int = 0) -> Process:
    """Starts busclient.py in the machine."""
    if not m.exists("/usr/local/lib/busclient.py"):  # another one may just be starting: never write the file twice
        m.write("/usr/local/lib/busclient.py", (HERE / "busclient.py").read_text())
    argv = ["/usr/bin/python3", "-SE", "/usr/local/lib/busclient.py", *map(str, arguments)]
    if uid:
        argv = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *argv]
    return m.spawn(argv)


def answer(process: Process, timeout: float = 40) -> tuple[str, str]:
    """The answer of a call: "return" or an error's name, and the text."""
    assert process.wait(timeout) == 0, process.stderr
    name, _, text = process.stdout.partition("\n")
    return name, text.rstrip("\n")


def ask(m: Machine, *arguments: object, uid: int = 0) -> tuple[str, str]:
    return answer(client(m, "call", *arguments, uid=uid))


def ask_manager(m: Machine, member: str, *arguments: object, uid: int = 0) -> tuple[str, str]:
    return ask(m, w.BUS[1], w.INTERFACE, member, *arguments, uid=uid)


class Subscriber:
    """busctl's record of all signals of the daemon's."""

    def __init__(self, m: Machine) -> None:
        self.process = m.spawn(["busctl", "--json=short", "monitor", w.BUS[0]])
        w.eventually(lambda: "onitoring" in self.process.stderr + self.process.stdout, "it listens")

    def signals(self, member: str) -> list[list[Any]]:
        found = []
        for line in self.process.stdout.splitlines():
            with contextlib.suppress(ValueError):  # the first line isn't JSON, and the last may be incomplete
                message = json.loads(line)
                if message.get("type") == "signal" and message.get("member") == member:
                    found.append(message["payload"]["data"])
        return found


# ---- the interface ----

def members(interface: ElementTree.Element) -> dict[str, Any]:
    """Each member with its arguments and annotations, to be compared."""
    return {f"{member.tag} {member.get('name')}": (
        member.get("type"), member.get("access"),
        [(arg.get("type"), arg.get("direction", "out" if member.tag == "signal" else "in"), arg.get("name"))
         for arg in member.iter("arg")],
        {note.get("name"): note.get("value") for note in member.iter("annotation")})
        for member in interface if member.tag in ("method", "signal", "property")}


def test_the_interface_is_what_its_description_says(make):
    m = w.boot(make())
    w.wait_properties(m, State="clear")
    name, text = ask(m, w.BUS[1], "org.freedesktop.DBus.Introspectable", "Introspect")
    assert name == "return"
    live = ElementTree.fromstring(text).find(f"interface[@name='{w.INTERFACE}']")
    told = ElementTree.fromstring(m.read(INTERFACE_FILE)).find(f"interface[@name='{w.INTERFACE}']")
    assert members(live) == members(told)
    assert len(members(live)) == 29

    # Each property has the type that the description gives it.
    for member in told.iter("property"):
        shown = m.run(["busctl", "get-property", *w.BUS, w.INTERFACE, member.get("name")], check=True).stdout
        assert shown.startswith(member.get("type") + " "), shown


def test_each_member_is_described(make):
    m = make()
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    interface = ElementTree.fromstring(m.read(INTERFACE_FILE), parser).find(f"interface[@name='{w.INTERFACE}']")
    comment, seen = None, 0
    for child in interface:
        if child.tag is ElementTree.Comment:
            comment = child.text
            continue
        name = child.get("name")
        assert comment, f"{name} has no comment before it"
        lines = [line.strip() for line in comment.strip().splitlines()]
        assert lines[0] == f"{name}:"
        assert [line for line in lines if re.fullmatch(r"@since: \d+\.\d+", line)], name
        for arg in child.iter("arg"):
            assert [line for line in lines if line.startswith(f"@{arg.get('name')}: ")], f"{name}, {arg.get('name')}"
        assert len(" ".join(lines[lines.index(""):])) > 20, f"{name} is not described"
        comment, seen = None, seen + 1
    assert seen == 29


def test_texts_for_windows_and_for_clients(make):
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22))
    w.wait_properties(m, State="relocated", Port=2222)
    for scope, words in {"lan": "LocalSubnet", "tailscale": "100.64.0.0/10", "any": "from anywhere"}.items():
        name, text = ask_manager(m, "GetFirewallRules", "s", scope, uid=65534)
        assert name == "return" and "-LocalPort 2222" in text and words in text
    name, text = ask_manager(m, "GetClientConfig", "s", "laptop.lan", uid=65534)
    assert name == "return" and text.count("Host laptop.lan\n") == 1 and "Port 2222" in text
    addresses = [address for address, kind in w.properties(m)["Reachable"] if kind == "lan"]
    assert any(address in text for address in addresses)
    assert "Host wsl\n" in ask_manager(m, "GetClientConfig", "s", "")[1]

    for scope in ("", "LAN", "lan;any", "\033[31m"):
        name, text = ask_manager(m, "GetFirewallRules", "s", scope)
        assert name == f"{OURS}.InvalidArgument" and "lan, tailscale or any" in text
    for host in ("a b", "a\nHost *", "$(id)", "ä", "x" * 300):
        name, text = ask_manager(m, "GetClientConfig", "s", host)
        assert name == f"{OURS}.InvalidArgument" and "letters, digits" in text

    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.wait_properties(m, Port=0)
    assert ask_manager(m, "GetFirewallRules", "s", "lan")[0] == f"{OURS}.NotPossible"
    assert ask_manager(m, "GetClientConfig", "s", "")[0] == f"{OURS}.NotPossible"


def test_the_cause_and_errors_named_by_it(make):
    m = w.boot(make(windows={22: w.WINDOWS, 22022: w.WINDOWS}, policy={"CandidatePorts": "2222 22022"}))
    w.wait_properties(m, State="relocated", Port=2222, Cause="windows-openssh-holds", Reason=w.REASON_RELOCATED)
    assert ask_manager(m, "Restore") == (f"{OURS}.WindowsOpensshHolds", w.REASON_RELOCATED)
    assert ask_manager(m, "Relocate", "q", 22022)[0].startswith(f"{OURS}.Windows")
    assert ask_manager(m, "Relocate", "q", 80) == (
        f"{OURS}.Policy", f"80 is not among CandidatePorts: add it in {w.CONFIG}, then `wslportctl reload`")
    assert ask_manager(m, "Relocate", "q", 2222)[0] == "return"
    w.wait_properties(m, State="relocated", Port=2222, Cause="requested", Reason="somebody asked for port 2222")
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.wait_properties(m, Port=0)
    assert ask_manager(m, "Restore")[0] == "return"
    w.wait_properties(m, Cause="owner-stopped")
    assert ask_manager(m, "Relocate", "q", 2222)[0] == f"{OURS}.OwnerStopped"


# ---- diagnose ----

def stand_in(m: Machine, script: str) -> None:
    """Puts a script in the place of wslportd-diagnose, and counts its runs."""
    m.write(DIAGNOSE, f"#!/bin/sh\necho run >>/run/diagnoses\n{script}\n", 0o755)


def runs(m: Machine) -> int:
    return m.read("/run/diagnoses").count("run") if m.exists("/run/diagnoses") else 0


@pytest.mark.waits
def test_diagnose_runs_once_for_all_who_ask(make):
    m = w.boot(make())
    w.wait_properties(m, State="clear")
    # The script asks the daemon, as the real program does, and prints lines that the daemon must drop.
    stand_in(m, "busctl get-property org.wslport1 /org/wslport1 org.wslport1.Manager State >/run/asked\n"
                "until [ -e /run/go ]; do sleep 0.02; done\n"
                r"printf 'mode\tok\tmirrored\t\nbad line\nred\tok\t\033[31m\t\nlatin\tok\t\344\t\n'" "\n"
                r"printf 'sshd-enabled\tproblem\tssh.service ist „aus“\tsystemctl enable ssh.service\n'" "\n"
                "exit 1")
    def ask_many(uid: int, n: int, refused: int) -> list[Process]:
        callers = [client(m, "call", *READS["Diagnose"], uid=uid) for _ in range(n)]
        w.eventually(lambda: sum(process.poll() is not None for process in callers) == refused, f"{refused} are refused")
        assert {answer(process)[0] for process in callers if process.poll() is not None} <= {f"{OURS}.Busy"}
        return callers

    first = [client(m, "call", *READS["Diagnose"], uid=uid) for uid in (0, 65534)]
    w.eventually(lambda: m.exists("/run/asked") and m.read("/run/asked") == 's "clear"\n', "the script has asked the daemon")
    w.eventually(lambda: runs(m) == 2, "root has one of its own")

    # 32 of root's calls may wait, and 4 of each user's; the others are refused.
    waiting = ask_many(0, 40, 40 - 31) + ask_many(65534, 6, 6 - 3) + ask_many(1, 6, 6 - 4)
    assert w.properties(m)["State"] == "clear"

    m.write("/run/go", "")
    assert {answer(process)[0] for process in first} == {"return"}
    assert sum(answer(process)[0] == "return" for process in waiting) == 31 + 3 + 4
    assert runs(m) == 4  # one for the first caller, and one for all who called while that one ran
    shown = m.run(["busctl", "--json=short", "call", *w.BUS, w.INTERFACE, "Diagnose"], check=True).stdout
    assert json.loads(shown)["data"] == [[["mode", "ok", "mirrored", ""],
                                          ["sshd-enabled", "problem", "ssh.service ist „aus“",
                                           "systemctl enable ssh.service"]]]


def test_a_diagnosis_is_never_older_than_the_question(make):
    m = w.boot(make())
    w.wait_properties(m, State="clear")
    stand_in(m, r"printf 'mode\tok\t%s\t\n' $(cat /run/now)" "\n>/run/said\nuntil [ -e /run/go ]; do sleep 0.02; done")

    def diagnosis() -> Process:
        return m.spawn(["busctl", "--json=short", "call", *w.BUS, w.INTERFACE, "Diagnose"])

    m.write("/run/now", "old")
    first = diagnosis()
    w.eventually(lambda: m.exists("/run/said"), "it has looked")
    m.write("/run/now", "new")
    second = diagnosis()
    m.write("/run/go", "")
    assert [json.loads(process.finish(True, PATIENCE).stdout)["data"][0][0][2] for process in (first, second)] == ["old", "new"]


@pytest.mark.parametrize("trouble", ["missing", "silent", "killed", "endless"])
def test_diagnose_without_a_diagnosis(make, trouble):
    m = w.boot(make())
    w.wait_properties(m, State="clear")
    if trouble == "missing":
        m.path(DIAGNOSE).unlink(missing_ok=True)
    else:
        stand_in(m, {"silent": "echo", "killed": "kill -9 $$", "endless": "exec yes"}[trouble])
    began = time.monotonic()
    name, text = ask_manager(m, "Diagnose")
    assert name == f"{OURS}.NotPossible" and "wslportd-diagnose" in text
    assert trouble != "endless" or time.monotonic() - began > 19
    assert w.properties(m)["State"] == "clear"


# ---- who may do what ----

READS = {
    "Get": (w.BUS[1], PROPERTIES, "Get", "ss", w.INTERFACE, "State"),
    "GetAll": (w.BUS[1], PROPERTIES, "GetAll", "s", w.INTERFACE),
    "Introspect": (w.BUS[1], "org.freedesktop.DBus.Introspectable", "Introspect"),
    "Ping": (w.BUS[1], "org.freedesktop.DBus.Peer", "Ping"),
    "Diagnose": (w.BUS[1], w.INTERFACE, "Diagnose"),
    "FindHolder": (w.BUS[1], w.INTERFACE, "FindHolder", "q", 8080),
    "GetFirewallRules": (w.BUS[1], w.INTERFACE, "GetFirewallRules", "s", "lan"),
    "GetClientConfig": (w.BUS[1], w.INTERFACE, "GetClientConfig", "s", "wsl"),
}
ACTS = {
    "Probe": (w.BUS[1], w.INTERFACE, "Probe"),
    "Relocate": (w.BUS[1], w.INTERFACE, "Relocate", "q", 22022),
    "Restore": (w.BUS[1], w.INTERFACE, "Restore"),
    "Reload": (w.BUS[1], w.INTERFACE, "Reload"),
}
NOBODYS = {
    "Set State": (w.BUS[1], PROPERTIES, "Set", "ssv", w.INTERFACE, "State", "clear"),
    "no such method": (w.BUS[1], w.INTERFACE, "Destroy"),
    "a method of no interface": (w.BUS[1], "", "Restore", "u", 1),
}
CALLERS = {"root": 0, "user": 65534, "allowed user": 1}
RULE = """polkit.addRule(function(action, subject) {
    if (action.id.indexOf("org.wslport1.") == 0 && subject.user == "daemon")
        return polkit.Result.YES;
});
"""


@pytest.mark.parametrize("polkit", [True, False], ids=["polkit", "without polkit"])
def test_who_may_do_what(make, polkit):
    m = make()
    if polkit:
        m.write("/etc/polkit-1/rules.d/49-test.rules", RULE)
    else:
        m.path("/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service").unlink()
    stand_in(m, r"printf 'mode\tok\tmirrored\t\n'")
    w.boot(m)
    w.wait_properties(m, State="clear")

    outcomes: dict[str, dict[str, str]] = {}
    for members in (READS, ACTS, NOBODYS):
        for member, arguments in members.items():
            outcomes[member] = {}
            for caller, uid in CALLERS.items():
                before = w.properties(m)["Port"]
                name = ask(m, *arguments, uid=uid)[0]
                outcomes[member][caller] = name
                if name in DENIED:
                    assert w.properties(m)["Port"] == before
                elif member == "Relocate":
                    w.wait_properties(m, Port=22022)
                    assert ask_manager(m, "Restore")[0] == "return"
                    w.wait_properties(m, Port=22)

    for member in READS:
        assert set(outcomes[member].values()) == {"return"}, member
    for member in ACTS:
        expected = {"root": True, "user": False, "allowed user": polkit}
        assert {caller: name == "return" for caller, name in outcomes[member].items()} == expected, outcomes[member]
        assert outcomes[member]["user"] == f"{ERROR}.{'InteractiveAuthorizationRequired' if polkit else 'AccessDenied'}"
    for member in NOBODYS:
        assert outcomes[member]["root"].startswith(ERROR) and outcomes[member]["root"] not in DENIED, member
        assert {outcomes[member][caller] for caller in ("user", "allowed user")} == {f"{ERROR}.AccessDenied"}, member


def test_where_the_bus_policy_is_wider_polkit_still_decides(make):
    m = make()
    m.write("/etc/dbus-1/system.d/wide.conf", '<busconfig><policy context="mandatory">'
            '<allow send_destination="org.wslport1"/></policy></busconfig>')
    w.boot(m)
    w.wait_properties(m, State="clear")
    for member, arguments in ACTS.items():
        assert ask(m, *arguments, uid=65534)[0] in DENIED, member
    assert ask(m, *NOBODYS["Set State"], uid=65534)[0] == f"{ERROR}.PropertyReadOnly"
    assert w.properties(m)["Port"] == 22


def test_polkit_that_does_not_answer(make):
    """A user can have a few questions open at a time, and nobody else waits for them."""
    m = make()
    m.write("/etc/polkit-1/rules.d/49-test.rules", 'polkit.addRule(function(action, subject) {'
            ' polkit.spawn(["/bin/sh", "-c", "until [ -e /run/go ]; do sleep 0.05; done"]); });')
    w.boot(m)
    w.wait_properties(m, State="clear")
    askers = [client(m, "call", *ACTS["Restore"], uid=65534) for _ in range(6)]
    w.eventually(lambda: sum(asker.poll() is not None for asker in askers) == 2, "two are refused")
    assert {answer(asker)[0] for asker in askers if asker.poll() is not None} == {f"{OURS}.Busy"}
    # The callers end, and the daemon answers root meanwhile.
    for asker in askers:
        asker.kill()
    assert ask(m, *ACTS["Probe"])[0] == "return"
    assert ask(m, *READS["Get"], uid=65534)[0] == "return"
    m.write("/run/go", "")
    w.eventually(lambda: ask(m, *ACTS["Restore"], uid=65534)[0] in DENIED, "the user can ask again")
    assert w.properties(m)["Port"] == 22


@pytest.mark.parametrize("member", ["Probe", "Relocate", "Diagnose", "FindHolder", "GetAll"])
def test_a_user_who_calls_without_pause_keeps_nobody_out(make, member):
    """Neither root's calls, nor the daemon's own work."""
    m = make()
    m.write("/etc/polkit-1/rules.d/49-test.rules", RULE)
    stand_in(m, r"printf 'mode\tok\tmirrored\t\n'")
    w.boot(m)
    w.wait_properties(m, State="clear")
    # One of them may have things probed.
    poured = [client(m, "pour", member, uid=uid) for uid in (65534, 65534, 65534, 2 if member == "Relocate" else 1)]
    for call in ("Probe", "Diagnose", "FindHolder", "GetFirewallRules", "Get", "Reload") * 6 + ("Relocate", "Restore"):
        assert ask(m, *{**READS, **ACTS}[call])[0] == "return", call
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.wait_properties(m, Port=0)
    m.run(["systemctl", "start", "ssh.service"], check=True)
    w.wait_properties(m, Port=22)
    assert all(process.poll() is None for process in poured)
    assert ask(m, *READS["Diagnose"], uid=13)[0] == "return"
    for process in poured:
        process.kill()


# ---- probe ----

def test_probe_sees_who_is_there_now_and_never_binds(make):
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22))
    w.wait_properties(m, State="relocated", HomePortHolderDetail=w.WINDOWS_SOFTWARE)
    before = len(w.binds(m))
    m.windows.release(22)
    m.windows.claim(22, w.Greeting(b"SSH-2.0-dropbear_2022.83\r\n"))
    w.hold(lambda: w.properties(m)["HomePortHolderDetail"] == w.WINDOWS_SOFTWARE, 0.5, "it doesn't look by itself")
    assert ask_manager(m, "Probe") == ("return", "")
    # When the answer comes, the properties have the new values.
    p = w.properties(m)
    assert (p["HomePortHolder"], p["HomePortHolderDetail"]) == ("windows", "dropbear_2022.83")

    for _ in range(5):
        assert ask_manager(m, "Probe") == ("return", "")

    # The same with a new daemon, which has not bound 22 itself.
    m.run(["systemctl", "restart", w.UNIT], check=True)
    w.wait_properties(m, State="relocated", HomePortHolderDetail="dropbear_2022.83")
    m.windows.release(22)
    m.windows.claim(22, w.WINDOWS)
    assert ask_manager(m, "Probe") == ("return", "")
    p = w.properties(m)
    assert (p["HomePortHolder"], p["HomePortHolderDetail"]) == ("windows-openssh", w.WINDOWS_SOFTWARE)
    m.windows.release(22)
    assert ask_manager(m, "Probe") == ("return", "")
    p = w.wait_properties(m, State="relocated", Port=2222)
    assert (p["HomePortHolder"], p["HomePortHolderDetail"]) == ("unknown", "")
    assert len(w.binds(m)) == before


def test_probe_does_not_bind_for_an_sshd_that_is_down(make):
    m = w.boot(w.hide_tracepoint(make(windows={22: w.WINDOWS, 2222: w.WINDOWS}, policy={"CandidatePorts": "2222"})))
    w.eventually(lambda: w.active_state(m, "ssh.service") == "failed", "there is no port for it")
    w.wait_properties(m, Port=0, HomePortHolder="windows-openssh")
    w.wait_settled(m)
    before = len(w.binds(m))
    for _ in range(5):
        assert ask_manager(m, "Probe") == ("return", "")
    assert len(w.binds(m)) == before


# ---- signals ----

def test_signals_for_conflict_relocated_restored(make):
    m = w.boot(make(scan_ms=30, keep_ms=1500))
    w.wait_properties(m, State="clear")
    seen = Subscriber(m)
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.eventually(lambda: m.windows.claim(22, w.WINDOWS), "Windows has 22", 80)
    m.run(["systemctl", "start", "ssh.service"])
    w.wait_properties(m, State="relocated", Port=2222, HomePortHolderDetail=w.WINDOWS_SOFTWARE)
    w.eventually(lambda: seen.signals("Relocated") == [[22, 2222]], "Relocated")
    assert seen.signals("Conflict") == [[22, "windows", ""]]

    assert ask_manager(m, "Relocate", "q", 22022)[0] == "return"
    w.eventually(lambda: seen.signals("Relocated") == [[22, 2222], [2222, 22022]], "once more")
    m.windows.release(22)
    assert ask_manager(m, "Restore")[0] == "return"
    w.eventually(lambda: seen.signals("Restored") == [[22]], "Restored")
    assert len(seen.signals("Conflict")) == 1


def told(seen: Subscriber, name: str) -> list[Any]:
    """The values of a property, in the order in which they were told."""
    return [values[name]["data"] for interface, values, _ in seen.signals("PropertiesChanged")
            if interface == w.INTERFACE and name in values]


def order(seen: Subscriber) -> list[str]:
    """The daemon's signals; each PropertiesChanged with a new Port is "Port"."""
    found = []
    for line in seen.process.stdout.splitlines():
        with contextlib.suppress(ValueError):
            message = json.loads(line)
            member = message.get("member")
            if message.get("type") == "signal" and member in ("Relocated", "Restored"):
                found.append(member)
            elif member == "PropertiesChanged" and message["payload"]["data"][1].get("Port", {}).get("data"):
                found.append("Port")
    return found


def test_what_is_told_of_requests(make):
    """A request is no conflict, a failed one changes nothing, and the holder of 22 stays known all the time."""
    m = w.boot(make(windows={22: w.WINDOWS, 2201: w.WINDOWS}, policy={"CandidatePorts": "2222 22022 2201"}, **w.HASTE))
    before = w.wait_properties(m, State="relocated", Port=2222, HomePortHolder="windows-openssh")
    w.wait_settled(m)
    seen = Subscriber(m)
    assert ask_manager(m, "Restore")[0] != "return"
    assert ask_manager(m, "Relocate", "q", 2201)[0] != "return"
    assert ask_manager(m, "Reload")[0] == "return"
    assert ask_manager(m, "Probe")[0] == "return"
    w.wait_settled(m)
    assert w.properties(m)["LastChangeUSec"] == before["LastChangeUSec"]
    assert (told(seen, "State"), told(seen, "Cause"), told(seen, "Reason")) == ([], [], [])
    assert ask_manager(m, "Relocate", "q", 22022)[0] == "return"
    w.wait_properties(m, Port=22022, Cause="requested")
    w.wait_settled(m)
    assert {"unknown", "windows"}.isdisjoint(told(seen, "HomePortHolder"))
    assert "conflict" not in told(seen, "State")
    # Both ports were refused, and are again: that is told once.
    assert ask_manager(m, "Restore")[0] != "return" != ask_manager(m, "Relocate", "q", 2201)[0]
    w.wait_settled(m)
    assert [port for port, _, _ in seen.signals("Conflict")] == [2201]

    m.windows.release(22)
    w.eventually(lambda: ask_manager(m, "Restore")[0] == "return", "Windows gives 22 back")
    w.eventually(lambda: seen.signals("Restored"), "Restored")
    assert order(seen) == ["Port", "Relocated", "Port", "Restored"]


# Binds once, as each bind() takes its time, and then begins and ends to listen: shutdown() leaves the socket bound.
COME_AND_GO = """
import socket, sys, time
s = socket.socket()
s.bind(("127.0.0.1", 22))
end = time.monotonic() + float(sys.argv[1])
n = 0
while time.monotonic() < end:
    s.listen()
    time.sleep(0.002)
    s.shutdown(socket.SHUT_RDWR)
    time.sleep(0.002)
    n += 1
print(n)
"""


def test_a_burst_of_changes_is_told_once_for_each_evaluation(make, capsys):
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22, foreign=(22,), scan_ms=30, keep_ms=1500))
    w.wait_properties(m, State="relocated")
    m.windows.release(22)
    m.windows.ignore("22")
    evaluations = w.evaluations(m)
    seen = Subscriber(m)
    burst = m.spawn(["/usr/bin/python3", "-SEc", COME_AND_GO, "1"])
    assert burst.wait() == 0, burst.stderr

    def quiet() -> bool:
        before = seen.process.stdout
        time.sleep(0.5)
        return seen.process.stdout == before
    w.eventually(quiet, "all is told")
    evaluations = w.evaluations(m) - evaluations
    changes = [data for data in seen.signals("PropertiesChanged") if data[0] == w.INTERFACE]
    with capsys.disabled():
        print(f"\n{burst.stdout.strip()} listeners came and went, {evaluations} evaluations, {len(changes)} signals")
    assert int(burst.stdout) > 30 and evaluations >= 2, "this isn't a burst"  # the daemon paces its evaluations
    assert 2 <= len(changes) <= evaluations
    # The last values that were told are the present ones.
    told: dict[str, Any] = {}
    for _, values, _ in changes:
        told.update({name: value["data"] for name, value in values.items()})
    now = w.properties(m)
    assert {name: now[name] for name in told} == told


# ---- hostile and broken surroundings ----

def memory(m: Machine) -> dict[str, int]:
    """The daemon's private memory in kB, and the number of its open files."""
    pid = w.main_pid(m, w.UNIT)
    rollup = dict(re.findall(r"^(\w+):\s+(\d+) kB", m.read(f"/proc/{pid}/smaps_rollup"), re.MULTILINE))
    return {"Private_Dirty": int(rollup["Private_Dirty"]), "fds": len(list(m.path(f"/proc/{pid}/fd").iterdir()))}


def flood(m: Machine, clients: int, calls: int) -> dict[str, list[str]]:
    process = client(m, "flood", clients, calls)
    assert process.wait(240) == 0, process.stderr
    return {words[0]: words[1:] for words in map(str.split, process.stdout.splitlines())}


def test_ten_thousand_calls_of_fifty_clients(make, capsys):
    m = make()
    m.write(w.CONFIG, "[Daemon]\nLogLevel=info\n")
    w.boot(m)
    w.wait_properties(m, State="clear")
    pid = w.main_pid(m, w.UNIT)
    flood(m, 8, 40)  # so that the daemon has what it needs for the first call of each kind
    before = memory(m)
    # What waits for the daemon at one moment takes memory, and how much that is at most comes from the host. A flood as large takes
    # no more than the one before it; a leak does, each time.
    for _ in range(4):
        result = flood(m, 50, 200)
        w.eventually(lambda: memory(m)["fds"] == before["fds"], "its descriptors are as they were")
        after = memory(m)
        grown = after["Private_Dirty"] - before["Private_Dirty"]
        with capsys.disabled():
            print(f"\n{before} → {after} in {result.pop('seconds')[0]} s; {({name: len(n) for name, n in result.items()})}")
        assert result["good"] == ["200"] * 25
        assert result["wrong"] == ["200"] * len(result["wrong"])
        assert w.main_pid(m, w.UNIT) == pid
        before = after
        if grown <= 128:
            break
    assert grown <= 128
    assert w.properties(m)["Port"] == 22


def test_huge_strings_leave_nothing_behind(make, capsys):
    m = w.boot(make())
    w.wait_properties(m, State="clear")
    flood(m, 8, 40)
    before = memory(m)
    process = client(m, "huge", 24 << 20, 4, uid=65534)
    assert process.wait(60) == 0, process.stderr
    assert process.stdout.split() == [f"{OURS}.InvalidArgument"] * 4
    after = memory(m)
    with capsys.disabled():
        print(f"\n{before} → {after}")
    assert after["Private_Dirty"] - before["Private_Dirty"] <= 128 and after["fds"] == before["fds"]


SERVE = """
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", 22))
s.listen()
while True:
    connection, _ = s.accept()
    try:
        connection.sendall(bytes.fromhex(sys.argv[1]) * int(sys.argv[2]))
        connection.close()
    except OSError:
        pass
"""

GREETINGS = {
    "escapes": (b"SSH-2.0-\x1b]0;owned\x07\x1b[31mOpenSSH\x9b2J\r\n", 1),
    "newlines": (b"SSH-2.0-Open\nSSH\r\nSTATUS=fine\nREADY=1\n", 1),
    "100 kB": (b"A" * 1000, 100),
    "a long name": (b"SSH-2.0-" + b"\x1b[5m" * 60 + b"\r\n", 1),
    "invalid UTF-8": (b"SSH-2.0-\xff\xfe\xc3(\xed\xa0\x80\xf4\x90\x80\x80\r\n", 1),
    "overrides": ("SSH-2.0-\u202eHSS\u2028x\r\n".encode(), 1),
    "NUL": (b"SSH-2.0-a\0b\r\n", 1),
}


@pytest.mark.parametrize("greeting", GREETINGS, ids=list(GREETINGS))
def test_a_hostile_greeting_is_never_seen_unclean(make, greeting):
    text, times = GREETINGS[greeting]
    m = make(windows={22: NOT_LISTENING})
    server = m.beside("windows", ["/usr/bin/python3", "-c", SERVE, text.hex(), str(times)])
    w.boot(m)
    p = w.wait_properties(m, State="relocated", Port=2222, HomePortHolder="windows")
    p = w.eventually(lambda: (p := w.properties(m)) and p["HomePortHolderDetail"] and p, "it was greeted")
    assert "reserved" not in p["HomePortHolderDetail"]
    assert ask_manager(m, "Probe")[0] == "return"
    assert server.poll() is None

    # Whatever the daemon says, on D-Bus, in its status and in the journal, is printable ASCII.
    clean = re.compile(r"[ -~\t]*")
    for value in map(str, w.properties(m).values()):
        assert clean.fullmatch(value), value
    assert clean.fullmatch(w.status_text(m)) and "\t" not in w.status_text(m)
    for line in w.daemon_messages(m):
        assert clean.fullmatch(line), line
    assert w.active_state(m, w.UNIT) == "active"


def test_the_bus_daemon_is_restarted(make):
    m = w.boot(make())
    w.wait_properties(m, State="clear")
    pid = w.main_pid(m, w.UNIT)
    m.run(["systemctl", "restart", "dbus.service"], check=True)
    w.wait_properties(m, State="clear")
    assert ask_manager(m, "Probe")[0] == "return"
    assert w.main_pid(m, w.UNIT) == pid


def test_another_has_the_name(make):
    m = w.boot(make(enabled=False))
    other = client(m, "own", w.BUS[0])
    w.eventually(lambda: other.stdout == "owned\n", "it has the name")
    m.run(["systemctl", "start", w.UNIT], check=True)
    w.eventually(lambda: w.said(m, "another process has the name"), "it is told")
    assert w.sshd_ports(m) == {22}
    other.kill()
    w.wait_properties(m, State="clear")


def test_the_bus_policy_comes_late(make):
    """A daemon that is enabled directly after its installation may come before the bus daemon has read the policy."""
    m = make(enabled=False)
    policy = "/usr/share/dbus-1/system.d/org.wslport1.conf"
    text = m.read(policy)
    m.path(policy).unlink()
    w.boot(m)
    m.run(["systemctl", "start", w.UNIT], check=True)
    w.eventually(lambda: w.said(m, "the name org.wslport1 is refused"), "it is told")
    m.write(policy, text)
    m.run(["systemctl", "reload", "dbus.service"], check=True)
    w.wait_properties(m, State="clear")


# ---- systemd ----

@pytest.mark.parametrize("mode", ["mirrored", "not-wsl"])
def test_no_call_starts_the_daemon(make, mode):
    """Who stopped it finds it stopped, whoever asks for it; and outside of WSL the question is answered at once."""
    m = w.boot(make(mode=mode))
    m.run(["systemctl", "stop", w.UNIT], check=True)
    for uid in CALLERS.values():
        for member, arguments in {**READS, **ACTS}.items():
            assert ask(m, *arguments, uid=uid)[0] in (f"{ERROR}.ServiceUnknown", f"{ERROR}.AccessDenied"), member
        asked = m.run(["setpriv", f"--reuid={uid}", "busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
                       "org.freedesktop.DBus", "StartServiceByName", "su", w.BUS[0], "0"])
        assert asked.returncode != 0 and w.active_state(m, w.UNIT) == "inactive", member
    assert w.active_state(m, w.UNIT) == "inactive" and w.main_pid(m, w.UNIT) == 0 and w.failed_units(m) == []
    assert m.run(["busctl", "--activatable", "list"], check=True).stdout.count("wslport") == 0
    assert m.run(["systemctl", "cat", "dbus-org.wslport1.service"]).returncode != 0
