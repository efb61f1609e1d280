"""A record before and after: what goes is marked with a minus, what comes with a plus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from widgets.diff import Line, json_diff
from widgets.laid import shown_spans
from widgets.numbers import integer
from widgets.rows import Pieces, RowsView
from widgets.text import Row, wrap

SHOWN = 1_200
"""Characters of one line shown at first, and on each side of what differs in it."""

MOST_ROWS = 3_000
_INDENT = 12


@dataclass(frozen=True, slots=True)
class _Laid:
    """One row: what stands before its text, the text, and the parts of it that differ."""

    lead: str
    text: str
    style: str
    changed: tuple[tuple[int, int], ...] = ()


class DiffView(RowsView):
    """Two JSON texts compared: lines with their signs, the words that differ marked in them.

    Colour is never the only sign: lines begin with ``-`` and ``+``, words that differ are
    underlined.
    """

    DEFAULT_CSS = """
    DiffView {
        & > .diff-view--note { text-style: bold; }
        & > .diff-view--removed { color: $text-error; }
        & > .diff-view--added { color: $text-success; }
        & > .diff-view--gone { color: $text-error; text-style: bold underline; }
        & > .diff-view--come { color: $text-success; text-style: bold underline; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "diff-view--note",
        "diff-view--removed",
        "diff-view--added",
        "diff-view--gone",
        "diff-view--come",
    }

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        """Make a view that shows nothing yet (see `show`)."""
        super().__init__(id=id, classes=classes)
        self._texts: tuple[str, str] | None = None
        self._notes: tuple[tuple[str, str], ...] = ()
        self._lines: list[Line] = []
        self._rows: list[_Laid] = []

    @property
    def row_count(self) -> int:
        """Rows of the comparison as laid out."""
        return len(self._rows)

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """What is said above the comparison, as given to `show`."""
        return self._notes

    def show(
        self,
        before: str,
        after: str | None,
        notes: Sequence[tuple[str, str]] = (),
        *,
        lines: list[Line] | None = None,
    ) -> None:
        """Show a record from its beginning.

        Args:
            before: Its text as it is.
            after: Its text as it would be; ``None`` where it would be left out.
            notes: Words above it, each with a tone: ``""``, ``"muted"``, ``"error"``,
                ``"warning"`` or ``"advice"``; foreign parts are cleaned.
            lines: What `json_diff` found, where that was worked out already (in a thread).
        """
        self._texts = (before, after or "")
        self._notes = tuple(notes)
        if lines is None:
            lines = json_diff(before, after or "") if before != after else []
        self._lines = lines
        self.top = 0
        self._lay_out()

    def clear(self, notes: Sequence[tuple[str, str]] = ()) -> None:
        """Show nothing but words."""
        self._texts, self._lines, self._notes, self.top = None, [], tuple(notes), 0
        self._lay_out()

    def resized(self) -> None:
        """Wrap again for the new width."""
        self._lay_out()

    def _lay_out(self) -> None:
        rows: list[_Laid] = []
        width = max(8, self.row_width)
        for text, tone in self._notes:
            style = f"rows--{tone}" if tone else "diff-view--note"
            rows += [_Laid(" ", row.text, style) for row in wrap(text, width - 1)]
        if rows and self._texts is not None:
            rows.append(_Laid("", "", ""))
        if self._texts is not None:
            for line in self._lines:
                rows += self._line(line, width)
                if len(rows) > MOST_ROWS:
                    rows.append(_Laid("  ", "(what follows is not shown)", "rows--muted"))
                    break
        self._rows = rows
        self.top = max(0, min(self.top, len(rows) - self.page))
        self.refresh()
        self._update_thumb()

    def _line(self, line: Line, width: int) -> list[_Laid]:
        if line.sign == "~":
            return [_Laid("  ", f"({integer(line.depth)} lines the same)", "rows--muted")]
        assert self._texts is not None
        source = self._texts[0] if line.sign == "-" else self._texts[1]
        lead = f"{line.sign} " + " " * min(2 * line.depth, _INDENT)
        style = {"-": "diff-view--removed", "+": "diff-view--added"}.get(line.sign, "")
        rows: list[_Laid] = []
        here = line.start
        for low, high in shown_spans(line.start, line.end, SHOWN, line.changed[:40]):
            rows += _gap(low - here, lead)
            for row in wrap(source, max(8, width - len(lead)), low, high):
                rows.append(_Laid(lead, row.text, style, _inside(row, source, line.changed)))
            here = high
        return [*rows, *_gap(line.end - here, lead)]

    def row_pieces(self, index: int, width: int) -> Pieces:
        """The sign, and the text with the words that differ marked."""
        del width
        laid = self._rows[index]
        pieces = [(laid.lead, laid.style)]
        here = 0
        marked = laid.style.replace("removed", "gone").replace("added", "come")
        for start, end in laid.changed:
            pieces += [(laid.text[here:start], laid.style), (laid.text[start:end], marked)]
            here = end
        pieces.append((laid.text[here:], laid.style))
        return [piece for piece in pieces if piece[0]]


def _gap(characters: int, lead: str) -> list[_Laid]:
    if characters <= 0:
        return []
    return [_Laid(lead, f"({integer(characters)} characters not shown)", "rows--muted")]


def _inside(row: Row, source: str, spans: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The parts of a row that differ, as offsets of its text."""
    found = (row.span(source, start, end) for start, end in spans)
    return tuple(span for span in found if span is not None)
