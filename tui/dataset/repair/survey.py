"""What repairs would touch, without writing: counts as a file is read, and one record at a time."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.dataset.clutter import is_fence, without_commas
from tui.dataset.model import Format
from tui.dataset.record import sniff_format
from tui.dataset.repair.file import Fixer, FixReport, checker_for
from tui.dataset.repair.model import ON_REQUEST, SAFE, Repair
from tui.dataset.repair.record import repair_record
from tui.dataset.rows import (
    BROKEN,
    Cancelled,
    Progress,
    Row,
    on_one_line,
    parse,
    rows_of,
)
from tui.dataset.signature import BOM
from tui.dataset.source import Source

if TYPE_CHECKING:
    from tui.dataset.index import LineIndex

CODES = (*SAFE, *ON_REQUEST)
INVALID = "invalid"
"""Stands for records that are left out because errors remain."""

MAX_FOUND = 1_000_000
"""Records kept to walk through; all are counted."""

PREVIEW_BYTES = 16 << 20
"""The longest record that is shown before and after."""

_AROUND = 2_000
"""Lines before and after one that are looked at for the record it belongs to."""

_BITS = {code: 1 << bit for bit, code in enumerate((*CODES, INVALID))}
_COMPACT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[ \t\r\n]+', re.DOTALL)
_LOOSE = re.compile(rb'[,:] ?(?=["\[{\dtfn-])')


@dataclass(frozen=True, slots=True)
class Found:
    """A record that repairs touch.

    Attributes:
        position: Its 0-based line, or element of an array.
        lines: Physical lines it takes.
        codes: The repairs that touch it; `INVALID` where it would be left out.
    """

    position: int
    lines: int
    codes: frozenset[str]


class Survey:
    """Reads a file once and tells which repairs touch which records.

    `run` belongs in a thread; everything else may be asked meanwhile from another one.

    Args:
        codes: The repairs to look for; every one there is where ``None``.
        drop_invalid: Also find the records that have errors after those repairs.
        profile: Whose rules apply.
        format: ``auto``, or the format of the file's records.
        model: The model whose context limit applies.
    """

    def __init__(
        self,
        codes: Collection[str] | None = None,
        *,
        drop_invalid: bool = False,
        profile: str = "openai",
        format: str = "auto",  # noqa: A002  (the word of the command line)
        model: str | None = None,
    ) -> None:
        self._wanted = frozenset(CODES if codes is None else codes)
        self._drop_invalid = drop_invalid
        self._profile = profile
        self._format = format
        self._model = model
        self.counts: dict[str, int] = dict.fromkeys((*CODES, INVALID), 0)
        self.records = 0
        self.complete = False
        self._positions = array("q")
        self._lines = array("l")
        self._masks = array("L")

    @property
    def truncated(self) -> bool:
        """Whether more records are touched than can be walked through."""
        return len(self._masks) >= MAX_FOUND

    def run(
        self,
        source: Source,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> None:
        """Read the whole file.

        Raises:
            FileError: The file cannot be read.
            TunedeckError: It was stopped.
        """
        kind = sniff_format(source) if self._format == "auto" else Format(self._format)
        checker = checker_for(self._profile, kind, self._model) if self._drop_invalid else None
        report = FixReport(source.path, None, kind)
        _Surveyor(self, report, self._wanted, checker).run(source, progress, cancelled)
        self.complete = True

    def add(self, found: Found) -> None:
        """Keep a record that is touched; later ones come later in the file."""
        mask = 0
        for code in found.codes:
            self.counts[code] += 1
            mask |= _BITS[code]
        if len(self._masks) < MAX_FOUND:
            self._positions.append(found.position)
            self._lines.append(found.lines)
            # Last, so that a reader in another thread never sees half of an entry.
            self._masks.append(mask)

    def at(self, position: int) -> Found | None:
        """Return what is known of the record at a position."""
        count = len(self._masks)
        i = bisect_left(self._positions, position, 0, count)
        return self._found(i) if i < count and self._positions[i] == position else None

    def next(self, position: int, wanted: Collection[str], step: int = 1) -> Found | None:
        """Return the next record that one of some repairs touches, or the one before."""
        mask = sum(_BITS[code] for code in frozenset(wanted))
        count = len(self._masks)
        if step > 0:
            places = range(bisect_right(self._positions, position, 0, count), count)
        else:
            places = range(bisect_left(self._positions, position, 0, count) - 1, -1, -1)
        masks = self._masks
        found = next((i for i in places if masks[i] & mask), None)
        return None if found is None else self._found(found)

    def _found(self, i: int) -> Found:
        mask = self._masks[i]
        codes = frozenset(code for code, bit in _BITS.items() if mask & bit)
        return Found(self._positions[i], self._lines[i], codes)


class _Surveyor(Fixer):
    """Keeps account of what touches each record, all repairs at once, and writes nothing."""

    def __init__(
        self, survey: Survey, report: FixReport, codes: frozenset[str], checker: object
    ) -> None:
        super().__init__(report, codes, None, checker)  # type: ignore[arg-type]
        self._survey = survey
        self._touching: set[str] = set()
        self._spread_only = codes - {"mojibake"}
        self._every = codes

    def take(self, row: Row, position: int) -> None:
        """Note what touches a row."""
        self._touching.clear()
        # Text that is ASCII cannot have been decoded wrongly, and looking is slow.
        maybe = not row.raw.isascii() or b"\\u" in row.raw
        self._codes = self._every if maybe else self._spread_only
        super().take(row, position)
        self._survey.records = self.report.records
        if self._touching:
            self._survey.add(Found(position, row.lines, frozenset(self._touching)))

    def _copy(self, row: Row, raw: bytes, value: object) -> bool:
        if self._is_copy(row, raw, value):
            self._touching.add("duplicate_example")
        return False

    def _drop_invalid(self, row: Row, raw: bytes) -> bool:
        if super()._drop_invalid(row, raw):
            self._touching.add(INVALID)
        return False

    def _note(self, change: Repair, *, repair: bool = True) -> None:
        if repair and change.code in _BITS:
            self._touching.add(change.code)


@dataclass(frozen=True, slots=True)
class Preview:
    """One record before and after.

    Attributes:
        before: Its text as it is; foreign, not cleaned.
        after: Its text as it would be written; ``None`` where it would be left out.
        changes: What would be done, one by one.
        reason: Why it would be left out, or why it cannot be shown; empty otherwise.
    """

    before: str
    after: str | None
    changes: tuple[Repair, ...] = ()
    reason: str = ""


def read_raw(source: Source, index: LineIndex, position: int, lines: int = 1) -> bytes | None:
    """Return the bytes of a record that takes some lines; ``None`` where it is too long.

    Raises:
        FileError: The file cannot be read.
        IndexError: The index does not reach that far.
    """
    start, length = index.span(position)
    if lines > 1 and not index.is_array:
        last, more = index.span(position + lines - 1)
        length = last + more - start
    if length > PREVIEW_BYTES:
        return None
    return source.read(start, length)


def preview(
    raw: bytes,
    found: Found,
    codes: Collection[str],
    *,
    element: bool = False,
    format: Format = Format.CHAT,  # noqa: A002  (the word of the command line)
) -> Preview:
    """Return a record before and after the chosen ones of the repairs that touch it.

    Args:
        raw: Its bytes, from `read_raw`.
        found: What the survey says of it.
        codes: The repairs to make; `INVALID` leaves out a record that has errors after them.
        element: Whether it is an element of a JSON array.
        format: The format of the file.
    """
    wanted = frozenset(codes)
    changes: list[Repair] = []
    line = found.position + 1
    marked = raw.startswith(BOM)
    body = raw.removeprefix(BOM) if marked else raw
    before = raw.decode("utf-8", "replace")
    if marked and "byte_order_mark" in wanted:
        changes.append(Repair(line, "byte_order_mark", "", "removed", "\ufeff"))
        marked = False
    if not body.strip():
        gone = "blank_line" in wanted
        done = (*changes, Repair(line, "blank_line", "", "removed")) if gone else tuple(changes)
        left = raw if marked else body
        text = None if gone else left.decode("utf-8", "replace")
        return Preview(before, text, done, "a blank line" if gone else "")
    if "invalid_json" in wanted and is_fence(body):
        done = (*changes, Repair(line, "invalid_json", "", "removed"))
        return Preview(before, None, done, "a code fence of Markdown")
    value = parse(body)
    after = body
    if value is BROKEN and "invalid_json" in wanted:
        after, value = without_commas(body)
        if value is not BROKEN:
            changes.append(Repair(line, "invalid_json", "", "removed", ","))
    if value is not BROKEN:
        if found.lines > 1 and (element or "pretty_printed" in wanted):
            after = on_one_line(after)
            shown = f"{found.lines:,} lines"
            changes.append(Repair(line, "pretty_printed", "", "rewritten", shown, "1 line"))
        fixed = repair_record(after, value, line=line, format=format, codes=wanted)
        after = fixed.raw
        changes += fixed.changes
    reason = _reason(found.codes & wanted)
    mark = "\ufeff" if marked else ""
    text = None if reason else mark + after.decode("utf-8", "replace")
    return Preview(before, text, tuple(changes), reason)


def _reason(codes: Collection[str]) -> str:
    if "duplicate_example" in codes:
        return "an exact copy of an earlier record"
    return "it has errors that no repair mends" if INVALID in codes else ""


def one_line(raw: bytes, like: bytes = b"") -> bytes:
    """Return JSON on one line, as widely spaced as another record.

    Args:
        raw: Valid JSON, on any number of lines; its strings and numbers stay as written.
        like: The record whose spacing is taken over; after commas and colons where it has none.
    """
    line = on_one_line(raw.strip())
    separator = _LOOSE.search(like[:65536])
    if separator is None or separator.group().endswith(b" "):
        return line
    return _COMPACT.sub(lambda m: m.group() if m.group()[0] == 0x22 else b"", line)


def whole_record(source: Source, index: LineIndex, position: int) -> tuple[int, int]:
    """Return the first line (0-based) and the number of lines of the record a line belongs to.

    A line that is a record, blank, or part of none is one by itself; the lines of an object that is
    spread over several belong together.
    """
    if index.is_array:
        return position, 1
    raw = read_raw(source, index, position)
    if raw is None or not raw.strip():
        return position, 1
    if isinstance(parse(raw.removeprefix(BOM)), dict) and not raw[:1].isspace():
        return position, 1
    first = _boundary(source, index, position)
    last = min(index.lines, position + _AROUND)
    start = index.span(first)[0]
    end = sum(index.span(last - 1))
    if end - start > PREVIEW_BYTES:
        return position, 1
    for row in rows_of(source.read(start, end - start)):
        if row.line - 1 + row.lines > position - first:
            return first + row.line - 1, row.lines
    return position, 1


def _boundary(source: Source, index: LineIndex, position: int) -> int:
    """Return a line at or before a position at which a record surely starts."""
    for line in range(position, max(0, position - _AROUND), -1):
        raw = source.read(*index.span(line - 1))[:PREVIEW_BYTES]
        if not raw[:1].isspace() and isinstance(parse(raw), dict):
            return line
    return max(0, position - _AROUND)
