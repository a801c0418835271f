# SPDX-License-Identifier: LGPL-2.1-or-later
"""Users' own configurations of sshd and of its units, and the cases that need a person."""

from __future__ import annotations

import re

import pytest

import wslport as w
from machine import Machine
from shaped import (
    BOTH, boot, complaints, gets_in, laid, left, listens, on, only, relocated, slow_stop, standing, systemctl, users_files,
)
from shapes import MAIN, SHAPES, include, link


# ---- users' configurations ----

def prepend(m: Machine, text: str) -> None:
    m.write(MAIN, text + m.read(MAIN))


def moved(m: Machine, mechanism: str, families: tuple[str, ...] = BOTH) -> None:
    """Checks that the boot moves sshd, and that the user's files stay unchanged."""
    before = users_files(m)
    boot(m)
    standing(m, "relocated", 2222, mechanism, families)
    assert users_files(m) == before and complaints(m) == []


@pytest.mark.parametrize("name, mechanism", [("debian-12", "command-line"), ("fedora", "command-line"),
                                             ("ubuntu-24.04", "socket")])
def test_the_main_file_names_22(make, name, mechanism):
    m = laid(make, name, windows=w.WINDOWS_HOLDS_22)
    prepend(m, "Port 22\n")
    moved(m, mechanism)
    m.windows.release(22)
    assert w.call(m, "Restore") == (0, "")
    standing(m, "clear", 22, "")
    assert left(m) == []


def test_the_main_file_comes_to_name_22(make):
    """The daemon has moved sshd by its configuration. With a second port there the socket would get both ports, and fail."""
    m = relocated(make, "ubuntu-24.04")
    standing(m, "relocated", 2222, "sshd-config")
    prepend(m, "Port 22\n")
    m.poweroff()
    boot(m)
    standing(m, "relocated", 2222, "socket")
    m.windows.release(22)
    assert w.call(m, "Restore") == (0, "")
    standing(m, "clear", 22, "")


def test_the_main_file_comes_to_name_22_for_a_socket_that_runs(make):
    m = relocated(make, "ubuntu-24.04")
    prepend(m, "Port 22\n")
    systemctl(m, "daemon-reload")
    m.run(["systemctl", "restart", "ssh.socket"])
    standing(m, "relocated", 2222, "socket")


@pytest.mark.parametrize("name, mechanism, other, port", [
    ("debian-12", "command-line", 2022, 2222), ("ubuntu-24.04", "socket", 2022, 2222), ("ubuntu-24.04", "socket", 2222, 22022)])
def test_one_of_two_ports_is_taken(make, name, mechanism, other, port):
    """The other one stays, over boots and moves. A socket gets a third port even if the other one is among CandidatePorts,
    because systemd binds all of a socket's ports or none."""
    m = laid(make, name, windows=w.WINDOWS_HOLDS_22)
    include(m, f"Port 22\nPort {other}\n")
    before = users_files(m)
    boot(m)
    for _ in range(2):
        w.wait_properties(m, State="relocated", Mechanism=mechanism, Port=port)
        w.eventually(lambda: listens(m) == {other: {*BOTH}, port: {*BOTH}}, "the other stays")
        assert gets_in(m, port) and gets_in(m, other) and users_files(m) == before and w.failed_units(m) == []
        assert complaints(m) == []
        m.poweroff()
        boot(m)
    m.windows.release(22)
    assert w.call(m, "Restore") == (0, "")
    w.eventually(lambda: listens(m) == {22: {*BOTH}, other: {*BOTH}}, "as before")
    assert left(m) == [] and gets_in(m, 22) and gets_in(m, other)
    assert w.call(m, "Relocate", "q", "2200") == (0, "")
    w.eventually(lambda: listens(m) == {2200: {*BOTH}, other: {*BOTH}}, "asked to, it leaves one")


def test_both_of_two_ports_are_taken(make):
    m = laid(make, "ubuntu-24.04", windows={22: w.WINDOWS, 2022: w.WINDOWS})
    include(m, "Port 22\nPort 2022\n")
    boot(m)
    w.wait_properties(m, State="relocated", Port=2222, HomePortHolder="windows-openssh")
    w.wait_settled(m)  # the daemon has asked each holder for its greeting
    w.count_connections(m, 2022)
    assert w.call(m, "Probe") == (0, "")
    w.wait_settled(m)
    assert w.connections(m) == 1


def test_22_and_2222_are_both_configured(make):
    """A service listens on the other one, and the daemon leaves it so."""
    m = laid(make, "debian-12", windows=w.WINDOWS_HOLDS_22)
    prepend(m, "Port 22\nPort 2222\n")
    before = users_files(m)
    boot(m)
    w.wait_sshd(m, 2222)
    pid = w.main_pid(m)
    p = w.wait_properties(m, Port=2222, HomePort=22, HomePortHolder="windows-openssh")
    assert p["Reason"] and p.get("Mechanism") == ""
    w.hold(lambda: w.sshd_ports(m) == {2222} and w.main_pid(m) == pid and w.own_files(m) == {}, 3, "nothing is done")
    assert gets_in(m, 2222) and users_files(m) == before and w.failed_units(m) == []


@on("debian-12", "debian-13", "fedora", "suse", "ubuntu-24.04")
@pytest.mark.parametrize("text, families", [
    ("ListenAddress 0.0.0.0\n", ("0.0.0.0",)), ("AddressFamily inet\n", ("0.0.0.0",)),
    ("AddressFamily inet6\n", ("::",))],
    ids=["ListenAddress", "inet", "inet6"])
def test_one_family(make, name, text, families):
    m = laid(make, name, windows=w.WINDOWS_HOLDS_22)
    include(m, text)
    moved(m, "sshd-config", families)


@pytest.mark.parametrize("stream, families", [("0.0.0.0:22", ("0.0.0.0",)), ("[::]:22", ("::",))], ids=["inet", "inet6"])
@on("debian-12-socket", "ubuntu-22.04-socket")
def test_one_family_of_a_socket(make, name, stream, families):
    """The user's drop-in says so, as no generator reads sshd's configuration here."""
    m = laid(make, name, windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/systemd/system/ssh.socket.d/mine.conf",
            f"[Socket]\nListenStream=\nListenStream={stream}\nBindIPv6Only=ipv6-only\n")
    moved(m, "socket", families)
    m.windows.release(22)
    assert w.call(m, "Restore") == (0, "")
    standing(m, "clear", 22, "", families)


def test_a_socket_has_an_address_with_its_port(make):
    """The generator hands a ListenAddress x:22 on to the socket."""
    m = laid(make, "ubuntu-24.04", windows=w.WINDOWS_HOLDS_22)
    lan = m._address("lan")
    include(m, f"ListenAddress {lan}:22\n")
    before = users_files(m)
    boot(m)
    p = w.wait_properties(m, State="relocated", Mechanism="socket", Port=2222)
    assert m.listeners() == {2222: [lan]} and [entry[:3] for entry in p["Listeners"]] == [[lan, 2222, "sshd"]]
    assert w.logs_in(m, 2222, "lan") and users_files(m) == before and complaints(m) == []
    m.windows.release(22)
    assert w.call(m, "Restore") == (0, "")
    w.wait_properties(m, State="clear", Port=22)
    assert m.listeners() == {22: [lan]} and left(m) == []


def test_a_socket_has_an_address_with_a_scope(make):
    m = laid(make, "debian-12-socket", windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/systemd/system/ssh.socket.d/mine.conf",
            "[Socket]\nListenStream=\nListenStream=0.0.0.0:22\nListenStream=[fe80::1]:22%%lo\nFreeBind=yes\n")
    boot(m)
    w.wait_properties(m, State="relocated", Mechanism="socket", Port=2222)
    assert m.listeners() == {2222: ["0.0.0.0", "fe80::1"]} and complaints(m) == []


@pytest.mark.parametrize("file, text, line", [(MAIN, "# mine\n\nListenAddress 0.0.0.0:22\n", 3),
                                              ("/etc/ssh/sshd_config.d/50-user.conf", "listenaddress = [::]:22\n", 1)],
                         ids=["main", "included"])
def test_an_address_with_its_port(make, file, text, line):
    """No drop-in can move that. The reason names its file and line."""
    m = laid(make, "debian-12", windows=w.WINDOWS_HOLDS_22)
    m.write(file, text + (m.read(file) if m.exists(file) else ""))
    before = users_files(m)
    m.boot()
    m.wait_running()
    p = w.wait_properties(m, State="blocked")
    assert re.search(rf"{re.escape(file)}(:| line | \(line ){line}\b", p["Reason"]), p["Reason"]
    assert p.get("Mechanism") == "" and w.own_files(m) == {} and users_files(m) == before
    assert w.active_state(m, "ssh.service") == "failed"  # as without wslportd
    m.windows.release(22)
    systemctl(m, "restart", "ssh.service")
    w.wait_properties(m, State="clear", Port=22)


def test_a_match_block_before_the_include(make):
    m = laid(make, "debian-12", windows=w.WINDOWS_HOLDS_22)
    m.write(MAIN, "UsePAM yes\nMatch User nobody\n    X11Forwarding no\nInclude /etc/ssh/sshd_config.d/*.conf\n")
    moved(m, "command-line")


@pytest.mark.parametrize("text, mechanism", [("", "sshd-config"), ("Port 22\n", "command-line")])
def test_a_command_line_of_the_users_own(make, text, mechanism):
    m = laid(make, "debian-12", windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/systemd/system/ssh.service.d/override.conf",
            "[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D $SSHD_OPTS -o PermitRootLogin=yes\n")
    include(m, text + "PermitRootLogin no\n")  # so that logins need the option
    moved(m, mechanism)
    assert "-o PermitRootLogin=yes" in m.read(f"/proc/{w.main_pid(m)}/cmdline").replace("\0", " ")


@pytest.mark.parametrize("file, text, where", [
    ("/etc/systemd/system/ssh.service.d/override.conf", "[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D -p 22\n",
     "-p in ssh.service"),
    ("/etc/systemd/system/ssh.service.d/override.conf", "[Service]\nEnvironmentFile=\nEnvironment='SSHD_OPTS=-p 22'\n",
     "-p in ssh.service"),
    ("/etc/default/ssh", '# mine\nSSHD_OPTS="-p 22"\n', "-p in /etc/default/ssh:2 (SSHD_OPTS)")],
    ids=["ExecStart", "Environment", "SSHD_OPTS"])
def test_a_port_in_the_command(make, file, text, where):
    """sshd takes the port of its command line, whatever the configuration says."""
    m = laid(make, "debian-12", windows=w.WINDOWS_HOLDS_22)
    m.write(file, text)
    before = users_files(m)
    m.boot()
    m.wait_running()
    p = w.wait_properties(m, State="blocked")
    assert where in p["Reason"] and p.get("Mechanism") == ""
    assert w.own_files(m) == {} and users_files(m) == before
    assert w.active_state(m, "ssh.service") == "failed"  # as without wslportd


@pytest.mark.parametrize("text, mechanism", [("Include /etc/ssh/sshd_config.d/*.conf\n", "sshd-config"),
                                             ("", "command-line")], ids=["Include", "without"])
def test_a_main_file_of_the_users_own(make, text, mechanism):
    """The command names it with -f, so the daemon asks sshd about that one."""
    m = laid(make, "debian-12", windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/ssh/mine", f"{text}UsePAM yes\n")
    m.write("/etc/default/ssh", "SSHD_OPTS=-f /etc/ssh/mine\n")
    prepend(m, "Port 2022\n")  # in the usual main file, which sshd doesn't read here
    moved(m, mechanism)


def test_etc_is_read_only(make):
    """An image without the daemon's Include line, and nobody can add it."""
    m = laid(make, "debian-12", windows=w.WINDOWS_HOLDS_22)
    m.path(w.STATIC_FILE).unlink()
    w.barrier(m, "read-only", script="mount --bind /etc /etc && mount -o remount,bind,ro /etc")
    moved(m, "command-line")
    assert m.run(["touch", "/etc/x"]).returncode != 0
    m.windows.release(22)
    assert w.call(m, "Restore") == (0, "")
    standing(m, "clear", 22, "")


@pytest.mark.parametrize("windows", [True, False], ids=["held", "requested"])
def test_sshd_does_not_see_our_file(make, windows):
    """A mount of the unit's own hides the file from sshd, not from the sshd that checks it. So the kernel shows that sshd isn't
    where the file says, and the next mechanism is tried."""
    m = laid(make, "debian-12", windows=w.WINDOWS_HOLDS_22 if windows else {})
    m.write("/etc/systemd/system/ssh.service.d/override.conf", "[Service]\nBindReadOnlyPaths=/mnt:/var/lib\n")
    m.boot()
    m.wait_running()
    if not windows:
        w.wait_properties(m, State="clear", Port=22)
        assert w.call(m, "Relocate", "q", "0") == (0, "")
    w.wait_properties(m, State="relocated", Port=2222, Mechanism="command-line")
    assert w.logs_in(m, 2222, "lan")


def test_an_instance_has_the_port(make):
    """The daemon doesn't manage instances of sshd@. It reports the instance as the holder, and leaves it alone."""
    m = laid(make, "debian-12")
    m.write("/etc/systemd/system/sshd@.service",
            "[Unit]\nBefore=ssh.service\n[Service]\nType=notify\nRuntimeDirectory=sshd\nRuntimeDirectoryPreserve=yes\n"
            "ExecStart=/usr/sbin/sshd -D -p %i\nKillMode=process\n[Install]\nWantedBy=multi-user.target\n")
    link(m, "/etc/systemd/system/sshd@.service", "/etc/systemd/system/multi-user.target.wants/sshd@22.service")
    before = users_files(m)
    m.boot()
    m.wait_running()
    p = w.wait_properties(m, State="relocated", Port=2222, HomePortHolder="linux")
    pid = w.main_pid(m, "sshd@22.service")
    assert f"sshd (pid {pid})" in p["HomePortHolderDetail"]
    assert {tuple(entry[1:]) for entry in p["Listeners"]} == {(22, "linux", "sshd@22.service"), (2222, "sshd", "ssh.service")}
    assert gets_in(m, 22) and gets_in(m, 2222) and w.main_pid(m, "sshd@22.service") == pid
    assert users_files(m) == before and w.failed_units(m) == []


def test_an_sshd_started_by_hand(make):
    m = boot(laid(make, "debian-12"))
    standing(m, "clear", 22, "")
    before = users_files(m)
    systemctl(m, "stop", "ssh.service")
    m.run(["mkdir", "-p", "/run/sshd"], check=True)
    by_hand = m.spawn(["/usr/sbin/sshd", "-D"])
    m.wait_listening(22)
    session = m.ssh_session(22, "lan")
    w.wait_properties(m, HomePortHolder="linux")
    w.hold(lambda: by_hand.poll() is None and w.active_state(m, "ssh.service") == "inactive", 1, "it is left alone")
    m.run(["systemctl", "start", "ssh.service"])
    w.wait_sshd(m, 2222)
    p = w.wait_properties(m, State="relocated", Port=2222, HomePortHolder="linux")
    assert "sshd" in p["HomePortHolderDetail"] and p.get("Mechanism") == "sshd-config"
    assert {(n, holder) for _, n, holder, _ in p["Listeners"]} == {(22, "linux"), (2222, "sshd")}
    assert gets_in(m, 2222) and gets_in(m, 22) and session.alive() and by_hand.poll() is None
    assert users_files(m) == before and w.failed_units(m) == []


@on("debian-12", "fedora")
def test_a_masked_service_stays_masked(make, name):
    m, service = laid(make, name, windows=w.WINDOWS_HOLDS_22), SHAPES[name].service
    m.mask(service)
    before = users_files(m)
    boot(m)
    p = w.wait_properties(m, Cause="owner-stopped", Port=0)
    assert p["State"] != "relocated" and p.get("Mechanism") == ""
    w.hold(lambda: (w.show(m, service, "LoadState", "ActiveState")
                    == {"LoadState": "masked", "ActiveState": "inactive"}), 1, "it stays so")
    assert w.own_files(m) == {} and users_files(m) == before and w.failed_units(m) == []


def test_a_service_that_is_masked_while_it_runs_is_left_alone(make):
    """systemd would refuse each job. It runs on where it is, and no request is answered as if it had moved."""
    m = relocated(make, "debian-12")
    pid = w.main_pid(m, "ssh.service")
    m.run(["systemctl", "mask", "ssh.service"], check=True)
    m.windows.release(22)
    before = len(w.binds(m, cgroup=w.HELPER_CGROUP))
    for method in (("Restore",), ("Relocate", "q", "22022")):
        status, text = w.call(m, *method)
        assert status != 0 and "masked" in text, (method, text)
    assert w.main_pid(m, "ssh.service") == pid and 2222 in m.listeners() and w.properties(m)["State"] == "relocated"
    assert len(w.binds(m, cgroup=w.HELPER_CGROUP)) == before


@on("debian-12", "ubuntu-24.04")
def test_what_its_owner_stopped_stays_stopped(make, name):
    shape, m = SHAPES[name], relocated(make, name)
    before, files = users_files(m), w.own_files(m)
    systemctl(m, "stop", shape.unit, shape.service)
    w.wait_properties(m, Port=0)
    m.windows.release(22)
    w.hold(lambda: not m.listeners().keys() & {22, 2222} and w.active_state(m, shape.unit) == "inactive", 2, "it stays so")
    assert w.own_files(m) == files and users_files(m) == before
    systemctl(m, "start", shape.unit)
    standing(m, "relocated", 2222, shape.mechanism)


def test_a_masked_socket_stays_masked(make):
    m = laid(make, "ubuntu-24.04", windows=w.WINDOWS_HOLDS_22)
    m.mask("ssh.socket", "ssh.service")
    before = users_files(m)
    boot(m)
    w.eventually(lambda: w.properties(m), "it is on the bus")
    w.hold(lambda: m.listeners() == {} and w.own_files(m) == {}, 1, "it stays so")
    assert users_files(m) == before and w.failed_units(m) == []


# ---- cases that need a person ----

def test_the_commands_for_linux_firewalls_are_told(make):
    m = laid(make, "fedora", windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/ufw/ufw.conf", "# Set to yes to start on boot.\nENABLED=yes\nLOGLEVEL=low\n")
    m.write("/usr/lib/tmpfiles.d/firewalld.conf", "f /run/firewalld.pid 0644 - - - 1\n")
    boot(m)
    standing(m, "relocated", 2222, "sshd-config")
    for command in ("ufw allow 2222/tcp", "firewall-cmd --permanent --add-port=2222/tcp && firewall-cmd --reload"):
        assert len([text for text in w.daemon_messages(m) if text.endswith(command)]) == 1


@on("fedora", "arch", "suse", "el8", "debian-13-socket", "ubuntu-24.04")
def test_a_configuration_that_sshd_refuses_is_never_applied(make, name):
    """A reload would end an sshd whose unit doesn't check first, and a socket unit would fall back to its own addresses."""
    shape, m = SHAPES[name], boot(laid(make, name))
    standing(m, "clear", 22, "")
    pid = w.main_pid(m, shape.service)
    include(m, "NoSuchOption yes\n")
    if name == "el8":
        m.write(MAIN, m.read(MAIN) + "NoSuchOption yes\n")
    before = users_files(m)
    status, error = w.call(m, "Relocate", "q", "0")
    assert status != 0 and "NoSuchOption" in error
    w.hold(lambda: w.main_pid(m, shape.service) == pid and only(m, 22), 1, "nothing is done")
    assert left(m) == [] and users_files(m) == before and w.failed_units(m) == []


# ---- what is told ----

def test_a_port_that_is_edited_before_sshd_is_told(make):
    """sshd listens where it did, and that is what is reported."""
    m = boot(laid(make, "debian-12"))
    standing(m, "clear", 22, "")
    include(m, "Port 2022\n")
    p = w.wait_properties(m, HomePort=2022, Port=22)
    assert (22, "sshd") in [(port, holder) for _, port, holder, _ in p["Listeners"]] and p["Reachable"]
    assert w.status_text(m).startswith("ssh on 22;")
    systemctl(m, "reload", "ssh.service")
    standing(m, "clear", 2022, "")


def test_a_configuration_that_takes_more_than_a_pipe(make):
    """sshd -T prints a line for each user: more than 64 KiB of them."""
    m = laid(make, "debian-12", windows=w.WINDOWS_HOLDS_22)
    lines = (" ".join(f"somebody-{i}-{k}@192.0.2.*" for k in range(20)) for i in range(150))
    include(m, "AllowUsers root\n" + "".join(f"AllowUsers {line}\n" for line in lines))
    moved(m, "sshd-config")


@on("debian-13-socket", "ubuntu-24.04")
def test_the_daemon_is_stopped_while_it_moves_a_unit_of_another_name(make, name):
    """systemd has closed the socket unit's sockets by then: what runs at the daemon's end has to know the unit too."""
    m = laid(make, name, foreign=(22,))
    for kind in ("service", "socket"):
        text = next(m.read(path) for folder in ("etc", "usr/lib", "lib") if m.exists(path := f"/{folder}/systemd/system/ssh.{kind}"))
        m.write(f"/etc/systemd/system/own.{kind}", text.replace("Alias=", "#").replace("ssh.", "own."))
    m.write(w.CONFIG, w.configuration(SSH={"Unit": "own.service"}))
    m.mask("ssh.socket")
    m.mask("ssh.service")
    m.enable("own.socket")
    boot(m)
    w.wait_properties(m, State="clear", Port=22, Unit="own.socket")
    assert w.logs_in(m, 22)
    release = slow_stop(m, "own.service")
    w.begin_call(m, "Relocate", "q", "2222")
    w.eventually(lambda: w.active_state(m, "own.service") == "deactivating", "it moves")
    systemctl(m, "stop", w.UNIT)
    release()
    w.eventually(lambda: only(m, 2222), "the socket listens where the files say")
