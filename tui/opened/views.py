"""What the list of records shows: all of them as they stand, or some, or in another order.

A :class:`View` maps the rows of the list to the positions of records in the file and back. Nothing
here knows of Textual, and numpy is loaded only for a view that is not simply everything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from widgets.numbers import integer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tui.dataset import Filter, Sort
    from tui.dataset.facets import Facets
    from tui.opened.search import Matches


class Wish(NamedTuple):
    """What somebody wants to see.

    Attributes:
        filter: Which records; ``None`` for all.
        sort: Their order; ``None`` for that of the file.
    """

    filter: Filter | None = None
    sort: Sort | None = None

    @property
    def everything(self) -> bool:
        """Whether that is the file as it stands."""
        return self.filter is None and self.sort is None

    @property
    def needs_facets(self) -> bool:
        """Whether it takes what a scan finds out about each record."""
        return any(part is not None and part.needs_facets for part in (self.filter, self.sort))

    @property
    def reads_records(self) -> bool:
        """Whether the records themselves must be read to answer it, not only what is known."""
        wanted = self.filter
        return wanted is not None and (wanted.label is not None or wanted.search is not None)

    def words(self) -> str:
        """Return it in plain English: ``errors, with tools, most tokens first``; not cleaned."""
        parts = (part.words() for part in (self.filter, self.sort) if part is not None)
        return ", ".join(part for part in parts if part)


ALL = Wish()


def wish(filter: Filter | None = None, sort: Sort | None = None) -> Wish:  # noqa: A002
    """Return a wish in which what asks for nothing is left out."""
    if filter is not None and filter.empty:
        filter = None  # noqa: A001 - the word for it
    if sort is not None and sort == "file":
        sort = None
    return Wish(filter, sort)


@dataclass(frozen=True, eq=False)
class View:
    """Rows of the list and the records they stand for.

    Attributes:
        wish: What was asked for.
        positions: The record (0-based) of each row; ``None`` when every row is its own record.
        partial: Whether more may come, because the file is still being read.
    """

    wish: Wish = ALL
    positions: npt.NDArray[np.int64] | None = None
    partial: bool = False
    _rows: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict, repr=False)

    @property
    def everything(self) -> bool:
        """Whether it shows all records in the order of the file."""
        return self.positions is None

    def count(self, records: int) -> int:
        """Return the number of rows, of so many records known."""
        return records if self.positions is None else len(self.positions)

    def position(self, row: int) -> int:
        """Return the record of a row.

        Raises:
            IndexError: There is no such row.
        """
        return row if self.positions is None else int(self.positions[row])

    def row(self, position: int) -> int | None:
        """Return the row of a record, or ``None`` if it is not shown."""
        if self.positions is None:
            return position
        places, order = self._sorted()
        at = int(places.searchsorted(position))
        if at < len(places) and places[at] == position:
            return int(order[at])
        return None

    def nearest(self, position: int) -> int:
        """Return the row of a record, or of the next record that is shown; 0 for none."""
        if self.positions is None:
            return position
        places, order = self._sorted()
        if not len(places):
            return 0
        return int(order[min(int(places.searchsorted(position)), len(places) - 1)])

    def rows(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return, ascending, the rows of those records that are shown.

        Args:
            positions: Records, ascending.
        """
        if self.positions is None:
            return positions
        import numpy as np

        places, order = self._sorted()
        if not len(places):
            return places
        at = np.minimum(places.searchsorted(positions), len(places) - 1)
        return np.sort(order[at[places[at] == positions]])

    def only(self, matches: Matches) -> View:
        """Return the same view with nothing but the records that match."""
        found = matches.positions()
        if self.positions is not None:
            found = self.positions[self.rows(found)]
        return View(self.wish, found, self.partial or not matches.ended)

    def _sorted(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The records in ascending order, and the row of each; worked out once."""
        assert self.positions is not None
        if not self._rows:
            import numpy as np

            ascending = len(self.positions) < 2 or bool(np.all(np.diff(self.positions) > 0))
            order = (
                np.arange(len(self.positions), dtype=np.int64)
                if ascending
                else np.argsort(self.positions, kind="stable").astype(np.int64)
            )
            self._rows["order"] = order
            self._rows["places"] = self.positions if ascending else self.positions[order]
        return self._rows["places"], self._rows["order"]


EVERYTHING = View()


def said(view: View, records: int, *, complete: bool) -> str:
    """Return what the line over the list says of a view.

    Args:
        view: The view.
        records: How many records are known.
        complete: Whether that is all there are.
    """
    whole = integer(records) if complete else f"{integer(records)} so far"
    words = view.wish.words()
    if view.wish.filter is None:
        return f"{whole} records, {words}" if words else f"{whole} records"
    return f"{integer(view.count(records))} of {whole} records: {words}"


_UNSAFE = r"[^a-z0-9]+"


def file_slug(wanted: Wish, extra: str = "") -> str:
    """Return a few letters for the name of a file that holds what a wish shows."""
    text = wanted.filter.to_text() if wanted.filter is not None else ""
    order = str(wanted.sort) if wanted.sort is not None else ""
    words = " ".join(part for part in (text, extra) if part) or order
    return re.sub(_UNSAFE, "-", words.lower()).strip("-")[:40].strip("-") or "records"


class Step(NamedTuple):
    """Where a step from match to match leads.

    Attributes:
        row: The row of the list; ``None`` when there is none in that direction so far.
        number: Which match it is, from 1, among ``of``.
        of: Matches in the list so far.
        wrapped: Whether the way went round the end.
    """

    row: int | None
    number: int = 0
    of: int = 0
    wrapped: bool = False


def walk(view: View, matches: Matches, row: int, step: int) -> Step:
    """Return the next match in the list, or the one before.

    Args:
        view: What the list shows.
        matches: What was found.
        row: Where the way begins; matches beside it count, itself only with a step of 0.
        step: 1 for the next, -1 for the one before, 0 for the next from here, here included.

    Returns:
        Where it leads; it goes round only where nothing can come any more before what is there.
    """
    rows = view.rows(matches.positions())
    if not len(rows):
        return Step(None)
    if step < 0:
        at = int(rows.searchsorted(row)) - 1
        wrapped = at < 0
    else:
        at = int(rows.searchsorted(row, side="right" if step else "left"))
        wrapped = at >= len(rows)
    round_the_end = matches.turned and step >= 0 and view.everything
    if wrapped and not (matches.ended or round_the_end):
        return Step(None, of=len(rows))
    at %= len(rows)
    return Step(int(rows[at]), at + 1, len(rows), wrapped)


def issue_row(view: View, facets: Facets, cursor: int, step: int) -> int | None:
    """Return the next row of a view, or the one before, whose record has issues."""
    import numpy as np

    assert view.positions is not None
    known = view.positions < facets.rows
    issues = np.zeros(len(view.positions), dtype=bool)
    issues[known] = facets.read("issues")[view.positions[known]] > 0
    rows = np.flatnonzero(issues)
    at = int(rows.searchsorted(cursor, side="right" if step > 0 else "left")) - (step < 0)
    return int(rows[at]) if 0 <= at < len(rows) else None
