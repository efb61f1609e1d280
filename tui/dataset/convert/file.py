"""A whole file of another format, converted into a new one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.dataset.checking import check_file
from tui.dataset.convert.chat import TOOLS_SKIPPED
from tui.dataset.convert.detect import READY, convert_record
from tui.dataset.convert.model import SkipError, message
from tui.dataset.convert.outward import CHECKED, TAKES_TOOLS, for_target
from tui.dataset.convert.table import Table, is_json, is_table
from tui.dataset.model import Format
from tui.dataset.repair.file import verdict_json
from tui.dataset.report import CheckReport
from tui.dataset.rows import BLANK, BROKEN, Cancelled, Progress, rows
from tui.dataset.source import Source
from tui.dataset.source import quote as quote_name
from tui.dataset.writing import NewFile
from tui.errors import TunedeckError, UsageError

KINDS = ("alpaca", "sharegpt", "completion", "csv", "qa", "columns", "preference")
"""What ``--from`` may say."""

COLUMNS = ("system", "user", "context", "assistant", "chosen", "rejected")
"""What ``--columns`` may give a column to."""

MAX_SKIPPED = 10_000
"""Skipped lines kept in the report; all are counted."""

MAX_REASONS = 200
"""Different reasons counted apart; the rest are counted together."""

_OTHER = "other reasons"


@dataclass(slots=True)
class ConvertReport:
    """What converting a file did.

    Attributes:
        file: The file read, as given; comes from outside, so clean it before showing it.
        output: The file written.
        kinds: Records written by the format they came from.
        format: The format written.
        records: Records read.
        written: Records written.
        skipped: Records that could not be converted, by reason; the reasons hold foreign text.
        skipped_lines: Where those stand, with the reason, up to `MAX_SKIPPED`.
        left_out: What of the records written could not be carried over, and how often.
        check: What checking the result found; ``None`` where it is in another format.
        target: Whom it was written for; empty for chat data as usual.
    """

    file: str
    output: str
    kinds: dict[str, int] = field(default_factory=dict)
    format: Format = Format.CHAT
    records: int = 0
    written: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    skipped_lines: list[tuple[int, str]] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    check: CheckReport | None = None
    target: str = ""

    def to_json(self) -> dict[str, object]:
        """Return the object that ``convert --json`` prints."""
        total = sum(self.skipped.values())
        return {
            "file": self.file,
            "output": self.output,
            "from": dict(self.kinds),
            "format": str(self.format),
            **({"to": self.target} if self.target else {}),
            "records": self.records,
            "written": self.written,
            "skipped": total,
            "skipped_reasons": dict(self.skipped),
            "skipped_lines": [
                {"line": line, "reason": reason} for line, reason in self.skipped_lines
            ],
            "skipped_truncated": total > len(self.skipped_lines),
            "left_out": dict(self.left_out),
            "check": verdict_json(self.check),
        }


def convert_file(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    kind: str = "auto",
    target: str = "",
    columns: Mapping[str, str] | None = None,
    system: str = "",
    profile: str = "openai",
    model: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> ConvertReport:
    """Write the records of a file as chat JSONL, or as preference JSONL, and check the result.

    Which of the two is written the first record decides; others are passed over and counted.
    Where anything fails, no new file is left behind.

    Args:
        path: JSONL, a JSON array or CSV; ``-`` for standard input.
        output: The new file.
        kind: One of `KINDS`, or ``auto`` to find it out record by record.
        target: Whom to write for, one of `outward.TARGETS`; empty for chat or preference data.
        columns: Which column or key is what, as in `COLUMNS`.
        system: A system message for every record that has none.
        profile: Whose rules the result is checked by.
        model: The model whose context limit applies.
        force: Replace ``output`` where it exists.
        progress: Told bytes done and bytes in all, about every megabyte.
        cancelled: Asked as often; true stops, with nothing written.

    Raises:
        FileError: A file cannot be read or written.
        UsageError: The columns are not there, or the output is the input.
        TunedeckError: Nothing could be converted, or there is nothing to convert.
    """
    named = dict(columns or {})
    with (
        Source.open(path, cancelled=cancelled) as source,
        NewFile(output, force=force, source=source.path) as new,
    ):
        report = ConvertReport(source.path, os.fspath(output), target=target)
        if kind == "csv" and is_json(source):
            raise UsageError(f"{quote_name(source.name)} is JSON, not a table", "leave --from out")
        table = kind == "csv" or is_table(source)
        converter = _Converter(report, kind, named, system, new, table=table)
        for line, value in _records(source, table, named, progress, cancelled):
            converter.take(line, value)
        converter.refuse_nothing()
        new.finish()
        if not target or target in CHECKED:
            report.check = check_file(
                new.temporary, profile=CHECKED.get(target, profile), format=str(report.format),
                model=None if target else model, quality=False, cancelled=cancelled,
            )  # fmt: skip
            report.check.file = report.output
        new.commit()
    return report


def _records(
    source: Source,
    is_csv: bool,
    columns: Mapping[str, str],
    progress: Progress | None,
    cancelled: Cancelled | None,
) -> Iterator[tuple[int, Any]]:
    """Yield the line and the value of every record, of whatever the file is."""
    if is_csv:
        table = Table(source)
        _refuse_missing(columns, table.columns)
        for line, cells in table.rows():
            if cancelled is not None and cancelled():
                raise TunedeckError("stopped before the end", "nothing was written")
            yield line, cells
        return
    for row in rows(source, progress=progress, cancelled=cancelled):
        if row.value is not BLANK:
            yield row.line, row.value


def _refuse_missing(columns: Mapping[str, str], there: list[str]) -> None:
    for name in columns.values():
        if _find(name, there) is None:
            raise UsageError(
                f"the table has no column {name!r}", f"its columns are {', '.join(there[:20])}"
            )


def _find(name: str, keys: Any) -> str | None:
    if name in keys:
        return name
    wanted = name.strip().lower()
    return next((key for key in keys if key.strip().lower() == wanted), None)


class _Converter:
    """Takes records one by one and writes what becomes of them."""

    def __init__(
        self,
        report: ConvertReport,
        kind: str,
        columns: dict[str, str],
        system: str,
        new: NewFile,
        *,
        table: bool,
    ) -> None:
        self._report = report
        self._kind = "auto" if kind == "csv" else kind
        if self._kind == "auto" and "assistant" in columns:
            self._kind = "columns"
        self._columns = columns
        self._system = system
        self._new = new
        self._table = table
        self._decided = False
        self._keys: list[str] = []

    def take(self, line: int, value: Any) -> None:
        """Convert one record, or pass it over and say why."""
        report = self._report
        report.records += 1
        left_out: dict[str, int] = {}
        try:
            if value is BROKEN:
                raise SkipError("not JSON")
            if value is None and self._table:
                raise SkipError("more cells than columns")
            if isinstance(value, dict) and not self._keys:
                self._keys = list(value)
            found, record = convert_record(self._named(value), self._kind, left_out)
            self._refuse_other(record)
            self._add_system(record)
            if report.target:
                record = for_target(record, report.target, left_out)
        except SkipError as skip:
            self._skip(line, str(skip))
            return
        self._new.write(_line(record))
        report.written += 1
        report.kinds[found] = report.kinds.get(found, 0) + 1
        for what, count in left_out.items():
            _count(report.left_out, what, count)

    def refuse_nothing(self) -> None:
        """Refuse a file of which nothing was converted."""
        report = self._report
        if not report.records:
            raise TunedeckError("the file holds no record", "check how it was written")
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
        if not self._keys:
            raise TunedeckError(
                f"none of {report.records:,} records could be converted; of {count:,}: {reason}",
                "name a file of JSON objects, or a table with --from csv",
                code="nothing_converted",
            )
        if TOOLS_SKIPPED in report.skipped:
            others = ", ".join(TAKES_TOOLS)
            raise TunedeckError(
                f"none of {report.records:,} records could be converted; of {count:,}: {reason}",
                f"write them for a provider whose tuning takes tools: {others}",
                code="nothing_converted",
            )
        keys = ", ".join(self._keys[:12])
        raise TunedeckError(
            f"none of {report.records:,} records could be converted; of {count:,}: {reason}",
            f"the keys are {keys}; say which is which: "
            "--columns user=KEY,assistant=KEY[,system=KEY]",
            code="nothing_converted",
        )

    def _named(self, value: Any) -> Any:
        """Return the record with the columns named as they were said to be."""
        if not self._columns or not isinstance(value, dict):
            return value
        record: dict[str, Any] = {}
        used: set[str] = set()
        for role, name in self._columns.items():
            key = _find(name, value)
            if key is not None:
                record[role] = value[key]
                used.add(key)
        rest = {key: entry for key, entry in value.items() if key not in used}
        # A key that was not named must not stand in for one that was.
        return {**{key: entry for key, entry in rest.items() if key not in COLUMNS}, **record}

    def _refuse_other(self, record: dict[str, Any]) -> None:
        kind = Format.PREFERENCE if "preferred_output" in record else Format.CHAT
        if not self._decided:
            self._decided = True
            self._report.format = kind
        elif kind is not self._report.format:
            raise SkipError(f"{kind} data in a file of {self._report.format} data")

    def _add_system(self, record: dict[str, Any]) -> None:
        if not self._system:
            return
        given = record.get("input", record)
        messages = given.get("messages") if isinstance(given, dict) else None
        if isinstance(messages, list) and not any(
            isinstance(entry, dict) and entry.get("role") in ("system", "developer")
            for entry in messages
        ):
            messages.insert(0, message("system", self._system))

    def _skip(self, line: int, reason: str) -> None:
        report = self._report
        _count(report.skipped, reason)
        if len(report.skipped_lines) < MAX_SKIPPED:
            report.skipped_lines.append((line, reason))


def _count(counts: dict[str, int], what: str, by: int = 1) -> None:
    if what not in counts and len(counts) >= MAX_REASONS:
        what = _OTHER
    counts[what] = counts.get(what, 0) + by


def _line(record: dict[str, Any]) -> bytes:
    text = json.dumps(record, ensure_ascii=False)
    try:
        return text.encode("utf-8") + b"\n"
    except UnicodeEncodeError:
        # Half a surrogate pair can only be written as an escape.
        return json.dumps(record).encode("ascii") + b"\n"
