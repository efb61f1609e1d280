"""A whole file, repaired into a new one."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from tui.dataset.arrays import is_array
from tui.dataset.checker import Checker, CheckSettings
from tui.dataset.checking import check_file
from tui.dataset.clutter import is_fence, without_commas
from tui.dataset.model import Format, Severity
from tui.dataset.profile import get_profile
from tui.dataset.record import sniff_format
from tui.dataset.repair.copies import Originals
from tui.dataset.repair.model import Repair
from tui.dataset.repair.record import Repaired, chosen, is_clean, repair_record
from tui.dataset.report import CheckReport
from tui.dataset.rows import (
    BLANK,
    BROKEN,
    Cancelled,
    Progress,
    Row,
    on_one_line,
    parse,
    rows,
)
from tui.dataset.signature import BOM
from tui.dataset.source import Source
from tui.dataset.writing import NewFile
from tui.errors import FileError, TunedeckError

MAX_CHANGES = 100_000
"""Changes kept in the report; all are counted."""


@dataclass(slots=True)
class FixReport:
    """What repairing a file did.

    Attributes:
        file: The file read, as given; comes from outside, so clean it before showing it.
        output: The file written; ``None`` where it was only tried.
        format: The format of its records.
        records: Records read.
        written: Records written.
        changed: Records written that differ from what was read.
        edited: Records written as a person edited them.
        dropped: Records left out: copies, and where asked for, invalid ones.
        invalid: Those of them left out because errors were left after the repair.
        invalid_counts: The errors of those, by code; one record may have several.
        repairs: How many repairs each code asked for.
        changes: What was done, in line order, up to `MAX_CHANGES`.
        changes_truncated: Whether more was done than is listed.
        duplicates_unfinished: Whether the file has more records than copies are looked for among.
        copies_kept: Whether copies were kept because too few examples would be left without them.
        check: What checking the result found.
    """

    file: str
    output: str | None
    format: Format
    records: int = 0
    written: int = 0
    changed: int = 0
    edited: int = 0
    dropped: int = 0
    invalid: int = 0
    invalid_counts: dict[str, int] = field(default_factory=dict)
    repairs: dict[str, int] = field(default_factory=dict)
    changes: list[Repair] = field(default_factory=list)
    changes_truncated: bool = False
    duplicates_unfinished: bool = False
    copies_kept: bool = False
    check: CheckReport | None = None

    def to_json(self) -> dict[str, object]:
        """Return the object that ``fix --json`` prints."""
        return {
            "file": self.file,
            "output": self.output,
            "format": str(self.format),
            "records": self.records,
            "written": self.written,
            "changed": self.changed,
            "dropped": self.dropped,
            "dropped_invalid": self.invalid,
            "dropped_invalid_counts": dict(self.invalid_counts),
            "repairs": dict(self.repairs),
            "changes": [change.to_json() for change in self.changes],
            "changes_truncated": self.changes_truncated,
            "duplicates_unfinished": self.duplicates_unfinished,
            "copies_kept": self.copies_kept,
            "check": verdict_json(self.check),
        }


def verdict_json(check: CheckReport | None) -> dict[str, object] | None:
    """Return a check's result without its single issues."""
    if check is None:
        return None
    return {key: value for key, value in check.to_json().items() if not key.startswith("issues")}


def fix_file(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str] | None,
    *,
    rules: Collection[str] = (),
    drop_invalid: bool = False,
    profile: str = "openai",
    format: str = "auto",  # noqa: A002  (the word of the command line)
    model: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> FixReport:
    """Write a repaired copy of a file and check it.

    Records that need no repair are copied byte for byte. The file read is never changed. Where
    anything fails, no new file is left behind.

    Args:
        path: The file, or ``-`` for standard input.
        output: The new file; ``None`` only tries: the result is checked and thrown away.
        rules: Codes of the repairs to make; all safe ones where empty.
        drop_invalid: Leave out records that have errors after the repair.
        profile: Whose rules apply.
        format: ``auto``, or the format its records have.
        model: The model whose context limit applies.
        force: Replace ``output`` where it exists.
        progress: Told bytes done and bytes in all, about every megabyte.
        cancelled: Asked as often; true stops, with nothing written.

    Raises:
        FileError: A file cannot be read or written.
        UsageError: An unknown code, or the output is the input.
    """
    with Source.open(path, cancelled=cancelled) as source:
        return fix_source(
            source,
            output,
            rules=rules,
            drop_invalid=drop_invalid,
            profile=profile,
            format=format,
            model=model,
            force=force,
            progress=progress,
            cancelled=cancelled,
        )


def fix_source(
    source: Source,
    output: str | os.PathLike[str] | None,
    *,
    rules: Collection[str] | None = (),
    edits: Mapping[int, bytes] | None = None,
    drop_invalid: bool = False,
    profile: str = "openai",
    format: str = "auto",  # noqa: A002  (the word of the command line)
    model: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
    checking: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> FixReport:
    """Do what `fix_file` does with a file that is open, and put edited records in their places.

    Args:
        source: The file, which stays open.
        output: As for `fix_file`.
        rules: As for `fix_file`; ``None`` makes no repair.
        edits: JSON texts that stand in place of records, by position: the 0-based line a record
            starts on, or the element of an array. The repairs are made in them as well.
        drop_invalid: As for `fix_file`.
        profile: As for `fix_file`.
        format: As for `fix_file`.
        model: As for `fix_file`.
        force: As for `fix_file`.
        progress: As for `fix_file`.
        checking: Told bytes done and bytes in all while the result is checked.
        cancelled: As for `fix_file`.

    Raises:
        FileError: A file cannot be read or written, or an edit is of no record.
        UsageError: An unknown code, or the output is the input.
    """
    codes = chosen(rules) if rules is not None else frozenset()
    default = rules is not None and not rules
    weights = get_profile(profile)
    if default and weights.severity("byte_order_mark", Severity.WARNING) is Severity.ADVICE:
        # This provider wants one.
        codes -= {"byte_order_mark"}
    kind = sniff_format(source) if format == "auto" else Format(format)
    checker = checker_for(profile, kind, model) if drop_invalid else None
    while True:
        with NewFile(output, force=force, source=source.path) as new:
            shown = None if output is None else os.fspath(output)
            report = FixReport(source.path, shown, kind)
            fixer = Fixer(report, codes, new, checker, edits)
            fixer.run(source, progress, cancelled)
            if default and fixer.short_of(weights.min_examples):
                codes -= {"duplicate_example"}
                continue
            report.copies_kept = (
                rules is not None and not rules and "duplicate_example" not in codes
            )
            new.finish()
            report.check = check_file(
                new.temporary,
                profile=profile,
                format=format if kind is Format.UNKNOWN else str(kind),
                model=model,
                progress=checking,
                cancelled=cancelled,
            )
            if cancelled is not None and cancelled():
                raise TunedeckError("stopped", "nothing was written", code="cancelled")
            report.check.file = shown or source.path
            new.commit()
            return report


def checker_for(profile: str, kind: Format, model: str | None) -> Checker:
    """Return what finds the records that are wrong, under a profile and a model's limit."""
    if model is None:
        return Checker(CheckSettings(get_profile(profile), kind))
    from tui.pricing import model_info

    info = model_info(model)
    return Checker(
        CheckSettings(
            get_profile(profile), kind, info.encoding, info.context_limit, model,
            bool(info.approximate),
        )
    )  # fmt: skip


class Fixer:
    """Takes the records one by one and writes what becomes of them.

    Args:
        report: What was done is told here.
        codes: The repairs to make.
        new: Where the records go; ``None`` only keeps account.
        checker: Finds records to leave out; ``None`` leaves none out.
        edits: Texts that stand in place of records; see `fix_source`.
    """

    def __init__(
        self,
        report: FixReport,
        codes: frozenset[str],
        new: NewFile | None,
        checker: Checker | None,
        edits: Mapping[int, bytes] | None = None,
    ) -> None:
        self.report = report
        self.originals = Originals(partial(self._again, codes))
        self._codes = codes
        self._source: Source | None = None
        self._new = new
        self._checker = checker
        self._edits = edits or {}
        self._array = self._is_edited = False
        # Bytes the record that is looked at takes in the file.
        self._size = 0

    def run(self, source: Source, progress: Progress | None, cancelled: Cancelled | None) -> None:
        """Take every record of a file."""
        self._source = source
        self._array = is_array(source)
        if self._array:
            self._unwrap()
        elements = 0
        for row in rows(source, progress=progress, cancelled=cancelled):
            position = elements if row.element else row.line - 1
            elements += row.element
            edited = self._edits.get(position)
            self._is_edited = edited is not None
            if edited is not None:
                row = replace(row, raw=edited, value=parse(edited), lines=1)
                self.report.edited += 1
            self.take(row, position)
        if self.report.edited < len(self._edits):
            raise FileError(
                "an edited record is not where it was in the file", "open the file again"
            )
        self.report.duplicates_unfinished = self.originals.seen.full

    def short_of(self, least: int) -> bool:
        """Return whether it is for want of copies that too few examples are left to train on."""
        copies = self.report.repairs.get("duplicate_example", 0)
        return self.report.written < least <= self.report.written + copies

    def _unwrap(self) -> None:
        self._note(Repair(1, "pretty_printed", "", "rewritten", "a JSON array", "a record a line"))

    def take(self, row: Row, position: int) -> None:
        """Write one row, or leave it out, and keep account.

        Args:
            row: The row.
            position: Its place in the file; see `fix_source`.
        """
        del position
        self._size = len(row.raw)
        if row.mark:
            self._mark(row)
        if row.value is BLANK:
            self._blank(row)
            return
        if row.value is BROKEN and self._fence(row):
            return
        self.report.records += 1
        # A mark at the very start belongs to the file, any other one to its record.
        changed = row.mark and row.line > 1 and "byte_order_mark" in self._codes
        if row.value is BROKEN:
            row, cleared = self._cleared(row)
            changed = changed or cleared
        if row.value is BROKEN:
            self.report.changed += self._broken(row) and changed
            return
        raw = row.raw
        if row.lines > 1 and (row.element or "pretty_printed" in self._codes):
            raw = on_one_line(raw)
            if not row.element:
                changed = True
                shown = f"{row.lines:,} lines"
                self._note(Repair(row.line, "pretty_printed", "", "rewritten", shown, "1 line"))
        fixed = repair_record(
            raw, row.value, line=row.line, format=self.report.format, codes=self._codes
        )
        if self._copy(row, fixed.raw, fixed.value) or self._invalid(row, fixed):
            return
        for change in fixed.changes:
            self._note(change)
        self._write(row, fixed.raw)
        self.report.changed += changed or bool(fixed.changes)

    def _mark(self, row: Row) -> None:
        if "byte_order_mark" in self._codes:
            self._note(Repair(row.line, "byte_order_mark", "", "removed", "\ufeff"))
        elif row.line == 1:
            # It is the file's, whatever becomes of the first record.
            self._raw(BOM)

    def _kept_mark(self, row: Row) -> bytes:
        """Return the mark before a record inside the file, where it is to stay."""
        kept = row.mark and row.line > 1 and "byte_order_mark" not in self._codes
        return BOM if kept else b""

    def _blank(self, row: Row) -> None:
        if "blank_line" in self._codes:
            self._note(Repair(row.line, "blank_line", "", "removed", ""))
        else:
            self._raw(self._kept_mark(row) + row.raw + row.end)

    def _fence(self, row: Row) -> bool:
        """Leave out a code fence; return whether the line was one."""
        if "invalid_json" not in self._codes or not is_fence(row.raw):
            return False
        shown = row.raw.strip().decode("utf-8", "replace")
        self._note(Repair(row.line, "invalid_json", "", "removed", shown))
        return True

    def _cleared(self, row: Row) -> tuple[Row, bool]:
        """Take commas too many away; return the row and whether that made it a record."""
        if "invalid_json" not in self._codes:
            return row, False
        raw, value = without_commas(row.raw)
        if value is BROKEN:
            return row, False
        self._note(Repair(row.line, "invalid_json", "", "removed", ","))
        return replace(row, raw=raw, value=value), True

    def _broken(self, row: Row) -> bool:
        """Write what is no JSON as it is, unless it is to be left out; return whether it was."""
        if self._checker is not None:
            self._drop_invalid(row, row.raw)
            return False
        raw = row.raw
        if row.element:
            # It stood between commas, on any number of lines; here a line is all it may take.
            raw = raw.replace(b"\r", b" ").replace(b"\n", b" ")
        self._write(row, raw)
        return True

    def _copy(self, row: Row, raw: bytes, value: object) -> bool:
        if not self._is_copy(row, raw, value):
            return False
        self.report.dropped += 1
        shown = row.raw[:200].decode("utf-8", "replace")
        self._note(Repair(row.line, "duplicate_example", "", "dropped", shown))
        return True

    def _is_copy(self, row: Row, raw: bytes, value: object) -> bool:
        if "duplicate_example" not in self._codes or not isinstance(value, dict):
            return False
        return self.originals.is_copy(
            self._source, row, raw, value, size=self._size, edited=self._is_edited
        )

    def _again(self, codes: frozenset[str], raw: bytes) -> tuple[bytes, object]:
        """Repair a record that was written before, to compare it with another."""
        value = parse(raw)
        if value is BROKEN and "invalid_json" in codes:
            raw, value = without_commas(raw)
        if self._array or "pretty_printed" in codes:
            raw = on_one_line(raw) if b"\n" in raw else raw
        fixed = repair_record(raw, value, format=self.report.format, codes=codes)
        return fixed.raw, fixed.value

    def _invalid(self, row: Row, fixed: Repaired) -> bool:
        if self._checker is None or self._is_sound(fixed):
            return False
        return self._drop_invalid(row, fixed.raw)

    def _is_sound(self, fixed: Repaired) -> bool:
        """Return whether a glance shows that a record has no error; most records are such."""
        assert self._checker is not None
        limit = self._checker.settings.context_limit
        return (
            self.report.format is Format.CHAT
            and (limit is None or len(fixed.raw) <= limit)
            and isinstance(fixed.value, dict)
            and is_clean(fixed.value)
        )

    def _drop_invalid(self, row: Row, raw: bytes) -> bool:
        assert self._checker is not None
        codes = {
            issue.code
            for issue in self._checker.check(raw, row.line).issues
            if issue.severity is Severity.ERROR
        }
        if not codes:
            return False
        counts = self.report.invalid_counts
        for code in codes:
            counts[code] = counts.get(code, 0) + 1
        self.report.dropped += 1
        self.report.invalid += 1
        shown = row.raw[:200].decode("utf-8", "replace")
        self._note(Repair(row.line, min(codes), "", "dropped", shown), repair=False)
        return True

    def _write(self, row: Row, raw: bytes) -> None:
        self.report.written += 1
        self._raw(self._kept_mark(row) + raw + (b"\n" if row.element else row.end))

    def _raw(self, data: bytes) -> None:
        if data and self._new is not None:
            self._new.write(data)

    def _note(self, change: Repair, *, repair: bool = True) -> None:
        report = self.report
        if repair:
            report.repairs[change.code] = report.repairs.get(change.code, 0) + 1
        if len(report.changes) < MAX_CHANGES:
            report.changes.append(change)
        else:
            report.changes_truncated = True
