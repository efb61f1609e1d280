"""What the parts of the live panel share: the run, and what can be done to it."""

from __future__ import annotations

import asyncio
import os
from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.messages import OpenPath, ShowRecord
from tui.run.source import RunSource
from tui.run.state import RunState
from tui.screens.job_actions import JobActions

_OPENED_WITHIN, _LOOK_EVERY = 60.0, 0.1


class PanelBase(JobActions):
    """A screen about one run.

    Attributes:
        state: What is known of the run.
        source: Where it is followed from.
        provider: The provider of a job; ``None`` for the one in use.
        file: Path of the training file on this machine; empty when not known.
        held: Whether the view is held still.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "x", "cancel_run", "cancel", id="job.cancel", tooltip="Cancel this run; asks first"
        ),
        Binding("p", "change('pause')", "pause", id="job.pause", tooltip="Pause the run"),
        Binding("u", "change('resume')", "resume", id="job.resume", tooltip="Resume the run"),
        Binding("space", "hold", "hold", id="job.hold", tooltip="Hold the view still, or let go"),
        Binding(
            "e",
            "show_line",
            "show line",
            id="job.line",
            tooltip="Show the line of the training file that the provider complains of",
        ),
        Binding("t", "sample", "try it", id="job.sample", tooltip="Ask the tuned model something"),
        Binding(
            "A",
            "again",
            "launch again",
            id="job.again",
            tooltip="Launch this run again, with changes",
            show=False,
        ),
    ]

    state: RunState
    source: RunSource
    provider: str | None
    file: str
    held: bool

    def clock(self) -> float:
        """The time in seconds since 1970."""
        raise NotImplementedError

    def open_line(self, path: str, line: int) -> None:
        """Show a line of a file on the Data screen, opening the file first where it is not open.

        Args:
            path: The file.
            line: The line, from 1.
        """
        if self._is_open(path):
            self.app.post_message(ShowRecord(line))
        else:
            self.app.post_message(OpenPath(path))
            self.app.run_worker(self._show_once_open(path, line), group="show", exclusive=True)

    def _is_open(self, path: str) -> bool:
        workspace = self.deck.workspace
        return workspace.source is not None and os.path.abspath(workspace.path) == path

    async def _show_once_open(self, path: str, line: int) -> None:
        """Wait until a file is open and its lines are known so far, then go there."""
        workspace = self.deck.workspace
        for _ in range(int(_OPENED_WITHIN / _LOOK_EVERY)):
            await asyncio.sleep(_LOOK_EVERY)
            if self._is_open(path) and workspace.lines >= line:
                self.app.post_message(ShowRecord(line))
                return
