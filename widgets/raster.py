"""Plots as grids of cells, with axes that the caller fixes.

The lines come from `widgets.strokes`; frame, ticks, guides, labels and signs are drawn here, so
that they stay where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from widgets import dots
from widgets.axes import Axes
from widgets.strokes import CellRow, Frame, Series, strokes

_FRAMES = {True: ("|", "-", "+", "+", "."), False: ("│", "─", "┤", "┬", "·")}
_GUIDE_EVERY = 4


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that stands at a position of the x axis.

    Attributes:
        x: Where.
        key: One letter that names its style.
        post: A character that fills the empty cells of its column; empty for none.
        over: The keys of cells that its post fills.
        foot: A character on the x axis; empty for none.
        y: Where a `head` stands, on the plot's own y axis; NaN for none.
        head: A character at x, y, over everything.
    """

    x: float
    key: str
    post: str = ""
    over: str = " "
    foot: str = ""
    y: float = float("nan")
    head: str = ""


def draw(
    series: Sequence[Series],
    axes: Axes,
    width: int,
    height: int,
    *,
    marker: str = "braille",
    guides: bool = True,
    signs: Sequence[Sign] = (),
    gutter: int = 0,
) -> tuple[tuple[CellRow, ...], Frame]:
    """A plot of exactly `width` by `height` cells.

    Args:
        series: Lines, later ones over earlier ones.
        axes: Limits and ticks; nothing is worked out from the data.
        width: Columns of the grid.
        height: Rows of the grid; with fewer than 5 there is no x axis, with fewer than 16 columns
            there is neither.
        marker: ``"braille"``, ``"block"`` or ``"ascii"``.
        guides: Dotted lines at the y ticks.
        signs: What stands at positions of the x axis, later ones over earlier ones.
        gutter: Columns that the labels of the y axis have at least, so that plots above each other
            begin in the same column.

    Returns:
        Rows of (characters, keys), and where the plot is in them. Keys are those of the series, and
        ``a`` axis, ``l`` label, ``g`` guide, blank for nothing.
    """
    ascii_ = marker == "ascii"
    bare = width < 16
    low = bare or height < 5
    label_width = max(gutter, label_room(axes))
    left = 0 if bare else label_width + 2
    # Lines in ASCII have a character a cell; only the points under them have two.
    across, down = (1, 1) if ascii_ else dots.SHAPES[marker]
    size = (max(1, width - left), max(1, height - (0 if low else 2)))
    frame = Frame(left, *size, across, down)
    body = _signed(strokes(series, axes, frame, marker), signs, axes, frame)
    tick_rows = {frame.row(value, axes): label for value, label in axes.y_ticks}
    side, _, tick, _, dot = _FRAMES[ascii_]
    rows: list[CellRow] = []
    for index, (chars, keys) in enumerate(body):
        label = tick_rows.get(index)
        if guides and label is not None:
            chars, keys = _guide(chars, keys, dot)
        if not bare:
            chars = f"{label or '':>{left - 1}}" + (side if label is None else tick) + chars
            keys = "l" * (left - 1) + "a" + keys
        rows.append((chars[:width], keys[:width]))
    if not low:
        rows += _bottom(axes, frame, width, ascii_, signs)
    return tuple(rows), frame


def label_room(axes: Axes) -> int:
    """Columns that the labels of a y axis take."""
    return max((len(label) for _, label in axes.y_ticks), default=0)


def _guide(chars: str, keys: str, dots: str) -> CellRow:
    """Faint dots in the empty cells of a row, few, because each is bytes when a line passes by."""
    out, names = list(chars), list(keys)
    for index in range(0, len(keys), _GUIDE_EVERY):
        if keys[index] == " ":
            out[index], names[index] = dots, "g"
    return "".join(out), "".join(names)


def _signed(body: list[CellRow], signs: Sequence[Sign], axes: Axes, frame: Frame) -> list[CellRow]:
    """The inside of a plot with the posts and heads of its signs."""
    shown = [sign for sign in signs if axes.x0 <= sign.x <= axes.x1]
    if not shown:
        return body
    rows = [(list(chars), list(keys)) for chars, keys in body]
    for sign in shown:
        column = frame.column(sign.x, axes)
        if sign.post:
            for chars, keys in rows:
                if keys[column] in sign.over:
                    chars[column], keys[column] = sign.post, sign.key
        if sign.head and axes.y0 <= sign.y <= axes.y1:
            chars, keys = rows[frame.row(sign.y, axes)]
            chars[column], keys[column] = sign.head, sign.key
    return [("".join(chars), "".join(keys)) for chars, keys in rows]


def _bottom(
    axes: Axes, frame: Frame, width: int, ascii_: bool, signs: Sequence[Sign]
) -> list[CellRow]:
    """The x axis with the feet of the signs, and its labels."""
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
    keys = ["a"] * frame.width
    for sign in signs:
        if sign.foot and axes.x0 <= sign.x <= axes.x1:
            column = frame.column(sign.x, axes)
            axis[column], keys[column] = sign.foot, sign.key
    corner = "+" if ascii_ else "└"
    row = " " * (frame.left - 1) + corner + "".join(axis)
    text = "".join(labels)[:width]
    return [(row[:width], ("a" * frame.left + "".join(keys))[:width]), (text, "l" * len(text))]
