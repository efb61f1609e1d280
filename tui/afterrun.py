"""What comes after a run, for the application: asking models, and what a provider keeps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.app import SystemCommand

from tui import messages
from tui.deck import Deck

if TYPE_CHECKING:
    from tui.screens.sample import SampleScreen


class AfterRun(Deck):
    """An application that opens the screens about finished runs over the Jobs screen."""

    def action_mode(self, mode: str) -> None:
        """Go to a screen; the application knows how."""
        raise NotImplementedError

    def on_sample_run(self, message: messages.SampleRun) -> None:
        """Open the Sample screen on the models of a run."""
        from tui.screens.sample import SampleScreen

        screen: SampleScreen = SampleScreen(
            message.models,
            provider=message.provider,
            prompts=message.prompts,
            trained_on=message.trained_on,
        )
        self.action_mode("jobs")
        self.push_screen(screen)

    def on_show_stored(self, message: messages.ShowStored) -> None:
        """Open the list of tuned models and files."""
        from tui.screens.stored import StoredScreen

        self.action_mode("jobs")
        self.push_screen(StoredScreen(message.provider))

    def action_sample(self) -> None:
        """Open the Sample screen with no model chosen yet."""
        self.post_message(messages.SampleRun())

    def action_stored(self) -> None:
        """Open the list of tuned models and files of the provider in use."""
        self.post_message(messages.ShowStored())

    def after_run_commands(self) -> Iterable[SystemCommand]:
        """Yield what the palette offers of these."""
        yield SystemCommand("Sample", "Ask models the same prompts", self.action_sample)
        yield SystemCommand("Models, files", "What the provider keeps; delete", self.action_stored)
