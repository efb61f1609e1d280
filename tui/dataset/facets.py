"""What a scan knows of every record: the columns that filters, sorting and charts read."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tui.dataset.columns import Column
from tui.dataset.describe import CODES, HIT_COLUMNS, MOST, ROW_COLUMNS, SEVERITY_BITS, FacetRows
from tui.dataset.observe import packed

if TYPE_CHECKING:
    import numpy.typing as npt

    from tui.dataset.model import Issue

TYPES = {
    "tokens": np.uint32,
    "assistant": np.uint32,
    "messages": np.uint16,
    "issues": np.uint16,
    "flags": np.uint32,
    "hit_rows": np.uint32,
    "hit_codes": np.uint8,
}
"""Every column and the type of its numbers."""

_STEP = 1 << 18


class Facets:
    """Columns with one entry a record position (0-based, as in the line index).

    They lie on the disk and are read in parts. One thread adds; any may read.

    Attributes:
        rows: Positions covered so far.
        complete: Whether they are all there.
        late_rows: Positions, ascending, of issues that show only when records are compared.
        late_codes: The number of the code of each.
        late_bits: The bit of the severity of each.
    """

    def __init__(self) -> None:
        self.columns = {name: Column(kind) for name, kind in TYPES.items()}
        self.rows = 0
        self.complete = False
        self.late_rows = np.zeros(0, dtype=np.int64)
        self.late_codes = np.zeros(0, dtype=np.uint8)
        self.late_bits = np.zeros(0, dtype=np.uint32)

    def weave(self, issues: Sequence[Issue], places: Sequence[int] = ()) -> None:
        """Add issues, in line order, that show only when records are compared.

        No more are kept than a report has in words.

        Args:
            issues: The issues.
            places: Where each element of a JSON array starts, see `describe.FacetRows`; without
                them lines are positions plus one.
        """
        told = [issue for issue in issues if issue.code in CODES]
        lines = [issue.line - 1 for issue in told]
        if places:
            lines = [bisect_right(places, packed(one.line, one.column)) - 1 for one in told]
        self.late_rows = np.array(lines, dtype=np.int64)
        self.late_codes = np.array([CODES[issue.code] for issue in told], dtype=np.uint8)
        bits = [SEVERITY_BITS[issue.severity] for issue in told]
        self.late_bits = np.array(bits, dtype=np.uint32)

    def add(self, found: FacetRows) -> None:
        """Add the rows of the next range.

        Raises:
            FileError: There is no room on the disk.
        """
        hits = np.frombuffer(found.hit_rows, dtype=np.uint32) + np.uint32(self.rows)
        self.columns["hit_rows"].extend(hits.data.cast("B"))
        for name in ("hit_codes", *ROW_COLUMNS):
            self.columns[name].extend(memoryview(getattr(found, name)).cast("B"))
        # Last, so that a reader never sees a count without its rows.
        self.rows += len(found.flags)

    def read(
        self, name: str, start: int = 0, stop: int | None = None
    ) -> npt.NDArray[np.unsignedinteger]:
        """Return a copy of one column's values from position ``start`` to ``stop``.

        Args:
            name: ``tokens`` (the classic estimate; 0 for what is no example) and ``assistant``
                (tokens of its assistant messages) in 32 bits, ``messages`` and ``issues`` in 16
                (larger numbers are cut to 65,535), ``flags`` in 32 (see `describe.flag`).
            start: The first position.
            stop: The position after the last; all there are unless given.

        Raises:
            KeyError: There is no such column.
            FileError: The disk failed.
        """
        if name not in ROW_COLUMNS:
            raise KeyError(name)
        end = self.rows if stop is None else min(stop, self.rows)
        values = self.columns[name].read(start, end)
        if name in ("flags", "issues") and len(self.late_rows):
            values = self._with_late(name, values, start, end)
        return values  # type: ignore[return-value]

    def _with_late(
        self, name: str, values: npt.NDArray[np.generic], start: int, end: int
    ) -> npt.NDArray[np.generic]:
        first, last = np.searchsorted(self.late_rows, (start, end))
        rows = self.late_rows[first:last] - start
        if name == "flags":
            np.bitwise_or.at(values, rows, self.late_bits[first:last])
            return values
        counts = values.astype(np.int64) + np.bincount(rows, minlength=len(values))
        np.minimum(counts, MOST, out=counts)
        return counts.astype(values.dtype)

    def with_codes(self, codes: Collection[str]) -> npt.NDArray[np.int64]:
        """Return the positions, ascending, of records that have an issue of one of some codes.

        Raises:
            FileError: The disk failed.
        """
        wanted = [CODES[code] for code in codes if code in CODES]
        rows, kinds = self.columns["hit_rows"], self.columns["hit_codes"]
        total = min(len(rows), len(kinds))
        parts: list[npt.NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
        for start in range(0, total, _STEP):
            stop = min(total, start + _STEP)
            inside = np.isin(kinds.read(start, stop), wanted)
            parts.append(rows.read(start, stop)[inside].astype(np.int64))
        parts.append(self.late_rows[np.isin(self.late_codes, wanted)])
        return np.unique(np.concatenate(parts))

    def head(self, rows: int) -> Facets:
        """Return facets of their own that cover the first ``rows`` positions.

        Raises:
            FileError: There is no room on the disk.
        """
        made = Facets()
        hits = self.columns["hit_rows"]
        kept = int(np.searchsorted(hits.read(), rows)) if len(hits) else 0
        for name, column in self.columns.items():
            made.columns[name] = column.head(kept if name in HIT_COLUMNS else rows)
        made.rows = rows
        return made

    def close(self) -> None:
        """Let go of the files."""
        for column in self.columns.values():
            column.close()
