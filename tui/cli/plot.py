"""Plots of losses for the plain commands: lines of text, no colour, as wide as the terminal."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.jobs import ResultsTable

_HEIGHT = 16
_MAX_WIDTH = 120
# What is drawn, by common name, in this order of preference; the second kind over the first.
_KINDS = (
    (("train_loss",), ("full_valid_loss", "valid_loss")),
    (("train_mean_reward",), ("full_valid_mean_reward", "valid_mean_reward")),
)
_NOTHING = "There is nothing to draw in these results."


def table_plot(table: ResultsTable) -> list[str]:
    """Return the plot of a results file, or one line that says why there is none."""
    lines = table.series()
    last = max((x for line in lines.values() for x, _ in line), default=0.0)
    return _plot(lines, int(last)) or [_NOTHING]


def table_words(table: ResultsTable) -> str:
    """Return the course of a results file in words; names are not cleaned."""
    from tui.jobs import MetricPoint
    from tui.run.state import RunState
    from tui.run.trend import trend

    state = RunState("")
    for name, line in table.series().items():
        state.take([MetricPoint("", None, int(step), None, {name: y}) for step, y in line])
    return trend(state)


def _plot(lines: Mapping[str, list[tuple[float, float]]], total: int) -> list[str]:
    from widgets.plain import plot

    chosen = _chosen(lines)
    if not chosen:
        return []
    series = {name: ([x for x, _ in lines[name]], [y for _, y in lines[name]]) for name in chosen}
    width = min(_MAX_WIDTH, shutil.get_terminal_size().columns)
    return plot(series, width=width, height=_HEIGHT + 1, total=total or None)


def _chosen(lines: Mapping[str, list[tuple[float, float]]]) -> list[str]:
    """Return the lines to draw: losses, else rewards, else the first that has a number."""
    finite = [name for name, line in lines.items() if any(math.isfinite(y) for _, y in line)]
    for kinds in _KINDS:
        found = [name for names in kinds if (name := next((n for n in names if n in finite), ""))]
        if found:
            return found
    return finite[:1]
