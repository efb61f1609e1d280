"""Dialogs: they close themselves and nothing else, and most stand in a frame."""

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


class FramedDialog(Dialog[ScreenResultType]):
    """A dialog in the middle of the screen, in a frame as high as what is in it."""

    DEFAULT_CSS = """
    FramedDialog {
        align: center middle;
        & > Vertical {
            width: 76;
            max-width: 100%;
            height: auto;
            max-height: 100%;
            border: round $accent;
            border-title-color: $accent;
            border-subtitle-color: $text-muted;
            padding: 0 1;
            background: $surface;
        }
        & Input { border: none; height: 1; padding: 0; background: $boost; }
        & Input:focus { border: none; }
    }
    """
