# SPDX-License-Identifier: LGPL-2.1-or-later
"""Windows' programs, run from here as wslportd runs them: by absolute path, with WSL's first interop socket, nothing as
input, a deadline, and bounded output."""

from __future__ import annotations

import base64
import os
import subprocess

SYSTEM32 = "Windows/System32"
POWERSHELL = "WindowsPowerShell/v1.0/powershell.exe"
INTEROP_SOCKET = "/run/WSL/1_interop"
OUTPUT_MAX = 256 * 1024
DEADLINE = 30.0


class Unavailable(Exception):
    """Windows' programs can't be run from here, and why."""


def drives() -> str:
    """Where WSL mounts Windows' drives: [automount] root of /etc/wsl.conf, else /mnt/."""
    root, section = "/mnt/", ""
    try:
        with open("/etc/wsl.conf", errors="replace") as file:
            for line in file:
                line = line.split("#")[0].strip()
                if line.startswith("["):
                    section = line.strip("[]").strip().lower()
                key, _, value = line.partition("=")
                if section == "automount" and key.strip().lower() == "root":
                    root = value.strip().strip('"').rstrip("/") + "/"
    except FileNotFoundError:
        pass
    return root


def decode(output: bytes) -> str:
    """wsl.exe prints UTF-16; the others print the console's code page, of which only ASCII is used here."""
    if output[:2] == b"\xff\xfe" or output[1:2] == b"\0":
        return output.decode("utf-16-le", errors="replace").lstrip("\ufeff").replace("\r", "")
    return output.decode("ascii", errors="replace").replace("\r", "")


def run_raw(program: str, *arguments: str, deadline: float = DEADLINE) -> bytes:
    path = f"{drives()}c/{SYSTEM32}/{program}"
    if not os.path.exists(path):
        raise Unavailable(f"{program} isn't there: drive C: isn't mounted")
    try:
        result = subprocess.run([path, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=deadline,
                                env={**os.environ, "WSL_INTEROP": INTEROP_SOCKET})
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{program} didn't end within {deadline:.0f} s") from None
    except OSError as error:
        raise Unavailable(f"{program} can't be run: {error.strerror}; is interop switched off in /etc/wsl.conf?") from None
    if result.returncode != 0 and not result.stdout:
        raise Unavailable(f"{program} ended with status {result.returncode}: {decode(result.stderr)[:200].strip()}")
    return result.stdout[:OUTPUT_MAX]


def run(program: str, *arguments: str, deadline: float = DEADLINE) -> str:
    return decode(run_raw(program, *arguments, deadline=deadline))


def powershell(script: str, deadline: float = DEADLINE) -> str:
    encoded = base64.b64encode(script.encode("utf-16-le")).decode()
    return run(POWERSHELL, "-NoProfile", "-NonInteractive", "-EncodedCommand", encoded, deadline=deadline)
