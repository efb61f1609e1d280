"""The table of the runs that are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.run.compare import LETTERS, Compared
from tui.run.sidebyside import NAME, Column
from widgets.chart_data import GUEST_KEYS, KEYS
from widgets.loss_chart import LossChart
from widgets.rows import Pieces, VirtualList
from widgets.text import ascii_only, cell_width, clean, fit, pad

if TYPE_CHECKING:
    from tui.run.runlist import RunKey

_LEAST_NAME = 12
_MOST_NAME = 28
_MOST_CELL = 30
# Cells of "+12 →".
_MORE = 7

COLOURS = dict(zip(LETTERS, KEYS + GUEST_KEYS, strict=True))
"""The key of the style of each letter's line on the chart."""


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
        self.letters: Mapping[RunKey, str] = {}
        self.sorted_by = ("", False)
        self._widths: list[int] = []
        self._longest = 0
        self.empty_text = "No run here: c adds some"

    @property
    def row_count(self) -> int:
        """How many runs there are."""
        return len(self.runs)

    @property
    def current(self) -> Compared | None:
        """The run under the cursor."""
        return self.runs[self.cursor] if self.runs else None

    def show(
        self,
        runs: Sequence[Compared],
        columns: list[Column],
        letters: Mapping[RunKey, str],
        sorted_by: tuple[str, bool] = ("", False),
    ) -> None:
        """Show the runs; only rows that read differently are sent, the cursor stays on its run.

        Args:
            runs: A row each.
            columns: What stands there.
            letters: What drawn runs are called on the chart.
            sorted_by: The column the runs are sorted by, and whether backwards.
        """
        current = self.current
        before = len(self.runs)
        old = self._looks()
        head = self.line(None) if self.columns else ""
        self.runs, self.columns = list(runs), columns
        self.letters, self.sorted_by = dict(letters), sorted_by
        self.first = max(0, min(self.first, len(columns) - 1))
        self._measure()
        if current in self.runs:
            moved, self.cursor = self.cursor, self.runs.index(current)
            if moved != self.cursor:
                self.ensure_visible(self.cursor)
                self.refresh_row(moved, self.cursor)
        self.rows_changed(before)
        if head != self.line(None) or len(runs) != before:
            self.refresh()
            self.post_message(self.Shifted())
            return
        new = self._looks()
        self.refresh_row(*[place for place, look in new.items() if look != old.get(place)])

    def _looks(self) -> dict[int, tuple[str, str]]:
        """How the rows in view read now."""
        places = range(self.top, min(len(self.runs), self.top + self.page))
        return {
            place: (self.letters.get(self.runs[place].key, ""), self.line(place))
            for place in places
        }

    def _measure(self) -> None:
        """Find how wide the columns are, once for all rows."""
        self._longest = max((cell_width(clean(run.title)) for run in self.runs), default=0)
        self._widths = [
            min(
                _MOST_CELL,
                max(cell_width(text) for text in (self._label(column), *map(clean, column.cells))),
            )
            for column in self.columns
        ]

    def _name_width(self) -> int:
        return max(_LEAST_NAME, min(self._longest, _MOST_NAME, self.row_width // 4))

    def line(self, place: int | None) -> str:
        """A run's row as text; the headings for ``None``."""
        name = self._named("Run", NAME) if place is None else clean(self.runs[place].title)
        if place is not None and self.runs[place].trouble and not self.runs[place].state.job:
            return f"{name}  {clean(self.runs[place].trouble)}"
        parts = [pad(fit(name, self._name_width()), self._name_width())]
        last = len(self.columns) - self.hidden()[1]
        shown = list(zip(self.columns, self._widths, strict=True))[self.first : last]
        for column, width in shown:
            text = self._label(column) if place is None else clean(column.cells[place])
            side = "right" if column.right else "left"
            parts.append(pad(fit(text, width), width, align=side))
        return "  ".join(parts)

    def _label(self, column: Column) -> str:
        return self._named(column.label, column.key)

    def _named(self, label: str, key: str) -> str:
        """A heading, with a sign where the runs are sorted by it."""
        by, backwards = self.sorted_by
        if by != key:
            return label
        column = next((each for each in self.columns if each.key == key), None)
        down = backwards != (column is not None and column.highest)
        return f"{label} {('v' if down else '^') if ascii_only() else ('▼' if down else '▲')}"

    def hidden(self) -> tuple[int, int]:
        """How many columns are not shown at the left, and at the right."""
        widths = self._widths[self.first :]
        room = self.row_width - 4 - self._name_width()
        shown = _fitting(widths, room)
        if shown < len(widths):
            # The line of headings says that there are more.
            shown = max(1, _fitting(widths, room - _MORE))
        return self.first, len(widths) - shown

    def row_pieces(self, index: int, width: int) -> Pieces:
        """The run's letter on the chart, its name, its figures."""
        run = self.runs[index]
        letter = self.letters.get(run.key, " ")
        style = "rows--error" if run.trouble and not run.state.job else ""
        text = fit(self.line(index), width - 3)
        return [(self.cursor_sign(index), ""), (f"{letter} ", letter.strip()), (text, style)]

    def style_named(self, name: str, over: str = "") -> Style:
        """A letter has the colour of its line on the chart."""
        if name not in COLOURS:
            return super().style_named(name, over)
        key = f"{name}|{over}"
        if key not in self._styles:
            chart = self.screen.query_one(LossChart)
            colour = chart.get_component_rich_style(chart.KEY_STYLES[COLOURS[name]]).color
            self._styles[key] = super().style_named("", over) + Style(color=colour, bold=True)
        return self._styles[key]

    def resized(self) -> None:
        """Other columns fit now."""
        self.post_message(self.Shifted())

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


def _fitting(widths: Sequence[int], room: int) -> int:
    """How many columns fit side by side."""
    for place, width in enumerate(widths):
        room -= width + 2
        if room < 0:
            return place
    return len(widths)
