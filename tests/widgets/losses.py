"""The losses of a run that goes on, for a chart to follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from widgets.chart_data import KEYS, signs
from widgets.chart_view import Curve
from widgets.loss_chart import LossChart
from widgets.track import Track

Points = Iterable[tuple[int, Mapping[str, float]]]


class Losses:
    """Train and validation loss."""

    def __init__(self, chart: LossChart) -> None:
        self.chart = chart
        self.tracks = {"train_loss": Track(), "valid_loss": Track()}
        lines = zip(
            self.tracks.values(), ("train", "valid"), KEYS, signs([False, True]), strict=False
        )
        self.curves = [Curve(*line, points=line[1] == "valid") for line in lines]

    def take(self, points: Points, total: float | None = None) -> None:
        """Take values by step and metric; the chart draws them soon."""
        for step, values in points:
            for name, value in values.items():
                self.tracks[name].add(step, value)
        self.chart.follow(self.curves, title="Loss", total=total)
