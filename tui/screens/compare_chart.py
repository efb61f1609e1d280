"""The chart of runs that are compared: which of them are drawn, by what letters and number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import getters

from tui.run.compare import LETTERS, Compared, usual_measure
from tui.run.sidebyside import Column
from tui.run.state import RunState
from tui.screens.chart_keys import ChartKeys
from tui.screens.compare_follow import CompareFollow
from tui.screens.compare_table import COLOURS, RunTable
from widgets.chart_view import Curve, View
from widgets.loss_chart import LossChart
from widgets.numbers import integer
from widgets.numbers import metric as metric_said

if TYPE_CHECKING:
    from tui.run.runlist import RunKey
    from widgets.track import Track

_WHICH = ("train", "valid")


class CompareChart(CompareFollow, ChartKeys):
    """The part of the comparison that draws.

    Attributes:
        which: Whether numbers of training or of validation are drawn.
        measure: By what the runs are compared; empty for the usual.
        letters: What the drawn runs are called; the first of the table until somebody chooses.
        picked: Whether somebody chose.
    """

    chart = getters.query_one("#chart", LossChart)
    table = getters.query_one("#runs", RunTable)

    def __init__(self) -> None:
        super().__init__()
        self.view = View(factor=0.6)
        self.which = "train"
        self.measure = ""
        self.letters: dict[RunKey, str] = {}
        self.picked = False
        self._measured: frozenset[RunKey] = frozenset()
        self._curves: dict[tuple[RunKey, str, str], Curve] = {}

    def show(self, *, now: bool = False) -> None:
        """Show what is known now; with ``now`` draw at once, as a key asked for it."""
        raise NotImplementedError

    def shown_measure(self) -> str:
        """By what the runs are compared."""
        return self.measure or usual_measure(self.runs)

    def title_of(self, measure: str) -> str:
        """What the chart shows."""
        data = "Validation" if self.which == "valid" else "Training"
        return f"{data} {measure.replace('_', ' ')}"

    def _track(self, run: Compared, measure: str) -> Track:
        reading = run.reading(measure)
        return reading.valid if self.which == "valid" else reading.train

    def choose(self, measure: str) -> None:
        """Give letters to the first runs of the table that have anything to draw."""
        there = set(self.keys)
        self.letters = {key: sign for key, sign in self.letters.items() if key in there}
        measured = frozenset(run.key for run in self.runs if len(self._track(run, measure)))
        if self.picked or (measured == self._measured and self.letters):
            return
        self._measured = measured
        few = len(self.runs) <= len(LETTERS)
        drawn = [run.key for run in self.runs if few or run.key in measured]
        self.letters = dict(zip(drawn, LETTERS, strict=False))

    def draw_too(self, keys: Sequence[RunKey]) -> None:
        """Draw these runs beside the others, as far as there are letters."""
        free = [letter for letter in LETTERS if letter not in self.letters.values()]
        self.letters.update(zip(keys, free, strict=False))

    def choose_again(self) -> None:
        """Draw the first runs of the table, which has another order or other numbers now."""
        if not self.picked:
            self.letters.clear()
        self.chart.refit()
        self.show(now=True)

    def total(self) -> float | None:
        """Where the x axis ends; ``None`` while that is not known."""
        if self.view.along == "time":
            return None
        totals = [
            last * self.place_of(run.state).factor
            for run in self.runs
            if run.key in self.letters and (last := run.state.last_step)
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

    def drawn(self, measure: str) -> list[Curve]:
        """The lines of the runs that have a letter, in the order of the letters."""
        curves = []
        for run in self.runs:
            letter = self.letters.get(run.key)
            curve = self._curve(run, measure) if letter else None
            if letter and curve is not None and len(curve.track):
                curve.label, curve.key, curve.sign = run.title, COLOURS[letter], letter
                curves.append(curve)
        return sorted(curves, key=lambda each: each.sign)

    def at_cursor(self, measure: str) -> Column | None:
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

    # Keys

    def action_draw(self) -> None:
        """Draw the run under the cursor, or take it off the chart."""
        run = self.table.current
        if run is None:
            return
        if run.key in self.letters:
            del self.letters[run.key]
        elif len(self.letters) < len(LETTERS):
            self.draw_too([run.key])
        else:
            self.say(f"{len(LETTERS)} runs are drawn at most: take one off with space first")
            return
        self.picked = True
        self.show(now=True)

    def action_which(self) -> None:
        """Chart the other of training and validation."""
        self.which = _WHICH[1 - _WHICH.index(self.which)]
        self.choose_again()

    def compare_by(self, measure: str) -> None:
        """Compare the runs by a number that some of them tell."""
        self.measure = measure
        readings = [run.reading(measure) for run in self.runs]
        if not any(len(each.train if self.which == "train" else each.valid) for each in readings):
            self.which = _WHICH[1 - _WHICH.index(self.which)]
        self.choose_again()

    def charted(self) -> list[RunState]:
        """Return the runs that are drawn and have anything to draw."""
        drawn = [run.state for run in self.runs if run.key in self.letters]
        return [state for state in drawn if state.metrics]

    def redraw_charts(self) -> None:
        """Draw the chart now; the values at the cursor stand in the table."""
        self.show(now=True)

    def realign_charts(self) -> None:
        """Draw the chart now, on a new scale."""
        self.chart.refit()
        self.show(now=True)
