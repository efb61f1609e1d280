"""Plots as grids of cells: plotext behind one function, with axes that the caller fixes.

plotext draws the lines; frame, ticks, guides and labels are ours, so that they stay where they
are. Its figure is a module global, therefore one lock. It is imported at the first plot, and it is
slow with many points, therefore it never gets more than two a column.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from widgets.axes import Axes

Array = NDArray[np.float64]
CellRow = tuple[str, str]
"""One row of a grid: its characters, and one style key a character."""

MARKERS = {"braille": "braille", "block": "hd", "ascii": "*"}
"""What draws a line, a marker style each."""

_FRAMES = {True: ("|", "-", "+", "+", "."), False: ("│", "─", "┤", "┬", "·")}
_GUIDE_EVERY = 4
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
    """

    x: Array
    y: Array
    key: str
    mark: str = ""
    line: str = "*"


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the plot is inside its grid.

    Attributes:
        left: Cells of the labels and the axis at the left.
        width: Columns of the plot itself.
        height: Rows of the plot itself; the x axis and its labels follow below.
    """

    left: int
    width: int
    height: int

    def column(self, x: float, axes: Axes) -> int:
        """The column of the plot in which `x` lies."""
        share = (x - axes.x0) / (axes.x1 - axes.x0)
        return max(0, min(self.width - 1, round(share * (self.width - 1))))

    def row(self, y: float, axes: Axes) -> int:
        """The row of the plot (0 is the top) in which `y` lies."""
        share = (y - axes.y0) / (axes.y1 - axes.y0)
        return max(0, min(self.height - 1, self.height - 1 - round(share * (self.height - 1))))


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
    column = np.clip(((x - x0) / (x1 - x0) * columns).astype(np.int64), 0, columns - 1)
    starts = np.flatnonzero(np.r_[True, column[1:] != column[:-1]])
    order = np.lexsort((y, column))
    ends = np.r_[starts[1:], len(x)]
    low, high = order[starts], order[ends - 1]
    keep = np.unique(np.r_[low, high])
    return x[keep], y[keep]


def runs(x: Array, y: Array) -> list[tuple[Array, Array]]:
    """The stretches of finite values between gaps."""
    good = np.isfinite(y) & np.isfinite(x)
    if good.all():
        return [(x, y)] if len(x) else []
    edges = np.flatnonzero(np.diff(np.r_[False, good, False].astype(np.int8)))
    return [(x[a:b], y[a:b]) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def draw(
    series: Sequence[Series],
    axes: Axes,
    width: int,
    height: int,
    *,
    marker: str = "braille",
    guides: bool = True,
) -> tuple[tuple[CellRow, ...], Frame]:
    """A plot of exactly `width` by `height` cells.

    Args:
        series: Lines, later ones over earlier ones.
        axes: Limits and ticks; nothing is worked out from the data.
        width: Columns of the grid.
        height: Rows of the grid; with fewer than 5, or fewer than 16 columns, axes are left out.
        marker: ``"braille"``, ``"block"`` or ``"ascii"``.
        guides: Dotted lines at the y ticks.

    Returns:
        Rows of (characters, keys), and where the plot is in them. Keys are those of the series, and
        ``a`` axis, ``l`` label, ``g`` guide, blank for nothing.
    """
    ascii_ = marker == "ascii"
    bare = height < 5 or width < 16
    label_width = 0 if bare else max((len(label) for _, label in axes.y_ticks), default=0)
    left = 0 if bare else label_width + 2
    frame = Frame(left, max(1, width - left), max(1, height - (0 if bare else 2)))
    body = _plot(series, axes, frame, marker)
    tick_rows = {frame.row(value, axes): label for value, label in axes.y_ticks}
    side, _, tick, _, dots = _FRAMES[ascii_]
    rows: list[CellRow] = []
    for index, (chars, keys) in enumerate(body):
        label = tick_rows.get(index)
        if guides and label is not None:
            chars, keys = _guide(chars, keys, dots)
        if not bare:
            edge = side if label is None else tick
            chars = (
                f"{label or '':>{label_width}} {edge}"[: left - 1].ljust(left - 1) + edge + chars
            )
            keys = "l" * (left - 1) + "a" + keys
        rows.append((chars[:width], keys[:width]))
    if not bare:
        rows += _bottom(axes, frame, width, ascii_)
    return tuple(rows), frame


def _guide(chars: str, keys: str, dots: str) -> CellRow:
    """Faint dots in the empty cells of a row, few, because each is bytes when a line passes by."""
    out, names = list(chars), list(keys)
    for index in range(0, len(keys), _GUIDE_EVERY):
        if keys[index] == " ":
            out[index], names[index] = dots, "g"
    return "".join(out), "".join(names)


def _bottom(axes: Axes, frame: Frame, width: int, ascii_: bool) -> list[CellRow]:
    """The x axis and its labels."""
    _, line, _, tick, _ = _FRAMES[ascii_]
    axis = [line] * frame.width
    labels = [" "] * width
    free_from = 0
    for value, label in axes.x_ticks:
        column = frame.column(value, axes)
        start = max(0, min(frame.left + column - len(label) // 2, width - len(label)))
        if start < free_from:
            continue
        axis[column] = tick
        labels[start : start + len(label)] = label
        free_from = start + len(label) + 1
    corner = "+" if ascii_ else "└"
    row = " " * (frame.left - 1) + corner + "".join(axis)
    text = "".join(labels)[:width]
    return [(row[:width], ("a" * width)[:width]), (text, "l" * len(text))]


def _plot(series: Sequence[Series], axes: Axes, frame: Frame, marker: str) -> list[CellRow]:
    """The inside of a plot, by plotext."""
    blank = (" " * frame.width, " " * frame.width)
    keys: list[str] = []
    with _LOCK:
        # Imported at the first plot: nothing else of the program needs it.
        import plotext

        _prepare(plotext, axes, frame)
        for one in series:
            if _add(plotext, one, axes, frame, marker, len(keys)):
                keys.append(one.key)
        if not keys:
            return [blank] * frame.height
        built: str = plotext.build()
        plotext.clear_figure()
    rows = [_cells(line, keys, frame.width) for line in built.split("\n")[: frame.height]]
    return rows + [blank] * (frame.height - len(rows))


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


def _add(plt: Any, one: Series, axes: Axes, frame: Frame, marker: str, index: int) -> bool:
    """Hand one series to plotext, its number as its colour; whether there was anything to draw."""
    inside = np.clip(one.y, axes.y0, axes.y1)
    added = False
    for x, y in runs(one.x, np.where(np.isfinite(one.y), inside, np.nan)):
        x, y = buckets(x, y, axes.x0, axes.x1, frame.width)
        added = True
        shape = one.line if marker == "ascii" else MARKERS[marker]
        if len(x) == 1:
            plt.scatter(x.tolist(), y.tolist(), marker=shape, color=index + 1)
        else:
            plt.plot(x.tolist(), y.tolist(), marker=shape, color=index + 1)
    if one.mark and added:
        x, y = _thinned(one.x, inside, axes, frame)
        plt.scatter(x.tolist(), y.tolist(), marker=one.mark, color=index + 1)
    return added


def _thinned(x: Array, y: Array, axes: Axes, frame: Frame) -> tuple[Array, Array]:
    """The first finite point of every third column, so that marks stay where they are."""
    good = np.isfinite(y)
    x, y = x[good], y[good]
    slots = ((x - axes.x0) / (axes.x1 - axes.x0) * frame.width / 3).astype(np.int64)
    _, first = np.unique(slots, return_index=True)
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
