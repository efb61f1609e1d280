"""Records that nearly say the same: the same but for a few words, case or punctuation.

Of each record the eight smallest hashes of its runs of four words are kept; records whose text is
alike share most of them. Only on request: it reads every word.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from xxhash import xxh3_64_intdigest

from tui.dataset.canonical import canonical
from tui.dataset.model import Issue
from tui.dataset.profile import Profile, get_profile
from tui.dataset.rows import BLANK, Cancelled, Progress, rows
from tui.dataset.rules.catalogue import RULES
from tui.dataset.source import Source

MOST = 150_000
"""Records kept to compare with; about 60 MB."""

_KEPT = 8
_ENTRIES = 3
_ALIKE = 7
_RUN = 4
_FEWEST = 8
_WORD = re.compile(r"\w+")


def near_issues(
    path: str | os.PathLike[str],
    *,
    profile: Profile | str = "openai",
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> tuple[list[Issue], bool]:
    """Return an issue for each record that nearly says what an earlier one says.

    Exact copies have a rule of their own. The second value tells whether all records were
    compared; later ones are compared with the first `MOST`.

    Args:
        path: The dataset.
        profile: Whose severities apply.
        progress: Told bytes done and bytes in all.
        cancelled: Asked often; true ends with an error.

    Raises:
        FileError: The file cannot be read.
        TunedeckError: It was stopped.
    """
    weights = get_profile(profile) if isinstance(profile, str) else profile
    rule = RULES["near_duplicate"]
    severity = weights.severity(rule.code, rule.severity)
    known = _Known()
    found = []
    with Source.open(path, cancelled=cancelled) as source:
        for row in rows(source, progress=progress, cancelled=cancelled):
            if row.value is BLANK or not isinstance(row.value, dict):
                continue
            earlier = known.take(row.value, row.line)
            if earlier is not None:
                found.append(
                    Issue(
                        row.line, 1, "", rule.code, severity,
                        f"nearly the same as line {earlier:,}",
                        "keep one of them, unless what differs is what is to be learnt",
                    )
                )  # fmt: skip
    return found, len(known) < MOST


class _Known:
    """The records seen, by their smallest hashes."""

    def __init__(self) -> None:
        self._first: dict[int, int] = {}
        self._sketches: list[tuple[int, ...]] = []
        self._lines: list[int] = []
        self._wholes: set[int] = set()

    def __len__(self) -> int:
        return len(self._lines)

    def take(self, record: dict[str, Any], line: int) -> int | None:
        """Add a record; return the line of an earlier one that nearly says the same."""
        words = _WORD.findall(" ".join(_texts(record)).casefold())
        if len(words) < _FEWEST:
            return None
        whole = xxh3_64_intdigest(canonical(record))
        if whole in self._wholes:
            return None
        runs = {
            xxh3_64_intdigest(" ".join(words[i : i + _RUN]).encode("utf-8", "replace"))
            for i in range(len(words) - _RUN + 1)
        }
        sketch = tuple(sorted(runs)[:_KEPT])
        earlier = self._like(sketch)
        if earlier is None and len(self._lines) < MOST:
            self._wholes.add(whole)
            for value in sketch[:_ENTRIES]:
                self._first.setdefault(value, len(self._lines))
            self._sketches.append(sketch)
            self._lines.append(line)
        return earlier

    def _like(self, sketch: tuple[int, ...]) -> int | None:
        for number in {self._first[value] for value in sketch if value in self._first}:
            other = self._sketches[number]
            both = sorted({*sketch, *other})[:_KEPT]
            shared = sum(value in sketch and value in other for value in both)
            if shared * _KEPT >= _ALIKE * len(both):
                return self._lines[number]
        return None


def _texts(value: object) -> Iterator[str]:
    """Yield every text under the keys that hold what is said."""
    stack = [value]
    while stack:
        here = stack.pop()
        if isinstance(here, str):
            yield here
        elif isinstance(here, dict):
            stack += [here[key] for key in reversed(here) if key not in ("role", "type", "tools")]
        elif isinstance(here, list):
            stack += reversed(here)
