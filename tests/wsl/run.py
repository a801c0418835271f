#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks on a real WSL machine what wslportd and its lab believe of WSL. `tests/run wsl` runs it, as root.

It prints a line for each belief, and writes a report for a bug report, without names, addresses and keys.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import beliefs
import moves
from anonymous import Anonymizer
from beliefs import Differs, Machine, Result, Unseen

BEFOREHAND = """\
This asks the kernel, systemd, sshd's unit, WSL and Windows' own programs what they say, and compares that with what
wslportd believes. It changes nothing. Two things can be noticed:
  - it binds one port, the first free one from {first} on, for a few seconds; Windows can't have it for about a minute after;
  - it connects once or twice to port 22 of this machine, which sshd's log shows.
"""
BEFOREHAND_MOVES = "With --moves it also moves this machine's sshd to another port and back. Open sessions live through it.\n"


def wait_for_yes() -> bool:
    try:
        return input("Go on? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def circle(results: list[Result], tell) -> None:
    way = moves.Circle()
    try:
        for name, text in way.steps():
            tell(Result(name, "as believed", text, "sshd is moved and listens there"), results)
    except Differs as error:
        tell(Result("moves", "differs", str(error), "sshd is moved, and back"), results)
    except Unseen as error:
        tell(Result("moves", "can't be seen here", str(error), "sshd is moved, and back"), results)
    finally:
        way.end()


def report_text(results: list[Result], m: Machine) -> str:
    lines = ["# tests/run wsl", ""]
    for result in results:
        lines += [f"{result.verdict}: {result.name}: {result.text}", f"    believed: {result.belief}"]
    for title, text in m.raw.items():
        lines += ["", f"## {title}", "", text.rstrip()]
    return "\n".join(lines) + "\n"


def write_report(path: Path, text: str) -> int:
    """Whole or not at all. Returns how many names, addresses and keys were replaced."""
    anonymizer = Anonymizer()
    cleaned = anonymizer.clean(text)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(cleaned)
            os.chmod(file.name, 0o644)  # whoever came by sudo sends it
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
    return anonymizer.replaced


def stop(number: int, _: object) -> NoReturn:
    raise KeyboardInterrupt(number)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/run wsl", description=__doc__)
    parser.add_argument("--moves", action="store_true", help="also move this machine's sshd away and back")
    parser.add_argument("--yes", action="store_true", help="don't ask before it begins")
    parser.add_argument("--report", type=Path, default=Path("wslportd-beliefs.txt"), help="where the report goes")
    options = parser.parse_args()

    print(BEFOREHAND.format(first=beliefs.OUR_PORTS[0]) + (BEFOREHAND_MOVES if options.moves else ""))
    if os.geteuid() != 0:
        print("tests/run wsl: run it as root", file=sys.stderr)
        return 2
    if not options.yes and sys.stdin.isatty() and not wait_for_yes():
        return 1
    if options.moves and not options.yes and not sys.stdin.isatty():
        print("tests/run wsl: --moves asks first, and nobody can be asked here; --yes does without", file=sys.stderr)
        return 2

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    anonymizer = Anonymizer()
    m, results = Machine(), []

    def tell(result: Result, into: list[Result]) -> None:
        into.append(result)
        what = f": {anonymizer.clean(result.text)}" if result.text else ""
        print(f"  {result.verdict:<18}  {result.name}{what}", flush=True)

    try:
        for subject, group in beliefs.BELIEFS:
            print(subject)
            for name, belief in group:
                tell(beliefs.check(name, belief, m), results)
        if options.moves:
            print("moves")
            circle(results, tell)
    except KeyboardInterrupt:
        print("\ninterrupted; nothing is left behind", file=sys.stderr)
        return 130
    finally:
        beliefs.close(m)

    counts = {verdict: sum(r.verdict == verdict for r in results) for verdict in ("as believed", "differs", "can't be seen here")}
    replaced = write_report(options.report, report_text(results, m))
    print("\n" + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    print(f"The report is {options.report}. {replaced} names, addresses and keys in it were replaced; look at it before you send it.")
    return 1 if counts["differs"] else 0


sys.exit(main())
