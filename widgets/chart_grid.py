"""Charts beside and under each other, which share how they are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.widget import Widget

from widgets.chart_view import View
from widgets.loss_chart import LossChart

COUNTS = (1, 2, 4, 6)
"""How many charts there can be."""


class ChartGrid(Widget):
    """One, two, four or six charts; two stand one over the other where the room is narrow."""

    DEFAULT_CSS = """
    ChartGrid {
        layout: grid;
        height: 1fr;
        width: 1fr;
        grid-size: 1 1;
        grid-gutter: 0 1;
        & > LossChart { height: 1fr; }
        &.-two { grid-size: 1 2; }
        &.-two.-beside { grid-size: 2 1; }
        &.-four { grid-size: 2 2; }
        &.-six { grid-size: 2 3; }
        &.-six.-beside { grid-size: 3 2; }
    }
    """
    _CLASSES: ClassVar[dict[int, str]] = {2: "-two", 4: "-four", 6: "-six"}
    _BESIDE = 150

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

    def compose(self) -> ComposeResult:
        """The first chart, which is always there."""
        yield self._chart("chart")

    def _chart(self, name: str | None) -> LossChart:
        return LossChart((), title="", view=self.view, empty_text=self._empty_text, id=name)

    def on_resize(self) -> None:
        """Lay two charts beside each other where there is room for both."""
        self.set_class(self.size.width >= self._BESIDE, "-beside")

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
        for size, name in self._CLASSES.items():
            self.set_class(size == count, name)

    @property
    def empty_text(self) -> str:
        """What is said while there is nothing to draw."""
        return self._empty_text

    @empty_text.setter
    def empty_text(self, text: str) -> None:
        if text != self._empty_text:
            self._empty_text = text
            for chart in self.query_children(LossChart):
                chart.empty_text = text
                chart.draw_soon()

    def draw_now(self) -> None:
        """Draw all at once: for what a person asked for."""
        for chart in self.charts:
            chart.draw_now()

    def __iter__(self) -> Iterator[LossChart]:
        return iter(self.charts)
