"""Points as cells of dots, by numpy: the faint layer under lines, and what is too dense for them.

plotext draws lines a point at a time; a hundred thousand points, or noise that fills its columns
from top to bottom, are drawn here instead, in a millisecond.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Grid = NDArray[np.bool_]
Limits = tuple[float, float, float, float]
"""x0, x1, y0 and y1 of a grid's edges."""

SHAPES = {"braille": (2, 4), "block": (2, 2), "ascii": (1, 2)}
"""Dots in a cell, across and down, of each style."""

# Which bit of a braille character each of its dots is, row by row.
_BRAILLE = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_WEIGHTS = {
    "braille": _BRAILLE,
    "block": np.array([[1, 2], [4, 8]]),
    "ascii": np.array([[1], [2]]),
}
_GLYPHS = {
    "braille": " " + "".join(chr(0x2800 + code) for code in range(1, 256)),
    "block": " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█",
    "ascii": " '.:",
}


def scatter(x: Array, y: Array, limits: Limits, dots: Grid) -> None:
    """Set the dot of every finite point; those above and below are left out.

    Args:
        x: Positions.
        y: Values.
        limits: Of the grid.
        dots: The grid, row 0 at the top; changed.
    """
    rows, columns = dots.shape
    x0, x1, y0, y1 = limits
    with np.errstate(invalid="ignore"):
        across = np.rint((x - x0) / (x1 - x0) * (columns - 1))
        down = np.rint((y1 - y) / (y1 - y0) * (rows - 1))
        inside = (across >= 0) & (across < columns) & (down >= 0) & (down < rows)
    dots[down[inside].astype(np.intp), across[inside].astype(np.intp)] = True


def envelope(x: Array, y: Array, limits: Limits, dots: Grid) -> None:
    """Set all dots between the smallest and the largest value of each column of dots.

    Args:
        x: Positions, ascending.
        y: Finite values.
        limits: Of the grid.
        dots: The grid, row 0 at the top; changed.
    """
    rows, columns = dots.shape
    x0, x1, y0, y1 = limits
    across = np.rint((x - x0) / (x1 - x0) * (columns - 1)).astype(np.intp)
    inside = (across >= 0) & (across < columns)
    across, y = across[inside], y[inside]
    if not len(y):
        return
    starts = np.flatnonzero(np.r_[True, across[1:] != across[:-1]])
    down = np.rint((y1 - y) / (y1 - y0) * (rows - 1))
    top = np.minimum.reduceat(down, starts)
    bottom = np.maximum.reduceat(down, starts)
    # Neighbours touch, so that a steep line has no holes.
    high, low = top.copy(), bottom.copy()
    high[1:] = np.minimum(top[1:], bottom[:-1] + 1)
    low[1:] = np.maximum(bottom[1:], top[:-1] - 1)
    row = np.arange(rows)[:, None]
    dots[:, across[starts]] |= (row >= high) & (row <= low)


def trace(x: Array, y: Array, limits: Limits, dots: Grid) -> None:
    """Set the dots of a line through points that are further apart than the dots.

    Args:
        x: Positions, ascending.
        y: Finite values.
        limits: Of the grid.
        dots: The grid, row 0 at the top; changed.
    """
    x0, x1, _, _ = limits
    at = np.linspace(x0, x1, dots.shape[1])
    half = (x1 - x0) / (dots.shape[1] - 1 or 1) / 2
    at = at[(at >= x[0] - half) & (at <= x[-1] + half)]
    envelope(at, np.interp(at, x, y), limits, dots)


def blank(width: int, height: int, marker: str) -> Grid:
    """An empty grid of dots for so many cells."""
    across, down = SHAPES[marker]
    return np.zeros((height * down, width * across), dtype=np.bool_)


def codes(dots: Grid, marker: str) -> NDArray[np.int64]:
    """What dots there are in each cell of a grid, as a number; 0 for none."""
    across, down = SHAPES[marker]
    height, width = dots.shape[0] // down, dots.shape[1] // across
    cells = dots.reshape(height, down, width, across).astype(np.int64)
    found: NDArray[np.int64] = np.einsum("ydxa,da->yx", cells, _WEIGHTS[marker])
    return found


def characters(dots: Grid, marker: str) -> list[str]:
    """The cells of a grid as rows of characters; a space where there is no dot."""
    glyphs = _GLYPHS[marker]
    return ["".join(glyphs[c] for c in row) for row in codes(dots, marker).tolist()]


def joined(char: str, others: list[int], marker: str) -> str:
    """A cell with the dots of other cells as well.

    Args:
        char: The cell.
        others: The dots of the others, as from `codes`.
        marker: The style of all.
    """
    code = max(0, _GLYPHS[marker].find(char))
    for other in others:
        code |= other
    return _GLYPHS[marker][code]
