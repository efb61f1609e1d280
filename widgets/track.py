"""The values of one metric in the order of their steps: cheap to extend, quick to draw. No Textual.

numpy is imported by the methods that give arrays, so that keeping numbers does not need it.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_BLOCK = 256


class Track:
    """The values of one metric.

    Attributes:
        steps: Ascending, each once.
        values: One a step; NaN where there was no number.
        times: Seconds since 1970, one a step; NaN where not told.
        finite: How many values are finite.
        low: Smallest finite value; infinite while there is none.
        high: Largest finite value; minus infinity while there is none.
        low_positive: Smallest finite value above zero; infinite while there is none.
        version: Grows with every change.
        rewrites: Grows when something before the end changed.
    """

    __slots__ = (
        "finite",
        "high",
        "low",
        "low_positive",
        "rewrites",
        "steps",
        "times",
        "values",
        "version",
    )

    def __init__(self) -> None:
        self.steps = array("d")
        self.values = array("d")
        self.times = array("d")
        self.finite = 0
        self.low = math.inf
        self.high = -math.inf
        self.low_positive = math.inf
        self.version = 0
        self.rewrites = 0

    def __len__(self) -> int:
        return len(self.steps)

    def add(self, step: float, value: float, at: float = math.nan) -> None:
        """Take a value; a second one for the same step replaces the first.

        Args:
            step: Where it belongs; may come late.
            value: NaN and infinities are gaps.
            at: When it was measured, in seconds since 1970.
        """
        self.version += 1
        steps = self.steps
        if not steps or step > steps[-1]:
            steps.append(step)
            self.values.append(value)
            self.times.append(at)
        else:
            self.rewrites += 1
            place = bisect_left(steps, step)
            if steps[place] == step:
                self.finite -= math.isfinite(self.values[place])
                self.values[place] = value
                self.times[place] = at
            else:
                steps.insert(place, step)
                self.values.insert(place, value)
                self.times.insert(place, at)
        if math.isfinite(value):
            self.finite += 1
            if value < self.low:
                self.low = value
            if value > self.high:
                self.high = value
            if 0 < value < self.low_positive:
                self.low_positive = value

    def extend(
        self,
        steps: Sequence[float] | Array,
        values: Sequence[float] | Array,
        times: Sequence[float] | Array,
    ) -> None:
        """Take many values at once (see `add`); quick where they go on from the last step."""
        import numpy as np

        at = np.asarray(steps, dtype=np.float64)
        if len(at) < _BLOCK or (self.steps and at[0] <= self.steps[-1]) or (np.diff(at) <= 0).any():
            for step, value, when in zip(steps, values, times, strict=True):
                self.add(float(step), float(value), float(when))
            return
        found = np.asarray(values, dtype=np.float64)
        self.version += 1
        self.steps.frombytes(at.tobytes())
        self.values.frombytes(found.tobytes())
        self.times.frombytes(np.asarray(times, dtype=np.float64).tobytes())
        finite = found[np.isfinite(found)]
        self.finite += len(finite)
        if len(finite):
            self.low = min(self.low, float(finite.min()))
            self.high = max(self.high, float(finite.max()))
            positive = finite[finite > 0]
            if len(positive):
                self.low_positive = min(self.low_positive, float(positive.min()))

    def cut(self, step: float) -> None:
        """Forget everything from a step on: it is going to be measured again."""
        place = bisect_left(self.steps, step)
        if place == len(self.steps):
            return
        self.version += 1
        self.rewrites += 1
        del self.steps[place:], self.values[place:], self.times[place:]
        finite = [value for value in self.values if math.isfinite(value)]
        self.finite = len(finite)
        self.low = min(finite, default=math.inf)
        self.high = max(finite, default=-math.inf)
        self.low_positive = min((value for value in finite if value > 0), default=math.inf)

    @property
    def last(self) -> float | None:
        """The value of the last step."""
        return self.values[-1] if self.values else None

    @property
    def last_finite(self) -> float | None:
        """The newest value that is a number."""
        return next((v for v in reversed(self.values) if math.isfinite(v)), None)

    def at(self, step: float) -> int | None:
        """The place of the last step at or before ``step``; ``None`` when there is none."""
        place = bisect_left(self.steps, step)
        if place < len(self.steps) and self.steps[place] == step:
            return place
        return place - 1 if place else None

    def best(self, *, highest: bool = False) -> tuple[float, float] | None:
        """The best value and its step, the first of equals; ``None`` while there is no number."""
        wanted = self.high if highest else self.low
        if not math.isfinite(wanted):
            return None
        try:
            return wanted, self.steps[self.values.index(wanted)]
        except ValueError:  # the best was replaced by another value of its step
            found = [v for v in self.values if math.isfinite(v)]
            if not found:
                return None
            wanted = max(found) if highest else min(found)
            return wanted, self.steps[self.values.index(wanted)]

    def copy(self) -> Track:
        """The same values, which do not grow."""
        twin = Track()
        for name in self.__slots__:
            value = getattr(self, name)
            setattr(twin, name, value[:] if isinstance(value, array) else value)
        return twin

    def arrays(self) -> tuple[Array, Array]:
        """Steps and values as numpy arrays: copies, as a view would forbid the next append."""
        import numpy as np

        return np.array(self.steps), np.array(self.values)


class Smoothed:
    """A track under exponential smoothing, brought up to date with what is new only.

    Each value is ``factor`` times the one before plus the rest times the new one, divided by what
    the weights come to so far, so that the first values are not drawn to zero. It looks back only:
    a new point never changes what was drawn. A gap is kept and weighs nothing.

    Args:
        track: What is smoothed.
        factor: 0 (not at all) up to, not including, 1.
    """

    def __init__(self, track: Track, factor: float) -> None:
        self.track = track
        self.factor = factor
        self._values = array("d")
        self._sums = array("d")  # the unscaled sum, and the number of values in it, at each place
        self._counts = array("d")
        self._rewrites = track.rewrites

    @property
    def values(self) -> array[float]:
        """The smoothed values, one a step of the track."""
        track = self.track
        if self._rewrites != track.rewrites:
            self._rewrites = track.rewrites
            self._extend(0)
        elif len(self._values) < len(track):
            self._extend(len(self._values))
        return self._values

    def _extend(self, keep: int) -> None:
        del self._values[keep:], self._sums[keep:], self._counts[keep:]
        fresh = len(self.track) - keep
        if fresh > _BLOCK:
            self._extend_many(keep)
            return
        total = self._sums[-1] if keep else 0.0
        count = self._counts[-1] if keep else 0.0
        factor = self.factor
        for value in self.track.values[keep:]:
            if math.isfinite(value):
                total = factor * total + (1 - factor) * value
                count += 1
                self._values.append(total / (1 - factor**count))
            else:
                self._values.append(math.nan)
            self._sums.append(total)
            self._counts.append(count)

    def _extend_many(self, keep: int) -> None:
        """The same by numpy, a block at a time (a longer one would overflow)."""
        import numpy as np

        raw = np.array(self.track.values[keep:])
        good = np.isfinite(raw)
        values = raw[good]
        factor = self.factor
        start = self._counts[-1] if keep else 0.0
        total = self._sums[-1] if keep else 0.0
        sums = np.empty_like(values)
        if factor <= 0:
            sums[:] = values
        else:
            block = max(1, min(_BLOCK, int(-600 / math.log(factor)) if factor < 1 else 1))
            powers = factor ** np.arange(1, block + 1)
            for first in range(0, len(values), block):
                part = values[first : first + block]
                scale = powers[: len(part)]
                found = scale * (total + (1 - factor) * np.cumsum(part / scale))
                sums[first : first + len(part)] = found
                total = float(found[-1])
        counts = start + np.cumsum(good)
        all_sums = np.full(len(raw), self._sums[-1] if keep else 0.0)
        seen = np.cumsum(good)
        if len(sums):
            all_sums = np.where(seen > 0, sums[np.maximum(seen - 1, 0)], all_sums)
        with np.errstate(divide="ignore", invalid="ignore"):
            smooth = np.where(good, all_sums / (1 - factor**counts), math.nan)
        self._values.frombytes(smooth.tobytes())
        self._sums.frombytes(all_sums.tobytes())
        self._counts.frombytes(counts.astype(np.float64).tobytes())
