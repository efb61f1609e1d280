"""What the parts of the live panel share: the run, and what can be done to it."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.run.source import RunSource
from tui.run.state import RunState
from tui.screens.job_actions import JobActions


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
        Binding("e", "show_line", "show line", id="job.line", tooltip="Show the line at fault"),
        Binding("t", "sample", "try it", id="job.sample", tooltip="Ask the tuned model something"),
    ]

    state: RunState
    source: RunSource
    provider: str | None
    file: str
    held: bool

    def clock(self) -> float:
        """The time in seconds since 1970."""
        raise NotImplementedError

    def file_is_open(self) -> bool:
        """Whether the training file of this run is the open dataset."""
        raise NotImplementedError
