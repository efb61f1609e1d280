"""What a scan knows of every record: the columns that filters, sorting and charts read."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from tui.dataset.columns import Column
from tui.dataset.describe import HIT_COLUMNS, ROW_COLUMNS, FacetRows
from tui.dataset.rules.catalogue import RULES

if TYPE_CHECKING:
    import numpy.typing as npt

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

CODES = {code: at for at, code in enumerate(RULES)}
"""The number each code is kept as."""

_STEP = 1 << 18


class Facets:
    """Columns with one entry a record position (0-based, as in the line index).

    They lie on the disk and are read in parts. One thread adds; any may read.

    Attributes:
        rows: Positions covered so far.
        complete: Whether they are all there.
    """

    def __init__(self) -> None:
        self.columns = {name: Column(kind) for name, kind in TYPES.items()}
        self.rows = 0
        self.complete = False

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
        return self.columns[name].read(start, end)  # type: ignore[return-value]

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
