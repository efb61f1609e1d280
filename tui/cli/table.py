"""Tables for people: columns two spaces apart, no lines, nothing cut."""

from __future__ import annotations

from collections.abc import Sequence

from tui.cli.output import say
from widgets.text import cell_width, pad


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows of cleaned text in columns, two spaces apart."""
    widths = [max(cell_width(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [pad(cell, width) for cell, width in zip(row, widths, strict=True)]
        say("  ".join(cells).rstrip())
