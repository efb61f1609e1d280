"""Whether two files ask the same: a model is not to be measured by what it was trained on.

Only hashes of prompts are kept, of so many records of the validation file at a time as memory may
hold; the training file is read once for each such part, which for nearly all files is once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from xxhash import xxh3_64_intdigest

from tui.dataset.canonical import canonical
from tui.dataset.prompts import prompt_of
from tui.dataset.rows import BLANK, Cancelled, Progress, rows
from tui.dataset.source import Source

PART = 250_000
"""Records of the validation file compared at a time; about 50 MB."""

MAX_SHARED = 10_000
"""Overlaps told with their lines; all are counted."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A record of the validation file whose prompt is in the training file.

    Attributes:
        line: Its line.
        train_line: The first line of the training file with this prompt.
        same: Whether a record of the training file has the same answer, too.
    """

    line: int
    train_line: int
    same: bool


@dataclass(slots=True)
class OverlapReport:
    """What two files share.

    Attributes:
        train: The training file, as given; comes from outside, so clean it before showing it.
        validation: The validation file, likewise.
        train_records: Records of the first that have a prompt.
        validation_records: Those of the second.
        overlapping: Records of the validation file whose prompt is in the training file.
        identical: Those of them that are there as a whole.
        train_overlapping: Records of the training file whose prompt is in the validation file.
        shared: The first of them, in line order of the validation file.
    """

    train: str
    validation: str
    train_records: int = 0
    validation_records: int = 0
    overlapping: int = 0
    identical: int = 0
    train_overlapping: int = 0
    shared: list[Shared] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """Return the object that ``overlap --json`` prints."""
        return {
            "train": {
                "file": self.train,
                "records": self.train_records,
                "overlapping": self.train_overlapping,
            },
            "validation": {
                "file": self.validation,
                "records": self.validation_records,
                "overlapping": self.overlapping,
                "identical": self.identical,
            },
            "code": "train_validation_overlap",
            "shared": [
                {"line": entry.line, "train_line": entry.train_line, "identical": entry.same}
                for entry in self.shared
            ],
            "shared_truncated": self.overlapping > len(self.shared),
        }


@dataclass(slots=True)
class _Asked:
    """The records of the validation file with one prompt."""

    lines: list[tuple[int, int]]
    train_line: int = 0
    wholes: set[int] = field(default_factory=set)


def overlap_files(
    train: str | os.PathLike[str],
    validation: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> OverlapReport:
    """Find the prompts that stand in both files; records without a prompt are passed over.

    Case and white space do not count; see `prompts.prompt_of`.

    Args:
        train: The training file.
        validation: The validation file; one of the two may be ``-``.
        progress: Told bytes done and bytes in all of the training file.
        cancelled: Asked often; true ends with an error.

    Raises:
        FileError: A file cannot be read.
        TunedeckError: It was stopped.
    """
    with (
        Source.open(train, cancelled=cancelled) as first,
        Source.open(validation, cancelled=cancelled) as second,
    ):
        report = OverlapReport(first.path, second.path)
        questions = _asked(second, None, cancelled)
        while part := list(islice(questions, PART)):
            report.validation_records += len(part)
            asked: dict[int, _Asked] = {}
            for line, prompt, whole in part:
                asked.setdefault(prompt, _Asked([])).lines.append((line, whole))
            _compare(report, asked, _asked(first, progress, cancelled))
        if not report.validation_records:
            report.train_records = sum(1 for _ in _asked(first, progress, cancelled))
    return report


def _compare(
    report: OverlapReport, asked: dict[int, _Asked], training: Iterator[tuple[int, int, int]]
) -> None:
    records = 0
    for line, prompt, whole in training:
        records += 1
        known = asked.get(prompt)
        if known is None:
            continue
        report.train_overlapping += 1
        known.train_line = known.train_line or line
        if any(whole == other for _, other in known.lines):
            known.wholes.add(whole)
    report.train_records = records
    found = [
        Shared(line, entry.train_line, whole in entry.wholes)
        for entry in asked.values()
        if entry.train_line
        for line, whole in entry.lines
    ]
    report.overlapping += len(found)
    report.identical += sum(entry.same for entry in found)
    found.sort(key=lambda entry: entry.line)
    report.shared += found[: MAX_SHARED - len(report.shared)]


def _asked(
    source: Source, progress: Progress | None, cancelled: Cancelled | None
) -> Iterator[tuple[int, int, int]]:
    """Yield line, hash of the prompt and hash of the whole of every record that has a prompt."""
    for row in rows(source, progress=progress, cancelled=cancelled):
        if row.value is BLANK or not isinstance(row.value, dict):
            continue
        prompt = prompt_of(row.value)
        if prompt:
            whole = xxh3_64_intdigest(canonical(row.value, row.raw))
            yield row.line, xxh3_64_intdigest(prompt), whole
