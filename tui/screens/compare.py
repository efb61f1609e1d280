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
from tui.run.compare import LETTERS, LOG, MOST, Compared, measures, usual_measure
from tui.run.sidebyside import NAME, Column
from tui.run.state import RunState
from tui.run.verdict import verdict
from tui.screens.chart_keys import ChartKeys
from tui.screens.compare_follow import CompareFollow
from tui.screens.compare_table import COLOURS, RunTable
from tui.screens.export import Exporting, when
from widgets.chart_view import Curve, View
from widgets.loss_chart import LossChart
from widgets.numbers import counted, integer
from widgets.numbers import metric as metric_said
from widgets.text import ascii_only, clean, fit

if TYPE_CHECKING:
    from tui.run.runlist import RunKey
    from widgets.track import Track

_FRAME = 0.5
_WHICH = ("train", "valid")
KINDS = {
    ".csv": "the table, a row a run",
    ".points.csv": "every point as measured, a row a step",
    ".json": "the table and every point",
    ".svg": "the chart as looked at, a drawing",
    ".png": "the chart as looked at, an image",
    ".txt": "the chart as seen here, and the whole table",
}


class CompareScreen(CompareFollow, Exporting, ChartKeys):
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
        & > #head { height: 1; color: $text-muted; padding: 0 0 0 3; }
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
                ("less_than_sign", "pan(-1)", "pan left", "<", "pan_left"),
                ("greater_than_sign", "pan(1)", "pan right", ">", "pan_right"),
                ("escape", "no_cursor", "no cursor", "Esc", "no_cursor"),
            )
        ),
        Binding(
            "b", "style", "style", id="compare.style", tooltip="Braille, blocks, ASCII", show=False
        ),
    ]

    chart = getters.query_one("#chart", LossChart)
    table = getters.query_one("#runs", RunTable)
    head = getters.query_one("#head", Static)
    said = getters.query_one("#verdict", Static)

    def __init__(self, keys: Sequence[RunKey], *, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.clock = clock
        self.view = View(factor=0.6)
        self.which = "train"
        self.measure = ""
        self.order = ""
        self.backwards = False
        self._first = tuple(keys)
        self._curves: dict[tuple[RunKey, str, str], Curve] = {}
        # Which runs are drawn, by what letters; the first ones until somebody chooses.
        self._letters: dict[RunKey, str] = {}
        self._measured: frozenset[RunKey] = frozenset()
        self._picked = False

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
        if self._picked:
            # Whoever adds a run wants to see it, where a letter is free.
            self._draw_too([key for key in self.keys if key not in before])
        self.show()

    def _frame(self) -> None:
        if self.dirty and self.is_current:
            self.show()

    # What is shown

    def shown_measure(self) -> str:
        """By what the runs are compared."""
        return self.measure or usual_measure(self.runs)

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
        self._choose(measure)
        rows = max(1, min(len(self.runs), self.size.height // 2 - 4))
        if self.table.styles.height is None or self.table.styles.height.value != rows:
            self.table.styles.height = rows
        self.table.show(self.runs, columns, self._letters, (self.order, self.backwards))
        self._draw_head()
        self._say_if_new(self.said, "\n".join(clean(line) for line in self._words(measure)))
        drawn = self._drawn(measure)
        self.chart.follow(drawn, title=self._title(measure), total=self._total())
        if now:
            self.chart.draw_now()

    def _table(self, measure: str) -> list[Column]:
        return sidebyside.columns(self.runs, self.clock(), measure, self._at_cursor(measure))

    def _at_cursor(self, measure: str) -> Column | None:
        """The values at the cursor, of every run that has come so far."""
        x = self.view.cursor
        if x is None:
            return None
        values: list[float | None] = []
        for run in self.runs:
            curve = self._curve(run, measure)
            place = curve.place_at(x) if len(curve.track) else None
            beyond = place == len(curve.track) - 1 and curve.place.positions(curve.track)[-1] < x
            values.append(None if place is None or beyond else curve.track.values[place])
        cells = tuple("-" if value is None else metric_said(value) for value in values)
        known = tuple(None if value is None or value != value else value for value in values)
        at = integer(int(x)) if self.view.along == "step" else self.view.along
        highest = bool(self.runs) and self.runs[0].reading(measure).highest
        return Column("cursor", f"At {at}", cells, known, highest=highest)

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
        if len(self._letters) < len(self.runs):
            notes.append(
                f"{len(self._letters)} of {len(self.runs)} runs are drawn; space changes which"
            )
        return [line for line in (first, "; ".join(notes)) if line]

    def _draw_head(self) -> None:
        left, right = self.table.hidden()
        more = f"  +{right} {'>' if ascii_only() else '→'}" if right > 0 else ""
        before = "< " if left else ""
        line = f"{before}{self.table.line(None)}"
        room = max(0, self.size.width - 4 - len(more))
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

    def _title(self, measure: str) -> str:
        data = "Validation" if self.which == "valid" else "Training"
        return f"{data} {measure.replace('_', ' ')}"

    # What is drawn

    def _track(self, run: Compared, measure: str) -> Track:
        reading = run.reading(measure)
        return reading.valid if self.which == "valid" else reading.train

    def _choose(self, measure: str) -> None:
        """Give letters to the first runs of the table that have anything to draw."""
        there = set(self.keys)
        self._letters = {key: sign for key, sign in self._letters.items() if key in there}
        measured = frozenset(run.key for run in self.runs if len(self._track(run, measure)))
        if self._picked or (measured == self._measured and self._letters):
            return
        self._measured = measured
        few = len(self.runs) <= len(LETTERS)
        drawn = [run.key for run in self.runs if few or run.key in measured]
        self._letters = dict(zip(drawn, LETTERS, strict=False))

    def _draw_too(self, keys: Sequence[RunKey]) -> None:
        free = [letter for letter in LETTERS if letter not in self._letters.values()]
        self._letters.update(zip(keys, free, strict=False))

    def _choose_again(self) -> None:
        """Draw the first runs of the table, which has another order or other numbers now."""
        if not self._picked:
            self._letters.clear()
        self.chart.refit()
        self.show(now=True)

    def _total(self) -> float | None:
        if self.view.along == "time":
            return None
        totals = [
            last * self.place_of(run.state).factor
            for run in self.runs
            if run.key in self._letters and (last := run.state.last_step)
        ]
        return max(totals, default=None)

    def _curve(self, run: Compared, measure: str) -> Curve:
        track = self._track(run, measure)
        at = (run.key, measure, self.which)
        curve = self._curves.get(at)
        if curve is None or curve.track is not track:
            curve = self._curves[at] = Curve(track, run.title, "t", "a")
        curve.place, curve.guest = self.place_of(run.state), True
        return curve

    def _drawn(self, measure: str) -> list[Curve]:
        curves = []
        for run in self.runs:
            letter = self._letters.get(run.key)
            curve = self._curve(run, measure) if letter else None
            if letter and curve is not None and len(curve.track):
                curve.label, curve.key, curve.sign = run.title, COLOURS[letter], letter
                curves.append(curve)
        return sorted(curves, key=lambda each: each.sign)

    # Keys

    def action_draw(self) -> None:
        """Draw the run under the cursor, or take it off the chart."""
        run = self.table.current
        if run is None:
            return
        if run.key in self._letters:
            del self._letters[run.key]
        elif len(self._letters) < len(LETTERS):
            self._draw_too([run.key])
        else:
            self.say(f"{len(LETTERS)} runs are drawn at most: take one off with space first")
            return
        self._picked = True
        self.show(now=True)

    def action_which(self) -> None:
        """Chart the other of training and validation."""
        self.which = _WHICH[1 - _WHICH.index(self.which)]
        self._choose_again()

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
        self._choose_again()
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

    def compare_by(self, measure: str) -> None:
        """Compare the runs by a number that some of them tell."""
        self.measure = measure
        readings = [run.reading(measure) for run in self.runs]
        if not any(len(each.train if self.which == "train" else each.valid) for each in readings):
            self.which = _WHICH[1 - _WHICH.index(self.which)]
        self._choose_again()

    def charted(self) -> list[RunState]:
        """Return the runs that are drawn and have anything to draw."""
        drawn = [run.state for run in self.runs if run.key in self._letters]
        return [state for state in drawn if state.metrics]

    def redraw_charts(self) -> None:
        """Draw the chart now; the values at the cursor stand in the table."""
        self.show(now=True)

    def realign_charts(self) -> None:
        """Draw the chart now, on a new scale."""
        self.chart.refit()
        self.show(now=True)

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
        table = sidebyside.as_text(self.runs, self._table(measure), self._letters)
        return "\n".join([*rows, "", *table, "", *map(clean, self._words(measure))]) + "\n"
