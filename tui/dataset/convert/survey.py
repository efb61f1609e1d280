"""What converting a file would do, without writing: counts as it is read, and single records."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tui.dataset.convert.detect import READY, kind_of
from tui.dataset.convert.file import as_json
from tui.dataset.convert.report import MAX_SKIPPED, ConvertReport
from tui.dataset.convert.table import named_table
from tui.dataset.convert.taking import Conversion, Converter, Entry, entries
from tui.dataset.rows import Cancelled, Progress, parse, rows
from tui.dataset.source import Source
from tui.errors import TunedeckError

PREVIEW_BYTES = 16 << 20
"""The longest record that is shown before and after."""

MAX_CELLS = 1_000
"""Rows of a table kept with their cells, as nothing tells where in the file they are."""

_SAMPLE = 20


def sniff_kind(source: Source) -> str:
    """Return the format most of the first records are in, where it is one that can be converted.

    Returns:
        A name of `CONVERT_KINDS`; empty where they are chat already, or of no format known.

    Raises:
        FileError: The file cannot be read.
    """
    if named_table(source):
        return "csv"
    votes: Counter[str | None] = Counter()
    for row in islice(rows(source), _SAMPLE):
        if isinstance(row.value, dict):
            votes[kind_of(row.value)] += 1
    found = votes.most_common(1)[0][0] if votes else None
    return found if found is not None and found != READY else ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A record that somebody may want to look at.

    Attributes:
        entry: Where it is; of a table, its cells too.
        reason: Why it cannot be converted; empty where it can.
    """

    entry: Entry
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """One record before and after; foreign texts, not cleaned.

    Attributes:
        before: Its text as it is.
        after: Its text as it would be written; ``None`` where it would be left out.
        reason: Why it would be, or why it cannot be shown; empty otherwise.
        left_out: What of it would not be carried over.
    """

    before: str
    after: str | None
    reason: str = ""
    left_out: tuple[str, ...] = ()


class ConvertSurvey:
    """Reads a file once and tells what would become of its records.

    `run` belongs in a thread; everything else may be asked meanwhile from another one.

    Args:
        plan: How the records are read and written.

    Attributes:
        report: What would be done, as far as is known.
        complete: Whether all of it is known.
        trouble: Why nothing would be written, once that is known.
        keys: The keys of the first record; foreign text.
    """

    def __init__(self, plan: Conversion) -> None:
        self.plan = plan
        self.report = ConvertReport("", "", target=plan.target)
        self.complete = False
        self.trouble: TunedeckError | None = None
        self.keys: tuple[str, ...] = ()
        self._first: dict[str, Sighting] = {}
        self._skipped: dict[str, list[Sighting]] = {}
        self._kept = 0
        self._table = False

    def run(
        self,
        source: Source,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> None:
        """Read the whole file.

        Raises:
            FileError: The file cannot be read.
            UsageError: The columns are not there.
            TunedeckError: It was stopped.
        """
        plan = self.plan
        self.report.file = source.path
        self._table = plan.reads_table(source)
        converter = Converter(self.report, plan, table=self._table)
        for entry in entries(
            source, plan, table=self._table, progress=progress, cancelled=cancelled
        ):
            if converter.take(entry.line, entry.value) is None:
                self._keep(entry, converter.reason)
            elif converter.kind not in self._first:
                self._first[converter.kind] = Sighting(self._placed(entry))
        self.keys = converter.keys
        try:
            converter.refuse_nothing()
        except TunedeckError as error:
            self.trouble = error
        self.complete = True

    def _keep(self, entry: Entry, reason: str) -> None:
        if self._kept < (MAX_CELLS if self._table else MAX_SKIPPED):
            self._kept += 1
            sighting = Sighting(self._placed(entry), reason)
            self._skipped.setdefault(reason, []).append(sighting)

    def _placed(self, entry: Entry) -> Entry:
        """Return where a record is, without holding it in memory where it can be read again."""
        if self._table:
            return entry
        return Entry(entry.line, None, entry.position, entry.offset, entry.size)

    def first(self, kind: str) -> Sighting | None:
        """Return the first record of a format."""
        return self._first.get(kind)

    def skipped(self, reason: str) -> list[Sighting]:
        """Return the records left out for a reason, as far as they are kept; may still grow."""
        return self._skipped.get(reason, [])

    def show(self, source: Source, sighting: Sighting) -> BeforeAfter:
        """Return a record before and after.

        Raises:
            FileError: The file cannot be read.
        """
        entry = sighting.entry
        if entry.size > PREVIEW_BYTES:
            return BeforeAfter("", None, "this record is too long to be shown before and after")
        value: Any = entry.value
        if entry.size >= 0:
            raw = source.read(entry.offset, entry.size)
            before = raw.decode("utf-8", "replace")
            value = parse(self.plan.edits.get(entry.position, raw))
        else:
            before = json.dumps(value, ensure_ascii=False) if value is not None else ""
        if sighting.reason:
            return BeforeAfter(before, None, sighting.reason)
        report = ConvertReport(source.path, "", target=self.plan.target)
        converter = Converter(report, self.plan, table=self._table)
        record = converter.take(entry.line, value)
        if record is None:
            return BeforeAfter(before, None, converter.reason)
        return BeforeAfter(before, as_json(record), "", tuple(report.left_out))
