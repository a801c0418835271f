# SPDX-License-Identifier: LGPL-2.1-or-later
"""Commands under way, in a machine or on a side of its network, and ssh sessions."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

# Seconds after which a test gives up waiting; only a test that fails waits so long, or one on a slow kernel (tests/kernels).
PATIENCE = int(os.environ.get("WSLPORTD_LAB_PATIENCE", "60"))


def until(what: str, timeout: float, condition: Any, pause: float = 0.03) -> Any:
    """Waits for a true value of `condition()` and returns it."""
    deadline = time.monotonic() + timeout
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(pause)


class Process:
    """A command under way. Its output is kept in memory, and can be read at any time."""

    def __init__(self, argv: Sequence[str], stdin: bytes | None) -> None:
        self.argv = list(argv)
        self.pid = 0  # as the host counts
        self._output = os.memfd_create("stdout", os.MFD_CLOEXEC)
        self._errors = os.memfd_create("stderr", os.MFD_CLOEXEC)
        self._input = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        if stdin is not None:
            memory = os.memfd_create("stdin", os.MFD_CLOEXEC)
            os.write(memory, stdin)
            os.lseek(memory, 0, os.SEEK_SET)
            os.dup2(memory, self._input, inheritable=False)
            os.close(memory)

    def __del__(self) -> None:
        for fd in (self._output, self._errors, self._input):
            with contextlib.suppress(OSError):
                os.close(fd)

    @staticmethod
    def _contents(fd: int) -> bytes:
        return os.pread(fd, os.fstat(fd).st_size, 0)

    @property
    def stdout(self) -> str:
        return self._contents(self._output).decode(errors="replace")

    @property
    def stderr(self) -> str:
        return self._contents(self._errors).decode(errors="replace")

    @property
    def stdout_bytes(self) -> bytes:
        return self._contents(self._output)

    def poll(self) -> int | None:
        """The exit status, negative for a signal, or None while it runs."""
        raise NotImplementedError

    def kill(self, number: int = signal.SIGKILL) -> None:
        raise NotImplementedError

    def wait(self, timeout: float = PATIENCE) -> int:
        until(" ".join(self.argv), timeout, lambda: self.poll() is not None, 0.005)
        return self.poll() or 0

    def finish(self, check: bool, timeout: float) -> subprocess.CompletedProcess[str]:
        try:
            status = self.wait(timeout)
        except TimeoutError as error:
            self.kill()
            error.add_note(f"stdout: {self.stdout}\nstderr: {self.stderr}")
            raise
        if check and status != 0:
            failure = subprocess.CalledProcessError(status, self.argv, self.stdout, self.stderr)
            failure.add_note(f"stdout: {self.stdout}\nstderr: {self.stderr}")
            raise failure
        return subprocess.CompletedProcess(self.argv, status, self.stdout, self.stderr)


class GuestProcess(Process):
    """A process of the machine's. The machine's agent starts it, so it is beneath the filter."""

    def __init__(self, agent: socket.socket, argv: Sequence[str], stdin: bytes | None,
                 env: Mapping[str, str], directory: str, where: str) -> None:
        super().__init__(argv, stdin)
        self._status: int | None = None
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        strings = ["run", where, directory, str(len(argv)), *argv, *(f"{k}={v}" for k, v in env.items())]
        socket.send_fds(agent, ["\0".join(strings).encode()],
                        [self._input, self._output, self._errors, theirs.fileno()])
        theirs.close()
        self._socket.settimeout(PATIENCE)
        self._read()
        self._socket.setblocking(False)

    def _read(self) -> None:
        try:
            word, _, number = self._socket.recv(64).decode().partition(" ")
        except BlockingIOError:
            return
        except OSError:
            word, number = "", ""
        if word == "pid":
            self.pid = int(number)
        elif word == "exit":
            self._status = int(number)
        else:  # a signal has ended the process, or the machine has gone
            self._status = -int(number or signal.SIGKILL)

    def poll(self) -> int | None:
        if self._status is None:
            self._read()
        return self._status

    def kill(self, number: int = signal.SIGKILL) -> None:
        with contextlib.suppress(OSError):
            self._socket.send(str(int(number)).encode())


class SideProcess(Process):
    """One of the host's programs in one of the lab's network namespaces, without the filter. Dies with this process."""

    def __init__(self, namespace: str, argv: Sequence[str], stdin: bytes | None) -> None:
        super().__init__(argv, stdin)
        self._popen = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--net={namespace}", *argv],
            stdin=self._input, stdout=self._output, stderr=self._errors, start_new_session=True)
        self.pid = self._popen.pid

    def poll(self) -> int | None:
        return self._popen.poll()

    def kill(self, number: int = signal.SIGKILL) -> None:
        self._popen.send_signal(number)


class Session:
    """An ssh session that prints a line each tenth of a second."""

    SCRIPT = "exec 3<> <(:); i=0; while :; do echo $i; i=$((i+1)); read -rt 0.1 -u 3; done"  # `read` waits without a process of its own, as `sleep` would need

    def __init__(self, process: Process) -> None:
        self.process = process

    def ticks(self) -> int:
        return self.process.stdout.count("\n")

    def alive(self, within: float = PATIENCE) -> bool:
        """Returns whether the session goes on ticking."""
        before = self.ticks()
        try:
            until("a tick", within, lambda: self.process.poll() is not None or self.ticks() > before)
        except TimeoutError:
            return False
        return self.process.poll() is None

    def close(self) -> None:
        """Kills the client. After a client's farewell sshd may close first, and its TIME_WAIT would keep the port for a minute."""
        self.process.kill()
        with contextlib.suppress(TimeoutError):
            self.process.wait(5)
