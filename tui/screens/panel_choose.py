"""A list of which some are chosen: the numbers to chart, the runs to lay over this one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from tui.screens.fitting import FittingDialog, FittingRows
from widgets.rows import Pieces
from widgets.text import cell_width, clean, fit, pad


@dataclass(frozen=True, slots=True)
class Option:
    """Something that can be chosen.

    Attributes:
        key: What tells it from the others.
        name: Its name; not cleaned.
        about: What else there is to say of it; not cleaned.
    """

    key: str
    name: str
    about: str = ""


class OptionRows(FittingRows[Option]):
    """The options that fit what is typed.

    Args:
        chosen: The keys of those that are ticked.
    """

    def __init__(self, chosen: Sequence[str]) -> None:
        super().__init__("Nothing is called that")
        self.chosen = list(chosen)

    def row_pieces(self, index: int, width: int) -> Pieces:
        """A tick, a name, and what there is to say."""
        option = self.items[index]
        tick = "[x] " if option.key in self.chosen else "[ ] "
        names = max(cell_width(clean(each.name, limit=80)) for each in self.items)
        room = min(names, max(20, width // 2))
        name = pad(fit(clean(option.name, limit=80), room), room + 2)
        about = fit(clean(option.about, limit=200), max(0, width - 5 - cell_width(name)))
        return [(self.cursor_sign(index), ""), (tick, ""), (name, ""), (about, "rows--muted")]

    def row_chosen(self) -> None:
        """A click on the cursor's row ticks it."""
        self.toggle()

    def toggle(self) -> None:
        """Tick the row under the cursor, or take the tick away."""
        if self.current is not None:
            key = self.current.key
            if key in self.chosen:
                self.chosen.remove(key)
            else:
                self.chosen.append(key)
            self.refresh_row(self.cursor)


class NameInput(Input):
    """A line for a part of a name, in which a space ticks instead."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Leave the space to the dialog."""
        return key != "space" and super().check_consume_key(key, character)


class ChooseScreen(FittingDialog["list[str] | None"]):
    """Choose some of a list; the result is the keys in the order chosen, ``None`` for no change.

    Args:
        title: What is chosen.
        options: What there is.
        chosen: What is chosen now.
        most: How many can be chosen; the first ones count.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "close", id="choose.close", tooltip="Close; nothing changes"),
        Binding("space", "tick", "tick", id="choose.tick", priority=True, tooltip="Tick it or not"),
    ]
    DEFAULT_CSS = """
    ChooseScreen {
        & OptionRows { background: $surface; }
    }
    """

    rows = getters.query_one(OptionRows)

    def __init__(
        self, title: str, options: Sequence[Option], chosen: Sequence[str], *, most: int
    ) -> None:
        super().__init__()
        self._title = title
        self._options = list(options)
        self._chosen = list(chosen)
        self._most = most

    def compose(self) -> ComposeResult:
        """Build the dialog."""
        with Vertical() as box:
            box.border_title = self._title
            box.border_subtitle = f"Space ticks up to {self._most}, Enter shows them, Esc closes"
            entry = NameInput(placeholder=self.placeholder())
            entry.cursor_blink = False
            yield entry
            yield OptionRows(self._chosen)

    def placeholder(self) -> str:
        """What is said where nothing is typed."""
        return "type some of the name"

    def on_mount(self) -> None:
        """Offer everything."""
        self.rows.offer(self.fitting(""))
        self.entry.focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.rows.offer(self.fitting(event.value.strip()))

    def fitting(self, typed: str) -> list[Option]:
        """The options that fit what is typed."""
        wanted = typed.lower()
        return [
            option for option in self._options if wanted in f"{option.name} {option.about}".lower()
        ]

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        rows = self.rows
        if rows.current is None:
            return
        under = rows.current.key
        # Enter with nothing ticked anew takes the row under the cursor.
        fresh = rows.chosen != self._chosen
        self.dismiss((rows.chosen if fresh else [under])[: self._most])

    def action_tick(self) -> None:
        """Tick the row under the cursor, or take the tick away."""
        self.rows.toggle()
