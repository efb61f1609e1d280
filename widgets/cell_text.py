"""Text in a grid of one character a cell, where some characters are two cells wide. No Textual."""

from __future__ import annotations

from widgets.text import cell_width

WIDE = "\0"
"""Stands in the second cell of a wide character."""


def in_cells(text: str) -> str:
    """A cleaned text with one character for each of its cells: `WIDE` after a wide one."""
    if text.isascii():
        return text
    cells = []
    for char in text:
        width = cell_width(char)
        if width:  # what only changes the character before it has no cell
            cells.append(char + WIDE * (width - 1))
    return "".join(cells)


def whole(cells: str) -> str:
    """Part of a row, in which a wide character that is cut in two is a blank."""
    if cells.isascii() and cells[:1] != WIDE:
        return cells
    if cells[0] == WIDE:
        cells = " " + cells[1:]
    return cells[:-1] + " " if cell_width(cells[-1]) == 2 else cells


def text_of(cells: str) -> str:
    """The text of a row of cells."""
    return cells.replace(WIDE, "")
