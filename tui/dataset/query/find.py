"""Search a whole file as fast as its bytes can be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tui.dataset.index import LineIndex
from tui.dataset.query.model import Search
from tui.dataset.source import Source

OnFound = Callable[[Sequence[int], int], object]


def find(
    source: Source,
    index: LineIndex,
    search: Search,
    *,
    cancelled: Callable[[], bool] | None = None,
    on_found: OnFound | None = None,
    start: int = 0,
) -> int:
    """Find every record that holds a text, from ``start`` to the end of the file.

    Blocks, so call it from a thread where something else must go on. Where the index still grows
    in another thread, what is indexed is searched, and then what comes, until it is complete.

    Args:
        source: The file.
        index: Its records.
        search: What to look for.
        cancelled: Asked every few milliseconds; true ends the search within 100 ms.
        on_found: Told positions in ascending order, each once, and up to which byte the file has
            been searched; about ten times a second, also when nothing was found. Called on this
            thread.
        start: The first position looked at.

    Returns:
        How many records were found.

    Raises:
        UsageError: The regular expression is wrong or does not come to an end; it says where.
        FileError: The file cannot be read.
    """
    raise NotImplementedError
