"""One row that says what just happened, and is quiet again after a while."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from widgets.text import cell_width, clean, fit

_TONES = {"": "", "good": "flash--good", "warn": "flash--warn", "bad": "flash--bad"}
_SIGNS = {"warn": "! ", "bad": "! "}


class Flash(Widget):
    """A status row: says one thing, for as long as it is told to."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Flash {
        height: 1;
        color: $text-muted;
        & > .flash--good { color: $text-success; }
        & > .flash--warn { color: $text-warning; }
        & > .flash--bad { color: $text-error; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"flash--good", "flash--warn", "flash--bad"}

    def __init__(
        self,
        text: str = "",
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        """Make a row.

        Args:
            text: What it says when there is no news; foreign parts are cleaned.
            id: The widget's id.
            classes: Its CSS classes.
        """
        super().__init__(id=id, classes=classes)
        self._resting = clean(text, 500)
        self._said = (self._resting, "")
        self._timer: Timer | None = None

    @property
    def text(self) -> str:
        """What it says now."""
        return self._said[0]

    def say(self, text: str, tone: str = "", *, seconds: float | None = None) -> None:
        """Say something.

        Args:
            text: What; foreign parts are cleaned.
            tone: ``""``, ``"good"``, ``"warn"`` or ``"bad"`` (the last two have a sign too).
            seconds: How long; until replaced or cleared when None.
        """
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._show(_SIGNS.get(tone, "") + clean(text, 500), tone)
        if seconds is not None and self.is_mounted:
            self._timer = self.set_timer(seconds, self.clear)

    def rest(self, text: str) -> None:
        """Set what is said when there is no news."""
        before, self._resting = self._resting, clean(text, 500)
        if self._said == (before, ""):
            self._show(self._resting, "")

    def clear(self) -> None:
        """Go back to what is said when there is no news."""
        self._timer = None
        self._show(self._resting, "")

    def _show(self, text: str, tone: str) -> None:
        if self._said != (text, tone):
            self._said = (text, tone)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The row."""
        width = self.content_size.width
        if y:
            return Strip.blank(width, self.rich_style)
        text, tone = self._said
        name = _TONES.get(tone, "")
        style = self.get_component_rich_style(name) if name else self.rich_style
        shown = fit(text, width)
        return Strip([Segment(shown + " " * (width - cell_width(shown)), style)], width)
