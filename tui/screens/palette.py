"""The command palette, with a cursor that stands still: every blink would be bytes on the line."""

from __future__ import annotations

from textual.command import CommandPalette
from textual.widgets import Input


class Palette(CommandPalette):
    """Textual's palette in the deck's manner."""

    def __init__(self) -> None:
        super().__init__(id="--command-palette", placeholder="Search for commands")

    def on_mount(self) -> None:
        """Keep the cursor still."""
        self.query_one(Input).cursor_blink = False
