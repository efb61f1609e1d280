"""Reading the open dataset for the screen: records, their places, what was found in them.

Everything here is called on the event loop, so nothing here waits long for a disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from tui.errors import FileError
from tui.opened.patience import Patience, busy
from tui.opened.stages import Stage

if TYPE_CHECKING:
    from tui.dataset import CheckReport, Facets, Format, Issue, LineIndex, Record, Source
    from tui.opened.edits import Edits
    from tui.opened.opening import Lease

_Read = TypeVar("_Read")

_MOST_COLUMNS = 4096


class Reading:
    """What a workspace answers about its records; see there for the attributes."""

    source: Source | None
    index: LineIndex | None
    paths: tuple[str, ...]
    profile: str
    format: Format | None
    stage: Stage
    report: CheckReport | None
    facets: Facets | None
    edits: Edits
    _lease: Lease | None

    def __init__(self) -> None:
        self._patience = Patience()
        self._checks = Patience(busy)
        self._forget_reads()

    def _forget_reads(self) -> None:
        """Begin anew: what is owed of the file before must not keep this one waiting."""
        self._patience = self._patience.anew()
        self._checks = self._checks.anew()
        self._columns: dict[int, int] = {}
        self._checked: dict[int, tuple[object, Record]] = {}

    @property
    def lines(self) -> int:
        """The number of lines known so far."""
        return self.index.lines if self.index is not None else 0

    @property
    def joined(self) -> bool:
        """Whether several files are open as one dataset."""
        return len(self.paths) > 1

    def record(self, i: int) -> Record:
        """Return the record ``i`` (0-based) with its issues.

        Raises:
            FileError: The file can no longer be read there, the disk does not answer, or the rules
                are still at work on it (see `tui.opened.patience`).
        """
        from tui.dataset import Format, check_record, unchecked_record

        if self.source is None or self.index is None:
            raise FileError("no dataset is open", "press o to open one")
        known = self.format or Format.CHAT
        edited = self.edits.get(i)
        if edited is not None:
            return self._edited_record(i, edited, known)
        index, profile = self.index, self.profile
        span = index.span(i)
        unchecked = self._patiently(
            lambda source: unchecked_record(source, index, i), what=("record", span)
        )
        self._keep_column(i, unchecked[1])
        # By its bytes: who asks again after the file has changed wants those of now.
        what = (unchecked[0].raw, span, profile, known)
        record = self._checks.call(
            lambda: check_record(unchecked, profile=profile, format=known), what
        )
        if record.value is None and self._is_spread(record.line):
            return replace(record, issues=())
        return record

    def _edited_record(self, i: int, edited: bytes, known: Format) -> Record:
        from tui.dataset import record_from

        what = (edited, self.profile, known)
        kept = self._checked.get(i)
        if kept is None or kept[0] != what:
            place = {"line": self.line_of(i), "column": self.column_of(i)}
            record = record_from(edited, **place, profile=self.profile, format=known)
            kept = self._checked[i] = (what, record)
        return kept[1]

    def _patiently(self, read: Callable[[Source], _Read], what: object = None) -> _Read:
        """Read in a thread, so that a disk which does not answer holds up no key."""
        lease = self._lease
        if lease is None:
            raise FileError("no dataset is open", "press o to open one")

        def run() -> _Read:
            with lease as source:
                return read(source)

        return self._patience.call(run, what)

    def read_patiently(self, read: Callable[[Source, LineIndex], _Read], what: object) -> _Read:
        """Return what ``read`` returns, which is called with the open file in a thread.

        Args:
            read: Reads; must say the same each time for equal ``what``.
            what: What is read, for who asks again.

        Raises:
            FileError: No file is open, or the disk does not answer.
        """
        index = self.index
        if index is None:
            raise FileError("no dataset is open", "press o to open one")
        return self._patiently(lambda source: read(source, index), what)

    def _is_spread(self, line: int) -> bool:
        """Whether a line that is no JSON is part of an object on several lines: one issue's."""
        report = self.report
        if self.stage is not Stage.DONE or report is None or report.issues_truncated:
            return False
        if not report.counts.get("pretty_printed"):
            return False
        return all(issue.code != "invalid_json" for issue in report.issues.for_line(line))

    def head_of(self, i: int, limit: int) -> tuple[bytes, int]:
        """Return the first ``limit`` bytes of the record ``i`` (0-based), and its whole size.

        Raises:
            FileError: The file can no longer be read there, or the disk does not answer.
        """
        if self.source is None or self.index is None:
            return b"", 0
        edited = self.edits.get(i)
        if edited is not None:
            return edited[:limit], len(edited)
        offset, length = self.index.span(i)
        size = min(length, limit)
        what = ("head", offset, size)
        return self._patiently(lambda source: source.read(offset, size), what), length

    def line_of(self, i: int) -> int:
        """Return the 1-based line of the file on which the record ``i`` (0-based) starts."""
        return self.index.line_number(i) if self.index is not None else i + 1

    def place_of(self, i: int) -> tuple[str, int]:
        """Return the file a record (0-based) comes from and the 1-based line of it there."""
        from tui.dataset import place_of

        if self.source is None or self.index is None:
            return "", i + 1
        return place_of(self.source, self.index, i)

    def origin_of(self, i: int) -> str:
        """Return the name of the file a record (0-based) comes from; empty if there is but one."""
        return os.path.basename(self.place_of(i)[0]) if self.joined else ""

    def place_words(self, line: int) -> str:
        """Return ``file:line`` for a line of the dataset; empty where there is but one file."""
        record = line - 1
        if not (self.joined and 0 <= record < self.lines):
            return ""
        name, number = self.place_of(record)
        return f"{os.path.basename(name)}:{number}"

    def column_of(self, i: int) -> int:
        """Return the 1-based column at which the record ``i`` (0-based) starts on its line.

        Raises:
            FileError: The record was not read before, and the disk does not answer.
        """
        index = self.index
        if index is None or not index.is_array:
            return 1
        if i not in self._columns:
            self._keep_column(i, self._patiently(lambda source: index.place(source, i))[1])
        return self._columns[i]

    def _keep_column(self, i: int, column: int) -> None:
        if self.index is not None and self.index.is_array:
            if len(self._columns) >= _MOST_COLUMNS:
                self._columns.clear()
            self._columns[i] = column

    def record_of(self, line: int) -> int:
        """Return the record (0-based) that a 1-based line of the file belongs to."""
        return self.index.record_of_line(line) if self.index is not None else 0

    def issues_of(self, i: int) -> list[Issue]:
        """Return what the scan has found so far in the record ``i`` (0-based)."""
        if self.report is None or self.index is None:
            return []
        if i in self.edits:
            try:
                return list(self.record(i).issues)
            except FileError:
                return []
        log = self.report.issues
        first = self.line_of(i)
        found = log.for_line(first)
        if self.index.is_array:
            # An element of a JSON array may stand on several lines.
            end = self.line_of(i + 1) if i + 1 < self.lines else 1 << 62
            line = log.next_line(first)
            while line is not None and line < end:
                found += log.for_line(line)
                line = log.next_line(line)
        return found

    def tokens_of(self, i: int) -> int | None:
        """Return the tokens of the record ``i`` (0-based), once it has been counted.

        An edited one is not: the scan counts what is in the file.
        """
        if self.facets is None or i >= self.facets.rows or i in self.edits:
            return None
        return int(self.facets.read("tokens", i, i + 1)[0]) or None
