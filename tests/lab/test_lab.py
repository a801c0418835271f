# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab itself: its machines behave as WSL's do, and leave nothing behind.

What Windows and WSL do follows the source of Microsoft's that the section names, or the test. A guess is called one."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import roots
from machine import WSL_MODES, Machine, programs
from processes import Process
from windows import NOT_LISTENING, SILENT, Greeting
from wslport import eventually

WINDOWS_GREETING = b"SSH-2.0-OpenSSH_for_Windows_9.5\r\n"
SOON = 30  # seconds: long enough for a scan or two on a busy host, and far from the minute of a port that no scan saw
SUITES = os.environ.get("WSLPORTD_LAB_SUITES", "bookworm").split()
CANNOT_BIND = "fatal: Cannot bind any address."

# Binds the sockets that its arguments name, one after the other in one process, and prints the outcome of each.
BIND = """
import errno, os, socket, sys, time
hold, *names = sys.argv[1:]
sockets = []
for name in names:
    kind, address, port = name.split("/")
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    sockets.append(s)
    start = time.monotonic()
    try:
        s.bind(address.replace("@", "\\0") if kind == "unix" else (address, int(port)))
        result = "bound" if kind == "unix" or s.getsockname()[1] else "unbound"
    except OSError as error:
        result = errno.errorcode[error.errno]
    print(result, round(time.monotonic() - start, 3), flush=True)
    if kind == "listen":
        s.listen()
time.sleep(float(hold))
"""


def start_binding(m: Machine, *names: str, hold: float = 0,
                  start: Callable[..., Process] | None = None) -> Process:
    return (start or m.spawn)(["python3", "-S", "-c", BIND, str(hold), *names])


def bind(m: Machine, *names: str) -> list[str]:
    """The outcome of each bind ("tcp/0.0.0.0/22"): "bound", "unbound" or the errno's name."""
    process = start_binding(m, *names)
    assert process.wait() == 0, process.stderr
    return [line.split()[0] for line in process.stdout.splitlines()]


def when(m: Machine, event: str, **members: Any) -> float:
    """The time of the last such event."""
    return float(eventually(lambda: m.log(event, **members))[-1]["time"])


def wait_seen(m: Machine, port: int) -> None:
    """Waits until a scan has seen the port since its last bind. From then on the port is given back soon after its end."""
    eventually(lambda: len(m.log("seen", port=port)) > 0 and
               m.log("seen", port=port)[-1]["time"] > m.log("bind", port=port)[-1]["time"])


def relocate(m: Machine, port: int) -> None:
    """Moves sshd as the daemon would, before the boot."""
    m.write("/etc/ssh/sshd_config.d/10-test.conf", f"Port {port}\n")


# ---- ports: HandleRequest() in GnsPortTracker.cpp, OnPortAllocationRequest() in WslCoreGuestNetworkService.cpp ----

def test_a_root_that_is_there_waits_for_nobody():
    """Each login asks for the key. If the key waited while another test's root is made, logins would fail for half a minute."""
    path = roots.root()
    with roots.locked(path), roots.locked(roots.cache_directory() / "key"):
        asks = threading.Thread(target=lambda: (roots.private_key(), roots.root()), daemon=True)
        asks.start()
        asks.join(20)
        assert not asks.is_alive()


def test_the_labs_programs_need_no_meson(monkeypatch, tmp_path):
    """Without WSLPORTD_BUILD, cc builds them."""
    monkeypatch.delenv("WSLPORTD_BUILD", raising=False)
    monkeypatch.setenv("WSLPORTD_LAB_CACHE", str(tmp_path))
    assert {path.name for path in programs.__wrapped__().iterdir()} == {"lab-guest", "lab-tracker", "lab-faults.so"}


def test_a_free_port_is_sshds(booted):
    m = booted()
    assert m.wait_running() == "running"
    assert m.listeners() == {22: ["0.0.0.0", "::"]}
    assert m.windows.reservations() == {"tcp/22"}
    assert [e["command"] for e in m.log("reserved", port=22)] == ["sshd"]
    eventually(lambda: len(m.log("listening", port=22, command="sshd")) == 2)
    assert m.log("bind", port=22)[0]["cgroup"] == "/system.slice/ssh.service"


def test_a_port_of_windows_is_refused(booted):
    m = booted(windows={22: Greeting()})
    assert m.wait_running() == "degraded"
    assert m.run(["systemctl", "is-failed", "ssh.service"]).stdout.strip() == "failed"
    assert CANNOT_BIND in m.messages(SYSLOG_IDENTIFIER="sshd")
    assert m.listeners() == {}
    assert {e["verdict"] for e in m.log("bind", port=22)} == {"EADDRINUSE"}
    assert bind(m, "tcp/0.0.0.0/22", "tcp/127.0.0.1/22", "tcp/::1/22") == ["EADDRINUSE"] * 3
    assert bind(m, "udp/0.0.0.0/22") == ["bound"]


def test_an_excluded_range_is_refused_and_nobody_listens(booted):
    m = booted(excluded=["2200-2299"])
    assert bind(m, "tcp/0.0.0.0/2199", "tcp/0.0.0.0/2200", "tcp/0.0.0.0/2299", "tcp/0.0.0.0/2300") == [
        "bound", "EADDRINUSE", "EADDRINUSE", "bound"]
    with pytest.raises(ConnectionRefusedError):
        m.banner(2222)
    m.windows.include("2200-2299")
    assert bind(m, "tcp/0.0.0.0/2222") == ["bound"]


def test_windows_is_not_asked_about_some_ports(booted):
    m = booted(windows={22: Greeting(), 53: Greeting(), 8080: Greeting()})
    m.windows.ignore("8080")
    assert bind(m, "tcp/127.0.0.1/22") == ["EADDRINUSE"]
    exempt = ["tcp/127.0.0.2/22", "tcp/0.0.0.0/53", "tcp/0.0.0.0/8080", "tcp/0.0.0.0/40001"]
    assert bind(m, *exempt) == ["bound"] * 4
    assert m.windows.reservations() == set()


def test_windows_programs_are_refused_too(booted):
    """In excluded ranges, in the guest's own block, and where the guest has the port."""
    m = booted(excluded=["2200-2299"])
    assert not m.windows.claim(2222) and not m.windows.claim(40001) and not m.windows.claim(22)
    assert [e["port"] for e in m.log("claim-refused")] == [2222, 40001, 22]
    assert not m.windows.claim_when_free(2250)
    m.windows.include("2200-2299")
    assert m.log("claimed", port=2250) and m.windows.claim(2222)


def test_udp_is_another_space_of_ports(booted):
    m = booted()
    assert m.windows.claim("udp/22") and m.windows.claim("udp/2222")
    assert bind(m, "udp/0.0.0.0/2222", "tcp/0.0.0.0/2222") == ["EADDRINUSE", "bound"]
    m.windows.release("udp/2222")
    assert bind(m, "udp/0.0.0.0/2222") == ["bound"]
    assert not m.windows.claim("udp/2222")


def test_another_network_namespace_is_not_asked_about(booted):
    m = booted(windows={22: Greeting()})
    process = m.spawn(["unshare", "--net", "python3", "-S", "-c", BIND, "0", "tcp/0.0.0.0/22"])
    assert process.wait() == 0 and process.stdout.startswith("bound")


def test_every_other_way_to_be_refused(booted):
    m = booted()
    m.windows.deny_dynamic()
    assert bind(m, "tcp/0.0.0.0/49151", "tcp/0.0.0.0/49152") == ["bound", "EADDRINUSE"]
    m.windows.interrupt(1)
    assert bind(m, "tcp/0.0.0.0/2222", "tcp/0.0.0.0/2222") == ["EINTR", "bound"]
    m.windows.broken()
    assert bind(m, "tcp/0.0.0.0/2223", "unix/@lab/") == ["ENOBUFS", "bound"]


def test_consomme_returns_a_positive_number(booted):
    """HandlePortNotification() in ConsommeNetworking.cpp. Which HRESULT it is, is a guess."""
    m = booted(mode="consomme", windows={22: Greeting()})
    assert bind(m, "tcp/0.0.0.0/22", "tcp/0.0.0.0/2222") == ["unbound", "bound"]
    trace = m.run(["strace", "-e", "trace=bind", "python3", "-S", "-c", BIND, "0", "tcp/0.0.0.0/22"]).stderr
    assert re.search(r"^bind\(.*\) += 2147014848$", trace, re.MULTILINE), trace  # HRESULT 0x80072740, negated


def test_consomme_decides_by_address(booted):
    m = booted(mode="consomme")
    assert m.windows.claim("3000@127.0.0.1") and m.windows.claim("3001@192.168.50.10")
    assert bind(m, "tcp/127.0.0.1/3000", "tcp/::1/3000", "tcp/127.0.0.1/3001", "tcp/0.0.0.0/3001") == [
        "unbound", "bound", "bound", "unbound"]
    # The book of mirrored mode has nothing to say: a program of Windows' and the guest share 3001, as their addresses differ.
    assert m.windows.reservations() >= {"tcp/3000", "tcp/3001"}
    assert not m.windows.claim("3001@127.0.0.1")


def test_half_of_the_dynamic_range(booted):
    """From 2.9.5 on, with the guest's own block counted where both overlap."""
    m = booted(release="2.9.5")
    m.windows.set("dynamic-range", "30000-30009")
    ports = [f"tcp/0.0.0.0/{port}" for port in range(30000, 30006)]
    process = start_binding(m, *ports, ports[0], hold=60)
    eventually(lambda: process.stdout.count("\n") == 7)
    # The sixth is too many. The seventh is a further bind of a port that the guest has: the kernel refuses it.
    assert [line.split()[0] for line in process.stdout.splitlines()] == ["bound"] * 5 + ["EADDRINUSE"] * 2
    assert [e["verdict"] for e in m.log("bind", port=30005)] == ["EADDRINUSE"]
    assert [e["verdict"] for e in m.log("bind", port=30000)] == ["allow"] * 2
    m.windows.set("dynamic-range", "44090-44101")  # six of them are the guest's anyway
    assert bind(m, "tcp/0.0.0.0/44090", "tcp/0.0.0.0/44096") == ["bound", "EADDRINUSE"]


AUTOBIND = """
import socket, sys, time
s = socket.socket()
if sys.argv[1] == "bind":
    s.bind(("0.0.0.0", 0))
s.listen()
print(s.getsockname()[1], flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("way, release, tracked", [("bind", "2.7.0", False), ("bind", "2.7.1", True), ("listen", "2.9.4", False),
                                                   ("listen", "2.9.5", True)])
def test_a_port_that_the_kernel_chooses(booted, way, release, tracked):
    m = booted(release=release, keep_ms=3000)
    m.run(["sh", "-c", "echo 30000 30100 > /proc/sys/net/ipv4/ip_local_port_range"], check=True)  # outside of the guest's block
    process = m.spawn(["python3", "-S", "-c", AUTOBIND, way])
    port = int(eventually(lambda: process.stdout))
    if not tracked:
        m.run(["true"])
        assert not m.log("autobind") and f"tcp/{port}" not in m.windows.reservations()
        return
    [entry] = eventually(lambda: m.log("autobind", command="python3"))
    assert (entry["port"], entry["verdict"]) == (port, "allow")
    assert f"tcp/{port}" in m.windows.reservations()
    process.kill()
    eventually(lambda: f"tcp/{port}" not in m.windows.reservations())


def test_a_silent_host_is_asked_after_such_a_bind(booted):
    """The bind itself has gone on by then, and each later one waits."""
    m = booted()
    m.run(["sh", "-c", "echo 30000 30100 > /proc/sys/net/ipv4/ip_local_port_range"], check=True)
    m.windows.silent()
    first = m.spawn(["python3", "-S", "-c", AUTOBIND, "bind"])
    assert int(eventually(lambda: first.stdout)) >= 30000
    eventually(lambda: m.log("waiting"))
    second = start_binding(m, "unix/@lab/")
    time.sleep(0.7)
    assert second.poll() is None
    m.windows.silent(False)
    assert second.wait() == 0 and second.stdout.startswith("bound")


SET_FLAGS = """
import fcntl, socket, struct
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
"""


@pytest.mark.parametrize("namespace", [[], ["unshare", "--net"]])
def test_windows_is_told_when_an_interface_goes_up(booted, namespace):
    """By an ioctl(), in whatever network namespace: RunPortTracker() in localhost.cpp. That Windows agrees is a guess."""
    m = booted()
    m.windows.silent()
    first = m.spawn([*namespace, "python3", "-S", "-c", SET_FLAGS])
    eventually(lambda: m.log("interface", command="python3") and m.log("waiting"))
    second = start_binding(m, "unix/@lab/")
    time.sleep(0.7)
    assert first.poll() is None and second.poll() is None
    m.windows.silent(False)
    assert first.wait() == second.wait() == 0


# ---- how a port gets back to Windows: OnRefreshAllocatedPorts() and ListAllocatedPorts() in GnsPortTracker.cpp ----

def test_windows_has_a_port_soon_after_its_listener_was_closed(booted):
    m = booted()
    assert not m.windows.claim(22)
    assert m.log("claim-refused", port=22)
    wait_seen(m, 22)
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    stopped = time.monotonic()
    m.windows.claim_when_free(22)
    assert when(m, "claimed", port=22) - stopped < SOON
    assert m.banner(22) == WINDOWS_GREETING


def test_a_probe_that_no_scan_saw_costs_the_port_for_the_time_of_the_keep(booted):
    m = booted(keep_ms=3000)
    assert bind(m, "tcp/0.0.0.0/2222") == ["bound"]
    eventually(lambda: m.stray_reservations() == [2222], "sshd has 22")
    assert not m.windows.claim_when_free(2222)
    assert 3 < when(m, "claimed", port=2222) - when(m, "bind", port=2222) < 3 + SOON


def test_binds_in_quick_succession_postpone_every_release(booted):
    m = booted()
    wait_seen(m, 22)
    busy = m.spawn(["python3", "-S", "-c", "import socket, time\nfor i in range(15):\n"
                    " socket.socket(socket.AF_UNIX).bind(f'\\0busy{i}')\n time.sleep(0.2)"])
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    m.windows.claim_when_free(22)
    busy.wait()
    ended = time.monotonic()
    assert 0 < when(m, "claimed", port=22) - ended < SOON


def test_back_to_back_binds_wait_for_the_scan_under_way(booted):
    m = booted()  # so that the tracker has sshd's port to scan for
    process = start_binding(m, *(f"unix/@{i}/" for i in range(20)))
    assert process.wait() == 0
    seconds = [float(line.split()[1]) for line in process.stdout.splitlines()]
    assert 0.1 < sum(seconds) < 0.1 * len(seconds), seconds


@pytest.mark.parametrize("by_address", [False, True])
def test_a_session_keeps_its_port_but_not_before_2_8_5(booted, by_address):
    m = booted()
    m.windows.release_by_address(by_address)
    session = m.ssh_session(22, "lan")
    wait_seen(m, 22)
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    m.windows.claim_when_free(22)
    if by_address:
        when(m, "claimed", port=22)
        assert session.alive()
        return
    time.sleep(1.6)
    assert not m.log("claimed", port=22)
    assert session.alive()
    session.close()  # the client ends it, so that no TIME_WAIT stays here
    closed = time.monotonic()
    assert when(m, "claimed", port=22) - closed < SOON


@pytest.mark.parametrize("kernel, kept", [("6.6", False), ("6.18", True)])
def test_older_kernels_do_not_show_bound_idle_sockets(booted, kernel, kept):
    m = booted(kernel=kernel, keep_ms=1500)
    process = start_binding(m, "tcp/0.0.0.0/2222", hold=60)
    eventually(lambda: m.log("reserved", port=2222))
    if kept:
        time.sleep(3.5)
        assert "tcp/2222" in m.windows.reservations()
    else:
        eventually(lambda: "tcp/2222" not in m.windows.reservations())
    assert process.poll() is None
    process.kill()


def test_claims_wait_for_their_time(booted):
    m = booted()
    asked = time.monotonic()
    m.windows.claim_after(0.7, 2222)
    assert bind(m, "tcp/0.0.0.0/2222") == ["bound"]  # before Windows' time has come; from then on the port is the guest's
    m.windows.claim_after(0.7, 3333)
    assert 0.6 < when(m, "claimed", port=3333) - asked < 0.7 + SOON
    assert bind(m, "tcp/0.0.0.0/3333") == ["EADDRINUSE"]
    m.windows.release(3333)
    assert bind(m, "tcp/0.0.0.0/3333") == ["bound"]
    assert not m.log("claimed", port=2222)


# ---- a tracker or a host in trouble: RequestPort() in GnsPortTracker.cpp, Run() in SecCompDispatcher.cpp ----

def test_a_verdict_comes_one_call_late(booted):
    """As Microsoft's own tracker of 2.6.3 was seen to do."""
    m = booted(windows={22: Greeting()})
    m.windows.late()
    outcome = bind(m, "tcp/0.0.0.0/22", "tcp/0.0.0.0/2222", "tcp/0.0.0.0/2223")
    assert outcome == ["bound", "EADDRINUSE", "bound"]


def test_a_dead_tracker_leaves_enosys_until_the_next_boot(booted):
    m = booted()
    m.windows.dead()
    assert bind(m, "tcp/0.0.0.0/2222", "unix/@lab/") == ["ENOSYS", "ENOSYS"]
    m.kill()
    m.boot()
    m.wait_running()
    assert bind(m, "tcp/0.0.0.0/2222") == ["bound"]


def test_a_silent_host_blocks_every_bind(booted):
    m = booted()
    m.windows.silent()
    first = start_binding(m, "tcp/0.0.0.0/2222")
    eventually(lambda: m.log("waiting", port=2222))
    second, third = start_binding(m, "unix/@lab/"), start_binding(m, "unix/@lab/")
    time.sleep(0.7)
    assert [p.poll() for p in (first, second, third)] == [None] * 3
    first.kill(signal.SIGINT)  # Python's handler doesn't run: only SIGKILL ends the wait
    second.kill(signal.SIGKILL)
    assert second.wait() == -signal.SIGKILL
    assert first.poll() is None
    first.kill(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    m.windows.silent(False)
    assert third.wait() == 0 and third.stdout.startswith("bound")


def test_a_machine_that_dies_while_the_host_is_silent(booted):
    m = booted()
    m.windows.silent()
    start_binding(m, "tcp/0.0.0.0/2222")
    eventually(lambda: m.log("waiting", port=2222))
    m.kill()
    eventually(lambda: m.log("guest-gone"))
    assert m.windows.claim(2222)
    m.windows.silent(False)
    m.boot()
    assert m.wait_running() == "running"
    assert bind(m, "tcp/0.0.0.0/2222") == ["EADDRINUSE"]


def test_a_slow_host_delays_everything_behind_it(booted):
    m = booted()
    m.windows.delay(3000)
    first = start_binding(m, "tcp/0.0.0.0/2222")
    eventually(lambda: m.log("waiting", port=2222))
    second = start_binding(m, "unix/@lab/")
    assert first.wait() == second.wait() == 0
    assert float(first.stdout.split()[1]) >= 3
    assert float(second.stdout.split()[1]) > 0.2


# ---- the network: NetworkManager.cpp, and SyncIpStateWithLinux() in WslMirroredNetworking.cpp ----

@pytest.mark.parametrize("origin", ["guest", "windows", "lan"])
def test_windows_greets_on_22_and_the_guest_on_2222(machine, origin):
    m = machine(windows={22: Greeting()}, tailscale=True)
    relocate(m, 2222)
    m.boot()
    assert m.wait_running() == "running"
    assert m.banner(22, origin) == WINDOWS_GREETING
    assert m.banner(2222, origin).startswith(b"SSH-2.0-OpenSSH_9.2p1 Debian")
    if origin != "windows":
        assert m.banner(2222, origin, "100.64.0.10").startswith(b"SSH-2.0-OpenSSH_9.2p1 Debian")
    with pytest.raises(ConnectionRefusedError):
        m.banner(2223, origin)
    assert m.ssh(2222, "echo hello; cat /proc/sys/kernel/hostname", origin).stdout == "hello\nlab\n"


def test_each_side_keeps_its_own_addresses(machine):
    """By default, that is: table 128 is empty."""
    m = machine(windows={22: Greeting()})
    relocate(m, 2222)
    m.boot()
    m.wait_running()
    assert m.run(["ip", "route", "show", "table", "128"]).stdout == ""
    lan = m._address("lan")
    assert m.banner(22, "windows", lan) == WINDOWS_GREETING
    assert m.banner(2222, "guest", lan).startswith(b"SSH-2.0-OpenSSH_9.2p1 Debian")
    with pytest.raises(ConnectionRefusedError):
        m.banner(22, "guest", lan)
    with pytest.raises(TimeoutError):
        m.banner(2222, "windows", lan, timeout=0.5)
    assert m.banner(22, "lan") == WINDOWS_GREETING
    assert m.banner(2222, "lan").startswith(b"SSH-2.0-OpenSSH_9.2p1 Debian")


def test_host_address_loopback(machine):
    m = machine(windows={22: Greeting()}, host_loopback=True, tailscale=True)
    relocate(m, 2222)
    m.boot()
    m.wait_running()
    assert len(m.run(["ip", "route", "show", "table", "128"]).stdout.splitlines()) == 2
    for origin in ("guest", "windows", "lan"):
        for address in ("192.168.50.10", "100.64.0.10"):
            assert m.banner(22, origin, address) == WINDOWS_GREETING
            assert m.banner(2222, origin, address).startswith(b"SSH-2.0-OpenSSH_9.2p1 Debian")
            with pytest.raises(ConnectionRefusedError):
                m.banner(2223, origin, address)


@pytest.mark.parametrize("greeting", [SILENT, Greeting(b"\x00\xffodd \x1b[2J" + b"x" * 600)])
def test_greetings_of_other_programs(booted, greeting):
    m = booted(windows={22: greeting})
    assert m.banner(22, timeout=0.5) == greeting.text


def test_a_port_that_windows_has_without_listening(booted):
    m = booted(windows={22: NOT_LISTENING})
    with pytest.raises(ConnectionRefusedError):
        m.banner(22)
    assert bind(m, "tcp/0.0.0.0/22") == ["EADDRINUSE"]
    m.hang()
    with pytest.raises(TimeoutError):
        m.banner(22, timeout=0.5)
    m.hang(False)
    with pytest.raises(ConnectionRefusedError):
        m.banner(22)


def test_a_session_lives_through_a_restart(booted):
    m = booted()
    session = m.ssh_session(22)
    m.run(["systemctl", "restart", "ssh.service"], check=True)
    assert session.alive()
    session.close()
    assert not session.alive(0.5)


# ---- machines: main.cpp starts them; which release does what is read in the releases' sources ----

@pytest.mark.parametrize("mode", WSL_MODES)
def test_modes(booted, mode):
    m = booted(mode=mode)
    assert m.wait_running() == "running"
    assert m.run(["wslinfo", "--networking-mode"]).stdout == mode + "\n"
    assert m.run(["systemd-detect-virt"]).stdout == "wsl\n"
    assert "microsoft" in m.read("/proc/sys/kernel/osrelease") and "microsoft" in m.read("/proc/version")
    links = m.run(["ip", "-brief", "link"], check=True).stdout
    assert ("loopback0" in links) == (mode == "mirrored")
    assert ("eth0" in links) == (mode != "none")
    assert bool(m.log("bind")) == (mode in ("mirrored", "consomme", "virtioproxy"))
    assert m.ssh(22, "echo hello", "guest" if mode == "none" else "windows").stdout == "hello\n"


def test_consomme_with_a_relay_looks_like_mirrored(booted):
    m = booted(mode="consomme", relay=True)
    assert "dev loopback0 table 127" in m.run(["ip", "route", "get", "127.0.0.1"]).stdout
    assert m.ssh(22, "echo hello", "windows").stdout == "hello\n"


def test_the_network_comes_late(machine):
    m = machine(windows={2222: Greeting()})
    m.boot(plugged=False)
    assert m.wait_running() == "running"
    assert "dev lo" in m.run(["ip", "route", "get", "127.0.0.1"]).stdout
    with pytest.raises(ConnectionRefusedError):
        m.banner(2222)
    m.plug()
    assert "dev loopback0 table 127" in m.run(["ip", "route", "get", "127.0.0.1"]).stdout
    assert m.banner(2222) == WINDOWS_GREETING
    assert m.ssh(22, "echo hello", "lan").stdout == "hello\n"


@pytest.mark.parametrize("suite", SUITES)
def test_suites(machine, suite):
    m = machine(suite=suite, windows={22: Greeting()})
    relocate(m, 2222)
    m.boot()
    assert m.wait_running() == "running"
    assert m.ssh(2222, "cat /proc/1/comm", "lan").stdout == "systemd\n"
    session = m.ssh_session(2222)
    m.run(["systemctl", "reload", "ssh.service"], check=True)
    m.run(["systemctl", "daemon-reexec"], check=True)
    assert session.alive()
    m.poweroff()


def test_windows_does_not_decide_in_nat_mode(booted):
    m = booted(mode="nat", windows={22: Greeting()})
    assert 22 in m.listeners()


@pytest.mark.parametrize("release", ["2.6.3", "2.7.11", "2.8.2", "2.8.7", "2.9.4", "2.9.5"])
def test_releases(booted, release):
    """A machine boots beneath the tracker of each release, and its sshd listens."""
    m = booted(release=release)
    assert m.wait_running() == "running" and m.listeners() == {22: ["0.0.0.0", "::"]}
    gateway = "169.254.73.249" if release.startswith("2.9") else "169.254.73.152"
    assert f"via {gateway} dev loopback0" in m.run(["ip", "route", "get", "127.0.0.1"]).stdout
    m.windows.silent()
    process = start_binding(m, "tcp/0.0.0.0/2222")
    eventually(lambda: m.log("waiting", port=2222))
    process.kill(signal.SIGINT)  # its handler runs only if the wait can be interrupted
    if release in ("2.6.3", "2.8.2"):
        assert process.wait() == -signal.SIGINT and "KeyboardInterrupt" in process.stderr
    else:
        time.sleep(0.5)
        assert process.poll() is None
        process.kill(signal.SIGKILL)
    m.windows.silent(False)
    dynamic = bind(m, "tcp/0.0.0.0/50000")
    assert dynamic == (["EADDRINUSE"] if release in ("2.8.7", "2.9.4") else ["bound"])


def test_not_wsl(booted):
    m = booted(mode="not-wsl")
    assert m.wait_running() == "running"
    assert m.run(["systemd-detect-virt"]).stdout != "wsl\n"
    assert "microsoft" not in m.read("/proc/sys/kernel/osrelease")
    assert not m.exists("/usr/bin/wslinfo")
    assert not m.log("bind")


def test_wslinfo_in_trouble(machine):
    assert not machine(wslinfo=None).exists("/usr/bin/wslinfo")
    m = machine(wslinfo="hang")
    m.boot()
    with pytest.raises(TimeoutError):
        m.run(["wslinfo", "--networking-mode"], timeout=0.5)


def test_the_daemons_tree_is_laid_over_the_root(machine, tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/wslportd.conf").write_text("[Policy]\n")
    m = machine(overlay=[tmp_path])
    m.write("/etc/other", "")
    m.boot()
    assert m.run(["cat", "/etc/wslportd.conf"]).stdout == "[Policy]\n"
    assert sorted(path.name for path in (tmp_path / "etc").iterdir()) == ["wslportd.conf"]


def test_socket_activation(booted):
    m = booted(ssh="socket")
    assert [e["cgroup"] for e in m.log("bind", port=22)] == ["/system.slice/ssh.socket"]
    assert m.run(["systemctl", "is-active", "ssh.socket", "ssh.service"]).stdout == "active\ninactive\n"
    assert m.ssh(22, "echo hello").stdout == "hello\n"
    eventually(lambda: m.stray_reservations() == [], "the tracker has seen systemd")


def test_no_ssh(booted):
    m = booted(ssh="off")
    assert m.wait_running() == "running"
    assert m.listeners() == {} and not m.log("bind")


def test_another_distro_has_our_ports_but_not_our_processes(booted):
    m = booted()
    other = start_binding(m, "listen/0.0.0.0/2222", hold=60, start=m.other_distro)
    m.wait_listening(2222)
    assert m.windows.reservations() == {"tcp/22", "tcp/2222"}
    assert bind(m, "tcp/0.0.0.0/2222") == ["EADDRINUSE"]
    assert m.log("bind", port=2222)[-1]["verdict"] == "allow"  # the guest's kernel refused, not Windows
    assert "listen/0.0.0.0/2222" not in m.run(["ps", "ax", "-o", "args"]).stdout
    sight = m.other_distro(["ps", "ax", "-o", "args"])
    assert sight.wait() == 0 and "sshd" not in sight.stdout
    other.kill()
    eventually(lambda: 2222 not in m.listeners())


def test_listen_is_trapped_from_2_9_5_on(booted):
    assert not booted(release="2.9.4").log("listen")
    assert {e["verdict"] for e in booted(release="2.9.5").log("listen", port=22)} == {"allow"}


def test_a_cold_boot_keeps_the_disk_only(booted):
    m = booted()
    m.run(["sh", "-c", "echo disk > /var/lib/kept; echo run > /run/lost"], check=True)
    first = m.read("/proc/sys/kernel/random/boot_id")
    m.poweroff()
    assert not m.running
    assert m.read("/var/lib/kept") == "disk\n"
    assert any("Shutting down" in text for text in m.messages())
    m.boot()
    assert m.wait_running() == "running"
    assert m.read("/var/lib/kept") == "disk\n" and not m.exists("/run/lost")
    assert m.read("/proc/sys/kernel/random/boot_id") != first
    assert any("Shutting down" in str(entry["MESSAGE"]) for entry in m.journal(boot=-1))
    m.kill()
    m.boot()
    assert m.wait_running() == "running"


def test_windows_outlives_the_guest(booted):
    m = booted(windows={2222: Greeting()})
    assert not m.windows.claim(22)
    m.poweroff()
    eventually(lambda: m.windows.reservations() == set())
    assert m.windows.claim(22)
    m.boot()
    assert m.wait_running() == "degraded"
    assert m.banner(22) == m.banner(2222) == WINDOWS_GREETING


def test_units_on_a_disk_that_is_off(machine):
    m = machine()
    m.write("/etc/systemd/system/hello.service",
            "[Service]\nType=oneshot\nExecStart=/bin/echo hello\nRemainAfterExit=yes\n"
            "[Install]\nWantedBy=multi-user.target\n")
    m.enable("hello.service")
    m.mask("ssh.service")
    m.boot()
    m.wait_running()
    assert m.run(["systemctl", "is-active", "hello.service"]).stdout == "active\n"
    assert m.listeners() == {}


def test_what_a_program_does_to_settings_stays_inside(booted):
    m = booted()
    before = Path("/proc/sys/kernel/panic").read_text()
    assert m.run(["sh", "-c", "echo 77 > /proc/sys/kernel/panic"]).returncode != 0
    assert m.run(["sh", "-c", "echo 41000 42000 > /proc/sys/net/ipv4/ip_local_port_range"]).returncode == 0
    assert Path("/proc/sys/kernel/panic").read_text() == before


def test_two_machines_do_not_meet(booted):
    one, other = booted(), booted(windows={22: Greeting()})
    assert 22 in one.listeners() and 22 not in other.listeners()
    assert one.ssh(22, "echo hello", "lan").stdout == "hello\n"
    assert other.banner(22, "lan") == WINDOWS_GREETING


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="a matter of i386 programs")
def test_socketcall_of_32_bit_programs(booted, tmp_path):
    source = tmp_path / "bind32.s"
    source.write_text("""
.globl _start
_start: mov $102, %eax; mov $1, %ebx; mov $socket_args, %ecx; int $0x80
        mov %eax, bind_args
        mov $102, %eax; mov $2, %ebx; mov $bind_args, %ecx; int $0x80
        neg %eax; mov %eax, %ebx; mov $1, %eax; int $0x80
.data
socket_args: .long 2, 1, 0
bind_args: .long 0, address, 16
address: .short 2; .byte 0, 22, 0, 0, 0, 0; .long 0, 0
""")
    program = tmp_path / "bind32"
    subprocess.run(["cc", "-m32", "-nostdlib", "-static", "-o", program, source], check=True)
    try:
        subprocess.run([program])
    except OSError as error:  # execvp() would start a shell with the file
        assert error.errno == errno.ENOEXEC  # the kernel runs no i386 programs, so none gets round the tracker
        return
    m = booted(windows={22: Greeting()}, ssh="off")
    m.write("/root/bind32", program.read_bytes(), 0o755)
    result = m.run(["/root/bind32"])
    assert result.returncode == 98  # EADDRINUSE
    assert m.log("bind", port=22, command="bind32", verdict="EADDRINUSE")


# ---- nothing is left ----

HOLDER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from machine import Greeting, Machine
with Machine(windows={2222: Greeting()}) as m:
    m.boot()
    m.wait_running()
    session = m.ssh_session(22, "lan")
    distro = m.other_distro(["sleep", "1000"])
    sessions = [session.process.pid, distro.pid]
    print(m._holder.pid, m._tracker.pid, m._agent_pid, m._init_pid, *sessions, m._cgroup, flush=True)
    time.sleep(1000)
"""


def gone(pid: int) -> bool:
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def test_nothing_is_left_when_the_test_itself_is_killed(_lab):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(Path(__file__).parent)],
                              stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    *pids, cgroup = holder.stdout.readline().split()
    assert len(pids) == 6 and not any(gone(int(pid)) for pid in pids)
    holder.kill()
    holder.wait()
    eventually(lambda: all(gone(int(pid)) for pid in pids))
    eventually(lambda: not Path(cgroup).exists())


def test_nothing_is_left_when_the_machine_itself_is_killed(booted):
    m = booted()
    distro = m.other_distro(["sleep", "1000"])
    pids = [m._agent_pid, m._init_pid, distro.pid]
    cgroup = m._cgroup
    m._holder.kill()
    eventually(lambda: all(gone(pid) for pid in pids))
    m.__exit__()
    assert not cgroup.exists()


# In a mount namespace of its own, as other tests mount things meanwhile.
VISIBLE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from machine import Machine
mounts = Path("/proc/self/mountinfo").read_text()
links = set(Path("/sys/class/net").iterdir())
with Machine() as m:
    m.boot()
    m.wait_running()
    assert m._cgroup.exists()
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert set(Path("/sys/class/net").iterdir()) == links
    print(m._holder.pid, m._tracker.pid, m._agent_pid, m._init_pid, m._cgroup)
"""


def test_nothing_is_seen_outside_and_nothing_is_left_after_a_test(_lab):
    roots.root()  # so that none is made, with mounts of its own
    result = subprocess.run(["unshare", "--mount", sys.executable, "-c", VISIBLE, str(Path(__file__).parent)], check=True,
                            stdout=subprocess.PIPE, text=True)
    *pids, cgroup = result.stdout.split()
    assert len(pids) == 4 and all(gone(int(pid)) for pid in pids) and not Path(cgroup).exists()
