"""What was done when a new file was written, and whether to open it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from widgets.dialog import FramedDialog
from widgets.text import clean, shorten_path


class WrittenScreen(FramedDialog["str | None"]):
    """The report on a new file; the result is its path where it is to be opened.

    Args:
        path: The new file.
        lines: What was done, for a person; not cleaned.
        faulty: Something in it, or something left out of it, is worth a look.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,o", "open", "open it", id="written.open", tooltip="Open the new file"),
        Binding("escape,q", "close", "stay", id="written.close", tooltip="Stay with this file"),
    ]
    DEFAULT_CSS = """
    WrittenScreen {
        & > Vertical {
            border: round $success;
            border-title-color: $success;
            & > Static { height: auto; }
        }
        &.-faulty > Vertical { border: round $warning; border-title-color: $warning; }
    }
    """

    def __init__(self, path: str, lines: Iterable[str], *, faulty: bool) -> None:
        super().__init__()
        self._path = path
        self._lines = list(lines)
        self.set_class(faulty, "-faulty")

    def compose(self) -> ComposeResult:
        """Build the dialog."""
        with Vertical() as box:
            box.border_title = "Written"
            box.border_subtitle = "Enter opens it, Esc stays here"
            lines = [Content.styled(shorten_path(self._path, 70), "bold"), Content("")]
            lines += [Content(clean(line, 300)) for line in self._lines]
            yield Static(Content("\n").join(lines), markup=False)

    def action_open(self) -> None:
        """Close; the new file is opened then, and checked as any other."""
        self.dismiss(self._path)

    def action_close(self) -> None:
        """Close and stay with the file that was read."""
        self.dismiss(None)
