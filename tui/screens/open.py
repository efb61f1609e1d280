"""The Open dialog: a path with completion, and the files that were open lately."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import events, getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import get_current_worker

from tui.background import Pace
from tui.errors import TunedeckError
from tui.opened.files import NONE, Entry, best_first, existing, kind_of, matching
from tui.opened.opening import Opened, load
from widgets.dialog import FramedDialog
from widgets.numbers import counted, size
from widgets.text import ascii_only, clean, shorten_path


class OpenScreen(FramedDialog["Opened | None"]):
    """Ask which dataset to open; the result is what was opened, or ``None``.

    While the input is empty the recent files stand first, then the datasets of the folder. Several
    can be marked, to be opened as one dataset.

    Args:
        folder: The folder to begin in; the current one if ``None``.
        recent: Paths of files to offer, the latest first; those that are gone are left out.
        opening: What to open at once, as if it had been chosen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "close", id="open.close", tooltip="Close without opening"),
        Binding("tab", "complete", "complete", id="open.complete", tooltip="Take over the choice"),
        Binding("down", "move(1)", "choose", id="open.down", tooltip="The next choice"),
        Binding("up", "move(-1)", "choose", id="open.up", tooltip="The choice before"),
    ]
    DEFAULT_CSS = """
    OpenScreen {
        & #said { height: auto; color: $text-muted; }
        & #said.-error { color: $error; }
        & OptionList {
            border: none; padding: 0; height: auto; max-height: 14; background: $surface;
            text-wrap: nowrap; scrollbar-size-vertical: 1;
        }
    }
    """

    class Loaded(Message):
        """The chosen file is open."""

        def __init__(self, opened: Opened) -> None:
            super().__init__()
            self.opened = opened

    class Reading(Message):
        """A file is being unpacked.

        Attributes:
            done: Bytes of it read so far.
            total: Bytes of it; 0 where that is not known.
        """

        def __init__(self, done: int, total: int) -> None:
            super().__init__()
            self.done = done
            self.total = total

        def can_replace(self, message: Message) -> bool:
            """Let newer news replace older ones that wait."""
            return isinstance(message, type(self))

    class Refused(Message):
        """The chosen file cannot be opened; ``text`` says why, not cleaned."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Looked(Message):
        """What files hold was found out.

        Attributes:
            kinds: What they hold, by path.
        """

        def __init__(self, kinds: dict[str, str]) -> None:
            super().__init__()
            self.kinds = kinds

    path = getters.query_one("#path", Input)
    said = getters.query_one("#said", Static)
    choices = getters.query_one("#choices", OptionList)

    def __init__(
        self,
        folder: str | None = None,
        *,
        recent: list[str] | None = None,
        opening: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._opening = tuple(opening)
        self._marked: list[str] = []
        self._folder = os.path.join(folder, "") if folder else ""
        self._recent = recent or []
        self._entries: list[Entry] = []
        self._unsure: list[Entry] = []
        self._kinds: dict[str, str] = {}
        self._moved = False

    def compose(self) -> ComposeResult:
        """Build the dialog."""
        with Vertical() as box:
            box.border_title = "Open a dataset"
            entry = PathInput(self._folder, placeholder="path of a .jsonl file", id="path")
            entry.cursor_blink = False
            yield entry
            yield Static("", id="said", markup=False)
            choices = OptionList(id="choices", markup=False)
            choices.can_focus = False
            yield choices

    def on_mount(self) -> None:
        """List what is there and take the keys."""
        self.path.focus()
        self._list(self.path.value)
        if self._opening:
            self._open(self._opening)

    @on(Input.Changed, "#path")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._list(event.value)

    def _list(self, typed: str) -> None:
        recent = existing(self._recent) if not typed else []
        known = {os.path.abspath(entry.path) for entry in recent}
        found = [e for e in matching(typed) if os.path.abspath(e.path) not in known]
        self._unsure = [entry for entry in found if entry.maybe and entry.path not in self._kinds]
        self._entries = [*recent, *best_first(self._sure(found), self._kinds)]
        self._moved = False
        self._draw(0)
        self._guide()
        self._look()

    def _sure(self, entries: Iterable[Entry]) -> list[Entry]:
        """Leave out what is not a dataset, or not known to be one."""
        return [e for e in entries if not e.maybe or self._kinds.get(e.path, NONE) != NONE]

    def _guide(self) -> None:
        """Say which keys do what, or why the list is empty."""
        if self._marked:
            files = counted(len(self._marked), "file")
            self._say(f"{files} marked: Enter opens them as one dataset, Space takes a mark back")
        elif self._entries:
            self._say("Enter opens, Space marks several, Tab completes, Esc closes")
        elif self.path.value:
            self._say("No dataset begins like this: .jsonl, .ndjson and .json, also packed")
        else:
            self._say("No datasets in this folder: type a path, or start tunedeck with one")

    def _draw(self, chosen: int) -> None:
        width = max(20, min(72, self.app.size.width - 4) - 1)
        folder = os.path.join(os.path.dirname(self.path.value), "")
        self.choices.clear_options()
        self.choices.add_options(
            Option(_line(entry, width, folder, self._kinds.get(entry.path, ""), self._mark(entry)))
            for entry in self._entries
        )
        self.choices.highlighted = chosen if self._entries else None

    def _mark(self, entry: Entry) -> str:
        if not self._marked:
            return ""
        sign = "*" if ascii_only() else "✓"
        return f"{sign} " if os.path.abspath(entry.path) in self._marked else "  "

    def _look(self) -> None:
        """Find out, behind the list, what its files hold."""
        listed = [*self._entries, *self._unsure]
        paths = [e.path for e in listed if not e.folder and e.path not in self._kinds]
        if not paths:
            return

        def work() -> None:
            worker = get_current_worker()
            kinds: dict[str, str] = {}
            for path in paths:
                if worker.is_cancelled:
                    return
                kinds[path] = kind_of(path)
            self.post_message(self.Looked(kinds))

        self.run_worker(work, group="look", thread=True, exclusive=True, exit_on_error=False)

    def on_open_screen_looked(self, message: Looked) -> None:
        """Say it behind the names; put the likely ones first unless a choice is being made."""
        self._kinds |= message.kinds
        chosen = self.choices.highlighted or 0
        if not self._moved:
            recent = [e for e in self._entries if e.path in self._recent]
            found = [e for e in self._entries if e.path not in self._recent]
            found += self._sure(self._unsure)
            self._entries = [*recent, *best_first(found, self._kinds)]
        else:
            self._entries += self._sure(self._unsure)
        self._unsure = []
        self._draw(chosen)
        if not self._opening:
            self._guide()

    def _say(self, text: str, *, error: bool = False) -> None:
        self.said.set_class(error, "-error")
        self.said.update(Content(clean(text, limit=300)))

    def _chosen(self) -> Entry | None:
        at = self.choices.highlighted
        return self._entries[at] if at is not None and at < len(self._entries) else None

    def action_close(self) -> None:
        """Close without opening; a file that is being unpacked is let go."""
        self.workers.cancel_group(self, "open")
        self.dismiss(None)

    def action_move(self, step: int) -> None:
        """Move the choice up or down."""
        if self._entries:
            self._moved = True
            at = (self.choices.highlighted or 0) + step
            self.choices.highlighted = min(max(at, 0), len(self._entries) - 1)

    def action_complete(self) -> None:
        """Put the choice into the input, a folder with its separator."""
        entry = self._chosen()
        if entry is not None:
            self.path.value = os.path.join(entry.path, "") if entry.folder else entry.path
            self.path.cursor_position = len(self.path.value)

    def mark(self) -> bool:
        """Mark the file under the choice, or take its mark back; return whether that was meant.

        While a path is being typed, Space is a character of it.
        """
        entry = self._chosen()
        typed = self.path.value
        choosing = self._moved or not typed or typed.endswith(os.sep)
        if entry is None or entry.folder or not choosing:
            return False
        path = os.path.abspath(entry.path)
        if path in self._marked:
            self._marked.remove(path)
        else:
            self._marked.append(path)
        at = self.choices.highlighted or 0
        self._moved = True
        self._draw(min(at + 1, len(self._entries) - 1))
        self._guide()
        return True

    @on(Input.Submitted, "#path")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._marked:
            self._open(self._marked)
            return
        typed = os.path.expanduser(event.value.strip())
        entry = self._chosen()
        if typed and os.path.isfile(typed):
            self._open((typed,))
        elif entry is None:
            self._open((typed,)) if typed else self._say("Type a path first", error=True)
        elif entry.folder:
            self.action_complete()
        else:
            self._open((entry.path,))

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        entry = self._entries[event.option_index]
        if entry.folder:
            self.action_complete()
        elif not (self._marked and self.mark()):
            self._open((entry.path,))

    def _open(self, chosen: Sequence[str]) -> None:
        paths = tuple(chosen)
        self._say(f"Opening {_called(paths)}")
        self._opening = paths
        due = Pace()

        def progress(done: int, total: int) -> None:
            if due():
                self.post_message(self.Reading(done, total))

        def work() -> None:
            worker = get_current_worker()
            try:
                opened = load(paths, cancelled=lambda: worker.is_cancelled, progress=progress)
            except (TunedeckError, OSError) as error:
                self.post_message(self.Refused(str(error)))
            else:
                self.post_message(self.Loaded(opened))

        # In a thread, because packed files are unpacked first; Esc stops that.
        self.run_worker(work, group="open", thread=True, exclusive=True, exit_on_error=False)

    def on_open_screen_reading(self, message: Reading) -> None:
        """Say how far a file is unpacked."""
        if self._opening:
            share = f"{100 * message.done // message.total}% of " if message.total else ""
            read = size(message.total or message.done)
            self._say(f"Opening {_called(self._opening)}: {share}{read} read, Esc stops")

    def on_open_screen_loaded(self, message: Loaded) -> None:
        """Hand the open file over, unless another screen has come over the dialog."""
        if self.is_active:
            self.dismiss(message.opened)
        else:
            message.opened.source.close()

    def on_open_screen_refused(self, message: Refused) -> None:
        """Say what is wrong with it; the dialog stays."""
        self._opening = ()
        self._say(message.text, error=True)


class PathInput(Input):
    """The input of the dialog: where a choice is being made, Space marks it."""

    async def on_key(self, event: events.Key) -> None:
        """Ask the dialog what Space is for."""
        dialog = self.screen
        if event.key == "space" and isinstance(dialog, OpenScreen) and dialog.mark():
            event.stop()
            event.prevent_default()


def _called(paths: Sequence[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{len(paths)} files as one dataset"


def _line(entry: Entry, width: int, folder: str, kind: str, mark: str) -> Content:
    """One choice: its mark, its path from the folder being listed, what it holds, its size."""
    note = "folder" if entry.folder else f"{kind}{size(entry.size):>10}"
    path = entry.path.removeprefix(folder) + ("/" if entry.folder else "")
    name = shorten_path(path, width - len(note) - len(mark) - 2)
    gap = " " * max(1, width - Content(name).cell_length - len(note) - len(mark))
    return Content.assemble(
        (mark, "$text-success"),
        (name, "$foreground-muted" if entry.folder else ""),
        gap,
        (note, "$foreground-muted"),
    )
