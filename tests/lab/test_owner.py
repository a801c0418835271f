# SPDX-License-Identifier: LGPL-2.1-or-later
"""The owner acts in the middle of what the daemon does: their word counts, and no sshd that runs is given up for one that can't."""

from __future__ import annotations

import re
import time

import pytest

import wslport as w
from machine import Machine
from shaped import boot, configure, laid, on, slow_stop, standing, systemctl, units
from shapes import SHAPES

MAIN = "/etc/ssh/sshd_config"
ON = on("debian-12", "debian-12-socket", "ubuntu-24.04", "fedora")


def listens_at(m: Machine) -> int:
    return next((port for port in (22, 2222) if port in m.listeners()), 0)


# ---- the owner stops sshd ----

def managed(name: str) -> list[str]:
    """The units that the owner of that shape stops, all at once."""
    unit = SHAPES[name].unit
    return [unit] if unit.endswith(".service") else [unit, unit.replace(".socket", ".service")]


@ON
def test_a_stop_during_a_move(make, name):
    """sshd stays stopped, whenever in the move the stop comes, and systemctl isn't told that its job was canceled."""
    chance = w.seeded()
    m = w.boot(laid(make, name, stray=(22, 2222)))  # Windows gives them for an sshd that is stopped then
    stop = managed(name)
    for _ in range(6):
        w.eventually(lambda: listens_at(m) != 0, "sshd listens")
        w.wait_settled(m, 0.5)
        asking = w.begin_call(m, *(("Restore",) if listens_at(m) == 2222 else ("Relocate", "q", "2222")))
        time.sleep(chance.uniform(0.02, 0.35))
        stopping = m.run(["systemctl", "stop", *stop])
        assert stopping.returncode == 0, stopping.stderr
        asking.wait()
        w.hold(lambda: all(w.active_state(m, unit) != "active" for unit in stop) and listens_at(m) == 0, 3, "it stays stopped")
        systemctl(m, "start", stop[0])
    w.eventually(lambda: listens_at(m) != 0, "it can be started")


def test_a_stop_while_it_looks_whether_sshd_listens(make):
    """The reload does nothing here, so that the move goes on to its second mechanism, and then back."""
    m = make(stray=(2222,))
    m.write("/etc/systemd/system/ssh.service.d/idle.conf", "[Service]\nExecReload=\nExecReload=/bin/true\n")
    w.boot(m)
    w.check_report(m, "clear", 22)
    asking = w.begin_call(m, "Relocate", "q", "2222")
    w.eventually(lambda: "2222" in str(w.contents(m, w.STATE_DIRECTORY).values()), "it has begun")
    time.sleep(0.5)
    systemctl(m, "stop", "ssh.service")
    asking.wait()
    w.hold(lambda: w.active_state(m, "ssh.service") == "inactive", 4, "it stays stopped")


def test_disabled_and_stopped_during_a_move(make):
    m = w.boot(laid(make, "debian-12", stray=(2222,)))
    m.windows.delay(1000)
    asking = w.begin_call(m, "Relocate", "q", "2222")
    time.sleep(0.5)
    systemctl(m, "disable", "--now", "ssh.service")
    asking.wait()
    # To systemd a stop in the midst of a reload is a failure.
    w.hold(lambda: units(m)["ssh.service"] in (("disabled", "inactive"), ("disabled", "failed")), 3, "it stays stopped")


def test_a_stop_that_takes_too_long(make):
    """systemd calls that a failure by timeout, as it calls a start that waits for Windows. The owner has stopped sshd all the same."""
    m = make()
    m.write("/etc/systemd/system/ssh.service.d/slow.conf", "[Service]\nTimeoutStopSec=1\nExecStop=/bin/sleep 60\n")
    w.boot(m)
    w.check_report(m, "clear", 22)
    m.run(["systemctl", "stop", "ssh.service"])
    w.eventually(lambda: w.show(m, "ssh.service", "ActiveState", "Result") == {"ActiveState": "failed", "Result": "timeout"}, "it was killed")
    w.hold(lambda: w.active_state(m, "ssh.service") == "failed" and listens_at(m) == 0, 4, "it stays stopped")


@pytest.mark.parametrize("unit", ["ssh.service", "ssh.socket"])
@on("debian-13-socket", "ubuntu-24.04")
def test_a_restart_during_a_move(make, name, unit):
    """The service isn't down when the socket unit is to be bound anew, as the owner starts it in between."""
    m = boot(laid(make, name, foreign=(22,), stray=(22, 2222)))
    w.wait_properties(m, State="clear", Port=22)
    assert w.logs_in(m, 22)
    release = slow_stop(m, "ssh.service")
    request = w.begin_call(m, "Relocate", "q", "2222")
    w.eventually(lambda: w.active_state(m, "ssh.service") == "deactivating", "it moves")
    restart = m.spawn(["systemctl", "restart", unit])
    if unit == "ssh.service":
        w.eventually(lambda: w.show(m, unit, "Job")["Job"] not in ("", "0"), "the owner's job is there")
    release()
    request.wait()
    restart.wait()
    for _ in range(2):  # as the service is, and with a service that only a login starts
        w.eventually(lambda: (p := w.properties(m)) and p["Port"] and w.logs_in(m, p["Port"]), "it is reachable")
        m.run(["systemctl", "stop", "ssh.service"])


@pytest.mark.parametrize("why", ["switched", "switched-nat", "enabled"])
def test_a_stop_while_an_owed_start_waits(make, why):
    """The daemon starts a service that it has enabled, which takes its time. Its owner stops it meanwhile."""
    if why == "enabled":
        m = make(stray=(22,))
        m.disable("ssh.service")
        configure(m, EnsureEnabled="yes")
    else:
        m = laid(make, "ubuntu-24.04", stray=(22,), mode="nat" if why == "switched-nat" else "mirrored")
    m.write("/etc/systemd/system/ssh.service.d/slow.conf", "[Service]\nExecStartPre=-/bin/sleep 20\n")
    m.boot()
    if why != "enabled":
        w.eventually(lambda: units(m)["ssh.socket"] == ("enabled", "active") and w.properties(m), "the socket listens")
        configure(m, SocketActivation="disable")
        m.run(["kill", "-HUP", str(w.main_pid(m, w.UNIT))], check=True)
    w.eventually(lambda: w.active_state(m, "ssh.service") == "activating", "it is started", 60)
    systemctl(m, "stop", "ssh.service")
    # systemd calls it failed where the stop has ended its ExecStartPre=.
    w.hold(lambda: w.active_state(m, "ssh.service") in ("inactive", "failed") and listens_at(m) == 0, 8, "it stays stopped")


@on("debian-12", "ubuntu-24.04")
def test_an_sshd_that_could_not_start_is_given_up(make, name):
    """systemd goes on calling it failed. Its owner has given it up, and it isn't started when Windows leaves the port."""
    m = laid(make, name, windows=w.WINDOWS_HOLDS_22, policy={"CandidatePorts": "22"})
    w.boot(m)
    unit = SHAPES[name].unit
    w.eventually(lambda: (p := w.properties(m)) and p["State"] == "blocked" and w.active_state(m, unit) == "failed", "it is down")
    systemctl(m, "disable", "--now", "ssh.service", "ssh.socket")
    w.eventually(lambda: re.search("stopped|not enabled", (w.properties(m) or {"Reason": ""})["Reason"]), "it is seen")
    m.windows.release(22)
    w.call(m, "Reload")
    w.hold(lambda: listens_at(m) == 0, 4, "it stays so")
    systemctl(m, "restart", w.UNIT)
    w.wait_properties(m, Cause="owner-stopped")
    w.hold(lambda: listens_at(m) == 0, 4, "it stays so")
    systemctl(m, "start", unit)
    w.eventually(lambda: listens_at(m) == 22, "it can be started")


def test_starts_that_systemd_refuses_give_nothing_up(make):
    """Somebody tries and tries to start an sshd that can't have its port. It is started all the same when Windows leaves that."""
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22, policy={"CandidatePorts": "22"}))
    w.eventually(lambda: (p := w.properties(m)) and p["State"] == "blocked" and w.active_state(m, "ssh.service") == "failed", "it is down")
    while "too quickly" not in m.run(["systemctl", "status", "ssh.service"]).stdout:
        m.run(["systemctl", "start", "ssh.service"])
    m.run(["systemctl", "start", "ssh.service"])
    m.run(["systemctl", "reload", "ssh.service"])
    m.windows.release(22)
    w.call(m, "Reload")
    w.wait_properties(m, State="clear", Port=22)


# ---- its configuration breaks ----

@on("debian-12", "fedora", "el8")
def test_it_breaks_between_the_check_and_the_reload(make, name):
    """sshd was fine when it was checked, and Windows takes its time. sshd isn't told of a file that it refuses."""
    m = w.boot(laid(make, name, stray=(2222,)))  # Windows gives it for an sshd that then isn't told
    w.wait_properties(m, State="clear", Port=22)
    session = m.ssh_session(22, "lan")
    m.windows.delay(3000)
    before = m.read(MAIN)
    asking = w.begin_call(m, "Relocate", "q", "2222")
    w.eventually(lambda: w.asks_windows(m), "sshd has been asked")
    m.write(MAIN, "Nonsense yes\n" + before)
    assert asking.wait() != 0
    w.hold(lambda: 22 in m.listeners(), 2, "it listens where it was")
    assert session.alive() and w.logs_in(m, 22)
    m.windows.delay(0)
    m.write(MAIN, before)
    w.eventually(lambda: w.call(m, "Relocate", "q", "2222") == (0, ""), "mended, it can be moved")
    m.wait_listening(2222)


def test_a_refused_configuration_outside_of_sshds_folders_is_asked_about_again(make):
    """No event tells that it has been mended."""
    m = make(windows=w.WINDOWS_HOLDS_22)
    m.write("/srv/sshd.conf", "Nonsense yes\n")
    m.write("/etc/ssh/sshd_config.d/30-elsewhere.conf", "Include /srv/sshd.conf\n")
    m.boot()
    w.eventually(lambda: "Nonsense" in (w.properties(m) or {"Reason": ""})["Reason"], "it is told")
    m.write("/srv/sshd.conf", "PermitRootLogin yes\n")
    w.eventually(lambda: "Nonsense" not in (w.properties(m) or {"Reason": "Nonsense"})["Reason"], "it is asked again")


def test_its_program_is_gone(make):
    """sshd executes it anew at SIGHUP. That another sshd accepts the configuration tells nothing."""
    m, program = make(stray=(2222,)), "/usr/local/sbin/sshd"
    m.write(program, m.path("/usr/sbin/sshd").read_bytes(), 0o755)
    m.write("/etc/systemd/system/ssh.service.d/own.conf", "[Service]\nExecStartPre=\nExecStart=\nExecReload=\n"
            f"ExecStart={program} -D\nExecReload=/bin/kill -HUP $MAINPID\n")
    w.boot(m)
    w.wait_properties(m, State="clear", Port=22)
    pid = w.main_pid(m)
    m.path(program).unlink()
    assert w.call(m, "Relocate", "q", "2222")[0] != 0
    w.hold(lambda: w.main_pid(m) == pid and listens_at(m) == 22, 3, "it runs on")


def test_its_program_is_where_the_daemon_cannot_look(make):
    """ProtectHome= hides /root from the daemon, and not from sshd."""
    m, program = make(windows=w.WINDOWS_HOLDS_22), "/root/bin/sshd"
    m.write(program, m.path("/usr/sbin/sshd").read_bytes(), 0o755)
    m.write("/etc/systemd/system/ssh.service.d/own.conf", f"[Service]\nExecStart=\nExecStart={program} -D\n")
    w.boot_in_time(m)
    w.check_relocated_boot(m)


# ---- nothing can be bound ----

def at_rest(make: w.Make, activation: str, stray: tuple[int, ...] = (22, 2222)) -> Machine:
    """A machine whose ssh.socket listens, or with "keep" its ssh.service, by SocketActivation=disable."""
    m = laid(make, "ubuntu-24.04", stray=stray, **w.HASTE)
    if activation == "keep":
        configure(m, SocketActivation="disable")
    w.boot(m)
    listener = {"disable": "ssh.socket", "keep": "ssh.service"}[activation]
    w.eventually(lambda: units(m)[listener] == ("enabled", "active"), f"{listener} listens")
    standing(m, "clear", 22, "")
    if activation == "keep":  # a switch has had Windows asked about 127.0.0.1, and WSL remembers that while sshd listens
        m.poweroff()
        w.boot(m)
        w.eventually(lambda: units(m)[listener] == ("enabled", "active"), f"{listener} listens")
        standing(m, "clear", 22, "")
    time.sleep(4)  # WSL has forgotten earlier binds
    return m


@pytest.mark.parametrize("trouble", ["dead", "silent"])
@pytest.mark.parametrize("activation", ["disable", "keep"])
def test_units_are_not_switched_where_nothing_can_be_bound(make, activation, trouble):
    m = at_rest(make, activation, stray=(2222,))
    session = m.ssh_session(22, "lan")
    daemon = w.main_pid(m, w.UNIT)
    m.windows.dead() if trouble == "dead" else m.windows.silent()
    configure(m, SocketActivation=activation)
    m.run(["kill", "-HUP", str(daemon)], check=True)  # systemctl would have to bind
    w.hold(lambda: 22 in m.listeners(), 5, "sshd listens on")
    assert session.alive()
    assert m.exists("/etc/systemd/system/sockets.target.wants/ssh.socket") == (activation == "disable")


def test_a_switch_to_a_service_that_does_not_come_up(make):
    """The socket unit takes its place again, and stays there until the configuration is read anew."""
    m = laid(make, "ubuntu-24.04", stray=(2222,))
    m.write("/etc/systemd/system/ssh.service.d/sick.conf", "[Service]\nExecStartPre=/bin/sh -c '[ ! -e /run/sick ] || systemctl -q is-active ssh.socket'\n")
    w.boot(m)
    standing(m, "clear", 22, "")
    m.write("/run/sick", "")
    configure(m, SocketActivation="disable")
    w.call(m, "Reload")
    w.eventually(lambda: any("SocketActivation" in text for text in w.daemon_messages(m)), "it is tried")
    w.eventually(lambda: units(m)["ssh.socket"] == ("enabled", "active") and 22 in m.listeners(), "the socket listens", 40)
    w.hold(lambda: w.active_state(m, "ssh.socket") == "active", 3, "it isn't tried again")
    m.path("/run/sick").unlink()
    assert w.call(m, "Reload") == (0, "")
    w.eventually(lambda: units(m) == {"ssh.socket": ("disabled", "inactive"), "ssh.service": ("enabled", "active")}, "now it is")
    standing(m, "clear", 22, "")


@pytest.mark.parametrize("activation", ["disable", "keep"])
def test_a_stop_during_a_switch(make, activation):
    m = at_rest(make, activation)
    m.windows.delay(3000)
    configure(m, SocketActivation=activation)
    m.run(["kill", "-HUP", str(w.main_pid(m, w.UNIT))], check=True)
    time.sleep(1)
    systemctl(m, "stop", "ssh.socket", "ssh.service")  # disable --now may take longer than the switch waits
    systemctl(m, "disable", "ssh.socket", "ssh.service")
    m.windows.delay(0)
    w.hold(lambda: listens_at(m) == 0, 8, "sshd stays stopped")


@pytest.mark.waits
def test_systemd_reads_its_units_for_longer_than_the_daemon_waits(make):
    """Binds hold it up in the midst of a switch. That says nothing about the service, which comes up later."""
    m = at_rest(make, "disable")
    m.windows.delay(7000)
    configure(m, SocketActivation="disable")
    m.run(["kill", "-HUP", str(w.main_pid(m, w.UNIT))], check=True)
    w.eventually(lambda: any("('wslportd')" in text for text in m.messages()), "it reads them", 60)
    w.eventually(lambda: w.said(m, "no end in time"), "the daemon waits no more")
    m.windows.delay(0)
    w.eventually(lambda: units(m) == {"ssh.socket": ("disabled", "inactive"), "ssh.service": ("enabled", "active")}, "it is switched", 60)


def test_a_service_that_is_stopped_stays_so_when_its_socket_may_come_back(make):
    m = at_rest(make, "keep")
    systemctl(m, "disable", "--now", "ssh.service")
    configure(m, SocketActivation="keep")
    assert w.call(m, "Reload") == (0, "")
    w.hold(lambda: listens_at(m) == 0, 4, "sshd stays stopped")


def test_a_socket_that_can_not_come_back(make):
    """It is masked: the service stays enabled, so that the next boot has an sshd; and it isn't tried without pause."""
    m = at_rest(make, "keep")
    systemctl(m, "mask", "ssh.socket")
    configure(m, SocketActivation="keep")
    assert w.call(m, "Reload") == (0, "")
    w.eventually(lambda: any("could not be carried out" in text for text in w.daemon_messages(m)), "it is told")
    w.hold(lambda: units(m)["ssh.service"] == ("enabled", "active") and listens_at(m) == 22, 4, "the service listens on")
    assert sum("could not be carried out" in text for text in w.daemon_messages(m)) <= 2
    m.poweroff()
    w.boot(m)
    m.wait_listening(22)


# ---- somebody else takes the port that clients know ----

def test_a_user_takes_the_port_while_sshd_restarts(make):
    """Any user may have 2222, and would be asked for passwords there. It is told as a warning, and sshd moves on."""
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22))
    w.check_report(m, "relocated", 2222)
    systemctl(m, "stop", "ssh.service")
    script = "import socket, time; s = socket.create_server(('', 2222)); time.sleep(600)"
    thief = m.spawn(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-SEc", script])
    m.wait_listening(2222)
    systemctl(m, "start", "--no-block", "ssh.service")
    w.wait_properties(m, State="relocated", Port=22022)
    warnings = [str(entry["MESSAGE"]) for entry in m.journal(SYSLOG_IDENTIFIER="wslportd") if int(entry["PRIORITY"]) <= 4]
    assert any("2222" in text and "python3" in text for text in warnings), warnings
    thief.kill()


def test_a_request_is_not_met_by_files_alone(make):
    """sshd is configured for 2222 already, but cannot have it: who asks for 2222 is told so."""
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22, policy={"CandidatePorts": "2222"}))
    w.check_report(m, "relocated", 2222)
    systemctl(m, "stop", "ssh.service")
    m.spawn(["/usr/bin/python3", "-SEc", "import socket, time; s = socket.create_server(('', 2222)); time.sleep(600)"])
    m.wait_listening(2222)
    systemctl(m, "start", "--no-block", "ssh.service")
    w.wait_properties(m, State="blocked")
    for request in (["relocate", "2222"], ["relocate"], ["restore"]):
        done = m.run(["wslportctl", *request])
        assert done.returncode != 0 and done.stderr.strip(), (request, done)


def test_an_sshd_with_both_ports_is_not_told_where_nothing_can_bind(make):
    """Its owner gives a moved sshd its own port beside the other. A reload closes both, so a bind has to work before."""
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22, **w.HASTE))
    w.check_report(m, "relocated", 2222)
    m.windows.release(22)
    systemctl(m, "stop", w.UNIT)
    m.write("/etc/ssh/sshd_config.d/50-mine.conf", "Port 22\n")
    systemctl(m, "reload", "ssh.service")
    m.wait_listening(22)
    m.wait_listening(2222)
    m.windows.dead()
    before = len(w.daemon_messages(m))
    systemctl(m, "start", w.UNIT)
    w.wait_settled(m)
    w.hold(lambda: m.listeners().keys() >= {22, 2222}, 2, "sshd is left alone")
    assert w.properties(m)["LastBind"] == "tracker-dead"
    assert not any("Port 22" in text for text in w.daemon_messages(m)[before:])


def test_its_owner_gives_sshd_the_port_that_it_was_moved_to(make):
    """wslportd's file is needed no more, and sshd, which goes on listening there, needs to be told nothing."""
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22))
    w.check_report(m, "relocated", 2222)
    m.windows.dead()
    pid = w.main_pid(m, "ssh.service")
    m.write("/etc/ssh/sshd_config.d/50-mine.conf", "Port 2222\n")
    w.wait_properties(m, State="clear", HomePort=2222, Port=2222)
    w.hold(lambda: w.main_pid(m, "ssh.service") == pid and 2222 in m.listeners(), 2, "sshd is left alone")
    assert w.own_files(m).keys() == {"/var/lib/wslportd/last-port"}


# ---- its configuration changes where nobody looks ----

@pytest.mark.parametrize("place", ["in-the-folder", "behind-a-link", "included-from-elsewhere", "an-option"])
def test_a_port_that_changed_while_sshd_was_down(make, place):
    """Outside of sshd's own folders no event tells of a change: sshd is asked again when it starts."""
    m = make()
    mine = "/etc/ssh/sshd_config.d/50-mine.conf"
    path, text = {
        "in-the-folder": (mine, "Port 2022\n"),
        "behind-a-link": ("/srv/mine.conf", "Port 2022\n"),
        "included-from-elsewhere": ("/srv/mine.conf", "Port 2022\n"),
        "an-option": ("/etc/default/ssh", "SSHD_OPTS=-p2022\n"),
    }[place]
    m.write(path, "# nothing yet\n")
    if place == "behind-a-link":
        m.path(mine).symlink_to(path)
    elif place == "included-from-elsewhere":
        m.write(mine, f"Include {path}\n")
    w.boot(m)
    w.check_report(m, "clear", 22)
    systemctl(m, "stop", "ssh.service")
    w.wait_settled(m)
    m.write(path, text)
    systemctl(m, "start", "ssh.service")
    w.wait_properties(m, State="clear", Port=2022, HomePort=2022)
