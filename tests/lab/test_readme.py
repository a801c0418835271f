# SPDX-License-Identifier: LGPL-2.1-or-later
"""The commands of README.md, tests/README.md and daemon/README.md, run as they stand there; and what README.md and wslportd(8)
show, compared with what is printed.

A command stands in a fence of sh, or between backquotes with a program's name before blanks. Each command is either run here,
or ELSEWHERE says what runs it. A command that is in neither, or in one of them and in none of the documents, is an error.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import test_diagnose as diagnosis
import test_windows as windows
import wslport as w
from machine import Machine
from shapes import SHAPES

TREE = Path(__file__).parents[2]
DOCUMENTS = {path: path.read_text() for name in ("README.md", "tests/README.md", "daemon/README.md") if (path := TREE / name).exists()}
README = DOCUMENTS[TREE / "README.md"]
MANUAL = (TREE / "daemon/man/wslportd.8").read_text()
PROGRAMS = ("wslportctl", "wslportd", "wsl", "systemctl", "journalctl", "busctl", "sudo", "ssh", "sshd", "ss", "netsh", "meson",
            "dpkg", "echo", "wslinfo", "tests/run", "units/packages/build-deb")

# Commands that this file doesn't run: another file runs them, and a part of its text proves it. Or a reason why nobody can.
INSTALLED = "tests/lab/test_install.py:def test_the_readmes_first_command("
ELSEWHERE = {
    "sudo tests/run": '.ci/run:exec "$(dirname "$0")/../tests/run"',
    "sudo tests/run thorough": '.ci/run:exec "$(dirname "$0")/../tests/run" unit lab thorough',
    "tests/run here": INSTALLED,
    "sudo tests/run wsl": 'tests/lab/test_install.py:"tests/run", "wsl"',
    "tests/run wsl": 'tests/lab/test_install.py:"tests/run", "wsl"',
    "tests/run kernels": "boots other kernels, which takes minutes",
    "wslportctl report": "tests/lab/test_report.py:def test_it_tells_of_nobody(",
    "sudo apt purge wslportd": 'tests/lab/test_install.py:"apt-get", "-y", "purge", "wslportd"',
    "tests/run": '.ci/run:exec "$(dirname "$0")/../tests/run"',
    "tests/run thorough": '.ci/run:exec "$(dirname "$0")/../tests/run" unit lab thorough',
    "tests/run unit": ".ci/run:tests/run",
    "sudo tests/run demo": "tests/lab/test_demo.py:demo.main()",
    "units/packages/build-deb": 'tests/run:"$top/units/packages/build-deb"',
    "sshd -t": 'tests/lab/test_package.py:"sshd", "-t"',
    "ssh wsl": "tests/lab/test_windows.py:def test_ssh_config_works(",
    "ssh laptop": "what the other block of the user's own is called",
    "ssh -t you@laptop wsl": "a program of Windows'",
    "netsh interface portproxy": "a program of Windows'",
}

# Commands for this host. They run without sudo, as the tests run as root.
HERE = ("sudo tests/run checks", "sudo tests/run one policy", "sudo tests/run one test_usage")


def fences(language: str, document: str = README) -> list[str]:
    return [re.sub(rf"(?m)^{indent}", "", text)
            for indent, text in re.findall(rf"(?ms)^( *)```{language}\n(.*?)^ *```$", document)]


def commands(text: str) -> list[str]:
    """Each line, without its remark."""
    return [line for line in (re.sub(r"\s+# .*", "", line).strip() for line in text.splitlines()) if line]


def in_fences() -> list[str]:
    return [command for document in DOCUMENTS.values() for text in fences("sh", document) for command in commands(text)]


def between_quotes() -> list[str]:
    texts = [re.sub(r"(?ms)^ *```.*?^ *```$", "", document) for document in DOCUMENTS.values()]
    found = [" ".join(span.split()) for text in texts for span in re.findall(r"`([^`]+)`", text)]
    return [span for span in found if span.split()[0] in PROGRAMS and (" " in span or "/" in span) and ";" not in span]


# ---- commands in a machine ----

@dataclass(frozen=True)
class Step:
    command: str
    expected: str = ""  # a part of its output
    status: int = 0
    answer: str = ""  # typed on a terminal when the command asks
    before: Callable[[Machine], object] | None = None
    without: str = "\0"  # what its output must not have


def windows_sshd_ends(m: Machine) -> None:
    m.windows.release(22)


# All of these run in this order, in one machine.
STEPS = [
    Step("wslportctl firewall --check", "no rule of Windows' firewall lets it in", 6),
    Step("wslportctl firewall --apply", "let in from LocalSubnet", answer="y\n"),
    Step("wslportctl firewall --scope tailscale --apply", "let in from 100.64.0.0", answer="y\n"),
    Step("wslportctl ssh-config", "Host wsl\n    HostName 192.168.50.10\n"),
    Step("wslportctl ssh-config --scope tailscale", "Host wsl\n    HostName 100.64.0.10\n"),
    Step("wslportctl ssh-config --windows", "Host wsl\n    HostName localhost\n"),
    Step("wslportctl ssh-config --known-hosts", "[192.168.50.10]:2222 ssh-ed25519 "),
    Step("wslportctl --json", "relocated"),
    Step("wslportctl diagnose", "windows-firewall"),
    Step("wslportctl who 8080", "port 8080: nobody listens"),
    Step("sudo wslportctl report", "Look at it before you send it."),
    Step("sudo wslportctl restore", "ssh on 22;", before=windows_sshd_ends),
    Step("sudo wslportctl relocate 2222", "ssh on 2222;"),
]

BY_HAND = [
    Step("wslinfo --networking-mode", "mirrored"),
    Step("ss -ltn 'sport = :22'", "Local Address:Port", without="LISTEN"),
    Step("echo 'Port 2222' | sudo tee /etc/ssh/sshd_config.d/10-port.conf"),
    Step("sudo mkdir -p /run/sshd"),
    Step("sudo sshd -t"),
    Step("sudo systemctl disable --now ssh.socket"),
    Step("sudo systemctl enable ssh.service"),
    Step("sudo systemctl restart ssh.service"),
    Step("ss -ltn 'sport = :2222'", "LISTEN"),
]

# Commands for Windows that wslportctl prints: see test_what_is_for_windows.
PRINTED = ("wsl --shutdown",)


def take(m: Machine, step: Step) -> str:
    if step.before:
        step.before(m)
    if step.answer:
        status, printed = windows.at_a_terminal(m, step.answer, step.command)
    else:
        result = m.run(["sh", "-ec", step.command], timeout=60)
        status, printed = result.returncode, result.stdout + result.stderr
    assert status == step.status and step.expected in printed and step.without not in printed, (
        f"{step.command}: {status}\n{printed}")
    return printed


def with_sudo(m: Machine) -> Machine:
    """Gives the machine a sudo that does nothing but run the command: the lab's roots have none, and root needs none."""
    m.write("/usr/local/bin/sudo", '#!/bin/sh\nexec "$@"\n', 0o755)
    return m


# ---- tests ----

def test_it_is_short():
    assert len(README.splitlines()) <= 130


def test_each_command_is_run():
    known = {*ELSEWHERE, *HERE, *PRINTED, *(step.command for step in STEPS)}
    found = {*in_fences(), *between_quotes()}
    assert found - known == set()
    assert known - found == set()
    for command, who in ELSEWHERE.items():
        file, colon, word = who.partition(":")
        if colon:
            assert word in (TREE / file).read_text(), command
        else:
            assert who.count(" ") >= 3 or who == "a program of Windows'", command


def test_in_a_machine(make):
    m = with_sudo(windows.relocated(make, tailscale=True))

    def alike(picture: str) -> str:
        return re.sub(r"(since +).*", r"\1", picture)

    shown, = [text for text in fences("") if text.startswith("$ wslportctl\n")]
    printed = m.run(["wslportctl"], check=True).stdout
    assert alike(shown) == "$ wslportctl\n" + alike(printed)

    for step in STEPS:
        take(m, step)
    w.wait_sshd(m, 2222)


@pytest.mark.parametrize("name", ["debian-12", "ubuntu-24.04"])
def test_by_hand(make, name):
    m = with_sudo(make(suite=SHAPES[name].suite, windows=w.WINDOWS_HOLDS_22, enabled=False))
    SHAPES[name].lay(m)
    w.boot(m)
    if name == "debian-12":
        said = "".join(f"{line}\n" for line in m.messages(SYSLOG_IDENTIFIER="sshd") if w.BIND_ERRORS.search(line))
        assert fences("")[0] == said
    block, = [text for text in re.findall(r"(?ms)^\.Bd -literal.*?\n(.*?)^\.Ed$", MANUAL) if "wslinfo" in text]
    assert commands(block) == [step.command for step in BY_HAND]
    for step in BY_HAND:
        take(m, step)
    w.wait_sshd(m, 2222)
    assert w.logs_in(m, 2222) and w.logs_in(m, 2222, "lan")


def test_each_check_is_told(make):
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22))
    w.wait_sshd(m, 2222)
    checks = set(diagnosis.diagnose(m))
    chapter = MANUAL.partition(".Sh DIAGNOSTICS\n")[2].partition("\n.Sh ")[0]
    assert {name for row in re.findall(r"(?m)^\.Li ([a-z].* ,.*|\S+)$", chapter) for name in row.split(" , ")} == checks


def test_what_is_for_windows(make):
    switch_off, = (commands(text) for text in fences("powershell"))
    # test_diagnose sees that diagnose prints these; here the texts are compared.
    checks = re.sub(r'"\s+"', "", (TREE / "daemon/diagnose/check-port.c").read_text())
    assert len(switch_off) == 2 and all(line in checks for line in switch_off)

    m = w.boot(make(mode="nat"))
    w.wait_properties(m, State="clear", Port=22)
    printed = m.run(["wslportctl"], check=True).stdout
    assert all(text in printed for text in PRINTED)
    setting = re.search(r"\(`(networkingMode=.*?)`\)", README)
    assert setting and f"  {setting[1]}\n" in printed and r"%UserProfile%\.wslconfig" in printed


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(TREE)))
def test_links_lead_somewhere(path):
    text = DOCUMENTS[path]
    heads = {re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in text.splitlines()
             if line.startswith("#")}
    links = re.findall(r"\]\((.*?)\)", text)
    assert links or path.parent != TREE
    for link in links:
        assert link[1:] in heads if link.startswith("#") else (path.parent / link).exists(), link
    for name in re.findall(r"`((?:daemon|units|tests|conf)/[^ `\[*]+)`", text):
        assert (TREE / name).exists() or "clock" in name, name  # an endpoint that somebody is about to write


def test_the_example_of_a_test(make):
    """tests/README.md shows how to write a test."""
    code, = fences("python", DOCUMENTS[TREE / "tests/README.md"])
    example: dict[str, Any] = {"w": w}
    exec(code, example)
    test, = (value for name, value in example.items() if name.startswith("test_"))
    test(make)


@pytest.mark.thorough
@pytest.mark.usefixtures("_lab")
def test_on_this_machine(tmp_path_factory):
    if "WSLPORTD_DESTDIR" not in os.environ:
        pytest.skip("WSLPORTD_DESTDIR doesn't tell where the daemon is installed")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "WSLPORTD_"))}
    env |= {name: os.environ[name] for name in ("WSLPORTD_LAB_CACHE", "WSLPORTD_LAB_MIRROR") if name in os.environ}
    env["WSLPORTD_BUILD_DIR"] = str(tmp_path_factory.mktemp("build"))
    for command in HERE:
        assert command in in_fences()
        result = subprocess.run(command.removeprefix("sudo "), shell=True, cwd=TREE, env=env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert result.returncode == 0, f"{command}\n{result.stdout}"
