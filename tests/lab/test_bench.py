# SPDX-License-Identifier: LGPL-2.1-or-later
"""The benchmarks run only when named. This test sees that they still do: it runs the one that needs a single boot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.usefixtures("_lab"),
              pytest.mark.skipif("WSLPORTD_DESTDIR" not in os.environ,
                                 reason="WSLPORTD_DESTDIR doesn't tell where the daemon is installed")]


def test_one_comparison(tmp_path):
    program = Path(__file__).parents[1] / "bench/bench.py"
    result = subprocess.run([sys.executable, program, "size"], env={**os.environ, "WSLPORTD_BUILD_DIR": str(tmp_path)},
                            stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    rows = json.loads((tmp_path / "bench.json").read_text())["rows"]
    goals = [row for row in rows if row["met"] is not None]
    assert goals and all(row["met"] for row in goals), result.stdout
    for row in goals:
        assert min(row["ours"] + row["theirs"]) > 0, row
        assert ", met" in next(line for line in result.stdout.splitlines() if line.startswith(row["what"][:20]))
