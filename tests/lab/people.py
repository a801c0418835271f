# SPDX-License-Identifier: LGPL-2.1-or-later
"""People's own set-ups of sshd and systemd, as data in tests/lab/shapes: this module reads, lays and describes them.

A folder tests/lab/shapes/NAME is one set-up:

    expect.ini   says which kind of source has such a set-up, and what is right for it
    tree/        is laid over the machine's root before the machine boots
    later/       is laid over it by the owner while the machine runs

expect.ini has the sections below. Only `source` is required. "Default" names what holds where a key is missing.

    [shape]
        source       the kind of source, in words: hardening role, WSL set-up script
        base         the distros of shapes.py below it; each makes a test of its own. Default: debian-12
        enable, disable, mask    units; remove: paths that go before `tree` is laid
        options      the options with which `sshd -T` reads the same configuration
        tailscale    yes: Windows has a Tailscale address, and WSL mirrors it
        windows      the ports that Windows' sshd holds. Default: 22
        only         held or free: the set-up boots in that way only
        foreign      endpoints of programs other than the managed sshd
        inner        addresses that only this machine can use
        mesh         addresses of a mesh in Linux that other machines can use
        mesh-kind    the bus's word for them. Default: tailscale
        stray        ports that sshd itself takes from Windows and can't use; wslportd could not prevent that
        gap          a restart of this unit leaves nobody listening for so many seconds. Default: 1.5
        starts       sshd may try to bind so often before its machine is at rest
    [modes]          path = mode, or path = mode user
    [copies]         path = another path of the machine; its file is copied
    [links]          path = the target of a symbolic link
    [home]
        endpoints    sshd listens there where nobody holds a port. Default: 0.0.0.0:22 [::]:22
        unit         the unit that has the port. Default: the base's
        dual         yes: [::] takes in IPv4 too. Default: yes for a socket unit without an IPv4 address
    [held]           Windows holds the ports at boot, and still does after a restart of wslportd
    [free]           nobody holds a port. Default: clear, on the endpoints of [home]
    [requested]      somebody has run `wslportctl relocate` in that machine. Default: sshd is moved as in [held]; where it
                     isn't moved there, the request is refused, with the `reason`
        ask          no: nobody runs it
    [restored]       Windows has left, and somebody has run `wslportctl restore`. Default: as [free]
    [later]          the owner has laid `later`
        run          and has typed this
        windows      in the machine of [held], the default, or of [free]
        look         no: the test looks only after `wslportd --reset`
    [reset]
        endpoints    sshd listens there after `wslportd --reset`. Default: as [home], or as [later]
        says         a regular expression for what `wslportd --reset` prints. Default: it prints nothing

[held], [free], [requested], [restored] and [later] have these keys. Words are alternatives, and * stands for any.

    mechanism        what moves sshd. Then the default State is `relocated`, and 2222 stands for the ports that Windows holds; *: sshd can't
                     start, and what wslportd tries comes and goes
    state, cause, holder, port, home-port, unit    the values on the bus
    endpoints        the listeners in the kernel, or none
    reason           a regular expression for Reason; never: one that fits neither Reason nor the status line
    journal          a regular expression for a line of wslportd's
    problems         the checks in which `wslportctl diagnose` sees a problem; diagnose: a regular expression for its text
    check            a command that has to succeed
    failed           the units that have failed
    reachable        the addresses that are offered. Default: each address of the machine's on which sshd listens
"""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import network
import wslport as w
from machine import Machine
from shapes import SHAPES, link
from windows import Greeting

FOLDER = Path(__file__).parent / "shapes"
BINDERS = ("sshd", "systemd", "(sd-listen)")  # the names of the processes that bind sshd's ports
MOVED = 2222  # the first of CandidatePorts
CONNECTION = "user=root,host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22"

SHAPE_KEYS = {"source", "base", "enable", "disable", "mask", "remove", "options", "tailscale", "windows", "only", "foreign",
              "inner", "mesh", "mesh-kind", "stray", "gap", "starts"}
HOME_KEYS = {"endpoints", "unit", "dual"}
PHASE_KEYS = {"mechanism", "state", "cause", "holder", "port", "home-port", "unit", "endpoints", "reason", "never", "journal",
              "problems", "diagnose", "check", "failed", "reachable"}
SECTIONS = {"shape": SHAPE_KEYS, "home": HOME_KEYS, "held": PHASE_KEYS, "free": PHASE_KEYS, "restored": PHASE_KEYS,
            "requested": PHASE_KEYS | {"ask"}, "later": PHASE_KEYS | {"run", "windows", "look"}, "reset": {"endpoints", "says"}}

Words = tuple[str, ...]


# ---- endpoints, as text: 0.0.0.0:22, [::]:22 ----

def endpoint(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def split(text: str) -> tuple[str, int]:
    address, _, port = text.rpartition(":")
    return address.strip("[]"), int(port)


def ports_of(endpoints: frozenset[str]) -> set[int]:
    return {split(text)[1] for text in endpoints}


def in_kernel(m: Machine) -> frozenset[str]:
    return frozenset(endpoint(address, port) for port, addresses in m.listeners().items() for address in addresses)


# ---- what is expected ----

@dataclass(frozen=True)
class Expected:
    """What is right in one phase. Words are alternatives; "*" among them stands for any."""

    endpoints: frozenset[str]
    mechanism: Words = ()  # none: sshd isn't moved
    state: Words = ()
    cause: Words = ()
    holder: Words = ()
    port: Words = ()
    home_port: Words = ()
    unit: Words = ()
    reason: str = ""
    never: str = ""
    journal: str = ""
    problems: Words | None = ()  # None: any
    diagnose: str = ""
    check: str = ""
    failed: Words | None = ()  # None: any
    reachable: Words | None = None  # None: each address of the machine's on which sshd listens

    @property
    def moved(self) -> bool:
        return bool(self.mechanism) and "*" not in self.mechanism


@dataclass(frozen=True)
class Setup:
    """One folder of tests/lab/shapes over one base."""

    name: str
    base: str
    ini: configparser.ConfigParser = field(repr=False, hash=False, compare=False)

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    def get(self, section: str, key: str, default: str = "") -> str:
        return self.ini.get(section, key, fallback=default).strip()

    def words(self, section: str, key: str, default: str = "") -> Words:
        return tuple(self.get(section, key, default).split())

    def endpoints(self, section: str, key: str, default: str = "") -> frozenset[str]:
        return frozenset(text for text in self.words(section, key, default) if text != "none")

    @property
    def windows(self) -> set[int]:
        return set(map(int, self.words("shape", "windows", "22")))

    @property
    def home(self) -> frozenset[str]:
        return self.endpoints("home", "endpoints", "0.0.0.0:22 [::]:22")

    @property
    def unit(self) -> str:
        return self.get("home", "unit", SHAPES[self.base].unit)

    @property
    def moved(self) -> frozenset[str]:
        """The endpoints of home after a move. The ports that Windows holds leave; where it holds none, the home port does."""
        leaving = self.windows & ports_of(self.home) or {int(self.home_port)}
        return frozenset(endpoint(address, MOVED if port in leaving else port) for address, port in map(split, self.home))

    def dual(self, endpoints: frozenset[str]) -> bool:
        """Tells whether [::] takes in IPv4 too. sshd's own sockets don't; systemd's do, unless the unit says otherwise."""
        ipv4 = any(split(text)[0] == "0.0.0.0" for text in endpoints)
        return self.get("home", "dual", "yes" if self.unit.endswith(".socket") and not ipv4 else "no") == "yes"

    @property
    def home_port(self) -> str:
        ports = ports_of(self.home)
        return str(22 if 22 in ports or not ports else split(self.words("home", "endpoints")[0])[1])

    def defaults(self, phase: str, moved: bool) -> dict[str, str]:
        """The values of a phase's keys where expect.ini has none."""
        if moved:
            facts = {"state": "relocated", "port": str(MOVED), "endpoints": " ".join(self.moved)}
            requested = {"cause": "requested", "holder": "*"}
            facts |= requested if phase == "requested" else {"cause": "windows-openssh-holds", "holder": "windows-openssh"}
        elif self.get(phase, "state", "clear") == "clear":
            facts = {"state": "clear", "port": self.home_port if self.home else "0", "cause": "none",
                     "endpoints": " ".join(self.home) or "none", "holder": "sshd" if self.home and phase != "held" else "*",
                     "never": r"Windows.* (holds|refuses) "}
        else:
            facts = {"port": "*", "endpoints": " ".join(self.home) or "none", "cause": "*", "holder": "*", "failed": "*"}
        return {"home-port": self.home_port, "unit": self.unit, **facts}

    def expected(self, phase: str) -> Expected:
        """What is right in a phase."""
        if phase in ("restored", "later") and not self.ini.has_section(phase):
            return self.expected("free")
        as_held = phase == "requested" and not self.ini.has_section(phase)
        mechanism = self.words("held" if as_held else phase, "mechanism")
        moved = bool(mechanism) and "*" not in mechanism
        facts = self.defaults(phase, moved)
        if as_held and moved:
            keys = ("endpoints", "port", "home-port", "unit", "problems")
            facts |= {key: self.get("held", key, facts.get(key, "")) for key in keys}

        def words(key: str) -> Words:
            return self.words(phase, key, facts.get(key, ""))

        def words_or_any(key: str) -> Words | None:
            return None if "*" in words(key) else words(key)

        given = {key: words(key) for key in ("state", "cause", "holder", "port", "unit")}
        texts = {key: self.get(phase, key, facts.get(key, "")) for key in ("reason", "never", "journal", "diagnose", "check")}
        return Expected(endpoints=self.endpoints(phase, "endpoints", facts["endpoints"]), mechanism=mechanism,
                        home_port=words("home-port"), failed=words_or_any("failed"), problems=words_or_any("problems"),
                        reachable=self.words(phase, "reachable") or None, **given, **texts)

    def lay(self, machine: Callable[..., Machine], held: bool) -> Machine:
        """Returns a machine with this set-up and with the daemon enabled. It is off."""
        m = machine(suite=SHAPES[self.base].suite, windows=dict.fromkeys(self.windows, Greeting()) if held else {},
                    tailscale=self.get("shape", "tailscale") == "yes")
        SHAPES[self.base].lay(m)
        m.write(w.CONFIG, w.configuration())
        m.enable(w.UNIT)
        for path in self.words("shape", "remove"):
            remove(m, path)
        lay_tree(m, self.folder / "tree")
        for path, source in self.section("copies"):
            m.write(path, m.path(source).read_bytes(), stat.S_IMODE(m.path(source).stat().st_mode))
        for path, target in self.section("links"):
            link(m, target, path)
        for path, text in self.section("modes"):
            mode, *owner = text.split()
            m.path(path).chmod(int(mode, 8))
            if owner:
                m.offline(["chown", owner[0], path])
        for verb, change in (("disable", m.disable), ("enable", m.enable), ("mask", m.mask)):
            if units := self.words("shape", verb):
                change(*units)
        return m

    def section(self, name: str) -> list[tuple[str, str]]:
        return self.ini.items(name) if self.ini.has_section(name) else []

    def faults(self) -> Iterator[str]:
        """The errors in expect.ini itself."""
        if not self.get("shape", "source"):
            yield "[shape] has no source"
        if self.base not in SHAPES:
            yield f"{self.base} is no base"
        for section in self.ini.sections():
            known = SECTIONS.get(section)
            if known is None and section not in ("modes", "copies", "links"):
                yield f"[{section}] is no section"
            for key in () if known is None else set(self.ini[section]) - known:
                yield f"{key} is no key of [{section}]"


def remove(m: Machine, path: str) -> None:
    place = m.path(Path(path).parent) / Path(path).name  # m.path() alone would follow a link
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink()


def lay_tree(m: Machine, tree: Path) -> None:
    for path in sorted(tree.rglob("*")):
        place = Path("/") / path.relative_to(tree)
        if path.is_dir():
            m.path(place).mkdir(parents=True, exist_ok=True)
        else:
            m.write(place, path.read_bytes(), 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)


def setups() -> list[Setup]:
    found = []
    for folder in sorted(path.parent for path in FOLDER.glob("*/expect.ini")):
        ini = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
        ini.optionxform = str  # type: ignore[method-assign,assignment]  # paths are keys
        ini.read(folder / "expect.ini")
        bases = ini.get("shape", "base", fallback="debian-12").split()
        found += [Setup(folder.name, base, ini) for base in bases]
    return found


def boots() -> list[tuple[Setup, str]]:
    """Each set-up with each of the ways in which it boots: held, free."""
    return [(setup, windows) for setup in setups() for windows in setup.words("shape", "only", "held free")]


def name_of(setup: Setup) -> str:
    return setup.name if setup.base == "debian-12" else f"{setup.name}-{setup.base}"


# ---- what must stay as it is ----

# A boot itself writes these.
BOOTS = re.compile(r"^/etc/(\.updated|\.pwd\.lock|\.resolv.*|resolv\.conf|machine-id|adjtime|mtab)$")


def users_files(m: Machine, tree: Path) -> dict[str, object]:
    """Mode, owner, time, and contents or target of each file and folder in /etc, and of the set-up's files elsewhere."""
    found: dict[str, object] = {}

    def note(name: str, path: str) -> None:
        status = os.lstat(path)
        text: object = None
        if stat.S_ISLNK(status.st_mode):
            text = os.readlink(path)
        elif stat.S_ISREG(status.st_mode):
            with open(path, "rb") as file:
                text = file.read()
        found[name] = (oct(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns, text)

    top = str(m.path("/etc"))
    for folder, folders, files in os.walk(top):
        inside = "/etc" + folder[len(top):]
        for name in [*folders, *files]:
            path = f"{inside}/{name}"
            if path == w.CONFIG or ("wslport" not in name and not BOOTS.match(path)):
                note(path, f"{folder}/{name}")
    for file in tree.rglob("*"):
        place = Path("/") / file.relative_to(tree)
        if file.is_file() and place.parts[1] != "etc":
            note(str(place), str(m.path(place)))
    return found


def dump(m: Machine, setup: Setup) -> set[str] | None:
    """sshd's whole configuration but for the port, as `sshd -T` prints it to root. None where sshd prints none."""
    command = ["/usr/sbin/sshd", "-T", "-C", CONNECTION, *shlex.split(setup.get("shape", "options"))]
    if m.running:
        result = m.run(command)
        if result.returncode != 0:
            return None
        text = result.stdout
    else:
        try:
            text = m.offline(["sh", "-c", 'mkdir -p /run/sshd && exec "$@"', "sh", *command]).stdout
        except Exception:
            return None
    lines = {line.lower() for line in text.splitlines() if not line.lower().startswith("port ")}
    return {re.sub(r"^(listenaddress .*):\d+", r"\1", line) for line in lines}


def command(m: Machine, unit: str) -> tuple[list[tuple[str, str]], str]:
    """Returns the programs of the service's ExecStart= with the meaning of their prefixes (-, +, !, …), and the command line
    of the sshd that runs, without a -p. "" where none runs."""
    shown = w.show(m, unit.replace(".socket", ".service"), "ExecStartEx", "MainPID")
    prefixes = re.findall(r"\{ path=(.*?) ; argv\[\]=.*? ; flags=(.*?) ;", shown.get("ExecStartEx", ""))
    pid = shown.get("MainPID", "0")
    title = m.read(f"/proc/{pid}/cmdline").replace("\0", " ") if pid != "0" else ""
    found = re.match(r"sshd: (.*) \[listener\]", title)
    return prefixes, re.sub(r" -p \d+", "", found[1]) if found else ""


def silences(m: Machine, ports: set[int]) -> list[float]:
    """Returns for how many seconds nobody listened on these ports, each time, after the first listener of the last boot. The
    tracker looks every 50 ms."""
    count, since, found = 0, None, []
    for entry in m.log():
        if entry["event"] == "guest":
            count, since, found = 0, None, []
        elif entry["event"] == "listening" and entry["port"] in ports:
            if since is not None:
                found.append(entry["time"] - since)
            count, since = count + 1, None
        elif entry["event"] == "closed" and entry["port"] in ports and count > 0:
            count -= 1
            since = entry["time"] if count == 0 else None
    return found


# ---- what is offered to others ----

def ports_at(address: str, endpoints: frozenset[str], dual: bool) -> set[int]:
    """The ports on which sshd answers at that address."""
    wild = {"::"} if ":" in address else {"0.0.0.0", *(["::"] if dual else [])}
    return {port for where, port in map(split, endpoints) if where in {address, *wild}}


def offered(m: Machine, setup: Setup, endpoints: frozenset[str]) -> set[str]:
    """The machine's addresses that may be offered to other machines."""
    addresses = {interface.address for interface in m.interfaces} | set(setup.words("shape", "mesh"))
    return {address for address in addresses if ports_at(address, endpoints, setup.dual(endpoints))}


def hosts_in_client_config(m: Machine) -> set[tuple[str, int]]:
    """The names and ports that `wslportctl ssh-config` gives to clients."""
    text = "".join(m.run(["wslportctl", "ssh-config", *options]).stdout for options in (["--scope", "any"], ["--windows"]))
    blocks = re.findall(r"(?m)^Host .*\n((?: +.*\n)*)", text)
    found = [(re.search(r"HostName (\S+)", block), re.search(r"Port (\d+)", block)) for block in blocks]
    return {(name[1], int(port[1]) if port else 22) for name, port in found if name}


Properties = dict[str, Any]
TAILSCALE = network.TAILSCALE.address
