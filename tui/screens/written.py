"""What was done when a new file was written, and whether to open it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.opened.fixing import report_lines
from widgets.dialog import FramedDialog
from widgets.text import clean, shorten_path

if TYPE_CHECKING:
    from tui.dataset import FixReport


class WrittenScreen(FramedDialog["str | None"]):
    """The report on a new file; the result is its path where it is to be opened.

    Args:
        report: What was done.
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

    def __init__(self, report: FixReport) -> None:
        super().__init__()
        self._report = report
        self.set_class(report.check is not None and report.check.errors > 0, "-faulty")

    def compose(self) -> ComposeResult:
        """Build the dialog."""
        report = self._report
        with Vertical() as box:
            box.border_title = "Written"
            box.border_subtitle = "Enter opens it, Esc stays here"
            name = shorten_path(report.output or "", 70)
            lines = [Content.styled(name, "bold"), Content("")]
            lines += [Content(clean(line, 300)) for line in report_lines(report)]
            yield Static(Content("\n").join(lines), markup=False)

    def action_open(self) -> None:
        """Close; the new file is opened then, and checked as any other."""
        self.dismiss(self._report.output)

    def action_close(self) -> None:
        """Close and stay with the file that was read."""
        self.dismiss(None)
