"""Tables in CSV, read a row at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from tui.dataset.rows import parse, refuse_foreign
from tui.dataset.source import Source
from tui.errors import FileError

MAX_CELL = 64 << 20
"""Characters of the longest cell that is read."""

_DELIMITERS = ",;\t|"
_HEAD = 64 << 10
_ENDINGS = (".csv", ".tsv", ".tab")


def is_table(source: Source) -> bool:
    """Return whether a file is CSV, by its name or by a first line that no JSON starts with."""
    if named_table(source):
        return True
    name = _plain(source.path)
    if name.endswith((".json", ".jsonl", ".ndjson")):
        return False
    head = source.read(0, _HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
    line = head.partition(b"\n")[0]
    return bool(line) and line[:1] not in b'{["' and any(mark in line for mark in b",;\t")


def named_table(source: Source) -> bool:
    """Return whether a file is CSV by its name."""
    return _plain(source.path).endswith(_ENDINGS)


def is_json(source: Source) -> bool:
    """Return whether a file holds JSON, by its first line, whatever it is called."""
    head = source.read(0, _HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
    line = head.partition(b"\n")[0].strip()
    return line in (b"{", b"[") or isinstance(parse(line.rstrip(b",")), (dict, list))


class Table:
    """The rows of a CSV file as records.

    Args:
        source: The open file.

    Raises:
        FileError: It is not text in UTF-8, or has no header.

    Attributes:
        columns: The names in its first row.
    """

    def __init__(self, source: Source) -> None:
        refuse_foreign(source)
        csv.field_size_limit(MAX_CELL)
        self._stream = _Stream(source)
        raw = io.BufferedReader(self._stream, 1 << 20)
        self._text = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
        head = source.read(0, _HEAD).decode("utf-8", "replace")
        self._rows = csv.reader(self._text, delimiter=_delimiter(source.path, head))
        self.line = 1
        header = self._next()
        while header is not None and not any(cell.strip() for cell in header):
            header = self._next()
        if header is None:
            raise FileError("the table is empty", "its first row must name the columns")
        self.columns = [cell.strip() for cell in header]

    @property
    def offset(self) -> int:
        """Bytes of the file taken so far."""
        return self._stream.offset

    def rows(self) -> Iterator[tuple[int, dict[str, Any] | None]]:
        """Yield the line and the cells of each row that is not blank, by column.

        ``None`` stands for a row with more cells than there are columns.

        Raises:
            FileError: The table is damaged.
        """
        while True:
            self.line = self._rows.line_num + 1
            cells = self._next()
            if cells is None:
                return
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(self.columns) and any(cells[len(self.columns) :]):
                yield self.line, None
                continue
            yield self.line, dict(zip(self.columns, cells, strict=False))

    def _next(self) -> list[str] | None:
        try:
            return next(self._rows, None)
        except UnicodeDecodeError as error:
            raise FileError(
                f"bytes that are not UTF-8 near line {self.line}",
                "save the table as UTF-8: iconv -f WINDOWS-1252 -t UTF-8 FILE > OUT",
            ) from error
        except csv.Error as error:
            raise FileError(
                f"line {self.line} of the table cannot be read ({error})", "check its quotes"
            ) from error


class _Stream(io.RawIOBase):
    """A source read from its start to its end.

    Attributes:
        offset: Bytes read so far.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.offset = 0

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with the next bytes."""
        data = self._source.read(self.offset, len(buffer))
        buffer[: len(data)] = data
        self.offset += len(data)
        return len(data)


def _plain(path: str) -> str:
    return path.lower().removesuffix(".gz").removesuffix(".zst")


def _delimiter(path: str, head: str) -> str:
    if _plain(path).endswith((".tsv", ".tab")):
        return "\t"
    line: list[str] = []
    quoted = False
    for char in head:
        if char == '"':
            quoted = not quoted
        elif not quoted:
            if char in "\r\n" and line:
                break
            line.append(char)
    return max(_DELIMITERS, key=line.count)
