"""Rows of a record as they are laid out, and what collects them. Pure data, no Textual."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from widgets.json_lines import pretty_lines
from widgets.numbers import integer
from widgets.record_data import Mark
from widgets.text import Row, ascii_only, wrap

PART = 40_000
"""Characters of one value shown at first; the rest is stated, and shown on request."""

AROUND = 600
"""Characters shown on each side of a mark that lies in a part not shown."""

SIGNS = {"error": "E", "warning": "W", "advice": "A"}

MAX_INDENT = 24

PAIR_WIDTH = 70
"""Cells from which two things stand side by side."""


class Laid(NamedTuple):
    """One row of a record.

    Attributes:
        lead: Cells before the text (bar, indent), as (text, style name).
        text: Cleaned text of the row.
        style: Style name of the text.
        source: The whole value that the row shows a part of, for search; empty for our own words.
        row: Where in `source` the row is.
        mark: Index of the mark that this row announces, -1 for none.
        block: Number of the value, so that rows of one value belong together.
        changed: Parts of `text` that differ from the value beside it.
        beside: The row at its right, where two answers stand side by side.
        room: Cells of this row where there is one beside it.
    """

    lead: tuple[tuple[str, str], ...]
    text: str
    style: str = ""
    source: str = ""
    row: Row | None = None
    mark: int = -1
    block: int = -1
    changed: tuple[tuple[int, int], ...] = ()
    beside: Laid | None = None
    room: int = 0

    def announces(self, mark: int | None = None) -> bool:
        """Whether a mark, or any at all, is said in this row."""
        here = self.mark >= 0 if mark is None else self.mark == mark
        return here or (self.beside is not None and self.beside.announces(mark))


class Rows:
    """Collects laid-out rows of one width."""

    def __init__(self, width: int, limit: int) -> None:
        self.width = width
        self.limit = limit
        self.rows: list[Laid] = []
        self.blocks = 0

    def blank(self, lead: tuple[tuple[str, str], ...] = ()) -> None:
        """An empty row."""
        self.rows.append(Laid(lead, ""))

    def say(
        self, text: str, style: str, lead: tuple[tuple[str, str], ...] = (), mark: int = -1
    ) -> None:
        """Words of the program or of a rule, wrapped; foreign parts in them come out clean."""
        room = max(8, self.width - sum(len(piece) for piece, _ in lead))
        for row in wrap(text, room):
            self.rows.append(Laid(lead, row.text, style, mark=mark))
            mark = -1

    def value(
        self,
        source: str,
        style: str,
        lead: tuple[tuple[str, str], ...],
        spans: Sequence[tuple[int, int]] | None = None,
        changed: Sequence[tuple[int, int]] = (),
    ) -> None:
        """A foreign value, wrapped; only `spans` of it, the gaps stated; `changed` marked in it."""
        room = max(8, self.width - sum(len(piece) for piece, _ in lead))
        self.blocks += 1
        position = 0
        for start, end in spans or shown_spans(0, len(source), self.limit, ()):
            self.gap(start - position, lead)
            for row in wrap(source, room, start, end):
                inside = (row.span(source, *part) for part in changed)
                found = tuple(part for part in inside if part is not None)
                self.rows.append(
                    Laid(lead, row.text, style, source, row, block=self.blocks, changed=found)
                )
            position = end
        self.gap(len(source) - position, lead)

    def gap(self, characters: int, lead: tuple[tuple[str, str], ...]) -> None:
        """State how much of a value is not shown."""
        if characters > 0:
            text = f"({integer(characters)} more characters; m shows more)"
            self.rows.append(Laid(lead, text, "rows--muted"))

    def mark(self, index: int, mark: Mark, lead: tuple[tuple[str, str], ...]) -> None:
        """A mark in words: its sign, code and message, then the hint."""
        code = f"{mark.code}: " if mark.code else ""
        sign = SIGNS.get(mark.severity, "?")
        style = f"rows--{mark.severity}" if mark.severity in SIGNS else "rows--muted"
        self.say(f"{sign} {code}{mark.message}", style, lead, index)
        if mark.hint:
            self.say(mark.hint, "rows--muted", (*lead, ("  ", "")))

    def pair(self, left: list[Laid], right: list[Laid], room: int) -> None:
        """Rows of two columns side by side.

        Args:
            left: Rows of the left one, of at most `room` cells.
            right: Rows of the right one, of at most `width - room - 3` cells.
            room: Cells of the left column.
        """
        gap = ((" | " if ascii_only() else " \u2502 ", "rows--muted"),)
        empty = Laid((), "")
        for one, other in zip_longest(left, right, fillvalue=empty):
            beside = other._replace(lead=(*gap, *other.lead))
            self.rows.append(one._replace(beside=beside, room=room))

    def json(self, text: str, lead: tuple[tuple[str, str], ...]) -> None:
        """JSON text, indented when it is long."""
        if len(text) <= max(20, self.width - 8) or len(text) > self.limit:
            self.value(text, "record-view--json", lead)
            return
        for depth, start, end in pretty_lines(text):
            indent = ("  " * min(depth, MAX_INDENT // 2), "")
            self.value(text[start:end], "record-view--json", (*lead, indent))


def shown_spans(
    start: int, end: int, limit: int, keep: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Which parts of a long value to show: its beginning, and the surroundings of marks.

    Args:
        start: Where the value begins.
        end: Where it ends.
        limit: Characters of the beginning.
        keep: Ranges that must be seen.

    Returns:
        Ascending ranges that do not touch.
    """
    if end - start <= limit:
        return [(start, end)]
    wanted = [(start, start + limit)] if limit else []
    wanted += [
        (max(start, low - AROUND), min(end, low + AROUND)) for low, _ in keep if start <= low < end
    ]
    spans: list[tuple[int, int]] = []
    for low, high in sorted(wanted):
        if spans and low <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], high))
        else:
            spans.append((low, high))
    return spans
