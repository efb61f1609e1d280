"""A distribution as bars, with a cursor that reads them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from widgets.axes import nice_step, ticks
from widgets.cells import CellPane, CellRow
from widgets.numbers import compact, integer, percent
from widgets.text import ascii_only, clean

_EIGHTHS = " ▁▂▃▄▅▆▇█"
MAX_BAR = 8


class Histogram(CellPane, can_focus=True):
    """Vertical bars over bins, those over a limit marked, one bar under a cursor.

    Moving the cursor sends two bars and the line that reads them, not the chart.

    Messages: `Highlighted` when the cursor moves, `Selected` at Enter or a click.
    """

    DEFAULT_CSS = """
    Histogram {
        min-height: 5;
        & > .histogram--title { text-style: bold; }
        & > .histogram--bar { color: $text-primary; }
        & > .histogram--over { color: $text-error; }
        & > .histogram--cursor { color: $text-warning; text-style: bold; }
        & > .histogram--axis { color: $text-disabled; }
        & > .histogram--label { color: $text-muted; }
        & > .histogram--read { color: $foreground; }
        &:ansi > .histogram--bar { color: ansi_bright_cyan; }
        &:ansi > .histogram--axis { text-style: dim; }
        &:ansi > .histogram--label { text-style: dim; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "histogram--title",
        "histogram--bar",
        "histogram--over",
        "histogram--cursor",
        "histogram--axis",
        "histogram--label",
        "histogram--read",
    }
    KEY_STYLES: ClassVar[Mapping[str, str]] = {
        "T": "histogram--title",
        "b": "histogram--bar",
        "o": "histogram--over",
        "c": "histogram--cursor",
        "a": "histogram--axis",
        "l": "histogram--label",
        "r": "histogram--read",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "bar(-1)", "Left", show=False, tooltip="The bar before"),
        Binding("right", "bar(1)", "Right", show=False, tooltip="The next bar"),
        Binding("home,g", "bar(-100000)", "First", show=False, tooltip="The first bar"),
        Binding("end,G", "bar(100000)", "Last", show=False, tooltip="The last bar"),
        Binding("enter", "select", "Examples", tooltip="The examples of this bar"),
    ]

    class _BarMessage(Message):
        def __init__(
            self, histogram: Histogram, index: int, low: float, high: float, count: int
        ) -> None:
            super().__init__()
            self.histogram = histogram
            self.index = index
            self.low = low
            self.high = high
            self.count = count

        @property
        def control(self) -> Histogram:
            """The histogram that sent the message."""
            return self.histogram

    class Highlighted(_BarMessage):
        """The cursor is on another bar.

        Attributes:
            index: The bar, from 0.
            low: Its lower edge.
            high: Its upper edge.
            count: How many values it counts.
        """

    class Selected(_BarMessage):
        """A bar was chosen.

        Attributes:
            index: The bar, from 0.
            low: Its lower edge.
            high: Its upper edge, no part of the bar.
            count: How many values it counts.
        """

    def __init__(
        self,
        *,
        empty_text: str = "Nothing counted yet",
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        """Make an empty histogram (see `set_data`).

        Args:
            empty_text: Said where there is nothing.
            id: The widget's id.
            classes: Its CSS classes.
        """
        super().__init__(id=id, classes=classes)
        self.empty_text = empty_text
        self.cursor = 0
        self._edges: tuple[float, ...] = ()
        self._counts: tuple[int, ...] = ()
        self._title = ""
        self._unit = ""
        self._limit: float | None = None
        self._percentiles: dict[str, float] = {}

    def set_data(
        self,
        edges: Sequence[float],
        counts: Sequence[int],
        *,
        limit: float | None = None,
        title: str = "",
        unit: str = "tokens",
        percentiles: Mapping[str, float] | None = None,
    ) -> None:
        """Show a distribution.

        Args:
            edges: Ascending whole edges of the bins, one more than there are counts; a bin
                holds its lower edge and not its upper.
            counts: How many values each bin holds.
            limit: Values above it are marked.
            title: What is counted.
            unit: What the edges are in.
            percentiles: Names and values for the last line (``{"p50": 45}``).

        Raises:
            ValueError: When the numbers of edges and counts do not fit.
        """
        if counts and len(edges) != len(counts) + 1:
            raise ValueError("a histogram has one more edge than it has counts")
        self._edges = tuple(float(edge) for edge in edges)
        self._counts = tuple(int(count) for count in counts)
        self._limit = limit
        self._title, self._unit = clean(title, 100), clean(unit, 40)
        self._percentiles = {clean(name, 12): value for name, value in (percentiles or {}).items()}
        self.cursor = max(0, min(self.cursor, len(self._counts) - 1))
        self.redraw()

    # Bars

    def make_rows(self, width: int, height: int) -> tuple[CellRow, ...]:
        """Title, the line that reads the bar under the cursor, bars, axis, percentiles."""
        blank = (" " * width, " " * width)
        rows: list[CellRow] = [_row(f" {self._title}", "T", width)]
        if not any(self._counts):
            rows += [_row(f" {self.empty_text}", "l", width)]
            return tuple([*rows, *[blank] * height][:height])
        rows.append(_row(f" {self._reading()}", "r", width))
        foot = [_row(f" {self._percentile_line()}", "l", width)] if self._percentiles else []
        left = max(len(compact(max(self._counts))) + 2, 6)
        plot_height = max(1, height - len(rows) - len(foot) - 2)
        rows += self._plot(width, plot_height, left)
        return tuple([*rows, *foot, *[blank] * height][:height])

    def _reading(self) -> str:
        low, high, count = self._bar_at(self.cursor)
        share = percent(count, sum(self._counts))
        dash = "-" if ascii_only() else "–"
        over = ", over the limit" if self._is_over(self.cursor) else ""
        span = integer(low) if high - low <= 1 else f"{integer(low)}{dash}{integer(high - 1)}"
        unit = self._unit.removesuffix("s") if span == "1" else self._unit
        return f"{span} {unit}: {integer(count)} ({share}){over}"

    def _percentile_line(self) -> str:
        return "   ".join(f"{name} {compact(value)}" for name, value in self._percentiles.items())

    def _bar_at(self, index: int) -> tuple[float, float, int]:
        join = self._join()
        first = index * join
        last = min(len(self._counts), first + join)
        return self._edges[first], self._edges[last], sum(self._counts[first:last])

    def _join(self) -> int:
        width = max(1, self.content_size.width - 8)
        return max(1, math.ceil(len(self._counts) / width))

    def _is_over(self, index: int) -> bool:
        return self._limit is not None and self._bar_at(index)[0] >= self._limit

    def _plot(self, width: int, height: int, left: int) -> list[CellRow]:
        join = self._join()
        counts = [sum(self._counts[i : i + join]) for i in range(0, len(self._counts), join)]
        self.cursor = min(self.cursor, len(counts) - 1)
        bar = max(1, min(MAX_BAR, (width - left) // max(1, len(counts))))
        step = nice_step(max(counts), max(1, min(4, height // 3)))
        top = max(step, math.ceil(max(counts) / step - 1e-9) * step)
        labels = {
            height - 1 - round(value / top * (height - 1)): label
            for value, label in ticks(0, top, max(1, min(4, height // 3)), whole=True)
            if value
        }
        rows = []
        for row in range(height):
            text, keys = f"{labels.get(row, ''):>{left - 2}} ", "l" * (left - 1)
            text, keys = text + ("|" if ascii_only() else "│"), keys + "a"
            for index, count in enumerate(counts):
                char = _bar_char(count / top * height - (height - 1 - row), count > 0, row, height)
                gap = " " if bar > 1 else ""
                text += char * (bar - len(gap)) + gap
                # The cursor's colour is at the foot only: a whole bar would be a cell in every row.
                at_foot = row == height - 1
                keys += self._bar_key(index, at_foot) * bar
            rows.append((text[:width].ljust(width), keys[:width].ljust(width)))
        return [*rows, *self._foot(width, left, bar, len(counts))]

    def _bar_key(self, index: int, at_foot: bool = True) -> str:
        if at_foot and index == self.cursor:
            return "c"
        return "o" if self._is_over(index) else "b"

    def _foot(self, width: int, left: int, bar: int, bars: int) -> list[CellRow]:
        """The axis with the cursor's sign and the limit's marks, then the edges in numbers."""
        line, corner, here = ("-", "+", "^") if ascii_only() else ("─", "└", "▲")
        text, keys = " " * (left - 1) + corner, "a" * left
        for index in range(bars):
            sign = here if index == self.cursor else "!" if self._is_over(index) else line
            text += sign + line * (bar - 1)
            keys += self._bar_key(index) if sign != line else "a"
            keys += "a" * (bar - 1)
        numbers = [" "] * width
        free = 0
        join = self._join()
        every = max(1, math.ceil(10 / bar))
        for index in range(0, bars + 1, every):
            label = compact(self._edges[min(index * join, len(self._edges) - 1)])
            start = left + index * bar
            if start >= free and start + len(label) <= width:
                numbers[start : start + len(label)] = label
                free = start + len(label) + 1
        return [
            (text[:width].ljust(width), keys[:width].ljust(width)),
            ("".join(numbers), "l" * width),
        ]

    # Keys

    def action_bar(self, step: int) -> None:
        """Move the cursor by bars."""
        bars = math.ceil(len(self._counts) / self._join())
        cursor = max(0, min(self.cursor + step, bars - 1))
        if self._counts and cursor != self.cursor:
            self.cursor = cursor
            self.redraw()
            self.post_message(self.Highlighted(self, cursor, *self._bar_at(cursor)))

    def action_select(self) -> None:
        """Choose the bar under the cursor."""
        if self._counts:
            self.post_message(self.Selected(self, self.cursor, *self._bar_at(self.cursor)))


def _row(text: str, key: str, width: int) -> CellRow:
    return text[:width].ljust(width), (key * len(text))[:width].ljust(width)


def _bar_char(filled: float, some: bool, row: int, height: int) -> str:
    """One cell of a bar: `filled` is how much of this cell the bar covers, in cells."""
    if some and row == height - 1:
        filled = max(filled, 0.125)
    eighths = max(0, min(8, round(filled * 8)))
    if ascii_only():
        return "#" if filled >= 0.5 or (some and row == height - 1) else " "
    return _EIGHTHS[eighths]
