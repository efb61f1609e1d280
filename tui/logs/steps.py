"""Where the rows of a log belong on the run's axis: counted, going on, or gone back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from tui.jobs import NONE
from tui.logs.columns import Rows, Whole

_VALIDATION = ("eval_", "valid_", "val_")
# So many of the last steps are remembered, and so many may come late one after the other.
_RECENT = 32
_MOST_LATE = 4


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows that follow each other without a restart of the training.

    Attributes:
        start: The place of the first of them.
        steps: Their steps on the run's axis.
        restarted: Whether training was begun again just before them, from the first one's step.
        counted: Whether the log has no steps for some of them, which are counted instead.
    """

    start: int
    steps: Whole
    restarted: bool
    counted: bool


@dataclass(slots=True)
class _Column:
    """The rows that tell one metric: their places and steps, and which are below the one before."""

    places: Whole
    steps: Whole
    drops: Whole

    def span(self, start: int, stop: int) -> tuple[int, int]:
        first, last = np.searchsorted(self.places, (start, stop)).tolist()
        return first, last


class Steps:
    """Follows the steps of a log through restarts.

    A metric that is told again for an earlier step means that training was begun again from there;
    unless the epoch has grown, as then steps are counted anew in each epoch, and go on here. A step
    between the last ones that was not told yet is only late: processes write as they come.
    """

    def __init__(self) -> None:
        self._ordinal = 0
        self._offset = 0
        self._epoch = 0.0
        self._last: dict[str, int] = {}
        self._recent: dict[str, deque[int]] = {}
        self._late = 0
        self._highest = 0
        self._validated: set[str] = set()

    def begin_again(self, step: int) -> None:
        """Take it that training begins again from a step; from 0, with another log."""
        self._last.clear()
        self._recent.clear()
        self._highest = step
        self._offset = 0
        if not step:
            self._ordinal = 0

    def take(self, rows: Rows) -> list[Stretch]:
        """Return the stretches of the next rows."""
        told = rows.steps != NONE
        turns = [*(np.flatnonzero(told[1:] != told[:-1]) + 1).tolist(), len(rows)]
        columns, epochs = _columns(rows, told), rows.dense("epoch")
        found: list[Stretch] = []
        parts: list[Whole] = []
        at = start = 0
        restarted = False

        def close(stop: int) -> None:
            if parts:
                counted = not told[start:stop].all()
                found.append(Stretch(start, np.concatenate(parts), restarted, counted))

        for turn in turns:
            if not told[at]:
                parts.append(self._count(rows, at, turn))
                at = turn
            while at < turn:
                if self._goes_back(columns, at, at + 1) == at:
                    if epochs[at] > self._epoch:
                        self._offset = self._highest + int(rows.steps[at] == 0)
                    elif self._is_late(columns, at):
                        parts.append(rows.steps[at : at + 1] + self._offset)
                        at += 1
                        continue
                    else:
                        close(at)
                        start, restarted, parts = at, True, []
                        self.begin_again(int(rows.steps[at]))
                stop = self._goes_back(columns, at, turn, accepted=True)
                parts.append(rows.steps[at:stop] + self._offset)
                self._went_on(columns, at, stop)
                self._highest = max(self._highest, int(parts[-1].max()))
                if len(known := epochs[at:stop][~np.isnan(epochs[at:stop])]):
                    self._epoch = float(known[-1])
                at = stop
        close(at)
        return found

    def _count(self, rows: Rows, start: int, stop: int) -> Whole:
        """Count rows; validation alone belongs to the row of training before it, once."""
        counts = np.zeros(len(rows), np.int64)
        for name, (places, _) in rows.values.items():
            if name != "epoch" and not name.startswith(_VALIDATION):
                counts[places] = 1
        counts = counts[start:stop]
        trained, known = np.cumsum(counts), 0
        for place, names in _validated(rows, start, counts):
            if trained[place] != known:
                known = int(trained[place])
                self._validated.clear()
            if self._validated & names or not (self._ordinal or trained[place]):
                counts[place] = 1
                self._validated.clear()
            self._validated |= names
        if trained[-1] != known:
            self._validated.clear()
        steps: Whole = self._ordinal + np.cumsum(counts)
        self._ordinal = int(steps[-1])
        self._highest = max(self._highest, self._ordinal)
        return steps

    def _is_late(self, columns: dict[str, _Column], at: int) -> bool:
        """Whether a row that goes back only comes late: a few in a row, each told just once."""
        self._late += 1
        if self._late > _MOST_LATE:
            return False
        for name, column in columns.items():
            first, last = column.span(at, at + 1)
            if first == last or name not in self._last:
                continue
            step, recent = int(column.steps[first]) + self._offset, self._recent[name]
            if step < self._last[name] and (step in recent or step < recent[0]):
                return False
            if step == self._last[name]:
                return False
            recent.append(step)
        return True

    def _goes_back(
        self, columns: dict[str, _Column], start: int, stop: int, *, accepted: bool = False
    ) -> int:
        """Return the first row whose step is before one that is known; ``stop`` if there is none.

        Args:
            columns: What the rows tell.
            start: The first row to look at.
            stop: Where to end.
            accepted: Whether the first row is known to be right.
        """
        for name, column in columns.items():
            first, last = column.span(start, stop)
            if first == last:
                continue
            place = int(column.places[first])
            if int(column.steps[first]) + self._offset < self._last.get(name, -1) and not (
                accepted and place == start
            ):
                stop = place
                continue
            drop = int(np.searchsorted(column.drops, first, side="right"))
            if drop < len(column.drops) and column.drops[drop] < last:
                stop = int(column.places[column.drops[drop]])
        return stop

    def _went_on(self, columns: dict[str, _Column], start: int, stop: int) -> None:
        for name, column in columns.items():
            first, last = column.span(start, stop)
            if first < last:
                self._last[name] = int(column.steps[last - 1]) + self._offset
                newest = column.steps[max(first, last - _RECENT) : last] + self._offset
                self._recent.setdefault(name, deque(maxlen=_RECENT)).extend(newest.tolist())
        self._late = 0


def _columns(rows: Rows, told: np.ndarray) -> dict[str, _Column]:
    found = {}
    for name, (places, _) in rows.values.items():
        places = places[told[places]]
        steps = rows.steps[places]
        found[name] = _Column(places, steps, np.flatnonzero(steps[1:] < steps[:-1]) + 1)
    return found


def _validated(rows: Rows, start: int, trained: Whole) -> list[tuple[int, set[str]]]:
    """Return the rows from ``start`` on that tell of validation alone, and what they tell."""
    found: dict[int, set[str]] = {}
    for name, (places, _) in rows.values.items():
        if name.startswith(_VALIDATION):
            places = places - start
            places = places[(places >= 0) & (places < len(trained))]
            for place in places[trained[places] == 0].tolist():
                found.setdefault(place, set()).add(name)
    return sorted(found.items(), key=lambda told: told[0])
