"""Which numbers of a run belong on one chart: a measure on training and on validation data.

Any number that arrives has its chart, whatever it is called. Names that say the same of different
data (``train_loss``, ``valid_loss``, ``eval/loss``) are lines of one chart; the rest stand alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_FULL = re.compile(r"^full[_/. -]?(?:valid(?:ation)?|eval|test)[_/. -]+", re.IGNORECASE)
_VALID = re.compile(r"^(?:valid(?:ation)?|val|eval(?:uation)?|test|dev)[_/. -]+", re.IGNORECASE)
_TRAIN = re.compile(r"^train(?:ing)?[_/. -]+", re.IGNORECASE)
_MEAN = re.compile(r"(?:^mean[_/. -]+|[_/. -]+mean$)", re.IGNORECASE)
# What a run is judged by comes first, what only describes its course comes last.
_FIRST = ("loss", "reward", "token_accuracy", "accuracy")
_MOST_PARTS = 4
_LAST = ("epoch", "learning_rate", "lr", "current_epoch", "percentage")


@dataclass(frozen=True, slots=True)
class Part:
    """One line of a measure's chart.

    Attributes:
        name: The metric's name as it arrives.
        label: ``train``, ``valid``, ``full valid``, or the name where it says neither.
        points: Whether it comes seldom, so that its single values are marked.
    """

    name: str
    label: str
    points: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """One chart.

    Attributes:
        name: What is measured, such as ``loss``; unique in a run.
        parts: Its lines, training first.
    """

    name: str
    parts: tuple[Part, ...]

    @property
    def title(self) -> str:
        """Its name as a heading."""
        words = self.name.replace("_", " ")
        return words[:1].upper() + words[1:]


def measures_of(names: Iterable[str]) -> tuple[Measure, ...]:
    """Sort the metrics of a run onto charts, the most telling first.

    Args:
        names: Names as they arrived.
    """
    parts: dict[str, dict[str, Part]] = {}
    for name in names:
        stem, label = _split(name)
        number, first = 1, stem
        while len(parts.get(stem, ())) == _MOST_PARTS:
            number += 1
            stem = f"{first} {number}"
        lines = parts.setdefault(stem, {})
        # Two spellings of the same line would hide each other: the second has its own name.
        if label in lines:
            label = name
        lines[label] = Part(name, label, points=label in ("valid", "full valid"))
    return tuple(
        Measure(stem, tuple(sorted(lines.values(), key=_line_order)))
        for stem, lines in sorted(parts.items(), key=lambda item: _chart_order(item[0]))
    )


def _split(name: str) -> tuple[str, str]:
    for pattern, label in ((_FULL, "full valid"), (_VALID, "valid"), (_TRAIN, "train")):
        found = pattern.match(name)
        if found and found.end() < len(name):
            return _stem(name[found.end() :]), label
    stem = _stem(name)
    # A bare name is the training series where it is one that is known.
    return stem, "train" if stem in _FIRST else stem


def _stem(name: str) -> str:
    return _MEAN.sub("", name) or name


def _line_order(part: Part) -> tuple[int, str]:
    order = ("train", "valid", "full valid")
    return (order.index(part.label) if part.label in order else len(order), part.label)


def _chart_order(stem: str) -> tuple[int, int, str]:
    if stem in _FIRST:
        return 0, _FIRST.index(stem), stem
    return (2 if stem.lower() in _LAST else 1), 0, stem
