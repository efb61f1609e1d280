"""The bar beside a long view."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from widgets.text import ascii_only


class Thumb(Widget):
    """One column at the right that shows which part of a long view is seen.

    A widget of its own, so that it can change without the rows beside it being sent again.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"thumb--bar"}
    DEFAULT_CSS = """
    Thumb {
        dock: right;
        width: 1;
        height: 1fr;
        & > .thumb--bar { color: $text-muted; }
        &:ansi > .thumb--bar { text-style: dim; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown = (0, 0)
        self._strips: dict[bool, Strip] = {}

    def notify_style_update(self) -> None:
        """Forget the colours that were looked up."""
        self._strips.clear()
        super().notify_style_update()

    def show_part(self, top: int, height: int, count: int) -> None:
        """Draw the bar for rows `top` to `top + height` of `count`; refreshes only on a change."""
        part = (0, 0)
        if count > height > 0:
            size = max(1, height * height // count)
            room = max(1, count - height)
            part = (min(height - size, (height - size) * top // room + (0 < top < room)), size)
            part = (min(part[0], height - size), size)
        if part != self._shown:
            before, self._shown = self._shown, part
            changed = set(range(before[0], sum(before))) ^ set(range(part[0], sum(part)))
            self.refresh(*(Region(0, row, 1, 1) for row in changed))

    def render_line(self, y: int) -> Strip:
        """One cell: the bar, or nothing."""
        first, size = self._shown
        on_bar = first <= y < first + size
        strip = self._strips.get(on_bar)
        if strip is None:
            strip = self._strips[on_bar] = Strip([self._cell(on_bar)], 1)
        return strip

    def _cell(self, on_bar: bool) -> Segment:
        if not on_bar:
            return Segment(" ", self.rich_style)
        return Segment("#" if ascii_only() else "▐", self.get_component_rich_style("thumb--bar"))
