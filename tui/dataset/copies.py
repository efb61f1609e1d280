"""Records that are alike, found by their hashes alone, in bounded memory whatever the file's size.

Up to a quarter of a million records are looked up in a dictionary. More lie in columns on the disk
and are compared in passes, each of which takes those whose hash begins with the same bits: whatever
is alike is in the same pass.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.dataset.observe import COLUMN_BITS, Observed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tui.dataset.columns import Column

DICTIONARY = 250_000
"""Records looked up in a dictionary; about 40 MB."""

PASS = 500_000
"""Records compared in one pass, about; 60 MB."""

MOST = 16_000_000
"""Records kept, 384 MB on the disk; what follows is not compared."""

NAMES = ("prompts", "answers", "places")
"""What is kept of each record: 8 bytes each."""

_STEP = 1 << 20
_ROW = 3
_COLUMN = (1 << COLUMN_BITS) - 1


@dataclass(frozen=True, slots=True)
class Copy:
    """A record that is like an earlier one.

    Attributes:
        line: The line of the later record.
        column: The column it starts at.
        earlier: The line of the earlier one.
        same: Whether they are the same; otherwise only what is asked is.
    """

    line: int
    column: int
    earlier: int
    same: bool


class Copies:
    """Takes hashes range by range; tells at the end what is alike.

    Args:
        most: Copies told; all are counted.
        on_disk: Keep the hashes on the disk from the start, so that they can be kept for later.

    Attributes:
        rows: Records taken.
        duplicates: Records that are the same as an earlier one.
        conflicts: Records that ask the same as an earlier one and answer otherwise.
        unfinished: Whether there were more records than are compared.
        columns: The hashes on the disk, by `NAMES`; ``None`` while they are in memory.
    """

    def __init__(self, most: int, *, on_disk: bool = False) -> None:
        self._most = most
        self._held = {name: array("Q") for name in NAMES}
        self.columns: dict[str, Column] | None = None
        self.rows = 0
        self.duplicates = 0
        self.conflicts = 0
        self.unfinished = False
        if on_disk:
            self._spill()

    @classmethod
    def over(cls, most: int, columns: dict[str, Column] | None, rows: int) -> Copies:
        """Return what stands for the first ``rows`` records of columns; only to `resume` from."""
        made = cls(most)
        made.columns, made.rows = columns, rows
        made.unfinished = rows >= MOST
        return made

    def resume(self) -> Copies:
        """Return the same with columns of its own, to be added to.

        Raises:
            FileError: There is no room on the disk.
        """
        columns = self.columns
        if columns is not None:
            columns = {name: columns[name].head(self.rows) for name in NAMES}
        return Copies.over(self._most, columns, self.rows)

    def add(self, found: Observed, lines: int) -> None:
        """Add the records of a range that starts ``lines`` lines below the first.

        Raises:
            FileError: There is no room on the disk.
        """
        if self.unfinished:
            return
        base = lines << COLUMN_BITS
        places = array("Q", [place + base for place in found.places]) if base else found.places
        self.rows += len(places)
        self.unfinished = self.rows >= MOST
        for name, values in zip(NAMES, (found.prompts, found.answers, places), strict=True):
            if self.columns is None:
                self._held[name].extend(values)
            else:
                self.columns[name].extend(values.tobytes())
        if self.columns is None and self.rows > DICTIONARY:
            self._spill()

    def finish(self) -> list[Copy]:
        """Return the copies in line order, as many as are told; counts are set after it.

        Raises:
            FileError: The disk failed.
        """
        self.duplicates = self.conflicts = 0
        if self.columns is None:
            held = self._held
        elif self.rows <= DICTIONARY:
            held = {name: array("Q", col.read().tobytes()) for name, col in self.columns.items()}
        else:
            return self._many(self.columns)
        return list(self._few(held))

    def _few(self, held: Mapping[str, array[int]]) -> Iterator[Copy]:
        prompts, answers, places = (held[name] for name in NAMES)
        if len(set(prompts)) == len(prompts):
            return
        first: dict[int, int] = {}
        known: dict[int, dict[int, int]] = {}
        told = 0
        for i, prompt in enumerate(prompts):
            earlier = first.setdefault(prompt, i)
            if earlier == i:
                continue
            seen = known.setdefault(prompt, {answers[earlier]: earlier})
            same = seen.setdefault(answers[i], i)
            is_same = same != i
            self.duplicates += is_same
            self.conflicts += not is_same
            told += 1
            if told <= self._most:
                yield _copy(places[i], places[same if is_same else earlier], is_same)

    # Many records: by numpy, pass by pass

    def _spill(self) -> None:
        from tui.dataset.columns import Column

        self.columns = {name: Column("u8") for name in NAMES}
        for name, values in self._held.items():
            self.columns[name].extend(values.tobytes())
        self._held = {name: array("Q") for name in NAMES}

    def _many(self, columns: Mapping[str, Column]) -> list[Copy]:
        import numpy as np

        bits = max(0, (self.rows // PASS).bit_length())
        kept = np.empty((0, _ROW), dtype=np.uint64)
        for number in range(1 << bits):
            found = self._part(self._those(columns, number, bits))
            same = int(found[:, 2].sum())
            self.duplicates += same
            self.conflicts += len(found) - same
            kept = np.concatenate((kept, found))
            if len(kept) > self._most:
                kept = kept[np.argpartition(kept[:, 0], self._most)[: self._most]]
        kept = kept[np.argsort(kept[:, 0], kind="stable")]
        return [_copy(place, earlier, bool(same)) for place, earlier, same in kept.tolist()]

    def _those(self, columns: Mapping[str, Column], number: int, bits: int) -> NDArray[np.uint64]:
        """Return the rows whose hash of the prompt begins with these bits."""
        import numpy as np

        parts = [np.empty((0, _ROW), dtype=np.uint64)]
        for start in range(0, self.rows, _STEP):
            stop = min(self.rows, start + _STEP)
            prompts: NDArray[np.uint64] = columns["prompts"].read(start, stop)  # type: ignore[assignment]
            # A shift by all 64 bits is not defined.
            inside = (prompts >> np.uint64(63 - bits) >> np.uint64(1)) == number
            if inside.any():
                others = [columns[name].read(start, stop)[inside] for name in NAMES[1:]]
                parts.append(np.stack([prompts[inside], *others], axis=1))
        return np.concatenate(parts)

    def _part(self, rows: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Return place, earlier place and sameness of each copy among these rows."""
        import numpy as np

        rows = rows[np.lexsort((rows[:, 2], rows[:, 0]))]
        prompts, places = rows[:, 0], rows[:, 2]
        if len(rows) < 2:
            return np.empty((0, _ROW), dtype=np.uint64)
        starts = np.r_[True, prompts[1:] != prompts[:-1]]
        head = np.maximum.accumulate(np.where(starts, np.arange(len(rows)), 0))
        later = np.flatnonzero(~starts)
        earlier = places[head]
        # The same answer may stand anywhere earlier among those of one prompt.
        order = np.lexsort((places, rows[:, 1], prompts))
        answers, asked = rows[order, 1], prompts[order]
        begins = np.r_[True, (answers[1:] != answers[:-1]) | (asked[1:] != asked[:-1])]
        first = np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))
        same = np.empty(len(rows), dtype=np.bool_)
        same[order] = ~begins
        original = np.empty(len(rows), dtype=np.uint64)
        original[order] = places[order[first]]
        found = np.empty((len(later), _ROW), dtype=np.uint64)
        found[:, 0] = places[later]
        found[:, 1] = np.where(same[later], original[later], earlier[later])
        found[:, 2] = same[later]
        return found


def _copy(place: int, earlier: int, same: bool) -> Copy:
    return Copy(place >> COLUMN_BITS, place & _COLUMN, earlier >> COLUMN_BITS, same)
