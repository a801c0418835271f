# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo runs to its end, and stops with an error where something isn't as it tells."""

from __future__ import annotations

import os
import re

import pytest

import demo

pytestmark = [pytest.mark.usefixtures("_lab"),
              pytest.mark.skipif("WSLPORTD_DESTDIR" not in os.environ,
                                 reason="WSLPORTD_DESTDIR doesn't tell where the daemon is installed")]


def test_the_whole_story(capsys):
    assert demo.main() == 0
    told = capsys.readouterr().out
    assert "Address already in use" in told and "hello from lab" in told
    assert re.search(r"port 22, asked from WSL: SSH-2.0-OpenSSH_for_Windows.*\n"
                     r"  port 2222, asked from WSL: SSH-2.0-OpenSSH_[0-9]", told)
    assert told.count("alive") == 2 and told.count("● ") == 9
    assert re.search(r"port 22, asked from Windows: SSH-2.0-OpenSSH_[0-9]", told)
    assert max(map(len, told.splitlines())) <= 120


def test_it_ends_where_something_is_not_so(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("WSLPORTD_DESTDIR", str(tmp_path))  # a tree without a daemon
    assert demo.main() == 1
    told = capsys.readouterr()
    assert "enable --now wslportd.service ended with" in told.err and "That was all" not in told.out


def test_it_says_why_it_cannot_run(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("WSLPORTD_LAB_CACHE", str(tmp_path))
    monkeypatch.setenv("WSLPORTD_LAB_MIRROR", f"file://{tmp_path}/nothing")
    assert demo.main() == 1
    assert "✗ mmdebstrap bookworm: " in capsys.readouterr().err
    monkeypatch.setattr(demo, "obstacle", lambda: "the lab needs root")
    assert demo.main() == 1
    assert capsys.readouterr().err == "✗ the lab needs root\n"


@pytest.mark.parametrize("step, lie", [("must_greet", "who greets"), ("must_live", "has died"), ("must_listen", "listen")])
def test_each_check_can_fail(step, lie):
    """Each check of the demo fails in a machine where nothing is as it should be."""
    class Nobody:
        def banner(self, *_: object) -> bytes:
            return b"SSH-2.0-OpenSSH_for_Windows_9.5\r\n"

        def listeners(self) -> dict[int, set[str]]:
            return {22: {"0.0.0.0"}, 2222: {"0.0.0.0"}}

        def alive(self) -> bool:
            return False

    arguments = {"must_greet": (22, "WSL"), "must_live": (), "must_listen": (2222,)}[step]
    with pytest.raises(demo.NotAsTold, match=lie):
        getattr(demo, step)(Nobody(), *arguments)
