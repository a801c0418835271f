#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs in the machine that run.py boots, as a service after all others: asks the kernel and the product, runs unit tests, and
perhaps one machine of the lab. Tells each result on the console as a line "KERNELS: {json}", and switches the machine off."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable

BUS = ("org.wslport1", "/org/wslport1", "org.wslport1.Manager")
PATIENCE = 120  # seconds; an emulated machine is slow, and none of its times mean anything
RB_POWER_OFF = 0x4321FEDC
console = open("/dev/console", "w")  # noqa: SIM115


def tell(kind: str, name: str, result: str, text: str = "") -> None:
    print("\nKERNELS: " + json.dumps({"kind": kind, "name": name, "result": result, "text": text}), file=console, flush=True)


def output(*argv: str, timeout: float = PATIENCE) -> str:
    result = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            errors="replace", timeout=timeout)
    return result.stdout.strip()


def read(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read().strip()
    except OSError as error:
        return error.strerror


def wait(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(1)
    return True


# ---- the kernel ----

def bound_is_listed() -> str:
    """Whether the kernel lists a socket that is bound and doesn't listen (6.8 and later)."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 2345))
        return "yes" if ":2345" in output("ss", "-Htna", "state", "bound-inactive") else "no"


def ask_the_kernel() -> None:
    facts = {"release": read("/proc/sys/kernel/osrelease"),
             "processors": os.cpu_count(),
             "perf_event_paranoid": read("/proc/sys/kernel/perf_event_paranoid"),
             "tracepoint of listeners": os.path.exists("/sys/kernel/tracing/events/sock/inet_sock_set_state"),
             "bound sockets listed": bound_is_listed(),
             "virtualization": output("systemd-detect-virt", "--container"),
             "kernel's messages": len(re.findall(r"(?i)(WARNING:|BUG:|Oops)", output("dmesg")))}
    for name, value in facts.items():
        tell("has", name, str(value))


# ---- the product, as a real systemd's service ----

def property_of(name: str) -> str:
    said = output("busctl", "get-property", *BUS, name)
    return said.partition(" ")[2].strip('"') if re.match(r"[a-z] ", said) else said


def greets(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 10) as connection:
        return connection.recv(8).startswith(b"SSH-2.0-")
    return False


def capabilities(unit: str) -> str:
    pid = output("systemctl", "show", "--property=MainPID", "--value", unit)
    return re.search(r"CapEff:\s*(\w+)", read(f"/proc/{pid}/status") + "\nCapEff: none")[1]


def step(name: str, method: str, argument: int | None, port: int, state: str) -> None:
    said = output("busctl", "--timeout=60", "call", *BUS, method, *([] if argument is None else ["q", str(argument)]))
    good = wait(lambda: property_of("State") == state and property_of("Port") == str(port)) and greets(port)
    tell("product", name, "right" if good else "wrong", f"{said} State={property_of('State')} Port={property_of('Port')}")


def ask_the_product() -> None:
    good = wait(lambda: property_of("State") == "clear")
    text = output("journalctl", "-b", "-o", "cat", "-u", "wslportd.service", "-u", "wslportd-helper.service")
    tell("product", "starts", "right" if good else "wrong", text[-1500:])
    if not good:
        return
    tell("has", "ListenerWatch", property_of("ListenerWatch"))
    bare = capabilities("wslportd.service")
    tell("product", "no capability", "right" if int(bare, 16) == 0 else "wrong", bare)
    exposure = re.search(r"exposure level for wslportd.service: ([\d.]+)", output("systemd-analyze", "security", "wslportd.service"))
    tell("has", "exposure", exposure[1] if exposure else "?")
    ignored = re.findall(r".*wslportd.*(?:ignoring|not supported|Unknown).*", output("journalctl", "-b", "-o", "cat", "_PID=1"))
    tell("product", "the sandbox is taken", "wrong" if ignored else "right", "\n".join(ignored))
    step("relocate 2222", "Relocate", 2222, 2222, "relocated")
    step("restore", "Restore", None, 22, "clear")
    with socket.create_server(("0.0.0.0", 2222)):
        step("a taken port is refused", "Relocate", 2222, 22, "clear")
    output("systemctl", "stop", "ssh.service")
    with socket.create_server(("0.0.0.0", 22)):
        good = wait(lambda: property_of("HomePortHolder") == "linux")
    tell("product", "a stranger on 22 is told", "right" if good else "wrong", property_of("HomePortHolder"))
    output("systemctl", "start", "ssh.service")
    tell("product", "sshd is back", "right" if wait(lambda: greets(22)) else "wrong")


# ---- the tests ----

def run_unit(name: str, argv: list[str], where: str) -> None:
    try:
        result = subprocess.run(argv, cwd=where, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                                timeout=900, env={**os.environ, "TEST_SLOWNESS": "10"})
    except subprocess.TimeoutExpired:
        tell("unit", name, "wrong", "no end in 900 s")
        return
    failed = re.findall(r"((?:^#.*\n)*not ok .*)", result.stdout, re.M)
    cases = re.findall(r"^ok .*", result.stdout, re.M)
    skipped = sum("# SKIP" in case for case in cases)
    count = f"{len(cases) - skipped} ok, {skipped} skipped, {len(failed)} failed"
    tell("unit", name, "right" if cases and not failed and result.returncode == 0 else "wrong",
         count + "".join("\n" + text for text in failed)[:1500] + (result.stderr[-500:] if result.returncode else ""))


def run_lab(plan: dict) -> None:
    environment = {**os.environ, "WSLPORTD_DESTDIR": plan["destdir"], "WSLPORTD_BUILD": plan["build"], "CI": "1",
                   "WSLPORTD_LAB_PATIENCE": "600",
                   "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/root"}
    for name in plan["lab"]:
        result = subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rs", f"{plan['top']}/tests/lab/{name}"],
                                env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        good = result.returncode == 0 and " passed" in result.stdout
        why = "\n".join(re.findall(r"^(?:E  |>).*", result.stdout, re.M)[-25:])
        tell("lab", name.split("::")[-1], "right" if good else "wrong", "" if good else f"{why}\n{(result.stdout + result.stderr)[-1500:]}")


def main() -> None:
    with open("/opt/kernels/plan.json") as file:
        plan = json.load(file)
    try:
        ask_the_kernel()
        ask_the_product()
        for name, argv in plan["unit"]:
            run_unit(name, argv, plan["build"])
        run_lab(plan)
        tell("end", "all", "right")
    except Exception as error:  # noqa: BLE001
        tell("end", "all", "wrong", repr(error))
    os.sync()
    ctypes.CDLL(None).reboot(RB_POWER_OFF)


if __name__ == "__main__":
    main()
