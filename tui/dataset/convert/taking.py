"""Records one by one, and what becomes of them: for what writes them and for what only looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.dataset.convert.chat import TOOLS_SKIPPED
from tui.dataset.convert.detect import READY, convert_record
from tui.dataset.convert.model import SkipError, message
from tui.dataset.convert.names import CONVERT_ROLES
from tui.dataset.convert.outward import TAKES_TOOLS, for_target
from tui.dataset.convert.report import ConvertReport, add
from tui.dataset.convert.table import Table, is_json, is_table
from tui.dataset.model import Format
from tui.dataset.rows import BLANK, BROKEN, Cancelled, Progress, parse, rows
from tui.dataset.source import Source
from tui.dataset.source import quote as quote_name
from tui.errors import FileError, TunedeckError, UsageError

_LOOK = 256
"""Rows of a table between two looks at whether to go on."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """How the records of a file are read and written.

    Attributes:
        kind: One of `CONVERT_KINDS`, or ``auto`` to find it out record by record.
        target: Whom to write for, one of `CONVERT_TARGETS`; empty for chat or preference data.
        columns: Which column or key is what, by `CONVERT_ROLES`.
        system: A system message for every record that has none.
        edits: JSON texts that stand in place of records, by position: the 0-based line a record
            starts on, or the element of an array.
    """

    kind: str = "auto"
    target: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    system: str = ""
    edits: Mapping[int, bytes] = field(default_factory=dict)

    def reads_table(self, source: Source) -> bool:
        """Return whether the file is read as CSV.

        Raises:
            UsageError: It is asked to be, and is JSON; or it is made of several tables.
        """
        if self.kind == "csv" and is_json(source):
            raise UsageError(f"{quote_name(source.name)} is JSON, not a table", "leave --from out")
        table = self.kind == "csv" or is_table(source)
        if table and len(source.members) > 1:
            raise UsageError("tables are converted one by one", "open one of them alone")
        return table


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as it is read.

    Attributes:
        line: The 1-based line it starts on.
        value: The parsed record or the cells of a row; ``BROKEN`` or ``None`` where it has none.
        position: Its place among the edits.
        offset: Where its bytes begin in the file.
        size: How many they are; -1 for a row of a table, whose place is not known.
    """

    line: int
    value: Any
    position: int = -1
    offset: int = 0
    size: int = -1


def entries(
    source: Source,
    plan: Conversion,
    *,
    table: bool,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Iterator[Entry]:
    """Yield every record of a file, whatever the file is; blank lines are passed over.

    Args:
        source: The open file.
        plan: What its columns are called, and which records stand edited.
        table: Read it as CSV.
        progress: Told bytes done and bytes in all, from time to time.
        cancelled: Asked as often; true ends with an error.

    Raises:
        FileError: The file cannot be read, or an edit is of no record.
        UsageError: The columns are not there.
        TunedeckError: It was stopped.
    """
    if table:
        yield from _cells(source, plan, progress, cancelled)
        return
    elements = edited = 0
    for row in rows(source, progress=progress, cancelled=cancelled):
        position = elements if row.element else row.line - 1
        elements += row.element
        value, text = row.value, plan.edits.get(position)
        if text is not None:
            value = parse(text)
            edited += 1
        if value is not BLANK:
            yield Entry(row.line, value, position, row.offset, len(row.raw))
    if edited < len(plan.edits):
        raise FileError("an edited record is not where it was in the file", "open the file again")


def _cells(
    source: Source, plan: Conversion, progress: Progress | None, cancelled: Cancelled | None
) -> Iterator[Entry]:
    if plan.edits:
        raise UsageError(
            "a table is converted as it is in its file, without edited records",
            "discard the edits, or make them in the table itself",
        )
    found = Table(source)
    for name in plan.columns.values():
        if _find(name, found.columns) is None:
            raise UsageError(
                f"the table has no column {name!r}",
                f"its columns are {', '.join(found.columns[:20])}",
            )
    for number, (line, cells) in enumerate(found.rows()):
        if number % _LOOK == 0:
            if progress is not None:
                progress(found.offset, source.size)
            if cancelled is not None and cancelled():
                raise TunedeckError(
                    "stopped before the end", "nothing was written", code="cancelled"
                )
        yield Entry(line, cells)


def _find(name: str, keys: Any) -> str | None:
    if name in keys:
        return name
    wanted = name.strip().lower()
    return next((key for key in keys if key.strip().lower() == wanted), None)


class Converter:
    """Takes records one by one and tells what becomes of them.

    Args:
        report: Everything is counted here.
        plan: How they are read and written.
        table: They are rows of a table.

    Attributes:
        kind: What format the record was in that was taken last.
        reason: Why that one cannot be converted; empty where it can.
    """

    def __init__(self, report: ConvertReport, plan: Conversion, *, table: bool) -> None:
        self._report = report
        self._plan = plan
        self._kind = "auto" if plan.kind == "csv" else plan.kind
        if self._kind == "auto" and "assistant" in plan.columns:
            self._kind = "columns"
        self._table = table
        self._decided = False
        self._keys: list[str] = []
        self.kind = self.reason = ""

    def take(self, line: int, value: Any) -> dict[str, Any] | None:
        """Return what becomes of a record; ``None`` where it cannot be converted."""
        report = self._report
        report.records += 1
        left_out: dict[str, int] = {}
        self.reason = ""
        try:
            if value is BROKEN:
                raise SkipError("not JSON")
            if value is None and self._table:
                raise SkipError("more cells than columns")
            if isinstance(value, dict) and not self._keys:
                self._keys = list(value)
            self.kind, record = convert_record(self._named(value), self._kind, left_out)
            self._refuse_other(record)
            self._add_system(record)
            if report.target:
                record = for_target(record, report.target, left_out)
        except SkipError as skip:
            self.reason = report.skip(line, str(skip))
            return None
        report.written += 1
        report.kinds[self.kind] = report.kinds.get(self.kind, 0) + 1
        for what, count in left_out.items():
            add(report.left_out, what, count)
        return record

    def refuse_nothing(self) -> None:
        """Refuse a file of which nothing was converted.

        Raises:
            TunedeckError: It is such a file: its code says why, its hint is for the command line.
        """
        report = self._report
        if not report.records:
            raise TunedeckError(
                "the file holds no record", "check how it was written", code="no_record"
            )
        ready = set(report.kinds) == {READY} and not report.target
        if report.written and ready and not report.skipped:
            raise TunedeckError(
                f"the file is {report.format} data already: there is nothing to convert",
                "check it, or repair it: tunedeck fix FILE -o OUT",
                code="nothing_to_convert",
            )
        if report.written:
            return
        reason, count = max(report.skipped.items(), key=lambda item: item[1])
        what = f"none of {report.records:,} records could be converted; of {count:,}: {reason}"
        raise TunedeckError(what, self._way_out(), code="nothing_converted")

    def _way_out(self) -> str:
        if not self._keys:
            return "name a file of JSON objects, or a table with --from csv"
        if TOOLS_SKIPPED in self._report.skipped:
            others = ", ".join(TAKES_TOOLS)
            return f"write them for a provider whose tuning takes tools: {others}"
        keys = ", ".join(self._keys[:12])
        return (
            f"the keys are {keys}; say which is which: "
            "--columns user=KEY,assistant=KEY[,system=KEY]"
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the first record that is an object; foreign text."""
        return tuple(self._keys)

    def _named(self, value: Any) -> Any:
        """Return the record with the columns named as they were said to be."""
        columns = self._plan.columns
        if not columns or not isinstance(value, dict):
            return value
        record: dict[str, Any] = {}
        used: set[str] = set()
        for role, name in columns.items():
            key = _find(name, value)
            if key is not None:
                record[role] = value[key]
                used.add(key)
        rest = {key: entry for key, entry in value.items() if key not in used}
        # A key that was not named must not stand in for one that was.
        return {**{key: rest[key] for key in rest if key not in CONVERT_ROLES}, **record}

    def _refuse_other(self, record: dict[str, Any]) -> None:
        kind = Format.PREFERENCE if "preferred_output" in record else Format.CHAT
        if not self._decided:
            self._decided = True
            self._report.format = kind
        elif kind is not self._report.format:
            raise SkipError(f"{kind} data in a file of {self._report.format} data")

    def _add_system(self, record: dict[str, Any]) -> None:
        if not self._plan.system:
            return
        given = record.get("input", record)
        messages = given.get("messages") if isinstance(given, dict) else None
        if isinstance(messages, list) and not any(
            isinstance(entry, dict) and entry.get("role") in ("system", "developer")
            for entry in messages
        ):
            messages.insert(0, message("system", self._plan.system))
