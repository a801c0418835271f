# SPDX-License-Identifier: LGPL-2.1-or-later
"""Windows as a test sees it: its programs, its book of ports, its releases and its faults. tracker/ does the work."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass

from processes import PATIENCE


@dataclass(frozen=True)
class Greeting:
    """The first words of a Windows program to whoever connects to its port."""

    text: bytes = b"SSH-2.0-OpenSSH_for_Windows_9.5\r\n"

    def encode(self) -> str:
        return self.text.hex() or "-"


SILENT = Greeting(b"")  # the program listens, and says nothing


class NotListening(Greeting):
    """A Windows program that has the port and doesn't listen there."""

    def encode(self) -> str:
        return "none"


NOT_LISTENING = NotListening(b"")


RELEASE = "2.8.6"  # the one that machines imitate unless a test says otherwise


def numbers(release: str) -> tuple[int, ...]:
    return tuple(map(int, release.split(".")))


def behaviour(mode: str, release: str) -> dict[str, bool]:
    """How the tracker behaves in that networking mode and release of WSL, by the names of its switches (tracker/control.c).

    Read in Microsoft's published source at the tags of the releases; 2.9.5 is what follows 2.9.4 there.
    """
    version = numbers(release)
    return {
        "consomme": mode == "consomme",
        "by-address": mode != "mirrored" or version < (2, 8, 5),
        "restart": version >= (2, 7, 1),
        "port-zero": version >= (2, 7, 1),
        "deny-dynamic": (2, 8, 7) <= version <= (2, 9, 4),
        "cap-dynamic": version >= (2, 9, 5),
    }


def filter_options(release: str) -> list[str]:
    """How the release's seccomp filter differs, by lab-guest's options (guest.c)."""
    version = numbers(release)
    return [*(["trap-listen"] if version >= (2, 9, 5) else []),
            *(["interruptible"] if version < (2, 7, 2) or (2, 8, 0) <= version <= (2, 8, 2) else [])]


def gateway(release: str) -> str:
    """The address by which loopback traffic goes to Windows."""
    return "169.254.73.249" if numbers(release) >= (2, 9, 0) else "169.254.73.152"


class Windows:
    def __init__(self, control: socket.socket) -> None:
        self._control = control

    def ask(self, request: str, fds: Iterable[int] = ()) -> str:
        socket.send_fds(self._control, [request.encode()], list(fds))
        self._control.settimeout(PATIENCE)
        answer = self._control.recv(65536).decode()
        if not answer or answer.startswith("error"):
            raise RuntimeError(f"lab-tracker: {request!r}: {answer or 'has gone'}")
        return answer

    def claim(self, port: int | str, greeting: Greeting = Greeting(), when: str = "now") -> bool:
        """A program of Windows' takes the port: 22, "udp/53", or "22@127.0.0.1" for one address. Returns False if it can't."""
        return self.ask(f"claim {port} {when} {greeting.encode()}") == "ok"

    def claim_when_free(self, port: int | str, greeting: Greeting = Greeting()) -> bool:
        """A program of Windows' takes the port at once, or as soon as the guest gives it back. Returns whether it was at once."""
        return self.claim(port, greeting, "free")

    def claim_after(self, seconds: float, port: int | str, greeting: Greeting = Greeting()) -> None:
        """As claim_when_free(), but some seconds later."""
        self.claim(port, greeting, f"{seconds:.3f}")

    def release(self, port: int | str) -> None:
        self.ask(f"release {port}")

    def exclude(self, ports: str) -> None:
        """Adds an excluded port range ("22022" or "2200-2299"). Windows refuses its ports, and nobody listens there."""
        self.ask(f"exclude {ports}")

    def include(self, ports: str) -> None:
        self.ask(f"include {ports}")

    def ignore(self, ports: str) -> None:
        """Sets [experimental] ignoredPorts= of .wslconfig: Windows isn't asked about these ports."""
        self.ask(f"set ignore {ports}")

    def set(self, name: str, value: int | bool | str) -> None:
        self.ask(f"set {name} {int(value) if isinstance(value, bool) else value}")

    def delay(self, milliseconds: int) -> None:
        """From now on the host takes so long to answer a bind() of an IP socket. All other binds wait meanwhile."""
        self.set("delay", milliseconds)

    def silent(self, on: bool = True) -> None:
        """The host doesn't answer until this is off again."""
        self.set("silent", on)

    def late(self, on: bool = True) -> None:
        """Each bind() gets the verdict of the one before it: WSL 2.6.3, 2.7.0, 2.7.1 and 2.8.0 to 2.8.4."""
        self.set("late", on)

    def broken(self, on: bool = True) -> None:
        """The host's service fails, and each bind() gives ENOBUFS."""
        self.set("broken", on)

    def interrupt(self, count: int) -> None:
        """A signal ends so many waits for the host, and bind() gives EINTR: before WSL 2.7.2."""
        self.set("interrupt", count)

    def dead(self) -> None:
        """The tracker dies, and each bind() gives ENOSYS until the next boot."""
        self.set("dead", True)

    def set_mode(self, mode: str, release: str) -> None:
        """Windows decides as that networking mode and that release of WSL do."""
        for name, value in behaviour(mode, release).items():
            self.set(name, value)

    def release_by_address(self, on: bool = True) -> None:
        """A session doesn't keep the port of a listener that was closed: before WSL 2.8.5."""
        self.set("by-address", on)

    def deny_dynamic(self, on: bool = True, ports: str = "49152-65535") -> None:
        """Windows refuses each port of its dynamic range: WSL 2.8.7 to 2.9.4."""
        self.set("dynamic-range", ports)
        self.set("deny-dynamic", on)

    def cap_dynamic(self, on: bool = True, ports: str = "49152-65535") -> None:
        """Windows refuses more than half of its dynamic range: from WSL 2.9.5 on."""
        self.set("dynamic-range", ports)
        self.set("cap-dynamic", on)

    def reservations(self) -> set[str]:
        """The ports that Windows keeps for the guest: {"tcp/22", ...}."""
        return set(self.ask("reservations").split()[1:])
