"""A one-line question at the foot of a screen: what to search for, where to go."""

from __future__ import annotations

from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static


class LineInput(Input):
    """An input without frame or blinking, which hands Escape to its prompt."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "give up", id="prompt.give_up", tooltip="Close the question"),
    ]

    def action_give_up(self) -> None:
        """Tell the prompt."""
        prompt = self.parent
        if isinstance(prompt, Prompt):
            prompt.give_up()


class Prompt(Horizontal):
    """A label and an input, docked over the line of keys while a question is open.

    Messages: `Typed` at every change, `Answered` at Enter, `GivenUp` at Escape.
    """

    DEFAULT_CSS = """
    Prompt {
        dock: bottom;
        display: none;
        height: 1;
        background: $boost;
        & > #label { width: auto; color: $accent; text-style: bold; padding: 0 1; }
        & > #said { width: auto; color: $text-muted; padding: 0 1; }
        & > LineInput { width: 1fr; height: 1; border: none; padding: 0; background: $boost; }
        & > LineInput:focus { border: none; }
    }
    """

    class Typed(Message):
        """The text changed."""

        def __init__(self, kind: str, text: str) -> None:
            super().__init__()
            self.kind = kind
            self.text = text

    class Answered(Message):
        """Enter was pressed."""

        def __init__(self, kind: str, text: str) -> None:
            super().__init__()
            self.kind = kind
            self.text = text

    class GivenUp(Message):
        """Escape was pressed."""

        def __init__(self, kind: str) -> None:
            super().__init__()
            self.kind = kind

    entry = getters.query_one(LineInput)

    def __init__(self) -> None:
        super().__init__()
        self.kind = ""

    def compose(self) -> ComposeResult:
        """Build the line."""
        yield Static("", id="label", markup=False)
        entry = LineInput()
        entry.cursor_blink = False
        yield entry
        yield Static("", id="said", markup=False)

    def ask(self, kind: str, label: str, text: str = "") -> None:
        """Show the question.

        Args:
            kind: What the messages carry to say which question it was.
            label: What stands before the input.
            text: What the input begins with, selected so that typing replaces it.
        """
        self.kind = kind
        self.query_one("#label", Static).update(label)
        self.say("")
        with self.prevent(Input.Changed):
            self.entry.value = text
        self.entry.select_all()
        self.display = True
        self.entry.focus()

    def say(self, text: str) -> None:
        """Show a word behind the input; cleaned by the caller."""
        self.query_one("#said", Static).update(text)

    def give_up(self) -> None:
        """Tell that Escape was pressed."""
        self.post_message(self.GivenUp(self.kind))

    def close(self) -> None:
        """Hide the question."""
        self.display = False

    def on_input_changed(self, event: Input.Changed) -> None:
        """Pass on what is being typed."""
        event.stop()
        self.post_message(self.Typed(self.kind, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Pass on the answer."""
        event.stop()
        self.post_message(self.Answered(self.kind, event.value))
