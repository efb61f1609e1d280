"""Axes that stay still: round limits that change rarely, so that a new point costs a few cells.

Pure arithmetic, no numpy and no Textual.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from widgets.numbers import compact

Tick = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Axes:
    """Fixed limits of a plot and where its ticks are.

    Attributes:
        x0: Left limit.
        x1: Right limit.
        y0: Lower limit.
        y1: Upper limit.
        x_ticks: Values and labels along the bottom.
        y_ticks: Values and labels along the left side.
        log: The y axis is logarithmic: y0, y1 and y_ticks are decimal logarithms.
    """

    x0: float
    x1: float
    y0: float
    y1: float
    x_ticks: tuple[Tick, ...] = ()
    y_ticks: tuple[Tick, ...] = ()
    log: bool = False


_ENDS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)


def nice_step(span: float, intervals: int) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that covers `span` in `intervals` steps.

    Args:
        span: A positive length of axis.
        intervals: The most steps wanted.

    Returns:
        A positive step.
    """
    raw = span / max(1, intervals)
    if not raw > 0 or not math.isfinite(raw):
        return 1.0
    power = 10.0 ** math.floor(math.log10(raw))
    for factor in (1.0, 2.0, 2.5, 5.0, 10.0):
        if raw <= factor * power * 1.0000001:
            return factor * power
    return 10.0 * power


def round_up(value: float) -> float:
    """The next of 10, 15, 20, 30, 40, 50, 60, 80, 100, 150, … : an end for an unknown axis.

    Far enough apart that an axis seldom changes, near enough that a third of it is empty at most.
    """
    power = 10.0
    while power * 10 < value:
        power *= 10
    return next((power * each for each in _ENDS if power * each >= value), power * 10)


def x_end(last_step: float, total_steps: float | None) -> float:
    """Where the x axis ends: the run's total when known, else the next round number."""
    if total_steps and total_steps >= last_step:
        return float(max(1, total_steps))
    return round_up(last_step)


def decimals(step: float) -> int:
    """Digits after the point that tell ticks of this step apart."""
    for digits in range(7):
        if abs(step * 10**digits - round(step * 10**digits)) < 1e-6:
            return digits
    return 6


def ticks(low: float, high: float, intervals: int, *, whole: bool = False) -> tuple[Tick, ...]:
    """Ticks at round values between two limits.

    Args:
        low: Lower limit.
        high: Upper limit.
        intervals: The most intervals between ticks.
        whole: Label as counts (``1.5k``) instead of with fixed decimals.

    Returns:
        (value, label) from low to high.
    """
    if not high > low:
        return ()
    step = nice_step(high - low, intervals)
    if whole:
        step = max(1.0, step)
    digits = decimals(step)
    scientific = not whole and (step < 1e-5 or max(abs(low), abs(high)) >= 1e6)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    out: list[Tick] = []
    for index in range(first, min(last, first + 40) + 1):
        value = index * step
        plain = _scientific(value, step) if scientific else f"{value:.{digits}f}"
        out.append((value, compact(value) if whole else plain))
    if whole and len({label for _, label in out}) < len(out):
        # Far along and zoomed in, short labels would read the same.
        out = [(value, f"{value:,.0f}") for value, _ in out]
    return tuple(out)


def _scientific(value: float, step: float) -> str:
    """A value with as many digits as tell it from the next tick: ``0``, ``2.5e12``, ``-3e-9``."""
    if abs(value) < step / 2:
        return "0"
    digits = max(0, math.floor(math.log10(abs(value))) - math.floor(math.log10(step)))
    digits += 0 if abs(step / 10 ** math.floor(math.log10(step)) % 1) < 1e-6 else 1
    mantissa, power = f"{value:.{digits}e}".split("e")
    return f"{mantissa}e{int(power)}"


def log_ticks(low: float, high: float, intervals: int) -> tuple[Tick, ...]:
    """Ticks of a logarithmic axis, at 1, 2 and 5 times powers of ten, or at fewer or more values.

    Args:
        low: Lower limit, the decimal logarithm of a value.
        high: Upper limit, likewise.
        intervals: The most intervals between ticks.

    Returns:
        (logarithm, label of the value) from low to high.
    """
    if not high > low:
        return ()
    decades = range(math.floor(low), math.ceil(high) + 1)
    found: list[Tick] = []
    for factors in ((1, 2, 5), (1, 3), (1,)):
        values = [factor * 10.0**decade for decade in decades for factor in factors]
        found = [
            (math.log10(value), _plain(value))
            for value in values
            if low - 1e-9 <= math.log10(value) <= high + 1e-9
        ]
        if len(found) < 2:
            break
        if len(found) <= intervals + 1:
            return tuple(found)
    if len(found) < 2:  # closely zoomed in: round values of a linear axis
        linear = ticks(10.0**low, 10.0**high, intervals)
        return tuple((math.log10(at), label) for at, label in linear if at > 0)
    return tuple(found[:: -(-len(found) // (intervals + 1))])


def _plain(value: float) -> str:
    """A round value of a logarithmic axis: ``0.02``, ``5000``, ``1e6``, ``2e-9``."""
    if 1e-4 < value < 2e4:
        return f"{value:g}"
    mantissa, power = f"{value:.0e}".split("e")
    return f"{mantissa}e{int(power)}"


class LogLimits:
    """Limits of a logarithmic axis, at 1, 2 or 5 times a power of ten; they only ever widen."""

    def __init__(self) -> None:
        self._limits: tuple[float, float] | None = None

    def update(self, low: float, high: float) -> tuple[float, float]:
        """The limits, as logarithms, for values between `low` and `high`, both above zero."""
        if self._limits is None or not (
            self._limits[0] <= math.log10(low) and math.log10(high) <= self._limits[1]
        ):
            if self._limits is not None:
                low = min(low, 10 ** self._limits[0])
                high = max(high, 10 ** self._limits[1])
            y0, y1 = _round_log(low, up=False), _round_log(high, up=True)
            self._limits = (y0, y1 if y1 > y0 else y0 + math.log10(2))
        return self._limits


def _round_log(value: float, *, up: bool) -> float:
    """The logarithm of the next of 1, 2 or 5 times a power of ten, upwards or downwards."""
    decade = math.floor(math.log10(value) + 1e-9)
    rounds = [factor * 10.0**decade for factor in (1, 2, 5, 10)]
    if up:
        return math.log10(next(each for each in rounds if each >= value * (1 - 1e-9)))
    return math.log10(next(each for each in reversed(rounds) if each <= value * (1 + 1e-9)))


class StillLimits:
    """Limits of a y axis in round steps, changed only when they must or when it pays.

    They grow at once when a point falls outside, and shrink only when the run is well under way,
    the data has doubled in number since the last look, and fills less than two fifths of the axis.
    A loss starts with zero on the axis, so that a run that falls from 2.3 to 0.4 never moves them.
    """

    SHRINK_BELOW = 0.4
    INTERVALS = 8

    def __init__(self) -> None:
        self._limits: tuple[float, float] | None = None
        self._looked_at = 0

    def update(
        self,
        low: float,
        high: float,
        count: int,
        *,
        settled: bool = True,
        from_zero: bool = True,
    ) -> tuple[float, float]:
        """The limits for data between `low` and `high`.

        Args:
            low: Smallest finite value.
            high: Largest finite value.
            count: How many points there are.
            settled: Whether enough of the run is seen to judge what the axis should show.
            from_zero: Begin with zero on the axis where nothing is below it.

        Returns:
            Lower and upper limit, the same objects as before unless they had to change.
        """
        if self._limits is None:
            self._set(low, high, count, from_zero=from_zero and low >= 0)
        else:
            y0, y1 = self._limits
            if low < y0 or high > y1:
                self._set(min(low, y0), max(high, y1), count, from_zero=y0 == 0 and low >= 0)
            elif settled and count >= 2 * self._looked_at and count >= 16:
                self._looked_at = count
                if (high - low) < self.SHRINK_BELOW * (y1 - y0):
                    self._set(low, high, count, from_zero=0 <= low < 0.5 * high)
        assert self._limits is not None
        return self._limits

    def _set(self, low: float, high: float, count: int, *, from_zero: bool) -> None:
        if from_zero:
            low = 0.0
        if high <= low:
            high = low + (abs(low) * 0.1 or 1.0)
        step = nice_step(high - low, self.INTERVALS)
        # The tolerance keeps 0.30000000000000004 from costing a step; what it lets out comes back.
        y0 = math.floor(low / step + 1e-9) * step
        y1 = math.ceil(high / step - 1e-9) * step
        self._limits = (y0 - step * (y0 > low), y1 + step * (y1 < high))
        self._looked_at = max(self._looked_at, count)
