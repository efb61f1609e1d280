"""Token counts of a dataset, and the distributions people read them by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.tokens.counts import ValueCounts
from tui.tokens.rows import NUMBERS, TokenRows, add_roles

PERCENTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99)
BINS = 20
# Interpolation leaves dust such as 4811.200000000001 behind.
_DECIMALS = 6


@dataclass(slots=True)
class TokenTable:
    """Token counts of the records that are examples.

    How often each count occurs is kept, not which example has it, so that a file of ten million
    examples takes no more memory than one of ten thousand.

    Attributes:
        billed: Tokens a provider bills for one epoch, before truncation:
            1 + sum over messages of (3 + role + content), and tool calls and definitions.
        classic: The well-known estimate of the cookbook, ``billed`` + 2 + names.
        assistant: Tokens in the content of assistant messages.
        trained: Tokens that carry loss: content + 2 of every assistant message whose weight is
            not 0.
        messages: How many messages the example has.
        roles: How many messages each role has, over all examples.
        missing_system: Examples without a system (or developer) message.
        missing_user: Examples without a user message.
        approximate: Whether any count is an estimate (tools, images, preference pairs, …).
    """

    billed: ValueCounts = field(default_factory=ValueCounts)
    classic: ValueCounts = field(default_factory=ValueCounts)
    assistant: ValueCounts = field(default_factory=ValueCounts)
    trained: ValueCounts = field(default_factory=ValueCounts)
    messages: ValueCounts = field(default_factory=ValueCounts)
    roles: dict[str, int] = field(default_factory=dict)
    missing_system: int = 0
    missing_user: int = 0
    approximate: bool = False

    def __len__(self) -> int:
        return len(self.billed)

    @classmethod
    def empty(cls) -> TokenTable:
        """Return a table with no examples."""
        return cls()

    @classmethod
    def of(cls, rows: TokenRows) -> TokenTable:
        """Return a table of rows."""
        table = cls()
        table.add(rows)
        return table

    @classmethod
    def concat(cls, tables: Iterable[TokenTable]) -> TokenTable:
        """Return one table with the examples of all ``tables``."""
        whole = cls()
        for table in tables:
            for name in NUMBERS:
                getattr(whole, name).merge(getattr(table, name))
            whole._add_facts(table)
        return whole

    def add(self, rows: TokenRows) -> None:
        """Add the examples of some rows."""
        for name in NUMBERS:
            getattr(self, name).add(getattr(rows, name))
        self._add_facts(rows)

    def copy(self) -> TokenTable:
        """Return another with the same counts, which does not change with this one."""
        return TokenTable.concat((self,))

    def numbers(self) -> dict[str, ValueCounts]:
        """Return the counts of every kind by their names here."""
        return {name: getattr(self, name) for name in NUMBERS}

    def over(self, limit: int | None) -> int:
        """Return how many examples are longer than ``limit`` tokens."""
        return self.billed.above(limit)

    def _add_facts(self, other: TokenTable | TokenRows) -> None:
        add_roles(self.roles, other.roles)
        self.missing_system += other.missing_system
        self.missing_user += other.missing_user
        self.approximate |= other.approximate


@dataclass(frozen=True, slots=True)
class Distribution:
    """How one number is spread over the examples.

    Attributes:
        min: The smallest value; ``None`` without examples, as are all others.
        max: The largest value.
        mean: The arithmetic mean.
        percentiles: Percentile to value, by linear interpolation (numpy's default).
        edges: Bounds of the histogram's bins, one more than ``counts``; whole numbers.
        counts: Examples in each bin; the last bin includes its upper bound.
    """

    min: int | None
    max: int | None
    mean: float | None
    percentiles: Mapping[int, float | None]
    edges: tuple[int, ...]
    counts: tuple[int, ...]

    def __getattr__(self, name: str) -> float | None:
        """Give the percentiles as attributes: ``p50`` is the median."""
        if name[:1] == "p" and name[1:].isdecimal() and int(name[1:]) in self.percentiles:
            return self.percentiles[int(name[1:])]
        raise AttributeError(name)

    def to_json(self) -> dict[str, Any]:
        """Return the shape ``stats --json`` prints."""
        return {
            "min": self.min,
            "max": self.max,
            "mean": self.mean,
            **{f"p{p}": value for p, value in self.percentiles.items()},
            "histogram": {"edges": list(self.edges), "counts": list(self.counts)},
        }


def distribution(values: ValueCounts, *, bins: int = BINS) -> Distribution:
    """Return the distribution of some whole numbers.

    Args:
        values: One number an example.
        bins: At most this many histogram bins; all are equally wide, a round number wide.
    """
    low, high = values.min, values.max
    if low is None or high is None:
        return Distribution(None, None, None, dict.fromkeys(PERCENTILES), (), ())
    points = values.percentiles(PERCENTILES)
    edges = _edges(low, high, bins)
    return Distribution(
        low,
        high,
        round(values.sum() / len(values), _DECIMALS),
        {p: round(value, _DECIMALS) for p, value in zip(PERCENTILES, points, strict=True)},
        tuple(edges),
        tuple(values.histogram(edges)),
    )


def _edges(low: int, high: int, bins: int) -> list[int]:
    """Return whole-number bin bounds that start and step on round numbers."""
    width = _round_up((high - low + 1) / max(bins - 1, 1))
    start = low // width * width
    count = max(1, -(-(high + 1 - start) // width))
    return [start + width * i for i in range(count + 1)]


def _round_up(width: float) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50, … that is at least ``width``."""
    power = 1
    while True:
        for step in (1, 2, 5):
            if step * power >= width:
                return step * power
        power *= 10
