"""The lines of a plot as cells: by plotext, and by dots where plotext would be slow.

plotext's figure is a module global, therefore one lock. It is imported at the first plot, and it is
slow with many points, therefore it never gets more than two a column, and no line that goes up and
down all over its columns: those, and the faint points under a line, are drawn by `widgets.dots`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from widgets import dots
from widgets.axes import Axes

Array = NDArray[np.float64]
CellRow = tuple[str, str]
"""One row of a grid: its characters, and one style key a character."""

MARKERS = {"braille": "braille", "block": "hd", "ascii": "*"}
"""What draws a line, a marker style each."""

_BUSY = 14
"""Dots of travel up and down a column from which a line is too much for plotext."""
_SGR = re.compile(r"\x1b\[([0-9;]*)m")
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a plot.

    Attributes:
        x: Positions, ascending, float64.
        y: Values of the same length; NaN and infinities are gaps.
        key: One letter that names the style of its cells.
        mark: A character on single values (thinned to one every few columns) over the line, so
            that lines are told apart without colour; empty for none.
        line: The character that draws the line in ASCII.
        faint: Points only, under all lines and in their own quiet style.
        every: Columns from one mark to the next, at least.
        smooth: Where many values fall on a dot, their mean is drawn instead of their range.
    """

    x: Array
    y: Array
    key: str
    mark: str = ""
    line: str = "*"
    faint: bool = False
    every: int = 3
    smooth: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the plot is inside its grid.

    Attributes:
        left: Cells of the labels and the axis at the left.
        width: Columns of the plot itself.
        height: Rows of the plot itself; the x axis and its labels follow below.
        across: Dots in a cell, from left to right.
        down: Dots in a cell, from top to bottom.
    """

    left: int
    width: int
    height: int
    across: int = 1
    down: int = 1

    def column(self, x: float, axes: Axes) -> int:
        """The column of the plot in which `x` lies."""
        share = (x - axes.x0) / (axes.x1 - axes.x0)
        dot = round(share * (self.width * self.across - 1))
        return max(0, min(self.width - 1, dot // self.across))

    def row(self, y: float, axes: Axes) -> int:
        """The row of the plot (0 is the top) in which `y` lies."""
        share = (y - axes.y0) / (axes.y1 - axes.y0)
        dot = round(share * (self.height * self.down - 1))
        return max(0, min(self.height - 1, self.height - 1 - dot // self.down))


def buckets(x: Array, y: Array, x0: float, x1: float, columns: int) -> tuple[Array, Array]:
    """At most two points a column: the smallest and the largest of each, in their order.

    Args:
        x: Positions, ascending.
        y: Finite values of the same length.
        x0: Position of the first column's left edge.
        x1: Position of the last column's right edge.
        columns: How many columns.

    Returns:
        Thinned positions and values; the input where it is small enough already.
    """
    if len(x) <= 2 * columns:
        return x, y
    edges = np.searchsorted(x, np.linspace(x0, x1, columns + 1)[1:-1])
    starts = np.r_[0, edges[np.diff(edges, prepend=0) > 0]]  # np.unique loads masked arrays
    starts = starts[starts < len(x)]
    ends = np.r_[starts[1:], len(x)]
    low, high = np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)
    rising = y[ends - 1] >= y[starts]
    out_x = np.repeat(x[starts], 2)
    out_x[1::2] = x[ends - 1]
    out_y = np.empty(2 * len(starts))
    out_y[0::2], out_y[1::2] = np.where(rising, low, high), np.where(rising, high, low)
    return out_x, out_y


def means(x: Array, y: Array, x0: float, x1: float, columns: int) -> tuple[Array, Array]:
    """One point a column, the mean of its values, where there are more (see `buckets`)."""
    if len(x) <= 2 * columns:
        return x, y
    starts = np.flatnonzero(np.diff(((x - x0) / (x1 - x0) * columns).astype(np.int64), prepend=-1))
    counts = np.diff(np.r_[starts, len(x)])
    found = np.add.reduceat(x, starts) / counts, np.add.reduceat(y, starts) / counts
    found[0][0], found[0][-1] = x[0], x[-1]
    return found


def runs(x: Array, y: Array, least: float = 0.0) -> list[tuple[Array, Array]]:
    """The stretches of finite values between gaps.

    Args:
        x: Positions, ascending.
        y: Values of the same length.
        least: A gap that is no wider than this is not seen, and parts nothing.
    """
    good = np.isfinite(y) & np.isfinite(x)
    if good.all():
        return [(x, y)] if len(x) else []
    places = np.flatnonzero(good)
    x, y = x[places], y[places]
    parted = (np.diff(places) > 1) & (np.diff(x) > least)
    edges = np.r_[0, np.flatnonzero(parted) + 1, len(x)]
    return [(x[a:b], y[a:b]) for a, b in pairwise(edges.tolist()) if b > a]


def strokes(series: Sequence[Series], axes: Axes, frame: Frame, marker: str) -> list[CellRow]:
    """The inside of a plot: lines by plotext, over what `widgets.dots` draws."""
    found = [(one, part) for one in series if (part := _within(one, axes, frame))]
    faint = [each for each in found if each[0].faint]
    lines = [each for each in found if not each[0].faint]
    full = [_busy(stretches, axes, frame) for _, stretches in lines]
    many = [_dense(stretches, axes, frame) for _, stretches in lines]
    dense = [each for each, a, b in zip(lines, full, many, strict=True) if a or b]
    rest = [each for each, a, b in zip(lines, full, many, strict=True) if not (a or b)]
    thin = [each for each, a in zip(lines, full, strict=True) if not a]
    body = drawn = [(" " * frame.width, " " * frame.width)] * frame.height
    for one, stretches in faint:
        body = _overlaid(body, _layer(one, stretches, axes, frame, marker))
    for one, stretches in dense:
        drawn = _overlaid(drawn, _layer(one, stretches, axes, frame, marker))
    if rest:
        drawn = _overlaid(drawn, _lines(rest, axes, frame, marker))
    if len(thin) > 1 and marker != "ascii":
        drawn = _shared(drawn, thin, axes, marker)
    return _marked(_overlaid(body, drawn), [one for one, _ in found if one.mark], axes, frame)


def _within(one: Series, axes: Axes, frame: Frame) -> list[tuple[Array, Array]]:
    """The stretches between gaps that lie inside the axes, their ends cut at the edges."""
    # What leaves the axes goes on beyond them, so that a line is cut and does not bend.
    span = axes.y1 - axes.y0
    columns = frame.width * frame.across
    first = max(0, int(np.searchsorted(one.x, axes.x0)) - 1)
    last = int(np.searchsorted(one.x, axes.x1, side="right")) + 1
    x, y = one.x[first:last], one.y[first:last]
    if one.faint:
        return [(x, y)] if len(x) else []
    found = []
    for sx, sy in runs(x, y, 2 * (axes.x1 - axes.x0) / columns):
        inside = (sx >= axes.x0) & (sx <= axes.x1)
        if not inside.all():
            ends = [e for e in (axes.x0, axes.x1) if len(sx) > 1 and sx[0] < e < sx[-1]]
            sx, sy = (
                np.r_[sx[inside], ends],
                np.r_[sy[inside], np.interp(ends, sx, sy)],
            )
            order = np.argsort(sx, kind="stable")
            sx, sy = sx[order], sy[order]
        if len(sx):
            sy = np.clip(sy, axes.y0 - span, axes.y1 + span)
            thin, most = (means, columns) if one.smooth else (buckets, 2000)
            found.append(thin(sx, sy, axes.x0, axes.x1, most))
    return found


def _busy(stretches: list[tuple[Array, Array]], axes: Axes, frame: Frame) -> bool:
    """Whether lines go up and down so much that plotext would be slow, and no line be seen."""
    scale = 4 * frame.height / (axes.y1 - axes.y0)
    inside = (np.clip(y, axes.y0, axes.y1) for _, y in stretches)
    travel = sum(float(np.abs(np.diff(y)).sum()) for y in inside)
    return travel * scale > _BUSY * frame.width


def _dense(stretches: list[tuple[Array, Array]], axes: Axes, frame: Frame) -> bool:
    """Whether lines have a point for nearly every dot, so that there is nothing to join."""
    dot = (axes.x1 - axes.x0) / (frame.width * frame.across)
    spanned = sum((float(x[-1] - x[0]) for x, _ in stretches), 0.0)
    return frame.across > 1 and spanned / dot <= 1.2 * sum(len(x) for x, _ in stretches)


def _layer(
    one: Series, stretches: list[tuple[Array, Array]], axes: Axes, frame: Frame, marker: str
) -> list[CellRow]:
    """Points, or a line that is too busy for plotext, as cells of dots."""
    grid = dots.blank(frame.width, frame.height, marker)
    limits = (axes.x0, axes.x1, axes.y0, axes.y1)
    for x, y in stretches:
        (dots.scatter if one.faint else dots.envelope)(x, y, limits, grid)
    rows = dots.characters(grid, marker)
    if marker == "ascii" and not one.faint:
        rows = ["".join(" " if char == " " else one.line for char in row) for row in rows]
    return [(row, "".join(" " if char == " " else one.key for char in row)) for row in rows]


def _overlaid(under: list[CellRow], over: list[CellRow]) -> list[CellRow]:
    """Two layers as one; the upper one's cells win."""
    rows = []
    for below, above in zip(under, over, strict=True):
        if not above[1].strip():
            rows.append(below)
        elif not below[1].strip():
            rows.append(above)
        else:
            cells = [
                (char, key) if key != " " else (old, old_key)
                for old, old_key, char, key in zip(*below, *above, strict=True)
            ]
            rows.append(("".join(c for c, _ in cells), "".join(k for _, k in cells)))
    return rows


def _marked(
    body: list[CellRow], series: Sequence[Series], axes: Axes, frame: Frame
) -> list[CellRow]:
    """The inside of a plot with the marks of its series on it."""
    rows = [(list(chars), list(keys)) for chars, keys in body]
    for one in series:
        x, y = _thinned(one, axes, frame)
        for at, value in zip(x.tolist(), y.tolist(), strict=True):
            chars, keys = rows[frame.row(value, axes)]
            column = frame.column(at, axes)
            chars[column], keys[column] = one.mark, one.key
    return [("".join(chars), "".join(keys)) for chars, keys in rows]


def _lines(
    series: Sequence[tuple[Series, list[tuple[Array, Array]]]],
    axes: Axes,
    frame: Frame,
    marker: str,
) -> list[CellRow]:
    """Lines, by plotext, which is told their numbers as their colours."""
    with _LOCK:
        # Imported at the first plot: nothing else of the program needs it.
        import plotext

        _prepare(plotext, axes, frame)
        for index, (one, stretches) in enumerate(series, 1):
            shape = one.line if marker == "ascii" else MARKERS[marker]
            for x, y in stretches:
                x, y = buckets(x, y, axes.x0, axes.x1, frame.width)
                add = plotext.scatter if len(x) == 1 else plotext.plot
                add(x.tolist(), y.tolist(), marker=shape, color=index)
        built: str = plotext.build()
    keys = [one.key for one, _ in series]
    blank = (" " * frame.width, " " * frame.width)
    rows = [_cells(line, keys, frame.width) for line in built.split("\n")[: frame.height]]
    return rows + [blank] * (frame.height - len(rows))


def _shared(
    rows: list[CellRow],
    series: Sequence[tuple[Series, list[tuple[Array, Array]]]],
    axes: Axes,
    marker: str,
) -> list[CellRow]:
    """Cells that two lines share with the dots of both: otherwise only the upper one's are left.

    Without this a line would have holes wherever another one is near.
    """
    limits = (axes.x0, axes.x1, axes.y0, axes.y1)
    codes = {}
    for one, stretches in series:
        grid = dots.blank(len(rows[0][0]), len(rows), marker)
        for x, y in stretches:
            dots.trace(x, y, limits, grid)
        codes[one.key] = dots.codes(grid, marker)
    found = [(list(chars), keys) for chars, keys in rows]
    # Three in a cell would be a blot.
    for row, column in np.argwhere(sum(each > 0 for each in codes.values()) == 2).tolist():
        chars, keys = found[row]
        if keys[column] in codes:
            others = [int(each[row, column]) for key, each in codes.items() if key != keys[column]]
            chars[column] = dots.joined(chars[column], others, marker)
    return [("".join(chars), keys) for chars, keys in found]


def _prepare(plt: Any, axes: Axes, frame: Frame) -> None:
    plt.clear_figure()
    plt.theme("clear")
    plt.limit_size(False, False)
    plt.plot_size(frame.width, frame.height)
    plt.frame(False)
    plt.xaxes(False, False)
    plt.yaxes(False, False)
    plt.xticks([])
    plt.yticks([])
    plt.xlim(axes.x0, axes.x1)
    plt.ylim(axes.y0, axes.y1)


def _thinned(one: Series, axes: Axes, frame: Frame) -> tuple[Array, Array]:
    """The first point inside of every few columns, so that marks stay where they are."""
    x, y = one.x, one.y
    near = 1e-6 * (axes.y1 - axes.y0)
    good = (y >= axes.y0 - near) & (y <= axes.y1 + near) & (x >= axes.x0) & (x <= axes.x1)
    x, y = x[good], y[good]
    # Marks of different lines stand in different columns where lines are close.
    columns = (x - axes.x0) / (axes.x1 - axes.x0) * frame.width + 3 * ord(one.mark) % one.every
    first = np.diff((columns / one.every).astype(np.int64), prepend=-1) > 0
    return x[first], y[first]


def _cells(line: str, keys: Sequence[str], width: int) -> CellRow:
    """One line of plotext's output as characters and keys."""
    chars: list[str] = []
    names: list[str] = []
    key = " "
    position = 0
    for match in [*_SGR.finditer(line), None]:
        text = line[position : match.start() if match else len(line)]
        chars.append(text)
        names += [key if char != " " else " " for char in text]
        if match:
            position = match.end()
            key = _key_of(match.group(1), keys)
    text = "".join(chars)[:width].ljust(width)
    return text, "".join(names)[:width].ljust(width)


def _key_of(code: str, keys: Sequence[str]) -> str:
    parts = code.split(";")
    if parts[:2] == ["38", "5"] and len(parts) == 3:
        index = int(parts[2]) - 1
        return keys[index] if 0 <= index < len(keys) else " "
    return " "
