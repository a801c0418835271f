# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the tests that run in a machine (see machine.py).

WSLPORTD_BUILD     meson's build directory, to take lab-guest and lab-tracker from; else they are built here
WSLPORTD_DESTDIR   the daemon as installed (DESTDIR=... meson install): `machine` lays it over the root
WSLPORTD_LAB_CACHE where roots are kept, /var/cache/wslportd-lab
CI                 if set, a lab that can't run here is an error; otherwise its tests are skipped
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
MANY_INSTANCES = 1024


def obstacle() -> str | None:
    """Returns why this host can't run a machine, or None if it can."""
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


def allow_many_machines() -> None:
    """Each machine's systemd takes some ten inotify instances, and a kernel gives all of root's processes 128."""
    limit = Path("/proc/sys/fs/inotify/max_user_instances")
    with contextlib.suppress(OSError):  # a container may not be allowed to
        if int(limit.read_text()) < MANY_INSTANCES:
            limit.write_text(f"{MANY_INSTANCES}\n")


@pytest.fixture(scope="session")
def _lab() -> None:
    if reason := obstacle():
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    allow_many_machines()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "waits: takes half a minute or more, in which next to nothing is done")
    config.addinivalue_line("markers", "thorough: for `tests/run thorough`: a sample, a random day, or a test on one more shape")
    config.addinivalue_line("markers", "people: boots one of people's set-ups in tests/lab/shapes; all of them take minutes")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Adds the tracker's log, the journal and the listeners of each machine to the report of a failed test."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for number, made in enumerate(getattr(item, "machines", [])):
            for name, text in made.account().items():
                report.sections.append((f"machine {number}: {name}", text))


COVERAGE = "usr/lib/systemd/system/wslportd.service.d/coverage.conf"


def stop_daemon(made: Machine) -> None:
    """Stops a daemon that is built with sanitizers, or counts lines.

    LeakSanitizer traces the process that ends, and hangs in about one of thirty runs. Then the daemon is killed, and only the
    reports from before that count. Builds without sanitizers prove that the daemon itself ends.
    """
    if not made.running:
        return
    try:
        made.run(["systemctl", "stop", "wslportd.service"], timeout=20)
    except TimeoutError:
        print("LeakSanitizer has not ended")
        made.run(["systemctl", "kill", "--signal=KILL", "wslportd.service"])


def take_profiles(made: Machine, directory: Path) -> None:
    """Collects the profiles of the lines that were run; the daemon writes its own as it ends."""
    stop_daemon(made)
    for profile in made.path("/var/tmp").glob("*.profraw"):
        shutil.copy(profile, directory / f"{uuid.uuid4()}.profraw")


def sanitizer_reports(made: Machine) -> str:
    """The sanitizers' findings in the daemon and its helpers. Stops the daemon, because leaks are reported at its end."""
    stop_daemon(made)
    return "\n".join(report.read_text(errors="replace") for report in made.path("/var/tmp").glob("sanitizer.*"))


@pytest.fixture
def machine(_lab: None, request: pytest.FixtureRequest) -> Iterator[w.Make]:
    """machine(...) makes a Machine that is off. The daemon is installed in it, but not enabled, if WSLPORTD_DESTDIR is set."""
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
    """booted(...) makes a machine as machine(...) does, and boots it."""
    def factory(**options: Any) -> Machine:
        made = machine(**options)
        made.boot()
        made.wait_running()
        return made

    return factory


@pytest.fixture
def make(machine: w.Make) -> Iterator[w.Make]:
    """make(...) makes a machine that is off, with the daemon enabled. At the end of the test promise 2 is checked for each.

    enabled=False: the daemon is installed only.
    foreign: ports that the test's own programs bind.
    stray: ports that may stay reserved for nobody; every test that passes some says why.
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
    """Prints one table of all that tests recorded with record_property("circle", {column: text})."""
    rows = [value for reports in terminalreporter.stats.values() for report in reports
            if getattr(report, "when", "") == "call" for name, value in report.user_properties if name == "circle"]
    if not rows:
        return
    terminalreporter.section("away and back")
    rows.sort(key=lambda line: (line["circle"], line["shape"]))  # because tests that run side by side end in any order
    widths = {column: max(len(column), *(len(line[column]) for line in rows)) for column in rows[0]}
    for line in [dict(zip(widths, widths)), *rows]:
        terminalreporter.write_line("  ".join(line[column].ljust(width) for column, width in widths.items()).rstrip())
