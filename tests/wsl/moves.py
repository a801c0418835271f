# SPDX-License-Identifier: LGPL-2.1-or-later
"""The whole circle with this machine's own sshd: away from where it is, and back, each timed.

Whatever happens, the machine is left as it was: end() undoes what is left, and is called at each end of the program.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import netlink
from beliefs import Differs, Unseen, command

NAME = ("org.wslport1", "/org/wslport1", "org.wslport1.Manager")
DEFAULT_CANDIDATES = (2222, 22022)  # of CandidatePorts=, where nobody has changed it


def state() -> tuple[str, int, int]:
    """State, Port and HomePort, as wslportd says."""
    lines = command("busctl", "--system", "get-property", *NAME, "State", "Port", "HomePort").splitlines()
    return lines[0].split('"')[1], int(lines[1].split()[1]), int(lines[2].split()[1])


class Circle:
    def __init__(self) -> None:
        self.undo: list[str] | None = None

    @staticmethod
    def _wslportctl(*arguments: str) -> None:
        result = subprocess.run(["wslportctl", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=150)
        if result.returncode != 0:
            raise Differs(f"wslportctl {' '.join(arguments)} ended with {result.returncode}: {result.stderr.strip()[:200]}")

    def _move(self, arguments: list[str], expected: str) -> str:
        began = time.monotonic()
        self._wslportctl(*arguments)
        took = time.monotonic() - began
        now, port, home = state()
        if now != expected or (port != home) != (expected == "relocated"):
            raise Differs(f"after {' '.join(arguments)} wslportd says {now}, port {port}, home {home}")
        if not netlink.listeners(port):
            raise Differs(f"wslportd says that sshd is on {port}, and nobody listens there")
        return f"port {port}, {took * 1000:.0f} ms"

    def steps(self) -> Iterator[tuple[str, str]]:
        """Name and result of each step. Differs or Unseen where one isn't as believed or can't be tried."""
        was, port, _ = state()
        if was == "clear":
            order = [("relocate", ["relocate"], "relocated"), ("restore", ["restore"], "clear")]
        elif was == "relocated":
            # Windows may hold sshd's own port, so sshd moves to another candidate and back to where clients know it.
            other = next(candidate for candidate in DEFAULT_CANDIDATES if candidate != port)
            order = [("relocate", ["relocate", str(other)], "relocated"), ("back", ["relocate", str(port)], "relocated")]
        else:
            raise Unseen(f"State is {was}")
        self.undo = order[-1][1]
        for name, arguments, expected in order:
            yield name, self._move(arguments, expected)
        self.undo = None

    def end(self) -> None:
        if self.undo:
            undo, self.undo = self.undo, None
            subprocess.run(["wslportctl", *undo], stdin=subprocess.DEVNULL, capture_output=True, timeout=150, check=False)
