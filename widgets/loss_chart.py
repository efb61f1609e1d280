"""Losses (or any metrics) of a run over its steps, on axes that stay still."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.message import Message
from textual.timer import Timer

from widgets import chart_title, chart_tones, chart_view
from widgets.axes import Axes
from widgets.cells import CellPane, CellRow
from widgets.chart_data import GUEST_KEYS, KEYS
from widgets.chart_view import Curve, Marks, View
from widgets.raster import draw, label_room
from widgets.scales import Scales
from widgets.strokes import Frame
from widgets.text import clean, fit

MIN_SECONDS = 0.5
"""Time between two drawings: at most two a second, whatever arrives."""


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

    COMPONENT_CLASSES: ClassVar[set[str]] = set(KEY_STYLES.values())
    DEFAULT_CSS = """
    LossChart {
        min-height: 4;
        & > .loss-chart--title { color: $foreground; text-style: bold; }
        & > .loss-chart--value { color: $foreground; text-style: bold; }
        & > .loss-chart--axis { color: $text-disabled; }
        & > .loss-chart--guide { color: $text-disabled; }
        & > .loss-chart--epoch { color: $text-disabled; }
        & > .loss-chart--best { text-style: bold; }
        & > .loss-chart--missing { text-style: bold; }
        & > .loss-chart--cursor { color: $foreground; }
        & > .loss-chart--label { color: $text-muted; }
        &:ansi > .loss-chart--axis { text-style: dim; }
        &:ansi > .loss-chart--guide { text-style: dim; }
        &:ansi > .loss-chart--epoch { text-style: dim; }
        &:ansi > .loss-chart--label { text-style: dim; }
    }
    """ + chart_tones.css("LossChart", KEY_STYLES)

    class Relabelled(Message):
        """The labels of the y axis need more room than before, or less."""

    def __init__(
        self,
        *,
        title: str = "Loss",
        empty_text: str = "No metrics yet",
        view: View | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        """Make an empty chart (see `follow`).

        Args:
            title: What the chart shows.
            empty_text: Said while there is nothing to draw.
            view: How it is looked at, when shared with other charts.
            id: The widget's id.
            classes: Its CSS classes.
        """
        super().__init__(id=id, classes=classes)
        self.title = clean(title, 60)
        self.empty_text = empty_text
        self.view = view or View()
        self.marks = Marks()
        self._scales = Scales()
        self._curves: list[Curve] = []
        self._total: float | None = None
        self.least_labels = 0
        self.tells_view = True
        self._axes: Axes | None = None
        self._frame: Frame | None = None
        self._drawn_at = -math.inf
        self._timer: Timer | None = None

    # Data

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

    @property
    def curves(self) -> list[Curve]:
        """What is drawn, without what has no values."""
        return [curve for curve in self._curves if len(curve.track)]

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
