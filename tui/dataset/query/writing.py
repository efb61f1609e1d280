"""A selection as a file of its own, with a manifest of where it comes from."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from tui.dataset.index import LineIndex
from tui.dataset.query.model import Selection
from tui.dataset.source import Source


def write_selection(
    source: Source,
    index: LineIndex,
    selection: Selection,
    output: str | os.PathLike[str],
    *,
    force: bool = False,
    progress: Callable[[int, int], object] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Write the selected records to a new file, in their order, and a manifest beside it.

    Each record is written as its bytes stand in the source and ends with a line feed; only an
    element of a JSON array that takes several lines is put on one. The manifest is
    ``OUT.manifest.json``. Both files appear when all is written, or neither does.

    Args:
        source: The file.
        index: Its records.
        selection: Which, in which order.
        output: The new file; packed where its name ends in ``.gz``.
        force: Whether files that exist may be replaced; the source never is.
        progress: Told bytes read and bytes to read.
        cancelled: Asked often; true ends with an error and leaves nothing behind.

    Returns:
        The manifest.

    Raises:
        FileError: A file cannot be read or written, or one is there already.
        UsageError: It would replace the source.
        TunedeckError: It was stopped (code ``cancelled``).
    """
    raise NotImplementedError
