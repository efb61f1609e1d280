"""Token counts of a dataset as columns, and the distributions people read them by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tui.tokens.rows import COLUMNS, TokenRows, add_roles

Column = npt.NDArray[np.int64]

PERCENTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99)
BINS = 20
# Interpolation leaves dust such as 4811.200000000001 behind.
_DECIMALS = 6


def _empty() -> Column:
    return np.zeros(0, dtype=np.int64)


@dataclass(slots=True)
class TokenTable:
    """Token counts, one entry a record that is an example, in file order.

    All columns are int64 and equally long. The table is plain data: it pickles, and tables of
    parts of a file join with :meth:`concat`.

    Attributes:
        line: The 1-based physical line the example stands on.
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

    line: Column = field(default_factory=_empty)
    billed: Column = field(default_factory=_empty)
    classic: Column = field(default_factory=_empty)
    assistant: Column = field(default_factory=_empty)
    trained: Column = field(default_factory=_empty)
    messages: Column = field(default_factory=_empty)
    roles: dict[str, int] = field(default_factory=dict)
    missing_system: int = 0
    missing_user: int = 0
    approximate: bool = False

    def __len__(self) -> int:
        return int(self.billed.size)

    @classmethod
    def empty(cls) -> TokenTable:
        """Return a table with no examples."""
        return cls()

    @classmethod
    def of(cls, rows: TokenRows) -> TokenTable:
        """Return a table of rows; it shares their memory, so they must not grow any more."""
        return cls(
            **{name: np.frombuffer(getattr(rows, name), dtype=np.int64) for name in COLUMNS},
            roles=rows.roles,
            missing_system=rows.missing_system,
            missing_user=rows.missing_user,
            approximate=rows.approximate,
        )

    @classmethod
    def concat(cls, tables: Iterable[TokenTable]) -> TokenTable:
        """Return one table with the examples of all ``tables``, in the order given."""
        parts = list(tables)
        if not parts:
            return cls()
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS
        }
        roles: dict[str, int] = {}
        for part in parts:
            add_roles(roles, part.roles)
        return cls(
            **columns,
            roles=roles,
            missing_system=sum(part.missing_system for part in parts),
            missing_user=sum(part.missing_user for part in parts),
            approximate=any(part.approximate for part in parts),
        )

    def append(self, other: TokenTable) -> TokenTable:
        """Return a new table: this one's examples, then those of ``other``."""
        return TokenTable.concat((self, other))

    def truncated(self, limit: int | None) -> Column:
        """Return ``billed`` as a service with this context limit bills it, one entry an example."""
        return self.billed if limit is None else np.minimum(self.billed, limit)

    def over(self, limit: int | None) -> int:
        """Return how many examples are longer than ``limit`` tokens."""
        return 0 if limit is None else int(np.count_nonzero(self.billed > limit))


class TableBuilder:
    """A table that grows at its end, and can be looked at in between without being copied.

    Tables handed out are views of the same columns: adding writes only behind what they show. One
    thread adds; any may read a table it was given.

    Args:
        rows: How many rows to have room for; memory that is not filled is not taken.
    """

    def __init__(self, rows: int = 1 << 16) -> None:
        self._room = rows
        self._used = 0
        self._columns = {name: np.empty(rows, dtype=np.int64) for name in COLUMNS}
        self._facts = TokenRows()

    def add(self, rows: TokenRows, *, line: int = 0) -> None:
        """Add rows at the end, ``line`` added to their line numbers."""
        end = self._used + len(rows)
        if end > self._room:
            self._grow(end)
        for name, column in self._columns.items():
            column[self._used : end] = np.frombuffer(getattr(rows, name), dtype=np.int64)
        self._columns["line"][self._used : end] += line
        self._used = end
        facts = self._facts
        add_roles(facts.roles, rows.roles)
        facts.missing_system += rows.missing_system
        facts.missing_user += rows.missing_user
        facts.approximate |= rows.approximate

    def table(self) -> TokenTable:
        """Return what was added so far."""
        facts = self._facts
        return TokenTable(
            **{name: column[: self._used] for name, column in self._columns.items()},
            roles=dict(facts.roles),
            missing_system=facts.missing_system,
            missing_user=facts.missing_user,
            approximate=facts.approximate,
        )

    def _grow(self, rows: int) -> None:
        self._room = max(rows, self._room + self._room // 2)
        for name, column in self._columns.items():
            self._columns[name] = np.empty(self._room, dtype=np.int64)
            self._columns[name][: self._used] = column[: self._used]


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


def distribution(values: Column, *, bins: int = BINS) -> Distribution:
    """Return the distribution of a column of whole numbers.

    Args:
        values: One number an example.
        bins: At most this many histogram bins; all are equally wide, a round number wide.
    """
    if values.size == 0:
        return Distribution(None, None, None, dict.fromkeys(PERCENTILES), (), ())
    points = np.percentile(values, PERCENTILES)
    low, high = int(values.min()), int(values.max())
    edges = _edges(low, high, bins)
    counts, _ = np.histogram(values, bins=np.asarray(edges))
    return Distribution(
        low,
        high,
        round(float(values.mean()), _DECIMALS),
        {p: round(float(value), _DECIMALS) for p, value in zip(PERCENTILES, points, strict=True)},
        tuple(edges),
        tuple(int(count) for count in counts),
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
