"""One file into two that share nothing: one to train on, one to validate with.

Which side a record goes to depends on its prompt and the seed alone, not on its place in the file
or on the machine: prompts are hashed with the seed as key, and those with the smallest hashes go to
validation until it is large enough. The first pass keeps sixteen bytes a record.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.dataset.canonical import canonical
from tui.dataset.fields import ANSWER, LABEL, LONG, FieldPath
from tui.dataset.formats.detect import look_alike
from tui.dataset.prompts import prompt_of
from tui.dataset.rows import (
    BLANK,
    BROKEN,
    Cancelled,
    Progress,
    Row,
    on_one_line,
    rows,
)
from tui.dataset.source import Source
from tui.dataset.writing import NewFile, commit_all
from tui.errors import FileError, TunedeckError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_STRATA = 1_000
"""Different values of a field that records are spread by."""

_NONE = "(none)"


@dataclass(slots=True)
class SplitReport:
    """What splitting a file did.

    Attributes:
        file: The file read, as given; comes from outside, so clean it before showing it.
        train: The file to train on.
        validation: The file to validate with.
        seed: What the choice depends on besides the prompts.
        by: The field whose values are spread evenly; empty for none.
        records: Records read.
        train_records: Records written to train on.
        validation_records: Records written to validate with.
        prompts: Different prompts.
        wanted: Records that validation should have had; groups of one prompt are never parted.
        strata: For each value of the field, records in training and in validation.
        lacking: Records that do not have the field.
    """

    file: str
    train: str
    validation: str
    seed: int
    by: str
    records: int = 0
    train_records: int = 0
    validation_records: int = 0
    prompts: int = 0
    wanted: int = 0
    strata: dict[str, tuple[int, int]] = field(default_factory=dict)
    lacking: int = 0

    def to_json(self) -> dict[str, object]:
        """Return the object that ``split --json`` prints."""
        report: dict[str, object] = {
            "file": self.file,
            "seed": self.seed,
            "records": self.records,
            "prompts": self.prompts,
            "wanted": self.wanted,
            "train": {"file": self.train, "records": self.train_records},
            "validation": {"file": self.validation, "records": self.validation_records},
        }
        if self.by:
            report["by"] = self.by
            report["without_field"] = self.lacking
            report["strata"] = {
                name: {"train": train, "validation": validation}
                for name, (train, validation) in self.strata.items()
            }
        return report


def split_file(
    path: str | os.PathLike[str],
    validation: float,
    *,
    seed: int = 7,
    by: str = "",
    with_system: bool = False,
    folder: str | os.PathLike[str] | None = None,
    force: bool = False,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> SplitReport:
    """Write ``NAME.train.jsonl`` and ``NAME.validation.jsonl``, both or neither.

    No prompt stands in both, so no example does; the same text under another system message is the
    same prompt. Records are copied byte for byte, in their order;
    blank lines are left out and an object spread over lines is written on one.

    Args:
        path: The file, or ``-`` for standard input.
        validation: A share between 0 and 1, or a whole number of records from 1 on.
        seed: Another seed gives another choice.
        by: A field, such as ``metadata.topic`` or ``messages[0].role``, whose values are spread
            evenly over both files; ``answer`` for what the records answer, ``label`` for answers
            that are short.
        with_system: Let system messages tell prompts apart.
        folder: Where to write; beside the file unless given. It is made where it is missing.
        force: Replace files that exist.
        progress: Told bytes done and bytes in all, about every megabyte of each pass.
        cancelled: Asked as often; true stops, with nothing written.

    Raises:
        FileError: A file cannot be read or written.
        TunedeckError: A record cannot be read, or is in a format whose prompt is not known.
        UsageError: The share is impossible for this file, or no record has the field.
    """
    with Source.open(path, cancelled=cancelled) as source:
        train, held = _names(source.path, folder)
        first = _FirstPass(seed, by, with_system)
        first.run(rows(source, progress=progress, cancelled=cancelled))
        wanted = _wanted(validation, first.count)
        chosen = first.choose(wanted)
        taken = int(chosen.sum())
        _refuse_empty(first, wanted, taken)
        report = SplitReport(
            source.path, str(train), str(held), seed, by, first.count, first.count - taken, taken,
            first.prompts, wanted, first.strata(chosen), first.lacking,
        )  # fmt: skip
        if folder is not None:
            _make(train.parent)
        with (
            NewFile(train, force=force, source=source.path) as new_train,
            NewFile(held, force=force, source=source.path) as new_held,
        ):
            number = 0
            for row in rows(source, progress=progress, cancelled=cancelled):
                if row.value is BLANK:
                    continue
                if number >= first.count:
                    break
                (new_held if chosen[number] else new_train).write(_line(row))
                number += 1
            if number != first.count:
                raise FileError(
                    "the file changed while it was read", "wait until it is written, then retry"
                )
            commit_all([new_train, new_held])
    return report


class _FirstPass:
    """What is remembered of each record: the hash of its prompt, and its stratum."""

    def __init__(self, seed: int, by: str, with_system: bool) -> None:
        self._key = hashlib.blake2b(str(seed).encode(), digest_size=16).digest()
        self._by = FieldPath.parse(by) if by else None
        self._with_system = with_system
        self._prompts = array("Q")
        self._values = array("L")
        self._names: dict[str, int] = {}
        self._long = 0
        self.lacking = 0
        self._fields: set[str] = set()
        self.prompts = 0

    @property
    def count(self) -> int:
        """Records seen."""
        return len(self._prompts)

    def run(self, found: Iterator[Row]) -> None:
        """Read every record."""
        for row in found:
            if row.value is BLANK:
                continue
            record = row.value
            if row.value is BROKEN or not isinstance(record, dict):
                what = "is not JSON" if row.value is BROKEN else "is not an object"
                raise TunedeckError(
                    f"line {row.line} {what}",
                    "repair the file first, or leave such lines out: tunedeck fix FILE -o OUT "
                    "--drop-invalid",
                    code="invalid_record",
                )
            prompt = prompt_of(record, with_system=self._with_system)
            if prompt is None:
                raise _no_prompt(row.line, record)
            self._prompts.append(self._hash(prompt))
            if self._by is not None:
                self._stratum(record, self._by)
        if self._by is not None and self.count:
            self._refuse_useless(self._by)

    def _refuse_useless(self, by: FieldPath) -> None:
        if self.lacking == self.count:
            raise UsageError(
                f"no record has the field {by.text!r}",
                f"the fields are {self._some_fields()}; --by {ANSWER} spreads the answers evenly",
            )
        if self._long == self.count:
            raise UsageError(
                "the answers are too long to be labels",
                f"spread by a field with few values; the fields are {self._some_fields()}",
            )

    def _some_fields(self) -> str:
        return ", ".join(sorted(self._fields)[:8])

    def _hash(self, text: bytes) -> int:
        digest = hashlib.blake2b(text, digest_size=8, key=self._key).digest()
        return int.from_bytes(digest, "big")

    def _stratum(self, record: dict[str, Any], by: FieldPath) -> None:
        value, found = by.of(record)
        self.lacking += not found
        self._long += value is LONG
        if len(self._fields) < 100:
            self._fields.update(list(record)[:20])
        name = value if isinstance(value, str) else canonical(value).decode("utf-8", "replace")
        name = " ".join(name.split()) if found and value is not None else _NONE
        number = self._names.setdefault(name, len(self._names))
        if len(self._names) > MAX_STRATA:
            raise UsageError(
                f"the field {by.text!r} has more than {MAX_STRATA:,} different values",
                f"spread by a field with few values, such as a topic, or --by {LABEL} by answers "
                "that are short",
            )
        self._values.append(number)

    def choose(self, wanted: int) -> NDArray[np.bool_]:
        """Return for each record whether it goes to validation."""
        import numpy as np

        prompts = np.frombuffer(self._prompts, dtype=np.uint64)
        unique, group, sizes = np.unique(prompts, return_inverse=True, return_counts=True)
        self.prompts = len(unique)
        taken = np.zeros(len(unique), dtype=np.bool_)
        if self._by is None:
            _take(taken, np.arange(len(unique)), sizes, wanted)
            return taken[group]
        # A prompt whose records differ in the field counts with the value most of them have.
        stratum = self._main_values(group, len(unique))
        weights = np.bincount(stratum, weights=sizes, minlength=len(self._names)).astype(np.float64)
        for number, part in enumerate(self._shares(weights, wanted)):
            _take(taken, np.flatnonzero(stratum == number), sizes, part)
        # Where a value's prompts are too large for its share, others take the places left.
        _take(taken, np.flatnonzero(~taken), sizes, wanted - int(sizes[taken].sum()))
        return taken[group]

    def _main_values(self, group: NDArray[np.intp], groups: int) -> NDArray[np.int64]:
        import numpy as np

        values = np.frombuffer(self._values, dtype=np.dtype("L")).astype(np.int64)
        # By name, so that the order in which values appear in the file does not matter.
        rank = np.empty(len(self._names), dtype=np.int64)
        rank[[self._names[name] for name in sorted(self._names)]] = np.arange(len(self._names))
        pairs, counts = np.unique(
            group.astype(np.int64) * len(self._names) + rank[values], return_counts=True
        )
        order = np.lexsort((-pairs, counts))
        main = np.zeros(groups, dtype=np.int64)
        main[pairs[order] // len(self._names)] = pairs[order] % len(self._names)
        return main

    def _shares(self, weights: NDArray[np.float64], wanted: int) -> list[int]:
        """Part the wanted records among the strata, the largest remainders first."""
        total = float(weights.sum())
        exact = [float(weight) * wanted / total for weight in weights]
        shares = [int(part) for part in exact]
        order = sorted(range(len(exact)), key=lambda i: (shares[i] - exact[i], i))
        for i in order[: wanted - sum(shares)]:
            shares[i] += 1
        return shares

    def strata(self, chosen: NDArray[np.bool_]) -> dict[str, tuple[int, int]]:
        """Return how many records of each value go to each side."""
        import numpy as np

        if self._by is None:
            return {}
        values = np.frombuffer(self._values, dtype=np.dtype("L")).astype(np.intp)
        kinds = len(self._names)
        held = np.bincount(values[chosen], minlength=kinds)
        whole = np.bincount(values, minlength=kinds)
        return {
            name: (int(whole[i] - held[i]), int(held[i])) for name, i in sorted(self._names.items())
        }


def _take(
    taken: NDArray[np.bool_], groups: NDArray[np.intp], sizes: NDArray[np.intp], wanted: int
) -> None:
    """Mark groups in order of their hashes until ``wanted`` records are reached, never more."""
    room = wanted
    for number in groups:
        if room <= 0:
            return
        size = int(sizes[number])
        if size <= room:
            taken[number] = True
            room -= size


def _wanted(validation: float, records: int) -> int:
    if records < 2:
        raise UsageError(
            "the file has no records" if not records else "the file has one record only",
            "a file to split needs two at least",
        )
    if validation >= 1:
        wanted = int(validation)
        if wanted >= records:
            raise UsageError(
                f"{wanted:,} records to validate with leave none of {records:,} to train on",
                "ask for fewer",
            )
        return wanted
    wanted = round(validation * records)
    if wanted < 1:
        raise UsageError(
            f"{validation:g} of {records:,} records is less than one",
            "ask for a larger share, or for one record: --validation 1",
        )
    if wanted >= records:
        raise UsageError(
            f"{validation:g} of {records:,} records leaves none to train on", "ask for less"
        )
    return wanted


def _refuse_empty(first: _FirstPass, wanted: int, taken: int) -> None:
    if first.prompts < 2:
        raise UsageError(
            "all records have the same prompt, so no part of them may be held back",
            "validate with other examples; where system messages hold what is asked about, "
            "--with-system lets them tell prompts apart",
        )
    if not taken:
        raise UsageError(
            f"no prompt has as few as {wanted:,} record{'s' if wanted > 1 else ''}, and records "
            "of one prompt stay together",
            "ask for a larger share, or leave out copies first: tunedeck fix FILE -o OUT",
        )


def _no_prompt(line: int, record: dict[str, Any]) -> TunedeckError:
    alike = look_alike(record)
    what = f"looks like the format {alike[0]}" if alike else "has no messages and no prompt"
    return TunedeckError(
        f"line {line} {what}",
        "convert the file first: tunedeck convert FILE -o OUT",
        code="unknown_format",
    )


def _line(row: Row) -> bytes:
    raw = on_one_line(row.raw) if row.lines > 1 else row.raw
    return raw + b"\n"


def _names(path: str, folder: str | os.PathLike[str] | None) -> tuple[Path, Path]:
    given = Path("stdin.jsonl" if path == "-" else path)
    name = given.name
    for endings in ((".gz", ".zst"), (".jsonl", ".json", ".ndjson")):
        ending = next((known for known in endings if name.lower().endswith(known)), "")
        if ending and len(name) > len(ending):
            name = name[: -len(ending)]
    parent = given.parent if folder is None else Path(folder)
    return parent / f"{name}.train.jsonl", parent / f"{name}.validation.jsonl"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        from widgets.text import clean

        raise FileError(
            f"cannot make the folder {clean(str(folder), limit=200)} ({error.strerror})",
            "name a folder that can be written to",
        ) from error
