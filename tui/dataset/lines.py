"""The lines of a piece of a file, read so that every line is in exactly one piece."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Protocol

from tui.errors import FileError

RANGE = 4 << 20
"""Bytes a range starts with."""

MAX_LINE = 512 << 20
"""The longest line that is parsed; no provider takes a file that large in one request."""

BLOCK = 256 << 10
"""Bytes that are read at a time where it is not known how many are needed."""

Print = tuple[int, int, int]
"""Offset, length and CRC-32 of some bytes."""


class Readable(Protocol):
    """Anything bytes can be read from at an offset."""

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes at ``offset``."""
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """Where one element of a JSON array stands: bytes, and the line it starts on."""

    offset: int
    length: int
    line: int
    line_start: int


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of a file to check.

    Attributes:
        start: Lines that start at or after this offset.
        end: Lines that start before this offset.
        aligned: Whether a line is known to start at ``start``.
        spans: The elements of a JSON array to check instead of lines.
    """

    start: int
    end: int
    aligned: bool = False
    spans: tuple[Span, ...] | None = None


class LineFeed:
    """The lines of a task, and as many after it as somebody asks for.

    Attributes:
        start: Where the first line starts; ``None`` where no line starts in the task.
        lines: The lines read so far, without their line feeds.
        inside: How many of them start in the task.
        prints: The checksum of the task's bytes, where asked for.
    """

    def __init__(self, source: Readable, task: Task, size: int, *, prints: bool = False) -> None:
        self._source = source
        self._size = size
        self.prints: list[Print] = []
        self.lines: list[bytes] = []
        self.inside = 0
        self._beyond: dict[int, int] = {}
        self._carry = b""
        self.start = self._first(task)
        self._offset = self.start or 0
        if self.start is None:
            return
        data = self._read(min(task.end, size) - self.start)
        self.lines = data.split(b"\n")
        tail = self.lines.pop()
        if tail:
            self._finish(tail)
        self.inside = len(self.lines)
        self._inside_end = self._offset - len(self._carry)
        if prints:
            # What stands before the first line belongs to the range before; its bytes are ours.
            gap = source.read(task.start, self.start - task.start)
            rest = self.lines[-1][len(tail) :] + b"\n" if tail else b""
            self._print(task.start, gap, data, rest)

    def _print(self, start: int, *parts: bytes) -> None:
        """Note the checksum of what stands from ``start`` to the end of the last line inside."""
        left = self._inside_end - start
        if sum(map(len, parts)) - left not in (0, 1):
            return  # a line too long to be kept
        total = 0
        for part in parts:
            total = zlib.crc32(part[:left], total)
            left -= len(part)
        self.prints.append((start, self._inside_end - start, total))

    def get(self, position: int) -> bytes | None:
        """Return a line by position, reading on where needed; ``None`` past the end of the file."""
        while position >= len(self.lines):
            line, mark, rest = self._carry.partition(b"\n")
            if mark:
                self.lines.append(line)
                self._carry = rest
            elif not self._carry and self._offset >= self._size:
                return None
            else:
                self._carry = b""
                self._finish(line)
            self._beyond[len(self.lines)] = self._offset - len(self._carry)
        return self.lines[position]

    def end_of(self, position: int) -> int:
        """Return where the line after the first ``position`` lines starts."""
        return self._beyond[position] if position > self.inside else self._inside_end

    def _first(self, task: Task) -> int | None:
        if task.aligned or task.start == 0:
            return task.start if task.start < min(task.end, self._size) else None
        offset = task.start - 1
        while offset < task.end:
            block = self._source.read(offset, min(BLOCK, task.end - offset))
            if not block:
                return None
            found = block.find(b"\n")
            if found >= 0:
                start = offset + found + 1
                return start if start < min(task.end, self._size) else None
            offset += len(block)
        return None

    def _read(self, length: int) -> bytes:
        """Read on; what the file gained since the scan began is not there yet."""
        length = min(length, self._size - self._offset)
        data = self._source.read(self._offset, length)
        if len(data) < length:
            raise FileError(
                "the file became shorter while it was read",
                "wait until it is written, then try again",
            )
        self._offset += len(data)
        return data

    def _finish(self, begun: bytes) -> None:
        """Read to the end of a line that has begun, and keep what was read past it."""
        parts, length = [begun], len(begun)
        size = BLOCK
        while self._offset < self._size:
            block = self._read(size)
            line, mark, rest = block.partition(b"\n")
            if length <= MAX_LINE:
                parts.append(line)
            length += len(line)
            if mark:
                self._carry = rest
                break
            size = min(2 * size, RANGE)
        self.lines.append(b"".join(parts))
