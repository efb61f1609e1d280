"""The Jobs screen: every run the provider has, with what this machine knows of it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer


class JobsScreen(Screen[None]):
    """All runs, newest first; Enter opens one, ``x`` cancels the one under the cursor.

    Args:
        provider: The provider to list; ``None`` for the configured default.
    """

    def __init__(self, *, provider: str | None = None) -> None:
        super().__init__()
        self._provider = provider

    def compose(self) -> ComposeResult:
        """Build the screen."""
        yield Footer()
