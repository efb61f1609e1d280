"""The axes of a chart over steps, which change only when they must. No Textual."""

from __future__ import annotations

import math

import numpy as np

from widgets.axes import Axes, LogLimits, StillLimits, log_ticks, nice_step, ticks, x_end
from widgets.chart_view import Curve, View
from widgets.dots import Array
from widgets.numbers import duration

SETTLED_SHARE = 0.25
"""Share of a run's steps after which its y axis may be fitted closer."""

SETTLED_COUNT = 128
"""Points after which it may where the length of the run is not known."""

_LEAST = 12
"""Values from which some may be outliers."""
_SAMPLE = 2_000
"""Values of a curve that are looked at to tell what is usual."""
_FLAT = 0.2
"""Share of the axis below which all that is usual would be flattened by what is not."""
_RECENT, _PERSIST = 8, 3
"""When so many of so many last values are outliers, they are how it goes, and are shown."""


class Scales:
    """The axes of a chart, the same as before unless they must change.

    Attributes:
        left_out: How many values lie outside the axes, being outliers.
    """

    def __init__(self) -> None:
        self._seen: tuple[object, ...] = ()
        self._given: tuple[float, float] | None = None
        self.forget()

    def forget(self) -> None:
        """Fit the axes anew."""
        self._limits = StillLimits()
        self._log = LogLimits()
        self._trimmed = False
        self.left_out = 0

    @property
    def zoomed(self) -> bool:
        """Whether the limits of the y axis are a person's."""
        return self._given is not None

    def zoom(self, axes: Axes, factor: float, around: float) -> None:
        """Show less of the y axis, or more, from now on.

        Args:
            axes: As drawn now.
            factor: Of what is shown; below 1 to see more closely.
            around: What stays in view, on the y axis.
        """
        span = axes.y1 - axes.y0
        share = min(0.8, max(0.2, (around - axes.y0) / span))
        low = around - share * span * factor
        high = low + span * factor
        if not axes.log:
            step = nice_step(high - low, 10)
            low, high = math.floor(low / step) * step, math.ceil(high / step) * step
            if axes.y0 == 0 and around >= 0:
                low = max(0.0, low)
        if high - low > 1e-12 * max(abs(low), abs(high)):
            self._given = (low, high)

    def whole(self) -> None:
        """Let the y axis follow the data again."""
        self._given = None

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
        if self._seen != (seen := (view.window, view.log, view.outliers)):
            if self._seen and self._seen[1] != view.log:
                self._given = None
            self._seen = seen
            self.forget()
        end = self.end(curves, view, total)
        x0, x1 = view.window or (0.0, end)
        y0, y1, log = self._y(curves, view, total, end)
        if self._given is not None:
            y0, y1 = self._given
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
        if not view.outliers:
            low, high = self._usual(curves, view, low, high)
        if view.window is not None:
            return (*self._limits.update(low, high, 0, from_zero=False), False)
        count = sum(len(curve.track) for curve in curves)
        last = max((c.track.steps[-1] * c.place.factor for c in curves if len(c.track)), default=0)
        settled = last >= SETTLED_SHARE * end if total else count >= SETTLED_COUNT
        return (*self._limits.update(low, high, count, settled=settled), False)

    def _usual(
        self, curves: list[Curve], view: View, low: float, high: float
    ) -> tuple[float, float]:
        """The limits without the few values that would flatten all others."""
        found = usual(curves, view.window, low, high)
        self.left_out = 0
        if found is None:
            return low, high
        if not self._trimmed:
            # They came before anyone could tell that they are outliers.
            self._trimmed = True
            self._limits = StillLimits()
        low, high, self.left_out = found
        return low, high


def usual(
    curves: list[Curve], window: tuple[float, float] | None, low: float, high: float
) -> tuple[float, float, int] | None:
    """The range of values that are no outliers, where the others would flatten them.

    Args:
        curves: What is drawn.
        window: The part of the x axis that is looked at.
        low: The smallest finite value.
        high: The largest.

    Returns:
        The smallest and the largest value that are none, and how many are; ``None`` where there
        are none, where they do no harm, or where the last values are among them.
    """
    sample = np.concatenate([_sample(curve, window) for curve in curves] or [np.empty(0)])
    if len(sample) < _LEAST:
        return None
    few = float(np.quantile(sample, 0.05, method="higher"))
    many = float(np.quantile(sample, 0.95, method="lower"))
    spread = many - few
    fence = few - 2 * spread, many + 2 * spread
    if spread <= 0 or (fence[0] <= low and high <= fence[1]):
        return None
    out = []
    y0, y1 = math.inf, -math.inf
    for each in (_finite(curve, window) for curve in curves):
        inside = (each >= fence[0]) & (each <= fence[1])
        if int((~inside[-_RECENT:]).sum()) >= _PERSIST:
            return None
        out.append(int((~inside).sum()))
        y0 = min(y0, float(each.min(where=inside, initial=math.inf)))
        y1 = max(y1, float(each.max(where=inside, initial=-math.inf)))
    floor = 0.0 if low >= 0 else low
    bottom = min(floor, y0) if low >= 0 else y0
    if not math.isfinite(y1) or y1 - bottom > _FLAT * (high - floor):
        return None
    return y0, y1, sum(out)


def _sample(curve: Curve, window: tuple[float, float] | None) -> Array:
    """Some of the finite values of a curve, evenly spread."""
    if window is not None:
        y = _finite(curve, window)
        return y[:: len(y) // _SAMPLE + 1]
    y = np.array(curve.track.values[:: len(curve.track) // _SAMPLE + 1])
    return y[np.isfinite(y)]


def _finite(curve: Curve, window: tuple[float, float] | None) -> Array:
    """The finite values of a curve, in a window if one is given."""
    y: Array = np.array(curve.track.values)
    if window is not None:
        x = curve.place.positions(curve.track)
        first = int(np.searchsorted(x, window[0]))
        y = y[first : int(np.searchsorted(x, window[1], side="right"))]
    return y[np.isfinite(y)]


def _bounds(curve: Curve, window: tuple[float, float] | None) -> tuple[float, float, float]:
    """Smallest, largest and smallest positive finite value, in a window if one is given."""
    track = curve.track
    if window is None:
        return track.low, track.high, track.low_positive
    y = _finite(curve, window)
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
