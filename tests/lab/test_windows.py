# SPDX-License-Identifier: LGPL-2.1-or-later
"""Windows' programs and firewall, and clients on other machines.

Windows' programs are stand-ins on the machine's drive C:. Each records its calls, and answers as Microsoft documents it, in
German where Windows translates its words.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import roots
import wslport as w
from machine import Machine

DRIVE = "/mnt/c"
CALLS = "/var/tmp/calls"
RULES = "/var/tmp/rules"
WSL_CONF = "/etc/wsl.conf"
SSHD_EXE = f"sshd.exe, {w.WINDOWS_SOFTWARE}"
DEADLINE = 10  # manager.c, WINDOWS_TIMEOUT

STAND_IN = f"""#!/usr/bin/python3 -SE
import os, sys, time
with open("{CALLS}", "a") as calls:
    calls.write(repr((os.path.abspath(sys.argv[0]), sys.argv[1:], dict(os.environ), os.readlink("/proc/self/fd/0"))) + "\\n")
out = sys.stdout.buffer
"""

NETSTAT = r"""
if sys.argv[1:] == ["-ano"]:
    out.write(("\r\nAktive Verbindungen\r\n\r\n"
               "  Proto  Lokale Adresse         Remoteadresse          Status           PID\r\n"
               "  TCP    0.0.0.0:22             0.0.0.0:0              ABHÖREN         4312\r\n"
               "  TCP    0.0.0.0:2222           0.0.0.0:0              ABHÖREN         99\r\n").encode("cp850"))
"""

TASKLIST = r"""
pid = sys.argv[2].split()[-1]
out.write(f'"sshd.exe","{pid}","Services","0","9.876 K"\r\n'.encode())
"""

# Keeps the rules that the elevated command makes, and prints them for the script that asks.
POWERSHELL = r"""
import binascii, re
if sys.argv[-2] == "-EncodedCommand":
    script = binascii.a2b_base64(sys.argv[-1]).decode("utf-16-le")
    assert "HNetCfg.FwPolicy2" in script and "Get-NetFirewallHyperVRule" in script
    lines = open("{rules}").read() if os.path.exists("{rules}") else ""
    print("rule|445|*|Datei- und Druckerfreigabe\n" + lines + "end")
else:
    assert sys.argv[-2] == "-Command"
    encoded = re.search("Start-Process .*'-EncodedCommand','([A-Za-z0-9+/=]*)' -Verb RunAs -Wait -PassThru", sys.argv[-1])[1]
    words = re.findall(r'(?:"[^"]*"|\S)+', binascii.a2b_base64(encoded).decode("utf-16-le"))
    options = dict(zip(words[1::2], words[2::2]))
    if words[0].startswith("New-"):
        port, remote = (options.get(name, options.get(name + suffix, "*"))
                        for name, suffix in (("-LocalPort", "s"), ("-RemoteAddress", "es")))
        remote = remote.replace("/10", "/255.192.0.0")
        open("{rules}", "a").write("|".join(["rule", port, remote, options["-DisplayName"].strip('"')]) + "\n")
    else:
        os.unlink("{rules}")
""".replace("{rules}", RULES)

PROGRAMS = {"NETSTAT.EXE": NETSTAT, "tasklist.exe": TASKLIST, "WindowsPowerShell/v1.0/powershell.exe": POWERSHELL}


# ---- helpers ----

def stand_in(m: Machine, name: str, code: str, drive: str = DRIVE) -> None:
    m.write(f"{drive}/Windows/System32/{name}", STAND_IN + code, 0o755)


def calls(m: Machine, name: str = "") -> list[tuple[str, list[str], dict[str, str], str]]:
    """The calls of the stand-ins, in order: path, arguments, environment and input."""
    if not m.exists(CALLS):
        return []
    return [call for call in map(ast.literal_eval, m.read(CALLS).splitlines()) if call[0].endswith(name)]


def forget_calls(m: Machine) -> None:
    m.path(CALLS).unlink(missing_ok=True)


def running(m: Machine, name: str) -> bool:
    for path in m.path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if path.name.isdigit() and name.encode() in (path / "cmdline").read_bytes():
                return True
    return False


def machine(make, **options: Any) -> Machine:
    m = make(windows=w.WINDOWS_HOLDS_22, **options)
    for name, code in PROGRAMS.items():
        stand_in(m, name, code)
    return m


def relocated(make, **options: Any) -> Machine:
    m = w.boot(machine(make, **options))
    w.wait_properties(m, State="relocated", Port=2222, HomePortHolder="windows-openssh")
    return m


def set_interop(m: Machine, word: str) -> None:
    m.write(w.CONFIG, w.configuration(Windows={"Interop": word}))
    if m.running:
        assert w.call(m, "Reload") == (0, "")


def detail(m: Machine) -> str:
    p = w.properties(m)
    assert p
    return p["HomePortHolderDetail"]


def refusals(m: Machine, why: str) -> int:
    """How often the daemon has logged that Windows doesn't name the program, for this reason."""
    return sum("which program has port 22" in line and why in line for line in w.daemon_messages(m))


def wslportctl(m: Machine, *arguments: str, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    result = m.run(["wslportctl", *arguments], env=env, timeout=60)
    return result.returncode, result.stdout, result.stderr


def at_a_terminal(m: Machine, answer: str, command: str) -> tuple[int, str]:
    """Runs a command with a terminal, on which somebody types the answer to its question."""
    result = m.run(["script", "--quiet", "--return", "--command", command, "/dev/null"], stdin=answer.encode(), timeout=60)
    return result.returncode, result.stdout


# ---- the holder's name ----

def test_windows_programs_run_only_where_they_may(make):
    m = relocated(make)
    assert detail(m) == w.WINDOWS_SOFTWARE
    w.hold(lambda: not calls(m), 1, "with Interop=no nothing is run")
    # A person may run Windows' programs by wslportctl.
    assert wslportctl(m, "firewall", "--check")[0] == 6 and len(calls(m)) == 1
    forget_calls(m)

    set_interop(m, "yes")
    w.wait_properties(m, HomePortHolder="windows-openssh", HomePortHolderDetail=SSHD_EXE)
    assert w.status_text(m) == f"ssh on 2222; Windows ({SSHD_EXE}) holds 22"
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "WSL_INTEROP": "/run/WSL/1_interop"}
    assert calls(m) == [
        (f"{DRIVE}/Windows/System32/NETSTAT.EXE", ["-ano"], environment, "/dev/null"),
        (f"{DRIVE}/Windows/System32/tasklist.exe", ["/FI", "PID eq 4312", "/FO", "CSV", "/NH"], environment, "/dev/null")]
    # WSL's relay to Windows' programs needs that (binfmt.cpp, CreateNtProcess); the stand-ins don't.
    assert "AF_VSOCK" in w.show(m, w.HELPER, "RestrictAddressFamilies")["RestrictAddressFamilies"].split()
    # The daemon asks once for each holder, not at each evaluation.
    before = w.evaluations(m)
    m.run(["systemctl", "restart", "ssh.service"], check=True)
    w.eventually(lambda: w.evaluations(m) > before, "it thinks it over")
    w.hold(lambda: detail(m) == SSHD_EXE and len(calls(m)) == 2, 1, "it stays")

    # /etc/wsl.conf can forbid it.
    for text in ("[interop]\nenabled = false\n", "[automount]\nenabled=false\n"):
        m.write(WSL_CONF, text)
        forget_calls(m)
        set_interop(m, "yes")
        w.wait_properties(m, HomePortHolder="windows-openssh", HomePortHolderDetail=w.WINDOWS_SOFTWARE)
        w.eventually(lambda: refusals(m, "can't be asked"), "that is told")
        code, output, errors = wslportctl(m, "firewall", "--check")
        assert (code, output) == (1, "port 2222: unknown\n") and "/etc/wsl.conf" in errors
        w.hold(lambda: not calls(m), 0.5, "nothing is run")

    m.write(WSL_CONF, '[automount]\nroot = "/windir/"\n')
    for name, text in PROGRAMS.items():
        stand_in(m, name, text, "/windir/c")
    set_interop(m, "yes")
    w.wait_properties(m, HomePortHolder="windows-openssh", HomePortHolderDetail=SSHD_EXE)
    assert {call[0].split("/")[1] for call in calls(m)} == {"windir"}


@pytest.mark.waits
def test_a_look_at_the_home_port_keeps_the_name(make):
    """With Restore=auto the daemon looks each minute: it connects, and runs no program."""
    m = machine(make)
    m.write(w.CONFIG, w.configuration(Policy={"Restore": "auto"}, Windows={"Interop": "yes"}))
    w.boot(m)
    w.wait_properties(m, State="relocated", HomePortHolder="windows-openssh", HomePortHolderDetail=SSHD_EXE)
    w.count_connections(m, 22)
    w.eventually(lambda: w.connections(m), "it looks", 80)
    w.hold(lambda: detail(m) == SSHD_EXE and len(calls(m)) == 2, 1, "it stays")


def test_where_ports_are_not_shared_nothing_is_run(make):
    m = machine(make, mode="nat")
    set_interop(m, "yes")
    w.boot(m)
    w.wait_properties(m, State="clear", Port=22)
    w.hold(lambda: not calls(m), 1, "nothing is run")


def test_boot_does_not_wait_for_windows_programs(make):
    m = machine(make)
    set_interop(m, "yes")
    stand_in(m, "NETSTAT.EXE", "time.sleep(100000)")
    start = time.monotonic()
    w.boot(w.clock_hold(m))
    w.check_hold(m)
    w.check_relocated_boot(m)
    w.wait_properties(m, State="relocated", HomePortHolder="windows-openssh", HomePortHolderDetail=w.WINDOWS_SOFTWARE)
    assert running(m, "NETSTAT.EXE")
    w.eventually(lambda: refusals(m, "timed out"), "the deadline")
    assert time.monotonic() - start >= DEADLINE
    w.eventually(lambda: not running(m, "NETSTAT.EXE"), "it was killed")
    assert detail(m) == w.WINDOWS_SOFTWARE


# The program, its script, the holder that the daemon then reports, and the daemon's log.
HOSTILE = {
    "escapes": ("tasklist.exe", r"""out.write(b'"\x1b]0;x\x07\x9b31m\xff\n","4312"\r\n"\x1b[31mred","4312"\r\n')""",
                f"?]0;x??31m??, {w.WINDOWS_SOFTWARE}", ""),
    "long": ("tasklist.exe", r"""out.write(b'"' + b"a" * 60000 + b'","4312"\r\n')""",
             f"{'a' * 32}, {w.WINDOWS_SOFTWARE}", ""),
    "fails": ("NETSTAT.EXE", "sys.exit(3)", w.WINDOWS_SOFTWARE, "Input/output error"),
    "is killed": ("NETSTAT.EXE", "os.kill(os.getpid(), 9)", w.WINDOWS_SOFTWARE, "Input/output error"),
    "isn't there": ("tasklist.exe", None, w.WINDOWS_SOFTWARE, "No such file"),
    "prints anything": ("NETSTAT.EXE", "out.write(bytes(range(256)) * 100)", w.WINDOWS_SOFTWARE, "Input/output error"),
    "prints UTF-16": ("NETSTAT.EXE", r"""out.write("\r\n  TCP  0.0.0.0:22  0.0.0.0:0  LISTENING  4312\r\n".encode("utf-16-le"))""",
                      w.WINDOWS_SOFTWARE, "Input/output error"),
    "prints no table": ("NETSTAT.EXE", r"""out.write("Zugriff verweigert\r\n".encode("cp850"))""",
                        w.WINDOWS_SOFTWARE, "Bad message"),
    "names another": ("tasklist.exe", r"""out.write(b'"evil.exe","1"\r\n')""", w.WINDOWS_SOFTWARE, "Bad message"),
    "floods": ("tasklist.exe", "while True: out.write(b'x' * 65536)", w.WINDOWS_SOFTWARE, "timed out"),
}


def test_hostile_programs_do_no_harm(make):
    m = relocated(make)
    pid = w.main_pid(m, w.UNIT)
    for name, (program, code, expected, told) in HOSTILE.items():
        for usual, text in PROGRAMS.items():
            stand_in(m, usual, text)
        if code is None:
            m.path(f"{DRIVE}/Windows/System32/{program}").unlink()
        else:
            stand_in(m, program, code)
        forget_calls(m)
        before = refusals(m, told)
        set_interop(m, "yes")
        if code is not None:
            w.eventually(lambda: calls(m, program), f"{name}: it is run")  # noqa: B023
        if name == "floods":
            w.hold(lambda: detail(m) == w.WINDOWS_SOFTWARE, 1, "the bus is answered meanwhile")
        if told:
            w.eventually(lambda: refusals(m, told) > before, f"{name}: it is told", DEADLINE + 10)  # noqa: B023
        w.wait_properties(m, HomePortHolder="windows-openssh", HomePortHolderDetail=expected)
        w.hold(lambda: detail(m) == expected, 0.3, name)  # noqa: B023
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "".join(w.daemon_messages(m)))
    assert w.main_pid(m, w.UNIT) == pid and w.sshd_ports(m) == {2222} and w.failed_units(m) == []


# ---- the firewall ----

def elevated(call: tuple[str, list[str], dict[str, str], str]) -> str:
    """The script that an elevated PowerShell was given to run."""
    path, arguments, _, stdin = call
    assert path == f"{DRIVE}/Windows/System32/WindowsPowerShell/v1.0/powershell.exe" and stdin == "/dev/null"
    assert arguments[:3] == ["-NoProfile", "-NonInteractive", "-Command"] and len(arguments) == 4
    encoded = re.search(r"'-EncodedCommand','([A-Za-z0-9+/=]+)' -Verb RunAs -Wait", arguments[3])
    assert encoded
    return base64.b64decode(encoded[1], validate=True).decode("utf-16-le")


def test_firewall(make):
    m = relocated(make)
    shown = wslportctl(m, "firewall")[1].splitlines()
    rule, removal = shown[1], shown[3].removeprefix("# ")
    assert rule == ('New-NetFirewallRule -Name WSL-SSH-2222-lan -DisplayName "WSL SSH (2222, lan)" -Direction Inbound '
                    "-Protocol TCP -LocalPort 2222 -RemoteAddress LocalSubnet -Action Allow")
    assert wslportctl(m, "firewall", "--remove")[1].splitlines()[1] == removal
    assert calls(m) == []
    nothing = "port 2222: no rule of Windows' firewall lets it in\n"
    ours = 'port 2222: let in from LocalSubnet by "WSL SSH (2222, lan)"\n'
    assert wslportctl(m, "firewall", "--check") == (6, nothing, "")
    assert wslportctl(m, "firewall", "--check", "--port", "445")[:2] == (
        0, 'port 445: let in from Any by "Datei- und Druckerfreigabe"\n')

    # Nothing runs before somebody has said yes on a terminal.
    forget_calls(m)
    code, output, errors = wslportctl(m, "firewall", "--apply")
    assert code == 2 and output == f"{rule}\n" and "--yes" in errors
    for answer in ("n\n", "\n", "yes, please\n", "\x04"):
        code, output = at_a_terminal(m, answer, "wslportctl firewall --apply")
        assert code == 1 and rule in output and "[y/N]" in output and "nothing was changed" in output
    assert calls(m) == []
    code, output = at_a_terminal(m, "y\n", "wslportctl firewall --apply")
    assert code == 0 and ours.strip() in output
    assert len(calls(m)) == 2 and elevated(calls(m)[0]) == rule
    assert calls(m)[0][2]["WSL_INTEROP"] == "/run/WSL/1_interop"
    assert wslportctl(m, "firewall", "--check") == (0, ours, "")

    forget_calls(m)
    assert wslportctl(m, "firewall", "--apply", "--remove", "--yes") == (0, f"{removal}\n{nothing}", "")
    assert elevated(calls(m)[0]) == removal

    # The other scopes, and the other form of rule.
    for options, remote in ((["--scope", "tailscale"], "100.64.0.0/10,fd7a:115c:a1e0::/48"), (["--scope", "any", "--hyperv"], "Any")):
        forget_calls(m)
        line = wslportctl(m, "firewall", *options)[1].splitlines()[1]
        code, output, errors = wslportctl(m, "firewall", "--apply", "--yes", *options)
        assert (code, errors) == (0, "") and output.splitlines()[0] == elevated(calls(m)[0]) == line
        assert f"let in from {remote} by" in output
        m.path(RULES).unlink()

    # The user refuses, or Windows' answer can't be trusted.
    program = "WindowsPowerShell/v1.0/powershell.exe"
    stand_in(m, program, "sys.exit(1)")
    code, output, errors = wslportctl(m, "firewall", "--apply", "--yes")
    assert code == 1 and "did not run the command" in errors
    stand_in(m, program, "sys.exit(0)")
    assert wslportctl(m, "firewall", "--check")[:2] == (1, "port 2222: unknown\n")
    stand_in(m, program, r"""print("rule|2222|\x1b[31m|\x1b]0;x\x07\nend")""")
    code, output, errors = wslportctl(m, "firewall", "--check")
    assert (code, errors) == (0, "") and "\x1b" not in output and "\x07" not in output
    stand_in(m, program, "if '-Command' not in sys.argv: print('end')")
    assert wslportctl(m, "firewall", "--apply", "--yes")[:2] == (6, f"{rule}\n{nothing}")
    stand_in(m, program, "time.sleep(100000)")
    code, output, errors = wslportctl(m, "firewall", "--check", "--timeout", "1")
    assert (code, output) == (1, "port 2222: unknown\n") and "within 1 s" in errors
    code, output, errors = wslportctl(m, "firewall", "--apply", "--yes", "--timeout", "1")
    assert code == 1 and "may still run the command" in errors
    m.path(f"{DRIVE}/Windows/System32/{program}").unlink()
    assert wslportctl(m, "firewall", "--check")[:2] == (1, "port 2222: unknown\n")


def test_what_counts_besides_a_rule_that_lets_in(make):
    m = relocated(make)
    program = "WindowsPowerShell/v1.0/powershell.exe"
    rule = wslportctl(m, "firewall")[1].splitlines()[1]
    ours = 'port 2222: let in from LocalSubnet by "WSL SSH (2222, lan)"\n'

    # A rule that is there already is no failure. Windows mirrors it into its other firewall.
    there = r"sys.exit(1) if '-Command' in sys.argv else print('rule|2222|LocalSubnet|WSL SSH (2222, lan)\n'"
    stand_in(m, program, there + " * 2 + 'end')")
    assert wslportctl(m, "firewall", "--apply", "--yes") == (0, f"{rule}\n{ours}", "")
    code, output, errors = wslportctl(m, "firewall", "--apply", "--remove", "--yes")
    assert code == 1 and "did not run the command" in errors
    # A rule that blocks wins, and settings may come before all rules.
    stand_in(m, program, there + r" + 'block|*|*|No guests\nend')")
    blocked = 'port 2222: kept out, whatever others allow, from Any by "No guests"\n'
    assert wslportctl(m, "firewall", "--check") == (6, ours + blocked, "")
    set_interop(m, "yes")
    diagnosis = m.run(["wslportctl", "diagnose"]).stdout
    assert 'the rule "No guests" of Windows\' firewall keeps others from port 2222' in diagnosis and "--apply" not in diagnosis
    for setting, code, told in (("off", 0, "is off for WSL"), ("open", 0, "lets in what no rule names"), ("ignored", 6, "a policy on")):
        stand_in(m, program, f"print('{setting}\\nend')")
        seen = wslportctl(m, "firewall", "--check")
        assert seen[0] == code and told in seen[1]

def test_a_person_reads_who_is_waited_for(make):
    m = relocated(make)
    stand_in(m, "WindowsPowerShell/v1.0/powershell.exe", "time.sleep(100000)")
    code, output = at_a_terminal(m, "", "wslportctl firewall --check --timeout 3")
    assert code == 1 and "wslportctl: waiting for Windows, 3 s at most" in output and "within 3 s" in output
    assert "waiting" not in wslportctl(m, "firewall", "--check", "--timeout", "3")[2]


def test_firewall_for_mosh(make):
    m = relocated(make)
    rule, rules, removal = (wslportctl(m, "firewall", *options)[1].splitlines()[1] for options in ([], ["--mosh"], ["--mosh", "--remove"]))
    assert rules.startswith(f"{rule}; New-NetFirewallRule -Name WSL-mosh-60000-61000-lan ")
    assert rules.endswith(" -Protocol UDP -LocalPort 60000-61000 -RemoteAddress LocalSubnet -Action Allow")
    assert removal.endswith("; Remove-NetFirewallRule -Name WSL-mosh-60000-61000-lan")
    for line, options in (rules, []), (removal, ["--remove"]):
        forget_calls(m)
        code, output, errors = wslportctl(m, "firewall", "--mosh", "--apply", "--yes", *options)
        assert (code, errors) == (0, "") and output.splitlines()[0] == elevated(calls(m)[0]) == line


def test_usage(make):
    m = w.boot(make(enabled=False))
    for arguments in (["--scope", "LAN"], ["--port", "0"], ["--port", "x"], ["--check", "--apply"], ["--check", "--remove"],
                      ["--check", "--mosh"], ["2222"], ["--timeout", "0"], ["--yes"], ["--what"]):
        assert wslportctl(m, "firewall", *arguments)[:2] == (2, ""), arguments
    # These commands need no daemon.
    assert wslportctl(m, "firewall")[0] == wslportctl(m, "ssh-config")[0] == 3
    assert "-LocalPorts 2201 " in wslportctl(m, "firewall", "--port", "2201", "--hyperv")[1]


# ---- clients ----

def client(m: Machine, folder: Path, origin: str, config: str, known_hosts: str) -> Any:
    (folder / "config").write_text(config)
    (folder / "known_hosts").write_text(known_hosts)
    options = {"UserKnownHostsFile": folder / "known_hosts", "GlobalKnownHostsFile": "/dev/null", "StrictHostKeyChecking": "yes",
               "IdentitiesOnly": "yes", "IdentityFile": roots.private_key(), "BatchMode": "yes", "ConnectTimeout": "10"}
    return m._finish(m.beside(origin, ["ssh", "-F", str(folder / "config"), *(f"-o{k}={v}" for k, v in options.items()), "wsl",
                                       "echo $SSH_CONNECTION; hostname"]), False, 40)


def public_keys(m: Machine) -> Sequence[str]:
    return sorted(line.removeprefix("hostkey ") + ".pub" for line in m.run(["sshd", "-T"], check=True).stdout.splitlines()
                  if line.startswith("hostkey "))


def test_ssh_config_works(make, tmp_path):
    m = relocated(make, tailscale=True)
    p = w.properties(m)
    keys = public_keys(m)
    types = {" ".join(m.read(key).split()[:2]) for key in keys}
    known: dict[tuple[str, ...], str] = {}

    # A client comes by an address that the firewall's rule of the same scope lets in; Windows comes by localhost.
    for origin, options, address, kinds in (
            ("lan", (), "192.168.50.10", {"lan"}), ("lan", ("--scope", "lan"), "192.168.50.10", {"lan"}),
            ("lan", ("--scope", "tailscale"), "100.64.0.10", {"tailscale"}),
            ("lan", ("--scope=any",), "100.64.0.10", {"lan", "tailscale"}), ("windows", ("--windows",), "127.0.0.1", set())):
        code, config, errors = wslportctl(m, "ssh-config", *options)
        assert (code, errors) == (0, "") and "User root" in config and config.count("Host wsl\n") == 1
        code, known[options], errors = wslportctl(m, "ssh-config", "--known-hosts", *options)
        assert (code, errors) == (0, "")
        result = client(m, tmp_path, origin, config, known[options])
        assert result.returncode == 0, result.stderr
        connection, hostname = result.stdout.splitlines()
        assert connection.split()[2:] == [address, "2222"] and hostname == "lab"

        # The names and keys are the machine's own.
        names = {f"[{address}]:2222" for address, kind in p["Reachable"] if kind in kinds} or {"[localhost]:2222"}
        assert set(re.findall("HostName (.*)", config)) == {name[1:].split("]")[0] for name in names}
        assert set(known[options].splitlines()) == {f"{name} {key}" for name in names for key in types}
    # ssh refuses a host key that isn't among the known ones.
    config = wslportctl(m, "ssh-config")[1]
    assert client(m, tmp_path, "lan", config, known["--scope", "tailscale"]).returncode == 255
    fingerprints = [m.run(["ssh-keygen", "-lf", key], check=True).stdout.strip() for key in keys]
    assert len(keys) >= 2 and sorted(re.findall(r"(?m)^# (\d+ SHA256:.*)", config)) == sorted(fingerprints)

    # A user without rights gets the same; after sudo the block has that user's name; and names are checked.
    argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "wslportctl", "ssh-config"]
    as_user = m.run(argv, check=True).stdout
    assert sorted(as_user.splitlines()) == sorted(config.replace("User root", "User nobody").splitlines())
    assert "User someone\n" in wslportctl(m, "ssh-config", env={"SUDO_USER": "someone"})[1]
    text = wslportctl(m, "ssh-config", "--host", "box-1", "--user", "me")[1]
    assert text.count("Host box-1\n") == 1 and text.count("User me\n") == 1
    for wrong in (["--host", "a b"], ["--host", "*"], ["--user", "x\nProxyCommand y"], ["x"], ["--scope", "LAN"]):
        assert wslportctl(m, "ssh-config", *wrong)[:2] == (2, "")

    # When sshd is back on 22, known hosts have no brackets.
    m.windows.release(22)
    assert w.call(m, "Restore") == (0, "")
    w.wait_properties(m, State="clear", Port=22)
    config, known_hosts = wslportctl(m, "ssh-config")[1], wslportctl(m, "ssh-config", "--known-hosts")[1]
    assert "Port 22\n" in config and "[" not in known_hosts
    assert client(m, tmp_path, "lan", config, known_hosts).returncode == 0

    m.run(["systemctl", "stop", w.UNIT], check=True)
    assert wslportctl(m, "ssh-config")[:2] == (3, "")


def test_known_hosts_are_the_keys_that_sshd_has(make):
    """Also where its configuration has a Match that sshd -T alone can't evaluate."""
    m = w.boot(make())
    w.wait_properties(m, State="clear", Port=22)
    m.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/etc/ssh/other"], check=True)
    m.write("/etc/ssh/sshd_config.d/50-mine.conf", "HostKey /etc/ssh/other\nMatch LocalPort 22\n    X11Forwarding no\n")
    known = wslportctl(m, "ssh-config", "--known-hosts")[1]
    assert {line.split()[2] for line in known.splitlines()} == {m.read("/etc/ssh/other.pub").split()[1]}


def test_where_sshd_has_no_address_for_the_client(make):
    """It is told, and nothing that a client could not use goes into its file."""
    m = make()
    m.write("/etc/ssh/sshd_config.d/50-one.conf", "ListenAddress 192.168.50.10\n")
    w.boot(m)
    w.wait_properties(m, State="clear", Port=22)
    for options, missing in (["--scope", "tailscale"], "--scope tailscale"), (["--windows"], "Windows on this machine"):
        for more in [], ["--known-hosts"]:
            code, output, errors = wslportctl(m, "ssh-config", *options, *more)
            assert (code, output) == (5, "") and errors == (
                f"wslportctl: sshd listens on no address for {missing}; to see where it does: `wslportctl status`\n")
    assert "HostName 192.168.50.10\n" in wslportctl(m, "ssh-config", "--scope", "any")[1]


def test_in_nat_no_address_of_windows_own_network_is_given_away(make):
    m = w.boot(make(mode="nat"))
    w.wait_properties(m, State="clear", Port=22)
    for scope in ("lan", "tailscale", "any"):
        code, output, errors = wslportctl(m, "ssh-config", "--scope", scope)
        assert (code, output) == (5, "") and f"no address for --scope {scope};" in errors
    assert "HostName localhost\n    Port 22\n" in wslportctl(m, "ssh-config", "--windows")[1]
    assert w.call(m, "GetClientConfig", "s", "wsl")[0] != 0
