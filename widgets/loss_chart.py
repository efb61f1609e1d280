"""Losses (or any metrics) of a run over its steps, on axes that stay still."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.timer import Timer

from widgets.axes import StillLimits
from widgets.cells import CellPane, CellRow
from widgets.chart_data import KEYS, Track, signs, still_axes
from widgets.numbers import metric
from widgets.raster import Series, draw
from widgets.text import ascii_only, clean, fit

Points = Iterable[tuple[int, Mapping[str, float]]]

MIN_SECONDS = 0.5
"""Time between two drawings: at most two a second, whatever arrives."""

_VALUE_CELLS = 8


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the chart.

    Attributes:
        key: Name of the metric in the points' values.
        label: Its name in the title.
        points: Mark the single values: for metrics that come seldom, such as validation loss.
    """

    key: str
    label: str
    points: bool = False


LOSSES = (
    Line("train_loss", "train"),
    Line("valid_loss", "valid", points=True),
    Line("full_valid_loss", "full valid", points=True),
)


class LossChart(CellPane):
    """Train and validation loss over steps, for hours, over a thin line.

    The x axis runs to the run's total; the y axis has round limits that change rarely; only cells
    that changed are sent, at most twice a second, and nothing when nothing changed. The last values
    stand in the title. Lines differ by their marks, not by colour alone. NaN is a gap.
    """

    DEFAULT_CSS = """
    LossChart {
        min-height: 4;
        & > .loss-chart--title { color: $foreground; text-style: bold; }
        & > .loss-chart--value { color: $foreground; text-style: bold; }
        & > .loss-chart--line-1 { color: $text-primary; }
        & > .loss-chart--line-2 { color: $text-warning; }
        & > .loss-chart--line-3 { color: $text-success; }
        & > .loss-chart--line-4 { color: $text-error; }
        & > .loss-chart--axis { color: $text-disabled; }
        & > .loss-chart--guide { color: $text-disabled; }
        & > .loss-chart--label { color: $text-muted; }
        &:ansi > .loss-chart--line-1 { color: ansi_bright_cyan; }
        &:ansi > .loss-chart--axis { text-style: dim; }
        &:ansi > .loss-chart--guide { text-style: dim; }
        &:ansi > .loss-chart--label { text-style: dim; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "loss-chart--title",
        "loss-chart--value",
        "loss-chart--line-1",
        "loss-chart--line-2",
        "loss-chart--line-3",
        "loss-chart--line-4",
        "loss-chart--axis",
        "loss-chart--guide",
        "loss-chart--label",
    }
    KEY_STYLES: ClassVar[Mapping[str, str]] = {
        "T": "loss-chart--title",
        "n": "loss-chart--value",
        "t": "loss-chart--line-1",
        "v": "loss-chart--line-2",
        "w": "loss-chart--line-3",
        "x": "loss-chart--line-4",
        "a": "loss-chart--axis",
        "g": "loss-chart--guide",
        "l": "loss-chart--label",
    }

    def __init__(
        self,
        lines: Sequence[Line] = LOSSES,
        *,
        title: str = "Loss",
        y_min: float | None = None,
        y_max: float | None = None,
        empty_text: str = "No metrics yet",
        marker: str = "braille",
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        """Make a chart.

        Args:
            lines: Up to four metrics to draw; those that never come are not mentioned.
            title: What the chart shows.
            y_min: A fixed lower limit, or None for a still one that follows the data.
            y_max: A fixed upper limit, or None.
            empty_text: Said while there is nothing to draw.
            marker: ``"braille"`` or ``"block"``; in ASCII mode it is ASCII anyway.
            id: The widget's id.
            classes: Its CSS classes.
        """
        super().__init__(id=id, classes=classes)
        self.lines = tuple(lines[: len(KEYS)])
        self.title = clean(title, 60)
        self.empty_text = empty_text
        self.marker = marker
        self._fixed = (y_min, y_max)
        self._limits = StillLimits(y_min, y_max)
        self._tracks = {line.key: Track() for line in self.lines}
        self._total: int | None = None
        self._count = 0
        self._drawn_at = -math.inf
        self._timer: Timer | None = None

    # Data

    def append(self, points: Points, total_steps: int | None = None) -> None:
        """Take new points and draw them soon.

        Args:
            points: (step, values by metric name); other metrics than the chart's are ignored, a
                step may come late or again (the last value counts), NaN is a gap.
            total_steps: Steps of the whole run, when known.
        """
        self._take(points, total_steps)
        self._draw_soon()

    def set_points(self, points: Points, total_steps: int | None = None) -> None:
        """Show other points instead of those so far (see `append`)."""
        self._forget()
        self._take(points, total_steps)
        self._draw_soon()

    def set_total(self, total_steps: int | None) -> None:
        """Tell how many steps the run has: the x axis then ends there."""
        if total_steps != self._total:
            self._total = total_steps
            self._draw_soon()

    def clear(self, empty_text: str | None = None) -> None:
        """Forget everything; `empty_text` says why there is nothing."""
        if empty_text is not None:
            self.empty_text = empty_text
        self._forget()
        self._draw_soon()

    @property
    def point_count(self) -> int:
        """Values taken so far, all lines together."""
        return self._count

    def summary(self) -> str:
        """The chart in words, for screen readers and plain output."""
        said = []
        for line in self.lines:
            track = self._tracks[line.key]
            if not track.values:
                continue
            first, last = track.values[0], track.values[-1]
            trend = "level"
            if math.isfinite(first) and math.isfinite(last) and first != last:
                trend = f"{'down' if last < first else 'up'} from {metric(first)}"
            best = f", lowest {metric(track.low)}" if math.isfinite(track.low) else ""
            said.append(f"{line.label} {metric(last)}, {trend}{best}")
        return "; ".join(said) or self.empty_text

    def _forget(self) -> None:
        self._tracks = {line.key: Track() for line in self.lines}
        self._limits = StillLimits(*self._fixed)
        self._total = None
        self._count = 0

    def _take(self, points: Points, total_steps: int | None) -> None:
        if total_steps:
            self._total = total_steps
        for step, values in points:
            for key, track in self._tracks.items():
                value = values.get(key)
                if value is not None:
                    track.add(step, float(value))
                    self._count += 1

    # Drawing

    def _draw_soon(self) -> None:
        """Draw now, or when half a second has passed since the last time."""
        if not self.is_mounted or self._timer is not None:
            return
        wait = self._drawn_at + MIN_SECONDS - time.monotonic()
        if wait <= 0:
            self._draw_now()
        else:
            self._timer = self.set_timer(wait, self._draw_now)

    def _draw_now(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._drawn_at = time.monotonic()
        self.redraw()

    def make_rows(self, width: int, height: int) -> tuple[CellRow, ...]:
        """The whole chart as a grid, the title first."""
        title = self._title_row(width)
        if not self._count:
            blank = (" " * width, " " * width)
            rows = [title] + [blank] * (height - 1)
            text = fit(clean(self.empty_text), width).center(width)[:width]
            rows[(height - 1) // 2 if height > 2 else 0] = (text, "l" * len(text))
            return tuple(rows)
        if height < 2:
            return (title,)
        marker = "ascii" if ascii_only() else self.marker
        tracks = list(self._tracks.values())
        axes = still_axes(tracks, self._limits, self._total, width, height - 1)
        plot, _ = draw(self._series(), axes, width, height - 1, marker=marker)
        return (title, *plot)

    def _series(self) -> list[Series]:
        out = []
        for key, line, sign in zip(KEYS, self.lines, self._signs(), strict=False):
            x, y = self._tracks[line.key].arrays()
            if len(x):
                out.append(Series(x, y, key, mark=sign if line.points else "", line=sign))
        return out

    def _signs(self) -> tuple[str, ...]:
        return signs([line.points for line in self.lines])

    def _title_row(self, width: int) -> CellRow:
        """Title, then each line's sign, name and last value, in places that do not move."""
        text, keys = f" {self.title} ", "T" * (len(self.title) + 2)
        for key, line, sign in zip(KEYS, self.lines, self._signs(), strict=False):
            last = self._tracks[line.key].last
            if last is None:
                continue
            label = f"  {sign} {line.label} "
            value = metric(last).ljust(_VALUE_CELLS) if last == last else "NaN".ljust(_VALUE_CELLS)
            text += label + value
            keys += key * len(label) + "n" * len(value)
        return text[:width].ljust(width), keys[:width].ljust(width)
