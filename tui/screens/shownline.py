"""The line over the list of records that says which of them it shows."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from widgets.text import ascii_only, fit


class ShownLine(Widget):
    """One line over the list: which records it shows; hidden while that is simply all of them."""

    DEFAULT_CSS = """
    ShownLine {
        dock: top;
        display: none;
        height: 1;
        margin-top: 1;
        background: $boost;
        color: $foreground;
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._text = ""

    def show(self, parts: list[str]) -> None:
        """Show these parts, cleaned by the caller, as far as they fit; hide the line for none."""
        dot = " - " if ascii_only() else " · "
        text = dot.join(part for part in parts if part)
        if text != self._text:
            self._text = text
            self.display = bool(text)
            self.refresh()

    def render(self) -> Content:
        """Draw the line; what does not fit gives way to its end, which says how to leave."""
        head, dot, last = self._text.rpartition(" - " if ascii_only() else " · ")
        room = self.size.width - 2
        if not dot or len(last) > room // 2:
            return Content(f" {fit(self._text, room)}")
        return Content.assemble(
            f" {fit(head, room - len(last) - len(dot))}", (dot + last, "$foreground-muted")
        )
