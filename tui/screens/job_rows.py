"""The list of runs and the column of facts: rows that are drawn one at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from tui.run import words
from tui.run.facts import GAP
from tui.run.runlist import RunKey, RunRow
from tui.run.state import Fact
from tui.screens.run_columns import STATUS_WIDTH, columns_for, name_of, values_of
from widgets.rows import Pieces, RowsView, VirtualList, joined
from widgets.text import ascii_only, cell_width, clean, fit, pad

TONES = {
    "accent": "runs--accent",
    "success": "runs--success",
    "warning": "rows--warning",
    "error": "rows--error",
    "muted": "rows--muted",
}
_TONE_CSS = """
    & > .runs--accent { color: $accent; }
    & > .runs--success { color: $success; }
"""
_LABEL_WIDTH = 13


class RunsList(VirtualList):
    """Runs, one row each, under a line of headings; some of them marked.

    Messages: :class:`Chosen` at Enter or a click on the cursor's row.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "panel", id="jobs.open", tooltip="Open the live panel"),
    ]
    DEFAULT_CSS = "RunsList {" + _TONE_CSS + "}"
    COMPONENT_CLASSES: ClassVar[set[str]] = {"runs--accent", "runs--success"}

    class Chosen(Message):
        """A run was chosen."""

        def __init__(self, row: RunRow) -> None:
            super().__init__()
            self.row = row

    class Moved(Message):
        """The cursor stands on another run."""

        def can_replace(self, message: Message) -> bool:
            """Let the latest stand for all."""
            return isinstance(message, RunsList.Moved)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._rows: tuple[RunRow, ...] = ()
        self._shown: dict[int, str] = {}
        self.marked: frozenset[RunKey] = frozenset()
        self.several = False
        self.filling = False
        """Whether runs still come in for the first time: until then the cursor waits at the top."""
        self._led = False
        self.status_of: Callable[[RunRow], str] = lambda row: row.job.status
        self.clock: Callable[[], float] = time.time

    @property
    def row_count(self) -> int:
        """How many runs are listed."""
        return len(self._rows)

    @property
    def current(self) -> RunRow | None:
        """The run under the cursor."""
        return self._rows[self.cursor] if self._rows else None

    def show(self, rows: Sequence[RunRow]) -> None:
        """List these runs; the cursor stays on its run, and only rows that differ are drawn."""
        under = self.current
        before = len(self._rows)
        self._rows = tuple(rows)
        if self.filling and not self._led:
            self.cursor = 0
        elif under is not None and not self._stands_on(under):
            place = next((i for i, row in enumerate(self._rows) if row.key == under.key), None)
            if place is not None:
                self.cursor = place
        self.rows_changed(before)
        self.ensure_visible(self.cursor)
        seen = range(self.top, min(len(self._rows), self.top + self.page))
        self.refresh_row(*(i for i in seen if self._shown.get(i) != self._text(i)))

    def _stands_on(self, row: RunRow) -> bool:
        return self.cursor < len(self._rows) and self._rows[self.cursor].key == row.key

    def move_cursor(self, index: int) -> bool:
        """Put the cursor on a row, as somebody asked for."""
        self._led = True
        return super().move_cursor(index)

    def mark(self, marked: frozenset[RunKey]) -> None:
        """Mark these runs, and no others."""
        changed, self.marked = marked ^ self.marked, marked
        self.refresh_row(*(i for i, row in enumerate(self._rows) if row.key in changed))

    def _text(self, index: int) -> str:
        """Return what a row says, the cursor's place included."""
        return joined([(f"{index == self.cursor}", ""), *self.row_pieces(index, self.row_width)])

    def render_line(self, y: int) -> Strip:
        """One row, whose words are kept to know later whether they are still the same."""
        if self.top + y < len(self._rows):
            self._shown[self.top + y] = self._text(self.top + y)
        return super().render_line(y)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer the panel only where there is a run."""
        del parameters
        return action != "select" or bool(self._rows)

    def cursor_moved(self) -> None:
        """Post :class:`Moved`."""
        self.post_message(self.Moved())

    def row_chosen(self) -> None:
        """Post :class:`Chosen`."""
        row = self.current
        if row is not None:
            self.post_message(self.Chosen(row))

    def row_pieces(self, index: int, width: int) -> Pieces:
        """One run."""
        row = self._rows[index]
        mark = ("*" if ascii_only() else "◆") if row.key in self.marked else " "
        signs = [(self.cursor_sign(index), ""), (mark, "rows--warning")]
        return [*signs, *self._pieces(row, width - 2)]

    def _pieces(self, row: RunRow, width: int) -> list[tuple[str, str]]:
        status = self.status_of(row)
        tone = TONES.get(words.status_tone(status), "")
        said = f"{words.status_sign(status)} {words.status_word(status)}"
        pieces = [(pad(clean(said, limit=40), STATUS_WIDTH), tone)]
        values = values_of(row, self.clock(), width)
        for column in columns_for(width, several=self.several):
            text = " " + column.fit(values[column.key])
            pieces.append((text, "rows--muted" if column.quiet else ""))
        left = width - sum(cell_width(text) for text, _ in pieces) - 1
        pieces.append((" " + fit(clean(name_of(row), limit=200), max(0, left)), ""))
        return pieces


class FactsColumn(RowsView, can_focus=False):
    """A run's facts, a label and a value a row; a change sends the changed values only."""

    DEFAULT_CSS = "FactsColumn {" + _TONE_CSS + "}"
    COMPONENT_CLASSES: ClassVar[set[str]] = {"runs--accent", "runs--success"}

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._facts: tuple[Fact, ...] = ()

    @property
    def row_count(self) -> int:
        """How many facts there are."""
        return len(self._facts)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What is shown now."""
        return self._facts

    def show(self, facts: Sequence[Fact]) -> None:
        """Show these facts; the gaps between groups only where there is room for them."""
        if len(facts) > self.page:
            facts = [fact for fact in facts if fact.key != GAP.key]
        old, self._facts = self._facts, tuple(facts)
        self.rows_changed(len(old))
        self.refresh_row(*(i for i, f in enumerate(self._facts) if i >= len(old) or old[i] != f))

    def row_pieces(self, index: int, width: int) -> Pieces:
        """One fact."""
        fact = self._facts[index]
        label = pad(clean(fact.label), _LABEL_WIDTH)
        value = fit(clean(fact.value, limit=300), max(0, width - _LABEL_WIDTH), keep=_kept(fact))
        return [(label, "rows--muted"), (value, TONES.get(fact.tone, ""))]


def _kept(fact: Fact) -> str:
    """The end of a model's name tells it from others."""
    return "end" if fact.key == "result" else "start"
