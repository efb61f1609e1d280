"""What a chart over steps shows of its numbers: curves, the view on them, and what is marked.

No Textual in here: the live chart, the exported picture and the tests share it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np

from widgets.axes import Axes
from widgets.dots import Array
from widgets.raster import Sign
from widgets.strokes import Series
from widgets.text import ascii_only
from widgets.track import Smoothed, Track

FACTORS = (0.0, 0.6, 0.9, 0.99)
"""Factors of smoothing, weakest first."""

MARKERS = ("braille", "block", "ascii")
Along = Literal["step", "tokens", "time"]

SMOOTHED_FROM = 40
"""Values from which a metric that comes seldom is smoothed as well: fewer are told one by one."""

_GUEST_EVERY = 12
"""Columns from one letter of another run's line to the next."""

_FEW, _POINT = 3, "•"
"""So few values of a line are marked as well, and with what."""

_SIGNS = {
    "epoch": ("┊", ":"),
    "checkpoint": ("▲", "^"),
    "best": ("◆", "#"),
    "cursor": ("│", "|"),
    "read": ("●", "O"),
    "missing": ("×", "!"),
    "above": ("↑", "^"),
    "below": ("↓", "v"),
}


def sign(name: str) -> str:
    """The character of a sign: of an ``epoch``'s end, a ``checkpoint``, the ``best`` validation.

    Also of the ``cursor`` and what it has ``read``, of a value that is ``missing`` (no number), and
    of values ``above`` and ``below`` the axis.
    """
    return _SIGNS[name][ascii_only()]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the steps of a run lie on the x axis.

    Attributes:
        along: By steps, by tokens, or by the seconds since the run began.
        factor: What a step is worth on the axis; for time, not used.
        origin: For time, the second since 1970 at which the axis begins.
    """

    along: Along = "step"
    factor: float = 1.0
    origin: float = 0.0

    def positions(self, track: Track) -> Array:
        """The positions of a track's values, ascending."""
        if self.along == "time":
            times = np.array(track.times) - self.origin
            known = np.isfinite(times)
            if not known.any():
                return np.full(len(times), np.nan)
            return np.maximum.accumulate(np.where(known, times, times[known][0]))
        return np.array(track.steps) * self.factor

    def position(self, step: float) -> float:
        """The position of a step; NaN where only measured steps have one."""
        return math.nan if self.along == "time" else step * self.factor


@dataclass(slots=True)
class Curve:
    """One metric of one run on a chart.

    Attributes:
        track: Its values.
        label: Its name in the title.
        key: The letter of its style.
        sign: The character that stands for it, beside colour.
        points: Mark the single values: for metrics that come seldom, such as validation loss.
        place: Where its steps lie.
        guest: It is of another run, laid over this one.
    """

    track: Track
    label: str
    key: str
    sign: str
    points: bool = False
    place: Place = field(default_factory=Place)
    guest: bool = False
    _smoothed: Smoothed | None = None

    def is_smoothed(self, factor: float) -> bool:
        """Whether smoothing applies: where values come seldom, each of them counts."""
        return factor > 0 and not (self.points and len(self.track) < SMOOTHED_FROM)

    def smoothed(self, factor: float) -> Array:
        """Its values under smoothing."""
        if self._smoothed is None or self._smoothed.factor != factor:
            self._smoothed = Smoothed(self.track, factor)
        return np.array(self._smoothed.values)

    def hold(self) -> None:
        """Go on from a copy that does not grow."""
        self.track, self._smoothed = self.track.copy(), None

    def place_at(self, x: float) -> int | None:
        """The place of the last value at or before a position; ``None`` when there is none."""
        place = int(np.searchsorted(self.place.positions(self.track), x, side="right")) - 1
        return place if place >= 0 else None


@dataclass(slots=True)
class View:
    """How charts are looked at; several charts share one.

    Attributes:
        factor: Of exponential smoothing; 0 for none.
        log: Logarithmic y.
        marker: ``braille``, ``block`` or ``ascii``.
        window: The part of the x axis that is shown; ``None`` for all of it.
        cursor: The position that is read; ``None`` for none.
        along: What the x axis counts.
        outliers: The y axis holds every value, also a few that flatten all others.
    """

    factor: float = 0.0
    log: bool = False
    marker: str = "braille"
    window: tuple[float, float] | None = None
    cursor: float | None = None
    along: Along = "step"
    outliers: bool = False

    @property
    def style(self) -> str:
        """The marker to draw with, ASCII where the terminal is told to have no more."""
        return "ascii" if ascii_only() else self.marker


@dataclass(frozen=True, slots=True)
class Marks:
    """What is marked on a chart, in positions of the x axis.

    Attributes:
        epochs: Where epochs end.
        checkpoints: Where checkpoints were kept.
        best: Position and value of the best validation; ``None`` where it is not on this chart.
    """

    epochs: tuple[float, ...] = ()
    checkpoints: tuple[float, ...] = ()
    best: tuple[float, float] | None = None


def series_of(curves: list[Curve], view: View, axes: Axes) -> list[Series]:
    """What is drawn, what lies lowest first."""
    faint: list[Series] = []
    lines: list[Series] = []
    for curve in sorted(curves, key=lambda each: not each.guest):
        if not len(curve.track):
            continue
        x, raw = curve.place.positions(curve.track), np.array(curve.track.values)
        smooth = curve.is_smoothed(view.factor)
        y = curve.smoothed(view.factor) if smooth else raw
        if smooth and not curve.guest:
            faint.append(Series(x, _scaled(raw, axes), "q" if curve.points else "r", faint=True))
        mark = curve.sign if curve.points or curve.guest else ""
        if len(curve.track) <= _FEW and not ascii_only():
            mark = mark or _POINT  # a dot alone would hardly be seen
        scaled = _scaled(y, axes)
        every = _GUEST_EVERY if curve.guest else 3
        lines.append(
            Series(x, scaled, curve.key, mark=mark, line=curve.sign, every=every, smooth=smooth)
        )
    return faint + lines


def _scaled(y: Array, axes: Axes) -> Array:
    if not axes.log:
        return y
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(y > 0, np.log10(np.where(y > 0, y, 1.0)), np.nan)


def scaled_one(value: float, axes: Axes) -> float:
    """A value on the y axis; NaN where it has no place there."""
    if not axes.log:
        return value
    return math.log10(value) if value > 0 else math.nan


def signs_of(curves: list[Curve], view: View, marks: Marks, axes: Axes, width: int) -> list[Sign]:
    """The signs of a chart.

    Ends of epochs, checkpoints, values that are no numbers or outside the axes, the best
    validation, the cursor.
    """
    found = []
    # More of them than one in eight columns would be a fence.
    span = axes.x1 - axes.x0
    apart = min((b - a for a, b in pairwise(marks.epochs)), default=span)
    if apart / span * width >= 8:
        found += [Sign(x, "e", post=sign("epoch")) for x in marks.epochs]
    found += [Sign(x, "k", foot=sign("checkpoint")) for x in marks.checkpoints]
    for curve in curves:
        found += missing(curve, axes, width)
        found += outside(curve, axes, width)
    if marks.best is not None:
        x, value = marks.best
        found.append(Sign(x, "b", y=scaled_one(value, axes), head=sign("best")))
    if view.cursor is not None:
        found.append(Sign(view.cursor, "c", post=sign("cursor"), over=" e", foot=sign("cursor")))
        for curve in curves:
            at = curve.place_at(view.cursor)
            value = read_at(curve, view, view.cursor)[1]
            if at is not None and math.isfinite(value):
                # Where it was measured: what is read may lie before the cursor.
                x = float(curve.place.positions(curve.track)[at])
                y = scaled_one(value, axes)
                found.append(Sign(x, curve.key, y=y, head=sign("read")))
    return found


def missing_count(curve: Curve) -> int:
    """How many values of a curve are no numbers; 0 where that says only when it is measured."""
    if curve.track.finite == len(curve.track):
        return 0
    count = len(curve.track) - curve.track.finite
    return 0 if curve.points and count >= curve.track.finite else count


def missing(curve: Curve, axes: Axes, width: int) -> list[Sign]:
    """Signs at the foot of values that are no numbers: a line has no gap that is seen there."""
    if not missing_count(curve):
        return []
    x = curve.place.positions(curve.track)[~np.isfinite(np.array(curve.track.values))]
    return [Sign(at, "m", foot=sign("missing")) for at in _apart(x, axes, width)]


def outside(curve: Curve, axes: Axes, width: int) -> list[Sign]:
    """Signs at the edge of values above and below the axes."""
    low, high = scaled_one(curve.track.low, axes), scaled_one(curve.track.high, axes)
    near = 1e-6 * (axes.y1 - axes.y0)
    if not (high > axes.y1 + near or low < axes.y0 - near):
        return []
    x = curve.place.positions(curve.track)
    y = _scaled(np.array(curve.track.values), axes)
    above, below = x[y > axes.y1 + near], x[y < axes.y0 - near]
    return [
        *(Sign(at, curve.key, y=axes.y1, head=sign("above")) for at in _apart(above, axes, width)),
        *(Sign(at, curve.key, y=axes.y0, head=sign("below")) for at in _apart(below, axes, width)),
    ]


def _apart(x: Array, axes: Axes, width: int) -> list[float]:
    """Ascending positions inside the axes, one a column."""
    x = x[(x >= axes.x0) & (x <= axes.x1)]
    columns = ((x - axes.x0) / (axes.x1 - axes.x0) * width).astype(np.int64)
    found: list[float] = x[np.diff(columns, prepend=-1) > 0].tolist()
    return found


def read_at(curve: Curve, view: View, x: float) -> tuple[float, float]:
    """Step and value of the curve as drawn at, or last before, a position; NaN where none."""
    place = curve.place_at(x)
    if place is None:
        return math.nan, math.nan
    smooth = curve.is_smoothed(view.factor)
    values = curve.smoothed(view.factor) if smooth else curve.track.values
    return curve.track.steps[place], float(values[place])


def raw_at(curve: Curve, x: float) -> tuple[float, float]:
    """Step and value as measured at, or last before, a position; NaN where none."""
    place = curve.place_at(x)
    if place is None:
        return math.nan, math.nan
    return curve.track.steps[place], curve.track.values[place]


def next_position(curves: list[Curve], axes: Axes, x: float, columns: int, way: int) -> float:
    """The next measured position to the left or right of one, at least half a column away.

    Args:
        curves: What is drawn.
        axes: On what.
        x: From where.
        columns: Columns of the plot.
        way: -1 or 1.

    Returns:
        A position inside the axes; ``x`` where there is none.
    """
    stride = (axes.x1 - axes.x0) / max(1, columns) / 2
    best = math.nan
    for curve in curves:
        positions = curve.place.positions(curve.track)
        inside = (positions >= axes.x0) & (positions <= axes.x1)
        beyond = positions >= x + stride if way > 0 else positions <= x - stride
        found = positions[inside & beyond]
        if len(found):
            candidate = float(found[0] if way > 0 else found[-1])
            nearer = candidate < best if way > 0 else candidate > best
            if math.isnan(best) or nearer:
                best = candidate
    return x if math.isnan(best) else best
