# SPDX-License-Identifier: LGPL-2.1-or-later
"""Something goes wrong around the daemon, or with it: sshd is never worse off than without the daemon, and the reason is told."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable

import pytest

import wslport as w
from machine import Machine

WINDOWS = pytest.mark.parametrize("windows", [{}, w.WINDOWS_HOLDS_22], ids=["22-free", "22-held"])


def settles(m: Machine, windows: dict, timeout: float = 60) -> None:
    """Checks the end of each story: sshd is on the right port, no unit has failed, and the report is right."""
    port = 2222 if windows else 22
    w.wait_sshd(m, port, timeout)
    m.wait_running()
    assert w.failed_units(m) == []
    assert w.logs_in(m, port)
    w.check_report(m, "relocated" if windows else "clear", port)


def ready_in_time(m: Machine) -> None:
    w.eventually(lambda: w.active_state(m, w.UNIT) == "active", "READY")
    w.check_hold(m)


# ---- Windows answers late, or not at all ----

@WINDOWS
@pytest.mark.parametrize("trouble", ["slow", "silent"])
@pytest.mark.waits
def test_windows_takes_its_time(make, windows, trouble):
    m = w.clock_hold(make(windows=windows))
    m.windows.delay(5000) if trouble == "slow" else m.windows.silent()
    m.boot()
    ready_in_time(m)
    p = w.wait_properties(m, NetworkingMode="mirrored")
    if trouble == "silent":
        assert p["State"] == "unknown" and p["Port"] == 0
        w.hold(lambda: w.properties(m) is not None, 1, "it answers on D-Bus")
        m.windows.silent(False)
    settles(m, windows)


@WINDOWS
def test_windows_falls_silent_while_sshd_runs(make, windows):
    m = w.boot(w.clock_hold(make(windows=windows)))
    settles(m, windows)
    pid = w.main_pid(m)
    m.windows.silent()
    assert m.run(["systemctl", "reload", w.UNIT]).returncode == 0
    assert w.wait_properties(m, NetworkingMode="mirrored")["Port"] == (2222 if windows else 22)
    w.restart(m)
    ready_in_time(m)
    m.windows.silent(False)
    settles(m, windows)
    assert w.main_pid(m) == pid


# ---- one EADDRINUSE is no proof, and ENOSYS says nothing ----

# A line for wrap_helper() that binds a port which Windows refuses, so that the helper's own bind gets that verdict.
REFUSED_FIRST = "python3 -S -c 'import socket; socket.socket().bind((\"\", 4444))' 2> /dev/null || :"


@WINDOWS
def test_verdicts_come_one_call_late(make, windows):
    m = make(windows={**windows, 4444: w.WINDOWS})
    w.wrap_helper(m, REFUSED_FIRST)
    m.windows.late()
    m.boot()
    w.wait_systemd(m)
    port = 2222 if windows else 22
    w.wait_sshd(m, port, 60)
    assert m.wait_running() == "running" and w.failed_units(m) == []
    assert w.logs_in(m, port)
    first = w.binds(m, command="wslportd-bindpr")[0]
    assert (first["port"], first["given"]) == (22, "EADDRINUSE")
    w.wait_properties(m, Port=port, State="relocated" if windows else "clear")


@WINDOWS
def test_allowed_one_call_late(make, windows):
    """The other way round: the daemon's first bind gets the consent that was another bind's."""
    m = make(windows=windows)
    m.windows.late()
    m.boot()
    w.wait_systemd(m)
    w.wait_sshd(m, 2222 if windows else 22, 90)  # if another bind came between, the daemon asks again after a minute
    m.wait_running()
    assert w.logs_in(m, 2222 if windows else 22)


@WINDOWS
def test_the_tracker_dies_during_boot(make, windows):
    m = make(windows=windows)
    with w.held_boot(m):
        m.windows.dead()
    # sshd can't bind anywhere, as without wslportd. The daemon doesn't start or move it again and again, and tells the reason.
    p = w.wait_properties(m, State="blocked", Port=0)
    assert "wsl --shutdown" in p["Reason"] and "wsl --shutdown" in w.status_text(m)
    assert w.said(m, "wsl --shutdown")
    assert w.own_files(m) == {}
    assert len([line for line in m.messages() if "Starting ssh.service" in line]) == 1
    m.kill()
    m.disable("barrier.service")
    w.boot(m)
    settles(m, windows)


@WINDOWS
def test_the_tracker_dies_while_sshd_runs(make, windows):
    m = w.boot(make(windows=windows))
    settles(m, windows)
    pid, files = w.main_pid(m), w.own_files(m)
    m.windows.dead()
    for verb in ("reload", "restart"):
        m.run(["systemctl", verb, w.UNIT])
        w.eventually(lambda: w.active_state(m, w.UNIT) == "active")
        w.check_report(m, "relocated" if windows else "clear", 2222 if windows else 22, can_bind=False)
        assert w.main_pid(m) == pid and w.own_files(m) == files


def test_the_tracker_is_dead_and_sshd_has_failed(make):
    m = w.boot(make(enabled=False, windows=w.WINDOWS_HOLDS_22))
    m.windows.dead()
    m.run(["systemctl", "start", w.UNIT], check=True)
    p = w.wait_properties(m, State="unknown", Port=0)  # systemd can't bind the helper's socket any more
    assert "wsl --shutdown" in p["Reason"] and w.said(m, "wsl --shutdown")
    assert w.own_files(m) == {} and w.active_state(m, "ssh.service") == "failed"


@WINDOWS
def test_waits_for_windows_end_early(make, windows):
    m = make(windows=windows)
    m.windows.interrupt(5)
    m.boot()
    w.wait_systemd(m)
    settles(m, windows)
    given = [entry["given"] for entry in w.binds(m, command="wslportd-bindpr")]
    assert given[:5] == ["EINTR"] * 5 and "EINTR" not in given[5:]
    # sshd's own binds were not interrupted.
    assert {entry["given"] for entry in w.binds(m, command="sshd")} == {"allow"}


@pytest.mark.parametrize("policy, dynamic, port", [
    ({}, "1024-15000", 22022), ({"CandidatePorts": "50000-60000 2222"}, "49152-65535", 2222)], ids=["low", "default"])
def test_the_whole_dynamic_range_is_refused(make, policy, dynamic, port):
    m = w.clock_hold(make(windows=w.WINDOWS_HOLDS_22, policy=policy))
    m.windows.deny_dynamic(ports=dynamic)
    w.boot_in_time(m)
    w.check_relocated_boot(m, port)
    w.check_report(m, "relocated", port)
    # The daemon skips the range, and doesn't try each port of it.
    assert len({entry["port"] for entry in w.binds(m, command="wslportd-bindpr")}) < 25
    w.check_hold(m)


# ---- what users do to sshd's configuration ----

MAIN = "/etc/ssh/sshd_config"


def prepend(text: str) -> Callable[[Machine], None]:
    return lambda m: m.write(MAIN, text + m.read(MAIN))


def no_host_keys(m: Machine) -> None:
    for name in list(w.contents(m, "/etc/ssh")):
        if "/ssh_host_" in name:
            m.path(name).unlink()


def no_include(m: Machine) -> None:
    m.path(w.STATIC_FILE).unlink()


def match_first(m: Machine) -> None:
    """A valid configuration, but the included files stand within the Match block."""
    m.write(MAIN, "UsePAM yes\nMatch User nobody\n    X11Forwarding no\nInclude /etc/ssh/sshd_config.d/*.conf\n")


# Each oddity, and a part of the reason when Windows holds 22. No reason: the daemon moves sshd by its command line.
ODDITIES: dict[str, tuple[Callable[[Machine], None], str]] = {
    "broken": (prepend("NoSuchOption yes\n"), "Bad configuration option: NoSuchOption"),
    "no-host-keys": (no_host_keys, "no hostkeys available"),
    "no-include": (no_include, ""),
    "match-first": (match_first, ""),
    "port-22": (prepend("Port 22\n"), ""),
    "listen-address": (prepend("ListenAddress 0.0.0.0:22\n"), "/etc/ssh/sshd_config:1 (ListenAddress 0.0.0.0:22)"),
}
ODD = pytest.mark.parametrize("oddity", ODDITIES)


def told(m: Machine, words: str) -> None:
    """Checks that the words are in the reason on D-Bus, and in the journal."""
    w.eventually(lambda: words in (w.properties(m) or {"Reason": ""})["Reason"], f"Reason: {words}")
    assert w.said(m, words), w.daemon_messages(m)


def by_command_line(m: Machine) -> None:
    w.wait_sshd(m, 2222)
    w.wait_properties(m, State="relocated", Port=2222, Mechanism="command-line")
    assert w.logs_in(m, 2222) and not m.exists(w.PORT_FILE)


@ODD
def test_odd_configuration_at_boot(make, oddity):
    apply, words = ODDITIES[oddity]
    m = w.clock_hold(make(windows=w.WINDOWS_HOLDS_22))
    apply(m)
    before = w.contents(m, "/etc/ssh", w.STATE_DIRECTORY)
    w.boot(m)
    if not words:
        by_command_line(m)
        assert w.failed_units(m) == []
        return
    told(m, words)
    # As without wslportd, sshd can't come up. (systemd tries five times if sshd -t fails.)
    w.eventually(lambda: w.active_state(m, "ssh.service") == "failed", "sshd's unit gives up")
    assert not m.exists(w.PORT_FILE) and w.own_files(m) == {}
    assert w.contents(m, "/etc/ssh", w.STATE_DIRECTORY) == before
    w.check_hold(m)


@ODD
def test_odd_configuration_where_sshd_failed_before_the_daemon_came(make, oddity):
    apply, words = ODDITIES[oddity]
    m = w.boot(w.clock_hold(make(enabled=False, windows=w.WINDOWS_HOLDS_22)))
    apply(m)
    before = w.contents(m, "/etc/ssh", w.STATE_DIRECTORY)
    w.restart(m)
    if not words:
        by_command_line(m)
        return
    told(m, words)
    assert w.active_state(m, "ssh.service") == "failed"
    assert w.contents(m, "/etc/ssh", w.STATE_DIRECTORY) == before
    w.check_hold(m)


def odd_while_running(m: Machine, oddity: str, port: int) -> None:
    """Changes the configuration of a running sshd, and checks that the daemon leaves sshd alone."""
    pid = w.main_pid(m)
    ODDITIES[oddity][0](m)
    before = w.contents(m, "/etc/ssh", w.STATE_DIRECTORY)
    for verb in ("reload", "restart"):
        m.run(["systemctl", verb, w.UNIT], check=True)
        w.wait_properties(m, Port=port)
        assert w.main_pid(m) == pid and w.sshd_ports(m) == {port}
        assert w.contents(m, "/etc/ssh", w.STATE_DIRECTORY) == before
    if oddity != "no-host-keys":  # sshd reads its host keys for each connection
        assert w.logs_in(m, port)


@ODD
def test_odd_configuration_beneath_a_running_sshd(make, oddity):
    m = w.boot(make())
    odd_while_running(m, oddity, 22)


@ODD
def test_odd_configuration_beneath_an_sshd_that_was_moved(make, oddity):
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22))
    w.wait_properties(m, State="relocated")
    odd_while_running(m, oddity, 2222)


@pytest.mark.parametrize("oddity", ["broken", "match-first"])
def test_a_decision_was_kept_and_then_the_configuration_changed(make, oddity):
    apply, words = ODDITIES[oddity]
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22))
    w.wait_properties(m, State="relocated")
    main = m.read(MAIN)
    m.poweroff()
    apply(m)
    m.windows.release(22)
    w.boot(m)
    if oddity == "match-first":  # the daemon's own file makes the configuration invalid, so the daemon removes the file
        w.wait_sshd(m, 22)
        assert w.logs_in(m, 22) and not m.exists(w.PORT_FILE)
        assert w.failed_units(m) == []
        return
    told(m, words)
    m.poweroff()
    m.write(MAIN, main)
    w.boot(m)
    w.wait_sshd(m, 2222)
    assert w.logs_in(m, 2222) and w.failed_units(m) == []
    w.wait_properties(m, State="relocated", Port=2222)


def test_the_daemons_file_comes_to_be_refused(make):
    """Somebody restarts sshd, and it can't come up because of the file. The daemon moves it in another way, and starts it."""
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22))
    w.wait_properties(m, State="relocated", Mechanism="sshd-config")
    match_first(m)
    assert m.run(["systemctl", "restart", "ssh.service"]).returncode != 0
    by_command_line(m)
    assert w.failed_units(m) == []


def test_without_ipv6_in_the_kernel(make):
    """As with ipv6.disable=1: sshd's configuration still has [::], and sshd runs on IPv4."""
    m = make()
    m.write("/etc/systemd/system/ssh.service.d/no-ipv6.conf", "[Service]\nRestrictAddressFamilies=~AF_INET6\n")
    m.write(f"/etc/systemd/system/{w.UNIT}.d/no-ipv6.conf", "[Service]\nTemporaryFileSystem=/proc/net\n")
    w.boot(m)
    for method, arguments, state, port in ("Relocate", ("q", "2222"), "relocated", 2222), ("Restore", (), "clear", 22):
        assert w.call(m, method, *arguments) == (0, "")
        w.wait_properties(m, State=state, Port=port)
        assert m.listeners() == {port: ["0.0.0.0"]}


def test_keys_that_root_would_not_use(make):
    """sshd ignores a host key that others can read, if the key is its own user's. Its unit refuses the reload then."""
    m = w.boot(make(stray=(2222,)))
    pid = w.main_pid(m)
    m.run(["chmod", "-R", "a+rX", "/etc/ssh"], check=True)
    assert w.call(m, "Relocate", "q", "2222")[0] != 0
    w.wait_properties(m, State="clear", Port=22)
    assert w.main_pid(m) == pid and w.sshd_ports(m) == {22} and w.own_files(m) == {}


def test_without_run_sshd(make):
    m = w.boot(make())
    pid = w.main_pid(m)
    m.run(["systemctl", "stop", w.UNIT], check=True)
    m.run(["rm", "-rf", "/run/sshd"], check=True)
    m.run(["systemctl", "start", w.UNIT], check=True)
    # Each connection needs the directory, but the daemon doesn't make it.
    w.wait_properties(m, State="clear", Port=22)
    assert w.main_pid(m) == pid and w.sshd_ports(m) == {22} and not m.exists("/run/sshd")


def test_without_run_sshd_where_sshd_has_failed(make):
    m = w.boot(make(enabled=False, windows=w.WINDOWS_HOLDS_22))
    m.run(["rm", "-rf", "/run/sshd"], check=True)
    m.run(["systemctl", "start", w.UNIT], check=True)
    w.wait_sshd(m, 2222)
    assert w.logs_in(m, 2222)


def read_only(folder: str) -> str:
    return f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}"


def test_a_read_only_etc(make):
    m = make(windows=w.WINDOWS_HOLDS_22)
    w.barrier(m, script=read_only("/etc"))
    w.boot(m)
    w.check_relocated_boot(m)
    w.check_report(m, "relocated", 2222)
    assert m.run(["touch", "/etc/x"]).returncode != 0


NO_ROOM = {
    "read-only": read_only(w.STATE_DIRECTORY),
    "full": f"mount -t tmpfs -o mode=755,size=64k,nr_inodes=16 tmpfs {w.STATE_DIRECTORY} && mkdir {w.STATE_DIRECTORY}/sshd.d && "
            f"i=0; while touch {w.STATE_DIRECTORY}/filler-$i; do i=$((i+1)); done 2>/dev/null; :",
}


@WINDOWS
@pytest.mark.parametrize("script", NO_ROOM.values(), ids=list(NO_ROOM))
def test_no_room_in_the_state_directory(make, windows, script):
    """A drop-in below /run needs none. Until there is room, the move is not kept over a boot, and that is told."""
    m = make(windows=windows)
    w.barrier(m, script=script)
    w.boot(m)
    w.wait_sshd(m, 2222 if windows else 22)
    if not windows:
        w.wait_properties(m, State="clear", Port=22)
        assert w.failed_units(m) == [] and not [name for name in w.own_files(m) if "filler" not in name]
        return
    w.wait_properties(m, State="relocated", Port=2222, Mechanism="command-line")
    assert w.failed_units(m) == [] and w.logs_in(m, 2222, "lan")
    assert w.said(m, "sshd is moved to port 2222 until the next boot, as", "can't be written")
    sshd = w.main_pid(m)
    m.run(["systemctl", "restart", w.UNIT], check=True)
    w.wait_properties(m, State="relocated", Port=2222)
    assert w.main_pid(m) == sshd and m.exists("/run/wslportd/moved")

    # There is room again.
    m.run(["systemctl", "stop", w.UNIT], check=True)
    m.run(["umount", w.STATE_DIRECTORY], check=True)
    m.run(["systemctl", "start", w.UNIT], check=True)
    w.eventually(lambda: m.exists(f"{w.STATE_DIRECTORY}/moved") and not m.exists("/run/wslportd/moved"), "it is kept")
    w.wait_properties(m, State="relocated", Port=2222)
    m.windows.release(22)
    w.eventually(lambda: w.call(m, "Restore") == (0, ""), "sshd goes home")
    assert w.own_files(m) == {w.LAST_PORT_FILE: b"2222\n"} and w.sshd_ports(m) == {22}


KILLED_ONCE_MOVED = f"""#!/bin/sh
case " $* " in *" -T "*) [ ! -e {w.PORT_FILE} ] || [ -e /run/let-live ] || kill -KILL $$ ;; esac
exec /usr/lib/real/sshd "$@"
"""


def test_sshd_is_killed_while_the_daemon_asks_it(make):
    """The death of sshd -T says nothing about the configuration. The daemon asks again soon."""
    m = make(scan_ms=30, keep_ms=1500)
    m.write("/usr/lib/real/sshd", m.path("/usr/sbin/sshd").read_bytes(), 0o755)
    m.write("/usr/sbin/sshd", KILLED_ONCE_MOVED, 0o755)
    w.boot(m)
    w.wait_properties(m, State="clear")
    assert "does not say whether it accepts" in w.call(m, "Relocate", "q", "2222")[1]
    assert w.sshd_ports(m) == {22} and not m.exists(w.PORT_FILE)

    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.eventually(lambda: m.windows.claim(22), "Windows takes 22")
    m.run(["systemctl", "start", "ssh.service"])
    w.eventually(lambda: w.said(m, "does not say whether it accepts", "tried again in 2 s"), "soon")
    m.write("/run/let-live", "")
    settles(m, w.WINDOWS_HOLDS_22)


# ---- the daemon's configuration ----

BAD_CONFIG = "[Policy]\nRelocate=conflict\nCandidatePorts=22x\n"


def test_reload_with_good_and_bad_configuration(make):
    m = w.boot(make())
    pid = w.main_pid(m, w.UNIT)

    m.write(w.CONFIG, "[Policy]\nRelocate=never\n[Daemon]\nLogLevel=debug\n")
    m.run(["systemctl", "reload", w.UNIT], check=True)
    w.wait_properties(m, State="unmanaged", Reason="Relocate=never")
    assert w.active_state(m, w.UNIT) == "active"

    m.write(w.CONFIG, BAD_CONFIG)
    assert m.run(["systemctl", "reload", w.UNIT]).returncode != 0
    told = m.run(["journalctl", "-o", "cat", "-u", w.UNIT], check=True).stdout
    assert f"{w.CONFIG}:3:" in told and "22x" in told
    m.run(["kill", "-HUP", str(pid)], check=True)
    w.eventually(lambda: w.said(m, "the configuration in force stays"), "the daemon refuses it, too")
    assert w.active_state(m, w.UNIT) == "active" and w.show(m, w.UNIT, "SubState")["SubState"] == "running"
    w.wait_properties(m, State="unmanaged", Reason="Relocate=never")

    m.path(w.CONFIG).unlink()
    m.run(["kill", "-HUP", str(pid)], check=True)
    w.wait_properties(m, State="clear")
    assert w.main_pid(m, w.UNIT) == pid


def test_reload_on_d_bus_is_for_root(make):
    m = w.boot(make())
    w.wait_properties(m, State="clear")
    m.write(w.CONFIG, "[Policy]\nRelocate=never\n")
    status, error = w.call(m, "Reload", uid=65534)
    assert status != 0 and "denied" in error.lower()
    assert w.properties(m)["State"] == "clear"
    assert w.call(m, "Reload") == (0, "")
    w.wait_properties(m, State="unmanaged")

    m.write(w.CONFIG, BAD_CONFIG)
    status, error = w.call(m, "Reload")
    assert status != 0 and f"{w.CONFIG}:3:" in error
    assert w.properties(m)["State"] == "unmanaged"
    # Reading is for everyone.
    reader = m.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "busctl", "get-property", *w.BUS,
                    w.INTERFACE, "State"], check=True)
    assert reader.stdout == 's "unmanaged"\n'


def test_a_reload_ends_when_the_file_is_in_force(make):
    m = w.boot(make())
    for policy in ("never", "conflict") * 3:
        m.write(w.CONFIG, w.configuration(Policy={"Relocate": policy}))
        m.run(["systemctl", "reload", w.UNIT], check=True)
        assert w.said(m, "The new configuration is in force")
        m.run(["journalctl", "--rotate", "--vacuum-time=1s"], check=True)
    m.run(["systemctl", "stop", "dbus.service", "dbus.socket"], check=True)
    m.write(w.CONFIG, w.configuration(Policy={"Relocate": "never"}))
    m.run(["systemctl", "reload", w.UNIT], check=True)  # by a signal
    w.eventually(lambda: "Relocate=never" in w.status_text(m), "the signal has the file read")


# What stands in the file, and what comes of an sshd whose port Windows holds. A typo elsewhere doesn't turn "never" into "yes".
STARTS = {
    "never-and-a-typo": ("[Policy]\nRelocate=never\n[Daemon]\nLoglevel=debug\n", "unmanaged", 0),
    "never-and-a-bad-list": ("[Policy]\nRelocate=never\nCandidatePorts=22x\n", "unmanaged", 0),
    "conflict-and-a-typo": ("[Policy]\nRelocate=conflict\n[Daemon]\nLoglevel=debug\n", "relocated", 2222),
    "half-a-list": ("[Policy]\nRelocate=conflict\nCandidatePorts=4022 4o23\n", "relocated", 4022),
    "no-list": ("[Policy]\nRelocate=conflict\nCandidatePorts=4o22\n", "blocked", 0),
    "no-word": ("[Policy]\nRelocate=Conflict\n", "relocated", 2222),
}


@pytest.mark.parametrize("text, state, port", STARTS.values(), ids=list(STARTS))
def test_a_file_with_an_error_at_start(make, text, state, port):
    m = make(windows=w.WINDOWS_HOLDS_22)
    m.write(w.CONFIG, text)
    w.boot(m)
    w.wait_properties(m, State=state, Port=port)
    assert w.said(m, f"{w.CONFIG}:") and w.said(m, "has errors, and the rest of it is in force")
    if port == 0:
        assert w.own_files(m) == {} and not any(bind["port"] != 22 for bind in w.binds(m) if bind["port"] in range(2200, 2300))


def test_without_a_readable_word_nothing_that_works_is_moved(make):
    """Relocate=mirrored would have sshd leave 22."""
    m = make(**w.HASTE)
    m.write(w.CONFIG, "[Policy]\nRelocate=mirored\n")
    w.boot(m)
    w.wait_properties(m, State="clear", Port=22)
    sshd = w.main_pid(m)
    m.run(["systemctl", "restart", w.UNIT], check=True)
    w.wait_properties(m, State="clear", Port=22)
    assert w.main_pid(m) == sshd and w.own_files(m) == {}
    assert w.call(m, "Relocate", "q", "2222") == (0, "")
    m.run(["systemctl", "restart", w.UNIT], check=True)
    w.wait_properties(m, State="relocated", Port=2222)
    m.windows.release(22)
    w.eventually(lambda: w.call(m, "Restore") == (0, ""), "sshd goes home on request")
    assert w.sshd_ports(m) == {22}


def test_check_config_and_print_config(make):
    m = w.boot(make())
    good = m.run(["wslportd", "--check-config"])
    assert good.returncode == 0 and "no errors" in good.stdout
    printed = m.run(["wslportd", "--print-config"])
    assert printed.returncode == 0 and "CandidatePorts=2222 22022 2200-2299" in printed.stdout
    m.write("/root/again.conf", printed.stdout)
    assert m.run(["wslportd", "--check-config", "/root/again.conf"]).returncode == 0
    nothing = m.run(["wslportd", "--check-config", "/root/nothing-there.conf"])  # a slip of whoever typed the name
    assert nothing.returncode == 1 and "no such file" in nothing.stdout
    m.write(w.CONFIG, BAD_CONFIG)
    for argument in ("--check-config", "--print-config"):
        bad = m.run(["wslportd", argument])
        assert bad.returncode == 1 and bad.stderr.startswith(f"{w.CONFIG}:3: "), argument
    assert m.run(["wslportd", "--no-such-option"]).returncode == 1


def reloads(m: Machine, text: str | None, path: str, error: str = "") -> None:
    """Writes the file, or with None a link to /dev/null. The reload takes it in, or is refused with the error."""
    if text is None:
        m.run(["ln", "-sf", "/dev/null", path], check=True)
    else:
        m.write(path, text)
    assert m.run(["systemctl", "reload", w.UNIT]).returncode == (1 if error else 0)
    status, told = w.call(m, "Reload")
    assert (status != 0) == bool(error) and error in told
    assert error in m.run(["wslportd", "--check-config"]).stderr


def test_drop_ins(make):
    vendor, run, site = (f"{folder}/wslportd.conf.d/{name}.conf" for folder, name in
                         (("/usr/lib", "50-vendor"), ("/run", "60-now"), ("/etc", "60-now")))
    m = make(windows=w.WINDOWS_HOLDS_22)
    m.write(w.CONFIG, "[Policy]\nRelocate=never\nRestore=boot\n")
    m.write(vendor, "[Policy]\nRelocate=conflict\nCandidatePorts=4022\n")
    w.boot(m)
    w.wait_properties(m, State="relocated", Port=4022)
    printed = m.run(["wslportd", "--print-config"], check=True).stdout
    assert printed.startswith(f"[Policy]\nRelocate=conflict  # {vendor}:2\nCandidatePorts=4022  # {vendor}:3\n"
                              f"Restore=boot  # {w.CONFIG}:3\n\n[SSH]\nUnit=auto  # the default\n")
    m.write("/root/again.conf", printed)
    assert m.run(["wslportd", "--check-config", "/root/again.conf"]).stdout == "/root/again.conf: no errors\n"

    m.run(["mkdir", "-p", "/run/wslportd.conf.d"], check=True)
    reloads(m, "[Policy]\nRelocate=nevr\n", run, f"{run}:2: [Policy] Relocate=nevr: write conflict, mirrored or never")
    assert w.said(m, f"{run}:2: ")
    assert f"{run}:2: " in m.run(["wslportctl", "diagnose"]).stdout
    assert w.properties(m)["State"] == "relocated"
    reloads(m, "[Policy]\nRelocate=never\n", run)
    w.wait_properties(m, State="unmanaged", Reason="Relocate=never", Port=4022)
    reloads(m, None, site)
    w.wait_properties(m, State="relocated", Port=4022)
    reloads(m, None, f"{w.CONFIG}.d/50-vendor.conf")
    w.wait_properties(m, State="unmanaged", Reason="Relocate=never")
    m.run(["mkdir", f"{w.CONFIG}.d/no-file.conf"], check=True)
    reloads(m, "", run, f"{w.CONFIG}.d/no-file.conf:")


def test_candidates_that_windows_keeps(make):
    """The file counts, and each reader of it is warned."""
    m = make(windows=w.WINDOWS_HOLDS_22)
    m.write(w.CONFIG, "[Policy]\nCandidatePorts=2222 5350-5359\n")
    warning = f"{w.CONFIG}:2: [Policy] CandidatePorts has 5357 5358: Windows passes on to WSL nothing that other machines send there"
    w.boot(m)
    w.wait_properties(m, State="relocated", Port=2222)
    for argv in (["--check-config"], ["--check-config", w.CONFIG], ["--print-config"]):
        told = m.run(["wslportd", *argv])
        assert told.returncode == 0 and told.stderr.startswith(warning), argv
    m.run(["systemctl", "reload", w.UNIT], check=True)
    assert sum(warning in line for line in w.daemon_messages(m)) == 2
    assert warning in " ".join(m.run(["wslportctl", "diagnose"]).stdout.split())


# ---- the daemon's own end ----

def test_no_number_of_failures_ends_it_for_good(make):
    m = make()
    m.write(f"/etc/systemd/system/{w.UNIT}.d/soon.conf", "[Service]\nRestartSec=10ms\n")
    w.boot(m)
    for _ in range(8):
        pid = w.eventually(lambda: w.main_pid(m, w.UNIT), "it runs")
        m.run(["kill", "-KILL", str(pid)], check=True)
        w.eventually(lambda: w.main_pid(m, w.UNIT) not in (0, pid), "systemd starts it anew")
    w.wait_properties(m, State="clear", Port=22)


def test_it_does_not_ask_for_systemd_without_pause(make):
    """There is no bus, and who listens in systemd's place hangs up at once."""
    m = w.boot(make())
    w.wait_properties(m, State="clear")
    private, bus = m.path("/run/systemd/private"), m.path("/run/dbus/system_bus_socket")
    dbus = w.main_pid(m, "dbus.service")
    private.rename(private.with_name("private.real"))
    with socket.socket(socket.AF_UNIX) as listener:
        folder = os.open(private.parent, os.O_PATH)
        listener.bind(f"/proc/self/fd/{folder}/private")
        listener.listen()
        listener.settimeout(0.1)
        bus.rename(bus.with_name("bus.real"))
        m.run(["kill", "-KILL", str(dbus)], check=True)
        n, end = 0, time.monotonic() + 6
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                listener.accept()[0].close()
                n += 1
        os.close(folder)
        assert 1 <= n <= 8
    private.with_name("private.real").replace(private)
    bus.with_name("bus.real").rename(bus)
    w.wait_properties(m, 60, State="clear", Port=22)

def relocated(make) -> tuple[Machine, int]:
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22))
    w.check_report(m, "relocated", 2222)
    return m, w.main_pid(m)


def test_killed_while_relocated(make):
    m, sshd = relocated(make)
    files, session = w.own_files(m), m.ssh_session(2222)
    first = w.main_pid(m, w.UNIT)
    m.run(["kill", "-KILL", str(first)], check=True)
    w.eventually(lambda: w.main_pid(m, w.UNIT) not in (0, first) and w.active_state(m, w.UNIT) == "active", "started again")
    assert w.show(m, w.UNIT, "NRestarts")["NRestarts"] == "1"
    w.check_report(m, "relocated", 2222)
    assert w.main_pid(m) == sshd and w.own_files(m) == files
    assert session.alive()
    session.close()


def test_killed_on_the_way_back(make):
    # The daemon was killed after it had removed its file, and before sshd's reload: sshd still listens on 2222.
    m, sshd = relocated(make)
    m.run(["systemctl", "stop", w.UNIT], check=True)
    files = w.own_files(m)
    m.run(["rm", w.PORT_FILE], check=True)
    m.run(["systemctl", "start", w.UNIT], check=True)
    w.check_report(m, "relocated", 2222)
    assert w.own_files(m) == files and w.main_pid(m) == sshd


def test_killed_before_sshd_was_told_to_move(make):
    m = w.boot(make())
    w.check_report(m, "clear", 22)
    sshd = w.main_pid(m)
    m.run(["systemctl", "stop", w.UNIT], check=True)
    m.write(w.PORT_FILE, "Port 2222\n")
    m.run(["systemctl", "start", w.UNIT], check=True)
    w.check_report(m, "clear", 22)
    assert w.own_files(m) == {} and w.main_pid(m) == sshd


def test_stopped_while_relocated(make):
    m, sshd = relocated(make)
    files, session = w.own_files(m), m.ssh_session(2222)
    m.run(["systemctl", "log-level", "debug"], check=True)
    m.run(["systemctl", "stop", w.UNIT], check=True)
    m.run(["systemctl", "log-level", "info"], check=True)
    assert w.show(m, w.UNIT, "Result", "ExecMainStatus", "ActiveState") == {
        "Result": "success", "ExecMainStatus": "0", "ActiveState": "inactive"}
    assert not [e["MESSAGE"] for e in m.journal(SYSLOG_IDENTIFIER="wslportd") if int(e["PRIORITY"]) <= 3]
    w.eventually(lambda: any("Got notification message" in line and "STOPPING=1" in line for line in m.messages()), "STOPPING=1")
    assert w.main_pid(m) == sshd and w.sshd_ports(m) == {2222} and w.own_files(m) == files
    assert session.alive() and w.logs_in(m, 2222)
    session.close()
    m.run(["systemctl", "restart", "ssh.service"], check=True)  # sshd starts on 2222 without the daemon, too
    w.wait_sshd(m, 2222)


def write_garbage(m: Machine) -> None:
    m.write(w.PORT_FILE, b"Pord 2222\n\x00\xff")


def write_nothing(m: Machine) -> None:
    m.write(w.PORT_FILE, "")


def write_other_options(m: Machine) -> None:
    m.write(w.PORT_FILE, "Port 2222\nPermitRootLogin no\n")


def make_symlink(m: Machine) -> None:
    m.path(w.PORT_FILE).parent.mkdir(parents=True, exist_ok=True)
    (m.path(w.PORT_FILE).parent / "port.conf").symlink_to("/nowhere")


def make_directory(m: Machine) -> None:
    m.path(w.PORT_FILE).mkdir(parents=True)


def write_home_port(m: Machine) -> None:
    m.write(w.PORT_FILE, "# Written by wslportd\nPort 22\n")


CORRUPTIONS = {"garbage": write_garbage, "empty": write_nothing, "more": write_other_options, "symlink": make_symlink,
               "directory": make_directory, "home-port": write_home_port}


@WINDOWS
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_corrupted_port_file_at_boot(make, corruption, windows):
    m = make(windows=windows)
    CORRUPTIONS[corruption](m)
    w.boot(m)
    port = 2222 if windows else 22
    w.wait_sshd(m, port)
    assert w.failed_units(m) == [] and w.logs_in(m, port)
    p = w.wait_properties(m, State="relocated" if windows else "clear", Port=port)
    assert p["HomePortHolder"] == ("windows-openssh" if windows else "sshd")
    assert (m.read(w.PORT_FILE).splitlines()[-1] == "Port 2222") if windows else not w.own_files(m)


@pytest.mark.parametrize("last_port", ["", "garbage\n", "70000\n", "22\n", "9\n"])
def test_a_corrupted_last_port(make, last_port):
    m = make(windows=w.WINDOWS_HOLDS_22)
    m.write(w.LAST_PORT_FILE, last_port)
    w.boot(m)
    w.check_relocated_boot(m)
    w.check_report(m, "relocated", 2222)


# ---- others restart ----

@pytest.mark.parametrize("argv", ["restart ssh.service", "reload ssh.service", "daemon-reexec", "daemon-reload",
                                  "restart dbus.service"])
def test_others_are_restarted_while_relocated(make, argv):
    m, sshd = relocated(make)
    m.run(["systemctl", *argv.split()])  # it may fail, as the command can cut its own connection
    w.eventually(lambda: w.active_state(m, "ssh.service") == "active" and w.properties(m), "all is back")
    w.wait_sshd(m, 2222)
    assert w.logs_in(m, 2222)
    w.check_report(m, "relocated", 2222)
    assert (w.main_pid(m) == sshd) == (argv != "restart ssh.service")
    assert w.failed_units(m) == []

    # The daemon still hears of the unit's changes.
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.wait_properties(m, Port=0)
    m.run(["systemctl", "start", "ssh.service"], check=True)
    w.check_report(m, "relocated", 2222)
    assert {entry["port"] for entry in w.binds(m, command="sshd")} == {2222}


def test_sshd_is_stopped_and_started_where_22_is_free(make):
    m = w.boot(make())
    w.check_report(m, "clear", 22)
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.wait_properties(m, Port=0)
    m.run(["systemctl", "start", "ssh.service"], check=True)
    w.check_report(m, "clear", 22)


@pytest.mark.waits
def test_windows_takes_22_while_sshd_is_stopped(make):
    m = w.boot(make())
    w.check_report(m, "clear", 22)
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.eventually(lambda: m.windows.claim(22), "Windows gets 22", 80)
    m.run(["systemctl", "start", "ssh.service"])
    w.wait_sshd(m, 2222)
    w.check_report(m, "relocated", 2222)
    assert w.logs_in(m, 2222) and w.failed_units(m) == []


def test_sshd_dies_while_relocated(make):
    m, sshd = relocated(make)
    m.run(["kill", "-KILL", str(sshd)], check=True)
    w.eventually(lambda: w.main_pid(m) not in (0, sshd), "systemd starts it again (Restart=on-failure)")
    w.check_report(m, "relocated", 2222)
    assert w.logs_in(m, 2222)
