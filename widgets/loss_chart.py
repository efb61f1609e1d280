"""Losses (or any metrics) of a run over its steps, on axes that stay still."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.timer import Timer

from widgets import chart_view
from widgets.axes import Axes
from widgets.cells import CellPane, CellRow
from widgets.chart_data import GUEST_KEYS, KEYS, signs
from widgets.chart_view import Curve, Marks, Scales, View
from widgets.numbers import compact, duration, metric
from widgets.raster import draw
from widgets.strokes import Frame
from widgets.text import ascii_only, clean, fit
from widgets.track import Track

Points = Iterable[tuple[int, Mapping[str, float]]]

MIN_SECONDS = 0.5
"""Time between two drawings: at most two a second, whatever arrives."""

_VALUE_CELLS = 8
_GUEST_CELLS = 14


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
    alone. NaN is a gap. How it is looked at is its `view`, which several charts may share.
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
        axes = self._axes = self._scales.axes(curves, self.view, self._total, width, height - 1)
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
        )
        return (title, *plot)

    def refit(self) -> None:
        """Fit the axes anew at the next drawing, as what they count has changed."""
        self._scales.forget()

    def whole(self) -> tuple[float, float]:
        """The limits of the x axis when nothing is zoomed."""
        return 0.0, self._scales.end(self.curves, self.view, self._total)

    def _title_row(self, curves: list[Curve], axes: Axes | None, width: int) -> CellRow:
        if self.view.cursor is not None and curves:
            return _laid(
                chart_view.readout(self.title, curves, self.view, self.marks, width), width
            )
        pieces = [(f" {self.title} ", "T")]
        for curve in curves:
            if curve.guest:
                if curve.points:
                    continue  # its other line has its name already
                pieces.append((f"  {curve.sign} {fit(curve.label, _GUEST_CELLS)}", curve.key))
                continue
            last = curve.track.last
            pieces.append((f"  {curve.sign} {curve.label} ", curve.key))
            said = metric(last) if last == last else "NaN"
            pieces.append((said.ljust(_VALUE_CELLS), "n"))
        notes = self._notes(curves, axes) if axes else ""
        row = _laid(pieces, width)
        room = width - sum(len(text) for text, _ in pieces) - 1
        if notes and room > 8:
            notes = fit(notes, room)
            text = row[0][: width - len(notes) - 1] + notes + " "
            keys = row[1][: width - len(notes) - 1] + "l" * (len(notes) + 1)
            return text, keys
        return row

    def _notes(self, curves: list[Curve], axes: Axes) -> str:
        """What of the view is not as usual, the most needed first."""
        view = self.view
        dot = "-" if ascii_only() else "·"
        found = []
        if view.factor > 0:
            found.append(f"smooth {view.factor:g}")
        if view.log:
            if not axes.log:
                found.append("linear: no value above 0")
            elif any(curve.track.low <= 0 for curve in curves):
                found.append("log y, 0 and below left out")
            else:
                found.append("log y")
        if view.window is not None:
            low, high = (_said(x, view.along) for x in view.window)
            found.append(f"{low} to {high} of {_said(self.whole()[1], view.along)}")
        if view.along != "step":
            found.append(f"by {view.along}")
        return f" {dot} ".join(found)


def _said(x: float, along: str) -> str:
    return duration(x) if along == "time" else compact(round(x))


def _laid(pieces: Iterable[tuple[str, str]], width: int) -> CellRow:
    """Pieces of text one after the other, cut and filled to a width."""
    text, keys = "", ""
    for piece, key in pieces:
        piece = clean(piece)
        text += piece
        keys += key * len(piece)
    return text[:width].ljust(width), keys[:width].ljust(width)
