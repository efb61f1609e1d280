"""How often each whole number occurs: all that a distribution needs, whatever the file's size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]

_DENSE = 1 << 17
"""Numbers below this are counted in one array; the few larger ones in a dictionary."""

_START = 1 << 8


class ValueCounts:
    """A multiset of whole numbers from 0 on, with exact sums, percentiles and histograms.

    It takes as much memory as there are different numbers, not as much as there are numbers: at
    most a megabyte for those below 131,072, and a dictionary entry for each larger one. What
    `len` gives is how many numbers were added.

    Args:
        values: Numbers to begin with.
    """

    __slots__ = ("_dense", "_large", "_size")

    def __init__(self, values: Iterable[int] | Numbers = ()) -> None:
        self._dense: Numbers = np.zeros(_START, dtype=np.int64)
        self._large: dict[int, int] = {}
        self._size = 0
        self.add(values if isinstance(values, np.ndarray) else list(values))

    @classmethod
    def of(cls, values: Sequence[int] | Numbers, counts: Sequence[int] | Numbers) -> ValueCounts:
        """Return the multiset that holds each value so many times; see `items`."""
        made = cls()
        for value, count in zip(values, counts, strict=True):
            made._count(int(value), int(count))
        return made

    def __len__(self) -> int:
        return self._size

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ValueCounts):
            return NotImplemented
        mine, theirs = self.items(), other.items()
        return np.array_equal(mine[0], theirs[0]) and np.array_equal(mine[1], theirs[1])

    __hash__ = None  # type: ignore[assignment]  # it changes

    def add(self, values: Sequence[int] | Numbers) -> None:
        """Add numbers, none of them negative.

        Raises:
            ValueError: One is negative.
        """
        array = np.asarray(values, dtype=np.int64)
        if not array.size:
            return
        if array.min() < 0:
            raise ValueError("a negative number")
        top = int(array.max())
        if top >= _DENSE:
            large, times = np.unique(array[array >= _DENSE], return_counts=True)
            for value, count in zip(large.tolist(), times.tolist(), strict=True):
                self._large[value] = self._large.get(value, 0) + count
            array = array[array < _DENSE]
        self._make_room(min(top, _DENSE - 1))
        found = np.bincount(array)
        self._dense[: found.size] += found
        self._size += int(np.asarray(values).size)

    def merge(self, other: ValueCounts) -> None:
        """Add all numbers of another."""
        self._make_room(other._dense.size - 1)
        self._dense[: other._dense.size] += other._dense
        for value, count in other._large.items():
            self._large[value] = self._large.get(value, 0) + count
        self._size += other._size

    def copy(self) -> ValueCounts:
        """Return another with the same numbers, which does not change with this one."""
        made = ValueCounts()
        made._dense, made._large, made._size = self._dense.copy(), dict(self._large), self._size
        return made

    def items(self) -> tuple[Numbers, Numbers]:
        """Return the different numbers, ascending, and how often each occurs."""
        low = np.flatnonzero(self._dense)
        if not self._large:
            return low, self._dense[low]
        high = sorted(self._large)
        times = [self._large[value] for value in high]
        return (
            np.concatenate([low, np.array(high, dtype=np.int64)]),
            np.concatenate([self._dense[low], np.array(times, dtype=np.int64)]),
        )

    @property
    def min(self) -> int | None:
        """The smallest number; ``None`` where there is none."""
        values, _ = self.items()
        return int(values[0]) if values.size else None

    @property
    def max(self) -> int | None:
        """The largest number; ``None`` where there is none."""
        values, _ = self.items()
        return int(values[-1]) if values.size else None

    def sum(self, limit: int | None = None) -> int:
        """Return the sum, each number counted as at most ``limit``."""
        values, counts = self.items()
        if limit is not None:
            values = np.minimum(values, limit)
        return int(values @ counts) if values.size else 0

    def above(self, limit: int | None) -> int:
        """Return how many numbers are larger than ``limit``; none where there is no limit."""
        if limit is None:
            return 0
        values, counts = self.items()
        return int(counts[values > limit].sum())

    def percentiles(self, points: Sequence[float]) -> list[float]:
        """Return percentiles by linear interpolation, as numpy's `percentile` gives them.

        Raises:
            ValueError: There are no numbers.
        """
        if not self._size:
            raise ValueError("no numbers")
        values, counts = self.items()
        ends = counts.cumsum()
        found = []
        for point in points:
            place = point / 100 * (self._size - 1)
            below = int(place)
            pair = np.searchsorted(ends, (below, min(below + 1, self._size - 1)), side="right")
            low, high = (float(values[at]) for at in pair)
            found.append(low + (high - low) * (place - below))
        return found

    def histogram(self, edges: Sequence[int]) -> list[int]:
        """Return how many numbers lie in each bin; the last bin includes its upper bound."""
        values, counts = self.items()
        found, _ = np.histogram(values, bins=np.asarray(edges), weights=counts)
        return [int(count) for count in found]

    def _count(self, value: int, times: int) -> None:
        if value < _DENSE:
            self._make_room(value)
            self._dense[value] += times
        else:
            self._large[value] = self._large.get(value, 0) + times
        self._size += times

    def _make_room(self, top: int) -> None:
        if top >= self._dense.size:
            room = min(_DENSE, max(top + 1, 2 * self._dense.size))
            grown = np.zeros(room, dtype=np.int64)
            grown[: self._dense.size] = self._dense
            self._dense = grown
