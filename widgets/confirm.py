"""A question before something that costs or cannot be undone. Only ``y`` says yes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from widgets.dialog import Dialog
from widgets.text import clean


class Confirm(Dialog[bool]):
    """Asks; ``y`` is yes, any other key, and a click beside it, is no.

    There is no button to press by mistake: Enter means no, like everything but ``y``.
    """

    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    Confirm {
        align: center middle;
        & > Vertical {
            width: auto;
            min-width: 40;
            max-width: 76;
            height: auto;
            max-height: 80%;
            padding: 1 3;
            border: round $warning;
            background: $background;
            & > Static { width: auto; max-width: 100%; height: auto; }
            & > .confirm--title { text-style: bold; color: $text-warning; margin-bottom: 1; }
            & > .confirm--keys { margin-top: 1; color: $foreground; }
        }
    }
    """

    def __init__(
        self,
        title: str,
        lines: Sequence[str] = (),
        *,
        yes: str = "Yes",
        no: str = "No",
        on_yes: Callable[[], None] | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        """Make a question; push it with `push_screen_wait`, or with a callback.

        Args:
            title: The question.
            lines: What is about to happen, what it costs; foreign parts are cleaned.
            yes: What ``y`` does, in words.
            no: What any other key does, in words.
            on_yes: Called within the very key press that says yes. A callback of ``push_screen``
                is called later, and not at all when the screen that asked is gone by then.
            id: The screen's id.
            classes: Its CSS classes.
        """
        super().__init__(id=id, classes=classes)
        self._question = clean(title, 300)
        self._lines = [clean(line, 600) for line in lines]
        self._yes = clean(yes, 60)
        self._no = clean(no, 60)
        self._on_yes = on_yes
        self._answered = False

    def compose(self) -> ComposeResult:
        """Title, lines, keys; as plain content, never markup."""
        with Vertical():
            yield Static(Content(self._question), classes="confirm--title", markup=False)
            for line in self._lines:
                yield Static(Content(line), markup=False)
            keys = Content.assemble(
                ("y", "bold"), f"  {self._yes}      ", ("any other key", "bold"), f"  {self._no}"
            )
            yield Static(keys, classes="confirm--keys", markup=False)

    def on_key(self, event: events.Key) -> None:
        """``y`` is yes, all else is no."""
        event.stop()
        event.prevent_default()
        self._answer(event.key == "y")

    def on_click(self, event: events.Click) -> None:
        """A click beside the question is no."""
        if self.get_widget_at(event.screen_x, event.screen_y)[0] is self:
            self._answer(False)

    def _answer(self, yes: bool) -> None:
        """Take the first answer; keys typed ahead of the screen's end are none."""
        if self._answered:
            return
        self._answered = True
        if yes and self._on_yes is not None:
            self._on_yes()
        self.dismiss(yes)
