"""What a chart over steps is drawn from: its values in step order, and its axes. No Textual."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from widgets.axes import Axes, StillLimits, ticks, x_end
from widgets.raster import Array, CellRow, Series, draw
from widgets.text import ascii_only

KEYS = "tvwx"
"""Style keys of up to four lines."""

_MARKS = ("•", "+", "x")
_ASCII_MARKS = ("o", "+", "x")


def signs(marked: Sequence[bool]) -> tuple[str, ...]:
    """A sign a line, for its title and its marks: a stroke, or for marked lines a character each.

    Args:
        marked: For each line, whether its single values are marked.

    Returns:
        One character a line, all different but for plain lines.
    """
    marks = iter(_ASCII_MARKS if ascii_only() else _MARKS)
    stroke = "*" if ascii_only() else "━"
    return tuple(next(marks, stroke) if mark else stroke for mark in marked)


SETTLED_SHARE = 0.25
"""Share of a run's steps after which its y axis may be fitted closer."""

SETTLED_COUNT = 128
"""Points after which it may where the length of the run is not known."""


class Track:
    """The values of one metric, in the order of their steps."""

    def __init__(self) -> None:
        self.steps = array("d")
        self.values = array("d")
        self.low = math.inf
        self.high = -math.inf

    def add(self, step: float, value: float) -> None:
        """Take a value; a second one for the same step replaces the first."""
        if not self.steps or step > self.steps[-1]:
            self.steps.append(step)
            self.values.append(value)
        else:
            at = bisect_left(self.steps, step)
            if self.steps[at] == step:
                self.values[at] = value
            else:
                self.steps.insert(at, step)
                self.values.insert(at, value)
        if math.isfinite(value):
            self.low = min(self.low, value)
            self.high = max(self.high, value)

    @property
    def last(self) -> float | None:
        """The value of the last step."""
        return self.values[-1] if self.values else None

    def arrays(self) -> tuple[Array, Array]:
        """Copies as numpy arrays (a view would forbid the next append)."""
        return np.array(self.steps), np.array(self.values)


def still_axes(
    tracks: Sequence[Track],
    limits: StillLimits,
    total: float | None,
    width: int,
    height: int,
) -> Axes:
    """Axes for some tracks, the same as before unless they must change.

    Args:
        tracks: What is drawn.
        limits: The y limits so far; updated.
        total: Where the x axis ends, when known.
        width: Columns of the grid, for the number of ticks.
        height: Rows of the grid.

    Returns:
        Limits and ticks.
    """
    finite = [track for track in tracks if track.low <= track.high]
    low = min((track.low for track in finite), default=0.0)
    high = max((track.high for track in finite), default=1.0)
    count = sum(len(track.steps) for track in tracks)
    last = max((track.steps[-1] for track in tracks if track.steps), default=0.0)
    end = x_end(last, total)
    settled = last >= SETTLED_SHARE * end if total else count >= SETTLED_COUNT
    y0, y1 = limits.update(low, high, count, settled=settled)
    x_ticks = ticks(0, end, max(2, min(8, width // 14)), whole=True)
    return Axes(0, end, y0, y1, x_ticks, ticks(y0, y1, max(1, min(6, height // 3))))


def plot_cells(
    lines: Sequence[tuple[Sequence[float], Sequence[float]]],
    marks: Sequence[str],
    width: int,
    height: int,
    total: float | None,
) -> tuple[CellRow, ...]:
    """A plot of whole lines at once, for the plain commands.

    Args:
        lines: (steps, values) of each line.
        marks: The sign of each line, from `signs`; all but the first are marked with it.
        width: Columns.
        height: Rows.
        total: Where the x axis ends, when known.

    Returns:
        Rows of characters and keys.
    """
    tracks: list[Track] = []
    for steps, values in lines:
        track = Track()
        for step, value in zip(steps, values, strict=True):
            track.add(float(step), float(value))
        tracks.append(track)
    axes = still_axes(tracks, StillLimits(), total, width, height)
    series = [
        Series(*track.arrays(), key, mark=sign if index else "", line=sign)
        for index, (track, key, sign) in enumerate(zip(tracks, KEYS, marks, strict=False))
    ]
    marker = "ascii" if ascii_only() else "braille"
    return draw(series, axes, width, height, marker=marker)[0]
