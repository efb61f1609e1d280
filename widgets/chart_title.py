"""What stands over a chart: its name and last values, or what is read at the cursor. No Textual."""

from __future__ import annotations

from collections.abc import Iterable

from widgets.axes import Axes
from widgets.cell_text import WIDE, in_cells
from widgets.chart_view import Curve, Marks, View, missing_count, raw_at, read_at, sign
from widgets.numbers import compact, counted, duration, integer, metric
from widgets.strokes import CellRow
from widgets.text import ascii_only, cell_width, clean, fit

Piece = tuple[str, str]
"""A text and the key of its style."""

_VALUE_CELLS = 8
_LEAST_GUEST, _MOST_GUEST = 6, 24
_LABEL_CELLS = 24
_LEAST_NAME = 8


def heading(title: str, curves: list[Curve], width: int) -> list[Piece]:
    """The name of a chart and the last value of each of its lines.

    Where the width is too small for all of it, the values stay, as they are what is looked for:
    the name is cut first, then the names of the lines are left out.
    """
    least = min(_LEAST_NAME, cell_width(title))
    pieces = _own(title, curves, short=False)
    guests = [curve for curve in curves if curve.guest and not curve.points]
    wanted = least + sum(min(_MOST_GUEST, cell_width(clean(each.label))) + 4 for each in guests)
    if _room(pieces, width) < (wanted if guests else least):
        pieces = _own(title, curves, short=True)
    if guests:
        cells = (_room(pieces, width) - cell_width(title)) // len(guests) - 4
        names = [fit(clean(g.label), max(_LEAST_GUEST, min(_MOST_GUEST, cells))) for g in guests]
        pieces += [(f"  {g.sign} {name}", g.key) for g, name in zip(guests, names, strict=True)]
    return [(f" {fit(title, max(least, _room(pieces, width)))} ", "T"), *pieces]


def _own(title: str, curves: list[Curve], *, short: bool) -> list[Piece]:
    """A sign, a name and a value for each line of the run itself."""
    pieces: list[Piece] = []
    for curve in curves:
        if curve.guest:
            continue
        last = curve.track.last
        said = metric(last) if last == last else "NaN"
        if short:
            pieces += [(f" {curve.sign} ", curve.key), (said, "n")]
            continue
        # A number that stands alone is called like its chart: once is enough.
        alike = _alike(curve.label, title)
        label = "" if alike else fit(clean(curve.label), _LABEL_CELLS) + " "
        pieces += [(f"  {curve.sign} {label}", curve.key), (said.ljust(_VALUE_CELLS), "n")]
    return pieces


def _room(pieces: list[Piece], width: int) -> int:
    """Cells left for a chart's name, with a blank at either side of it."""
    text = "".join(text for text, _ in pieces).rstrip()
    return width - cell_width(text) - 2


def _alike(label: str, title: str) -> bool:
    return label.replace("_", " ").lower()[:40] == title.lower()[:40]


def notes(
    curves: list[Curve],
    view: View,
    axes: Axes,
    *,
    end: float,
    zoomed: bool,
    left_out: int,
    shared: bool,
) -> list[str]:
    """What of the view is not as usual, the most needed first.

    Args:
        curves: What is drawn.
        view: How.
        axes: On what.
        end: Where the whole x axis ends.
        zoomed: Whether a person chose the limits of the y axis.
        left_out: How many outliers lie outside.
        shared: Tell also what other charts beside this one have in common with it.
    """
    found = []
    missing = sum(missing_count(curve) for curve in curves)
    if missing:
        found.append(f"{sign('missing')} {integer(missing)} NaN")
    if zoomed:
        found.append("y zoomed")
    elif left_out:
        found.append(f"{counted(left_out, 'outlier')} outside")
    if view.log and not axes.log:
        found.append("linear: no value above 0")
    elif view.log and any(curve.track.low <= 0 for curve in curves):
        found.append("log y, 0 and below left out")
    elif view.log and shared:
        found.append("log y")
    return found + _common(view, end) if shared else found


def _common(view: View, end: float) -> list[str]:
    """What all charts of a view have in common."""
    found = [f"smooth {view.factor:g}"] if view.factor > 0 else []
    if view.window is not None:
        low, high = (_said(x, view.along) for x in view.window)
        found.append(f"{low} to {high} of {_said(end, view.along)}")
    if view.along != "step":
        found.append(f"by {view.along}")
    return found


def titled(pieces: Iterable[Piece], said: list[str], width: int) -> CellRow:
    """A title's pieces at the left and as many notes as there is room for at the right.

    Args:
        pieces: Of the title.
        said: The notes.
        width: Columns.

    Returns:
        The row, filled to its width.
    """
    row = laid(pieces, width)
    room = width - len(row[0].rstrip()) - 4
    dot = "-" if ascii_only() else "·"
    while said and len(f" {dot} ".join(said)) > room:
        said = said[:-1]
    if not said:
        return row
    text = f" {dot} ".join(said) + " "
    return row[0][: width - len(text)] + text, row[1][: width - len(text)] + "l" * len(text)


def laid(pieces: Iterable[Piece], width: int) -> CellRow:
    """Pieces of text one after the other, cut and filled to a width."""
    text, keys = "", ""
    for piece, key in pieces:
        piece = in_cells(clean(piece))
        text += piece
        keys += key * len(piece)
    if text[width : width + 1] == WIDE:
        text = text[: width - 1]
    return text[:width].ljust(width), keys[:width].ljust(width)


def _said(x: float, along: str) -> str:
    return duration(x) if along == "time" else compact(round(x))


def readout(
    title: str, curves: list[Curve], view: View, marks: Marks, width: int
) -> list[tuple[str, str]]:
    """What stands at the cursor, as pieces of text with the keys of their styles.

    Where the width is too small for all of it, what is left out first is where a line was last
    measured, then its value under smoothing, then the distance to the best, then all names.
    """
    pieces = _pieces(title, curves, view, marks)
    for told in (" at ", " ~", f"  {sign('best')}", "to best"):
        if sum(len(text) for text, _ in pieces) <= width:
            break
        pieces = [
            piece
            for piece in pieces
            if piece[1] == "T" or not (piece[0].startswith(told) or piece[0].endswith(told))
        ]
    if sum(len(text) for text, _ in pieces) > width:
        pieces = [(_nameless(text, key, title, curves), key) for text, key in pieces]
    if sum(len(text) for text, _ in pieces) > width:
        # Each other run has a line of each kind, the first of which has to do.
        second = {f"  {curve.sign} " for curve in curves if curve.guest and curve.points}
        gone = [place for place, (text, _) in enumerate(pieces) if text in second]
        pieces = [each for at, each in enumerate(pieces) if not {at, at - 1} & set(gone)]
    return pieces


def _nameless(text: str, key: str, title: str, curves: list[Curve]) -> str:
    """A piece of a readout without the name of the chart or the line."""
    if key == "T":
        return text.replace(f" {title} at", "", 1).replace(f" {title}:", "", 1)
    line = next((curve for curve in curves if text == f"  {curve.sign} {curve.label} "), None)
    return f"  {line.sign} " if line else text


def _pieces(title: str, curves: list[Curve], view: View, marks: Marks) -> list[tuple[str, str]]:
    x = view.cursor if view.cursor is not None else 0.0
    own = [curve for curve in curves if not curve.guest] or curves
    # Steps of other runs are the same ones only where the axis counts steps.
    counted_in = curves if view.along == "step" else own
    steps = [step for curve in counted_in if (step := raw_at(curve, x)[0]) == step]
    head = (
        f" {title} at step {integer(int(max(steps)))}" if steps else f" {title}: before the first"
    )
    if view.along != "step":
        at = duration(x) if view.along == "time" else f"{integer(int(x))} tokens"
        head += f" · {at}"
    pieces = [(head.replace("·", "-") if ascii_only() else head, "T")]
    for curve in curves:
        step, value = raw_at(curve, x)
        if step != step:
            continue
        pieces.append((f"  {curve.sign} {curve.label} ", curve.key))
        pieces.append((metric(value) if value == value else "NaN", "n"))
        if curve.is_smoothed(view.factor):
            pieces.append((f" ~{metric(read_at(curve, view, x)[1])}", "l"))
        if steps and step < max(steps) and not curve.guest:
            pieces.append((f" at {integer(int(step))}", "l"))
    if marks.best is not None and own:
        judged = next((c for c in reversed(own) if c.points), own[0])
        value = raw_at(judged, x)[1]
        if value == value:
            pieces.append((f"  {sign('best')} ", "b"))
            pieces.append((f"{value - marks.best[1]:+.4f} to best", "l"))
    return pieces
