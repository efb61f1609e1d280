"""The command palette: everything by name, a row a command."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import getters, on
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from tui.screens.fitting import FittingDialog, FittingRows
from widgets.rows import Pieces
from widgets.text import cell_width, clean, fit, pad


class CommandRows(FittingRows[SystemCommand]):
    """The commands that fit what is typed."""

    def row_pieces(self, index: int, width: int) -> Pieces:
        """A name, and what it does."""
        names = max(cell_width(clean(command.title)) for command in self.items) + 2
        command = self.items[index]
        names = min(names, 36)
        name = pad(fit(clean(command.title), names - 2), names)
        words = fit(clean(command.help), max(0, width - cell_width(name) - 1))
        return [(self.cursor_sign(index), ""), (name, ""), (words, "rows--muted")]

    def row_chosen(self) -> None:
        """A click on the cursor's row runs it."""
        screen = self.screen
        if isinstance(screen, Palette):
            screen.action_run()


class Palette(FittingDialog[None]):
    """Choose a command by typing some of its name.

    Args:
        commands: What can be chosen, in the order in which it is offered.
        title: What is being chosen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "close", id="palette.close", tooltip="Close"),
    ]
    DEFAULT_CSS = """
    Palette {
        & CommandRows { background: $surface; }
    }
    """

    rows = getters.query_one(CommandRows)

    def __init__(self, commands: Iterable[SystemCommand], *, title: str = "Commands") -> None:
        super().__init__()
        self._commands = list(commands)
        self._title = title

    def compose(self) -> ComposeResult:
        """Build the dialog."""
        with Vertical() as box:
            box.border_title = self._title
            box.border_subtitle = "Enter does it, Esc closes"
            # A cursor that stands still: every blink would be bytes on the line.
            entry = Input(placeholder="type some of the name")
            entry.cursor_blink = False
            yield entry
            yield CommandRows("No command is called that")

    def on_mount(self) -> None:
        """Offer everything."""
        self.rows.offer(self._commands)
        self.entry.focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.rows.offer(matching(self._commands, event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_run()

    def action_run(self) -> None:
        """Close, then do what was chosen: it may open a dialog of its own."""
        command = self.rows.current
        if command is not None and self.is_active:
            self.dismiss(None)
            self.app.call_later(command.callback)


def matching(commands: Iterable[SystemCommand], typed: str) -> list[SystemCommand]:
    """Return the commands that fit what was typed, the best first.

    Args:
        commands: All of them.
        typed: The beginning or a part of a name or of its explanation, or the name's letters in
            order with others between.
    """
    wanted = typed.strip().lower()
    ranked = [(_rank(wanted, command), command) for command in commands]
    return [command for rank, command in sorted(ranked, key=lambda pair: pair[0]) if rank < _NONE]


_NONE = 4


def _rank(wanted: str, command: SystemCommand) -> int:
    title = command.title.lower()
    if title.startswith(wanted):
        return 0
    if wanted in title:
        return 1
    letters = iter(title)
    if all(letter in letters for letter in wanted):
        return 2
    return 3 if wanted in command.help.lower() else _NONE
