"""The dataset that a run was trained on, opened from the run where this machine still has it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding, BindingType

from tui.errors import TunedeckError
from tui.messages import OpenPath
from tui.run.compare import LOG
from tui.run.dataset import Whereabouts, find_data
from tui.run.feed import feed_of
from tui.screens.base import DeckScreen
from tui.screens.panel_base import PanelBase

if TYPE_CHECKING:
    from tui.run.runlist import RunKey


class DatasetOf(DeckScreen):
    """A screen from which the dataset of a run is opened."""

    @work(group="dataset", exclusive=True, exit_on_error=False)
    async def open_dataset_of(self, key: RunKey) -> None:
        """Open a file of this machine that holds the very bytes a run was trained on.

        Args:
            key: The run.
        """
        if key[0] == LOG:
            self.say("A log does not say what it was trained on", "warning")
            return
        try:
            found = await self.data_of(key)
        except TunedeckError as error:
            self.deck.tell(str(error), severity="error")
            return
        if found.path:
            self.app.post_message(OpenPath(found.path))
        else:
            self.deck.tell(f"{found.why_not}.", severity="warning")

    async def data_of(self, key: RunKey) -> Whereabouts:
        """Find what a run was trained on, in the files opened last too.

        Raises:
            TunedeckError: The ledger cannot be read.
        """
        ledger = await feed_of(self.deck).ledger()
        return await asyncio.to_thread(find_data, ledger, key, tuple(self.deck.memory.recent))


class PanelData(PanelBase, DatasetOf):
    """The part of the panel that leads to the training file."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "d",
            "dataset",
            "dataset",
            id="job.dataset",
            tooltip="Open the file this run was trained on, if its bytes are still here",
            show=False,
        ),
    ]

    def action_dataset(self) -> None:
        """Open the training file."""
        if self.source.kind == LOG:
            self.open_dataset_of((LOG, self.source.id))
            return
        try:
            name = self.deck.provider_config(self.provider).name
        except TunedeckError as error:
            self.deck.tell(str(error), severity="error")
            return
        self.open_dataset_of((name, self.source.id))
