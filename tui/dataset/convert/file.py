"""A whole file of another format, converted into a new one."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from tui.dataset.checking import check_file
from tui.dataset.convert.outward import CHECKED
from tui.dataset.convert.report import ConvertReport
from tui.dataset.convert.taking import Conversion, Converter, entries
from tui.dataset.rows import Cancelled, Progress
from tui.dataset.source import Source
from tui.dataset.writing import NewFile
from tui.errors import TunedeckError, UsageError


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
        kind: As in `Conversion`.
        target: As in `Conversion`.
        columns: As in `Conversion`.
        system: As in `Conversion`.
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
    plan = Conversion(kind, target, dict(columns or {}), system)
    with Source.open(path, cancelled=cancelled) as source:
        return convert_source(
            source,
            output,
            plan,
            profile=profile,
            model=model,
            force=force,
            progress=progress,
            cancelled=cancelled,
        )


def convert_source(
    source: Source,
    output: str | os.PathLike[str],
    plan: Conversion,
    *,
    profile: str = "openai",
    model: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
    checking: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> ConvertReport:
    """Do what `convert_file` does with a file that is open, which stays open.

    Args:
        source: The file.
        output: As for `convert_file`.
        plan: How its records are read and written.
        profile: As for `convert_file`.
        model: As for `convert_file`.
        force: As for `convert_file`.
        progress: As for `convert_file`.
        checking: Told bytes done and bytes in all while the result is checked.
        cancelled: As for `convert_file`.

    Raises:
        FileError: A file cannot be read or written.
        UsageError: The columns are not there, or the output is the input.
        TunedeckError: Nothing could be converted, or there is nothing to convert; or it was
            stopped.
    """
    _refuse_members(source, os.fspath(output))
    target = plan.target
    with NewFile(output, force=force, source=source.path) as new:
        report = ConvertReport(source.path, os.fspath(output), target=target)
        table = plan.reads_table(source)
        converter = Converter(report, plan, table=table)
        for entry in entries(source, plan, table=table, progress=progress, cancelled=cancelled):
            record = converter.take(entry.line, entry.value)
            if record is not None:
                new.write(_line(record))
        converter.refuse_nothing()
        new.finish()
        if not target or target in CHECKED:
            report.check = check_file(
                new.temporary, profile=CHECKED.get(target, profile), format=str(report.format),
                model=None if target else model, quality=False, progress=checking,
                cancelled=cancelled,
            )  # fmt: skip
            report.check.file = report.output
        if cancelled is not None and cancelled():
            raise TunedeckError("stopped", "nothing was written", code="cancelled")
        new.commit()
    return report


def _refuse_members(source: Source, output: str) -> None:
    """Refuse to write where one of several files stands that are read as one."""
    for member in source.members if len(source.members) > 1 else ():
        try:
            same = os.path.samefile(member.name, output)
        except (OSError, ValueError):
            continue
        if same:
            raise UsageError(
                "that is one of the files that are read; nothing is ever changed in place",
                "give the result another name",
            )


def _line(record: dict[str, Any]) -> bytes:
    text = as_json(record)
    try:
        return text.encode("utf-8") + b"\n"
    except UnicodeEncodeError:
        # Half a surrogate pair can only be written as an escape.
        return json.dumps(record).encode("ascii") + b"\n"


def as_json(record: dict[str, Any]) -> str:
    """Return a record as it is written."""
    return json.dumps(record, ensure_ascii=False)
