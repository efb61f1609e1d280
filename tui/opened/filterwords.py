"""The words a filter can be made of, as far as they mean something for the open dataset.

Nothing here knows of Textual: the dialog shows what stands here and writes what it returns.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.dataset import CheckReport
    from tui.dataset.facets import Facets

FEATURES = {
    "tools": "define tools",
    "calls": "call a tool",
    "images": "have images",
    "weights": "have a weight at a message",
    "names": "have a name at a message",
    "blank": "are blank lines",
}
RANGES = (
    ("tokens:", "100..500, >1000, <20: how long"),
    ("assistant:", "<10: how many tokens to learn"),
    ("messages:", "2, >10: how many messages"),
    ("without:", "system: without this role"),
    ("label:", "metadata.kind=refund: a value"),
)
_SEVERITIES = {
    "error": "the provider refuses them",
    "warning": "accepted, but likely wrong",
    "advice": "could be better",
}
_BLOCK = 1 << 20
_LISTS = ("code", "severity", "role", "without", "has", "script")
"""Words that take several values, with commas between them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A word that can be picked.

    Attributes:
        text: The word as typed: ``severity:error``; one that ends with a colon wants a value.
        note: What it means.
        count: How many records it stands for; ``None`` when not known.
    """

    text: str
    note: str = ""
    count: int | None = None

    @property
    def whole(self) -> bool:
        """Whether it is a filter as it is, without a value to be typed."""
        return not self.text.endswith(":")


def offered(
    report: CheckReport | None, tally: Mapping[str, int] | None, codes: Mapping[str, str]
) -> list[Choice]:
    """Return what can be picked, the most asked for first.

    Args:
        report: What the check has found so far.
        tally: Records that have each flag and code, as `count_flags` and `count_codes` return
            them; ``None`` when nothing is counted.
        codes: What each rule is about.
    """
    counts = tally or {}
    found = [
        Choice(f"severity:{name}", note, counts.get(name))
        for name, note in _SEVERITIES.items()
        if tally is None or counts.get(name)
    ]
    if report is not None:
        ordered = sorted(report.counts.items(), key=lambda item: -item[1])
        found += [
            Choice(f"code:{code}", codes.get(code, ""), counts.get(f"code {code}"))
            for code, _ in ordered
            if any(issue.line for issue in report.issues.by_code(code)[:1])
        ]
    found += [Choice(text, note) for text, note in RANGES]
    if tally is not None:
        found += _flagged(counts)
    return found


def _flagged(tally: Mapping[str, int]) -> list[Choice]:
    from tui.dataset.describe import ROLES, SCRIPTS

    found = [
        Choice(f"has:{name}", note, tally[name])
        for name, note in FEATURES.items()
        if tally.get(name)
    ]
    found += [
        Choice(f"role:{name}", "have a message of this role", tally[name])
        for name in ROLES
        if tally.get(name)
    ]
    found += [
        Choice(f"script:{name}", "have letters of this script", tally["script " + name])
        for name in SCRIPTS
        if tally.get("script " + name)
    ]
    return found


def count_flags(facets: Facets) -> dict[str, int]:
    """Return how many records have each flag; reads the whole column, so call it in a thread.

    Args:
        facets: What is known of the records so far.

    Returns:
        Counts by the names of roles, features and severities, and by ``script`` and its name.
    """
    import numpy as np

    from tui.dataset.describe import FEATURES as NAMES
    from tui.dataset.describe import ROLES, SCRIPTS, SEVERITIES

    # Both roles and scripts have an “other”: the bit decides, not the name.
    words = [*ROLES, *NAMES, *SEVERITIES, *(f"script {name}" for name in SCRIPTS)]
    totals = dict.fromkeys(words, 0)
    rows = facets.rows
    for start in range(0, rows, _BLOCK):
        flags = facets.read("flags", start, min(rows, start + _BLOCK))
        for bit, word in enumerate(words):
            totals[word] += int(np.count_nonzero(flags & (1 << bit)))
    return totals


def count_codes(facets: Facets, codes: Collection[str]) -> dict[str, int]:
    """Return how many records have an issue of each code; reads columns, so call it in a thread.

    Args:
        facets: What is known of the records so far.
        codes: The codes to count.

    Returns:
        Counts by ``code`` and its name, as in ``code blank_content``.
    """
    return {f"code {code}": len(facets.with_codes([code])) for code in codes}


def partial_word(line: str) -> str:
    """Return the word that is being typed at the end of a line; empty between words."""
    return "" if not line or line[-1].isspace() else line.split()[-1]


def narrowed(choices: Sequence[Choice], line: str) -> list[Choice]:
    """Return the choices that fit the word being typed; all of them between words."""
    word = partial_word(line).lower()
    if not word or any(choice.text == word and choice.whole for choice in choices):
        return list(choices)
    starts = [c for c in choices if c.text.startswith(word) or _value(c.text).startswith(word)]
    return starts + [c for c in choices if c not in starts and word in f"{c.text} {c.note}".lower()]


def used_words(line: str) -> frozenset[str]:
    """Return the words of a line, a list such as ``severity:error,advice`` as its parts."""
    return frozenset(part for word in line.split() for part in _parts(word))


def picked(line: str, choice: Choice, known: Collection[str]) -> str:
    """Return the line with a choice put in, or taken out if it stands there already.

    Args:
        line: What is typed.
        choice: What is picked.
        known: Every word that is whole, to tell one from the beginning of one.
    """
    if choice.whole and choice.text in used_words(line):
        return _without(line, choice.text)
    word = partial_word(line)
    if word and word not in known and _begins(choice, word):
        line = line[: len(line) - len(word)]
    line = f"{line.rstrip()} {choice.text}".lstrip()
    return f"{line} " if choice.whole else line


def _without(line: str, text: str) -> str:
    """Return the line without a word, which may stand in a list of several."""
    key = text.partition(":")[0]

    def rest(match: re.Match[str]) -> str:
        parts = [part for part in _parts(match[0]) if part != text]
        if len(parts) == len(_parts(match[0])):
            return match[0]
        return f"{key}:{','.join(map(_value, parts))}" if parts else ""

    words = re.sub(r"\S+", rest, line).strip()
    return f"{words} " if words else ""


def _parts(word: str) -> list[str]:
    key, colon, values = word.partition(":")
    if key not in _LISTS or not colon:
        return [word]
    return [f"{key}:{value}" for value in values.split(",")]


def _begins(choice: Choice, word: str) -> bool:
    return word.lower() in f"{choice.text} {choice.note}".lower()


def _value(text: str) -> str:
    return text.partition(":")[2]
