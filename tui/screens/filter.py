"""The Filter dialog: one line in the filter language, and the words it can be made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from tui.deck import Deck
from tui.errors import TunedeckError
from tui.opened.filterwords import (
    Choice,
    count_codes,
    count_flags,
    narrowed,
    offered,
    partial_word,
    picked,
    used_words,
)
from tui.screens.fitting import FittingRows
from widgets.dialog import FramedDialog
from widgets.numbers import integer
from widgets.rows import Pieces
from widgets.text import clean, fit, pad

_WORDS = 38


class Choices(FittingRows[Choice]):
    """The words that fit what is typed, those in the filter marked."""

    class Picked(Message):
        """A click picked the word under the cursor."""

    def __init__(self) -> None:
        super().__init__("No word of the filter language fits")
        self.used: frozenset[str] = frozenset()

    def show(self, choices: list[Choice], used: frozenset[str]) -> None:
        """Show these words; the cursor goes to the first unless the words are the same."""
        if choices == self.items:
            if used != self.used:
                self.used = used
                self.refresh()
            return
        same = [choice.text for choice in choices] == [choice.text for choice in self.items]
        before, self.items, self.used = len(self.items), choices, used
        if not same:
            self.cursor = 0
            self.scroll_rows(0)
        self.rows_changed(before)
        self.refresh()

    def row_pieces(self, index: int, width: int) -> Pieces:
        """Whether it is in the filter, the word, how many records, what it means."""
        choice = self.items[index]
        mark = " * " if choice.text in self.used else "   "
        count = integer(choice.count) if choice.count is not None else ""
        names = min(_WORDS, max(14, (width - 16) // 2))
        room = width - names - 16
        return [
            (self.cursor_sign(index), ""),
            (mark, "rows--warning"),
            (pad(clean(choice.text), names), ""),
            (f"{count:>10}", ""),
            ("  " + fit(clean(choice.note), room) if room > 8 else "", "rows--muted"),
        ]

    def row_chosen(self) -> None:
        """A click on the cursor's row picks it."""
        self.post_message(self.Picked())


class FilterScreen(FramedDialog["str | None"]):
    """Ask which records to show; the result is a filter in its language, or ``None``.

    Args:
        text: The filter in use, in the filter language.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "close", id="filter.close", tooltip="Change nothing"),
        Binding("tab", "pick", "pick", id="filter.pick", tooltip="Put the word in, or take it out"),
        Binding("down,ctrl+n", "move(1)", "choose", id="filter.down", tooltip="The next word"),
        Binding("up,ctrl+p", "move(-1)", "choose", id="filter.up", tooltip="The word before"),
        Binding("pagedown", "move(10)", "choose", id="filter.page_down", show=False),
        Binding("pageup", "move(-10)", "choose", id="filter.page_up", show=False),
    ]
    DEFAULT_CSS = """
    FilterScreen {
        & > Vertical { width: 92; height: 26; }
        & #said { height: auto; max-height: 2; color: $text-muted; margin-bottom: 1; }
        & #said.-error { color: $text-error; }
        & Choices { background: $surface; height: 1fr; }
    }
    """

    class Counted(Message):
        """How many records have each flag was counted."""

        def __init__(self, tally: Mapping[str, int]) -> None:
            super().__init__()
            self.tally = tally

    deck = getters.app(Deck)
    entry = getters.query_one(Input)
    rows = getters.query_one(Choices)

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._text = text
        self._all: list[Choice] = []
        self._moved = False

    def compose(self) -> ComposeResult:
        """Build the dialog."""
        with Vertical() as box:
            box.border_title = "Show only"
            entry = Input(
                f"{self._text} " if self._text else "",
                placeholder="severity:error has:tools tokens:>1000 /refund/i",
            )
            entry.cursor_blink = False
            yield entry
            yield Static("", id="said", markup=False)
            yield Choices()

    def on_mount(self) -> None:
        """Offer the words of this dataset; count in a thread how many records each stands for."""
        self._offer(None)
        self.entry.focus()
        facets = self.deck.workspace.facets
        if facets is None:
            return

        report = self.deck.workspace.report
        codes = tuple(report.counts) if report is not None else ()

        def work() -> None:
            self.post_message(self.Counted(count_flags(facets) | count_codes(facets, codes)))

        self.run_worker(work, group="count", thread=True, exclusive=True, exit_on_error=False)

    def on_filter_screen_counted(self, message: Counted) -> None:
        """Put the counts beside the words."""
        self._offer(message.tally)

    def _offer(self, tally: Mapping[str, int] | None) -> None:
        from tui.dataset import RULES

        codes = {code: rule.summary for code, rule in RULES.items()}
        self._all = offered(self.deck.workspace.report, tally, codes)
        self._show()

    def _show(self) -> None:
        line = self.entry.value
        self.rows.show(narrowed(self._all, line), used_words(line))
        self._say()

    def _say(self, *, insist: bool = False) -> None:
        words, trouble = reading(self.entry.value)
        choice = self.rows.current
        if trouble and not insist and choice is not None and partial_word(self.entry.value):
            # A word half typed is nothing wrong.
            words, trouble = f"Tab takes {choice.text}", ""
        said = self.query_one("#said", Static)
        said.set_class(bool(trouble), "-error")
        said.update(Content(clean(trouble or words, 200)))
        deed = "Enter takes the word" if self._moved else "Enter shows them"
        self.query_one(Vertical).border_subtitle = f"Tab takes the word, {deed}, Esc closes"

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._moved = False
        self._show()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._moved:
            self.action_pick()
            return
        if reading(event.value)[1]:
            self._say(insist=True)
        else:
            self.dismiss(event.value)

    def action_move(self, step: int) -> None:
        """Move among the words."""
        self._moved = True
        self.rows.move_cursor(self.rows.cursor + step)
        self._say()

    def action_pick(self) -> None:
        """Put the word under the cursor into the line, or take it out."""
        choice = self.rows.current
        if choice is None:
            return
        at = self.rows.cursor
        known = frozenset(c.text for c in self._all if c.whole)
        self.entry.value = picked(self.entry.value, choice, known)
        self.entry.cursor_position = len(self.entry.value)
        if self.rows.items[at : at + 1] == [choice]:
            self.rows.move_cursor(at)

    def on_choices_picked(self) -> None:
        """Take the word that was clicked."""
        self.action_pick()

    def action_close(self) -> None:
        """Close without changing anything."""
        self.dismiss(None)


def reading(text: str) -> tuple[str, str]:
    """Return what a filter says in plain English, and what is wrong with it; not cleaned."""
    from tui.dataset import Filter

    try:
        wanted = Filter.parse(text)
    except TunedeckError as error:
        return "", f"{error.message}: {error.hint}" if error.hint else error.message
    return (f"Shows: {wanted.words()}" if not wanted.empty else "Shows every record"), ""
