"""Fields of a form: Textual's own, where they must be seen without colour and bear fast typing."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Checkbox, Select
from textual.widgets._select import SelectCurrent, SelectOverlay


class Tick(Checkbox):
    """A checkbox whose state is seen without colour: ``[ ]`` or ``[x]``."""

    BUTTON_LEFT = ""
    BUTTON_INNER = "[ ]"
    BUTTON_RIGHT = ""
    DEFAULT_CSS = """
    Tick > .toggle--button, Tick.-on > .toggle--button {
        color: $foreground; background: transparent; text-style: bold;
    }
    Tick:focus > .toggle--button { color: $accent; text-style: bold reverse; }
    """

    def __init__(self, label: str, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(label, id=id, compact=True)

    def watch_value(self) -> None:
        """Draw the state."""
        self.BUTTON_INNER = "[x]" if self.value else "[ ]"
        super().watch_value()


class ChoiceRows(SelectOverlay):
    """The rows that drop down; page keys typed before they are drawn do no harm."""

    def action_page_up(self) -> None:
        """Move the choice some rows up."""
        self._move(-8)

    def action_page_down(self) -> None:
        """Move the choice some rows down."""
        self._move(8)

    def _move(self, rows: int) -> None:
        # Textual's own looks up where the row is drawn, and ends the program when it is not yet.
        if self.option_count:
            self.highlighted = max(0, min((self.highlighted or 0) + rows, self.option_count - 1))


class Choice(Select[str], inherit_bindings=False):
    """A list that drops down; the arrows move past it, as past the other fields of a form."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "show_overlay", "Show menu", show=False)
    ]

    def compose(self) -> ComposeResult:
        """What is chosen, and the rows."""
        yield SelectCurrent(self.prompt)
        yield ChoiceRows().data_bind(compact=Select.compact)
