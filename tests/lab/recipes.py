# SPDX-License-Identifier: LGPL-2.1-or-later
"""The recipes for programs in wslportctl(1), as a reader copies them."""

from __future__ import annotations

import re
from pathlib import Path

import wslport as w
from machine import Machine

PAGE = (Path(__file__).parents[2] / "daemon/man/wslportctl.1").read_text()
METRICS = "/var/lib/prometheus/node-exporter/wslportd.prom"
SCRIPT = "/usr/local/sbin/wslportd-metrics"


def recipe(word: str) -> str:
    """The one literal block of the manual page that has this word."""
    found, = [text for text in re.findall(r"(?ms)^\.Bd -literal.*?\n(.*?)^\.Ed$", PAGE) if word in text]
    text: str = found.replace(r"\e", "\0")
    assert "\\" not in text and not re.search(r"(?m)^[.']", text), "mandoc and groff would show another text"
    return text.replace("\0", "\\")


def files(text: str) -> dict[str, str]:
    """What a block that begins each file with its path in a comment puts where."""
    parts = re.split(r"(?m)^# (/\S+)\n", text)
    assert parts[0] == ""
    return dict(zip(parts[1::2], parts[2::2]))


def install_metrics(m: Machine) -> None:
    m.write(SCRIPT, recipe("jq"), 0o755)
    for path, text in files(recipe("[Timer]")).items():
        m.write(path, text)
    m.path("/var/lib/prometheus/node-exporter").mkdir(parents=True, exist_ok=True)  # as the exporter's package has it


def metrics(m: Machine) -> dict[str, float]:
    """Runs the recipe for Prometheus, and reads its file more strictly than Prometheus would."""
    m.run(["systemctl", "reset-failed", "wslportd-metrics.service"])  # systemd limits starts, and a minute starts it once
    m.run(["systemctl", "start", "wslportd-metrics.service"], check=True)
    path = m.path(METRICS)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name] and path.stat().st_mode & 0o777 == 0o644
    text = path.read_text()
    block = re.compile(r"# HELP (wslportd_[a-z_]+) [A-Z0-9][^\n]+\n# TYPE \1 gauge\n"
                       r'\1((?:\{[a-z]+="[a-z-]+"(?:,[a-z]+="[a-z-]+")*\})?) (\d+(?:\.\d+)?)\n')
    found = {match[1] + match[2]: float(match[3]) for match in block.finditer(text)}
    assert block.sub("", text) == "" and len(found) == text.count("# TYPE "), text
    return found


def expected_metrics(m: Machine) -> dict[str, float]:
    """The same, by D-Bus."""
    p = w.properties(m)
    if not p:
        return {"wslportd_up": 0}
    return {"wslportd_up": 1, f'wslportd_state{{state="{p["State"]}",cause="{p["Cause"]}"}}': 1,
            "wslportd_port": p["Port"], "wslportd_last_change_timestamp_seconds": p["LastChangeUSec"] / 1e6}
