"""A small application with one widget, for counting bytes: ``byte_app.py WIDGET``.

Key ``+`` gives the widget one more piece of data; the key's count stands in the top row.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

from textual.app import App, ComposeResult
from textual.widget import Widget

from widgets.loss_chart import LossChart
from widgets.record_list import RecordList, RowView


def chart_point(step: int) -> tuple[int, dict[str, float]]:
    values = {"train_loss": 0.3 + 2 * math.exp(-step / 60) + 0.05 * math.sin(step * 1.7)}
    if step % 10 == 0:
        values["valid_loss"] = 0.4 + 2 * math.exp(-step / 60)
    return step, values


def chart() -> tuple[Widget, Callable[[int], None]]:
    widget = LossChart()
    widget.set_points([chart_point(step) for step in range(1, 60)], total_steps=150)
    return widget, lambda n: widget.append([chart_point(59 + n)])


def records() -> tuple[Widget, Callable[[int], None]]:
    def fetch(index: int) -> RowView:
        severity = "error" if index % 5 == 4 else ""
        return RowView(index + 1, f"Record {index} asks a question. " * 5, "sua", 120, severity)

    widget = RecordList(fetch, 1_000_000)
    return widget, lambda n: widget.set_count(1_000_000 + n)


WIDGETS = {"chart": chart, "records": records}


class ByteApp(App[None]):
    CSS = "Screen { overflow: hidden; }"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, name: str) -> None:
        super().__init__()
        self.pieces = 0
        self.widget, self.more = WIDGETS[name]()

    def compose(self) -> ComposeResult:
        yield self.widget

    def on_mount(self) -> None:
        self.widget.focus()

    def key_plus(self) -> None:
        self.pieces += 1
        self.more(self.pieces)


if __name__ == "__main__":
    ByteApp(sys.argv[1]).run(mouse=False)
