"""From a filter and an order to the positions of records."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.dataset.index import LineIndex
from tui.dataset.query.model import Filter, Selection, Sort
from tui.dataset.source import Source

if TYPE_CHECKING:
    from tui.dataset.facets import Facets


def select(
    source: Source,
    index: LineIndex,
    facets: Facets | None,
    filter: Filter,  # noqa: A002  (the word for it)
    sort: Sort = Sort.FILE,
    *,
    cancelled: Callable[[], bool] | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Selection:
    """Return the records that pass a filter, in an order.

    Blocks, so call it from a thread where something else must go on. What the facets answer is
    answered without reading the file; text and labels are looked for only in records that pass the
    rest.

    Args:
        source: The file.
        index: Its records.
        facets: What the scan found about each; may still grow. ``None`` where there are none.
        filter: Which records.
        sort: In which order.
        cancelled: Asked every few milliseconds; true gives what was found until then.
        progress: Told how much is done and how much there is, in bytes or records.

    Raises:
        UsageError: The filter or order needs facets and there are none, or its regular expression
            is wrong.
        FileError: The file cannot be read.
    """
    raise NotImplementedError
