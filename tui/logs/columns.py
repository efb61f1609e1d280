"""The numbers of many records of a log at once, as columns.

Records of one kind have the same names, so a log of a hundred thousand of them is read a name at a
time: what a name means is asked once, and its numbers are one array.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from tui.jobs import NONE
from tui.logs.rows import (
    DEEPEST,
    EARLIEST,
    FARTHEST,
    MOST_NAMES,
    STEPS,
    SUMMARY,
    TIMES,
    TOTALS,
    kept_name,
    moment,
    named,
)
from tui.loose import MILLISECONDS, number_of

Whole = NDArray[np.int64]
Real = NDArray[np.float64]
Mask = NDArray[np.bool_]
_Number = TypeVar("_Number", np.int64, np.float64)
_OTHERS = frozenset({*STEPS, *TIMES, *TOTALS, *SUMMARY})


class _Cells(NamedTuple):
    """What stands under a name in some records: where, what, and the types of it."""

    where: Whole
    cells: Sequence[Any]
    kinds: set[type]


@dataclass(slots=True)
class Rows:
    """The numbers of some moments of a run, in the order of the log.

    Attributes:
        steps: The step of each; `tui.jobs.NONE` where the log does not say it.
        ats: Seconds since 1970; NaN where the log does not say it.
        totals: All steps of the run; `tui.jobs.NONE` where not told.
        values: By the name of a metric: the places of the moments that tell it, ascending, and
            the values; NaN and infinities occur.
    """

    steps: Whole
    ats: Real
    totals: Whole
    values: dict[str, tuple[Whole, Real]]

    def __len__(self) -> int:
        return len(self.steps)

    def part(self, start: int, stop: int) -> Rows:
        """Return the moments from ``start`` up to, not including, ``stop``."""
        if (start, stop) == (0, len(self)):
            return self
        values = {}
        for name, (places, found) in self.values.items():
            a, b = np.searchsorted(places, (start, stop)).tolist()
            if a < b:
                values[name] = (places[a:b] - start, found[a:b])
        cut = slice(start, stop)
        return Rows(self.steps[cut], self.ats[cut], self.totals[cut], values)

    def same(self, other: Rows) -> int:
        """Return how many of the first moments have the same step and the same numbers."""
        count = min(len(self), len(other))
        differ = self.steps[:count] != other.steps[:count]
        for name in {**self.values, **other.values}:
            one, two = (rows.part(0, count).dense(name) for rows in (self, other))
            differ |= (one != two) & ~(np.isnan(one) & np.isnan(two))
        return int(differ.argmax()) if differ.any() else count

    def dense(self, name: str) -> Real:
        """Return the value of a metric at each moment, NaN where it is not told."""
        found = np.full(len(self), np.nan)
        if name in self.values:
            places, values = self.values[name]
            found[places] = values
        return found

    def measure(self) -> Mask:
        """Return which moments have a number besides the epoch."""
        told = np.zeros(len(self), bool)
        for name, (places, _) in self.values.items():
            if name != "epoch":
                told[places] = True
        return told

    def only(self, wanted: Mask) -> Rows:
        """Return just these moments."""
        if wanted.all():
            return self
        place = np.cumsum(wanted) - 1
        values = {}
        for name, (places, found) in self.values.items():
            there = wanted[places]
            if there.any():
                values[name] = (place[places[there]], found[there])
        return Rows(self.steps[wanted], self.ats[wanted], self.totals[wanted], values)


def rows_of(records: Sequence[Mapping[str, Any]]) -> tuple[Rows, Mask]:
    """Return the numbers of records, and which of the records have any.

    Each of those is a row: see :func:`tui.logs.rows.is_row`.
    """
    shapes: dict[tuple[str, ...], list[int]] = {}
    for at, record in enumerate(records):
        shapes.setdefault(tuple(record), []).append(at)
    columns = _Columns(len(records))
    for names, places in shapes.items():
        alike = records if len(shapes) == 1 else [records[at] for at in places]
        where = np.array(places, np.int64)
        for at, name in enumerate(names):
            if at < MOST_NAMES or kept_name(name) is None:
                columns.add(name, where, [record[name] for record in alike])
    return columns.rows()


def rows_of_table(names: Sequence[str], cells: Sequence[Any]) -> Rows:
    """Return the numbers of a table; lines without any are left out.

    Args:
        names: The names of its columns.
        cells: As many cells a line, line after line.
    """
    width = len(names)
    where = np.arange(len(cells) // width if width else 0)
    columns = _Columns(len(where))
    for name, at in {name: at for at, name in enumerate(names)}.items():
        columns.add(name, where, cells[at::width])
    return columns.rows()[0]


class _Columns:
    """What stands under each name, and where: numbers and whatever else."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._metrics: dict[str, list[_Cells]] = {}
        self._others: dict[str, list[_Cells]] = {}

    def add(self, name: str, where: Whole, cells: Sequence[Any], depth: int = 0) -> None:
        """Add what stands under a name in some records; of objects in there, what they hold."""
        column = _Cells(where, cells, set(map(type, cells)))
        if (plain := named(name)) in _OTHERS:
            self._others.setdefault(plain, []).append(column)
        known = kept_name(name)
        if known is not None:
            self._metrics.setdefault(known, []).append(column)
        if depth == DEEPEST or dict not in column.kinds:
            return
        inner: dict[str, tuple[list[int], list[Any]]] = {}
        for at, cell in zip(where.tolist(), cells, strict=True):
            if isinstance(cell, dict):
                for leaf, value in islice(cell.items(), MOST_NAMES):
                    places, values = inner.setdefault(leaf, ([], []))
                    places.append(at)
                    values.append(value)
        for leaf, (places, values) in inner.items():
            self.add(f"{name}.{leaf}", np.array(places, np.int64), values, depth + 1)

    def rows(self) -> tuple[Rows, Mask]:
        """Return the numbers, and which records have any."""
        count = self._count
        values = {name: _last(*_numbers(_joined(parts))) for name, parts in self._metrics.items()}
        names = sorted(values, key=lambda name: name == "epoch")  # what was measured comes first
        rows = Rows(
            self._first(STEPS, _wholes, np.full(count, NONE)),
            self._first(TIMES, _moments, np.full(count, np.nan)),
            self._first(TOTALS, _wholes, np.full(count, NONE)),
            {name: values[name] for name in names if len(values[name][0])},
        )
        told = rows.measure()
        for name in SUMMARY:
            for column in self._others.get(name, ()):
                told[column.where] = False
        return rows.only(told), told

    def _first(
        self,
        names: Sequence[str],
        read: Callable[[_Cells], tuple[Whole, NDArray[_Number]]],
        found: NDArray[_Number],
    ) -> NDArray[_Number]:
        """Put into each place what the first of these names tells there."""
        for name in reversed(names):
            if name in self._others:
                where, told = read(_joined(self._others[name]))
                found[where] = told
        return found


def _joined(parts: list[_Cells]) -> _Cells:
    if len(parts) == 1:
        return parts[0]
    where = np.concatenate([part.where for part in parts])
    cells = [cell for part in parts for cell in part.cells]
    order = np.argsort(where, kind="stable")
    kinds = set().union(*(part.kinds for part in parts))
    return _Cells(where[order], [cells[at] for at in order.tolist()], kinds)


def _last(where: Whole, found: Real) -> tuple[Whole, Real]:
    """Return each place once, with what is told there last: two names may mean one metric."""
    last = np.ones(len(where), bool)
    last[:-1] = where[1:] != where[:-1]
    return (where, found) if last.all() else (where[last], found[last])


def _numbers(column: _Cells) -> tuple[Whole, Real]:
    """Return those cells that are numbers, as :func:`tui.loose.number_of` reads them."""
    where, cells, kinds = column
    with contextlib.suppress(ValueError, OverflowError):
        if kinds <= {float, int}:
            return where, np.fromiter(cells, np.float64, len(cells))
        if kinds == {str} and "_" not in "".join(cells):
            if "" in cells:
                told = np.fromiter(map(bool, cells), bool, len(cells))
                where, cells = where[told], list(filter(None, cells))
            return where, np.fromiter(map(float, cells), np.float64, len(cells))
    found = [number_of(cell) for cell in cells]
    told = np.array([amount is not None for amount in found], bool)
    return where[told], np.array([amount for amount in found if amount is not None], np.float64)


def _wholes(column: _Cells) -> tuple[Whole, Whole]:
    """Return those cells that are whole numbers, as :func:`tui.logs.rows.whole` reads them."""
    where, found = _numbers(column)
    good = (found >= 0) & (found < FARTHEST) & (found == np.floor(found))
    return where[good], found[good].astype(np.int64)


def _moments(column: _Cells) -> tuple[Whole, Real]:
    """Return those cells that are moments, as :func:`tui.logs.rows.moment` reads them."""
    if str in column.kinds:
        where = column.where
        found = np.array([moment(cell) for cell in column.cells], np.float64)
    else:
        where, found = _numbers(column)
        found = np.where(found > MILLISECONDS, found / 1000, found)
    told = (found > EARLIEST) & (found < MILLISECONDS)
    return where[told], found[told]
