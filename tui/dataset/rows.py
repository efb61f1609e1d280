"""Records one after the other, whatever the file looks like: the way in for what rewrites files.

A check wants every physical line in parallel; a rewrite wants records in order, each with the bytes
it came from. Memory is bounded by the longest record.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import orjson

from tui.dataset.arrays import array_spans, is_array
from tui.dataset.canonical import canonical
from tui.dataset.machine import JsonMachine
from tui.dataset.signature import BOM, foreign_kind
from tui.dataset.source import Change, Source
from tui.errors import FileError, TunedeckError

MAX_ROW = 256 << 20
"""The longest record that is rewritten, in bytes; no provider takes a file with one this long."""

BROKEN = object()
"""The value of a line that is not JSON."""

BLANK = object()
"""The value of a line with nothing on it."""

_BLOCK = 1 << 20
_MAX_SPREAD = 64 << 20
_LINE_COST = 64
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[ \t\r\n]+|[,:]', re.DOTALL)
_LONG_NUMBER = re.compile(rb"\d{15}|\d[eE][+-]?\d")
_LONG = b"0" * 15
_ALIKE = bytes.maketrans(b"123456789E", b"000000000e")

Progress = Callable[[int, int], object]
Cancelled = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Row:
    """One record, or one line that is none.

    Attributes:
        line: The 1-based line it starts on.
        raw: Its bytes, without the line feed after it and without a byte order mark before it.
        value: The parsed record, ``BROKEN`` or ``BLANK``.
        end: The line feed after it; empty at the end of a file without one.
        lines: Physical lines it takes.
        mark: Whether a byte order mark stood before it.
        element: Whether it is an element of a JSON array.
        offset: Where its bytes begin in the file.
    """

    line: int
    raw: bytes
    value: object
    end: bytes = b"\n"
    lines: int = 1
    mark: bool = False
    element: bool = False
    offset: int = 0

    @property
    def parsed(self) -> bool:
        """Whether it is JSON."""
        return self.value is not BROKEN and self.value is not BLANK


def rows(
    source: Source, *, progress: Progress | None = None, cancelled: Cancelled | None = None
) -> Iterator[Row]:
    """Yield every record of a file, blank and broken lines included.

    An object spread over several lines is one row, also where commas too many are all that is
    wrong with it (its value is ``BROKEN`` then). Elements of a JSON array are rows of their own;
    a comma too many between them is passed over.

    Args:
        source: The open file.
        progress: Told bytes done and bytes in all, about every megabyte.
        cancelled: Asked as often; true ends with an error.

    Raises:
        FileError: The file cannot be read, is not text in UTF-8, changed meanwhile, has a record
            longer than `MAX_ROW`, or text after the end of an array.
        TunedeckError: It was stopped.
    """
    refuse_foreign(source)
    watch = _Watch(source.size, progress, cancelled)
    if is_array(source):
        yield from _elements(source, watch)
    else:
        yield from _Lines(source, watch).run()
    # What was added at the end meanwhile is not read, and a new file of the same name is another.
    if source.changed() in (Change.SHRUNK, Change.EDITED):
        raise FileError(
            "the file changed while it was read", "wait until it is written, then retry"
        )


def refuse_foreign(source: Source) -> None:
    """Refuse a file that is not text in UTF-8 by its first bytes.

    Raises:
        FileError: It is not.
    """
    kind = foreign_kind(source.read(0, 4096))
    if kind is not None:
        raise FileError(f"the file is {kind[0]}, not text in UTF-8", kind[1])


def rows_of(data: bytes) -> Iterator[Row]:
    """Yield the records of bytes that hold them on lines; see `rows`.

    Args:
        data: Whole lines of a file that is no array; line numbers count from its first.
    """
    return _Lines(_Held(data), _Watch(len(data), None, None)).run()


class _Readable(Protocol):
    """What lines are read from."""

    @property
    def size(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes: ...


class _Held:
    """Bytes at hand, read like a file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]


class _Watch:
    """Tells how far reading is, and stops it."""

    def __init__(self, total: int, progress: Progress | None, cancelled: Cancelled | None) -> None:
        self._total = total
        self._progress = progress
        self._cancelled = cancelled
        self._next = 0

    def at(self, offset: int) -> None:
        if offset < self._next:
            return
        self._next = offset + _BLOCK
        if self._progress is not None:
            self._progress(offset, self._total)
        if self._cancelled is not None and self._cancelled():
            raise TunedeckError("stopped before the end", "nothing was written", code="cancelled")


def _elements(source: Source, watch: _Watch) -> Iterator[Row]:
    begin = len(BOM) if source.read(0, len(BOM)) == BOM else 0
    troubles: list[tuple[int, str]] = []
    for span in array_spans(
        source, begin, source.size, lambda line, _, message, __: troubles.append((line, message))
    ):
        watch.at(span.offset)
        if span.length > MAX_ROW:
            raise _too_long(span.line)
        raw = source.read(span.offset, span.length).rstrip(b" \t\r\n")
        yield Row(span.line, raw, parse(raw), lines=raw.count(b"\n") + 1, element=True,
                  offset=span.offset)  # fmt: skip
    for line, trouble in troubles:
        if trouble.startswith("text after"):
            raise FileError(f"line {line}: {trouble}", "move it into the array, or remove it")


class _Lines:
    """The records of a file that has them on lines, with those spread over several put together."""

    def __init__(self, source: _Readable, watch: _Watch) -> None:
        self._stream = _physical(source, watch)
        self._ahead: deque[tuple[bytes, bytes]] = deque()
        # Looking for the end of an object that never ends would make the whole quadratic.
        self._budget = 4 * source.size + _BLOCK
        self._at = 0

    def run(self) -> Iterator[Row]:
        line = 1
        while (taken := self._next()) is not None:
            raw, end = taken
            mark = raw.startswith(BOM)
            if mark:
                raw = raw[len(BOM) :]
                self._at += len(BOM)
            row = self._row(line, raw, end, mark)
            yield row
            line += row.lines
            self._at += len(row.raw) + len(row.end)

    def _row(self, line: int, raw: bytes, end: bytes, mark: bool) -> Row:
        try:
            return Row(line, raw, orjson.loads(raw), end, mark=mark, offset=self._at)
        except (ValueError, RecursionError):
            if not raw or raw.isspace():
                return Row(line, raw, BLANK, end, mark=mark, offset=self._at)
        return self._spread(line, raw, end, mark)

    def _spread(self, line: int, raw: bytes, end: bytes, mark: bool) -> Row:
        machine = JsonMachine(commas=True)
        parts: list[tuple[bytes, bytes]] = [(raw, end)]
        spent = 0
        while True:
            piece = parts[-1][0]
            spent += len(piece) + _LINE_COST
            if spent > min(self._budget, _MAX_SPREAD) or not _continues(machine, piece):
                break
            if machine.complete:
                joined = b"\n".join(part for part, _ in parts)
                value = _lenient(joined)
                # Objects copied out of a list are followed by commas; they are still one row each.
                if value is BROKEN and not machine.passed:
                    break
                end = parts[-1][1]
                return Row(line, joined, value, end, len(parts), mark, offset=self._at)
            following = self._next()
            if following is None:
                break
            parts.append(following)
        self._budget -= spent
        self._ahead.extendleft(reversed(parts[1:]))
        return Row(line, raw, BROKEN, end, mark=mark, offset=self._at)

    def _next(self) -> tuple[bytes, bytes] | None:
        return self._ahead.popleft() if self._ahead else next(self._stream, None)


def _continues(machine: JsonMachine, piece: bytes) -> bool:
    try:
        return machine.feed(piece.decode("utf-8")) is None
    except UnicodeDecodeError:
        return False


def _physical(source: _Readable, watch: _Watch) -> Iterator[tuple[bytes, bytes]]:
    """Yield lines with their line feeds, each read once however long it is."""
    offset, size = 0, source.size
    begun: list[bytes] = []
    length = number = 0
    while offset < size:
        watch.at(offset)
        block = source.read(offset, min(_BLOCK, size - offset))
        if not block:
            raise FileError(
                "the file became shorter while it was read",
                "wait until it is written, then try again",
            )
        offset += len(block)
        lines = block.split(b"\n")
        rest = lines.pop()
        for line in lines:
            number += 1
            if begun:
                line = b"".join((*begun, line))
                begun, length = [], 0
            yield line, b"\n"
        if rest:
            begun.append(rest)
            length += len(rest)
            if length > MAX_ROW:
                raise _too_long(number + 1)
    if begun:
        yield b"".join(begun), b""


def _too_long(line: int) -> FileError:
    return FileError(
        f"line {line} is longer than {MAX_ROW >> 20} MB", "put each record on a line of its own"
    )


def parse(raw: bytes) -> object:
    """Return the value of one record's bytes, or ``BROKEN``.

    Halves of surrogate pairs are JSON, though the fast parser refuses them; NaN is not.
    """
    try:
        return orjson.loads(raw)
    except (ValueError, RecursionError):
        pass
    machine = JsonMachine()
    if _continues(machine, raw) and machine.complete:
        return _lenient(raw)
    return BROKEN


def _lenient(raw: bytes) -> object:
    try:
        return orjson.loads(raw)
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return BROKEN


def on_one_line(raw: bytes) -> bytes:
    """Return the same JSON on one line; every string and number stays as it is written."""
    return _TOKEN.sub(_spaced, raw)


def _spaced(match: re.Match[bytes]) -> bytes:
    token = match.group()
    if token[0] == 0x22:
        return token
    return token + b" " if token in (b",", b":") else b""


def digest(raw: bytes, value: object) -> bytes:
    """Return 16 bytes that are the same for the same content, whatever order its keys have.

    Args:
        raw: The record as written.
        value: The record parsed.
    """
    return hashlib.blake2b(content(raw, value), digest_size=16).digest()


def _may_be_rounded(raw: bytes) -> bool:
    alike = raw.translate(_ALIKE)
    # Nearly no record has either, and looking for both in this way is ten times as fast.
    return (_LONG in alike or b"0e" in alike) and _LONG_NUMBER.search(raw) is not None


def content(raw: bytes, value: object) -> bytes:
    """Return what `digest` is of: two records say the same if and only if this is the same."""
    text = raw.strip()
    # Numbers that a parser rounds are compared as they are written, so that no two records that
    # differ are ever taken for one.
    if not _may_be_rounded(raw):
        text = canonical(value, text)
    return text
