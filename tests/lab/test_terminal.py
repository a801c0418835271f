# SPDX-License-Identifier: LGPL-2.1-or-later
"""What wslportctl's verbs print on terminals of 40, 80 and 200 columns, and into a pipe: each file of terminal/ is one of
these. With WSLPORTD_EXPECTED=write the test writes the files instead, to be read in the diff."""

from __future__ import annotations

import os
import re
from pathlib import Path

import wslport as w
from machine import Machine

EXPECTED = Path(__file__).parent / "terminal"
COMMANDS = ["status", "listeners", "timeout --foreground --signal=INT 3 wslportctl monitor", "diagnose", "who 22",
            "who 2222", "who", "firewall", "firewall --remove", "ssh-config", "ssh-config --windows", "stauts", "help",
            "help relocate", "help firewall", "help ssh-config", "probe", "relocate 22", "relocate 8080", "restore", "reload"]
SCRIPT = "\n".join(f"echo '$ {line}'; {line} 2>&1" for line in
                   (command if "wslportctl" in command else f"wslportctl {command}" for command in COMMANDS)) + "\n"
# In Linux without UTF-8: what stands for the marks.
ASCII = str.maketrans("✓✗–", "+x-")


def stable(text: str) -> str:
    """The text without what differs from run to run. A time has the same length each time, or ends its line."""
    for pattern, replacement in ((r"\r\n", "\n"), (r"wslportctl: waiting for .*\n", ""), (r"\x1b", r"\\e"),
                                 (r"\d+-\d+-\d+ ", "2026-01-01 "),
                                 (r"\d\d:\d\d:\d\d", "12:00:00"), (r", \d+ (s|min)\b", ", 5 s"),
                                 (r"SHA256:\S+ \S+@\S+", "SHA256:... root@wsl"), (r"\(pid \d+\)", "(pid 7)")):
        text = re.sub(pattern, replacement, text)
    return text


def every_verb(m: Machine, command: str, **env: str) -> str:
    w.wait_properties(m, State="relocated", HomePortHolderDetail=w.WINDOWS_SOFTWARE)
    return stable(m.run(["sh", "-c", command], env=env).stdout)


def on_a_terminal(m: Machine, columns: int, **env: str) -> str:
    command = f"script --quiet --command 'stty cols {columns}; sh /root/all' /dev/null"
    return every_verb(m, command, TERM="xterm-256color", **env)


def check(name: str, text: str) -> None:
    path = EXPECTED / f"{name}.txt"
    if os.environ.get("WSLPORTD_EXPECTED") == "write":
        path.write_text(text)
    assert text == path.read_text()


def test_every_verb(make):
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22))
    w.check_report(m, "relocated", 2222)
    m.write("/root/all", SCRIPT)
    for columns in (40, 80, 200):
        check(str(columns), on_a_terminal(m, columns))
    plain = re.sub(r"\\e\[\d+m", "", (EXPECTED / "80.txt").read_text())
    assert on_a_terminal(m, 80, NO_COLOR="1") == plain
    assert on_a_terminal(m, 80, NO_COLOR="1", LANG="C") == plain.translate(ASCII)
    check("pipe", every_verb(m, "sh /root/all | cat"))
    assert every_verb(m, "sh /root/all | cat", LANG="C").isascii()
