"""Export from any screen with charts: which file, and writing it whole or not at all."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from tui.errors import TunedeckError
from tui.screens.base import DeckScreen
from widgets.chart_view import Curve
from widgets.confirm import Confirm
from widgets.dialog import FramedDialog
from widgets.loss_chart import LossChart
from widgets.numbers import size
from widgets.text import clean


def when(now: float) -> str:
    """Return a time in words, for a caption.

    Args:
        now: Seconds since 1970.
    """
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(now))


def kind_of(path: str, kinds: Mapping[str, str]) -> str:
    """Return the ending by which a path is one of some kinds, the longest; empty when none is."""
    name = os.path.basename(path.strip()).lower()
    fits = [kind for kind in kinds if name.endswith(kind) and name != kind]
    return max(fits, key=len, default="")


class ExportScreen(FramedDialog["str | None"]):
    """Ask for a file name whose ending says what is written; the result is the path.

    Args:
        path: The name proposed, without an ending.
        kinds: The endings that can be chosen, and what each of them writes.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "close", id="export.close", tooltip="Close; nothing is written"),
        Binding("down,tab", "kind(1)", "kind", id="export.next", priority=True),
        Binding("up,shift+tab", "kind(-1)", "kind", id="export.before", priority=True),
    ]
    DEFAULT_CSS = """
    ExportScreen {
        & #kinds { height: auto; margin-bottom: 1; }
        & #said { height: auto; margin-top: 1; color: $text-muted; }
        & #said.-error { color: $text-error; }
    }
    """

    entry = getters.query_one(Input)

    def __init__(self, path: str, kinds: Mapping[str, str]) -> None:
        super().__init__()
        self._path = path
        self._kinds = kinds

    def compose(self) -> ComposeResult:
        """Build the dialog."""
        with Vertical() as box:
            box.border_title = "Export"
            box.border_subtitle = "Tab next kind, Enter writes, Esc closes"
            yield Static("", id="kinds", markup=False)
            entry = Input(self._path + next(iter(self._kinds)), placeholder="path of the new file")
            entry.cursor_blink = False
            yield entry
            yield Static("", id="said", markup=False)

    def on_mount(self) -> None:
        """Offer the kinds."""
        self.entry.focus()
        self._draw_kinds()

    def _draw_kinds(self) -> None:
        chosen = kind_of(self.entry.value, self._kinds)
        wide = max(map(len, self._kinds))
        rows = []
        for kind, words in self._kinds.items():
            tick = "(x)" if kind == chosen else "( )"
            tone = "bold" if kind == chosen else "$foreground-muted"
            rows.append(Content.styled(f"{tick} {kind:<{wide}} {words}", tone))
        self.query_one("#kinds", Static).update(Content("\n").join(rows))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._draw_kinds()

    def action_kind(self, way: int) -> None:
        """The next kind of file."""
        now = kind_of(self.entry.value, self._kinds)
        stem = self.entry.value.rstrip()
        stem = stem[: -len(now)] if now else os.path.splitext(stem)[0]
        kinds = list(self._kinds)
        place = kinds.index(now) if now else -1 if way > 0 else 0
        self.entry.value = stem + kinds[(place + way) % len(kinds)]
        self.entry.cursor_position = len(self.entry.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        path = os.path.abspath(os.path.expanduser(event.value.strip()))
        folder = os.path.dirname(path)
        if not kind_of(path, self._kinds):
            self._say(f"The name must end in one of {', '.join(self._kinds)}")
        elif os.path.isdir(path):
            self._say("That is a folder: name a file in it")
        elif not os.path.isdir(folder):
            self._say(f"There is no folder {folder}")
        elif os.path.exists(path):
            question = Confirm(
                "Replace what is there?",
                [path, "What it holds now is lost."],
                yes="Replace",
                no="Keep it",
            )
            self.app.push_screen(question, self._if_agreed(path))
        else:
            self.dismiss(path)

    def _if_agreed(self, path: str) -> Callable[[bool | None], None]:
        def answered(yes: bool | None) -> None:
            if yes:
                self.call_later(self.dismiss, path)

        return answered

    def _say(self, text: str) -> None:
        said = self.query_one("#said", Static)
        said.add_class("-error")
        said.update(Content(clean(text, 300)))

    def action_close(self) -> None:
        """Close and write nothing."""
        self.dismiss(None)


class Exporting(DeckScreen):
    """A screen that writes files; it says what each kind of them holds."""

    class Exported(Message):
        """A file was written, or ``trouble`` says why not, not cleaned."""

        def __init__(self, path: str, written: int, trouble: str = "") -> None:
            super().__init__()
            self.path = path
            self.written = written
            self.trouble = trouble

    def export(
        self, name: str, kinds: Mapping[str, str], make: Callable[[str], Callable[[], bytes]]
    ) -> None:
        """Ask what is written and where, then write it.

        Args:
            name: The name proposed; foreign.
            kinds: The endings, and what each of them writes.
            make: Gives what makes the bytes of a kind, in a thread, from what is known now.
        """

        def chosen(path: str | None) -> None:
            if path is not None:
                self._write(path, make(kind_of(path, kinds)))

        safe = re.sub(r"[^\w.-]+", "-", clean(name)).strip("-.")
        self.app.push_screen(ExportScreen(safe or "run", kinds), chosen)

    def picture(self, kind: str, charts: Sequence[LossChart], caption: str) -> Callable[[], bytes]:
        """Return what draws charts as they are looked at now, but for the cursor.

        Args:
            kind: ``.svg`` or ``.png``.
            charts: What is drawn.
            caption: What is said of it; foreign.
        """
        from dataclasses import replace

        from widgets.chart_picture import Drawn, picture_of, svg

        drawn = [
            Drawn(
                chart.title,
                [_copied(curve) for curve in chart.curves],
                replace(chart.view, cursor=None),
                chart.total,
                chart.marks,
            )
            for chart in charts
        ]

        def make() -> bytes:
            picture = picture_of(drawn, caption)
            if kind == ".svg":
                return svg(picture).encode("utf-8", "replace")
            from widgets.chart_png import png

            return png(picture, dark=self.app.current_theme.dark)

        return make

    @work(group="export", thread=True, exit_on_error=False)
    def _write(self, path: str, make: Callable[[], bytes]) -> None:
        from tui.dataset import NewFile

        try:
            data = make()
            # Whole or not at all: a full disk leaves what was there before.
            with NewFile(path, force=True) as file:
                file.write(data)
                file.commit()
        except ImportError:
            why = "PNG needs the package pillow: pip install pillow; SVG does without"
            self.post_message(self.Exported(path, 0, why))
        except (TunedeckError, OSError) as error:
            self.post_message(self.Exported(path, 0, str(error)))
        else:
            self.post_message(self.Exported(path, len(data)))

    @on(Exported)
    def _exported(self, message: Exported) -> None:
        if message.trouble:
            self.deck.tell(f"Nothing was written: {message.trouble}", severity="error")
        else:
            self.say(f"Wrote {clean(message.path, 200)}, {size(message.written)}", "success")


def _copied(curve: Curve) -> Curve:
    """The curve as it is now, for a thread that draws while the run goes on."""
    twin = Curve(curve.track, curve.label, curve.key, curve.sign, curve.points, curve.place)
    twin.guest = curve.guest
    twin.hold()
    return twin
