# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long from exec to READY, beside systemd-timesyncd in the same boots; memory. To be run by `tests/run bench`."""

import os
import statistics
from pathlib import Path

from machine import Greeting, Machine

BOOTS = int(os.environ.get("WSLPORTD_BENCH_BOOTS", "10"))
OURS, THEIRS = "wslportd.service", "systemd-timesyncd.service"


def to_ready(machine: Machine, unit: str) -> int | None:
    """µs from the main process's start to READY=1, by systemd's own clock."""
    out = machine.run(["systemctl", "show", unit, "-p", "ExecMainStartTimestampMonotonic,ActiveEnterTimestampMonotonic"]).stdout
    values = dict(line.split("=", 1) for line in out.split())
    start, ready = int(values["ExecMainStartTimestampMonotonic"]), int(values["ActiveEnterTimestampMonotonic"])
    return ready - start if start and ready else None


def memory(machine: Machine, unit: str) -> dict[str, int]:
    pid = machine.run(["systemctl", "show", unit, "-P", "MainPID"]).stdout.strip()
    rollup = machine.run(["cat", f"/proc/{pid}/smaps_rollup"]).stdout
    return {line.split(":")[0]: int(line.split()[1]) for line in rollup.splitlines()[1:] if line.endswith("kB")}


def line(what: str, ours: list[int], theirs: list[int]) -> None:
    def spread(values: list[int]) -> str:
        return f"{statistics.median(values):9.0f} ({min(values)}…{max(values)})" if values else "        –"
    ratio = statistics.median(ours) / statistics.median(theirs) if ours and theirs else float("nan")
    print(f"{what:44} {spread(ours):28} {spread(theirs):28} {ratio:6.2f}", flush=True)


def main() -> None:
    print(f"{BOOTS} boots each; median (least…most)\n")
    print(f"{'':44} {'wslportd':28} {'timesyncd':28} ratio")
    for name, windows in (("22 free", {}), ("Windows holds 22, first boot", {22: Greeting()})):
        ready: dict[str, list[int]] = {OURS: [], THEIRS: []}
        private: dict[str, list[int]] = {OURS: [], THEIRS: []}
        for _ in range(BOOTS):
            with Machine(overlay=[Path(os.environ["WSLPORTD_DESTDIR"])], windows=windows) as machine:
                machine.enable(OURS)
                # It is masked in the root, and would not run in what counts as a container.
                machine.offline(["systemctl", "--root=/", "unmask", THEIRS])
                machine.write(f"/etc/systemd/system/{THEIRS}.d/here.conf", "[Unit]\nConditionVirtualization=\nConditionCapability=\n")
                machine.enable(THEIRS)
                machine.boot()
                machine.wait_running()
                for unit in (OURS, THEIRS):
                    if (taken := to_ready(machine, unit)) is not None:
                        ready[unit].append(taken)
                        private[unit].append(memory(machine, unit).get("Private_Dirty", 0))
        line(f"{name}: exec to READY, µs", ready[OURS], ready[THEIRS])
        line(f"{name}: Private_Dirty, KiB", private[OURS], private[THEIRS])


main()
