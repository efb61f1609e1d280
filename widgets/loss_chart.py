"""Losses (or any metrics) of a run over its steps, on axes that stay still."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.message import Message
from textual.timer import Timer

from widgets import chart_title, chart_view
from widgets.axes import Axes
from widgets.cells import CellPane, CellRow
from widgets.chart_data import GUEST_KEYS, KEYS, signs
from widgets.chart_view import Curve, Marks, View
from widgets.numbers import metric
from widgets.raster import draw, label_room
from widgets.scales import Scales
from widgets.strokes import Frame
from widgets.text import clean, fit
from widgets.track import Track

Points = Iterable[tuple[int, Mapping[str, float]]]

MIN_SECONDS = 0.5
"""Time between two drawings: at most two a second, whatever arrives."""


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
    stand in the title, or what stands at the cursor. Lines differ by their marks, not by colour
    alone. NaN is a gap, and marked. How it is looked at is its `view`, which several charts may
    share.

    Attributes:
        least_labels: Columns that the labels of its y axis have at least.
        tells_view: Whether its title tells how it is looked at.
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
        & > .loss-chart--guest-1 { color: $text-secondary; }
        & > .loss-chart--guest-2 { color: $text-success; }
        & > .loss-chart--guest-3 { color: $text-error; }
        & > .loss-chart--guest-4 { color: $text-accent; }
        & > .loss-chart--raw { color: $text-primary 45%; }
        & > .loss-chart--raw-2 { color: $text-warning 40%; }
        & > .loss-chart--axis { color: $text-disabled; }
        & > .loss-chart--guide { color: $text-disabled; }
        & > .loss-chart--epoch { color: $text-disabled; }
        & > .loss-chart--checkpoint { color: $text-success; }
        & > .loss-chart--best { color: $text-success; text-style: bold; }
        & > .loss-chart--cursor { color: $foreground; }
        & > .loss-chart--missing { color: $text-error; text-style: bold; }
        & > .loss-chart--label { color: $text-muted; }
        &:ansi > .loss-chart--line-1 { color: ansi_bright_cyan; }
        &:ansi > .loss-chart--line-2 { color: ansi_yellow; }
        &:ansi > .loss-chart--guest-1 { color: ansi_magenta; }
        &:ansi > .loss-chart--guest-2 { color: ansi_green; }
        &:ansi > .loss-chart--guest-3 { color: ansi_red; }
        &:ansi > .loss-chart--guest-4 { color: ansi_blue; }
        &:ansi > .loss-chart--raw { color: ansi_cyan; text-style: dim; }
        &:ansi > .loss-chart--raw-2 { color: ansi_yellow; text-style: dim; }
        &:ansi > .loss-chart--checkpoint { color: ansi_green; }
        &:ansi > .loss-chart--best { color: ansi_bright_green; }
        &:ansi > .loss-chart--missing { color: ansi_bright_red; }
        &:ansi > .loss-chart--axis { text-style: dim; }
        &:ansi > .loss-chart--guide { text-style: dim; }
        &:ansi > .loss-chart--epoch { text-style: dim; }
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
        "loss-chart--guest-1",
        "loss-chart--guest-2",
        "loss-chart--guest-3",
        "loss-chart--guest-4",
        "loss-chart--raw",
        "loss-chart--raw-2",
        "loss-chart--axis",
        "loss-chart--guide",
        "loss-chart--epoch",
        "loss-chart--checkpoint",
        "loss-chart--best",
        "loss-chart--cursor",
        "loss-chart--missing",
        "loss-chart--label",
    }
    KEY_STYLES: ClassVar[Mapping[str, str]] = {
        "T": "loss-chart--title",
        "n": "loss-chart--value",
        **{key: f"loss-chart--line-{place}" for place, key in enumerate(KEYS, 1)},
        **{key: f"loss-chart--guest-{place}" for place, key in enumerate(GUEST_KEYS, 1)},
        "r": "loss-chart--raw",
        "q": "loss-chart--raw-2",
        "a": "loss-chart--axis",
        "g": "loss-chart--guide",
        "e": "loss-chart--epoch",
        "k": "loss-chart--checkpoint",
        "b": "loss-chart--best",
        "c": "loss-chart--cursor",
        "m": "loss-chart--missing",
        "l": "loss-chart--label",
    }

    class Relabelled(Message):
        """The labels of the y axis need more room than before, or less."""

    def __init__(
        self,
        lines: Sequence[Line] = LOSSES,
        *,
        title: str = "Loss",
        y_min: float | None = None,
        y_max: float | None = None,
        empty_text: str = "No metrics yet",
        marker: str = "braille",
        view: View | None = None,
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
            view: How it is looked at, when shared with other charts.
            id: The widget's id.
            classes: Its CSS classes.
        """
        super().__init__(id=id, classes=classes)
        self.lines = tuple(lines[: len(KEYS)])
        self.title = clean(title, 60)
        self.empty_text = empty_text
        self.view = view or View(marker=marker)
        self.marks = Marks()
        self._scales = Scales(y_min, y_max)
        self._tracks: dict[str, Track] = {line.key: Track() for line in self.lines}
        self._curves: list[Curve] = []
        self._total: float | None = None
        self.least_labels = 0
        self.tells_view = True
        self._axes: Axes | None = None
        self._frame: Frame | None = None
        self._drawn_at = -math.inf
        self._timer: Timer | None = None
        self._make_curves()

    # Data

    def append(self, points: Points, total_steps: int | None = None) -> None:
        """Take new points and draw them soon.

        Args:
            points: (step, values by metric name); other metrics than the chart's are ignored, a
                step may come late or again (the last value counts), NaN is a gap.
            total_steps: Steps of the whole run, when known.
        """
        self._take(points, total_steps)
        self.draw_soon()

    def set_points(self, points: Points, total_steps: int | None = None) -> None:
        """Show other points instead of those so far (see `append`)."""
        self._forget()
        self._take(points, total_steps)
        self.draw_soon()

    def follow(
        self,
        curves: Sequence[Curve],
        *,
        title: str,
        total: float | None = None,
        marks: Marks | None = None,
        now: bool = False,
    ) -> None:
        """Show curves whose tracks others fill; call it again whenever they have grown.

        Args:
            curves: What is drawn; the same objects as before keep what was worked out.
            title: What the chart shows.
            total: Where the x axis ends, when known.
            marks: What is marked.
            now: Draw at once, as a person asked for it.
        """
        if title != self.title or [c.key for c in curves] != [c.key for c in self._curves]:
            self._scales.forget()
        self.title = clean(title, 60)
        self._curves = list(curves)
        self._total = total
        self.marks = marks or Marks()
        if now:
            self.draw_now()
        else:
            self.draw_soon()

    def clear(self, empty_text: str | None = None) -> None:
        """Forget everything; `empty_text` says why there is nothing."""
        if empty_text is not None:
            self.empty_text = empty_text
        self._forget()
        self.draw_soon()

    @property
    def curves(self) -> list[Curve]:
        """What is drawn, without what has no values."""
        return [curve for curve in self._curves if len(curve.track)]

    @property
    def point_count(self) -> int:
        """Values kept so far, all lines together; a step told twice counts once."""
        return sum(len(curve.track) for curve in self._curves)

    @property
    def axes(self) -> Axes | None:
        """The axes as drawn last."""
        return self._axes

    @property
    def total(self) -> float | None:
        """Where the x axis ends, when known."""
        return self._total

    @property
    def columns(self) -> int:
        """Columns of the plot as drawn last."""
        return self._frame.width if self._frame else 1

    def summary(self) -> str:
        """The chart in words, for screen readers and plain output."""
        said = []
        for curve in self.curves:
            track = curve.track
            first, last = track.values[0], track.values[-1]
            trend = "level"
            if math.isfinite(first) and math.isfinite(last) and first != last:
                trend = f"{'down' if last < first else 'up'} from {metric(first)}"
            best = f", lowest {metric(track.low)}" if math.isfinite(track.low) else ""
            said.append(f"{curve.label} {metric(last)}, {trend}{best}")
        return "; ".join(said) or self.empty_text

    def _forget(self) -> None:
        self._tracks = {line.key: Track() for line in self.lines}
        self._make_curves()
        self._scales.forget()
        self._total = None

    def _make_curves(self) -> None:
        found = signs([line.points for line in self.lines])
        self._curves = [
            Curve(self._tracks[line.key], line.label, key, mark, line.points)
            for key, line, mark in zip(KEYS, self.lines, found, strict=False)
        ]

    def _take(self, points: Points, total_steps: int | None) -> None:
        if total_steps:
            self._total = total_steps
        for step, values in points:
            for key, track in self._tracks.items():
                value = values.get(key)
                if value is not None:
                    track.add(step, float(value))

    # Drawing

    def draw_soon(self) -> None:
        """Draw now, or when half a second has passed since the last time."""
        if not self.is_mounted or self._timer is not None:
            return
        wait = self._drawn_at + MIN_SECONDS - time.monotonic()
        if wait <= 0:
            self.draw_now()
        else:
            self._timer = self.set_timer(wait, self.draw_now)

    def draw_now(self) -> None:
        """Draw at once: for what a person asked for."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self.curves:  # the first numbers do not wait for the frame after an empty one
            self._drawn_at = time.monotonic()
        self.redraw()

    def make_rows(self, width: int, height: int) -> tuple[CellRow, ...]:
        """The whole chart as a grid, the title first."""
        curves = self.curves
        if not curves:
            blank = (" " * width, " " * width)
            rows = [self._title_row(curves, None, width)] + [blank] * (height - 1)
            text = fit(clean(self.empty_text), width).center(width)[:width]
            rows[(height - 1) // 2 if height > 2 else 0] = (text, "l" * len(text))
            return tuple(rows)
        axes = self._scales.axes(curves, self.view, self._total, width, height - 1)
        if self._axes is None or label_room(self._axes) != label_room(axes):
            self.post_message(self.Relabelled())
        self._axes = axes
        title = self._title_row(curves, axes, width)
        if height < 2:
            return (title,)
        plot, self._frame = draw(
            chart_view.series_of(curves, self.view, axes),
            axes,
            width,
            height - 1,
            marker=self.view.style,
            signs=chart_view.signs_of(curves, self.view, self.marks, axes, width),
            gutter=self.least_labels,
        )
        return (title, *plot)

    def refit(self) -> None:
        """Fit the axes anew at the next drawing, as what they count has changed."""
        self._scales.forget()

    def zoom_y(self, factor: float) -> None:
        """Show less of the y axis, or more, around what is read or, without a cursor, told last.

        Args:
            factor: Of what is shown; below 1 to see more closely.
        """
        curves, axes = self.curves, self._axes
        if not curves or axes is None:
            return
        at = axes.x1 if self.view.cursor is None else self.view.cursor
        value = chart_view.scaled_one(chart_view.read_at(curves[0], self.view, at)[1], axes)
        around = value if axes.y0 <= value <= axes.y1 else (axes.y0 + axes.y1) / 2
        self._scales.zoom(axes, factor, around)

    def whole_y(self) -> None:
        """Let the y axis follow the data again."""
        self._scales.whole()

    @property
    def left_out(self) -> int:
        """How many values lie outside, as they would flatten all others."""
        return self._scales.left_out

    @property
    def label_room(self) -> int:
        """Columns that the labels of the y axis need, as drawn last."""
        return label_room(self._axes) if self._axes and self.curves else 0

    def whole(self) -> tuple[float, float]:
        """The limits of the x axis when nothing is zoomed."""
        return 0.0, self._scales.end(self.curves, self.view, self._total)

    def _title_row(self, curves: list[Curve], axes: Axes | None, width: int) -> CellRow:
        if self.view.cursor is not None and curves:
            read = chart_title.readout(self.title, curves, self.view, self.marks, width)
            return chart_title.laid(read, width)
        told = []
        if axes is not None:
            told = chart_title.notes(
                curves,
                self.view,
                axes,
                end=self.whole()[1],
                zoomed=self._scales.zoomed,
                left_out=self._scales.left_out,
                shared=self.tells_view,
            )
        return chart_title.titled(chart_title.heading(self.title, curves, width), told, width)
