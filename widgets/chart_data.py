"""Signs and keys of the lines of a chart, and a plot of whole lines at once. No Textual."""

from __future__ import annotations

from collections.abc import Sequence

from widgets.chart_view import Curve, View, series_of
from widgets.raster import draw
from widgets.scales import Scales
from widgets.strokes import CellRow
from widgets.text import ascii_only
from widgets.track import Track

KEYS = "tvwx"
"""Style keys of up to four lines."""

GUEST_KEYS = "ABCD"
"""Style keys of up to four runs laid over them."""

_MARKS = ("•", "+", "x")
_ASCII_MARKS = ("o", "+", "x")


def signs(marked: Sequence[bool]) -> tuple[str, ...]:
    """A sign a line, for its title and its marks: a stroke, or for marked lines a character each.

    Args:
        marked: For each line, whether its single values are marked.

    Returns:
        One character a line, all different but for plain lines.
    """
    marks = iter(_ASCII_MARKS if ascii_only() else _MARKS)
    stroke = "*" if ascii_only() else "━"
    return tuple(next(marks, stroke) if mark else stroke for mark in marked)


def plot_cells(
    lines: Sequence[tuple[Sequence[float], Sequence[float]]],
    marks: Sequence[str],
    width: int,
    height: int,
    total: float | None,
) -> tuple[CellRow, ...]:
    """A plot of whole lines at once, for the plain commands.

    Args:
        lines: (steps, values) of each line.
        marks: The sign of each line, from `signs`; all but the first are marked with it.
        width: Columns.
        height: Rows.
        total: Where the x axis ends, when known.

    Returns:
        Rows of characters and keys.
    """
    curves = []
    for index, ((steps, values), key, sign) in enumerate(zip(lines, KEYS, marks, strict=False)):
        track = Track()
        for step, value in zip(steps, values, strict=True):
            track.add(float(step), float(value))
        curves.append(Curve(track, "", key, sign, points=index > 0))
    view = View()
    axes = Scales().axes(curves, view, total, width, height)
    return draw(series_of(curves, view, axes), axes, width, height, marker=view.style)[0]
