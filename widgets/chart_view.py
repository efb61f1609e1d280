"""What a chart over steps shows of its numbers: curves, the view on them, and what is marked.

No Textual in here: the live chart, the exported picture and the tests share it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np

from widgets.axes import Axes, LogLimits, StillLimits, log_ticks, ticks, x_end
from widgets.dots import Array
from widgets.numbers import duration, integer, metric
from widgets.raster import Sign
from widgets.strokes import Series
from widgets.text import ascii_only
from widgets.track import Smoothed, Track

FACTORS = (0.0, 0.6, 0.9, 0.99)
"""Factors of smoothing, weakest first."""

MARKERS = ("braille", "block", "ascii")
Along = Literal["step", "tokens", "time"]

SETTLED_SHARE = 0.25
"""Share of a run's steps after which its y axis may be fitted closer."""

SETTLED_COUNT = 128
"""Points after which it may where the length of the run is not known."""

SMOOTHED_FROM = 40
"""Values from which a metric that comes seldom is smoothed as well: fewer are told one by one."""

_SIGNS = {"epoch": "┊", "checkpoint": "▲", "best": "◆", "cursor": "│", "read": "●"}
_ASCII_SIGNS = {"epoch": ":", "checkpoint": "^", "best": "#", "cursor": "|", "read": "O"}


def sign(name: str) -> str:
    """The character of a sign: ``epoch``, ``checkpoint``, ``best``, ``cursor`` or ``read``."""
    return (_ASCII_SIGNS if ascii_only() else _SIGNS)[name]


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
    """

    factor: float = 0.0
    log: bool = False
    marker: str = "braille"
    window: tuple[float, float] | None = None
    cursor: float | None = None
    along: Along = "step"

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


class Scales:
    """The axes of a chart, the same as before unless they must change.

    Args:
        y_min: A fixed lower limit, or None for a still one that follows the data.
        y_max: A fixed upper limit, or None.
    """

    def __init__(self, y_min: float | None = None, y_max: float | None = None) -> None:
        self._fixed = (y_min, y_max)
        self._window: tuple[float, float] | None = None
        self.forget()

    def forget(self) -> None:
        """Fit the axes anew."""
        self._limits = StillLimits(*self._fixed)
        self._log = LogLimits()

    def axes(
        self, curves: list[Curve], view: View, total: float | None, width: int, height: int
    ) -> Axes:
        """The axes for some curves.

        Args:
            curves: What is drawn.
            view: How.
            total: Where the x axis ends, when known.
            width: Columns of the grid, for the number of ticks.
            height: Rows of the grid.
        """
        if view.window != self._window:
            self._window = view.window
            self.forget()
        end = self.end(curves, view, total)
        x0, x1 = view.window or (0.0, end)
        y0, y1, log = self._y(curves, view, total, end)
        across = max(2, min(8, width // 14))
        x_ticks = _time_ticks(x0, x1, across) if view.along == "time" else ()
        x_ticks = x_ticks or ticks(x0, x1, across, whole=True)
        up = max(1, min(6, height // 3))
        y_ticks = log_ticks(y0, y1, up) if log else ticks(y0, y1, up)
        return Axes(x0, x1, y0, y1, x_ticks, y_ticks, log)

    def end(self, curves: list[Curve], view: View, total: float | None) -> float:
        """Where the whole x axis ends."""
        last = 0.0
        for curve in curves:
            if len(curve.track):
                if view.along == "time":
                    found = curve.place.positions(curve.track)[-1:]
                    last = max(last, float(found[0]) if np.isfinite(found).all() else 0.0)
                else:
                    last = max(last, curve.track.steps[-1] * curve.place.factor)
        if view.along == "time":
            return x_end(max(10.0, last), None)
        return x_end(last, total)

    def _y(
        self, curves: list[Curve], view: View, total: float | None, end: float
    ) -> tuple[float, float, bool]:
        bounds = [_bounds(curve, view.window) for curve in curves]
        low = min((each[0] for each in bounds), default=math.inf)
        high = max((each[1] for each in bounds), default=-math.inf)
        positive = min((each[2] for each in bounds), default=math.inf)
        if view.log and math.isfinite(positive):
            return (*self._log.update(positive, high), True)
        if low > high:
            low, high = 0.0, 1.0
        if view.window is not None:
            return (*self._limits.update(low, high, 0), False)
        count = sum(len(curve.track) for curve in curves)
        last = max((c.track.steps[-1] * c.place.factor for c in curves if len(c.track)), default=0)
        settled = last >= SETTLED_SHARE * end if total else count >= SETTLED_COUNT
        return (*self._limits.update(low, high, count, settled=settled), False)


def _bounds(curve: Curve, window: tuple[float, float] | None) -> tuple[float, float, float]:
    """Smallest, largest and smallest positive finite value, in a window if one is given."""
    track = curve.track
    if window is None:
        return track.low, track.high, track.low_positive
    x = curve.place.positions(track)
    first = int(np.searchsorted(x, window[0]))
    last = int(np.searchsorted(x, window[1], side="right"))
    y = np.array(track.values[first:last])
    y = y[np.isfinite(y)]
    if not len(y):
        return math.inf, -math.inf, math.inf
    above = y[y > 0]
    return float(y.min()), float(y.max()), float(above.min()) if len(above) else math.inf


def _time_ticks(low: float, high: float, intervals: int) -> tuple[tuple[float, str], ...]:
    """Ticks at round spans of time."""
    for step in (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400):
        if (high - low) / step <= intervals:
            first, last = math.ceil(low / step), math.floor(high / step)
            return tuple((i * step, duration(i * step)) for i in range(first, last + 1))
    return ()


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
        lines.append(Series(x, _scaled(y, axes), curve.key, mark=mark, line=curve.sign))
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
    """The signs of a chart: ends of epochs, checkpoints, the best validation, the cursor."""
    found = []
    # More of them than one in eight columns would be a fence.
    span = axes.x1 - axes.x0
    apart = min((b - a for a, b in pairwise(marks.epochs)), default=span)
    if apart / span * width >= 8:
        found += [Sign(x, "e", post=sign("epoch")) for x in marks.epochs]
    found += [Sign(x, "k", foot=sign("checkpoint")) for x in marks.checkpoints]
    if marks.best is not None:
        x, value = marks.best
        found.append(Sign(x, "b", y=scaled_one(value, axes), head=sign("best")))
    if view.cursor is not None:
        found.append(Sign(view.cursor, "c", post=sign("cursor"), foot=sign("cursor")))
        for curve in curves:
            at, value = read_at(curve, view, view.cursor)
            if math.isfinite(value) and math.isfinite(at):
                head = sign("read")
                found.append(Sign(view.cursor, curve.key, y=scaled_one(value, axes), head=head))
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


def readout(
    title: str, curves: list[Curve], view: View, marks: Marks, width: int
) -> list[tuple[str, str]]:
    """What stands at the cursor, as pieces of text with the keys of their styles.

    Where the width is too small for all of it, what is left out first is where a line was last
    measured, then its value under smoothing, then the distance to the best.
    """
    pieces = _pieces(title, curves, view, marks)
    for told in (" at ", " ~", f"  {sign('best')}", "to best"):
        if sum(len(text) for text, _ in pieces) <= width:
            break
        pieces = [
            piece
            for piece in pieces
            if piece[1] == "T" or not (piece[0].startswith(told) or piece[0].endswith(told))
        ]
    return pieces


def _pieces(title: str, curves: list[Curve], view: View, marks: Marks) -> list[tuple[str, str]]:
    x = view.cursor if view.cursor is not None else 0.0
    own = [curve for curve in curves if not curve.guest] or curves
    steps = [step for curve in own if (step := raw_at(curve, x)[0]) == step]
    head = (
        f" {title} at step {integer(int(max(steps)))}" if steps else f" {title}: before the first"
    )
    if view.along != "step":
        at = duration(x) if view.along == "time" else f"{integer(int(x))} tokens"
        head += f" · {at}"
    pieces = [(head.replace("·", "-") if ascii_only() else head, "T")]
    for curve in curves:
        step, value = raw_at(curve, x)
        if step != step:
            continue
        pieces.append((f"  {curve.sign} {curve.label} ", curve.key))
        pieces.append((metric(value) if value == value else "NaN", "n"))
        if curve.is_smoothed(view.factor):
            pieces.append((f" ~{metric(read_at(curve, view, x)[1])}", "l"))
        if steps and step < max(steps) and not curve.guest:
            pieces.append((f" at {integer(int(step))}", "l"))
    if marks.best is not None and own:
        judged = next((c for c in reversed(own) if c.points), own[0])
        value = raw_at(judged, x)[1]
        if value == value:
            pieces.append((f"  {sign('best')} ", "b"))
            pieces.append((f"{value - marks.best[1]:+.4f} to best", "l"))
    return pieces
