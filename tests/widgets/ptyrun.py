"""Runs a small Textual application in a pseudo-terminal and counts the bytes it sends."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import pyte

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 30.0
QUIET = 0.25


class PtyApp:
    """A Python script in a terminal of its own; `screen` is what a person would see."""

    def __init__(
        self, script: Path, *args: str, size: tuple[int, int] = (120, 40), **env: str
    ) -> None:
        self.columns, self.lines = size
        self.screen = pyte.Screen(self.columns, self.lines)
        self._stream = pyte.Stream(self.screen)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.sent = bytearray()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", self.lines, self.columns, 0, 0))
        base = {
            key: value
            for key, value in os.environ.items()
            if key not in ("NO_COLOR", "COLORTERM", "LINES", "COLUMNS")
        }
        self._process = subprocess.Popen(
            [sys.executable, str(script), *args],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            start_new_session=True,
            env={
                **base,
                "TERM": "xterm-256color",
                "COLORTERM": "truecolor",
                "TEXTUAL_ANIMATIONS": "none",
                "TEXTUAL_FPS": "20",
                "PYTHONPATH": str(ROOT),
                **env,
            },
        )
        os.close(slave)

    def __enter__(self) -> PtyApp:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._master)

    def text(self) -> str:
        """What the screen shows."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def _read(self, timeout: float) -> bool:
        if not select.select([self._master], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False
        self.sent += data
        self._stream.feed(self._decoder.decode(data))
        return bool(data)

    def wait_for(self, seen: str | Callable[[str], bool]) -> None:
        """Read until the screen shows a text, or what a predicate asks for."""
        check = seen if callable(seen) else lambda text: seen in text
        deadline = time.monotonic() + LIMIT
        while not check(self.text()):
            if time.monotonic() > deadline:
                raise AssertionError(f"never shown: {seen!r}\n{self.text()}")
            self._read(0.1)

    def settle(self) -> None:
        """Read until nothing comes any more."""
        deadline = time.monotonic() + LIMIT
        while self._read(QUIET) and time.monotonic() < deadline:
            pass

    def press(self, keys: str) -> None:
        """Send keys as a terminal would."""
        os.write(self._master, keys.encode())

    def cost(self, keys: str, seen: str | Callable[[str], bool]) -> int:
        """Bytes that keys cause to be sent to a quiet screen, until it is quiet again."""
        before = len(self.sent)
        self.press(keys)
        self.wait_for(seen)
        self.settle()
        return len(self.sent) - before
