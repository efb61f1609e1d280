"""The Launch screen: a form, a live preflight beside it, and one deliberate key that spends money."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer


class LaunchScreen(Screen[None]):
    """Fill in a run, see what is wrong with it and what it costs, and start it once.

    Args:
        path: The training file to begin with; empty to use the open dataset.
        provider: The provider to begin with; ``None`` for the configured default.
    """

    def __init__(self, path: str = "", *, provider: str | None = None) -> None:
        super().__init__()
        self._path = path
        self._provider = provider

    def compose(self) -> ComposeResult:
        """Build the screen."""
        yield Footer()
