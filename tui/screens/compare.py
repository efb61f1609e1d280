"""Runs side by side, hosted and local: one chart of all, and what differs in a table, live."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from tui.errors import TunedeckError
from tui.messages import OpenJob, OpenRun
from tui.run import compare_files, sidebyside
from tui.run.compare import LOG, MOST, measures
from tui.run.sidebyside import NAME, Column
from tui.run.verdict import verdict
from tui.screens.compare_chart import CompareChart
from tui.screens.compare_table import RunTable
from tui.screens.export import Exporting, when
from widgets.loss_chart import LossChart
from widgets.numbers import counted
from widgets.text import ascii_only, clean, fit

if TYPE_CHECKING:
    from tui.run.runlist import RunKey

_FRAME = 0.5
KINDS = {
    ".csv": "the table, a row a run",
    ".points.csv": "every point as measured, a row a step",
    ".json": "the table and every point",
    ".svg": "the chart as looked at, a drawing",
    ".png": "the chart as looked at, an image",
    ".txt": "the chart as seen here, and the whole table",
}


class CompareScreen(CompareChart, Exporting):
    """Runs side by side.

    Args:
        keys: Provider and id of each; ``log`` and the path for a training log of this machine.
        clock: Tells the time in seconds since 1970 (tests give their own).
    """

    MODE = "jobs"
    AUTO_FOCUS = "#runs"
    HELP = """
    Runs on one chart, each with its letter, and what differs between them below it. At most eight
    are drawn, the first of the table unless you choose: space draws the run under the cursor or
    takes it off. O sorts, R turns the order round, m chooses the number that is compared, comma and
    full stop read every run at a step. Columns that do not fit are reached with left and right.
    """
    DEFAULT_CSS = """
    CompareScreen {
        & > #chart { height: 1fr; }
        & > #head { height: 1; color: $text-muted; }
        & > #runs { height: 3; }
        & > #verdict { height: auto; max-height: 2; color: $foreground; padding: 0 1; }
        &.-short > #verdict { max-height: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("O", "sort", "sort", id="compare.sort", tooltip="Sort the runs by a column"),
        Binding(
            "R",
            "reverse",
            "reverse",
            id="compare.reverse",
            tooltip="The other way round",
            show=False,
        ),
        Binding("space", "draw", "draw", id="compare.draw", tooltip="Draw this run, or not"),
        Binding("m", "measure", "metric", id="compare.metric", tooltip="Choose what is compared"),
        Binding("v", "which", "train/valid", id="compare.which", tooltip="Training or validation"),
        Binding("a", "align", "align", id="compare.align", tooltip="By steps, tokens or time"),
        Binding("s", "smooth", "smooth", id="compare.smooth", tooltip="Smooth the lines more"),
        Binding("y", "log", "log y", id="compare.log", tooltip="Logarithmic y, or linear"),
        Binding(
            "comma",
            "cursor(-1)",
            "read",
            key_display=",",
            id="compare.back",
            tooltip="Read every run at a cursor, which goes to the left",
        ),
        Binding(
            "full_stop",
            "cursor(1)",
            "read",
            key_display=".",
            id="compare.on",
            tooltip="Read every run at a cursor, which goes to the right",
            show=False,
        ),
        Binding("w", "export", "export", id="compare.export", tooltip="Write table, points, chart"),
        Binding("c", "add", "add", id="compare.add", tooltip="Add runs to the comparison"),
        Binding("d", "drop", "drop", id="compare.drop", tooltip="Take this run away"),
        Binding("o", "dataset", "dataset", id="compare.data", tooltip="Open the run's dataset"),
        *(
            Binding(keys, action, words, key_display=shown, id=f"compare.{name}", show=False)
            for keys, action, words, shown, name in (
                ("plus,equals_sign", "zoom(0.5)", "zoom in", "+", "zoom"),
                ("minus", "zoom(2)", "zoom out", "-", "out"),
                ("0", "whole", "all of it", "0", "whole"),
                ("K,ctrl+up", "zoom_y(0.5)", "zoom y", "K", "y_zoom"),
                ("J,ctrl+down", "zoom_y(2)", "zoom y out", "J", "y_out"),
                ("Y", "outliers", "outliers", "Y", "outliers"),
                ("less_than_sign", "pan(-1)", "pan left", "<", "pan_left"),
                ("greater_than_sign", "pan(1)", "pan right", ">", "pan_right"),
                ("escape", "no_cursor", "no cursor", "Esc", "no_cursor"),
            )
        ),
        Binding(
            "b", "style", "style", id="compare.style", tooltip="Braille, blocks, ASCII", show=False
        ),
    ]

    head = getters.query_one("#head", Static)
    said = getters.query_one("#verdict", Static)

    def __init__(self, keys: Sequence[RunKey], *, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.clock = clock
        self.order = ""
        self.backwards = False
        self._first = tuple(keys)

    def body(self) -> ComposeResult:
        """The chart, the headings, the runs, and which is best."""
        yield LossChart(id="chart", view=self.view, empty_text="Nothing measured yet")
        yield Static(id="head")
        yield RunTable()
        yield Static(id="verdict")

    def on_mount(self) -> None:
        """Begin to follow the runs."""
        self.add(self._first)
        self.set_interval(_FRAME, self._frame)

    def add(self, keys: Sequence[RunKey]) -> None:
        """Compare these runs too."""
        before = self.keys
        self.follow(keys)
        if self.picked:
            # Whoever adds a run wants to see it, where a letter is free.
            self.draw_too([key for key in self.keys if key not in before])
        self.show()

    def _frame(self) -> None:
        if self.dirty and self.is_current:
            self.show()

    # What is shown

    def show(self, *, now: bool = False) -> None:
        """Show what is known now; with ``now`` draw at once, as a key asked for it."""
        self.dirty = False
        measure = self.shown_measure()
        columns = self._table(measure)
        if self.order:
            runs = sidebyside.ordered(self.runs, columns, self.order, backwards=self.backwards)
            if runs != self.runs:
                self.runs = runs
                columns = self._table(measure)
        self.choose(measure)
        rows = max(1, min(len(self.runs), self.size.height // 2 - 4))
        if self.table.styles.height is None or self.table.styles.height.value != rows:
            self.table.styles.height = rows
        self.table.show(self.runs, columns, self.letters, (self.order, self.backwards))
        self._draw_head()
        self._say_if_new(self.said, "\n".join(clean(line) for line in self._words(measure)))
        drawn = self.drawn(measure)
        self.chart.follow(drawn, title=self.title_of(measure), total=self.total())
        if now:
            self.chart.draw_now()

    def _table(self, measure: str) -> list[Column]:
        return sidebyside.columns(self.runs, self.clock(), measure, self.at_cursor(measure))

    def _words(self, measure: str) -> list[str]:
        going = sum(not run.state.terminal and not run.trouble for run in self.runs)
        first = verdict(self.runs, measure)
        if not first and going:
            first = f"{going} of {counted(len(self.runs), 'run')} going on"
        stale = [
            run for run in self.runs if run.trouble and run.state.job and not run.state.terminal
        ]
        notes = []
        if stale:
            about = counted(len(stale), "run")
            notes.append(f"? {about} as last known: {stale[0].trouble}")
        if len(self.letters) < len(self.runs):
            notes.append(
                f"{len(self.letters)} of {len(self.runs)} runs are drawn; space changes which"
            )
        return [line for line in (first, "; ".join(notes)) if line]

    def _draw_head(self) -> None:
        left, right = self.table.hidden()
        more = f"  +{right} {'>' if ascii_only() else '→'}" if right > 0 else ""
        line = f"{' < ' if left else '   '}{self.table.line(None)}"
        room = max(0, self.size.width - 1 - len(more))
        self._say_if_new(self.head, clean(fit(line, room) + more if more else line))

    def _say_if_new(self, where: Static, text: str) -> None:
        content = Content(text)
        if where.content != content:
            where.update(content)

    @on(RunTable.Shifted)
    def _shifted(self) -> None:
        self._draw_head()

    def on_resize(self) -> None:
        """Other columns and another number of rows fit now."""
        self.call_after_refresh(self.show)

    # Keys

    def action_sort(self) -> None:
        """Choose by which column the runs are sorted."""
        from tui.screens.palette import Palette

        columns = [(NAME, "Run", "by name")]
        for column in self._table(self.shown_measure()):
            first = "largest" if column.highest else "smallest"
            text = any(isinstance(value, str) for value in column.values)
            columns.append((column.key, column.label, "" if text else f"the {first} first"))
        commands = [
            SystemCommand(label, about, lambda key=key: self.sort_by(key))
            for key, label, about in columns
        ]
        self.app.push_screen(Palette(commands, title="Sort the runs by"))

    def sort_by(self, key: str, *, backwards: bool = False) -> None:
        """Sort the runs by a column, and keep them sorted while they go on."""
        self.order, self.backwards = key, backwards
        self.choose_again()
        self.table.move_cursor(0)  # who sorts asks for the first

    def action_reverse(self) -> None:
        """Turn the order round."""
        if self.order:
            self.sort_by(self.order, backwards=not self.backwards)
        else:
            self.say("The runs are in the order they were given: O sorts them")

    def action_measure(self) -> None:
        """Choose the number by which the runs are compared."""
        from tui.screens.palette import Palette

        found = measures(self.runs)
        if not found:
            self.say("No number has arrived yet")
            return
        commands = [
            SystemCommand(
                name.replace("_", " "),
                f"told by {count} of {counted(len(self.runs), 'run')}",
                lambda name=name: self.compare_by(name),
            )
            for name, count in found.items()
        ]
        self.app.push_screen(Palette(commands, title="Compare the runs by"))

    @on(RunTable.Chosen)
    def _open(self) -> None:
        run = self.table.current
        if run is None:
            return
        if run.key[0] != LOG:
            self.app.post_message(OpenJob(run.key[1], run.key[0]))
            return
        try:
            self.app.post_message(OpenRun(self.source_of(run.key)))
        except TunedeckError as error:
            self.say(clean(str(error)), "error")

    def action_drop(self) -> None:
        """Take the run under the cursor out of the comparison."""
        run = self.table.current
        if run is not None:
            self.runs.remove(run)
            self.show(now=True)

    @work(group="choose", exclusive=True, exit_on_error=False)
    async def action_add(self) -> None:
        """Choose runs to compare, or name a log."""
        from tui.screens.panel_choose import Option
        from tui.screens.panel_over import RunsScreen

        options = [Option(*row) for row in await self.others()]
        chosen = await self.app.push_screen_wait(
            RunsScreen("Add runs to the comparison", options, [], most=MOST)
        )
        self.add(self.keys_of(chosen or []))

    def action_dataset(self) -> None:
        """Open what the run under the cursor was trained on."""
        run = self.table.current
        if run is not None:
            self.open_dataset_of(run.key)

    def action_export(self) -> None:
        """Ask what is written and where."""
        if self.runs:
            self.export(sidebyside.file_name(self.runs), KINDS, self._making)

    def _making(self, kind: str) -> Callable[[], bytes]:
        now, measure = self.clock(), self.shown_measure()
        if kind in (".svg", ".png"):
            drawn = f"{len(self.chart.curves)} of {counted(len(self.runs), 'run')}"
            return self.picture(kind, [self.chart], f"{drawn}  {when(now)}")
        text = self._text(kind, now, measure)
        return lambda: text.encode("utf-8", "replace")

    def _text(self, kind: str, now: float, measure: str) -> str:
        from tui.run import points

        if kind == ".csv":
            return compare_files.as_csv(self.runs, now, measure)
        if kind == ".points.csv":
            return points.as_csv([(run.title, run.state) for run in self.runs])
        if kind == ".json":
            found: dict[str, Any] = compare_files.as_json(self.runs, now, measure)
            for row, run in zip(found["runs"], self.runs, strict=True):
                row["metrics"] = points.metrics_json(run.state)
            return json.dumps(found, ensure_ascii=False, allow_nan=False) + "\n"
        rows = [row[0].rstrip() for row in self.chart.rows]
        table = sidebyside.as_text(self.runs, self._table(measure), self.letters)
        return "\n".join([*rows, "", *table, "", *map(clean, self._words(measure))]) + "\n"
