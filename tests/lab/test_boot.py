# SPDX-License-Identifier: LGPL-2.1-or-later
"""From boot to an sshd that can be reached: by the holder of 22, by networking mode, on the first boot and on later ones."""

from __future__ import annotations

import os
import random
import statistics
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

import wslport as w
from machine import Machine
from windows import NOT_LISTENING, Greeting

QUIET_MODES = ("nat", "none", "bridged", "virtioproxy", "not-wsl")


# ---- Windows holds 22 ----

def test_the_first_bind_is_right_at_every_cold_boot(make):
    m = make(windows=w.WINDOWS_HOLDS_22)
    for kept in (False, True):
        w.boot_in_time(m)
        w.check_relocated_boot(m)
        w.check_report(m, "relocated", 2222)
        # The daemon checks a kept decision by a bind of that port alone. Without one it binds 22 first.
        assert {entry["port"] for entry in w.binds(m, cgroup=w.HELPER_CGROUP)} == ({2222} if kept else {22, 2222})
        assert sum("sshd is moved to port" in line for line in w.daemon_messages(m)) == (0 if kept else 1)
        assert not any("back on its own configuration" in line for line in w.daemon_messages(m))
        assert not w.said(m, "boot goes on")  # the daemon was ready before its deadline
        m.kill()


def test_a_kept_decision_does_not_need_the_daemon(make):
    m = make(windows=w.WINDOWS_HOLDS_22)
    w.boot(m)
    m.poweroff()
    m.mask(w.UNIT)
    w.boot(m)
    w.check_relocated_boot(m)
    assert not w.binds(m, cgroup=w.HELPER_CGROUP)


def test_addresses_of_a_mesh_are_told(make):
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22, tailscale=True))
    reachable = dict(w.check_report(m, "relocated", 2222)["Reachable"])
    assert reachable == {"127.0.0.1": "loopback", "192.168.50.10": "lan", "100.64.0.10": "tailscale"}


@pytest.mark.parametrize("greeting, holder, detail", [
    (Greeting(b"SSH-2.0-OpenSSH_for_Windows_9.8 Win32-OpenSSH-GitHub\r\n"), "windows-openssh", "OpenSSH_for_Windows_9.8"),
    (Greeting(b"220 mail ready\r\n"), "windows", "a program that does not greet as SSH"),
    (NOT_LISTENING, "windows", "no listener: a reserved or excluded port")])
def test_who_holds_the_port_is_named(make, greeting, holder, detail):
    m = w.boot(make(windows={22: greeting}))
    w.wait_properties(m, State="relocated", HomePortHolder=holder, HomePortHolderDetail=detail)
    assert w.logs_in(m, 2222)
    assert detail in w.status_text(m)


def test_enabled_on_a_running_machine_whose_sshd_has_failed(make):
    m = w.boot(w.clock_hold(make(enabled=False, windows=w.WINDOWS_HOLDS_22)))
    assert w.failed_units(m) == ["ssh.service"]
    m.enable(w.UNIT)
    w.restart(m)
    w.wait_sshd(m, 2222)
    w.check_hold(m)
    w.check_hold(m, "ssh.service")
    assert w.failed_units(m) == []
    assert w.logs_in(m, 2222)
    w.check_report(m, "relocated", 2222)
    assert w.show(m, "ssh.service", "NRestarts")["NRestarts"] == "0"
    m.poweroff()
    w.boot(m)
    w.check_relocated_boot(m)


# ---- 22 is free ----

def test_nothing_is_done_where_22_is_free(make):
    m = make()
    before = w.contents(m, "/etc", w.STATE_DIRECTORY)
    for _ in range(2):
        w.boot(m)
        assert w.failed_units(m) == []
        w.check_report(m, "clear", 22)
        assert w.logs_in(m, 22)
        assert {entry["port"] for entry in w.binds(m)} == {22}
        assert w.contents(m, w.STATE_DIRECTORY) == {} and w.own_files(m) == {}
        m.poweroff()
        after = w.contents(m, "/etc", w.STATE_DIRECTORY)
        assert {name for name in before.keys() | after if before.get(name) != after.get(name)} <= {
            "/etc/.updated", "/etc/.pwd.lock"}


# ---- candidates ----

def test_sshd_gets_the_first_free_candidate_and_each_refusal_is_told(make):
    m = make(windows={22: Greeting(), 2222: Greeting(b"hello\n")}, excluded=["22022"], foreign=(2200,))
    w.linux_holder(m, 2200)
    w.boot(m)
    assert w.failed_units(m) == []
    w.check_report(m, "relocated", 2201)
    assert w.logs_in(m, 2201)
    for port, reason in ((22, "Windows refuses 22"), (2222, "Windows refuses 2222"), (22022, "Windows refuses 22022"),
                         (2200, "python3")):
        assert w.said(m, f"Port {port} can't be had", reason), port
    # The kernel shows who holds 2200, so the daemon needs no bind() there; and it binds nothing beyond the first free port.
    assert {entry["port"] for entry in w.binds(m, cgroup=w.HELPER_CGROUP)} == {22, 2222, 22022, 2201}


def test_a_socket_that_does_not_listen_is_in_the_way_too(make):
    m = make(windows=w.WINDOWS_HOLDS_22, foreign=(2222,))
    w.linux_holder(m, 2222, listen=False)
    w.boot(m)
    w.check_report(m, "relocated", 22022)
    assert w.said(m, "Port 2222 can't be had", "does not listen")


def test_a_port_of_another_distro(make):
    m = make(windows=w.WINDOWS_HOLDS_22, foreign=(2222,))
    with w.held_boot(m):
        m.other_distro(["python3", "-S", "-c", w.LISTEN, "0.0.0.0", "2222", "listen"])
        m.wait_listening(2222)
    w.check_report(m, "relocated", 22022)
    assert w.said(m, "Port 2222 can't be had", "another WSL distro holds 2222")


def test_the_last_port_comes_first(make):
    m = make(windows=w.WINDOWS_HOLDS_22)
    m.write(w.LAST_PORT_FILE, "2205\n")
    w.boot(m)
    w.check_relocated_boot(m, 2205)
    m.poweroff()
    m.windows.claim(2205)
    w.boot(m)
    w.check_report(m, "relocated", 2222)
    assert w.failed_units(m) == []


@pytest.mark.parametrize("policy, excluded, questions_max", [
    ({"CandidatePorts": "2222 22022"}, ["2222", "22022"], 2),
    ({}, ["2222", "22022", "2200-2299"], 20),
    ({"CandidatePorts": "1024-65535"}, ["1024-65535"], 60)])
def test_every_candidate_is_taken(make, policy, excluded, questions_max):
    m = w.boot(w.hide_tracepoint(make(windows=w.WINDOWS_HOLDS_22, excluded=excluded, policy=policy)))
    p = w.wait_properties(m, State="blocked", Port=0, HomePortHolder="windows-openssh")
    assert "no port of CandidatePorts" in p["Reason"] and "Windows" in p["Reason"]
    assert p["Reason"] in w.status_text(m)
    # sshd is as it would be without wslportd: it tried 22, and its unit has failed. (Boot is held for no more than
    # 1.8 s, but only the first candidate is in sshd's files before Windows has allowed it.)
    assert w.failed_units(m) == ["ssh.service"]
    assert {entry["port"] for entry in w.binds(m, command="sshd")} == {22}
    assert w.own_files(m) == {}

    assert len({entry["port"] for entry in w.binds(m, cgroup=w.HELPER_CGROUP)}) <= questions_max + 1
    w.wait_settled(m)
    before = len(w.binds(m)), w.evaluations(m), w.main_pid(m, w.UNIT)
    switches = w.context_switches(m)
    w.hold(lambda: (len(w.binds(m)), w.evaluations(m), w.main_pid(m, w.UNIT)) == before, 3, "idle")
    assert w.context_switches(m) - switches <= 2  # for the watchdog


# ---- networking modes ----

# A line for wrap_helper() that records each bind the helper is asked for: modes without a tracker have no log of binds.
TRACE = 'echo "$*" >> /var/tmp/asked'


@pytest.mark.parametrize("mode", ["mirrored", *QUIET_MODES])
def test_only_a_mode_that_shares_ports_is_acted_in(make, mode):
    m = make(mode=mode)
    w.wrap_helper(m, TRACE)
    before = w.contents(m, "/etc/ssh", w.STATE_DIRECTORY)
    w.boot(m)
    w.wait_sshd(m, 22)
    assert m.exists("/var/tmp/asked") == (mode == "mirrored")
    if mode != "mirrored":
        assert not w.binds(m, cgroup=w.HELPER_CGROUP)
    assert w.contents(m, "/etc/ssh", w.STATE_DIRECTORY) == before and w.own_files(m) == {}
    assert w.failed_units(m) == []
    if mode == "not-wsl":
        assert w.show(m, w.UNIT, "ActiveState", "ConditionResult") == {"ActiveState": "inactive", "ConditionResult": "no"}
    else:
        w.wait_properties(m, State="clear", NetworkingMode=mode, Port=22)


@pytest.mark.parametrize("mode", QUIET_MODES)
def test_a_decision_is_undone_in_a_mode_that_shares_no_ports(make, mode):
    m = make(windows=w.WINDOWS_HOLDS_22)
    w.wrap_helper(m, TRACE)
    w.boot(m)
    w.check_relocated_boot(m)
    m.poweroff()
    m.path("/var/tmp/asked").unlink()
    m.windows.release(22)
    w.set_mode(m, mode)
    w.boot(m)
    w.wait_sshd(m, 22)
    assert not m.exists(w.PORT_FILE) and not m.exists("/var/tmp/asked")
    # The decision was undone before sshd's first start, so that sshd never listened elsewhere.
    assert {line.split()[-1] for line in m.messages(SYSLOG_IDENTIFIER="sshd") if "Server listening on" in line} == {"22."}
    assert w.failed_units(m) == []
    if mode == "not-wsl":
        assert w.show(m, "wslportd-reset.service", "Result", "ConditionResult") == {
            "Result": "success", "ConditionResult": "yes"}
        assert w.show(m, w.UNIT, "ActiveState")["ActiveState"] == "inactive"
    else:
        p = w.wait_properties(m, State="clear", NetworkingMode=mode, Port=22)
        assert mode in p["Reason"]
    m.kill()
    # When Windows shares its ports again, sshd moves there again.
    w.set_mode(m, "mirrored")
    m.windows.claim(22)
    w.boot(m)
    w.check_relocated_boot(m)


def test_consomme_refuses_in_its_own_way(make):
    m = w.boot(make(mode="consomme", windows=w.WINDOWS_HOLDS_22))
    w.wait_properties(m, State="relocated", Port=2222, NetworkingMode="consomme")
    assert {entry["port"] for entry in w.binds(m, command="sshd")} == {2222}
    assert w.logs_in(m, 2222)


@pytest.mark.parametrize("policy", ["conflict", "never"])
def test_wslinfo_is_slow_where_only_it_can_tell(make, policy):
    """At boot nobody waits that long. Each later question gets more time."""
    m = make(mode="nat")
    m.write(w.CONFIG, w.configuration(Policy={"Relocate": policy}))
    m.write("/usr/bin/wslinfo", "#!/bin/sh\nsleep 1.5\necho nat\n", 0o755)
    w.boot(m)
    w.wait_properties(m, NetworkingMode="nat", State="clear" if policy == "conflict" else "unmanaged")


def test_wslinfo_is_late_where_only_it_can_tell(make):
    m = w.boot(make(mode="nat", wslinfo="hang"))
    w.wait_properties(m, NetworkingMode="unknown", State="unknown")
    m.write("/usr/bin/wslinfo", "#!/bin/sh\necho nat\n", 0o755)
    w.wait_properties(m, NetworkingMode="nat", State="clear", Port=22)


@pytest.mark.parametrize("wslinfo", ["hang", None, "gibberish"])
def test_without_wslinfo_the_kernel_tells_the_mode(make, wslinfo):
    m = w.boot(w.clock_hold(make(windows=w.WINDOWS_HOLDS_22, wslinfo=wslinfo)))
    w.check_relocated_boot(m)
    w.wait_properties(m, State="relocated", Port=2222, NetworkingMode="mirrored")
    w.check_hold(m)


def test_boot_does_not_wait_for_wslinfo_where_the_routes_tell(make):
    """wslinfo hangs here until the daemon has decided.

    The daemon gives wslinfo little time, and a busy host may use it up: one of three boots has to be in time.
    """
    m = make(windows=w.WINDOWS_HOLDS_22)
    m.write("/usr/bin/wslinfo", f"#!/bin/sh\nuntil [ -e {w.PORT_FILE} ]; do sleep 0.05; done\necho mirrored\n", 0o755)
    for _ in range(3):
        w.boot(m)
        w.check_relocated_boot(m)
        if in_time := not w.said(m, "wslinfo did not tell"):
            break
        m.kill()
        m.path(w.PORT_FILE).unlink()
    assert in_time
    w.wait_properties(m, State="relocated", NetworkingMode="mirrored")


# ---- towards systemd ----

def test_watchdog_log_level_and_time_to_ready(make):
    m = w.boot(w.clock_hold(make(windows=w.WINDOWS_HOLDS_22)))
    shown = w.show(m, w.UNIT, "WatchdogUSec", "Type", "NotifyAccess", "WatchdogTimestampMonotonic", "StatusText", "NRestarts")
    assert shown["WatchdogUSec"] == "30s" and shown["Type"] == "notify" and shown["NotifyAccess"] == "main"
    assert int(shown["WatchdogTimestampMonotonic"]) > 0 and shown["NRestarts"] == "0"
    w.check_report(m, "relocated", 2222)
    w.check_hold(m)

    levels = {int(e["PRIORITY"]) for e in m.journal(SYSLOG_IDENTIFIER="wslportd")}
    assert 7 in levels and 5 in levels
    m.kill()
    m.path(w.PORT_FILE).unlink()
    m.write(w.CONFIG, "[Daemon]\nLogLevel=notice\n")
    w.boot(m)
    w.wait_sshd(m, 2222)
    assert {int(e["PRIORITY"]) for e in m.journal(SYSLOG_IDENTIFIER="wslportd")} == {5}


def test_the_watchdog_is_fed(make):
    m = make(windows=w.WINDOWS_HOLDS_22)
    m.write(f"/etc/systemd/system/{w.UNIT}.d/watchdog.conf", "[Service]\nWatchdogSec=1\n")
    w.boot(m)
    pid = w.main_pid(m, w.UNIT)

    def beat() -> int:
        return int(w.show(m, w.UNIT, "WatchdogTimestampMonotonic")["WatchdogTimestampMonotonic"])

    first = beat()
    w.eventually(lambda: beat() > first + 1_500_000, "beats beyond the first deadline")
    assert w.main_pid(m, w.UNIT) == pid


# ---- Windows comes up at any moment ----

def one_boot(m: Machine, chance: random.Random) -> tuple[str, float, float]:
    """A cold boot without a kept decision. At a random moment of it Windows' sshd takes 22. Returns how sshd came up."""
    for name in (w.PORT_FILE, w.LAST_PORT_FILE):
        m.path(name).unlink(missing_ok=True)
    m.windows.release(22)
    m.boot()
    m.windows.claim_after(chance.uniform(0.1, 0.8), 22)
    state = m.wait_running()
    ports: set[int] = w.eventually(lambda: w.sshd_ports(m), "sshd listens")
    assert state == "running" and w.failed_units(m) == []
    assert len(ports) == 1
    [port] = ports
    assert w.logs_in(m, port)
    w.wait_properties(m, Port=port, State="clear" if port == 22 else "relocated")
    failed_first = any(w.BIND_ERRORS.search(line) for line in m.messages())
    way = "on 22" if port == 22 else "relocated after failing" if failed_first else "relocated at boot"
    assert port in (22, 2222) and m.exists(w.PORT_FILE) == (port != 22)
    result = way, w.ready_seconds(m), m.boot_seconds
    if w.ready_seconds(m) > 1.9:
        w.check_hold(m)
    m.kill()
    return result


@pytest.mark.thorough
def test_windows_takes_22_at_any_moment_of_boot(make, capsys):
    count = int(os.environ.get("WSLPORTD_BOOTS", "50"))
    seed = int(os.environ.get("WSLPORTD_SEED") or time.time_ns() % 1_000_000)
    workers = min(os.cpu_count() or 1, 4, count)
    machines = [w.clock_hold(make()) for _ in range(workers)]

    def boots(number: int) -> list[tuple[str, float, float]]:
        chance = random.Random(seed * 100 + number)
        return [one_boot(machines[number], chance) for _ in range(number, count, workers)]

    with capsys.disabled():
        print(f"\n{count} boots with WSLPORTD_SEED={seed} on {workers} machines", flush=True)
        with ThreadPoolExecutor(workers) as pool:
            results = [result for batch in pool.map(boots, range(workers)) for result in batch]
        ready, whole = [r[1] for r in results], [r[2] for r in results]
        print(f"{dict(Counter(r[0] for r in results))}; exec to READY: median {statistics.median(ready) * 1000:.0f} ms, "
              f"worst {max(ready) * 1000:.0f} ms; boot: median {statistics.median(whole):.2f} s")
    assert len(results) == count
