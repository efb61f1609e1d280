"""One record, read as a conversation or as its JSON text, with everything wrong marked in place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import var

from widgets.record_data import RecordData
from widgets.record_layout import PART, Laid, chat_rows, fault_span, raw_rows
from widgets.rows import Pieces, RowsView
from widgets.text import cell_width, pattern_of

MORE = 8
REACH = 256
"""Characters beyond a row in which a match that touches it may begin or end."""

_KEY = re.compile(r'"(?:[^"\\]|\\.)*"(?=\s*:)')


class RecordView(RowsView):
    """One record as a conversation: who says what, what is trained, and what is wrong where.

    Text is wrapped and cleaned when the record is laid out, and only as much of it as is shown: of
    a very long value the beginning, its size stated. No text is ever read as markup.

    Reactives: `mode` (``"chat"`` or ``"raw"``), `pretty` (raw text indented). Message:
    `ModeChanged`.
    """

    DEFAULT_CSS = """
    RecordView {
        & > .record-view--head { text-style: bold; }
        & > .record-view--system { color: $text-secondary; }
        & > .record-view--user { color: $text-primary; }
        & > .record-view--assistant { color: $text-success; }
        & > .record-view--tool { color: $text-accent; }
        & > .record-view--other { color: $text-error; }
        & > .record-view--section { color: $text-muted; text-style: bold; }
        & > .record-view--call { color: $text-accent; }
        & > .record-view--json { color: $foreground; }
        & > .record-view--key { color: $text-primary; }
        & > .record-view--fault { color: $text-error; text-style: bold underline; }
        & > .record-view--changed { text-style: bold underline; }
        & > .record-view--hit { text-style: reverse bold; }
        &:ansi > .record-view--user { color: ansi_bright_blue; }
        &:ansi > .record-view--key { color: ansi_bright_blue; }
        &:ansi > .record-view--tool { color: ansi_magenta; }
        &:ansi > .record-view--call { color: ansi_magenta; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "record-view--head",
        "record-view--system",
        "record-view--user",
        "record-view--assistant",
        "record-view--tool",
        "record-view--other",
        "record-view--section",
        "record-view--call",
        "record-view--json",
        "record-view--key",
        "record-view--fault",
        "record-view--hit",
        "record-view--changed",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "raw", "Raw", tooltip="Switch between conversation and JSON text"),
        Binding("p", "pretty", "Indent", show=False, tooltip="Raw text indented, or as it is"),
        Binding("m", "more", "More", show=False, tooltip="Show more of long values"),
        Binding("space", "page(1)", "Page down", show=False, tooltip="One page down"),
    ]

    mode: var[str] = var("chat", init=False)
    """``"chat"`` or ``"raw"``."""

    pretty: var[bool] = var(True, init=False)
    """Whether raw text is indented."""

    class ModeChanged(Message):
        """The view shows the record another way.

        Attributes:
            mode: ``"chat"`` or ``"raw"``.
        """

        def __init__(self, record_view: RecordView, mode: str) -> None:
            super().__init__()
            self.record_view = record_view
            self.mode = mode

        @property
        def control(self) -> RecordView:
            """The view that sent the message."""
            return self.record_view

    def __init__(
        self,
        *,
        empty_text: str = "No record",
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        """Make a view that shows nothing yet (see `show`).

        Args:
            empty_text: Said where there is no record.
            id: The widget's id.
            classes: Its CSS classes.
        """
        super().__init__(id=id, classes=classes)
        self.empty_text = empty_text
        self._record: RecordData | None = None
        self._rows: Sequence[Laid] = ()
        self._limit = PART
        self._needle: re.Pattern[str] | None = None
        self._hit: tuple[int, int] | None = None
        self._faults: list[tuple[int, int]] = []

    @property
    def record(self) -> RecordData | None:
        """The record that is shown."""
        return self._record

    @property
    def row_count(self) -> int:
        """Rows of the record as laid out."""
        return len(self._rows)

    def show(self, record: RecordData | None, *, keep_scroll: bool = False) -> None:
        """Show a record from its beginning, or nothing.

        Args:
            record: What to show.
            keep_scroll: Stay at the same row: for a record that is the same but for its marks.
        """
        if record == self._record:
            return
        self._record = record
        if not keep_scroll:
            self._limit = PART
            self.top = 0
        self._hit = None
        self._lay_out()

    def _lay_out(self) -> None:
        record = self._record
        width = self.row_width
        rows: Sequence[Laid] = ()
        if record is not None and width > 0:
            if self.mode == "raw":
                rows = raw_rows(record, width, self._limit, pretty=self.pretty)
            else:
                rows = chat_rows(record, width, self._limit)
        self._faults = []
        if record is not None:
            spans = (fault_span(record, mark) for mark in record.marks)
            self._faults = [span for span in spans if span is not None]
        self._rows = rows
        self.top = max(0, min(self.top, len(rows) - self.page))
        self.refresh()
        self._update_thumb()

    def resized(self) -> None:
        """Wrap again for the new width."""
        self._lay_out()

    # Ways to look at it

    def watch_mode(self, mode: str) -> None:
        """Lay the record out the other way."""
        self.top = 0
        self._hit = None
        self._lay_out()
        self.post_message(self.ModeChanged(self, mode))

    def watch_pretty(self) -> None:
        """Lay the raw text out the other way."""
        if self.mode == "raw":
            self._lay_out()

    def toggle_raw(self) -> None:
        """Switch between conversation and JSON text."""
        self.mode = "chat" if self.mode == "raw" else "raw"

    def action_raw(self) -> None:
        """Switch between conversation and JSON text."""
        self.toggle_raw()

    def action_pretty(self) -> None:
        """Raw text indented, or as it is."""
        if self.mode == "raw":
            self.pretty = not self.pretty

    def action_more(self) -> None:
        """Show more of long values."""
        self._limit *= MORE
        self._lay_out()

    # Marks and search

    def go_to_mark(self, number: int) -> bool:
        """Scroll to where a mark of the record is said.

        Args:
            number: Its place among the record's marks.

        Returns:
            False when it is said nowhere.
        """
        index = next((i for i, row in enumerate(self._rows) if row.announces(number)), None)
        if index is None:
            return False
        self.scroll_rows(max(0, index - self.page // 2))
        return True

    def find(self, text: str | re.Pattern[str], *, backwards: bool = False) -> bool:
        """Mark a text everywhere and go to its next place.

        Args:
            text: What to look for, in the values as they are (not as they are shown): a text
                without regard to case, or a pattern.
            backwards: Go to the place before instead.

        Returns:
            Whether there is one in that direction; False leaves the view where it is, so that the
            caller can go on with the next record.
        """
        needle = pattern_of(text)
        if needle != self._needle:
            self._needle, self._hit = needle, None
            self.refresh()
        hits = self._hits()
        if self._hit is not None:
            at = self._hit
            hits = [hit for hit in hits if (hit < at if backwards else hit > at)]
        if not hits:
            return False
        self._hit = hits[-1] if backwards else hits[0]
        index = next((i for i, row in enumerate(self._rows) if self._holds(row, self._hit)), None)
        if index is None:
            return False
        if not self.top <= index < self.top + self.page:
            self.scroll_rows(max(0, index - self.page // 3))
        self.refresh()
        return True

    def clear_find(self) -> None:
        """Stop marking a text."""
        if self._needle is not None:
            self._needle, self._hit = None, None
            self.refresh()

    def _holds(self, row: Laid, hit: tuple[int, int]) -> bool:
        if row.beside is not None and self._holds(row.beside, hit):
            return True
        return row.block == hit[0] and row.row is not None and row.row.start <= hit[1] < row.row.end

    def _hits(self) -> list[tuple[int, int]]:
        """Every place of the search text that is laid out, as (block, offset)."""
        ranges: dict[int, tuple[str, list[tuple[int, int]]]] = {}
        besides = (row.beside for row in self._rows if row.beside is not None)
        for row in chain(self._rows, besides):
            if row.row is not None:
                ranges.setdefault(row.block, (row.source, []))[1].append(
                    (row.row.start, row.row.end)
                )
        hits: list[tuple[int, int]] = []
        if self._needle is None:
            return hits
        for block, (source, parts) in ranges.items():
            for start, end in parts:
                found = self._needle.finditer(source, start, end + REACH)
                hits += [(block, m.start()) for m in found if m.start() < end and m.group()]
        return hits

    # Drawing

    def row_pieces(self, index: int, width: int) -> Pieces:
        """One row: its lead, and its text with faults and search hits marked."""
        del width
        laid = self._rows[index]
        pieces = self._pieces(laid)
        if laid.beside is not None:
            used = sum(cell_width(text) for text, _ in pieces)
            pieces.append((" " * (laid.room - used), ""))
            pieces += self._pieces(laid.beside)
        return [piece for piece in pieces if piece[0]]

    def _pieces(self, laid: Laid) -> list[tuple[str, str]]:
        pieces = list(laid.lead)
        overlays = self._overlays(laid)
        position = 0
        for start, end, style in overlays:
            if start < position:
                continue
            pieces.append((laid.text[position:start], laid.style))
            pieces.append((laid.text[start:end], style))
            position = end
        pieces.append((laid.text[position:], laid.style))
        return pieces

    def _overlays(self, laid: Laid) -> list[tuple[int, int, str]]:
        """Marked parts of a row's text, as (start, end, style), ascending."""
        if laid.row is None:
            return []
        found: list[tuple[int, int, str]] = []
        if self._needle is not None:
            low, high = max(0, laid.row.start - REACH), laid.row.end + REACH
            for match in self._needle.finditer(laid.source, low, high):
                span = laid.row.span(laid.source, *match.span()) if match.group() else None
                if span:
                    here = self._hit == (laid.block, match.start())
                    found.append((*span, "record-view--hit" if here else "rows--match"))
        if self.mode == "raw" or (self._record is not None and not self._record.turns):
            for start, end in self._faults:
                span = laid.row.span(laid.source, start, end)
                if span:
                    found.append((*span, "record-view--fault"))
        found += ((*span, "record-view--changed") for span in laid.changed)
        if not found and laid.style == "record-view--json":
            key = _KEY.match(laid.text)
            if key:
                found.append((*key.span(), "record-view--key"))
        return sorted(found)
