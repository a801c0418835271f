# SPDX-License-Identifier: LGPL-2.1-or-later
"""wslportctl diagnose: the tests provoke each problem, diagnose finds it, and the remedy, typed as printed, mends it.

Windows' programs are stand-ins that record their calls. For `wsl.exe --shutdown` the test boots the machine again, in the mode
that .wslconfig then has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

import wslport as w
from machine import Machine
from windows import Greeting

MARKS = {"✓": "ok", "✗": "problem", "!": "warning", "?": "unknown", "–": "skipped"}
SYSTEM32 = "/mnt/c/Windows/System32"
CALLS = "/root/calls"
WSLCONFIG = "/mnt/c/Users/O'Neil Smith/.wslconfig"
GOOD_WSLCONFIG = "[wsl2]\r\nnetworkingMode=mirrored\r\n[general]\r\ninstanceIdleTimeout=-1\r\n"
SSHD_CONFIG = "/etc/ssh/sshd_config"
UNKNOWN_HERE = {"windows-firewall"}  # wslportd asks Windows only with Interop=yes


@dataclass(frozen=True)
class Check:
    verdict: str
    finding: str
    remedy: str


def parse(text: str) -> dict[str, Check]:
    """The output of wslportctl diagnose for people."""
    found: dict[str, Check] = {}
    name = ""
    *lines, total = text.splitlines()
    for line in lines:
        if line.startswith(" " * 20):
            assert found[name].remedy == ""
            found[name] = Check(found[name].verdict, found[name].finding, line[20:])
            continue
        mark, name, finding = re.fullmatch(r"(\S) (\S+) +(\S.*)", line).groups()  # type: ignore[union-attr]
        assert name not in found
        found[name] = Check(MARKS[mark], finding, "")
    of = [check.verdict for check in found.values()]
    counts = {word: of.count(word) for word in ("problem", "warning", "unknown")}
    words = [f"{n} {word}{'s' if n != 1 and word != 'unknown' else ''}" for word, n in counts.items() if n or word != "warning"]
    assert total.partition(";")[0] == ", ".join(words)
    assert [verdict for verdict in of if verdict == "problem"] == of[len(of) - counts["problem"]:]
    return found


def diagnose(m: Machine, *wrapper: str) -> dict[str, Check]:
    result = m.run([*wrapper, "wslportctl", "diagnose", "--all"])
    found = parse(result.stdout)
    assert len(found) == 26 and result.stderr == ""
    assert result.returncode == (6 if any(check.verdict == "problem" for check in found.values()) else 0)
    return found


def type_it(m: Machine, command: str) -> None:
    assert command
    m.run(["sh", "-ec", command], check=True, env={"PATH": m.environment["PATH"] + ":" + SYSTEM32})


def stand_in(m: Machine, path: str, script: str = "") -> None:
    m.write(path, f'#!/bin/sh\nprintf "%s\\n" "${{0##*/}} $*" >> {CALLS}\n{script}\n', 0o755)


def calls(m: Machine) -> list[str]:
    return m.read(CALLS).splitlines() if m.exists(CALLS) else []


def furnish(m: Machine, wslconfig: str = GOOD_WSLCONFIG) -> Machine:
    m.write(WSLCONFIG, wslconfig)
    m.path("/mnt/c/Users/Public").mkdir()
    stand_in(m, f"{SYSTEM32}/wsl.exe")
    return m


def verdicts(found: dict[str, Check]) -> dict[str, str]:
    """The checks that ask a person to do something."""
    return {name: check.verdict for name, check in found.items() if check.verdict not in ("ok", "skipped")}


def wait_well(m: Machine) -> dict[str, Check]:
    found: dict[str, Check] = {}

    def well() -> bool:
        found.update(diagnose(m))
        return verdicts(found) == dict.fromkeys(UNKNOWN_HERE, "unknown")
    try:
        w.eventually(well, "nothing is wrong")
    except AssertionError:
        raise AssertionError(verdicts(found)) from None
    return found


def run(m: Machine, script: str) -> None:
    m.run(["sh", "-ec", script], check=True)


def append(path: str, line: str) -> Callable[[Machine], None]:
    return lambda m: m.write(path, m.read(path) + line + "\n")


def script(text: str) -> Callable[[Machine], None]:
    return lambda m: run(m, text)


def several(*steps: Callable[[Machine], None]) -> Callable[[Machine], None]:
    def provoke(m: Machine) -> None:
        for step in steps:
            step(m)
    return provoke


def wslconfig(more: str) -> Callable[[Machine], None]:
    return lambda m: m.write(WSLCONFIG, GOOD_WSLCONFIG + more)


def tools(m: Machine) -> None:
    """Writes stand-ins for programs that the lab's root doesn't have. Each records its call, and keeps such state as the real
    program does."""
    m.path("/etc/firewalld/zones").mkdir(parents=True, exist_ok=True)
    m.path("/etc/ufw").mkdir(exist_ok=True)
    m.path("/var/lib/selinux/targeted/active").mkdir(parents=True, exist_ok=True)
    stand_in(m, "/usr/local/sbin/ufw", 'echo "### tuple ### allow tcp ${2%/tcp} 0.0.0.0/0 any 0.0.0.0/0 in" >> /etc/ufw/user.rules')
    stand_in(m, "/usr/local/sbin/firewall-cmd",
             'case "$2" in --add-port=*) port=${2#*=}; echo "<zone><port port=\\"${port%/tcp}\\" protocol=\\"tcp\\"/></zone>" '
             "> /etc/firewalld/zones/public.xml; esac")
    stand_in(m, "/usr/local/sbin/semanage",
             'echo "portcon tcp $7 system_u:object_r:ssh_port_t:s0" >> /var/lib/selinux/targeted/active/ports.local')


def fail2ban(m: Machine) -> None:
    """Configures a fail2ban that isn't there, but for its unit."""
    m.path("/etc/fail2ban/jail.d").mkdir(parents=True, exist_ok=True)
    m.write("/etc/fail2ban/jail.local", "[sshd]\nenabled = true\nport = ssh\n")
    m.write("/run/systemd/system/fail2ban.service", "[Service]\nExecStart=/bin/true\n")
    run(m, "systemctl daemon-reload")


# The kernel has no SELinux, so one command sees a file that says SELinux enforces. D-Bus is hidden from that command, because the
# daemon, which would answer in its place, doesn't see the file.
ENFORCING = ["unshare", "--mount", "sh", "-ec", """
mkdir -p /run/cgroup && mount --rbind /sys/fs/cgroup /run/cgroup && mount -t tmpfs none /sys/fs
mkdir /sys/fs/cgroup /sys/fs/selinux && mount --rbind /run/cgroup /sys/fs/cgroup && printf 1 > /sys/fs/selinux/enforce
mount --bind /dev/null /run/dbus/system_bus_socket
exec "$@" """, "sh"]

# How to provoke the problem, the finding (verdict and a part of the text), and other findings that may come with it.
CASES: list[tuple[str, Callable[[Machine], None], str, str]] = [
    ("daemon", script("systemctl disable --now wslportd"), "problem", "does not run, and is not enabled"),
    ("daemon", script("systemctl mask --now wslportd"), "problem", "masked"),
    ("daemon", script("systemctl disable wslportd"), "problem", "will not at the next boot"),
    ("sshd-config", append(SSHD_CONFIG, "NoSuchOption yes"), "problem", "Bad configuration option: NoSuchOption"),
    ("sshd-config", script(f"echo NoSuchOption yes >>{SSHD_CONFIG}; systemctl restart ssh || true"), "problem", "NoSuchOption"),
    ("host-keys", script("rm /etc/ssh/ssh_host_*; systemctl restart ssh || true"), "problem", "no host key"),
    ("sshd-config", script(f"sed -i '1s/^/\\xef\\xbb\\xbf/' {SSHD_CONFIG}"), "problem", "byte order mark"),
    ("sshd-config", script(f"iconv -t UTF-16 -o /tmp/wide {SSHD_CONFIG}; cp /tmp/wide {SSHD_CONFIG}"), "problem", "is in UTF-16"),
    ("run-directory", script("rmdir /run/sshd"), "problem", "/run/sshd is missing"),
    ("sshd-enabled", script("systemctl disable --now ssh.service"), "problem", "ssh.service is not enabled"),
    ("sshd-enabled", script("systemctl stop ssh.service; systemctl mask ssh.service"), "problem", "masked"),
    ("sshd-running", script("systemctl stop ssh.service"), "problem", "ssh.service does not run"),
    ("listening", script("systemctl stop ssh.service"), "problem", "does not listen on port 2222"),
    ("listen-address", several(append(SSHD_CONFIG, "ListenAddress 127.0.0.1"), script("systemctl reload ssh.service")),
     "problem", f"ListenAddress in {SSHD_CONFIG}:"),
    ("ignored-ports", wslconfig("[experimental]\nignoredPorts=80, 2222,443\n"), "problem", "names port 2222"),
    ("ignored-ports", wslconfig("[EXPERIMENTAL]\r\nIgnoredPorts = \"2222\"\r\n"), "problem", "names port 2222"),
    ("idle-timeout", lambda m: m.write(WSLCONFIG, "[general]\ninstanceIdleTimeout=20000\n"), "warning", "20 s after"),
    ("idle-timeout", lambda m: m.write(WSLCONFIG, "[general]\n[wsl2]\nnetworkingMode=mirrored"), "warning", "15 s after"),
    ("idle-timeout", lambda m: m.path(WSLCONFIG).unlink(), "warning", "15 s after"),
    ("ufw", several(tools, lambda m: m.write("/etc/ufw/ufw.conf", "ENABLED=yes\n")), "problem", "ufw is on"),
    ("port-rules", lambda m: fail2ban(m), "warning", "/etc/fail2ban/jail.local:3 does not ban on port 2222"),
    ("firewalld", several(tools, lambda m: m.write("/run/firewalld.pid", "1\n")), "problem", "firewalld is on"),
]


# Listeners of all distros show up in the kernel's list, so one program makes many of them.
MANY = "import socket, time; s = [socket.create_server(('127.0.0.1', port)) for port in range(40000, 40200)]; time.sleep(100000)"


def expect(m: Machine, name: str, verdict: str, text: str) -> Check:
    check = diagnose(m)[name]
    assert (check.verdict, text in check.finding) == (verdict, True), (name, check)
    return check


def mends(m: Machine, name: str, verdict: str, text: str) -> str:
    """Checks that diagnose finds the problem, and that it is gone once the remedy was typed. Returns the remedy."""
    remedy = expect(m, name, verdict, text).remedy
    type_it(m, remedy)
    w.eventually(lambda: diagnose(m)[name].verdict == "ok", f"{name}: {remedy}")
    return remedy


def test_each_check_is_found_and_mended(make):
    m = w.boot(furnish(make(windows=w.WINDOWS_HOLDS_22)))
    w.wait_sshd(m, 2222)
    m.spawn(["python3", "-S", "-c", MANY])
    w.eventually(lambda: len(m.listeners()) > 200, "others listen too")
    found = wait_well(m)
    assert "Windows (OpenSSH_for_Windows_9.5) has 22" in found["port-holder"].finding
    assert found["addresses"].finding.startswith("other machines use 192.168.50.10 (LAN); Windows itself uses localhost")
    assert found["windows-firewall"].remedy == "wslportctl firewall --apply"

    for name, provoke, verdict, text in CASES:
        provoke(m)
        mends(m, name, verdict, text)
        w.wait_sshd(m, 2222)
        wait_well(m)
        if name in ("ignored-ports", "idle-timeout"):
            assert calls(m).pop() == "wsl.exe --shutdown"
    assert m.read(WSLCONFIG) == "\n[general]\ninstanceIdleTimeout=-1\n"

    append(w.CONFIG, "Bogus=1")(m)
    assert expect(m, "configuration", "problem", f"{w.CONFIG}:3: ").remedy == ""  # the line may be meant to forbid something
    m.run(["sed", "-i", "3d", w.CONFIG], check=True)

    tools(m)
    enforcing = diagnose(m, *ENFORCING)["selinux"]
    assert (enforcing.verdict, enforcing.remedy) == ("problem", "semanage port -a -t ssh_port_t -p tcp 2222")
    type_it(m, enforcing.remedy)
    assert diagnose(m, *ENFORCING)["selinux"].verdict == "ok"
    assert calls(m)[-1] == enforcing.remedy


def test_what_passes_is_shown_where_there_is_room(make):
    m = w.boot(furnish(make(windows=w.WINDOWS_HOLDS_22)))
    w.wait_sshd(m, 2222)
    short = m.run(["wslportctl", "diagnose"], check=True).stdout
    assert list(parse(short)) == ["windows-firewall"]
    assert short.splitlines()[-1] == "0 problems, 1 unknown; `wslportctl diagnose --all` shows 25 more"
    assert len(json.loads(m.run(["wslportctl", "diagnose", "--json"], check=True).stdout)) == 26
    for rows, shown in (24, 1), (60, 26):
        command = f"stty rows {rows} columns 200; NO_COLOR=1 wslportctl diagnose"
        result = m.run(["script", "--quiet", "--return", "--command", command, "/dev/null"], check=True)
        assert len(parse(result.stdout.replace("\r", ""))) == shown
    # What Interop=no keeps unknown is one line, also where nobody knows whose .wslconfig counts.
    m.write("/mnt/c/Users/second/.wslconfig", GOOD_WSLCONFIG)
    assert verdicts(diagnose(m)) == {"windows-firewall": "unknown"}
    assert "Interop=no" in diagnose(m)["windows-firewall"].finding


def test_half_of_its_port(make):
    """Another program had 22 on IPv4 when sshd came. The daemon, which doesn't run, would mend that."""
    m = w.boot(furnish(make(enabled=False)))
    m.wait_listening(22)
    w.come_up_on_ipv6(m)
    assert diagnose(m, "env", "SUDO_USER=me")["listen-address"].remedy == "sudo systemctl restart ssh.service"
    assert mends(m, "listen-address", "problem", "IPv6 only: something else had port 22") == "systemctl restart ssh.service"
    assert sorted(m.listeners()[22]) == ["0.0.0.0", "::"]

    # With AddressFamily=inet6 that is no problem.
    append(SSHD_CONFIG, "AddressFamily inet6")(m)
    run(m, "systemctl restart ssh.service")
    w.eventually(lambda: m.listeners().get(22) == ["::"], "IPv6")
    expect(m, "listen-address", "ok", "for other machines")


def test_without_the_daemon(make):
    """diagnose tells who has the port, why sshd failed, what Windows has to do with it, and whether the socket fits the policy."""
    m = furnish(make(enabled=False, foreign=(22,), keep_ms=2000))
    append(SSHD_CONFIG, "AddressFamily inet")(m)
    w.linux_holder(m, 22)
    w.boot(m)
    w.eventually(lambda: w.failed_units(m) == ["ssh.service"], "sshd has failed")
    m.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "logger", "-t", "sshd", "-p", "auth.err", "anybody's"],
          check=True)
    w.eventually(lambda: "anybody's" in m.messages(SYSLOG_IDENTIFIER="sshd"), "it is in the journal")
    found = diagnose(m)
    assert found["sshd-running"].finding == (
        "ssh.service has failed (exit-code): error: Bind to port 22 on 0.0.0.0 failed: Address already in use.; see port-holder")
    assert found["sshd-running"].remedy == "" and "see port-holder" in found["listening"].finding
    assert re.match(r"python3 \(pid \d+, holder-22.service\) has port 22", found["port-holder"].finding)
    assert mends(m, "port-holder", "problem", "holder-22.service") == "systemctl stop holder-22.service"
    mends(m, "sshd-running", "problem", "Address already in use")
    assert w.logs_in(m, 22)

    # A user's own program, in no unit of systemd's, has the port.
    run(m, "systemctl stop ssh.service")
    m.write("/root/listen.py", w.LISTEN)
    m.spawn(["python3", "-S", "/root/listen.py", "0.0.0.0", "22", "listen"])
    m.wait_listening(22)
    assert mends(m, "port-holder", "problem", "python3 (pid ").startswith("kill ")

    # A program of another distro has it.
    other = m.other_distro(["python3", "-S", "/root/listen.py", "0.0.0.0", "22", "listen"])
    m.wait_listening(22)
    check = expect(m, "port-holder", "problem", "another WSL distro has port 22")
    type_it(m, check.remedy)
    assert calls(m)[-1] == "wsl.exe --list --running"
    other.kill()
    w.eventually(lambda: 22 not in m.listeners(), "the other distro's is gone")

    # A program of Windows' has it. Then the remedy is wslportd.
    w.eventually(lambda: m.windows.claim(22), "Windows has 22")
    m.run(["systemctl", "start", "ssh.service"])
    assert "Address already in use" in diagnose(m)["sshd-running"].finding
    assert mends(m, "port-holder", "problem", "Windows (OpenSSH_for_Windows_9.5) has port 22") == (
        "systemctl enable --now wslportd.service")
    w.wait_sshd(m, 2222)
    wait_well(m)

    # The socket unit is active, and the policy disables it. The daemon would do so itself.
    m.windows.release(22)
    run(m, "systemctl disable --now wslportd.service ssh.service && systemctl enable --now ssh.socket")
    m.write(w.CONFIG, w.configuration(SSH={"SocketActivation": "disable"}))
    assert mends(m, "ssh-socket", "problem", "ssh.socket is active") == (
        "systemctl disable --now ssh.socket && systemctl enable --now ssh.service")
    w.wait_sshd(m, 2222)


def test_windows_refuses_every_candidate(make):
    m = furnish(make(windows=w.WINDOWS_HOLDS_22, excluded=["2222", "22022", "2200-2299"]))
    m.write(w.CONFIG, w.configuration(Policy={"CandidatePorts": "2222 22022 2200-2203  # mine"})
            .replace("CandidatePorts=", "CandidatePorts = ").replace("\n", "\r\n"))
    w.boot(m)
    w.wait_properties(m, State="blocked")
    check = expect(m, "windows-range", "problem", "no port that sshd may be moved to is free")
    assert expect(m, "port-holder", "problem", "Windows (").remedy == ""
    type_it(m, check.remedy)
    assert m.read(w.CONFIG).endswith("# mine\n")
    w.wait_properties(m, timeout=60, State="relocated", Port=8022)
    w.wait_sshd(m, 8022)
    wait_well(m)


def wsl_starts_anew(m: Machine, mode: str) -> None:
    """Boots the machine again, as after `wsl.exe --shutdown`."""
    assert calls(m)[-1] == "wsl.exe --shutdown"
    m.kill()
    w.set_mode(m, mode)
    w.boot(m)


def test_modes_and_addresses(make):
    m = furnish(make(mode="nat", windows=w.WINDOWS_HOLDS_22), "[wsl2]\r\nmemory=4GB\r\n[general]\ninstanceIdleTimeout=-1")
    w.boot(m)
    found = diagnose(m)
    assert found["addresses"].finding.startswith("172.29.0.2 is an address inside of Windows")
    check = expect(m, "networking-mode", "problem", "the networking mode is nat")
    type_it(m, check.remedy)
    assert "mirrored: WSL has not been shut down since" in diagnose(m)["networking-mode"].finding
    assert diagnose(m)["networking-mode"].remedy == "wsl.exe --shutdown"
    assert m.read(WSLCONFIG).splitlines()[1] == "networkingMode=mirrored"
    wsl_starts_anew(m, "mirrored")
    w.wait_sshd(m, 2222)
    assert wait_well(m)["networking-mode"].verdict == "ok"

    run(m, "ip address flush dev eth0 scope global")
    type_it(m, expect(m, "addresses", "problem", "no address of a LAN or a mesh").remedy)
    run(m, "ip address add 169.254.7.7/16 dev eth0")
    type_it(m, expect(m, "addresses", "problem", "only 169.254.7.7").remedy)
    wsl_starts_anew(m, "mirrored")
    w.wait_sshd(m, 2222)
    assert wait_well(m)["addresses"].verdict == "ok"


REPACK = """
archive=/srv/archive; tree=/tmp/tree; name=openssh-server
mkdir -p $archive $tree/DEBIAN
dpkg-query --status $name | sed -e '/^Status:/d' -e '/^Conffiles:/,/^[^ ]/{/^Conffiles:/d;/^ /d}' > $tree/DEBIAN/control
for script in preinst postinst prerm postrm conffiles templates config; do
        [ ! -e /var/lib/dpkg/info/$name.$script ] || cp -p /var/lib/dpkg/info/$name.$script $tree/DEBIAN/$script
done
while read -r path; do
        [ ! -e "$path" ] || { [ -L "$path" ] && [ -d "$path" ]; } || echo "$path"
done < /var/lib/dpkg/info/$name.list | tar -C / --no-recursion -T - -cf - | tar -C $tree -xf -
dpkg-deb --build --root-owner-group -Znone $tree $archive/$name.deb > /dev/null
{ cat $tree/DEBIAN/control; echo "Filename: ./$name.deb"; echo "Size: $(stat -c %s $archive/$name.deb)"
  echo "SHA256: $(sha256sum $archive/$name.deb | cut -d' ' -f1)"; } > $archive/Packages
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* $tree
echo "deb [trusted=yes] file:$archive ./" > /etc/apt/sources.list
apt-get -qq update
dpkg --purge $name
"""


def test_sshd_is_not_installed(make):
    m = w.boot(furnish(make(windows=w.WINDOWS_HOLDS_22)))
    run(m, REPACK)
    found = diagnose(m)
    assert found["sshd-running"].verdict == found["listening"].verdict == "skipped"
    assert mends(m, "sshd-installed", "problem", "sshd is not installed") == "apt-get install -y openssh-server"
    w.wait_sshd(m, 2222)
    wait_well(m)
    assert w.logs_in(m, 2222)


USER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
# Hides the bus; or PID 1 as well, as in a distro whose wsl.conf doesn't turn systemd on.
NO_BUS = ["unshare", "--mount", "sh", "-ec", 'mount -t tmpfs none /run/dbus; exec "$@"', "sh"]
NO_SYSTEMD = ["unshare", "--mount", "sh", "-ec", 'mount -t tmpfs none /run/dbus; mount -t tmpfs none /run/systemd; exec "$@"', "sh"]


def test_as_far_as_it_can(make):
    """diagnose works for a user, in the daemon's sandbox, without the daemon, D-Bus or systemd, and outside of WSL."""
    m = w.boot(furnish(make(windows=w.WINDOWS_HOLDS_22)))
    w.wait_sshd(m, 2222)
    well = wait_well(m)

    of_json = json.loads(m.run(["wslportctl", "diagnose", "--json"], check=True).stdout)
    assert {entry["Check"]: Check(entry["Verdict"], entry["Finding"], entry["Remedy"]) for entry in of_json} == well
    assert json.loads(m.run(["wslportctl", "--json", "diagnose"], check=True).stdout) == of_json

    # The daemon runs diagnose in a sandbox, where diagnose sees what root sees; and for others what any user sees.
    shown = m.run(["busctl", "--json=short", "call", *w.BUS, w.INTERFACE, "Diagnose"], check=True).stdout
    with_sudo = {name: Check(verdict, finding, remedy) for name, verdict, finding, remedy in json.loads(shown)["data"][0]}
    assert verdicts(with_sudo) == verdicts(well)
    shown = m.run([*USER, "busctl", "--json=short", "call", *w.BUS, w.INTERFACE, "Diagnose"], check=True).stdout
    of_any_user = {name: Check(verdict, finding, remedy) for name, verdict, finding, remedy in json.loads(shown)["data"][0]}

    # A user sees less, and diagnose says so. Commands that need root begin with sudo.
    as_user = diagnose(m, *USER)
    assert as_user == of_any_user
    assert verdicts(as_user) == {**verdicts(well), "host-keys": "unknown"} and as_user["sshd-config"].verdict == "ok"
    run(m, "systemctl stop wslportd.service")
    as_user = diagnose(m, *USER)
    assert (as_user["daemon"].verdict, as_user["daemon"].remedy) == ("problem", "sudo systemctl enable --now wslportd.service")
    assert as_user["port-holder"].verdict == as_user["listening"].verdict == "unknown"

    for wrapper in (NO_BUS, NO_SYSTEMD):
        found = diagnose(m, *wrapper)
        assert found["listening"].verdict == "ok" and found["sshd-config"].verdict == "ok"
        assert found["networking-mode"].verdict == "ok"
    assert found["systemd"].remedy == "printf '\\n[boot]\\nsystemd=true\\n' | tee -a /etc/wsl.conf && wsl.exe --shutdown"
    type_it(m, found["systemd"].remedy)
    assert m.read("/etc/wsl.conf") == "\n[boot]\nsystemd=true\n" and calls(m)[-1] == "wsl.exe --shutdown"

    m.kill()
    w.set_mode(m, "not-wsl")
    m.kernel = "6.18.0-amd64"
    w.boot(m)
    for wrapper in ([], USER):
        found = diagnose(m, *wrapper)
        assert {name for name, check in found.items() if check.finding == "this is not WSL"} == {
            "systemd", "daemon", "networking-mode", "port-tracker", "windows-range", "ignored-ports", "windows-firewall",
            "from-windows", "idle-timeout"}
        assert found["sshd-running"].verdict == "ok"


def test_rules_of_others(make):
    """The owner's own rules for the port from which sshd was moved."""
    m = w.boot(furnish(make(windows=w.WINDOWS_HOLDS_22)))
    w.wait_sshd(m, 2222)
    found = wait_well(m)
    assert found["packet-filter"].finding.startswith("no file of nftables or iptables")
    rules = "/etc/iptables/rules.v4"
    m.write(rules, ":INPUT DROP [0:0]\n-A INPUT -p tcp --dport 22 -j ACCEPT\n")
    expect(m, "packet-filter", "warning", f"the rule for port 22 in {rules}:2 does not let in to port 2222")
    append(rules, "-A INPUT -p tcp --dport 2222 -j ACCEPT")(m)
    expect(m, "packet-filter", "ok", "no file of nftables")
    append(rules, "-A PREROUTING -p tcp --dport 2222 -j DNAT --to-destination 172.17.0.2:22")(m)
    expect(m, "packet-filter", "problem", f"the rule for port 2222 in {rules}:4 sends elsewhere")

    m.path(rules).chmod(0o600)
    append(SSHD_CONFIG, "Match LocalPort 22\n    X11Forwarding no")(m)
    expect(m, "port-rules", "warning", f"Match LocalPort 22 in {SSHD_CONFIG}:")
    run(m, "systemctl stop wslportd.service")
    assert diagnose(m, *USER)["packet-filter"].verdict == "unknown"
    append(SSHD_CONFIG, "Match LocalPort 2222\n    X11Forwarding no")(m)
    expect(m, "port-rules", "ok", "no rule for another port")


HANGING_DRIVE = """
[ -e /dev/fuse ] || mknod /dev/fuse c 10 229
mkdir -p /mnt/c
exec 7<> /dev/fuse
mount -i -t fuse -o fd=7,rootmode=40000,user_id=0,group_id=0 none /mnt/c
exec sleep infinity
"""


def test_a_drive_that_hangs(make):
    """Windows' file server doesn't answer: drive C: is a file system whose server never reads a request."""
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22))
    w.wait_sshd(m, 2222)
    m.spawn(["sh", "-ec", HANGING_DRIVE])
    w.eventually(lambda: " /mnt/c fuse " in m.read(f"/proc/{w.main_pid(m)}/mounts"), "the drive is there")
    touch = m.spawn(["ls", "/mnt/c"])
    found = diagnose(m)
    assert touch.poll() is None
    assert found["idle-timeout"].verdict == found["ignored-ports"].verdict == "unknown"
    assert found["listening"].verdict == "ok"
    touch.kill()


def test_files_that_are_hostile(make):
    m = w.boot(furnish(make(windows=w.WINDOWS_HOLDS_22)))
    w.wait_sshd(m, 2222)
    m.path(WSLCONFIG).unlink()
    run(m, f'mkfifo "{WSLCONFIG}"')
    assert diagnose(m)["idle-timeout"].verdict == "unknown"
    m.path(WSLCONFIG).unlink()

    m.write("/mnt/c/Users/\x1b[2J\n\tevil/.wslconfig", "[general]\ninstanceIdleTimeout=5000\n")
    check = diagnose(m)["idle-timeout"]
    assert check.remedy == "" and check.verdict == "warning"  # read, and never typed

    append(SSHD_CONFIG, "\x1b[31mPort\x9b 22")(m)
    result = m.run(["wslportctl", "diagnose"])
    assert not re.search(r"[^\x20-\x7e\n✓✗–]", result.stdout)
    assert parse(result.stdout)["sshd-config"].verdict == "problem"


def netsh(m: Machine, excluded: str) -> None:
    stand_in(m, f"{SYSTEM32}/netsh.exe", f"""
case "$4" in
excludedportrange) printf -- '{excluded}' ;;
dynamicport) printf '\\r\\nStartport : 49152\\r\\nAnzahl : 16384\\r\\n' ;;
esac """)


def test_windows_is_asked_where_that_is_allowed(make):
    m = furnish(make(windows=w.WINDOWS_HOLDS_22, keep_ms=2000))
    m.write(w.CONFIG, w.configuration(Windows={"Interop": "yes"}))
    second = "/mnt/c/Users/second/.wslconfig"
    m.write(second, "[wsl2]\nnetworkingMode=mirrored\nvmIdleTimeout=-1\n[general]\ninstanceIdleTimeout=7000\n")
    stand_in(m, f"{SYSTEM32}/reg.exe", r"""
case "$2" in
*sshd) printf '\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\sshd\r\n    Start    REG_DWORD    0x2\r\n\r\n' ;;
*) printf '\r\nHKEY_CURRENT_USER\\Volatile Environment\r\n    USERPROFILE    REG_SZ    C:\\Users\\second\r\n\r\n' ;;
esac """)
    netsh(m, r"\r\nStartport   Endport\r\n---------   -------\r\n     2222      2230\r\n\r\n")
    # One script asks for the rules, another one runs a command elevated.
    stand_in(m, f"{SYSTEM32}/WindowsPowerShell/v1.0/powershell.exe", r"""
if [ "$3" = -EncodedCommand ] && echo "$4" | base64 -d | grep -aq C.o.n.n.e.c.t; then
        cat /root/greeting
        exit
fi
case "$3" in
-EncodedCommand) cat /root/rules 2> /dev/null; echo end ;;
*) echo 'rule|2222|LocalSubnet|WSL SSH (2222, lan)' >> /root/rules ;;
esac """)
    w.boot(m)
    w.wait_sshd(m, 2222)
    found = diagnose(m)
    assert found["windows-range"].verdict == "ok"  # sshd has 2222, so Windows has allowed it
    assert "an sshd that starts with Windows" in found["port-holder"].finding
    assert found["from-windows"].verdict == "unknown"
    for greeting, verdict, told in ((b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "ok", "reaches sshd at localhost:2222"),
                                    (w.WINDOWS.text, "problem", "its own sshd"), (b"none\r\n", "warning", "no greeting")):
        m.path("/root/greeting").write_bytes(greeting)
        expect(m, "from-windows", verdict, told)

    assert "'" not in mends(m, "idle-timeout", "warning", "7 s after").split("sed -i '5s/.*/instanceIdleTimeout=-1/'")[1]
    assert "instanceIdleTimeout=-1" in m.read(second) and m.path(WSLCONFIG).read_bytes() == GOOD_WSLCONFIG.encode()

    remedy = expect(m, "windows-firewall", "problem", "no rule that lets other machines in to port 2222").remedy
    assert remedy == "wslportctl firewall --apply"
    # wslportctl asks on the terminal on which it was typed.
    type_it(m, f"printf 'y\\n' | script --quiet --return --command '{remedy}' /dev/null")
    assert diagnose(m)["windows-firewall"].verdict == "ok"
    assert any(call.startswith("powershell.exe ") and "RunAs" in call for call in calls(m))

    run(m, "systemctl stop wslportd.service ssh.service")
    w.eventually(lambda: "tcp/2222" not in m.windows.reservations(), "Windows has 2222 back")
    # Where nothing was refused, a range in which Windows may refuse a port is no cause.
    netsh(m, r"-----\r\n     2222      2230     *\r\n")
    expect(m, "windows-range", "unknown", "port 2222 lies in 2222-2230, where Windows may refuse it")
    assert expect(m, "listening", "problem", "does not listen on port 2222").remedy == "systemctl restart ssh.service"
    netsh(m, r"\377\376S\0t\0a\0r\0t\0")  # UTF-16
    expect(m, "windows-range", "unknown", "can't tell")
    netsh(m, "-----\r\n" + "".join(f"{port} {port}\r\n" for port in range(2000, 2231)))
    m.windows.exclude("2222")
    m.run(["systemctl", "start", "ssh.service"])
    assert diagnose(m)["sshd-running"].finding.endswith("see windows-range")
    assert mends(m, "windows-range", "problem", "port 2222 lies in 2222-2222") == "systemctl enable --now wslportd.service"
    w.wait_sshd(m, 22022)


def test_the_tracker_and_windows_silence_are_told(make):
    """No remedy is printed that would have sshd bind, while nobody can."""
    m = furnish(make(windows=w.WINDOWS_HOLDS_22))
    with w.held_boot(m):
        m.windows.dead()
    w.wait_properties(m, State="blocked", LastBind="tracker-dead")
    found = diagnose(m)
    assert found["port-tracker"].finding.startswith("WSL's port tracker is dead")
    assert "see port-tracker" in found["sshd-running"].finding and "see port-tracker" in found["listening"].finding
    assert {check.remedy for check in found.values() if check.verdict == "problem"} == {"wsl.exe --shutdown", ""}

    m.run(["systemctl", "stop", "wslportd.service"])
    found = diagnose(m)  # sshd's own words tell it
    assert found["port-tracker"].verdict == "problem" and found["sshd-running"].remedy == ""
    m.kill()
    m.disable("barrier.service")
    w.boot(m)
    w.wait_sshd(m, 2222)
    assert expect(m, "port-tracker", "ok", "").remedy == ""


def test_sshd_that_waits_for_windows_is_not_called_running(make):
    m = furnish(make())
    m.windows.silent()
    m.boot()
    w.wait_properties(m, LastBind="no-answer")
    w.eventually(lambda: w.active_state(m, "ssh.service") == "activating", "sshd waits in bind()")
    found = diagnose(m)
    assert found["port-tracker"].verdict == "problem" and "has not answered" in found["port-tracker"].finding
    assert found["sshd-running"].finding == "ssh.service is still starting; see port-tracker"
    assert {check.remedy for check in found.values() if check.verdict == "problem"} == {"wsl.exe --shutdown", ""}
    m.windows.silent(False)
    w.wait_sshd(m, 22)
    assert diagnose(m)["sshd-running"].finding == "ssh.service runs"


def test_what_became_of_windows_own_sshd(make):
    m = furnish(make(windows=w.WINDOWS_HOLDS_22, **w.HASTE))
    m.write(WSLCONFIG, GOOD_WSLCONFIG + "[experimental]\r\nhostAddressLoopback=True\r\n")
    w.boot(m)
    w.wait_properties(m, State="relocated", HomePortHolder="windows-openssh", HomePortHolderDetail=w.WINDOWS_SOFTWARE)
    assert diagnose(m)["addresses"].finding == "other machines use 192.168.50.10 (LAN)"

    # Somebody stops it: nobody takes that for a reserved port, and WSL's sshd can go back.
    m.windows.release(22)
    assert w.call(m, "Probe") == (0, "")
    w.wait_properties(m, HomePortHolder="windows-openssh", HomePortHolderDetail="its sshd, which does not answer any more")
    check = expect(m, "port-holder", "warning", "Windows' sshd does not answer on 22 any more")
    type_it(m, check.remedy)
    w.wait_sshd(m, 22)
    assert "Relocate=mirrored" in expect(m, "port-holder", "ok", "nobody else has port 22").finding


def test_a_port_proxy_of_windows_leads_to_sshd(make):
    m = w.boot(furnish(make(**w.HASTE)))
    w.wait_sshd(m, 22)
    greeting = m.banner(22)
    m.run(["systemctl", "stop", "wslportd.service", "ssh.service"])
    w.eventually(lambda: m.windows.claim(22, Greeting(greeting)), "the proxy has 22", 90)
    m.run(["systemctl", "start", "wslportd.service", "ssh.service"])
    w.wait_properties(m, State="relocated", HomePortHolder="windows")
    found = diagnose(m)["port-holder"].finding  # another sshd of this version would greet alike
    assert "perhaps this one by a port proxy" in found and "netsh.exe interface portproxy show all" in found
