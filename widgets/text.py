"""The one door for foreign text: whatever a file or a server says, made safe to show.

Datasets, file names, server answers and error texts can hold escape sequences, bidirectional
overrides, lone surrogates and characters whose width every terminal guesses differently. None of
them may reach a terminal. `clean` shows each of them as a visible mark instead, and everything it
returns has a width that a terminal and this module agree on.

Widths are those of `rich.cells`, because Textual lays rows out with them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from widgets._signs import INVISIBLE, NO_BASE, REGIONAL_A, REGIONAL_Z, ascii_sign_of, sign_of

__all__ = [
    "Row",
    "ascii_only",
    "cell_width",
    "clean",
    "cut_point",
    "ellipsis_mark",
    "fit",
    "pad",
    "pattern_of",
    "shorten_path",
    "use_ascii",
    "wrap",
]

TAB = 4
"""Distance of tab stops, in cells."""

MAX_MARKS = 3
"""Combining marks shown on one character; more, which would cover other rows, become signs."""


class _Table(dict[int, str]):
    """A `str.translate` table that works a code point out when it first meets it."""

    def __init__(self, ascii_: bool) -> None:
        super().__init__()
        self.ascii = ascii_

    def __missing__(self, code: int) -> str:
        shown = (ascii_sign_of if self.ascii else sign_of)(code)
        if len(shown) == 1 and ord(shown) >= 0x300 and _char_width(shown) == 0:
            _ZERO_WIDTH.add(shown)
        self[code] = shown
        return shown


_ZERO_WIDTH: set[str] = set()
_TABLES = (_Table(False), _Table(True))
_ascii = False


def use_ascii(on: bool) -> None:
    """Choose, once for the whole program, whether everything is drawn in ASCII.

    Args:
        on: True sends nothing but ASCII to the terminal.
    """
    global _ascii
    _ascii = on


def ascii_only() -> bool:
    """Whether the program draws in ASCII only (see `use_ascii`)."""
    return _ascii


def ellipsis_mark() -> str:
    """The sign for text that was left out: one character, or three dots in ASCII."""
    return "..." if _ascii else "…"


@lru_cache(maxsize=8192)
def _char_width(char: str) -> int:
    # Imported late: commands that only ever print ASCII do not need the table of widths.
    from rich.cells import get_character_cell_size

    return get_character_cell_size(char)


def cell_width(text: str) -> int:
    """Width in terminal cells of text that `clean` returned (without newlines).

    Args:
        text: Cleaned text of one line.

    Returns:
        The cells that the text takes; the same number that Textual counts.
    """
    if text.isascii():
        return len(text)
    return sum(map(_char_width, text))


def clean(text: str, limit: int | None = None, *, keep_newlines: bool = False) -> str:
    r"""Make foreign text safe to show: the only way it may reach a screen or a stream for people.

    Control characters become pictures (ESC is ``␛``), what is invisible or reorders text becomes a
    visible mark (``‹202E›``, or ``◦`` for joiners and selectors), lone surrogates, private and
    unassigned code points become their number (``‹D800›``), tabs become spaces, and piles of
    combining marks are taken apart. In ASCII mode the result is ASCII. The result of a beginning of
    a text is always a beginning of the result of the text.

    Args:
        text: Any string, hostile ones included.
        limit: At most this many characters of `text` are looked at; an ellipsis says that more
            was there. The cut never falls inside a cluster (a letter and its marks).
        keep_newlines: Keep ``\n`` as a line break; without it a newline is shown as ``␊``.

    Returns:
        Text without control, bidirectional or surrogate code points (``\n`` excepted, when kept).
    """
    cut = False
    if limit is not None and len(text) > limit:
        text = text[: cut_point(text, limit)]
        cut = True
    if not (text.isascii() and text.isprintable()):
        text = _clean(text, keep_newlines)
    return text + ellipsis_mark() if cut else text


def _clean(text: str, keep_newlines: bool) -> str:
    text = text.translate(_TABLES[_ascii])
    if not keep_newlines and "\n" in text:
        text = text.replace("\n", "^J" if _ascii else "\u240a")
    if "\t" not in text and _ZERO_WIDTH.isdisjoint(text):
        return text
    return "".join(shown for shown, _ in _pieces(text))


def _pieces(text: str) -> Iterator[tuple[str, int]]:
    """Translated text, character by character, as (what is shown, its cells).

    Tabs are expanded from the start of each line and piles of marks taken apart, so that the sum
    of the widths is the width of the whole.
    """
    column = 0
    marks = MAX_MARKS + 1
    for char in text:
        if char == "\t":
            char, width = " " * (TAB - column % TAB), TAB - column % TAB
        elif char == "\n":
            yield char, 0
            column, marks = 0, MAX_MARKS + 1
            continue
        else:
            width = 1 if " " <= char <= "~" else _char_width(char)
        if width:
            marks = 0
        else:
            char, width, marks = _tame(char, marks)
        column += width
        yield char, width


def _tame(mark: str, marks: int) -> tuple[str, int, int]:
    """One zero-width character after `marks` others: what to show, its cells, the new count."""
    if marks > MAX_MARKS:  # nothing before it on this line to sit on
        return NO_BASE + mark, 1, 1
    if marks == MAX_MARKS:
        return INVISIBLE, 1, 0
    return mark, 0, marks + 1


def _joins(before: str, after: str) -> bool:
    """Whether a cut between two characters would fall inside a cluster."""
    code = ord(after)
    if unicodedata.category(after) in ("Mn", "Me", "Mc") or code == 0x200D:
        return True
    if 0x1F3FB <= code <= 0x1F3FF or ord(before) == 0x200D:
        return True
    if 0xDC00 <= code <= 0xDFFF and 0xD800 <= ord(before) <= 0xDBFF:
        return True
    if REGIONAL_A <= code <= REGIONAL_Z:
        return REGIONAL_A <= ord(before) <= REGIONAL_Z
    return before == "\r" and after == "\n"


def cut_point(text: str, limit: int) -> int:
    """The last place at or before `limit` where text can be cut between clusters.

    Args:
        text: Source text (not cleaned).
        limit: The wanted number of characters.

    Returns:
        An index of at most `limit`; `limit` itself when a "cluster" goes on for more than 32
        characters, which no writing system needs.
    """
    if limit >= len(text):
        return len(text)
    for index in range(limit, max(0, limit - 32), -1):
        if not _joins(text[index - 1], text[index]):
            return index
    return max(0, limit)


def _head(text: str, width: int) -> str:
    """The longest beginning of cleaned text that fits in `width` cells, whole clusters only."""
    if text.isascii():
        return text[:width]
    used = 0
    for index, char in enumerate(text):
        used += _char_width(char)
        if used > width:
            return text[:index]
    return text


def fit(text: str, width: int, *, keep: str = "start") -> str:
    """Cut cleaned text to at most `width` cells, with an ellipsis where something is left out.

    Args:
        text: Cleaned text of one line.
        width: Cells at hand; 0 or less gives an empty string.
        keep: Which end stays, ``"start"`` or ``"end"``.

    Returns:
        Text of at most `width` cells.
    """
    if (len(text) <= width and text.isascii()) or cell_width(text) <= width:
        return text
    dots = ellipsis_mark()
    room = width - cell_width(dots)
    if room <= 0:
        return dots[: max(0, width)]
    if keep == "start":
        return _head(text, room) + dots
    used, index = 0, len(text)
    while index and (step := _char_width(text[index - 1])) + used <= room:
        used += step
        index -= 1
    while index < len(text) and _char_width(text[index]) == 0:
        index += 1
    return dots + text[index:]


def pad(text: str, width: int, *, align: str = "left") -> str:
    """Cut or fill cleaned text to exactly `width` cells.

    Args:
        text: Cleaned text of one line.
        width: Cells of the result.
        align: ``"left"``, ``"right"`` or ``"center"``.

    Returns:
        Text of exactly `width` cells.
    """
    text = fit(text, width)
    room = max(0, width - cell_width(text))
    if align == "right":
        return " " * room + text
    if align == "center":
        return " " * (room // 2) + text + " " * (room - room // 2)
    return text + " " * room


def shorten_path(path: str, width: int) -> str:
    """A file path in at most `width` cells; folders go first, the file name goes last.

    Args:
        path: A path as the system gave it (cleaned here).
        width: Cells at hand.

    Returns:
        The path, or an ellipsis and as many of its last parts as fit, or the end of its name.
    """
    shown = clean(path)
    if cell_width(shown) <= width:
        return shown
    parts = shown.split("/")
    dots = ellipsis_mark()
    for start in range(1, len(parts)):
        short = f"{dots}/{'/'.join(parts[start:])}"
        if cell_width(short) <= width:
            return short
    return fit(parts[-1], width, keep="end")


class Row(NamedTuple):
    """One row of wrapped text.

    Attributes:
        text: Cleaned text of the row, at most the asked number of cells.
        start: Offset in the source of the row's first character.
        end: Offset in the source after the row's last character (a newline or the blank of a
            break included).
    """

    text: str
    start: int
    end: int

    def span(self, source: str, start: int, end: int) -> tuple[int, int] | None:
        """Where a range of the source shows in this row.

        Args:
            source: The text that was wrapped.
            start: First character of the range, an offset in `source`.
            end: Offset after the range.

        Returns:
            Start and end as indexes into `text`, or None when no part of the range is here.
        """
        low, high = max(start, self.start), min(end, self.end)
        if low >= high:
            return None
        first = len(clean(source[self.start : low], keep_newlines=True).rstrip("\n"))
        last = len(clean(source[self.start : high], keep_newlines=True).rstrip("\n"))
        first, last = min(first, len(self.text)), min(last, len(self.text))
        return (first, last) if first < last else None


def wrap(source: str, width: int, start: int = 0, end: int | None = None) -> Iterator[Row]:
    r"""Wrap foreign text into rows of at most `width` cells, cleaned, as far as it is asked for.

    Breaks at blanks where one is near, else anywhere between clusters; ``\n`` always breaks.
    Lazy: the cost is that of the rows taken, whatever the length of the text.

    Args:
        source: Text not yet cleaned.
        width: Cells in a row (at least 2 are used, so that a wide character fits).
        start: Where to begin in `source`.
        end: Where to stop, the end of `source` when None.

    Yields:
        Rows in order, at least one; together their ranges cover `source[start:end]` exactly.
    """
    width = max(2, width)
    end = len(source) if end is None else end
    position = start
    newline = -1
    while True:
        if newline < position:
            newline = source.find("\n", position, end)
            if newline < 0:
                newline = end
        row = _wrap_row(source, position, newline, width)
        if row.end == newline and newline < end:
            row = Row(row.text, row.start, newline + 1)
        yield row
        if row.end >= end and not (row.end == end > position and source[end - 1] == "\n"):
            return
        position = row.end
        if position >= end:
            yield Row("", end, end)
            return


def _wrap_row(source: str, position: int, stop: int, width: int) -> Row:
    chunk = source[position : min(stop, position + width + 1)]
    if not (chunk.isascii() and chunk.isprintable()) and chunk:
        return _wrap_odd_row(source, position, stop, width)
    if len(chunk) <= width:
        return Row(chunk, position, position + len(chunk))
    blank = chunk.rfind(" ", 0, width + 1)
    if blank > width // 3:
        return Row(chunk[:blank], position, position + blank + 1)
    return Row(chunk[:width], position, position + width)


def _wrap_odd_row(source: str, position: int, stop: int, width: int) -> Row:
    """One row of text that has more in it than printable ASCII."""
    # At most MAX_MARKS characters of a cluster take no cell, so this many always fill the row.
    chunk = source[position : min(stop, position + (MAX_MARKS + 1) * (width + 1))]
    table = _TABLES[_ascii]
    used = 0
    blank = -1
    pieces: list[str] = []
    marks = MAX_MARKS + 1
    cut = None
    for index, char in enumerate(chunk):
        shown, cells, marks = _piece(table[ord(char)], used, marks)
        if used + cells > width:
            cut = index
            break
        if char in " \t":
            blank = index
        used += cells
        pieces.append(shown)
    if cut is None:
        return Row("".join(pieces), position, position + len(chunk))
    if cut == 0:  # one sign wider than the whole row
        return Row(fit(clean(chunk[0]), width), position, position + 1)
    if chunk[cut] in " \t":
        return Row("".join(pieces), position, position + cut + 1)
    if blank >= 0 and sum(map(cell_width, pieces[:blank])) > width // 3:
        return Row("".join(pieces[:blank]), position, position + blank + 1)
    safe = cut_point(chunk, cut)
    if cell_width("".join(pieces[:safe])) <= width // 3:
        safe = cut
    return Row("".join(pieces[:safe]), position, position + safe)


def _piece(shown: str, column: int, marks: int) -> tuple[str, int, int]:
    """One translated character at a column of a row: what is shown, its cells, the marks so far."""
    if shown == "\t":
        cells = TAB - column % TAB
        return " " * cells, cells, 0
    cells = cell_width(shown)
    if cells:
        return shown, cells, 0
    return _tame(shown, marks)


def pattern_of(text: str | re.Pattern[str]) -> re.Pattern[str] | None:
    """What finds a text, without regard to case; a pattern as it is.

    Args:
        text: A text as it stands, or a pattern.

    Returns:
        None for an empty text: nothing is looked for.
    """
    if isinstance(text, re.Pattern):
        return text
    return re.compile(re.escape(text.lower()), re.IGNORECASE) if text else None
