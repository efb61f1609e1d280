"""What a grader reads of each record, and which records lack it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tui.dataset.model import Issue
from tui.dataset.profile import Profile, get_profile
from tui.dataset.report import CheckReport
from tui.dataset.rows import BLANK, Cancelled, Progress, rows
from tui.dataset.rules.catalogue import RULES
from tui.dataset.rules.text import quote
from tui.dataset.source import Source
from tui.dataset.source import quote as quote_name
from tui.errors import FileError

_FIELD = re.compile(r"\{\{\s*item\.([A-Za-z_][\w.]*?)\s*[}|\[(]")


def load_grader(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the grader a file holds.

    Raises:
        FileError: It cannot be read, or holds no JSON object.
    """
    name = quote_name(os.fsdecode(path))
    try:
        with open(path, encoding="utf-8") as file:
            grader = json.load(file)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise FileError(f"cannot read {name} ({why})", "name the grader's JSON file") from error
    except (ValueError, RecursionError) as error:
        raise FileError(f"{name} is no grader ({error})", "write one JSON object") from error
    if not isinstance(grader, dict):
        raise FileError(f"{name} is no grader", "write one JSON object with a type")
    return grader


def fields_read(grader: object) -> list[str]:
    """Return the fields of records a grader names in its templates, such as ``answer.value``."""
    found: dict[str, None] = {}
    stack: list[object] = [grader]
    while stack:
        here = stack.pop()
        if isinstance(here, str):
            found.update(dict.fromkeys(match.group(1) for match in _FIELD.finditer(here)))
        elif isinstance(here, dict):
            stack += here.values()
        elif isinstance(here, list):
            stack += here
    return sorted(found)


def grader_issues(
    path: str | os.PathLike[str],
    grader: object,
    *,
    profile: Profile | str = "openai",
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> list[Issue]:
    """Return an issue for each field that records lack, on the first line that lacks it.

    Args:
        path: The dataset.
        grader: The grader as the API shapes it.
        profile: Whose severities apply.
        progress: Told bytes done and bytes in all.
        cancelled: Asked often; true ends with an error.

    Raises:
        FileError: The file cannot be read.
        TunedeckError: It was stopped.
    """
    weights = get_profile(profile) if isinstance(profile, str) else profile
    rule = RULES["grader_field_missing"]
    severity = weights.severity(rule.code, rule.severity)
    return [
        Issue(
            lack.line, 1, "", rule.code, severity,
            f"the grader reads item.{quote(lack.field)[1:-1]}, which {lack.count:,} of "
            f"{lack.total:,} records lack",
            "add the field to every record, or name the one that is there in the grader",
        )
        for lack in grader_lacks(path, grader, progress=progress, cancelled=cancelled)
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lack:
    """A field that a grader reads and that records lack.

    Attributes:
        field: Its name, such as ``answer.value``.
        line: The first line that lacks it.
        count: How many records lack it.
        total: How many records there are.
    """

    field: str
    line: int
    count: int
    total: int


def grader_lacks(
    path: str | os.PathLike[str],
    grader: object,
    *,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> list[Lack]:
    """Return the fields that a grader reads and that records lack, by their first line.

    Args:
        path: The dataset.
        grader: The grader as the API shapes it.
        progress: Told bytes done and bytes in all.
        cancelled: Asked often; true ends with an error.

    Raises:
        FileError: The file cannot be read.
        TunedeckError: It was stopped.
    """
    fields = fields_read(grader)
    if not fields:
        return []
    lacking: dict[str, tuple[int, int]] = {}
    total = 0
    with Source.open(path, cancelled=cancelled) as source:
        for row in rows(source, progress=progress, cancelled=cancelled):
            if row.value is BLANK or not isinstance(row.value, dict):
                continue
            total += 1
            for name in _missing(row.value, fields):
                first, count = lacking.get(name, (row.line, 0))
                lacking[name] = first, count + 1
    found = [Lack(name, line, count, total) for name, (line, count) in lacking.items()]
    return sorted(found, key=lambda lack: lack.line)


def add_issues(report: CheckReport, issues: list[Issue]) -> None:
    """Put issues found by another pass, in line order, into the report of the same file."""
    for issue in issues:
        report.counts[issue.code] = report.counts.get(issue.code, 0) + 1
        report.warnings += issue.severity == "warning"
        report.errors += issue.severity == "error"
        report.advice += issue.severity == "advice"
    report.issues.weave(issues)


def _missing(record: dict[str, Any], fields: list[str]) -> Iterator[str]:
    for name in fields:
        here: Any = record
        for key in name.split("."):
            if not isinstance(here, dict) or key not in here:
                yield name
                break
            here = here[key]
