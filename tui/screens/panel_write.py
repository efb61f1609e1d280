"""Export of the panel: the points as CSV or JSON, the charts as SVG, PNG, or the text as seen."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from typing import ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from tui.screens.panel_charts import PanelCharts
from widgets.chart_view import Curve
from widgets.confirm import Confirm
from widgets.dialog import FramedDialog
from widgets.numbers import size
from widgets.text import clean

KINDS = {
    ".csv": "the points, a row a step",
    ".json": "the points, a list a metric",
    ".svg": "the charts as a drawing",
    ".png": "the charts as an image",
    ".txt": "the charts as seen here",
}


class ExportScreen(FramedDialog["str | None"]):
    """Ask for a file name whose ending says what is written; the result is the path.

    Args:
        path: The name proposed, without an ending.
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

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def compose(self) -> ComposeResult:
        """Build the dialog."""
        with Vertical() as box:
            box.border_title = "Export"
            box.border_subtitle = "Tab next kind, Enter writes, Esc closes"
            yield Static("", id="kinds", markup=False)
            entry = Input(f"{self._path}.csv", placeholder="path of the new file")
            entry.cursor_blink = False
            yield entry
            yield Static("", id="said", markup=False)

    def on_mount(self) -> None:
        """Offer the kinds."""
        self.entry.focus()
        self._draw_kinds()

    def _draw_kinds(self) -> None:
        ending = os.path.splitext(self.entry.value)[1].lower()
        rows = []
        for kind, words in KINDS.items():
            tick = "(x)" if kind == ending else "( )"
            tone = "bold" if kind == ending else "$foreground-muted"
            rows.append(Content.styled(f"{tick} {kind:<6} {words}", tone))
        self.query_one("#kinds", Static).update(Content("\n").join(rows))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._draw_kinds()

    def action_kind(self, way: int) -> None:
        """The next kind of file."""
        stem, ending = os.path.splitext(self.entry.value)
        kinds = list(KINDS)
        place = kinds.index(ending.lower()) if ending.lower() in kinds else -1
        self.entry.value = stem + kinds[(place + way) % len(kinds)]
        self.entry.cursor_position = len(self.entry.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        path = os.path.abspath(os.path.expanduser(event.value.strip()))
        if os.path.splitext(path)[1].lower() not in KINDS:
            self._say(f"The name must end in one of {', '.join(KINDS)}")
        elif os.path.isdir(path) or not os.path.isdir(os.path.dirname(path)):
            self._say("There is no such folder to write a file in")
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


class PanelWrite(PanelCharts):
    """The part of the panel that writes files."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "w",
            "export",
            "export",
            id="job.export",
            tooltip="Write points as CSV or JSON, charts as SVG, PNG or text",
        ),
    ]

    class Exported(Message):
        """A file was written, or ``trouble`` says why not, not cleaned."""

        def __init__(self, path: str, written: int, trouble: str = "") -> None:
            super().__init__()
            self.path = path
            self.written = written
            self.trouble = trouble

    def action_export(self) -> None:
        """Ask what is written and where."""
        if not self.state.metrics:
            self.say("There is nothing to export: no number has arrived yet")
            return
        job = self.state.job
        name = re.sub(
            r"[^\w.-]+", "-", (job.suffix if job else "") or os.path.basename(self.job_id)
        )
        self.app.push_screen(ExportScreen(name.strip("-.") or "run"), self._export_to)

    job_id: str

    def _export_to(self, path: str | None) -> None:
        if path is None:
            return
        kind = os.path.splitext(path)[1].lower()
        if kind == ".txt":
            rows = [row[0].rstrip() for chart in self.grid for row in chart.rows]
            self._write(path, ("\n".join(rows) + "\n").encode)
        elif kind in (".svg", ".png"):
            self._write(path, self._picture(kind))
        else:
            self._write(path, self._points(kind))

    def _points(self, kind: str) -> Callable[[], bytes]:
        from tui.run.points import as_csv, as_json

        runs = [(self.job_id, self.state), *((guest.name, guest.state) for guest in self.guests)]
        make = as_csv if kind == ".csv" else as_json
        text = make(runs)
        return lambda: text.encode("utf-8", "replace")

    def _picture(self, kind: str) -> Callable[[], bytes]:
        from dataclasses import replace

        from widgets.chart_picture import Drawn, picture_of, svg

        view = replace(self.view, cursor=None)
        charts = [
            Drawn(chart.title, [_copied(c) for c in chart.curves], view, chart.total, chart.marks)
            for chart in self.grid
            if chart.curves
        ]
        job = self.state.job
        about = (self.job_id, job.suffix if job else "", job.model if job else "")
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.clock()))
        caption = "  ".join(part for part in (*about, when) if part)

        def make() -> bytes:
            picture = picture_of(charts, caption)
            if kind == ".svg":
                return svg(picture).encode("utf-8", "replace")
            from widgets.chart_png import png

            return png(picture, dark=self.app.current_theme.dark)

        return make

    @work(group="export", thread=True, exit_on_error=False)
    def _write(self, path: str, make: Callable[[], bytes]) -> None:
        try:
            data = make()
            with open(path, "wb") as file:
                file.write(data)
        except ImportError:
            why = "PNG needs the package pillow: pip install pillow; SVG does without"
            self.post_message(self.Exported(path, 0, why))
        except OSError as error:
            self.post_message(self.Exported(path, 0, error.strerror or str(error)))
        else:
            self.post_message(self.Exported(path, len(data)))

    @on(Exported)
    def _exported(self, message: Exported) -> None:
        if message.trouble:
            said = f"Could not write {message.path}: {message.trouble}"
            self.deck.tell(said, severity="error")
        else:
            self.say(f"Wrote {clean(message.path, 200)}, {size(message.written)}", "success")


def _copied(curve: Curve) -> Curve:
    """The curve as it is now, for a thread that draws while the run goes on."""
    twin = Curve(curve.track, curve.label, curve.key, curve.sign, curve.points, curve.place)
    twin.guest = curve.guest
    twin.hold()
    return twin
