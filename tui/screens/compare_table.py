"""The table of the runs that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from tui.run.compare import LETTERS, Column, Compared
from widgets.rows import Pieces, VirtualList
from widgets.text import clean, fit, pad

_LEAST_NAME = 12
_MOST_NAME = 28


class RunTable(VirtualList):
    """A run a row; the columns that do not fit are reached with left and right."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "open", id="compare.open", tooltip="The live panel of the run"),
        Binding("left", "shift(-1)", "columns", id="compare.left", tooltip="Columns to the left"),
        Binding(
            "right",
            "shift(1)",
            "columns",
            id="compare.right",
            tooltip="Columns to the right",
            show=False,
        ),
    ]

    class Chosen(Message):
        """A run was chosen."""

    class Shifted(Message):
        """Other columns are shown."""

    def __init__(self) -> None:
        super().__init__(id="runs")
        self.runs: list[Compared] = []
        self.columns: list[Column] = []
        self.first = 0
        self.empty_text = "No run here: c adds some"

    @property
    def row_count(self) -> int:
        """How many runs there are."""
        return len(self.runs)

    @property
    def current(self) -> Compared | None:
        """The run under the cursor."""
        return self.runs[self.cursor] if self.runs else None

    def show(self, runs: Sequence[Compared], columns: list[Column]) -> None:
        """Show the runs; only rows that read differently are sent."""
        before = len(self.runs)
        old = [self.line(place) for place in range(before)] if self.columns else []
        widths = self._widths() if self.columns else []
        self.runs, self.columns = list(runs), columns
        self.first = max(0, min(self.first, len(columns) - 1))
        self.rows_changed(before)
        if widths != self._widths() or len(runs) != before:
            self.refresh()
            self.post_message(self.Shifted())
            return
        new = [self.line(place) for place in range(len(self.runs))]
        self.refresh_row(*[place for place, line in enumerate(new) if line != old[place]])

    def _name_width(self) -> int:
        longest = max((len(clean(run.title)) for run in self.runs), default=0)
        return max(_LEAST_NAME, min(longest, _MOST_NAME, self.row_width // 3))

    def _widths(self) -> list[int]:
        return [
            min(30, max(len(column.label), *(len(clean(cell)) for cell in column.cells)))
            for column in self.columns
        ]

    def line(self, place: int | None) -> str:
        """A run's row as text; the headings for ``None``."""
        name = "Run" if place is None else clean(self.runs[place].title)
        if place is not None and self.runs[place].trouble:
            return f"{name}  {clean(self.runs[place].trouble)}"
        parts = [pad(fit(name, self._name_width()), self._name_width())]
        last = len(self.columns) - self.hidden()[1]
        shown = list(zip(self.columns, self._widths(), strict=True))[self.first : last]
        for column, width in shown:
            text = column.label if place is None else clean(column.cells[place])
            side = "right" if column.right else "left"
            parts.append(pad(fit(text, width), width, align=side))
        return "  ".join(parts)

    def hidden(self) -> tuple[int, int]:
        """How many columns are not shown at the left, and at the right."""
        room, shown = self.row_width - 4 - self._name_width(), 0
        for width in self._widths()[self.first :]:
            room -= width + 2
            if room < 0 and shown:
                break
            shown += 1
        return self.first, len(self.columns) - self.first - shown

    def row_pieces(self, index: int, width: int) -> Pieces:
        """The run's letter on the chart, its name, its figures."""
        run = self.runs[index]
        letter = LETTERS[index] if index < len(LETTERS) else " "
        style = "rows--error" if run.trouble else ""
        text = fit(self.line(index), width - 3)
        return [(f"{self.cursor_sign(index)}{letter} ", ""), (text, style)]

    def action_shift(self, step: int) -> None:
        """Show the columns further left or right."""
        _, right = self.hidden()
        if step > 0 and not right:
            return
        first = max(0, min(self.first + step, len(self.columns) - 1))
        if first != self.first:
            self.first = first
            self.refresh()
            self.post_message(self.Shifted())

    def row_chosen(self) -> None:
        """Post `Chosen`."""
        self.post_message(self.Chosen())
