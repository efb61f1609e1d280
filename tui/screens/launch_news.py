"""What the workers of the Launch screen send home, and lines as one text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content
from textual.message import Message

from tui.run.launchwords import Line
from widgets.text import clean

if TYPE_CHECKING:
    from tui.jobs import LaunchRequest, LaunchResult, Preflight, Reconciled, Relaunch, Standing

_TONES = {
    "head": "bold $accent",
    "success": "$text-success",
    "warning": "$text-warning",
    "error": "$text-error",
    "muted": "$foreground-muted",
}


def content_of(lines: Sequence[Line]) -> Content:
    """Return lines as one text; every one is cleaned here."""
    parts: list[str | tuple[str, str]] = []
    for line in lines:
        text = clean(line.text, limit=400) + "\n"
        parts.append((text, _TONES[line.tone]) if line.tone in _TONES else text)
    return Content.assemble(*parts).rstrip("\n") if parts else Content("")


class Offered(Message):
    """The models that can be tuned at a provider were found."""

    def __init__(self, provider: str, models: tuple[str, ...], trouble: str = "") -> None:
        super().__init__()
        self.provider = provider
        self.models = models
        self.trouble = trouble


class Reading(Message):
    """The preflight has read part of the file."""

    def __init__(self, turn: int, fraction: float) -> None:
        super().__init__()
        self.turn = turn
        self.fraction = fraction

    def can_replace(self, message: Message) -> bool:
        """Let the newest stand for all."""
        return isinstance(message, Reading)


class Checked(Message):
    """A preflight is ready, or could not be made; ``asked`` once the provider was heard too."""

    def __init__(
        self,
        turn: int,
        request: LaunchRequest,
        found: Preflight | None,
        trouble: str = "",
        *,
        asked: bool = False,
    ) -> None:
        super().__init__()
        self.turn = turn
        self.request = request
        self.found = found
        self.trouble = trouble
        self.asked = asked


class Recalled(Message):
    """What a past run was asked for is known, or cannot be found out."""

    def __init__(self, job_id: str, found: Relaunch | None, trouble: str = "") -> None:
        super().__init__()
        self.job_id = job_id
        self.found = found
        self.trouble = trouble


class LeftOpen(Message):
    """Launches that were left open: what became of them, and where the others stand."""

    def __init__(
        self, standings: tuple[Standing, ...], settled: tuple[Reconciled, ...], said: str = ""
    ) -> None:
        super().__init__()
        self.standings = standings
        self.settled = settled
        self.said = said


class Told(Message):
    """A launch has reached a state."""

    def __init__(self, text: str, key: str = "") -> None:
        super().__init__()
        self.text = text
        self.key = key


class Ended(Message):
    """A launch is over."""

    def __init__(self, result: LaunchResult | None, trouble: str = "", hint: str = "") -> None:
        super().__init__()
        self.result = result
        self.trouble = trouble
        self.hint = hint
