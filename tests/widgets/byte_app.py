"""A small application with one widget, for counting bytes: ``byte_app.py WIDGET``.

Key ``+`` gives the widget one more piece of data.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

from textual.app import App, ComposeResult
from textual.widget import Widget

from tests.widgets.losses import Losses
from widgets.answer_data import AnswerView
from widgets.answer_pane import AnswerPane
from widgets.event_log import EventLog, LogRow
from widgets.histogram import Histogram
from widgets.issue_list import IssueGroup, IssueList, IssueRow
from widgets.loss_chart import LossChart
from widgets.record_list import RecordList, RowView

More = Callable[[int], None]
FIRST = 60


def chart_point(step: int) -> tuple[int, dict[str, float]]:
    values = {"train_loss": 0.3 + 2 * math.exp(-step / 60) + 0.05 * math.sin(step * 1.7)}
    if step % 10 == 0:
        values["valid_loss"] = 0.4 + 2 * math.exp(-step / 60)
    return step, values


def chart() -> tuple[Widget, More]:
    widget = LossChart()
    losses = Losses(widget)
    losses.take([chart_point(step) for step in range(1, FIRST)], 150)
    return widget, lambda n: losses.take([chart_point(FIRST - 1 + n)], 150)


def records() -> tuple[Widget, More]:
    def fetch(index: int) -> RowView:
        severity = "error" if index % 5 == 4 else ""
        return RowView(index + 1, f"Record {index} asks a question. " * 5, "sua", 120, severity)

    widget = RecordList(fetch, 1_000_000)
    return widget, lambda n: widget.set_count(1_000_000 + n * 1000)


def issues() -> tuple[Widget, More]:
    def items(code: str) -> list[IssueRow]:
        return [IssueRow(i + 1, 5, f"messages[{i}]", f"{code} found") for i in range(500)]

    widget = IssueList(items)

    def groups(n: int) -> None:
        widget.set_groups(
            [
                IssueGroup(f"rule_{i}", "error", 500 + (n if i == 1 else 0), "what it means")
                for i in range(20)
            ]
        )

    groups(0)
    return widget, groups


def log() -> tuple[Widget, More]:
    widget = EventLog()
    widget.append([LogRow("14:03:00", "info", f"Event {i}") for i in range(5)])
    return widget, lambda n: widget.append([LogRow("14:03:22", "info", f"Step {n}/150")])


def histogram() -> tuple[Widget, More]:
    widget = Histogram()
    counts = [int(200 * math.exp(-(((i - 9) / 5) ** 2))) for i in range(40)]
    widget.set_data(list(range(41)), counts, title="Tokens", percentiles={"p50": 9})
    return widget, lambda n: widget.action_bar(1)


def answer() -> tuple[Widget, More]:
    widget = AnswerPane()

    def grown(n: int) -> None:
        text = "Words of an answer that goes on. " * 12 + "and so on " * n
        widget.show(AnswerView("a model", f"{72 + 3 * n} words", text, growing=True))

    grown(0)
    return widget, grown


WIDGETS = {
    "answer": answer,
    "chart": chart,
    "records": records,
    "issues": issues,
    "log": log,
    "histogram": histogram,
}


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
        if self.widget.can_focus:
            self.widget.focus()

    def key_plus(self) -> None:
        self.pieces += 1
        self.more(self.pieces)


if __name__ == "__main__":
    ByteApp(sys.argv[1]).run(mouse=False)
