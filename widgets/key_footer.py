"""The keys that work here, in one row that is sent only when they change."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from widgets.rows import add_segment
from widgets.text import ascii_only, cell_width, clean


class KeyFooter(Widget):
    """Like Textual's footer, but one widget: no layout and no bytes when a key set stays the same.

    Shows bindings with `show=True` in the order that Textual gives them, as far as they fit.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    KeyFooter {
        dock: bottom;
        height: 1;
        color: $text-muted;
        & > .key-footer--key { color: $text-accent; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-footer--key"}

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._keys: tuple[tuple[str, str], ...] = ()

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """The keys shown, with what they do."""
        return self._keys

    def on_mount(self) -> None:
        """Follow the bindings of the screen."""
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)
        self._bindings_changed(self.screen)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        keys: dict[str, tuple[str, str]] = {}
        for active in screen.active_bindings.values():
            binding = active.binding
            if binding.show and active.enabled and binding.description:
                name = binding.key if ascii_only() else self.app.get_key_display(binding)
                shown = (clean(name, 20), clean(binding.description, 40))
                keys.setdefault(binding.action, shown)
        found = tuple(keys.values())
        if found != self._keys:
            self._keys = found
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The row."""
        width = self.content_size.width
        plain = self.rich_style
        if y:
            return Strip.blank(width, plain)
        segments: list[Segment] = []
        used = 0
        key_style = self.get_component_rich_style("key-footer--key")
        for key, text in self._keys:
            cells = cell_width(key) + cell_width(text) + 4
            if used + cells > width:
                break
            add_segment(segments, f" {key}", key_style)
            add_segment(segments, f" {text}  ", plain)
            used += cells
        add_segment(segments, " " * (width - used), plain)
        return Strip(segments, width)
