# SPDX-License-Identifier: LGPL-2.1-or-later
"""People's own set-ups of sshd and systemd (tests/lab/shapes, described in people.py), in machines.

    tests/run people                        all of them
    tests/run people-half                   each of them in one of its two ways
    tests/run one 'test_people and twice'   those with `twice` in the folder's name

Each set-up boots twice. Once Windows holds 22: the test looks after the boot, after a restart of wslportd, and after Windows
has left and somebody has run `wslportctl restore`. Once nobody holds 22: it looks after the boot, after `wslportctl relocate`,
and after `wslportd --reset`. Each time sshd has to listen where expect.ini says, wslportd has to tell so, and nothing else may
have changed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import date

import pytest

pytest.register_assert_rewrite("wslport")

import people  # noqa: E402
import wslport as w  # noqa: E402
from machine import Machine  # noqa: E402
from people import Expected, Setup  # noqa: E402

# Seconds, on a busy host.
SETTLES = 8  # a move takes less, with whatever wslportd has to try first
AT_ONCE = 2  # less than wslportd waits before it does anything again
GAP = 1.5  # a restart of sshd takes less


def came_true(condition: Callable[[], bool], timeout: float = SETTLES) -> bool:
    try:
        w.eventually(condition, timeout=timeout)
    except AssertionError:
        return False
    return True


class Trial:
    """One set-up in one machine, through its phases."""

    def __init__(self, machine: Callable[..., Machine], setup: Setup, held: bool) -> None:
        self.m, self.setup = setup.lay(machine, held), setup
        self.foreign = setup.endpoints("shape", "foreign")
        kind = setup.get("shape", "mesh-kind", "tailscale")
        self.kinds = {people.TAILSCALE: "tailscale", **dict.fromkeys(setup.words("shape", "mesh"), kind)}
        self.files = people.users_files(self.m, setup.folder / "tree")
        self.dump = people.dump(self.m, setup)
        self.prefixes: list[tuple[str, str]] | None = None
        self.called = ""
        w.boot_in_time(self.m)

    # ---- one look ----

    def differences(self, expected: Expected) -> list[str]:
        """The differences between what the kernel and the bus show and what is right."""
        seen = people.in_kernel(self.m) - (self.foreign - expected.endpoints)
        found = [] if seen == expected.endpoints else [f"endpoints: {sorted(seen)}, not {sorted(expected.endpoints)}"]
        p = w.properties(self.m)
        if p is None:
            return [*found, "wslportd isn't on the bus"]

        def word(name: str, allowed: tuple[str, ...]) -> None:
            if allowed and "*" not in allowed and name in p and str(p[name]) not in allowed:
                found.append(f"{name}: {p[name]!r}, not {' or '.join(map(repr, allowed))}")

        word("State", expected.state)
        word("Cause", expected.cause)
        word("Port", expected.port)
        word("HomePort", expected.home_port)
        word("HomePortHolder", expected.holder)
        word("Unit", expected.unit)
        word("Mechanism", expected.mechanism or ("",))
        told = {people.endpoint(address, port) for address, port, holder, _ in p["Listeners"] if holder == "sshd"}
        if told != expected.endpoints:
            found.append(f"Listeners: {sorted(told)}, not {sorted(expected.endpoints)}")
        found += self.reachable(p, expected)
        if not re.search(expected.reason, p["Reason"]):
            found.append(f"Reason: {p['Reason']!r}, which doesn't say {expected.reason!r}")
        if "three times" in p["Reason"]:
            found.append(f"Reason: {p['Reason']!r}, and nothing was done three times")
        if expected.never and re.search(expected.never, p["Reason"]):
            found.append(f"Reason: {p['Reason']!r}, which isn't so")
        return found

    def reachable(self, p: people.Properties, expected: Expected) -> Iterator[str]:
        inner = set(self.setup.words("shape", "inner"))
        told = {address for address, kind in p["Reachable"] if kind in ("lan", "tailscale", "mesh")}
        right = people.offered(self.m, self.setup, expected.endpoints)
        if expected.reachable is not None:
            right = set(expected.reachable) - {"none"}
        if told != right and "*" not in right:
            yield f"Reachable: {p['Reachable']}, not {sorted(right)}"
        if told & inner:
            yield f"Reachable: {sorted(told & inner)} can be used by this machine only"
        if wrong := [(a, kind) for a, kind in p["Reachable"] if a in told and kind != self.kinds.get(a, "lan")]:
            yield f"Reachable: {wrong} is the wrong kind"

    # ---- one phase ----

    def judge(self, phase: str, expected: Expected, again: bool = False) -> None:
        """Waits until the kernel and the bus show what is right, and then checks the rest. again: both showed it before, so
        both have to at once, and wslportctl's texts are the same."""
        found: list[str] = []

        def right() -> bool:
            found[:] = self.differences(expected)
            return not found

        if not came_true(right, AT_ONCE if again else SETTLES):
            pytest.fail(f"{phase}: " + "; ".join(found), pytrace=False)
        if found := [*self.kept(), *([] if again else self.machine_says(expected))]:
            pytest.fail(f"{phase}: " + "; ".join(found), pytrace=False)

    def kept(self) -> Iterator[str]:
        """The user's files, sshd's configuration and its command line are as they were, but for the port."""
        files = people.users_files(self.m, self.setup.folder / "tree")
        if files != self.files:
            changed = [name for name in files.keys() | self.files.keys() if files.get(name) != self.files.get(name)]
            yield f"files have changed: {sorted(changed)}"
        dump = people.dump(self.m, self.setup)
        if self.dump is not None and dump is not None and dump != self.dump:
            yield f"sshd -T differs: {sorted(dump ^ self.dump)}"
        self.dump = dump or self.dump
        prefixes, called = people.command(self.m, self.setup.unit)
        if self.prefixes is not None and prefixes != self.prefixes:
            yield f"the service's command is {prefixes}, not {self.prefixes}"
        self.prefixes = prefixes
        if self.called and called and called != self.called:
            yield f"sshd runs as {called!r}, not {self.called!r}"
        self.called = called or self.called

    def machine_says(self, expected: Expected) -> Iterator[str]:
        if expected.failed is not None and (failed := w.failed_units(self.m)) != sorted(expected.failed):
            yield f"failed units: {failed}, not {sorted(expected.failed)}"
        if expected.never and re.search(expected.never, text := w.status_text(self.m)):
            yield f"the status line says {text!r}, which isn't so"
        if expected.journal and not any(re.search(expected.journal, text) for text in w.daemon_messages(self.m)):
            yield f"the journal has nothing that says {expected.journal!r}"
        if expected.check and (result := self.m.run(["sh", "-c", expected.check])).returncode != 0:
            yield f"{expected.check!r} ended with {result.returncode}: {result.stderr}"
        if expected.endpoints:
            yield from self.client_config(expected)
        if expected.endpoints or expected.diagnose or expected.problems:
            yield from self.diagnosis(expected)

    def client_config(self, expected: Expected) -> Iterator[str]:
        """The texts for clients have only addresses and ports on which sshd listens."""
        dual = self.setup.dual(expected.endpoints)
        told = people.hosts_in_client_config(self.m)
        right = people.offered(self.m, self.setup, expected.endpoints)
        local = {"localhost"} if people.ports_at("127.0.0.1", expected.endpoints, dual) else set()
        names = {name for name, _ in told}
        if not names <= right | local or not local <= names or (right and not right & names):
            yield f"ssh-config offers {sorted(names)}, not some of {sorted(right)}" + " and localhost" * len(local)
        for name, port in told:
            if port not in people.ports_at("127.0.0.1" if name == "localhost" else name, expected.endpoints, dual):
                yield f"ssh-config offers {name} with port {port}"

    def diagnosis(self, expected: Expected) -> Iterator[str]:
        text = self.m.run(["wslportctl", "diagnose"]).stdout
        if expected.state in (("clear",), ("relocated",)):
            problems = tuple(re.findall(r"(?m)^✗ (\S+)", text))
            if expected.problems is not None and problems != expected.problems:
                lines = re.findall(r"(?m)^✗ (.*)", text)
                yield f"diagnose sees {lines or 'no problem'}, not {expected.problems or 'none'}"
        if expected.diagnose and not re.search(expected.diagnose, text):
            yield f"diagnose doesn't say {expected.diagnose!r}: {text}"

    def first_bind(self) -> None:
        """Promise 3: at boot Windows refused no bind of sshd's, or of systemd's for sshd."""
        refused = [entry for name in people.BINDERS for entry in w.binds(self.m, command=name) if entry["verdict"] != "allow"]
        if refused:
            pytest.fail(f"at boot: {refused[0]['command']} was refused {refused[0]['port']}", pytrace=False)

    def untouched(self, since: int, what: str) -> None:
        """sshd has not bound its ports since then: nobody has restarted or reloaded it."""
        ports = people.ports_of(self.setup.home | self.setup.moved)
        for entry in self.m.log()[since:]:
            if entry["event"] == "bind" and entry["command"] in people.BINDERS and entry["port"] in ports:
                pytest.fail(f"{what}: {entry['command']} bound {entry['port']} anew", pytrace=False)

    # ---- the phases ----

    def decided(self) -> dict[str, bytes | str]:
        """What wslportd's files say; not the mark that systemd is to read its units, which comes and goes in a try."""
        return {name: data for name, data in w.own_files(self.m).items() if not name.endswith("/unread")}

    def through_a_conflict(self) -> None:
        expected = self.setup.expected("held")
        self.judge("Windows holds it", expected)
        self.no_more_starts()
        if expected.state == ("relocated",):
            self.first_bind()

        since, files = len(self.m.log()), self.decided()
        self.m.run(["systemctl", "restart", w.UNIT], check=True)
        self.judge("after a restart of wslportd", expected, again=True)
        self.untouched(since, "a restart of wslportd")
        if "*" not in expected.mechanism and self.decided() != files:
            pytest.fail(f"a restart of wslportd: its files were {files}, and are {self.decided()}", pytrace=False)

        self.later("held")
        for port in self.setup.windows:
            self.m.windows.release(port)
        result, restored = self.m.run(["wslportctl", "restore"]), self.setup.expected("restored")
        if expected.moved and not restored.moved and not self.setup.ini.has_section("later") and result.returncode != 0:
            pytest.fail(f"restore: {result.stderr}", pytrace=False)
        if not expected.moved and expected.endpoints != restored.endpoints:
            self.m.run(["systemctl", "restart", self.setup.unit])  # its owner has read why wslportd didn't move it
        self.judge("restored", restored)
        if not restored.moved and "*" not in restored.mechanism:
            self.nothing_left(but=w.LAST_PORT_FILE)

    def without_a_conflict(self) -> None:
        expected = self.setup.expected("free")
        self.judge("nobody holds it", expected)
        self.no_more_starts()
        if not expected.moved:
            self.nothing_left(but="")
        self.later("free")
        if self.setup.get("requested", "ask", "yes") == "yes" and not self.setup.ini.has_section("later"):
            self.requested(expected)
        self.m.run(["systemctl", "stop", w.UNIT], check=True)
        result = self.m.run(["/usr/sbin/wslportd", "--reset"])
        text, says = result.stdout + result.stderr, self.setup.get("reset", "says")
        if result.returncode != 0 or (not re.search(says, text) if says else text):
            pytest.fail(f"--reset: {result.returncode} {result.stdout}{result.stderr}", pytrace=False)
        later = self.setup.get("later", "windows") == "free"
        home = self.setup.endpoints("reset", "endpoints", " ".join(self.setup.expected("later" if later else "free").endpoints))
        if not came_true(lambda: people.in_kernel(self.m) - (self.foreign - home) == home):
            pytest.fail(f"--reset: endpoints: {sorted(people.in_kernel(self.m))}, not {sorted(home)}", pytrace=False)
        if found := list(self.kept()):
            pytest.fail(f"--reset: {'; '.join(found)}", pytrace=False)
        self.nothing_left(but="")

    def requested(self, free: Expected) -> None:
        since = len(self.m.log())
        result = self.m.run(["wslportctl", "relocate"])
        expected = self.setup.expected("requested")
        if expected.moved:
            if result.returncode != 0:
                pytest.fail(f"relocate: {result.stderr}", pytrace=False)
            self.judge("moved as somebody asked for it", expected)
            return
        if result.returncode == 0:
            pytest.fail(f"relocate: it isn't refused: {result.stdout}", pytrace=False)
        if not re.search(expected.reason, result.stderr):
            pytest.fail(f"relocate: {result.stderr!r} doesn't say {expected.reason!r}", pytrace=False)
        self.judge("after a refused request", free)
        self.untouched(since, "a refused request")

    def later(self, windows: str) -> None:
        """The owner changes the set-up while the machine runs."""
        if not self.setup.ini.has_section("later") or self.setup.get("later", "windows", "held") != windows:
            return
        people.lay_tree(self.m, self.setup.folder / "later")
        self.m.run(["sh", "-c", self.setup.get("later", "run", "true")])
        self.files = people.users_files(self.m, self.setup.folder / "tree")
        self.dump, self.prefixes, self.called = None, None, ""
        if self.setup.get("later", "look", "yes") == "yes":
            self.judge("after its owner's change", self.setup.expected("later"))

    def no_more_starts(self) -> None:
        """Nobody starts an sshd again and again that can't come up."""
        if limit := self.setup.get("shape", "starts"):
            def starts() -> int:
                return len({entry["pid"] for entry in w.binds(self.m, command="sshd")})
            if came_true(lambda: starts() > int(limit), 2):
                pytest.fail(f"sshd was started {starts()} times, to no avail", pytrace=False)

    def nothing_left(self, but: str) -> None:
        if left := sorted(w.own_files(self.m).keys() - {but}):
            pytest.fail(f"files of wslportd's are left: {left}", pytrace=False)

    def end(self) -> None:
        """Promises 1 and 2, over all phases: sshd was always there, and Windows lost no port for nothing."""
        limit = float(self.setup.get("shape", "gap", str(GAP)))
        listened = self.setup.home | self.setup.moved | self.setup.endpoints("requested", "endpoints")
        gaps = people.silences(self.m, people.ports_of(listened))
        if not self.foreign and max(gaps, default=0) > limit:
            pytest.fail(f"nobody listened for {max(gaps):.1f} s", pytrace=False)
        allowed = set(map(int, self.setup.words("shape", "stray")))
        if not came_true(lambda: set(self.m.stray_reservations()) <= allowed, 2):
            pytest.fail(f"promise 2: Windows lost {self.m.stray_reservations()} to nobody", pytrace=False)


def boots_to_try() -> list[tuple[Setup, str]]:
    """All of them; with WSLPORTD_PEOPLE=half each set-up in one of its two ways, by WSLPORTD_SEED or the day."""
    boots = people.boots()
    if os.environ.get("WSLPORTD_PEOPLE") != "half":
        return boots
    seed = int(os.environ.get("WSLPORTD_SEED") or date.today().toordinal())
    ways = {setup: [windows for other, windows in boots if other == setup] for setup, _ in boots}
    return [(setup, way[(seed + number) % len(way)]) for number, (setup, way) in enumerate(ways.items())]


@pytest.mark.people
@pytest.mark.parametrize("setup, windows", boots_to_try(), ids=lambda it: it if isinstance(it, str) else people.name_of(it))
def test_people(machine, setup, windows):
    if "WSLPORTD_DESTDIR" not in os.environ:
        pytest.skip("WSLPORTD_DESTDIR doesn't tell where the daemon is installed")
    trial = Trial(machine, setup, windows == "held")
    if windows == "held":
        trial.through_a_conflict()
    else:
        trial.without_a_conflict()
    trial.end()


def test_each_says_what_is_right():
    found = people.setups()
    assert {f"{setup.name}: {fault}" for setup in found for fault in setup.faults()} == set()
    assert len({setup.name for setup in found}) >= 120
    assert {people.SHAPES[setup.base].suite for setup in found} == {"bookworm", "trixie", "sid"}
