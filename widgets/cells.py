"""A widget drawn from a grid of cells, which sends only the cells that changed.

Textual repaints regions, and always from the left edge of a widget to the right edge of the
region. A `CellPane` is therefore laid out as a few tiles side by side: a changed cell costs its
tile's share of the row at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from widgets.cell_text import WIDE, text_of, whole

CellRow = tuple[str, str]
"""Characters of one row (one a cell, see `widgets.cell_text`), and one style key a character."""

_JOIN_WITHIN = 8


def changed_runs(before: CellRow, after: CellRow) -> Iterator[tuple[int, int]]:
    """Ranges of columns in which two rows differ; near ones are joined, a cursor move costs more.

    Args:
        before: The row as drawn last.
        after: The row as it should be, of the same length.

    Yields:
        (start, end) columns, left to right.
    """
    if before == after:
        return
    if WIDE in before[0] or WIDE in after[0]:
        yield 0, len(after[0])  # a title in wide characters; half of one is never drawn
        return
    start = end = -1
    differs = zip(before[0], before[1], after[0], after[1], strict=True)
    for column, (char, key, new_char, new_key) in enumerate(differs):
        if char == new_char and (key == new_key or char == " "):
            continue
        if start < 0:
            start = column
        elif column - end >= _JOIN_WITHIN:
            yield start, end
            start = column
        end = column + 1
    if start >= 0:
        yield start, end


class Tile(Widget):
    """A vertical slice of a `CellPane`."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Tile { width: 1fr; height: 1fr; }
    """

    @property
    def pane(self) -> CellPane:
        """The pane whose cells it shows."""
        assert isinstance(self.parent, CellPane)
        return self.parent

    @property
    def column(self) -> int:
        """Its first column in the pane."""
        return self.region.x - self.pane.content_region.x

    def render_line(self, y: int) -> Strip:
        """Its part of one row."""
        return self.pane.strip_between(y, self.column, self.size.width)


class CellPane(Widget):
    """Base of widgets that draw a grid of cells; `redraw` sends what differs from before.

    A subclass gives `make_rows`, and names the component class of each style key in `KEY_STYLES`.
    """

    TILES: ClassVar[int] = 6
    KEY_STYLES: ClassVar[Mapping[str, str]] = {}
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    CellPane { layout: horizontal; overflow: hidden hidden; height: 1fr; color: $foreground; }
    """

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._rows: tuple[CellRow, ...] = ()
        self._made_for = Size(-1, -1)
        self._key_styles: dict[str, Style] = {}

    @property
    def rows(self) -> tuple[CellRow, ...]:
        """The rows as drawn last; made now where the size is new, so that one paint is enough."""
        size = self.content_size
        if size != self._made_for and size.area:
            self._made_for = size
            self._rows = tuple(self.make_rows(size.width, size.height))
        return self._rows

    def make_rows(self, width: int, height: int) -> Sequence[CellRow]:
        """The whole grid.

        Args:
            width: Columns, at least 1.
            height: Rows, at least 1.

        Returns:
            `height` rows of `width` characters and keys.
        """
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """The tiles."""
        for _ in range(self.TILES):
            yield Tile()

    def on_resize(self) -> None:
        """Draw all tiles again: one that only moved would show the columns it had before."""
        for tile in self.query_children(Tile):
            tile.refresh()

    def notify_style_update(self) -> None:
        """Forget worked-out styles: theme or focus changed."""
        self._key_styles.clear()
        super().notify_style_update()

    def key_style(self, key: str) -> Style:
        """The style of a key, with the pane's background."""
        style = self._key_styles.get(key)
        if style is None:
            name = self.KEY_STYLES.get(key)
            style = self.get_component_rich_style(name) if name else self.rich_style
            self._key_styles[key] = style
        return style

    def strip_between(self, y: int, start: int, width: int) -> Strip:
        """Part of a row as a strip of exactly `width` cells."""
        rows = self.rows
        if y >= len(rows):
            return Strip.blank(width, self.rich_style)
        chars, keys = rows[y]
        chars = whole(chars[start : start + width]).ljust(width)
        keys = keys[start : start + width].ljust(width)
        segments: list[Segment] = []
        first = 0
        key = keys[0] if keys else " "
        for index in range(1, width):
            # A blank has no colour of its own: it never starts a segment.
            if keys[index] != key and chars[index] != " ":
                if chars[first:index].strip():
                    segments.append(Segment(text_of(chars[first:index]), self.key_style(key)))
                    first = index
                key = keys[index]
        if width:
            segments.append(Segment(text_of(chars[first:]), self.key_style(key)))
        return Strip(segments, width)

    def redraw(self) -> None:
        """Make the grid again, and refresh the cells that differ from the one before."""
        size = self.content_size
        if not (self.is_mounted and size.area):
            return
        before, self._rows = self.rows, tuple(self.make_rows(size.width, size.height))
        runs = [
            (y, start, end)
            for y, (old, new) in enumerate(zip(before, self._rows, strict=True))
            for start, end in changed_runs(old, new)
        ]
        if runs:
            self._refresh_runs(runs)

    def _refresh_runs(self, runs: Sequence[tuple[int, int, int]]) -> None:
        for tile in self.query_children(Tile):
            left, right = tile.column, tile.column + tile.size.width
            regions = [
                Region(max(start, left) - left, y, min(end, right) - max(start, left), 1)
                for y, start, end in runs
                if start < right and end > left
            ]
            if regions:
                tile.refresh(*regions)
