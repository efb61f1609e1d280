"""Search, filter, sort and write what a dataset holds, at the speed of the disk.

Positions are those of :class:`~tui.dataset.LineIndex`: 0-based, blank lines included. Everything is
imported on first use; the words of a filter need no numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.lazy import exports

if TYPE_CHECKING:
    from tui.dataset.query.finding import find as find
    from tui.dataset.query.model import Filter as Filter
    from tui.dataset.query.model import Search as Search
    from tui.dataset.query.model import Selection as Selection
    from tui.dataset.query.model import Sort as Sort
    from tui.dataset.query.selecting import select as select
    from tui.dataset.query.writing import write_selection as write_selection

_HOMES = {
    "Filter": "model",
    "Search": "model",
    "Selection": "model",
    "Sort": "model",
    "find": "finding",
    "select": "selecting",
    "write_selection": "writing",
}

__all__ = list(_HOMES)

__getattr__ = exports(__name__, _HOMES)
