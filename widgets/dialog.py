"""A dialog that closes itself and nothing else."""

from __future__ import annotations

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen, ScreenResultType


class Dialog(ModalScreen[ScreenResultType]):
    """A modal screen that may be told to close twice, or when it is not in view.

    Textual closes whatever screen is on top then: keys typed ahead, or a worker that ends after
    another screen was put over the dialog, would take away the wrong one.
    """

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Close with a result if this is the screen in view; else do nothing."""
        return super().dismiss(result) if self.is_active else AwaitComplete()
