# SPDX-License-Identifier: LGPL-2.1-or-later
"""README's first command, `tests/run here`: apt installs what it builds, upgrades it and removes it."""

from __future__ import annotations

import re
import shutil

import pytest

import roots
import wslport as w
from machine import Machine
from test_package import TREE, files

HOME = "/root/wslportd"
CHANGELOG = f"{HOME}/units/packages/debian/changelog"


def bare(machine: w.Make) -> Machine:
    """A machine with this tree and the packages that apt would get: it has no network."""
    needed = [re.search(rf"(?m)^packages_{name}=\((.*)\)$", (TREE / "tests/run").read_text()) for name in ("build", "deb")]
    packages = [word for found in needed if found for word in found[1].split()]
    m = machine(overlay=[roots.build_root([*packages, *roots.PACKAGES])], windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/machine-id", roots.MACHINE_ID + "\n")
    shutil.copytree(TREE, m.path("/root") / "wslportd", symlinks=True, ignore=shutil.ignore_patterns(".git", "__pycache__"))
    return w.boot(m)


def here(m: Machine, version: str) -> None:
    printed = m.run(["tests/run", "here"], check=True, timeout=600, directory=HOME).stdout
    # No eventually(): when the command has ended, sshd must be reachable.
    assert 2222 in m.listeners() and w.failed_units(m) == []
    assert "relocated: sshd is on port 2222, away from 22\n" in printed and "wslportctl firewall\n" in printed
    assert m.run(["wslportd", "--version"]).stdout == f"wslportd {version}\n"
    m.run(["rm", "-rf", "/var/tmp/wslportd-build"], check=True)  # nothing needs it any more


@pytest.mark.thorough
def test_the_readmes_first_command(machine):
    m = bare(machine)
    assert w.failed_units(m) == ["ssh.service"] and not m.listeners()
    before, changes = files(m), m.read(CHANGELOG)
    here(m, re.findall(r"\((.*?)\)", changes)[0])
    assert w.logs_in(m, 2222) and w.logs_in(m, 2222, "windows")
    assert m.run(["systemctl", "is-enabled", w.UNIT, "wslportd-reset.service"]).stdout == "enabled\nenabled\n"
    assert "Defined-By: wslportd" in m.run(["journalctl", "--dump-catalog"], check=True).stdout
    owned = {re.sub("^/lib/", "/usr/lib/", name)
             for name in m.run(["dpkg", "--listfiles", "wslportd"], check=True).stdout.split()}
    assert {name for name in set(files(m)) - set(before) if name.startswith("/usr/") and name not in owned} == set()

    # The same command in a newer tree.
    session, pid = m.ssh_session(2222), w.main_pid(m)
    signature = re.findall(r"(?m)^ -- .*$", changes)[0]
    m.write(CHANGELOG, f"wslportd (9) unstable; urgency=medium\n\n  * Newer.\n\n{signature}\n\n{changes}")
    here(m, "9")
    assert session.alive() and w.main_pid(m) == pid

    m.poweroff()
    w.boot(m)
    w.check_relocated_boot(m)

    believed = m.run(["tests/run", "wsl", "--yes"], timeout=120, directory=HOME)
    assert re.search(r"\d+ as believed, \d+ differs, ", believed.stdout), believed.stdout + believed.stderr

    session = m.ssh_session(2222)
    m.run(["apt-get", "-y", "purge", "wslportd"], check=True, timeout=60)
    assert session.alive() and w.logs_in(m, 2222)
    assert "wslport" not in m.run(["systemctl", "list-unit-files", "--all"]).stdout
    assert not m.exists(w.CONFIG) and not m.exists(w.STATIC_FILE) and w.own_files(m) == {}
