"""The Write dialog: the records of the list as a new file, with a manifest beside it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from tui.deck import Deck
from tui.errors import TunedeckError
from widgets.confirm import Confirm
from widgets.dialog import FramedDialog
from widgets.numbers import counted, percent, size
from widgets.text import clean

if TYPE_CHECKING:
    from tui.dataset import Selection

NEWS_SECONDS = 0.5


class WriteScreen(FramedDialog["str | None"]):
    """Ask for a file name and write; the result is the file to open now, or ``None``.

    Args:
        selection: What to write.
        words: What it is, in plain English; not cleaned.
        path: The name proposed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "close", id="write.close", tooltip="Close; stops the writing"),
        Binding("enter", "open", "open it", id="write.open", tooltip="Open the file written"),
    ]
    DEFAULT_CSS = """
    WriteScreen {
        & #what { height: auto; margin-bottom: 1; }
        & #said { height: auto; margin-top: 1; color: $text-muted; }
        & #said.-error { color: $text-error; }
        & #said.-good { color: $foreground; }
    }
    """

    class Progress(Message):
        """The writing has got further."""

        def __init__(self, done: int, total: int) -> None:
            super().__init__()
            self.done = done
            self.total = total

        def can_replace(self, message: Message) -> bool:
            """Only the latest is of interest."""
            return isinstance(message, WriteScreen.Progress)

    class Written(Message):
        """The file is there."""

        def __init__(self, path: str, manifest: dict[str, Any]) -> None:
            super().__init__()
            self.path = path
            self.manifest = manifest

    class Refused(Message):
        """Nothing was written; ``text`` says why, not cleaned."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    deck = getters.app(Deck)
    entry = getters.query_one(Input)

    def __init__(self, selection: Selection, words: str, path: str) -> None:
        super().__init__()
        self._selection = selection
        self._words = words
        self._path = path
        self._writing = False
        self._written = ""

    def compose(self) -> ComposeResult:
        """Build the dialog."""
        with Vertical() as box:
            box.border_title = "Write these records to a file"
            box.border_subtitle = "Enter writes, Esc closes"
            yield Static("", id="what", markup=False)
            entry = Input(self._path, placeholder="path of the new file")
            entry.cursor_blink = False
            yield entry
            yield Static("", id="said", markup=False)

    def on_mount(self) -> None:
        """Say what is written and where."""
        number = counted(len(self._selection), "record")
        what = f"{number}: {self._words}" if self._words else number
        self.query_one("#what", Static).update(Content(clean(what, 300)))
        if self._selection.complete:
            self._say("A manifest beside it says where they come from and why these")
        else:
            self._say("The file is still being read: what is in the list now is written")
        self.entry.focus()

    def _say(self, text: str, tone: str = "") -> None:
        said = self.query_one("#said", Static)
        said.set_class(tone == "error", "-error")
        said.set_class(tone == "good", "-good")
        said.update(Content(clean(text, 600, keep_newlines=True)))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        path = os.path.expanduser(event.value.strip())
        there = [name for name in (path, f"{path}.manifest.json") if os.path.exists(name)]
        if not path:
            self._say("Type a path first", "error")
        elif there and not os.path.isdir(path):
            question = Confirm(
                "Replace what is there?",
                [*there, "What they hold now is lost."],
                yes="Replace",
                no="Keep it",
            )
            self.app.push_screen(question, self._if_agreed(path))
        elif not self._writing:
            self._write(path, force=False)

    def _if_agreed(self, path: str) -> Callable[[bool | None], None]:
        def answered(yes: bool | None) -> None:
            if yes and not self._writing:
                self._write(path, force=True)

        return answered

    def _write(self, path: str, *, force: bool) -> None:
        workspace = self.deck.workspace
        lease, index = workspace.lease(), workspace.index
        if lease is None or index is None:
            return
        from tui.dataset import write_selection

        self._writing = True
        self.entry.disabled = True
        self.query_one(Vertical).border_subtitle = "Esc stops"
        self._say("Writing")
        selection = self._selection

        def work() -> None:
            worker = get_current_worker()
            due = time.monotonic() + NEWS_SECONDS

            def progress(done: int, total: int) -> None:
                nonlocal due
                if time.monotonic() >= due:
                    due = time.monotonic() + NEWS_SECONDS
                    self.post_message(self.Progress(done, total))

            try:
                with lease as source:
                    manifest = write_selection(
                        source,
                        index,
                        selection,
                        path,
                        force=force,
                        progress=progress,
                        cancelled=lambda: worker.is_cancelled,
                    )
            except (TunedeckError, OSError, MemoryError) as error:
                self.post_message(self.Refused(str(error) or "out of memory"))
            else:
                self.post_message(self.Written(path, manifest))

        self.run_worker(work, group="write", thread=True, exclusive=True, exit_on_error=False)

    def on_write_screen_progress(self, message: Progress) -> None:
        """Say how far it is."""
        if self._writing:
            self._say(f"Writing: {percent(message.done, message.total)} of {size(message.total)}")

    def on_write_screen_written(self, message: Written) -> None:
        """Say what was written, and offer to open it."""
        self._writing, self._written = False, message.path
        self.query_one(Vertical).border_subtitle = "Enter opens it, Esc closes"
        number = counted(len(self._selection), "record")
        try:
            bytes_ = f", {size(os.stat(message.path).st_size)}"
        except OSError:
            bytes_ = ""
        self._say(f"Wrote {number}{bytes_}\n{message.path}\n{message.path}.manifest.json", "good")

    def on_write_screen_refused(self, message: Refused) -> None:
        """Say why not; another name may do."""
        self._writing = False
        self.entry.disabled = False
        self.entry.focus()
        self.query_one(Vertical).border_subtitle = "Enter writes, Esc closes"
        self._say(message.text, "error")

    def action_open(self) -> None:
        """Open what was written."""
        if self._written:
            self.dismiss(self._written)

    def action_close(self) -> None:
        """Stop the writing if it is going on, else close."""
        if self._writing:
            self.workers.cancel_group(self, "write")
        else:
            self.dismiss(None)
