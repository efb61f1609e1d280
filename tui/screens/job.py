"""The live panel of one run: both losses on one plot, the facts that matter, and the events."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer


class JobScreen(Screen[None]):
    """Follow one run to its end, and cancel it with one key.

    Args:
        job_id: The run to follow.
        provider: The provider it runs at; ``None`` for the configured default.
    """

    def __init__(self, job_id: str, *, provider: str | None = None) -> None:
        super().__init__()
        self.job_id = job_id
        self._provider = provider

    def compose(self) -> ComposeResult:
        """Build the screen."""
        yield Footer()
