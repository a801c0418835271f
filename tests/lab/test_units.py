# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which unit is to run: EnsureEnabled= and SocketActivation=, and what happens between one unit and the other."""

from __future__ import annotations

import pytest

import wslport as w
from machine import Machine
from shaped import (
    SOCKETS, boot, configure, enabled, gets_in, laid, only, reset, standing, systemctl, units, users_files,
)
from shapes import SHAPES, include


@pytest.mark.parametrize("windows", [{}, w.WINDOWS_HOLDS_22], ids=["free", "held"])
def test_ensure_enabled(make, windows):
    m = laid(make, "debian-12", windows=windows)
    configure(m, EnsureEnabled="yes")
    before = users_files(m)
    m.disable("ssh.service")
    boot(m)
    standing(m, *(("relocated", 2222, "sshd-config") if windows else ("clear", 22, "")))
    assert enabled(m, "ssh.service") == "enabled" and users_files(m) == before
    assert w.failed_units(m) == []


def test_a_disabled_service_is_left_so(make):
    m = laid(make, "debian-12")
    m.disable("ssh.service")
    before = users_files(m)
    boot(m)
    advice = "systemctl enable --now ssh.service"
    w.eventually(lambda: advice in (w.properties(m) or {"Reason": ""})["Reason"], "it is told")
    w.wait_properties(m, Port=0)
    w.hold(lambda: w.active_state(m, "ssh.service") == "inactive", 1, "it stays off")
    assert enabled(m, "ssh.service") == "disabled" and users_files(m) == before


@pytest.mark.parametrize("windows", [{}, w.WINDOWS_HOLDS_22], ids=["free", "held"])
@SOCKETS
def test_socket_activation_is_disabled_and_kept_again(make, name, windows):
    m = laid(make, name, windows=windows)
    before = users_files(m)
    configure(m, SocketActivation="disable")
    w.boot(m)  # once: a second boot would take the units for the owner's choice
    place = ("relocated", 2222, "sshd-config") if windows else ("clear", 22, "")
    w.eventually(lambda: units(m) == {"ssh.socket": ("disabled", "inactive"), "ssh.service": ("enabled", "active")},
                 "the service instead of the socket")
    standing(m, *place)
    if windows:
        m.poweroff()
        boot(m)
        standing(m, *place)
    session = m.ssh_session(place[1], "lan")
    configure(m, SocketActivation="keep")
    assert w.call(m, "Reload") == (0, "")
    w.eventually(lambda: (found := units(m))["ssh.socket"] == ("enabled", "active") and
                 found["ssh.service"][0] == "disabled", "both are undone")
    standing(m, *place[:2], SHAPES[name].mechanism if windows else "")
    assert session.alive() and users_files(m) == before and w.failed_units(m) == []


@SOCKETS
def test_a_socket_that_failed_is_disabled(make, name):
    """The daemon resets the failed socket, and moves the service."""
    m = laid(make, name, windows=w.WINDOWS_HOLDS_22, policy={"Relocate": "never"})
    m.boot()
    m.wait_running()
    w.wait_properties(m, State="unmanaged", Port=0)
    assert w.active_state(m, "ssh.socket") == "failed"
    configure(m, SocketActivation="disable")
    assert w.call(m, "Reload") == (0, "")
    standing(m, "relocated", 2222, "sshd-config")
    assert (enabled(m, "ssh.socket"), enabled(m, "ssh.service")) == ("disabled", "enabled")
    assert w.failed_units(m) == [] and sum("SocketActivation=disable: done" in text for text in w.daemon_messages(m)) == 1


def between_units(make: w.Make) -> Machine:
    """A machine whose service takes 2 s to stop, so that neither unit listens meanwhile."""
    m = laid(make, "ubuntu-26.04")
    m.write("/etc/systemd/system/ssh.service.d/slow.conf", "[Service]\nExecStopPost=sleep 2\n")
    return boot(m)


def switch(m: Machine, activation: str) -> None:
    """Begins a switch of units. When it returns, neither unit listens."""
    m.ssh_session(22, "lan")
    configure(m, SocketActivation=activation)
    assert w.call(m, "Reload") == (0, "")
    w.eventually(lambda: w.active_state(m, "ssh.service") == "deactivating", "the service is stopped")


def test_killed_while_neither_unit_listens(make):
    """The next start goes on with the switch, from the socket to the service and back."""
    m = between_units(make)
    before = users_files(m)
    for activation, listening in (("disable", "ssh.service"), ("keep", "ssh.socket")):
        switch(m, activation)
        systemctl(m, "kill", "--signal=KILL", w.UNIT)
        w.eventually(lambda: units(m)[listening] == ("enabled", "active"), f"{listening} listens", 20)  # noqa: B023
        standing(m, "clear", 22, "")
    assert enabled(m, "ssh.service") == "disabled" and users_files(m) == before and w.own_files(m) == {}


def test_stopped_while_neither_unit_listens(make):
    """sshd listens again at once. The daemon's next start goes on with the switch."""
    m = between_units(make)
    before = users_files(m)
    for activation, listening in (("disable", "ssh.service"), ("keep", "ssh.socket")):
        switch(m, activation)
        systemctl(m, "stop", w.UNIT)
        w.eventually(lambda: only(m, 22) and gets_in(m, 22), "sshd is there")
        systemctl(m, "start", w.UNIT)
        w.eventually(lambda: units(m)[listening] == ("enabled", "active"), f"{listening} listens", 20)  # noqa: B023
        standing(m, "clear", 22, "")
    assert enabled(m, "ssh.service") == "disabled" and users_files(m) == before and w.own_files(m) == {}


def test_removal_while_neither_unit_listens(make):
    m = between_units(make)
    before = users_files(m)
    switch(m, "disable")
    systemctl(m, "stop", w.UNIT)
    assert reset(m) == ""
    w.eventually(lambda: only(m, 22), "its own port")
    assert gets_in(m, 22) and w.own_files(m) == {} and users_files(m) == before


def test_a_socket_that_will_not_stop_is_left_as_it_was(make):
    m = laid(make, "ubuntu-24.04")
    m.write("/etc/systemd/system/ssh.socket.d/user.conf", "[Unit]\nRefuseManualStop=yes\n")
    before = users_files(m)
    boot(m)
    for times in (1, 2):
        configure(m, SocketActivation="disable")
        assert w.call(m, "Reload") == (0, "")
        w.eventually(lambda: sum("could not be carried out" in text for text in w.daemon_messages(m)) == times, "it fails")  # noqa: B023
        standing(m, "clear", 22, "")
    configure(m, SocketActivation="keep")
    assert w.call(m, "Reload") == (0, "")
    w.eventually(lambda: users_files(m) == before and w.own_files(m) == {}, "it is undone")
    assert enabled(m, "ssh.service") == "disabled"
    standing(m, "clear", 22, "")


def test_a_socket_is_not_disabled_for_a_service_that_would_not_start(make):
    m = boot(laid(make, "ubuntu-26.04"))
    m.ssh_session(22, "lan")  # starts ssh.service, which then has the good configuration
    include(m, "Nonsense yes\n")
    configure(m, SocketActivation="disable")
    assert w.call(m, "Reload") == (0, "")
    w.eventually(lambda: "SocketActivation=disable waits" in w.properties(m)["Reason"], "it is told")
    standing(m, "clear", 22, "")
    include(m, "")
    assert w.call(m, "Reload") == (0, "")
    w.eventually(lambda: w.said(m, "SocketActivation=disable: done"), "the service instead of the socket")
    standing(m, "clear", 22, "")


def test_a_socket_is_not_disabled_for_a_service_that_could_not_be_moved(make):
    m = laid(make, "ubuntu-24.04", windows=w.WINDOWS_HOLDS_22)
    include(m, "ListenAddress 0.0.0.0:22\n")
    configure(m, SocketActivation="disable")
    boot(m)
    reason = w.eventually(lambda: "SocketActivation=disable waits" in (text := w.properties(m)["Reason"]) and text, "it is told")
    assert "50-user.conf:1" in reason
    standing(m, "relocated", 2222, "socket")
    assert units(m)["ssh.socket"] == ("enabled", "active")


def test_back_to_a_socket_while_sshd_is_down(make):
    """Only its port was in the way, and the socket unit is to listen."""
    m = laid(make, "ubuntu-24.04", stray=(22, 2222, 2200), **w.HASTE)
    configure(m, SocketActivation="disable")
    boot(m)
    w.eventually(lambda: units(m)["ssh.service"] == ("enabled", "active"), "the service listens")
    standing(m, "clear", 22, "")
    systemctl(m, "stop", "ssh.service")
    m.write(w.CONFIG, w.configuration(SSH={"SocketActivation": "disable"}, Policy={"CandidatePorts": "2222"}))
    assert w.call(m, "Reload") == (0, "")
    for port in (22, 2222):
        w.eventually(lambda port=port: m.windows.claim(port), "Windows has it")
    m.run(["systemctl", "start", "ssh.service"])
    w.wait_properties(m, State="blocked")
    m.write(w.CONFIG, w.configuration(SSH={"SocketActivation": "keep"}, Policy={"CandidatePorts": "2200"}))
    assert w.call(m, "Reload") == (0, "")
    w.eventually(lambda: units(m)["ssh.socket"] == ("enabled", "active"), "the socket unit listens")
    w.wait_properties(m, State="relocated", Port=2200)


@pytest.mark.parametrize("network", ["PrivateNetwork=yes", "NetworkNamespacePath=/run/netns/own"])
def test_a_socket_in_a_network_of_its_own_is_left_alone(make, network):
    """No listener of it can be seen, and it isn't mended for that."""
    m = laid(make, "debian-12-socket")
    m.write("/etc/systemd/system/ssh.socket.d/net.conf",
            f"[Unit]\nAfter=own-network.service\nRequires=own-network.service\n[Socket]\n{network}\n")
    m.write("/etc/systemd/system/own-network.service",
            "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c "
            "'mkdir -p /run/netns; touch /run/netns/own; unshare --net=/run/netns/own true'\n")
    w.boot(m)
    w.wait_properties(m, Unit="ssh.socket", Port=0)
    before = w.show(m, "ssh.socket", "InvocationID", "ActiveState")
    systemctl(m, "stop", w.UNIT)
    assert w.show(m, "ssh.socket", "InvocationID", "ActiveState") == before


def test_a_socket_that_is_bound_to_an_interface(make):
    """It is moved and taken back as others are, and no address of another interface is offered."""
    m = laid(make, "debian-12-socket", windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/systemd/system/ssh.socket.d/device.conf", "[Socket]\nBindToDevice=eth0\n")
    w.boot(m)
    w.wait_properties(m, State="relocated", Port=2222, Reachable=[["192.168.50.10", "lan"]])
    assert w.failed_units(m) == []
    assert w.logs_in(m, 2222, "lan")
    m.windows.release(22)
    assert w.call(m, "Restore") == (0, "")
    w.wait_properties(m, State="clear", Port=22, Reachable=[["192.168.50.10", "lan"]])
    assert w.logs_in(m, 22, "lan")
