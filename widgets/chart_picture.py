"""Charts as a picture: lines, dots and words at points, to be written as SVG or PNG. No Textual.

The picture is drawn anew from the numbers, not from the cells of the terminal: every point within
two a pixel column, with the same axes, smoothing and marks as on the screen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

import numpy as np

from widgets import chart_tones
from widgets.axes import Axes
from widgets.chart_view import Curve, Marks, View, missing, outside, scaled_one, series_of
from widgets.dots import Array
from widgets.numbers import metric
from widgets.scales import Scales
from widgets.strokes import buckets, means, runs
from widgets.text import cell_width, clean

WIDTH, HEIGHT = 960, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 56, 40
_LEGEND_ROW = 20
_FAINT_DOTS = 3000

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1f2328",
    "quiet": "#6e7781",
    "rule": "#d8dee4",
    **chart_tones.LIGHT,
    **{faint: chart_tones.LIGHT[line] for faint, line in chart_tones.FAINT.items()},
}
DARK = {
    "paper": "#0d1117",
    "ink": "#e6edf3",
    "quiet": "#8d96a0",
    "rule": "#30363d",
    **chart_tones.DARK,
    **{faint: chart_tones.DARK[line] for faint, line in chart_tones.FAINT.items()},
}


@dataclass(frozen=True, slots=True)
class Path:
    """A line through points in pixels, from the upper left."""

    points: tuple[tuple[float, float], ...]
    tone: str
    width: float = 1.0
    dash: bool = False


@dataclass(frozen=True, slots=True)
class Dots:
    """Small discs."""

    points: tuple[tuple[float, float], ...]
    tone: str
    radius: float = 1.5
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """A text; ``anchor`` is ``start``, ``middle`` or ``end``."""

    x: float
    y: float
    text: str
    tone: str = "ink"
    anchor: str = "start"
    bold: bool = False


Piece = Path | Dots | Words


@dataclass(slots=True)
class Picture:
    """A drawing of a size, in pixels."""

    width: int
    height: int
    pieces: list[Piece] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One chart to draw.

    Attributes:
        title: Its heading.
        curves: What is drawn; with at least one value each.
        view: How it is looked at.
        total: Where the x axis ends, when known.
        marks: What is marked.
    """

    title: str
    curves: list[Curve]
    view: View
    total: float | None
    marks: Marks


def picture_of(charts: Sequence[Drawn], caption: str = "") -> Picture:
    """Draw charts one under the other.

    Args:
        charts: What is drawn.
        caption: A line at the foot: which run this is, and when it was drawn.
    """
    foot = 28 if caption else 0
    heights = [HEIGHT + _LEGEND_ROW * (len(_legend(chart)) - 1) for chart in charts]
    picture = Picture(WIDTH, (sum(heights) or HEIGHT) + foot)
    for number, chart in enumerate(charts):
        _draw(picture, chart, sum(heights[:number]))
    if caption:
        said = Words(_LEFT, picture.height - 10, clean(caption, 160), "quiet")
        picture.pieces.append(said)
    return picture


class _Plot:
    """Positions of values inside one chart of a picture."""

    def __init__(self, axes: Axes, top: float) -> None:
        self.axes = axes
        self.left, self.right = float(_LEFT), float(WIDTH - _RIGHT)
        self.top, self.bottom = top, top + HEIGHT - _TOP - _BOTTOM

    def x(self, value: float) -> float:
        share = (value - self.axes.x0) / (self.axes.x1 - self.axes.x0)
        return self.left + share * (self.right - self.left)

    def y(self, value: float) -> float:
        share = (value - self.axes.y0) / (self.axes.y1 - self.axes.y0)
        return self.bottom - max(0.0, min(1.0, share)) * (self.bottom - self.top)

    def points(self, x: Array, y: Array) -> tuple[tuple[float, float], ...]:
        return tuple(
            (round(self.x(a), 1), round(self.y(b), 1))
            for a, b in zip(x.tolist(), y.tolist(), strict=True)
        )


def _draw(picture: Picture, chart: Drawn, top: int) -> None:
    curves, view = chart.curves, chart.view
    axes = Scales().axes(curves, view, chart.total, 110, 18)
    legend = _legend(chart)
    plot = _Plot(axes, top + _TOP + _LEGEND_ROW * (len(legend) - 1))
    add = picture.pieces.append
    _frame(picture, plot, axes, view)
    _heading(picture, chart, legend, axes, top)
    for end in chart.marks.epochs:
        if axes.x0 < end < axes.x1:
            at = plot.x(end)
            add(Path(((at, plot.top), (at, plot.bottom)), "quiet", 0.8, dash=True))
    for one in series_of(curves, view, axes):
        inside = (one.x >= axes.x0) & (one.x <= axes.x1)
        x, y = one.x[inside], one.y[inside]
        if one.faint:
            good = np.isfinite(y)
            x, y = x[good], y[good]
            every = max(1, len(x) // _FAINT_DOTS)
            add(Dots(plot.points(x[::every], y[::every]), one.key, 1.4, faint=True))
            continue
        columns = WIDTH - _LEFT - _RIGHT
        for sx, sy in runs(x, y, (axes.x1 - axes.x0) / columns):
            sx, sy = (means if one.smooth else buckets)(sx, sy, axes.x0, axes.x1, columns)
            add(Path(plot.points(sx, sy), one.key, 1.8, dash=one.mark.isupper()))
        if one.mark and not one.mark.isalpha() and len(x) < 400:
            good = np.isfinite(y)
            add(Dots(plot.points(x[good], y[good]), one.key, 2.8))
    _signs(picture, chart.marks, plot, axes)
    _told(picture, curves, plot, axes)


def _frame(picture: Picture, plot: _Plot, axes: Axes, view: View) -> None:
    add = picture.pieces.append
    for value, label in axes.y_ticks:
        y = plot.y(value)
        add(Path(((plot.left, y), (plot.right, y)), "rule", 0.8))
        add(Words(plot.left - 8, y + 4, label, "quiet", "end"))
    for value, label in axes.x_ticks:
        x = plot.x(value)
        add(Path(((x, plot.bottom), (x, plot.bottom + 5)), "quiet", 0.8))
        add(Words(x, plot.bottom + 18, label, "quiet", "middle"))
    add(Path(((plot.left, plot.bottom), (plot.right, plot.bottom)), "quiet", 1.0))
    add(Words(plot.right, plot.bottom + 33, view.along, "quiet", "end"))


def _legend(chart: Drawn) -> list[list[tuple[float, Curve, str]]]:
    """What the lines are called: rows of where each stands, its curve and its words."""
    rows: list[list[tuple[float, Curve, str]]] = [[]]
    x = float(_LEFT)
    for curve in chart.curves:
        # A run laid over others is told by its letter as well.
        letter = f"{curve.sign} " if curve.guest and curve.sign.isalpha() else ""
        said = f"{letter}{clean(curve.label, 40)} {metric(curve.track.last_finite)}"
        wide = 24 + 7.5 * cell_width(said)
        if rows[-1] and x + wide > WIDTH - _RIGHT:
            rows.append([])
            x = float(_LEFT)
        rows[-1].append((x, curve, said))
        x += wide + 18
    return rows


def _heading(
    picture: Picture,
    chart: Drawn,
    legend: list[list[tuple[float, Curve, str]]],
    axes: Axes,
    top: int,
) -> None:
    add = picture.pieces.append
    add(Words(_LEFT, top + 22, clean(chart.title, 60), bold=True))
    for number, row in enumerate(legend):
        y = top + 40 + _LEGEND_ROW * number
        for x, curve, said in row:
            add(Path(((x, y), (x + 18, y)), curve.key, 2.5))
            add(Words(x + 24, y + 4, said, "ink"))
    notes = []
    if chart.view.factor > 0:
        notes.append(f"smoothed {chart.view.factor:g}")
    if axes.log:
        notes.append("logarithmic")
    add(Words(WIDTH - _RIGHT, top + 22, ", ".join(notes), "quiet", "end"))


def _signs(picture: Picture, marks: Marks, plot: _Plot, axes: Axes) -> None:
    add = picture.pieces.append
    for x in marks.checkpoints:
        if axes.x0 <= x <= axes.x1:
            a, b = plot.x(x), plot.bottom
            add(Path(((a - 5, b), (a, b - 8), (a + 5, b), (a - 5, b)), "k", 2.0))
    if marks.best is not None and axes.x0 <= marks.best[0] <= axes.x1:
        y = scaled_one(marks.best[1], axes)
        if math.isfinite(y):
            a, b = plot.x(marks.best[0]), plot.y(y)
            shape = ((a - 6, b), (a, b - 6), (a + 6, b), (a, b + 6), (a - 6, b))
            add(Path(shape, "b", 2.2))
            add(Words(a, b - 11, f"best {metric(marks.best[1])}", "b", "middle"))


def _told(picture: Picture, curves: list[Curve], plot: _Plot, axes: Axes) -> None:
    """Values that are no numbers, at the foot, and values outside, at the edge."""
    columns = int(plot.right - plot.left) // 8
    for curve in curves:
        for one in (*missing(curve, axes, columns), *outside(curve, axes, columns)):
            a = plot.x(one.x)
            if one.foot:
                b = plot.bottom
                for way in (-4, 4):
                    picture.pieces.append(Path(((a - 4, b - way), (a + 4, b + way)), "m", 1.8))
            else:
                b, tip = plot.y(one.y), 7 if one.y == axes.y1 else -7
                shape = ((a - 4, b + tip), (a, b), (a + 4, b + tip))
                picture.pieces.append(Path(shape, curve.key, 1.8))


def svg(picture: Picture) -> str:
    """The picture as SVG: on white, or on black where the reader prefers dark."""
    tones = "".join(f"--{name}:{value};" for name, value in LIGHT.items())
    dark = "".join(f"--{name}:{value};" for name, value in DARK.items())
    size = f'width="{picture.width}" height="{picture.height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
        f'viewBox="0 0 {picture.width} {picture.height}">',
        f"<style>:root{{{tones}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"
        "text{font:13px system-ui,sans-serif}.b{font-weight:600;font-size:16px}"
        "path{fill:none;stroke-linejoin:round}.f{opacity:.3}</style>",
        f'<rect {size} fill="{LIGHT["paper"]}" style="fill:var(--paper)"/>',
    ]
    lines += [_svg_piece(piece) for piece in picture.pieces]
    return "\n".join([*lines, "</svg>", ""])


def _svg_piece(piece: Piece) -> str:
    tone = LIGHT[piece.tone]
    if isinstance(piece, Words):
        bold = ' class="b"' if piece.bold else ""
        return (
            f'<text x="{piece.x:.1f}" y="{piece.y:.1f}" text-anchor="{piece.anchor}"{bold} '
            f'fill="{tone}" style="fill:var(--{piece.tone})">{escape(piece.text)}</text>'
        )
    if isinstance(piece, Path):
        at = " ".join(f"{x:g},{y:g}" for x, y in piece.points)
        dash = ' stroke-dasharray="4 4"' if piece.dash else ""
        return (
            f'<path d="M{at}" stroke="{tone}" style="stroke:var(--{piece.tone})" '
            f'stroke-width="{piece.width:g}"{dash}/>'
        )
    faint = ' class="f"' if piece.faint else ""
    discs = "".join(
        f'<circle cx="{x:g}" cy="{y:g}" r="{piece.radius:g}"/>' for x, y in piece.points
    )
    return f'<g{faint} fill="{tone}" style="fill:var(--{piece.tone})">{discs}</g>'
