"""The search line at the foot of the Data screen: a text, how to take it, and what it finds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from tui.opened.search import CASES, Ask
from widgets.text import ascii_only, clean

ROLES = ("", "system", "user", "assistant", "tool")
_CASE_WORDS = {"auto": "if typed", "match": "matters", "ignore": "ignored"}


class SearchInput(Input):
    """The text; the keys beside it are those of the line it stands in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "line('give_up')", "back", id="search.give_up", tooltip="Go back"),
        Binding(
            "ctrl+r",
            "line('regex')",
            "regex",
            id="search.regex",
            tooltip="Take it as a regular expression, or as a text",
        ),
        Binding(
            "ctrl+t",
            "line('case')",
            "case",
            id="search.case",
            tooltip="Capitals matter if one is typed, always, or never",
        ),
        Binding(
            "ctrl+o",
            "line('role')",
            "role",
            id="search.role",
            tooltip="Only in messages of one role",
        ),
        Binding("up", "line('earlier')", "earlier", id="search.earlier", tooltip="Earlier search"),
        Binding("down", "line('later')", "later", id="search.later", tooltip="Later search"),
    ]

    def action_line(self, deed: str) -> None:
        """Hand a key to the line."""
        line = next((node for node in self.ancestors if isinstance(node, SearchLine)), None)
        if line is not None:
            line.do(deed)


class SearchLine(Vertical):
    """Two rows over the line of keys: what is searched, and how, or what is wrong with it.

    Messages: `Typed` at every change that can be searched, `Answered` at Enter, `GivenUp` at
    Escape.
    """

    DEFAULT_CSS = """
    SearchLine {
        dock: bottom;
        display: none;
        height: 2;
        background: $boost;
        & > Horizontal { height: 1; }
        & #sign { width: 3; color: $accent; text-style: bold; padding: 0 1; }
        & #found { width: auto; max-width: 50%; color: $text-muted; padding: 0 1; }
        & SearchInput { width: 1fr; height: 1; border: none; padding: 0; background: $boost; }
        & SearchInput:focus { border: none; }
        & > #how { height: 1; padding: 0 1; color: $text-muted; text-wrap: nowrap; }
    }
    """

    class _Asked(Message):
        def __init__(self, ask: Ask) -> None:
            super().__init__()
            self.ask = ask

    class Typed(_Asked):
        """The search changed; it can be carried out (its text may be empty)."""

    class Answered(_Asked):
        """Enter was pressed on a search that can be carried out."""

    class GivenUp(Message):
        """Escape was pressed."""

    entry = getters.query_one(SearchInput)

    def __init__(self) -> None:
        super().__init__()
        self._history: list[str] = []
        self._back = 0
        self._draft = ""
        self._found = ""
        self.question = Ask()

    def compose(self) -> ComposeResult:
        """Build the two rows."""
        with Horizontal():
            yield Static("/", id="sign", markup=False)
            entry = SearchInput(placeholder="text to find in the whole file")
            entry.cursor_blink = False
            yield entry
            yield Static("", id="found", markup=False)
        yield Static("", id="how", markup=False)

    def open(self, ask: Ask, history: Sequence[str]) -> None:
        """Show the line with a search to change or replace.

        Args:
            ask: What it begins with, selected so that typing replaces it.
            history: Texts searched before, the latest first.
        """
        self.question = ask
        self._history, self._back = list(history), 0
        self.say("")
        with self.prevent(Input.Changed):
            self.entry.value = ask.text
        self.entry.select_all()
        self._show_how()
        self.display = True
        self.entry.focus()

    def close(self) -> None:
        """Hide the line."""
        self.display = False

    def say(self, text: str) -> None:
        """Show behind the text what was found; cleaned by the caller."""
        if text != self._found:
            self._found = text
            self.query_one("#found", Static).update(text)

    def do(self, deed: str) -> None:
        """Carry out one of the line's keys."""
        if deed == "give_up":
            self.post_message(self.GivenUp())
        elif deed in ("earlier", "later"):
            self._recall(1 if deed == "earlier" else -1)
        else:
            self._toggle(deed)

    def _toggle(self, deed: str) -> None:
        ask = self.question
        if deed == "regex":
            self.question = ask._replace(regex=not ask.regex)
        elif deed == "case":
            self.question = ask._replace(case=_after(CASES, ask.case))
        else:
            self.question = ask._replace(role=_after(ROLES, ask.role))
        self._asked()

    def _recall(self, step: int) -> None:
        if self._back == 0:
            self._draft = self.entry.value
        back = min(max(self._back + step, 0), len(self._history))
        if back != self._back:
            self._back = back
            self.entry.value = self._history[back - 1] if back else self._draft
            self.entry.cursor_position = len(self.entry.value)

    def _asked(self) -> None:
        self.say("")
        if self._show_how():
            self.post_message(self.Typed(self.question))

    def _show_how(self) -> bool:
        """Say how the text is taken, or what is wrong with it; tell whether it can be searched."""
        ask = self.question
        trouble = fault_of(ask)
        if trouble:
            how = Content.styled(trouble, "$text-error")
        else:
            up = "Up/Down" if ascii_only() else "↑↓"
            how = Content.assemble(
                *_key("ctrl+r", f"regex {'on' if ask.regex else 'off'}"),
                *_key("ctrl+t", f"case {_CASE_WORDS[ask.case]}"),
                *_key("ctrl+o", f"role {ask.role or 'any'}"),
                *_key(up, "history"),
                *_key("Esc", "back"),
            )
        self.query_one("#how", Static).update(how)
        return not trouble

    def on_input_changed(self, event: Input.Changed) -> None:
        """Pass on what is being typed, if it can be searched."""
        event.stop()
        self.question = self.question._replace(text=event.value)
        self._asked()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Pass on the answer; a text that cannot be searched stays to be mended."""
        event.stop()
        self.question = self.question._replace(text=event.value)
        if self._show_how():
            self.post_message(self.Answered(self.question))


def fault_of(ask: Ask) -> str:
    """Return why a search cannot be carried out, cleaned; empty when it can."""
    try:
        ask.pattern()
    except (re.error, OverflowError, RecursionError) as error:
        at = getattr(error, "pos", None)
        where = "" if at is None else f" at character {at + 1}"
        return f"Not a regular expression: {clean(getattr(error, 'msg', str(error)), 80)}{where}"
    return ""


def _after(choices: Sequence[str], now: str) -> str:
    at = choices.index(now) if now in choices else -1
    return choices[(at + 1) % len(choices)]


def _key(key: str, word: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (key, "bold $accent"), (f" {word}  ", "")
