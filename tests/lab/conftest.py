# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the tests that run in a machine (see machine.py).

WSLPORTD_BUILD     meson's build directory, to take lab-guest and lab-tracker from; else they are built here
WSLPORTD_DESTDIR   the daemon as installed (DESTDIR=... meson install): `machine` lays it over the root
WSLPORTD_LAB_CACHE where roots are kept, /var/cache/wslportd-lab
CI                 if set, a lab that can't run is an error, not a reason to skip
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("wslport", "shaped")  # before anything imports them

import wslport as w  # noqa: E402
from machine import Machine, missing_tools  # noqa: E402

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000


def obstacle() -> str | None:
    """Why no machine can be had here, if so."""
    if os.geteuid() != 0:
        return "the lab needs root"
    if missing := missing_tools():
        return f"the lab needs {', '.join(missing)}"
    pid = os.fork()
    if pid == 0:
        os._exit(0 if ctypes.CDLL(None).unshare(CLONE_NEWNS | CLONE_NEWNET) == 0 else 1)
    if os.waitpid(pid, 0)[1] != 0:
        return "no namespaces can be made here"
    return None


@pytest.fixture(scope="session")
def _lab() -> None:
    if reason := obstacle():
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "waits: takes half a minute or more, in which next to nothing is done")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A test that fails shows what went on in its machines."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for number, made in enumerate(getattr(item, "machines", [])):
            for name, text in made.account().items():
                report.sections.append((f"machine {number}: {name}", text))


COVERAGE = "usr/lib/systemd/system/wslportd.service.d/coverage.conf"


def stop_daemon(made: Machine) -> None:
    """Once in thirty times LeakSanitizer, which traces the process that ends, doesn't come to an end itself: then there are only
    the reports of before. That the daemon itself ends is seen where it is built without."""
    if not made.running:
        return
    try:
        made.run(["systemctl", "stop", "wslportd.service"], timeout=20)
    except TimeoutError:
        print("LeakSanitizer has not ended")
        made.run(["systemctl", "kill", "--signal=KILL", "wslportd.service"])


def take_profiles(made: Machine, directory: Path) -> None:
    """Which lines were run is written as the daemon ends."""
    stop_daemon(made)
    for profile in made.path("/var/tmp").glob("*.profraw"):
        shutil.copy(profile, directory / f"{uuid.uuid4()}.profraw")


def sanitizer_reports(made: Machine) -> str:
    """What sanitizers built into the daemon have found in it and its helpers; it is stopped, as leaks are told at the end."""
    stop_daemon(made)
    return "\n".join(report.read_text(errors="replace") for report in made.path("/var/tmp").glob("sanitizer.*"))


@pytest.fixture
def machine(_lab: None, request: pytest.FixtureRequest) -> Iterator[w.Make]:
    """machine(...) makes a Machine, not booted yet, with the daemon in it if WSLPORTD_DESTDIR tells where it is."""
    request.node.machines = []
    with contextlib.ExitStack() as stack:
        def factory(**options: Any) -> Machine:
            if destdir := os.environ.get("WSLPORTD_DESTDIR"):
                options.setdefault("overlay", [Path(destdir)])
            made = stack.enter_context(Machine(**options))
            request.node.machines.append(made)
            return made

        yield factory

        destdir = Path(os.environ.get("WSLPORTD_DESTDIR", "/nonexistent"))
        if (destdir / COVERAGE).exists():
            for made in request.node.machines:
                take_profiles(made, Path(os.environ["WSLPORTD_PROFILES"]))
        if (destdir / w.SANITIZED).exists():
            if reports := "".join(map(sanitizer_reports, request.node.machines)):
                pytest.fail(reports, pytrace=False)


@pytest.fixture
def booted(machine: w.Make) -> w.Make:
    """booted(...) is a machine that is up."""
    def factory(**options: Any) -> Machine:
        made = machine(**options)
        made.boot()
        made.wait_running()
        return made

    return factory


@pytest.fixture
def make(machine: w.Make) -> Iterator[w.Make]:
    """make(...) is a machine, off, with the daemon enabled; at the end promise 2 is checked for each of them.

    enabled: whether the daemon is. foreign: ports that the test's own programs bind. stray: ports that may stay reserved for
    nobody; every test that has some says why.
    """
    if "WSLPORTD_DESTDIR" not in os.environ:
        pytest.skip("WSLPORTD_DESTDIR doesn't tell where the daemon is installed")
    made: list[tuple[Machine, set[int]]] = []

    def factory(*, enabled: bool = True, foreign: tuple[int, ...] = (), stray: tuple[int, ...] = (),
                policy: dict[str, str] | None = None, **options: Any) -> Machine:
        m = machine(**options)
        m.write(w.CONFIG, w.configuration(**({"Policy": policy} if policy else {})))
        if enabled:
            m.enable(w.UNIT)
        made.append((m, {*foreign, *stray}))
        return m

    yield factory

    for m, allowed in made:
        w.eventually(lambda: set(m.stray_reservations()) <= allowed,  # noqa: B023
                     f"promise 2: Windows lost {m.stray_reservations()} to nobody")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One table of what tests have recorded as `circle`, by record_property("circle", {column: text})."""
    rows = [value for reports in terminalreporter.stats.values() for report in reports
            if getattr(report, "when", "") == "call" for name, value in report.user_properties if name == "circle"]
    if not rows:
        return
    terminalreporter.section("away and back")
    rows.sort(key=lambda line: (line["circle"], line["shape"]))  # tests that run side by side end in any order
    widths = {column: max(len(column), *(len(line[column]) for line in rows)) for column in rows[0]}
    for line in [dict(zip(widths, widths)), *rows]:
        terminalreporter.write_line("  ".join(line[column].ljust(width) for column, width in widths.items()).rstrip())
