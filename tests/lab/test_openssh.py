# SPDX-License-Identifier: LGPL-2.1-or-later
"""sshd's package is removed, installed and upgraded while the daemon runs."""

from __future__ import annotations

import pytest

import wslport as w
from machine import Machine
from roots import PACKAGE
from shaped import boot, complaints, laid, on, relocated, standing, systemctl, users_files
from shapes import SHAPES, UNITS

# The package's files. A removal that is no purge leaves the init script, and systemd makes an ssh.service of it.
PROGRAM = (f"{UNITS}/ssh.service", "/usr/sbin/sshd", "/etc/init.d/ssh")


def take_away(m: Machine, package: tuple[str, ...] = PROGRAM) -> None:
    for path in package:
        m.write(f"/root/package{path}", m.path(path).read_bytes(), m.path(path).stat().st_mode & 0o777)
        m.path(path).unlink()


def bring_back(m: Machine, package: tuple[str, ...] = PROGRAM) -> None:
    for path in package:
        m.write(path, m.path(f"/root/package{path}").read_bytes(), m.path(f"/root/package{path}").stat().st_mode & 0o777)


@pytest.mark.parametrize("package", [PROGRAM, PROGRAM[:2]], ids=["purged", "removed"])
def test_openssh_is_removed_and_installed_again(make, package):
    m = relocated(make, "debian-12")
    before = users_files(m)
    systemctl(m, "stop", "ssh.service")
    take_away(m, package)
    systemctl(m, "daemon-reload")
    w.wait_properties(m, Port=0, **({"State": "unmanaged"} if package == PROGRAM else {}))
    assert w.active_state(m, w.UNIT) == "active" and w.failed_units(m) == []
    bring_back(m, package)
    systemctl(m, "daemon-reload")
    systemctl(m, "start", "ssh.service")
    standing(m, "relocated", 2222, "sshd-config")
    assert users_files(m) == before and w.failed_units(m) == [] and complaints(m) == []


@pytest.mark.parametrize("alias", [True, False], ids=["alias", "no-alias"])
def test_the_other_name_becomes_the_unit(make, alias):
    """The unit's name changes from ssh.service to sshd.service and back; the other is an alias, or isn't there."""
    m = laid(make, "debian-12")
    m.path("/etc/init.d/ssh").unlink()  # systemd would make an ssh.service of it
    boot(m)
    for unit, other in (("sshd.service", "ssh.service"), ("ssh.service", "sshd.service")):
        systemctl(m, "disable", "--now", other)
        text = m.read(f"{UNITS}/{other}").partition("Alias=")[0]
        m.path(f"{UNITS}/{other}").unlink()
        m.write(f"{UNITS}/{unit}", text + (f"Alias={other}\n" if alias else ""))
        systemctl(m, "daemon-reload")
        systemctl(m, "enable", "--now", unit)
        assert standing(m, "clear", 22, "")["Unit"] == unit
        systemctl(m, "restart", w.UNIT)  # a daemon that has never seen the other name
        assert standing(m, "clear", 22, "")["Unit"] == unit
        assert w.call(m, "Relocate", "q", "2222") == (0, "")
        standing(m, "relocated", 2222, "sshd-config")
        assert w.call(m, "Restore") == (0, "")
        standing(m, "clear", 22, "")


def test_openssh_is_installed_while_the_daemon_runs(make):
    m = laid(make, "debian-12", windows=w.WINDOWS_HOLDS_22)
    take_away(m)
    boot(m)
    w.wait_properties(m, State="unmanaged", Port=0)
    before = users_files(m)
    bring_back(m)
    systemctl(m, "daemon-reload")
    m.run(["systemctl", "start", "ssh.service"])  # as the package does; it fails if sshd starts before the daemon has acted
    standing(m, "relocated", 2222, "sshd-config")
    assert users_files(m) == before and w.failed_units(m) == []


def dpkg(m: Machine, *arguments: str) -> None:
    m.run(["dpkg", *arguments], check=True, timeout=120, env={"DEBIAN_FRONTEND": "noninteractive"})


def package_status(m: Machine) -> str:
    return m.run(["dpkg-query", "-W", "-f=${db:Status-Abbrev}", "openssh-server"]).stdout.strip()


DEBIANS = on(*(name for name in SHAPES if name.startswith("debian-")))


@DEBIANS
def test_the_package_is_upgraded_while_relocated(make, name):
    """The real package, with its maintainer's scripts. The version is the same, as the roots have no other."""
    shape, m = SHAPES[name], relocated(make, name)
    before, session, pid = users_files(m), m.ssh_session(2222, "lan"), w.main_pid(m)
    inode = m.path("/usr/sbin/sshd").stat().st_ino
    dpkg(m, "-i", PACKAGE)
    assert m.path("/usr/sbin/sshd").stat().st_ino != inode and w.main_pid(m) != pid
    standing(m, "relocated", 2222, shape.mechanism)
    assert session.alive() and m.banner(22) == w.WINDOWS.text
    assert users_files(m) == before and w.failed_units(m) == []
    # The package restarts the service and then the socket, which systemd refuses then. So it is without wslportd.
    refused = "ssh.socket" if shape.unit == "ssh.socket" else "-"
    assert [text for text in complaints(m) if refused not in text] == []


@on("debian-12", "debian-13")
def test_the_package_is_purged_and_installed_again(make, name):
    m = relocated(make, name)
    session = m.ssh_session(2222, "lan")
    dpkg(m, "-P", "openssh-server")
    w.wait_properties(m, State="unmanaged", Port=0)
    assert session.alive() and w.active_state(m, w.UNIT) == "active" and m.exists(w.PORT_FILE)
    dpkg(m, "-i", PACKAGE)
    standing(m, "relocated", 2222, "sshd-config")
    assert package_status(m) == "ii" and session.alive()
    assert w.failed_units(m) == [] and complaints(m) == []


@on("debian-12", "debian-13")
def test_the_package_is_installed_where_windows_has_the_port(make, name):
    m = laid(make, name, windows=w.WINDOWS_HOLDS_22)
    m.offline(["dpkg", "-P", "openssh-server"])
    boot(m)
    w.wait_properties(m, State="unmanaged", Port=0)
    dpkg(m, "-i", PACKAGE)  # starts sshd before the daemon can ask Windows
    standing(m, "relocated", 2222, "sshd-config")
    assert package_status(m) == "ii" and w.failed_units(m) == []


@on("debian-12", "el8", "arch", "debian-13-socket", "ubuntu-22.04-socket", "ubuntu-24.04")
def test_upgraded_while_relocated(make, name):
    shape, m = SHAPES[name], relocated(make, name)
    before, session = users_files(m), m.ssh_session(2222, "lan")
    systemctl(m, "daemon-reload")
    if name != "ubuntu-22.04-socket":  # there the service and the socket conflict
        systemctl(m, "try-restart", shape.service)
    systemctl(m, "daemon-reload")
    standing(m, "relocated", 2222, shape.mechanism)
    assert session.alive() and m.banner(22) == w.WINDOWS.text
    assert users_files(m) == before and w.failed_units(m) == [] and complaints(m) == []
