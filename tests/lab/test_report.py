# SPDX-License-Identifier: LGPL-2.1-or-later
"""wslportctl report: one file for a bug report, which tells of nobody."""

from __future__ import annotations

import re

import pytest

import wslport as w
from machine import Machine

SOMEBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
USER, FULL_NAME, HOST, WINDOWS_USER, STRANGER = "janedoe", "Jane Q. Public", "planted-pc", "Johnny B", "bob.builder"
ADDRESS, ADDRESS6, MAC = "203.0.113.77", "2001:db8::77", "02:11:22:33:44:55"
PRINT = "SHA256:qFo1tI0vNWyBDmmrBBgTFb8uwL8rbcVgFeUBmTsSbWk"
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIPlantedPlantedPlantedPlantedPlantedPlanted12"
SECRET = "b3BlbnNzaC1rZXktdjEAAAAA"
PLANTED = [USER, FULL_NAME, HOST, WINDOWS_USER, STRANGER, ADDRESS, ADDRESS6, MAC, PRINT, KEY, SECRET, "192.168.50.10"]
DROP_IN = f"""\
# of {FULL_NAME.upper()}, {USER}@{HOST}, in C:\\Users\\{WINDOWS_USER}\\notes, ssh-ed25519 {KEY} {USER}@{HOST}
# -----BEGIN OPENSSH PRIVATE KEY-----
# {SECRET}
# -----END OPENSSH PRIVATE KEY-----
[Service]
Environment=MAC={MAC} HOME=/home/{USER}
"""


def planted(make) -> Machine:
    m = make(windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/systemd/system/ssh.service.d/note.conf", DROP_IN)
    w.boot(m)
    m.write("/etc/passwd", m.read("/etc/passwd") + f"{USER}:x:1000:1000:{FULL_NAME},,,:/home/{USER}:/bin/sh\n")
    m.run(["hostname", HOST], check=True)
    w.check_report(m, "relocated", 2222)
    for message in (f"Accepted publickey for {USER} from {ADDRESS} port 50000 ssh2: ED25519 {PRINT}",
                    f"Failed password for invalid user {STRANGER} from {ADDRESS6} port 50001 ssh2",
                    f"Connection closed by {ADDRESS}.", f"Invalid user {STRANGER} from {ADDRESS}:",
                    f"error: maximum authentication attempts exceeded for {STRANGER} from {ADDRESS} port 50002 ssh2",
                    f"Starting session: shell on pts/1 for {STRANGER} from {ADDRESS} port 50003 id 0",
                    f"pam_unix(sshd:auth): authentication failure; uid=0 rhost={ADDRESS} user={STRANGER}"):
        m.run(["logger", "--id=4711", "--tag", "sshd", message], check=True)
    m.run(["journalctl", "--sync"], check=True)
    return m


def report(m: Machine, directory: str, *before: str) -> tuple[str, str]:
    """Returns what is printed, and the file."""
    result = m.run([*before, "wslportctl", "report"], directory=directory)
    assert (result.returncode, result.stderr) == (0, "")
    path = result.stdout.splitlines()[0]
    assert path.startswith(f"{directory}/wslportd-report-")
    assert m.run(["stat", "--format=%a %F", path]).stdout == "600 regular file\n"
    return result.stdout, m.read(path)


def test_it_tells_of_nobody(make):
    m = planted(make)
    printed, text = report(m, "/root")
    assert [word for word in PLANTED if word.lower() in (text + printed).lower()] == []
    assert "Not in it" not in text + printed and "look at it before" in printed.lower()
    assert "(there is no " not in text
    # The lab's wslinfo knows no version, and systemctl cat hasn't found sshd.socket.
    assert re.findall(r"\(it ended with (\d+)\)", text) == ["1", "1"]
    for expected in ("relocated: sshd is on port 2222", '"HomePort":22', "CandidatePorts=2222 22022", "mirrored", "OpenSSH_9.2",
                     "ExecStart=/usr/sbin/sshd", "ExecStart=/usr/sbin/wslportd", "sshd is moved to port 2222", "127.0.0.1",
                     "OpenSSH_for_Windows_9.5"):
        assert expected in text, expected
    # The same word everywhere, whoever says it.
    name = text.partition("Accepted publickey for ")[2].split()[0]
    assert f"HOME=/home/{name}" in text and f"for invalid user {name}" not in text
    address = text.partition(f"Accepted publickey for {name} from ")[2].split()[0]
    assert f"Connection closed by {address}." in text
    again, _ = report(m, "/root", "env", "SUDO_UID=65534", "SUDO_GID=65534")
    path = again.splitlines()[0]
    assert path != printed.splitlines()[0] and m.run(["stat", "--format=%u:%g", path]).stdout == "65534:65534\n"
    assert m.run(["wslportctl", "report", "--json"]).returncode == 2


def test_a_user_sees_what_is_missing(make):
    m = planted(make)
    printed, text = report(m, "/tmp", *SOMEBODY)
    assert "only root sees it: the journal, " in text and printed.endswith("sudo wslportctl report\n")
    assert "relocated: sshd is on port 2222" in text and ADDRESS not in text
    refused = m.run([*SOMEBODY, "wslportctl", "report"], directory="/root")
    assert refused.returncode == 1 and refused.stdout == "" and "no file can be made in /root" in refused.stderr


@pytest.mark.parametrize("signal", ["INT", "TERM"])
def test_interrupted_it_leaves_no_file(make, signal):
    m = w.boot(make(wslinfo="hang"))
    script = f"""
        set -m
        wslportctl report &
        until ls wslportd-report-* 2>/dev/null; do sleep 0.05; done
        kill -{signal} -$!
        wait $!
        ls wslportd-report-*
    """
    result = m.run(["bash", "-c", script], directory="/root")
    assert result.returncode == 2 and "No such file" in result.stderr.splitlines()[-1]
    assert "Look at it" not in result.stdout
