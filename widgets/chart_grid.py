"""Charts beside and under each other, which share how they are looked at."""

from __future__ import annotations

from collections.abc import Iterator

from textual import on
from textual.app import ComposeResult
from textual.widget import Widget

from widgets.chart_view import View
from widgets.loss_chart import LossChart

COUNTS = (1, 2, 4, 6, 9, 12)
"""How many charts there can be."""

_GOOD_WIDTH, _GOOD_HEIGHT = 36, 9
"""Cells of a chart that reads well; a grid is laid out to come near in both."""

_LEAST_WIDTH, _LEAST_HEIGHT = 24, 5
"""Cells below which a chart in a grid says nothing."""


def columns_for(count: int, width: int, height: int) -> int:
    """In how many columns so many charts have the best room.

    Args:
        count: How many charts, at least 1.
        width: Columns of cells there are.
        height: Rows of cells there are.
    """

    def room(columns: int) -> float:
        rows = -(-count // columns)
        return min(width / columns / _GOOD_WIDTH, height / rows / _GOOD_HEIGHT)

    return max(range(1, count + 1), key=room)


class ChartGrid(Widget):
    """Some charts, in as many columns as read best; their axes stand over each other."""

    DEFAULT_CSS = """
    ChartGrid {
        layout: grid;
        height: 1fr;
        width: 1fr;
        grid-size: 1 1;
        grid-gutter: 0 1;
        & > LossChart { height: 1fr; }
    }
    """

    def __init__(
        self,
        *,
        view: View,
        empty_text: str = "No measurements yet",
        id: str | None = None,  # noqa: A002 - Textual's own name for it
    ) -> None:
        """Make a grid of one chart.

        Args:
            view: How the charts are looked at.
            empty_text: Said while there is nothing to draw.
            id: The widget's id.
        """
        super().__init__(id=id)
        self.view = view
        self._empty_text = empty_text
        self._count = 1
        self._columns = 1

    def compose(self) -> ComposeResult:
        """The first chart, which is always there."""
        yield self._chart("chart")

    def _chart(self, name: str | None) -> LossChart:
        # Only the first says that there is nothing.
        text = "" if name is None else self._empty_text
        return LossChart(title="", view=self.view, empty_text=text, id=name)

    def on_resize(self) -> None:
        """Lay the charts out anew where there is other room."""
        self._lay_out()

    def _lay_out(self) -> None:
        columns = columns_for(self._count, self.size.width, self.size.height)
        rows = -(-self._count // columns)
        self._columns = columns
        self.styles.grid_size_columns, self.styles.grid_size_rows = columns, rows
        for place, chart in enumerate(self.charts):
            # What all have in common is told once, in the corner.
            chart.tells_view = place == columns - 1
        self._align()

    @on(LossChart.Relabelled)
    def _relabelled(self, message: LossChart.Relabelled) -> None:
        message.stop()
        self._align()

    def _align(self) -> None:
        """Begin the plots of charts that stand over each other in the same column of cells."""
        for first in range(self._columns):
            charts = self.charts[first :: self._columns]
            least = max((chart.label_room for chart in charts), default=0)
            for chart in charts:
                if chart.least_labels != least:
                    moves = max(chart.label_room, chart.least_labels) != least
                    chart.least_labels = least
                    if moves:
                        chart.draw_now()

    def most(self) -> int:
        """The largest count that leaves each chart room to read it."""
        return max(count for count in COUNTS if count == 1 or self._fits(count))

    def _fits(self, count: int) -> bool:
        columns = columns_for(count, self.size.width, self.size.height)
        rows = -(-count // columns)
        wide, high = self.size.width / columns, self.size.height / rows
        return wide >= _LEAST_WIDTH and high >= _LEAST_HEIGHT

    @property
    def charts(self) -> list[LossChart]:
        """The charts in view, in reading order."""
        return list(self.query_children(LossChart))[: self._count]

    @property
    def charted(self) -> bool:
        """Whether a chart has anything to draw."""
        return any(chart.curves for chart in self.charts)

    @property
    def count(self) -> int:
        """How many charts are in view."""
        return self._count

    async def set_count(self, count: int) -> None:
        """Show as many charts; those that are new have nothing to draw yet.

        Args:
            count: One of `COUNTS`.
        """
        self._count = count
        there = list(self.query_children(LossChart))
        if len(there) < count:
            await self.mount(*(self._chart(None) for _ in range(count - len(there))))
        elif len(there) > count:
            await self.remove_children(there[count:])
        self._lay_out()

    @property
    def empty_text(self) -> str:
        """What is said while there is nothing to draw."""
        return self._empty_text

    @empty_text.setter
    def empty_text(self, text: str) -> None:
        if text != self._empty_text:
            self._empty_text = text
            chart = self.charts[0]
            chart.empty_text = text
            chart.draw_soon()

    def draw_now(self) -> None:
        """Draw all at once: for what a person asked for."""
        for chart in self.charts:
            chart.draw_now()

    def __iter__(self) -> Iterator[LossChart]:
        return iter(self.charts)
