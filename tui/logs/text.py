"""Readers of logs that are lines: JSON lines, CSV, and what those of other lines share.

Each takes the bytes as they come. A line counts once its end is there; :meth:`settle` takes a last
line whose end never comes, where the line itself shows that it is whole.
"""

from __future__ import annotations

import contextlib
import csv
import json
from itertools import groupby
from typing import Any, Protocol

import orjson

from tui.logs.rows import Batch, Note, is_summary, named, whole

_BOM = b"\xef\xbb\xbf"
LONGEST_LINE = 1 << 20


class Reader(Protocol):
    """Makes rows of the bytes of a log.

    Attributes:
        kind: What the log is, for people.
    """

    kind: str

    def feed(self, data: bytes) -> Batch:
        """Take the next bytes and return what is whole by now."""
        ...

    def settle(self, *, final: bool) -> Batch:
        """Return what has waited in vain for more; ``final`` when no more will come."""
        ...


class LineReader:
    """The part that all readers of lines share: bytes to lines."""

    kind = "text"

    def __init__(self) -> None:
        self._rest = b""
        self._overlong = False

    def feed(self, data: bytes) -> Batch:
        """Take the next bytes."""
        if b"\0" in data:
            # A file that was emptied while its writer went on has a hole in front.
            data = data.replace(b"\0", b"")
        *lines, self._rest = self._split(self._rest + data)
        if lines and self._overlong:
            self._overlong = False
            del lines[0]
        if len(self._rest) > LONGEST_LINE:
            # No row of numbers is that long: its end is waited for without keeping it.
            self._rest, self._overlong = b"", True
        return self._read(lines)

    def settle(self, *, final: bool) -> Batch:
        """Take a last line without an end, once it is whole by itself or nothing more comes."""
        return self._read(self._left(final=final))

    def _left(self, *, final: bool) -> list[bytes]:
        if not self._rest or self._overlong or not (final or self._is_whole(self._rest)):
            return []
        line, self._rest = self._rest, b""
        return [line]

    def _split(self, data: bytes) -> list[bytes]:
        return data.split(b"\n")

    def _is_whole(self, line: bytes) -> bool:
        del line
        return False

    def _read(self, lines: list[bytes]) -> Batch:
        raise NotImplementedError


class JsonLines(LineReader):
    """JSON objects, one a line: LLaMA-Factory's ``trainer_log.jsonl`` and any other."""

    kind = "JSON lines"

    def _is_whole(self, line: bytes) -> bool:
        return _json(line) is not None

    def _read(self, lines: list[bytes]) -> Batch:
        from tui.logs.columns import rows_of

        records = _records(lines)
        batch = Batch()
        batch.rows, told = rows_of(records)
        if any("current_steps" in found for found in records):
            self.kind = "LLaMA-Factory log"
        totals = (whole(found.get("total_steps")) for found in reversed(records))
        batch.total = next((total for total in totals if total), None)
        for at in (~told).nonzero()[0].tolist():
            self._see_words(records[at], int(told[:at].sum()), batch)
        return batch

    def _see_words(self, found: dict[str, Any], place: int, batch: Batch) -> None:
        """Take in a record that is no row of numbers."""
        total = whole(found.get("total_steps"))
        if is_summary(found) or (total and whole(found.get("current_steps")) == total):
            batch.status = "succeeded"
            return
        message = found.get("message") or found.get("msg")
        if isinstance(message, str):
            level = _level(str(found.get("level", "info")))
            batch.notes.append((place, Note(message, level)))


def _records(lines: list[bytes]) -> list[dict[str, Any]]:
    """Return the objects that lines are; a line that is something else is left out."""
    try:
        found = list(map(orjson.loads, lines))
    except ValueError:  # one of them is broken, empty, or JSON only to Python: each by itself
        return [one for line in lines if (one := _json(line)) is not None]
    return [one for one in found if isinstance(one, dict)]


def _json(line: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(line)
    except ValueError:
        # NaN and infinities are no JSON, but trainers write them.
        try:
            found = json.loads(line) if line.lstrip().startswith(b"{") else None
        except (ValueError, RecursionError):
            return None
    return found if isinstance(found, dict) else None


class Table(LineReader):
    """CSV with names in its first line; the delimiter is told by that line."""

    kind = "CSV"

    def __init__(self) -> None:
        super().__init__()
        self._names: list[str] = []
        self._first = b""
        self._delimiter, self._mark = ",", b","

    def _split(self, data: bytes) -> list[bytes]:
        return data.replace(b"\r\n", b"\n").split(b"\n")

    def _read(self, lines: list[bytes]) -> Batch:
        from tui.logs.columns import rows_of_table

        cells: list[Any] = []
        for plain, alike in groupby(lines, self._is_plain):
            if plain:
                cells += self._plainly(list(alike))
            else:
                for line in alike:
                    cells += self._careful(line)
        return Batch(rows=rows_of_table(self._names, cells))

    def _plainly(self, lines: list[bytes]) -> list[Any]:
        joined = self._mark.join(lines)
        if self._delimiter == ",":
            # Numbers are JSON, which is read faster; an array would be fewer cells than there are.
            with contextlib.suppress(ValueError):
                found: list[Any] = orjson.loads(b"[%b]" % joined)
                if len(found) == len(lines) * len(self._names):
                    return found
        return self._pointed(joined.decode("utf-8", "replace")).split(self._delimiter)

    def _is_plain(self, line: bytes) -> bool:
        """Whether a line is cells without quotes, as many as there are names, and no header."""
        return (
            line.count(self._mark) == len(self._names) - 1
            and self._first not in line
            and b'"' not in line
            and b"\r" not in line
            and _BOM not in line
        )

    def _careful(self, line: bytes) -> list[str]:
        """Return the cells of any line; none when it is no row of the table."""
        text = line.decode("utf-8", "replace").lstrip("\ufeff")
        if not text.strip() or (text.startswith("#") and not self._names):
            return []
        if not self._names:
            self._delimiter = delimiter_of(text)
            self._mark = self._delimiter.encode()
            header = [name.strip() for name in cells_of(text, self._delimiter)]
            self._names = [named(name) for name in header]
            self._first = header[0].encode() if header else b""
            return []
        cells = cells_of(self._pointed(text), self._delimiter)
        # The names again: several runs were appended to one file.
        again = [named(cell.strip()) for cell in cells] == self._names
        return cells if len(cells) == len(self._names) and not again else []

    def _pointed(self, text: str) -> str:
        """Put points for the commas in numbers, where semicolons stand between the cells."""
        return text.replace(",", ".") if self._delimiter == ";" else text


def delimiter_of(line: str) -> str:
    """Return what separates the names in the first line of a table."""
    return max(",\t;", key=line.count)


def cells_of(line: str, delimiter: str) -> list[str]:
    """Return the cells of a line of a table; none when its quotes are wrong."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _level(word: str) -> str:
    word = word.lower()
    return "error" if word in ("error", "critical") else "warn" if "warn" in word else "info"
