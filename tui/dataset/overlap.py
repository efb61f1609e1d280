"""Whether two files ask the same: a model is not to be measured by what it was trained on.

Of each record of the validation file four numbers are kept, 32 bytes; the training file is read
once, and each of its records is looked up among them.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from xxhash import xxh3_64_intdigest

from tui.dataset.canonical import canonical
from tui.dataset.prompts import prompt_of
from tui.dataset.rows import BLANK, Cancelled, Progress, rows
from tui.dataset.source import Source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH = 50_000
"""Records of the training file looked up at a time."""

MAX_SHARED = 10_000
"""Overlaps told with their lines; all are counted."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A record of the validation file whose prompt is in the training file.

    Attributes:
        line: Its line.
        train_line: The first line of the training file with this prompt.
        same: Whether a record of the training file is the same as a whole.
        other_system: Whether that prompt stands there under other system messages only.
    """

    line: int
    train_line: int
    same: bool
    other_system: bool = False


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
        other_system: Those of them whose prompt stands there under other system messages only.
        train_overlapping: Records of the training file whose prompt is in the validation file.
        shared: The first of them, in line order of the validation file.
        same_file: Whether both names lead to one file.
    """

    train: str
    validation: str
    train_records: int = 0
    validation_records: int = 0
    overlapping: int = 0
    identical: int = 0
    other_system: int = 0
    train_overlapping: int = 0
    shared: list[Shared] = field(default_factory=list)
    same_file: bool = False

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
                "other_system": self.other_system,
            },
            "same_file": self.same_file,
            "code": "train_validation_overlap",
            "shared": [
                {
                    "line": entry.line,
                    "train_line": entry.train_line,
                    "identical": entry.same,
                    "other_system": entry.other_system,
                }
                for entry in self.shared
            ],
            "shared_truncated": self.overlapping > len(self.shared),
        }


def overlap_files(
    train: str | os.PathLike[str],
    validation: str | os.PathLike[str],
    *,
    with_system: bool = False,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> OverlapReport:
    """Find the prompts that stand in both files; records without a prompt are passed over.

    Case, white space and system messages do not count; see `prompts.prompt_of`.

    Args:
        train: The training file.
        validation: The validation file; one of the two may be ``-``.
        with_system: Let system messages count: the same text under another one is another prompt.
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
        report = OverlapReport(first.path, second.path, same_file=_is_same(train, validation))
        held = _Columns()
        for row in _asked(second, with_system, None, cancelled):
            held.add(row)
        known = _Known(held)
        part = _Columns()
        for row in _asked(first, with_system, progress, cancelled):
            part.add(row)
            if len(part) == BATCH:
                known.look_up(part)
                part = _Columns()
        known.look_up(part)
        known.tell(report)
    return report


def told_apart(one: str, other: str) -> tuple[str, str]:
    """Return the shortest ends of two paths that tell them apart; their names where those do.

    Paths that lead to one place are the same to their end, and returned in full.
    """
    parts = [Path(os.path.abspath(path)).parts for path in (one, other)]
    for count in range(1, max(map(len, parts)) + 1):
        ends = [os.path.join(*some[-count:]) for some in parts]
        if ends[0] != ends[1]:
            return ends[0], ends[1]
    return one, other


def _is_same(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        # Standard input has no name.
        return False


class _Columns:
    """Line, and hashes of the prompt, the prompt with its system messages, and the whole."""

    def __init__(self) -> None:
        self.lines, self.prompts, self.fulls, self.wholes = (array("Q") for _ in range(4))

    def __len__(self) -> int:
        return len(self.lines)

    def add(self, row: tuple[int, int, int, int]) -> None:
        self.lines.append(row[0])
        self.prompts.append(row[1])
        self.fulls.append(row[2])
        self.wholes.append(row[3])


class _Seen:
    """Different values of a column, and which of them were seen in the other file."""

    def __init__(self, values: array[int]) -> None:
        import numpy as np

        self._kinds, self.which = np.unique(_view(values), return_inverse=True)
        self.line = np.zeros(len(self._kinds), dtype=np.uint64)

    def look_up(self, values: array[int], lines: array[int]) -> int:
        """Note the first lines at which values of ours stand; return how many of theirs do."""
        import numpy as np

        if not len(self._kinds):
            return 0
        theirs = _view(values)
        places = np.minimum(np.searchsorted(self._kinds, theirs), len(self._kinds) - 1)
        hit = self._kinds[places] == theirs
        found, first = np.unique(places[hit], return_index=True)
        fresh = self.line[found] == 0
        self.line[found[fresh]] = _view(lines)[hit][first[fresh]]
        return int(hit.sum())


class _Known:
    """The records of the validation file, and what of them the training file has."""

    def __init__(self, held: _Columns) -> None:
        self._lines = held.lines
        self._prompts, self._fulls, self._wholes = (
            _Seen(values) for values in (held.prompts, held.fulls, held.wholes)
        )
        self._records = self._overlapping = 0

    def look_up(self, part: _Columns) -> None:
        self._records += len(part)
        self._overlapping += self._prompts.look_up(part.prompts, part.lines)
        self._fulls.look_up(part.fulls, part.lines)
        self._wholes.look_up(part.wholes, part.lines)

    def tell(self, report: OverlapReport) -> None:
        import numpy as np

        lines = self._prompts.line[self._prompts.which]
        same = self._wholes.line[self._wholes.which] > 0
        other = (lines > 0) & (self._fulls.line[self._fulls.which] == 0)
        found = np.flatnonzero(lines)
        report.train_records, report.train_overlapping = self._records, self._overlapping
        report.validation_records, report.overlapping = len(self._lines), len(found)
        report.identical = int(same[found].sum())
        report.other_system = int(other.sum())
        report.shared = [
            Shared(self._lines[i], int(lines[i]), bool(same[i]), bool(other[i]))
            for i in found[:MAX_SHARED].tolist()
        ]


def _view(values: array[int]) -> NDArray[np.uint64]:
    import numpy as np

    return np.frombuffer(values, dtype=np.uint64) if values else np.empty(0, dtype=np.uint64)


def _asked(
    source: Source, with_system: bool, progress: Progress | None, cancelled: Cancelled | None
) -> Iterator[tuple[int, int, int, int]]:
    """Yield line and hashes of every record that has a prompt, as `_Columns` takes them."""
    for row in rows(source, progress=progress, cancelled=cancelled):
        if row.value is BLANK or not isinstance(row.value, dict):
            continue
        full = prompt_of(row.value, with_system=True)
        prompt = full if with_system else prompt_of(row.value)
        if full and prompt:
            whole = xxh3_64_intdigest(canonical(row.value, row.raw))
            yield row.line, xxh3_64_intdigest(prompt), xxh3_64_intdigest(full), whole
