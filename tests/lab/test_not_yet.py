# SPDX-License-Identifier: LGPL-2.1-or-later
"""At boot sshd refuses a configuration that it accepts a moment later: its host keys are made only then, or the network that
tells it a name's address comes up only then."""

from __future__ import annotations

import pytest

import wslport as w
from machine import Machine

DROP_IN = "/etc/systemd/system/ssh.service.d/keys.conf"
# The first one's sshd has -G (OpenSSH 9.3), and so tells its ports without a host key. The other one is moved once it has failed.
SUITES = ("sid", "bookworm")


def remove_keys(m: Machine) -> Machine:
    for name in w.contents(m, "/etc/ssh"):
        if "/ssh_host_" in name:
            m.path(name).unlink()
    return m


def by_the_service(m: Machine) -> None:
    """As openSUSE does."""
    m.write(DROP_IN, "[Service]\nExecStartPre=\nExecStartPre=/usr/bin/ssh-keygen -A\nExecStartPre=/usr/sbin/sshd -t\n")


def by_a_unit_before_it(m: Machine) -> None:
    """As Fedora and EL do."""
    m.write("/etc/systemd/system/sshd-keygen.target", "[Unit]\nWants=keys.service\n")
    m.write("/etc/systemd/system/keys.service",
            "[Unit]\nBefore=sshd-keygen.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/ssh-keygen -A\n")
    m.write(DROP_IN, "[Unit]\nWants=sshd-keygen.target\nAfter=sshd-keygen.target\n")


def check_repaired_boot(m: Machine) -> None:
    """sshd has failed once, and was moved at once: its own unit does not start it again."""
    w.wait_properties(m, State="relocated", Port=2222)
    w.wait_sshd(m, 2222)
    assert w.failed_units(m) == []
    assert {entry["port"] for entry in w.binds(m, command="sshd") if entry["verdict"] != "allow"} == {22}
    assert sum("Cannot bind any address" in line for line in m.messages()) == 1
    assert w.logs_in(m, 2222) and w.logs_in(m, 2222, "lan")


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("made", [by_the_service, by_a_unit_before_it])
def test_host_keys_are_made_at_the_first_boot(make, made, suite):
    m = remove_keys(make(suite=suite, windows=w.WINDOWS_HOLDS_22))
    made(m)
    w.boot_in_time(m)
    if suite != SUITES[0]:
        check_repaired_boot(m)
        return
    w.check_relocated_boot(m)
    w.check_report(m, "relocated", 2222)


def test_a_socket_unit_binds_before_the_host_keys_are_made(make):
    m = remove_keys(make(suite="sid", windows=w.WINDOWS_HOLDS_22))
    m.write("/etc/systemd/system/keys.service",
            "[Unit]\nAfter=ssh.socket\n[Service]\nType=oneshot\nExecStart=/usr/bin/ssh-keygen -A\n[Install]\nWantedBy=multi-user.target\n")
    m.disable("ssh.service")
    m.enable("ssh.socket", "keys.service")
    w.boot_in_time(m)
    assert w.failed_units(m) == []
    w.wait_properties(m, State="relocated", Port=2222)
    assert {(entry["port"], entry["verdict"]) for entry in w.binds(m, cgroup="/system.slice/ssh.socket")} == {(2222, "allow")}
    assert w.logs_in(m, 2222)


def test_nobody_makes_host_keys_and_22_is_left_to_windows(make):
    m = remove_keys(make(suite="sid"))
    w.boot(m)
    w.wait_properties(m, Cause="configuration-refused")
    w.eventually(lambda: w.active_state(m, "ssh.service") == "failed", "sshd's unit gives up")
    assert not w.binds(m, cgroup=w.HELPER_CGROUP) and w.own_files(m) == {}
    assert m.windows.claim(22)


def test_a_name_resolves_only_when_the_network_is_up(make):
    m = make(windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/ssh/sshd_config.d/50-user.conf", "ListenAddress wsl.lan\n")
    m.write("/root/names.sh",
            f"until systemctl is-active --quiet {w.UNIT}; do sleep 0.01; done\necho 192.168.50.10 wsl.lan >>/etc/hosts\n")
    m.write("/etc/systemd/system/names.service",
            f"[Unit]\nAfter={w.UNIT}\nBefore=ssh.service\n[Service]\nType=oneshot\nExecStart=/bin/sh /root/names.sh\n"
            "[Install]\nWantedBy=multi-user.target\n")
    m.enable("names.service")
    w.boot(m)
    w.wait_properties(m, State="relocated", Port=2222)
    w.wait_sshd(m, 2222)
    assert w.failed_units(m) == []
    assert sum("Cannot bind any address" in line for line in m.messages()) == 1
    assert w.logs_in(m, 2222, "lan")
