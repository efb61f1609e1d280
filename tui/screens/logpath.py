"""Ask for the path of a training log."""

from __future__ import annotations

import os
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from widgets.dialog import FramedDialog


class LogPathScreen(FramedDialog["str | None"]):
    """A line for a path; the result is the path, ``None`` when it was closed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "close", id="log.close", tooltip="Close"),
    ]
    WORDS = (
        "A trainer's output, trainer_log.jsonl, trainer_state.json, TensorBoard files, CSV or JSON "
        "lines; or a folder: several runs are compared."
    )

    def compose(self) -> ComposeResult:
        """Build the dialog."""
        with Vertical() as box:
            box.border_title = "Open a training log"
            box.border_subtitle = "Enter opens it, Esc closes"
            entry = Input(placeholder="path of a log, or a folder of runs")
            entry.cursor_blink = False
            yield entry
            yield Static(self.WORDS)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        self.dismiss(os.path.expanduser(text) if text else None)

    def action_close(self) -> None:
        """Close without a path."""
        self.dismiss(None)
