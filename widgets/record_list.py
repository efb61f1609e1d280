"""The list of a dataset's records: one line each, whatever their number."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.message import Message

from widgets.numbers import compact
from widgets.rows import Pieces, VirtualList
from widgets.text import clean, fit, pad, pattern_of

KEPT_ROWS = 4096
PREVIEW_CHARS = 400

SIGNS = {"error": ("E", "rows--error"), "warning": ("W", "rows--warning")}
SIGNS["advice"] = ("A", "rows--advice")


class RowView(NamedTuple):
    """What the list shows of one record.

    Attributes:
        number: The record's line number, from 1.
        text: The beginning of what it says; foreign, cleaned when drawn.
        roles: One letter a message (``sua``), or any short word on its shape.
        tokens: Its tokens, when counted.
        origin: The file it comes from, shown where there is room; foreign, cleaned when drawn.
        severity: The worst issue: ``"error"``, ``"warning"``, ``"advice"``, or empty.
        match: Whether a search found it; a star stands before its number.
    """

    number: int
    text: str
    roles: str = ""
    tokens: int | None = None
    severity: str = ""
    origin: str = ""
    match: bool = False


class RecordList(VirtualList):
    """A virtual list of records with a cursor.

    Rows come from a `fetch` callback when they are drawn, and only then; the count may grow at any
    time without the cursor or the view moving.

    Messages: `Highlighted` when the cursor moves, `Selected` at Enter or a click on the cursor.
    """

    DEFAULT_CSS = """
    RecordList {
        & > .record-list--number { color: $text-muted; }
        & > .record-list--roles { color: $text-secondary; }
        & > .record-list--tokens { color: $text-muted; }
        &:ansi > .record-list--number { text-style: dim; }
        &:ansi > .record-list--tokens { text-style: dim; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "record-list--number",
        "record-list--roles",
        "record-list--tokens",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Read", tooltip="Read the record under the cursor"),
    ]

    class _RecordMessage(Message):
        def __init__(self, record_list: RecordList, index: int) -> None:
            super().__init__()
            self.record_list = record_list
            self.index = index

        @property
        def control(self) -> RecordList:
            """The list that sent the message."""
            return self.record_list

    class Highlighted(_RecordMessage):
        """The cursor is on another record.

        Attributes:
            index: Its position in the list, from 0.
        """

        def can_replace(self, message: Message) -> bool:
            """A newer position makes older ones that wait in the queue pointless."""
            return isinstance(message, RecordList.Highlighted)

    class Selected(_RecordMessage):
        """A record was chosen.

        Attributes:
            index: Its position in the list, from 0.
        """

    def __init__(
        self,
        fetch: Callable[[int], RowView],
        count: int = 0,
        *,
        empty_text: str = "No records",
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        """Make a list.

        Args:
            fetch: Gives the row of a position (from 0); called while drawing, so it must be quick.
            count: How many records are known.
            empty_text: Said where there are none.
            id: The widget's id.
            classes: Its CSS classes.
        """
        super().__init__(id=id, classes=classes)
        self._fetch = fetch
        self._count = count
        self._largest = count
        self._rows: dict[int, RowView] = {}
        self._highlight: str | re.Pattern[str] = ""
        self.empty_text = empty_text

    @property
    def row_count(self) -> int:
        """How many records are known."""
        return self._count

    @property
    def count(self) -> int:
        """How many records are known."""
        return self._count

    @property
    def highlight(self) -> str | re.Pattern[str]:
        """What is marked wherever a row shows it: a text without regard to case, or a pattern.

        Empty for nothing.
        """
        return self._highlight

    @highlight.setter
    def highlight(self, text: str | re.Pattern[str]) -> None:
        if text != self._highlight:
            self._highlight = text
            self.refresh()

    def set_count(self, count: int) -> None:
        """Tell how many records are known now; draws only rows that came into view."""
        before, self._count = self._count, max(0, count)
        if before != self._count:
            digits = self._digits
            self._largest = max(self._count, self._largest)
            self.rows_changed(before)
            if digits != self._digits and before:
                self.refresh()

    def set_fetch(self, fetch: Callable[[int], RowView], count: int) -> None:
        """Show another dataset, from its first record."""
        self._fetch = fetch
        self._rows.clear()
        self._count = self._largest = max(0, count)
        self.cursor = self.top = 0
        self.rows_changed(0)

    def show_rows(self, count: int, cursor: int, *, largest: int, told: bool = True) -> None:
        """Show other records of the same dataset, the cursor as high on the screen as before.

        Args:
            count: How many there are.
            cursor: Where the cursor is now.
            largest: The largest number a row may have, which decides how wide numbers are.
            told: Post `Highlighted`, because another record is under the cursor now.
        """
        height = self.cursor - self.top
        self._rows.clear()
        self._count, self._largest = max(0, count), max(count, largest)
        self.cursor = max(0, min(cursor, self._count - 1))
        self.top = max(0, min(self.cursor - height, self._count - self.page))
        self._update_thumb()
        self.refresh()
        if told:
            self.cursor_moved()

    @property
    def _digits(self) -> int:
        return max(3, len(str(self._largest)))

    def invalidate(self, index: int | None = None) -> None:
        """Fetch a row again, or all of them, because what it shows has changed.

        Rows that turn out the same are not sent again.
        """
        if index is not None:
            stale = {index: self._rows.pop(index, None)}
        else:
            stale = {
                i: self._rows.get(i)
                for i in range(self.top, min(self._count, self.top + self.page))
            }
            self._rows.clear()
        seen = [i for i in stale if self.top <= i < self.top + self.page and i < self._count]
        self.refresh_row(*(i for i in seen if self._row(i) != stale[i]))

    def go_to(self, index: int) -> None:
        """Put the cursor on a record, scrolling as needed; posts `Highlighted` when it moves."""
        self.move_cursor(index)

    def cursor_moved(self) -> None:
        """Post `Highlighted`."""
        self.post_message(self.Highlighted(self, self.cursor))

    def row_chosen(self) -> None:
        """Post `Selected`."""
        self.post_message(self.Selected(self, self.cursor))

    def _row(self, index: int) -> RowView:
        row = self._rows.get(index)
        if row is None:
            if len(self._rows) >= KEPT_ROWS:
                self._rows.clear()
            row = self._rows[index] = self._fetch(index)
        return row

    def row_pieces(self, index: int, width: int) -> Pieces:
        """Sign, number, roles, beginning of the text, tokens."""
        row = self._row(index)
        digits = self._digits
        sign, sign_style = SIGNS.get(row.severity, (" ", ""))
        pieces = [
            (self.cursor_sign(index), ""),
            (sign, sign_style),
            ("*" if row.match else " ", "rows--warning" if row.match else ""),
            (f"{row.number:>{digits}}  ", "record-list--number"),
        ]
        room = width - digits - 5
        if row.roles and room > 24:
            roles = pad(clean(row.roles, 40), 6)
            pieces.append((roles + " ", "record-list--roles"))
            room -= 7
        if row.origin and room > 48:
            pieces.append((pad(fit(clean(row.origin), 14), 14) + "  ", "record-list--number"))
            room -= 16
        tokens = compact(row.tokens).rjust(6) if row.tokens is not None and room > 24 else ""
        text = clean(row.text, PREVIEW_CHARS)
        room -= len(tokens) + 1
        pieces += marked(pad(text, max(0, room)), self._highlight)
        if tokens:
            pieces.append((tokens + " ", "record-list--tokens"))
        return pieces


def marked(text: str, needle: str | re.Pattern[str], style: str = "") -> list[tuple[str, str]]:
    """Cleaned text as pieces, every place where it shows `needle` marked.

    Args:
        text: What is shown.
        needle: A text (foreign, as it stands in the data; case does not matter), or a pattern.
        style: The component class of what is not marked.
    """
    pattern = pattern_of(clean(needle) if isinstance(needle, str) else needle)
    if pattern is None:
        return [(text, style)]
    pieces: list[tuple[str, str]] = []
    position = 0
    for match in filter(re.Match.group, pattern.finditer(text)):
        pieces.append((text[position : match.start()], style))
        pieces.append((match.group(), "rows--match"))
        position = match.end()
    pieces.append((text[position:], style))
    return [piece for piece in pieces if piece[0]]
