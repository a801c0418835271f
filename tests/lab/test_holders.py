# SPDX-License-Identifier: LGPL-2.1-or-later
"""After boot: programs of this distro, or of another, hold a port of sshd's, or listen beside it."""

from __future__ import annotations

import pytest

import wslport as w
from shaped import laid


LISTENS = """
import socket, sys, time
s = [socket.create_server((a, int(sys.argv[1])), family=socket.AF_INET6 if ":" in a else socket.AF_INET) for a in sys.argv[2:]]
time.sleep(100000)
"""
MANY = [f"127.0.1.{n}" for n in range(200)]


@pytest.mark.parametrize("where", ["linux", "other-distro"])
def test_another_holds_home_and_leaves(make, where):
    m = make(foreign=(22,), policy={"Restore": "auto"}, **w.HASTE)
    with w.held_boot(m):
        process = w.start_holder(m, where, 22)
    p = w.reachable(m, "relocated", 2222)
    assert p["HomePortHolder"] == where and w.failed_units(m) == []
    assert (["0.0.0.0", 22, where] in [listener[:3] for listener in p["Listeners"]])
    assert p["HomePortHolderDetail"].startswith("python3 (pid " if where == "linux" else "")
    [entry] = [entry for entry in w.told(m, "conflict") if entry["PORT"] == "22"]
    assert ("python3" if where == "linux" else "another WSL distro") in entry["MESSAGE"]
    sessions = w.open_sessions(m, 2222)
    with w.ticking(*sessions):
        process.kill()
        w.reachable(m, "clear", 22)
    assert len(w.told(m, "restored")) == 1


@pytest.mark.parametrize("name", ["debian-12", "ubuntu-24.04"])
def test_systemd_is_not_at_the_top_of_the_cgroups(make, name):
    """sshd is recognized all the same, and nothing is taken from it; a stranger is told by his unit."""
    m = laid(make, name, foreign=(2222,), **w.HASTE)
    m.shared_cgroups = True
    w.boot(m)
    w.wait_properties(m, State="clear", Port=22)
    assert m.run(["cat", "/proc/1/cgroup"]).stdout.splitlines()[-1] != "0::/init.scope"
    w.hold(lambda: w.properties(m)["HomePortHolder"] == "sshd", 3, "it stays sshd's")
    w.start_holder(m, "linux", 2222)
    assert w.call(m, "Relocate", "q", "2222")[0] != 0
    assert w.call(m, "Relocate", "q", "2200") == (0, "")
    w.wait_properties(m, State="relocated", Port=2200)
    assert w.logs_in(m, 2200)


@pytest.mark.parametrize("where", ["linux", "other-distro"])
def test_another_takes_home_while_sshd_is_down(make, where):
    m = w.boot(make(foreign=(22,), **w.HASTE))
    w.reachable(m, "clear", 22)
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.wait_properties(m, Port=0)
    process = w.start_holder(m, where, 22)
    w.wait_properties(m, HomePortHolder=where, State="conflict")
    m.run(["systemctl", "start", "ssh.service"])
    w.reachable(m, "relocated", 2222)
    assert w.failed_units(m) == []
    process.kill()
    w.wait_properties(m, HomePortHolder="unknown")
    w.hold(lambda: w.sshd_ports(m) == {2222}, 0.5, "Restore=manual")


def test_others_take_both_of_two_ports_while_sshd_is_down(make):
    m = make(foreign=(22, 2022), **w.HASTE)
    m.write("/etc/ssh/sshd_config.d/50-two.conf", "Port 22\nPort 2022\n")
    w.boot(m)
    w.eventually(lambda: w.sshd_ports(m) == {22, 2022}, "both")
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    w.wait_properties(m, Port=0)
    for port in (22, 2022):
        w.start_holder(m, "linux", port)
    w.wait_properties(m, State="conflict")
    for _ in range(2):
        assert w.call(m, "Probe") == (0, "")
    assert sorted(entry["PORT"] for entry in w.told(m, "conflict")) == ["2022", "22"]


@pytest.mark.parametrize("where", ["linux", "other-distro"])
def test_another_takes_the_chosen_port_while_sshd_is_down(make, where):
    m, sessions = w.relocated(make, foreign=(2222,), **w.HASTE)
    m.run(["systemctl", "stop", "ssh.service"], check=True)
    for session in sessions:  # while they live, nobody else can bind their port without SO_REUSEADDR
        session.close()
    w.wait_properties(m, Port=0)
    process = w.start_holder(m, where, 2222)
    m.run(["systemctl", "start", "ssh.service"])
    w.reachable(m, "relocated", 22022)
    session = m.ssh_session(22022, "lan")
    with w.ticking(session):
        process.kill()
        w.hold(lambda: w.sshd_ports(m) == {22022}, 0.5, "it stays where clients know it")
        assert w.call(m, "Relocate", "q", "2222") == (0, "")
        w.reachable(m, "relocated", 2222)


@pytest.mark.parametrize("line, addresses, unit", [("AddressFamily inet", ["::"], ""), ("ListenAddress 127.0.0.1", ["127.0.0.3"], ""),
                                                   ("ListenAddress 127.0.0.1", MANY, ""),
                                                   ("ListenAddress 127.0.0.1", ["127.0.0.3"], "ssh.service")],
                         ids=["family", "address", "addresses", "in-its-unit"])
def test_a_user_listens_beside_sshds_addresses(make, line, addresses, unit):
    m = make(foreign=(2022,), **w.HASTE)
    m.write("/etc/ssh/sshd_config.d/50-address.conf", f"Port 2022\n{line}\n")
    w.boot(m)
    w.wait_properties(m, State="clear", Port=2022)
    # A user can be in sshd's cgroup: without PAM sessions stay there.
    m.spawn(["/bin/sh", "-c", (f"echo $$ >/sys/fs/cgroup/system.slice/{unit}/cgroup.procs; " if unit else "") +
             'exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"', "sh", "python3", "-Sc", LISTENS, "2022", *addresses])
    w.eventually(lambda: len(m.listeners()[2022]) == 1 + len(addresses), "all of them")
    w.eventually(lambda: "linux" in [listener[2] for listener in w.properties(m)["Listeners"]], "it is seen")
    w.hold(lambda: w.sshd_ports(m) == {2022}, 4, "nothing is taken from it")
    w.wait_properties(m, State="clear", Port=2022, HomePortHolder="sshd")


def test_sshd_is_found_among_many_listeners_when_its_home_is_unknown(make):
    m = w.boot(make(enabled=False, foreign=(3333,)))
    m.write("/etc/ssh/sshd_config.d/50-odd.conf", "Odd yes\n")
    m.spawn(["python3", "-Sc", LISTENS, "3333", *MANY])
    w.eventually(lambda: len(m.listeners().get(3333, [])) == len(MANY), "all of them")
    m.run(["systemctl", "start", w.UNIT], check=True)
    w.wait_properties(m, HomePort=0, Port=22)


@pytest.mark.parametrize("why", ["it was not to be moved", "nobody looked"])
def test_sshd_has_half_of_its_port(make, why):
    m = make(policy={"Relocate": "never"} if why == "it was not to be moved" else {}, **w.HASTE)
    w.boot(m)
    w.wait_properties(m, Port=22)
    if why == "nobody looked":
        m.run(["systemctl", "stop", w.UNIT], check=True)
    w.come_up_on_ipv6(m)
    session = m.ssh_session(22, "guest", "::1")
    with w.ticking(session):
        if why == "nobody looked":
            m.run(["systemctl", "start", w.UNIT], check=True)
        else:
            w.hold(lambda: m.listeners()[22] == ["::"], 0.5, "Relocate=never")
            m.write(w.CONFIG, w.configuration())
            m.run(["systemctl", "reload", w.UNIT], check=True)
        # The daemon reports the missing half, and makes sshd bind it.
        w.wait_properties(m, State="clear", Reason="sshd has 22 on IPv6 only")
        w.eventually(lambda: sorted(m.listeners().get(22, [])) == ["0.0.0.0", "::"], "all of 22")
        w.reachable(m, "clear", 22)
    assert w.properties(m)["Reason"] == "sshd has 22"


# ---- listeners on addresses that aren't sshd's ----

def test_a_stranger_on_another_address_keeps_nobody_out(make):
    m = make(foreign=(22,))
    m.write("/etc/ssh/sshd_config.d/50-one.conf", "ListenAddress 192.168.50.10\n")
    with w.held_boot(m):
        m.spawn(["python3", "-Sc", LISTENS, "22", "127.0.0.5"])
        w.eventually(lambda: m.listeners().get(22) == ["127.0.0.5"], "the stranger listens")
    p = w.wait_properties(m, State="clear", Port=22)
    assert p["HomePortHolder"] == "sshd" and sorted(m.listeners()[22]) == ["127.0.0.5", "192.168.50.10"]
    assert {entry["address"] for entry in w.binds(m, cgroup=w.HELPER_CGROUP)} == {"192.168.50.10"}


def test_an_address_that_windows_is_not_asked_about(make):
    m = make(windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/ssh/sshd_config.d/50-one.conf", "ListenAddress 127.0.0.5\n")
    w.boot(m)
    w.wait_properties(m, State="clear", Port=22, HomePortHolder="sshd")
    assert m.listeners()[22] == ["127.0.0.5"] and w.own_files(m) == {} and w.failed_units(m) == []


def test_an_address_beside_one_that_windows_is_not_asked_about(make):
    m = make(windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/ssh/sshd_config.d/50-two.conf", "ListenAddress 127.0.0.5\nListenAddress 192.168.50.10\n")
    w.boot(m)
    w.wait_properties(m, State="relocated", Port=2222)
    assert sorted(m.listeners()[2222]) == ["127.0.0.5", "192.168.50.10"] and w.failed_units(m) == []


def test_a_socket_of_both_families_is_in_the_way_of_either(make):
    """Debian's ssh.socket has [::]:22 only, for which systemd binds IPv4 too."""
    m = laid(make, "debian-12-socket", foreign=(22,))
    with w.held_boot(m, before=f"{w.UNIT} ssh.socket"):
        w.start_holder(m, "linux", 22)
    w.wait_properties(m, State="relocated", Port=2222)
    assert w.failed_units(m) == [] and m.listeners()[2222] == ["::"]


HIDES = """
import os, socket, sys, time
os.setuid(65534)
null = os.open("/dev/null", os.O_RDONLY)
for _ in range(4200):
    os.dup(null)
s = socket.create_server(("::1", int(sys.argv[1])), family=socket.AF_INET6)
time.sleep(100000)
"""


def test_a_user_who_hides_on_a_candidate(make):
    """He has so many files that the daemon doesn't find out whose the listener is. It is no sshd's: that would be root's."""
    m = make(windows={**w.WINDOWS_HOLDS_22, 2222: w.WINDOWS_HOLDS_22[22]}, foreign=(22022,), policy={"CandidatePorts": "2222 22022 2200"})
    with w.held_boot(m):
        m.spawn(["sh", "-c", 'ulimit -n "$(ulimit -Hn)"; exec "$@"', "sh", "python3", "-Sc", HIDES, "22022"])
        w.eventually(lambda: m.listeners().get(22022) == ["::1"], "he listens")
    w.wait_properties(m, State="relocated", Port=2200)
    assert 22022 not in {entry["port"] for entry in w.binds(m, cgroup=w.HELPER_CGROUP)}


def hold_candidate(m: w.Machine, address: str) -> None:
    """A user binds it, and never listens."""
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    m.run([*nobody, "python3", "-Sc", w.LISTEN, address, "2222", "fork"], check=True)


@pytest.mark.parametrize("address", ["::1", "127.0.0.5"])
@pytest.mark.parametrize("name", ["debian-12-socket", "ubuntu-24.04"])
def test_a_user_binds_a_candidate_and_never_listens(make, name, address):
    """No list of listeners shows him, nor does a bind of another address. A socket unit would fail for him at each start."""
    m = laid(make, name, windows=w.WINDOWS_HOLDS_22, foreign=(2222,))
    with w.held_boot(m, before=f"{w.UNIT} ssh.socket"):
        hold_candidate(m, address)
    w.eventually(lambda: (p := w.properties(m)) and p["State"] == "relocated" and p["Port"] and w.logs_in(m, p["Port"]), "sshd listens")
    assert w.failed_units(m) == []


def test_a_user_binds_an_address_of_each_candidate(make):
    """bind() fails as if Windows had refused, and nobody is told that it has."""
    m = w.boot(make(foreign=(2222,), policy={"CandidatePorts": "2222"}))
    w.wait_properties(m, State="clear", Port=22)
    hold_candidate(m, "127.0.0.1")
    status, text = w.call(m, "Relocate", "q", "2222")
    assert status != 0 and "does not listen" in text and "Windows" not in text, text


def test_a_socket_unit_is_to_be_moved_where_a_user_holds_a_family(make):
    """It isn't stopped for a port that it can't have."""
    m = w.boot(laid(make, "ubuntu-24.04", foreign=(2222,)))
    w.wait_properties(m, State="clear", Port=22)
    since = w.show(m, "ssh.socket", "ActiveEnterTimestampMonotonic")
    hold_candidate(m, "::1")
    assert w.call(m, "Relocate", "q", "2222")[0] != 0
    assert w.show(m, "ssh.socket", "ActiveEnterTimestampMonotonic") == since and w.own_files(m) == {}


def test_an_sshd_is_to_be_moved_where_a_user_holds_a_family(make):
    """It has IPv4 there, and its clients reach it."""
    m = w.boot(laid(make, "debian-12", foreign=(2222,)))
    w.wait_properties(m, State="clear", Port=22)
    hold_candidate(m, "::1")
    assert w.call(m, "Relocate", "q", "2222") == (0, "")
    assert m.listeners()[2222] == ["0.0.0.0"] and w.logs_in(m, 2222)


def test_an_sshd_of_two_addresses_is_to_be_moved_where_a_user_holds_one(make):
    """Clients of that address would no longer reach it: it stays where it is."""
    m = make(foreign=(2222,), stray=(2222,))
    m.write("/etc/ssh/sshd_config.d/50-two.conf", "ListenAddress 127.0.0.1\nListenAddress 192.168.50.10\n")
    w.boot(m)
    w.wait_properties(m, State="clear", Port=22)
    hold_candidate(m, "192.168.50.10")
    assert w.call(m, "Relocate", "q", "2222")[0] != 0
    w.eventually(lambda: sorted(m.listeners().get(22, [])) == ["127.0.0.1", "192.168.50.10"], "it is back on both")


def test_a_socket_unit_of_two_ports_goes_home(make):
    """It goes on listening on the other one all the time: that isn't asked about."""
    m = laid(make, "ubuntu-24.04", windows=w.WINDOWS_HOLDS_22)
    m.write("/etc/ssh/sshd_config.d/50-two.conf", "Port 2022\nPort 22\n")
    w.boot(m)
    w.wait_properties(m, State="relocated", Port=2222)
    m.windows.release(22)
    w.call(m, "Probe")
    w.eventually(lambda: w.call(m, "Restore") == (0, ""), "it goes home")
    w.eventually(lambda: {22, 2022} == set(m.listeners()), "it has both")
    w.hold(lambda: {22, 2022} == set(m.listeners()), 3)


def test_a_socket_unit_that_is_down_is_not_to_be_moved_any_more(make):
    """It is to go back to what its owner has, where no port has to be free: nobody asks Windows for 22."""
    m = laid(make, "ubuntu-24.04", windows=w.WINDOWS_HOLDS_22, foreign=(2222,), policy={"CandidatePorts": "2222"})
    w.boot(m)
    w.wait_properties(m, State="relocated", Port=2222)
    m.run(["systemctl", "stop", "ssh.socket", "ssh.service"])
    w.start_holder(m, "linux", 2222)
    m.run(["systemctl", "start", "ssh.socket"])
    w.eventually(lambda: w.active_state(m, "ssh.socket") == "failed" and w.properties(m)["State"] == "blocked", "it is down")
    m.write(w.CONFIG, w.configuration(Policy={"Relocate": "never"}))
    before = len(w.binds(m, cgroup=w.HELPER_CGROUP))
    w.call(m, "Reload")
    w.eventually(lambda: w.properties(m)["State"] == "unmanaged", "it is left alone")
    assert len(w.binds(m, cgroup=w.HELPER_CGROUP)) == before


def test_the_second_port_of_a_socket_unit_can_not_be_had(make):
    """The unit isn't stopped for that: it would be down on its other ports too. Of 22 only IPv4 was asked about before."""
    m = laid(make, "ubuntu-24.04", windows=w.WINDOWS_HOLDS_22, stray=(22,))
    m.write("/etc/ssh/sshd_config.d/50-two.conf", "Port 2022\nPort 22\n")
    w.boot(m)
    w.wait_properties(m, State="relocated", Port=2222)
    m.windows.release(22)
    m.run(["python3", "-Sc", w.LISTEN, "::1", "22", "fork"], check=True)
    since = w.show(m, "ssh.socket", "ActiveEnterTimestampMonotonic")
    assert w.call(m, "Restore")[0] != 0
    assert w.show(m, "ssh.socket", "ActiveEnterTimestampMonotonic") == since and set(m.listeners()) == {2022, 2222}


def test_another_socket_unit_has_another_address_of_the_port(make):
    """systemd holds both, and clients of that address don't get to sshd."""
    m = laid(make, "ubuntu-24.04")
    m.write("/etc/ssh/sshd_config.d/50-one.conf", "ListenAddress 192.168.50.10\n")
    m.write("/etc/systemd/system/other.socket", "[Socket]\nListenStream=127.0.0.1:22\nAccept=yes\n[Install]\nWantedBy=sockets.target\n")
    m.write("/etc/systemd/system/other@.service", "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n")
    m.enable("other.socket")
    w.boot(m)
    p = w.wait_properties(m, State="clear", Port=22)
    assert {(address, holder) for address, _, holder, _ in p["Listeners"]} == {("192.168.50.10", "sshd"), ("127.0.0.1", "linux")}


@pytest.mark.waits
def test_windows_leaves_the_second_port_of_two(make):
    m = make(windows=w.WINDOWS_HOLDS_22, policy={"Restore": "auto"}, **w.HASTE)
    m.write("/etc/ssh/sshd_config.d/50-two.conf", "Port 2022\nPort 22\n")
    w.boot(m)
    w.wait_properties(m, State="relocated", Port=2222)
    m.windows.release(22)
    w.eventually(lambda: w.sshd_ports(m) == {22, 2022}, "it goes home by itself", timeout=100)
