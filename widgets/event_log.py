"""Events of a run, newest at the end, followed unless someone scrolls up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType

from widgets.rows import Pieces, RowsView
from widgets.text import cell_width, clean, wrap

KEPT = 20_000
"""Events kept; older ones are dropped in tenths, and the first row says so."""

MAX_ROWS_AN_EVENT = 6
MAX_CHARS = 2_000

_SIGNS = {
    "error": ("E", "rows--error"),
    "warn": ("W", "rows--warning"),
    "warning": ("W", "rows--warning"),
}


@dataclass(frozen=True, slots=True)
class LogRow:
    """One event.

    Attributes:
        time: When, as it should be shown (``14:03:22``).
        level: ``"info"``, ``"warn"`` or ``"error"``.
        text: What; foreign, cleaned when drawn.
    """

    time: str
    level: str
    text: str


class EventLog(RowsView):
    """A log that grows at the end and costs only the new rows, however long it is.

    Follows the end; scrolling up stops that, and going back to the end starts it again.
    """

    DEFAULT_CSS = """
    EventLog {
        & > .event-log--time { color: $text-muted; }
        & > .event-log--error { color: $text-error; }
        &:ansi > .event-log--time { text-style: dim; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"event-log--time", "event-log--error"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("end,G", "last", "Follow", show=False, tooltip="To the newest event, and follow"),
    ]

    def __init__(
        self,
        *,
        empty_text: str = "No events yet",
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        """Make an empty log.

        Args:
            empty_text: Said where there is nothing.
            id: The widget's id.
            classes: Its CSS classes.
        """
        super().__init__(id=id, classes=classes)
        self.empty_text = empty_text
        self._events: list[LogRow] = []
        self._laid: list[tuple[int, str, bool]] = []
        self._laid_width = 0
        self._time_width = 8
        self.dropped = 0

    @property
    def row_count(self) -> int:
        """Rows of all events, wrapped."""
        return len(self._laid)

    @property
    def following(self) -> bool:
        """Whether the end is seen (and kept in sight when it grows)."""
        return self.top >= self.row_count - self.page

    def append(self, rows: Iterable[LogRow]) -> None:
        """Add events at the end."""
        rows = list(rows)
        if not rows:
            return
        follow = self.following
        before = self.row_count
        old_top = self.top
        self._events += rows
        self._lay(rows, len(self._events) - len(rows))
        if len(self._events) > KEPT:
            self._drop()
            before = 0
        if follow:
            self.top = max(0, self.row_count - self.page)
        if self.top != old_top:
            self.refresh()
        self.rows_changed(before)

    def set_rows(self, rows: Sequence[LogRow]) -> None:
        """Show other events instead."""
        self._events = list(rows[-KEPT:])
        self.dropped = len(rows) - len(self._events)
        self._lay_all()
        self.top = max(0, self.row_count - self.page)
        self.rows_changed(0)
        self.refresh()

    def clear(self) -> None:
        """Show nothing."""
        self.set_rows(())

    def _drop(self) -> None:
        gone = KEPT // 10
        self.dropped += gone
        del self._events[:gone]
        self._lay_all()

    def _lay_all(self) -> None:
        self._laid.clear()
        self._lay(self._events, 0)

    def _lay(self, rows: Sequence[LogRow], first: int) -> None:
        self._laid_width = self.row_width
        if self._laid_width <= 0:
            return
        self._time_width = max([self._time_width, *(len(clean(row.time, 24)) for row in rows)])
        room = max(10, self._laid_width - self._time_width - 4)
        for index, event in enumerate(rows, first):
            text = clean(event.text, MAX_CHARS, keep_newlines=True).rstrip("\n")
            for number, row in enumerate(wrap(text, room)):
                if number >= MAX_ROWS_AN_EVENT:
                    break
                self._laid.append((index, row.text, number == 0))

    def resized(self) -> None:
        """Wrap again for the new width."""
        if self.row_width != self._laid_width:
            follow = self.following or self._laid_width == 0
            self._lay_all()
            if follow:
                self.top = max(0, self.row_count - self.page)
            self.refresh()
        elif self.following:
            self.top = max(0, self.row_count - self.page)

    def row_pieces(self, index: int, width: int) -> Pieces:
        """Time, sign, text."""
        del width
        number, text, first = self._laid[index]
        event = self._events[number]
        sign, sign_style = _SIGNS.get(event.level.lower(), (" ", ""))
        time = clean(event.time, 24) if first else ""
        lead = " " * (self._time_width - cell_width(time))
        return [
            (f" {time}{lead} ", "event-log--time"),
            (f"{sign if first else ' '} ", sign_style),
            (text, "event-log--error" if sign == "E" else ""),
        ]
