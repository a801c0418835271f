# SPDX-License-Identifier: LGPL-2.1-or-later
"""wslportd --reset on each of the shapes. Removing the package runs it once the daemon is stopped."""

from __future__ import annotations

import signal
from typing import Any

import pytest

import shaped
import wslport as w
from machine import Machine
from shaped import (
    EVERY, KINDS, boot, complaints, configure, enabled, gets_in, laid, on, only, relocated, reset, standing, systemctl,
    users_files,
)
from shapes import MAIN, SHAPES


def stopped(make: w.Make, name: str, **options: Any) -> tuple[Machine, dict[str, bytes | str]]:
    """A machine whose sshd was moved, with the daemon stopped; and the user's files from before."""
    m = laid(make, name, windows=w.WINDOWS_HOLDS_22, **options)
    before = users_files(m)
    boot(m)
    standing(m, "relocated", 2222, SHAPES[name].mechanism)
    systemctl(m, "stop", w.UNIT)
    return m, before


@EVERY
def test_removal_leaves_nothing(make, name):
    m, before = stopped(make, name)
    m.windows.release(22)
    session = m.ssh_session(2222, "lan")
    assert reset(m) == ""
    assert only(m, 22) and w.own_files(m) == {} and users_files(m) == before
    assert gets_in(m, 22) and session.alive()
    assert w.failed_units(m) == [] and complaints(m) == []


@KINDS
def test_removal_where_its_port_is_taken(make, name):
    """sshd stays reachable, and the command that --reset prints moves it home later."""
    shape, (m, before) = SHAPES[name], stopped(make, name)
    session = m.ssh_session(2222, "lan")
    told = reset(m)
    assert only(m, 2222) and gets_in(m, 2222) and m.banner(22) == w.WINDOWS.text
    assert shape.unit in told and "2222" in told and "Windows (OpenSSH_for_Windows_9.5) holds 22" in told and told.count("\n") == 1
    drop_in = f"/run/systemd/system/{shape.unit}.d/zz-wslportd.conf"
    assert list(w.own_files(m)) == ([drop_in] if shape.unit.endswith(".socket") else [])
    m.windows.release(22)
    m.run(["sh", "-c", told.strip().partition(" configuration before: " if drop_in in w.own_files(m) else
                                              " configuration: ")[2]], check=True)
    w.eventually(lambda: only(m, 22), "the command does it")
    assert gets_in(m, 22) and session.alive() and w.own_files(m) == {} and users_files(m) == before
    assert w.failed_units(m) == [] and complaints(m) == []


@on("debian-12", "debian-13-socket", "ubuntu-24.04")
def test_the_next_boot_after_removal(make, name):
    """sshd is at home then, although --reset had to leave it where it was."""
    m, before = stopped(make, name)
    assert "2222" in reset(m)
    m.poweroff()
    m.windows.release(22)
    m.mask(w.UNIT)
    boot(m)
    assert only(m, 22) and gets_in(m, 22) and w.own_files(m).keys() <= {f"/etc/systemd/system/{w.UNIT}"}


@on("debian-12", "el8", "ubuntu-24.04")
def test_removal_with_a_configuration_that_sshd_refuses(make, name):
    m, _ = stopped(make, name)
    m.windows.release(22)
    text = m.read(MAIN)
    m.write(MAIN, text + "NoSuchOption yes\n")
    told = reset(m)
    assert only(m, 2222) and gets_in(m, 2222) and "NoSuchOption" in told
    drop_in = f"/run/systemd/system/{SHAPES[name].unit}.d/zz-wslportd.conf"
    assert list(w.own_files(m)) == ([drop_in] if SHAPES[name].unit.endswith(".socket") else [])
    assert m.stray_reservations() == []  # nobody asked Windows for 22, as sshd can't be moved there


@on("debian-12", "debian-12-socket", "ubuntu-24.04")
def test_removal_with_sshd_stopped(make, name):
    m, before = stopped(make, name)
    m.windows.release(22)
    systemctl(m, "stop", SHAPES[name].unit, SHAPES[name].service)
    assert reset(m) == ""
    assert w.own_files(m) == {} and users_files(m) == before and not set(m.listeners()) & {22, 2222}
    systemctl(m, "start", SHAPES[name].unit)
    w.eventually(lambda: only(m, 22), "as before")
    assert gets_in(m, 22)


def test_removal_where_windows_does_not_answer(make):
    m, before = stopped(make, "debian-12", stray=(22,))  # stray: --reset ends before Windows answers
    m.windows.release(22)
    m.windows.silent()
    told = reset(m)
    assert "Windows does not answer" in told and "systemctl restart ssh.service" in told
    m.windows.silent(False)
    assert only(m, 2222) and gets_in(m, 2222) and w.own_files(m) == {} and users_files(m) == before


def test_no_removal_while_the_daemon_runs(make):
    """The daemon would move sshd again."""
    m = relocated(make, "debian-12")
    files = w.own_files(m)
    assert "systemctl disable --now wslportd" in reset(m, status=1)
    assert w.own_files(m) == files
    standing(m, "relocated", 2222, "sshd-config")


def test_removal_undoes_what_was_disabled(make):
    m = laid(make, "ubuntu-24.04", windows=w.WINDOWS_HOLDS_22)
    before = users_files(m)
    configure(m, SocketActivation="disable")
    boot(m)
    w.eventually(lambda: enabled(m, "ssh.service") == "enabled", "the service instead of the socket")
    standing(m, "relocated", 2222, "sshd-config")
    systemctl(m, "stop", w.UNIT)
    m.windows.release(22)
    assert reset(m) == ""
    assert only(m, 22) and gets_in(m, 22) and w.own_files(m) == {} and users_files(m) == before
    assert (enabled(m, "ssh.socket"), enabled(m, "ssh.service")) == ("enabled", "disabled")
    m.poweroff()
    m.mask(w.UNIT)
    boot(m)
    assert w.active_state(m, "ssh.socket") == "active" and gets_in(m, 22)


@on("debian-12", "debian-12-socket", "el8", "ubuntu-24.04")
def test_outside_of_wsl_sshd_starts_at_home(make, name):
    """The disk was brought elsewhere. wslportd-reset.service runs --reset before sshd starts."""
    m = relocated(make, name)
    m.poweroff()
    m.windows.release(22)
    w.set_mode(m, "not-wsl")
    boot(m)
    w.eventually(lambda: only(m, 22), "its own port")
    assert w.logs_in(m, 22) and complaints(m) == [] and w.own_files(m) == {}
    unit = "wslportd-reset.service"
    assert w.show(m, unit, "Result", "ConditionResult") == {"Result": "success", "ConditionResult": "yes"}
    assert w.seconds_between(m, unit, w.STARTED, unit, w.EXITED) < m.boot_seconds / 2, "it holds the boot"


def test_a_removal_after_a_kill_in_the_middle_of_a_write(make):
    m, _ = stopped(make, "debian-12")
    m.windows.release(22)
    m.write("/run/wslportd/.requested.new", "")
    reset(m)
    assert not m.exists("/run/wslportd")


@on("debian-13-socket", "ubuntu-24.04")
def test_a_removal_that_is_interrupted_in_the_middle_of_a_move(make, name):
    """systemd has closed the socket unit's sockets by then, and nobody but --reset itself would have it listen again."""
    m, _ = stopped(make, name)
    m.windows.release(22)
    release = shaped.slow_stop(m, "ssh.service")
    removal = m.spawn(["/usr/sbin/wslportd", "--reset"])
    w.eventually(lambda: w.active_state(m, "ssh.service") == "deactivating", "it moves")
    removal.kill(signal.SIGTERM)
    assert removal.wait() != 0
    release()
    w.eventually(lambda: only(m, 22), "the socket listens")
    assert w.logs_in(m, 22)


@pytest.mark.waits
def test_a_removal_that_takes_longer_than_it_may(make):
    """Each bind() takes a third of --reset's minute, and the last ones are systemd's."""
    m, _ = stopped(make, "ubuntu-24.04")
    m.windows.release(22)
    m.windows.delay(22_000)
    m.run(["/usr/sbin/wslportd", "--reset"])
    m.windows.delay(0)
    w.eventually(lambda: len(set(m.listeners()) & {22, 2222}) == 1 and w.logs_in(m, max(set(m.listeners()) & {22, 2222})), "it listens")
