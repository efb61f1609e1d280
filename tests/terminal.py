"""A real program in a pseudo-terminal: type keys, read the screen, count the bytes.

The screen is kept by pyte, a terminal emulator, so that tests see what a person sees.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pyte

ROOT = Path(__file__).resolve().parent.parent
TUNEDECK = (sys.executable, "-m", "tui")
PATIENCE = 60.0
QUIET = 0.25
# What the tests' own terminal has would make them differ from machine to machine.
_LEFT_OUT = ("COLUMNS", "LINES", "COLORTERM", "NO_COLOR")


class Terminal:
    """A program running in a pseudo-terminal of a given size.

    Args:
        command: The program and its arguments.
        size: Columns and rows.
        env: Variables laid over this process's environment, of which those that say what colours
            the terminal has are left out.
        cwd: Where the program starts; the project's root unless given.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        size: tuple[int, int] = (120, 40),
        env: Mapping[str, str] | None = None,
        cwd: Path = ROOT,
    ) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.sent = bytearray()
        primary, secondary = os.openpty()
        fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        inherited = {key: value for key, value in os.environ.items() if key not in _LEFT_OUT}
        environment = {**inherited, "TERM": "xterm-256color", **(env or {})}
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            stdin=secondary,
            stdout=secondary,
            stderr=secondary,
            env=environment,
            cwd=cwd,
            close_fds=True,
            preexec_fn=_own_terminal,
        )
        os.close(secondary)
        self._fd = primary

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the program and give the terminal back."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGHUP)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        os.close(self._fd)

    @property
    def fd(self) -> int:
        """The descriptor to wait on for what the program sends."""
        return self._fd

    def type(self, keys: str) -> None:
        """Send keys as a terminal would."""
        os.write(self._fd, keys.encode())

    def read(self, seconds: float) -> bytes:
        """Take in what the program sends until nothing has come for ``seconds``."""
        got = bytearray()
        while self._ready(seconds):
            chunk = self._take()
            if not chunk:
                break
            got += chunk
        return bytes(got)

    def wait_for(
        self, what: str | Callable[[Terminal], bool], *, timeout: float = PATIENCE
    ) -> Terminal:
        """Read until the text stands on the screen, or the condition holds.

        Raises:
            AssertionError: It did not within ``timeout`` seconds; the screen is in the message.
        """
        holds = what if callable(what) else lambda term: what in term.text
        deadline = time.monotonic() + timeout
        while not holds(self):
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {timeout} s for {what!r}; the screen:\n{self.text}")
            if self._ready(0.05) and not self._take() and not holds(self):
                raise AssertionError(f"ended while waiting for {what!r}; the screen:\n{self.text}")
        return self

    def wait_end(self, *, timeout: float = PATIENCE) -> int:
        """Read to the program's end and return its exit code."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"still running after {timeout} s; the screen:\n{self.text}")
            if self._ready(0.05):
                self._take()
        self.read(0.05)
        return self.process.returncode

    def cost(self, keys: str, changed: Callable[[Terminal], bool]) -> int:
        """Type keys at a quiet screen and return the bytes sent until it is quiet again.

        Args:
            keys: What to type.
            changed: Holds once what the keys did is seen.
        """
        before = len(self.sent)
        self.type(keys)
        self.wait_for(changed)
        self.read(QUIET)
        return len(self.sent) - before

    @property
    def text(self) -> str:
        """The screen as lines of text, trailing blanks cut."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def _ready(self, seconds: float) -> bool:
        return bool(select.select([self._fd], [], [], seconds)[0])

    def _take(self) -> bytes:
        try:
            chunk = os.read(self._fd, 65536)
        except OSError as error:
            if error.errno == errno.EIO:
                return b""
            raise
        self.sent += chunk
        self._stream.feed(chunk)
        return chunk


def _own_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
