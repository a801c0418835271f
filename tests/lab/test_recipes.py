# SPDX-License-Identifier: LGPL-2.1-or-later
"""wslportctl(1)'s recipe for Prometheus, run as it stands there. test_fleet.py has the one for Ansible."""

from __future__ import annotations

import recipes
import wslport as w


def test_prometheus(make):
    m = w.boot(make(windows=w.WINDOWS_HOLDS_22))
    w.check_report(m, "relocated", 2222)
    recipes.install_metrics(m)
    verified = m.run(["systemd-analyze", "verify", "wslportd-metrics.timer"])
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    m.run(["systemctl", "enable", "--now", "wslportd-metrics.timer"], check=True)

    for _ in range(2):
        assert recipes.metrics(m) == recipes.expected_metrics(m)
    assert recipes.metrics(m)['wslportd_state{state="relocated",cause="windows-openssh-holds"}'] == 1
    m.windows.release(22)
    m.run(["wslportctl", "restore"], check=True)
    assert recipes.metrics(m)['wslportd_state{state="clear",cause="none"}'] == 1
    assert recipes.metrics(m) == recipes.expected_metrics(m)

    before = m.read(recipes.METRICS)
    m.write("/usr/local/bin/jq", "#!/bin/sh\nexit 5\n", 0o755)
    assert m.run(["systemctl", "start", "wslportd-metrics.service"]).returncode != 0
    assert m.read(recipes.METRICS) == before  # nobody reads half a file
    m.path("/usr/local/bin/jq").unlink()

    m.run(["systemctl", "stop", w.UNIT], check=True)
    assert recipes.metrics(m) == {"wslportd_up": 0} == recipes.expected_metrics(m)
