# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an administrator of many machines does by script, from the package's installation to its removal: nothing asks, each
step has the right exit status, and a second run of a step changes nothing. Like test_package.py a part of `tests/run package`."""

from __future__ import annotations

import re

import recipes
import roots
import test_package as packages
import wslport as w
from machine import Machine
from test_package import bare  # noqa: F401: a fixture

SITE = f"{w.CONFIG}.d/50-site.conf"
GOOD = "[Policy]\nCandidatePorts=2222 2298\n"
BAD = "[Policy]\nCandidatePorts=2222 ssh\n"
RELOCATED = 'wslportd_state{state="relocated",cause="windows-openssh-holds"}'
SUITES = ("bookworm", "trixie", "sid")

pytestmark = packages.pytestmark


def apt(m: Machine, *arguments: str) -> None:
    """A question would fail, as nobody answers it."""
    m.run(["apt-get", "-y", "--allow-downgrades", *arguments], check=True, timeout=120)


def status(m: Machine, *command: str) -> int:
    return m.run(command).returncode


def install(m: Machine, name: str) -> None:
    apt(m, "install", f"/root/{name}.deb")
    assert status(m, "wslportctl", "status", "--quiet") == 0
    assert m.run(["wslportctl", "--version"]).stdout == f"wslportctl {packages.version(name)}\n"
    assert w.wait_properties(m, State="relocated", Port=2222)["Version"] == packages.version(name)


def configure(m: Machine) -> None:
    m.write("/root/bad.conf", BAD)
    refused = m.run(["wslportd", "--check-config", "/root/bad.conf"])
    assert refused.returncode == 1 and "/root/bad.conf:2: " in refused.stderr
    m.write("/root/good.conf", GOOD)
    assert status(m, "wslportd", "--check-config", "/root/good.conf") == 0
    m.run(["install", "-D", "-m", "644", "/root/good.conf", SITE], check=True)
    assert status(m, "wslportd", "--check-config") == 0
    assert status(m, "systemctl", "reload", w.UNIT) == 0
    check_configured(m)


def check_configured(m: Machine) -> None:
    printed = m.run(["wslportd", "--print-config"], check=True).stdout
    assert f"CandidatePorts=2222 2298  # {SITE}:2\n" in printed
    assert status(m, "wslportctl", "relocate", "22022") == 5  # a candidate without the drop-in
    assert m.read(SITE) == GOOD


def slip(m: Machine) -> None:
    """An administrator who doesn't check first: what is in force stays."""
    m.write(SITE, BAD)
    assert status(m, "wslportd", "--check-config") == 1
    assert status(m, "systemctl", "reload", w.UNIT) == 1
    refused = m.run(["wslportctl", "reload"])
    assert refused.returncode == 1 and f"{SITE}:2: " in refused.stderr
    m.write(SITE, GOOD)
    check_configured(m)


def measure(m: Machine) -> None:
    recipes.install_metrics(m)
    m.run(["systemctl", "daemon-reload"], check=True)
    found = recipes.metrics(m)
    assert found == recipes.expected_metrics(m) and found[RELOCATED] == 1 and found["wslportd_port"] == 2222


def stop_and_start(m: Machine) -> None:
    m.run(["systemctl", "stop", w.UNIT], check=True)
    assert status(m, "wslportctl", "status", "--quiet") == 3
    assert recipes.metrics(m) == {"wslportd_up": 0}
    m.run(["systemctl", "start", w.UNIT], check=True)
    w.wait_properties(m, State="relocated", Port=2222)
    assert status(m, "wslportctl", "status", "--quiet") == 0


def replace(m: Machine, name: str) -> None:
    install(m, name)
    check_configured(m)
    measure(m)


def remove(m: Machine) -> None:
    apt(m, "remove", "wslportd")
    assert m.read(SITE) == GOOD and not m.exists(w.STATE_DIRECTORY)
    assert recipes.metrics(m) == {"wslportd_up": 0}


def purge(m: Machine) -> None:
    m.run(["dpkg", "--purge", "wslportd"], check=True)  # apt knows no package that is in no archive
    assert "wslport" not in m.run(["dpkg", "--list"], check=True).stdout


STEPS = {
    "install": lambda m: install(m, "first"),
    "configure": configure,
    "slip": slip,
    "measure": measure,
    "stop and start": stop_and_start,
    "upgrade": lambda m: replace(m, "next"),
    "downgrade": lambda m: replace(m, "first"),
    "remove": remove,
    "purge": purge,
}


def test_an_administrators_day(bare):  # noqa: F811
    fleet = [bare(suite=suite, windows=w.WINDOWS_HOLDS_22) for suite in SUITES]
    sessions = []
    for name, step in STEPS.items():
        for m in fleet:
            step(m)
            before = packages.files(m), w.main_pid(m)
            step(m)
            assert (packages.files(m), w.main_pid(m)) == before, name
            assert w.failed_units(m) == [] and w.logs_in(m, 2222, "windows"), name
        sessions = sessions or [m.ssh_session(2222) for m in fleet]
        assert all(session.alive() for session in sessions), name


def play(m: Machine, text: str) -> tuple[int, int]:
    """Runs a playbook in the machine. Returns the exit status, and how many tasks changed something."""
    m.write("/root/fleet/site.yml", text)
    played = m.run(["ansible-playbook", "--connection=local", "--inventory=wsl,", "site.yml"], directory="/root/fleet",
                   env={"ANSIBLE_NOCOLOR": "1"}, timeout=300)
    found = re.search(r"(?m)^wsl +: ok=\d+ +changed=(\d+) ", played.stdout)
    assert found, played.stdout + played.stderr
    return played.returncode, int(found[1])


def test_ansible(machine):
    """The recipe of wslportctl(1). Ansible's root takes a minute to make, and 140 MB."""
    m = machine(overlay=[roots.build_root([*roots.PACKAGES, "ansible-core", "python3-apt", "sudo"])], windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/machine-id", roots.MACHINE_ID + "\n")
    m.write("/root/fleet/wslportd.deb", packages.package("first").read_bytes())
    w.boot(m)
    book = recipes.recipe("post_tasks")
    assert play(m, book) == (0, 4)
    w.check_report(m, "relocated", 2222)
    assert "CandidatePorts=2222 2200-2299  # " in m.run(["wslportd", "--print-config"], check=True).stdout
    assert status(m, "wslportctl", "relocate", "22022") == 5  # a candidate before: the daemon was told
    assert play(m, book) == (0, 0)

    bad = book.replace("2200-2299", "ssh")
    assert bad != book and play(m, bad) == (2, 0)
    assert "2200-2299" in m.read(SITE)
    m.run(["systemctl", "stop", "ssh.service", w.UNIT], check=True)
    assert play(m, book) == (2, 0)  # nobody answers
