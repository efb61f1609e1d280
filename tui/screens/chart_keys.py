"""Keys that change how charts of runs are looked at, the same wherever there are charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from textual import getters

from tui.run.state import RunState
from tui.screens.base import DeckScreen
from widgets.chart_view import FACTORS, MARKERS, Along, Place, View, next_position
from widgets.loss_chart import LossChart
from widgets.text import ascii_only

_LEAST_WINDOW = 4.0
_ALONG: tuple[Along, ...] = get_args(Along)


class ChartKeys(DeckScreen):
    """A screen with charts.

    Attributes:
        view: How they are looked at.
        chart: The one that is zoomed and read; others follow it.
    """

    view: View
    chart: getters.query_one[LossChart]

    def charted(self) -> Sequence[RunState]:
        """Return the runs that are drawn."""
        raise NotImplementedError

    def redraw_charts(self) -> None:
        """Draw them now, as they are looked at in another way."""
        raise NotImplementedError

    def all_charts(self) -> Sequence[LossChart]:
        """Return every chart in view."""
        return [self.chart]

    def realign_charts(self) -> None:
        """Draw them now, as their x axis counts something else."""
        raise NotImplementedError

    def place_of(self, state: RunState) -> Place:
        """Return where the steps of a run lie on the x axis."""
        along = self.view.along
        if along == "time":
            return Place("time", origin=state.began_at or 0.0)
        return Place(along, factor=(state.tokens_a_step() or 1.0) if along == "tokens" else 1.0)

    def action_smooth(self, way: int = 1) -> None:
        """The next factor, up or down; after the strongest comes none."""
        place = FACTORS.index(self.view.factor) if self.view.factor in FACTORS else 0
        factor = self.view.factor = FACTORS[(place + way) % len(FACTORS)]
        self.redraw_charts()
        self.say(f"Exponential smoothing {factor:g}" if factor else "Not smoothed")

    def action_log(self) -> None:
        """Logarithmic y, or linear again."""
        self.view.log = not self.view.log
        self.redraw_charts()

    def action_style(self) -> None:
        """The next way to draw."""
        if ascii_only():
            self.say("This terminal is drawn in ASCII only")
            return
        place = MARKERS.index(self.view.marker)
        self.view.marker = MARKERS[(place + 1) % len(MARKERS)]
        self.redraw_charts()
        words = {"ascii": "ASCII", "block": "blocks"}
        self.say(f"Drawn in {words.get(self.view.marker, self.view.marker)}")

    def action_align(self) -> None:
        """Count the x axis in something else, where all that is shown knows it."""
        for _ in _ALONG:
            place = _ALONG.index(self.view.along)
            self.view.along = _ALONG[(place + 1) % len(_ALONG)]
            reason = self._why_not_along()
            if not reason:
                break
            self.say(reason, "warning")
        self.view.window = self.view.cursor = None
        self.realign_charts()

    def _why_not_along(self) -> str:
        states = self.charted()
        if self.view.along == "tokens" and not all(state.tokens_a_step() for state in states):
            return "How many tokens a step takes is not known of every run here"
        if self.view.along == "time" and not all(state.began_at for state in states):
            return "When each step was is not known of every run here"
        return ""

    # The part that is looked at

    def action_zoom(self, factor: float) -> None:
        """Show less of the x axis, or more."""
        low, high = self.chart.whole()
        x0, x1 = self.view.window or (low, high)
        least = _LEAST_WINDOW if self.view.along == "step" else (high - low) / 1e5
        size = max((x1 - x0) * factor, min(least, high - low))
        if size >= high - low:
            self.action_whole()
            return
        middle = self.view.cursor if self.view.cursor is not None else (x0 + x1) / 2
        self._look(middle - size / 2, size)

    def action_pan(self, way: int) -> None:
        """Move along the x axis by a quarter of what is shown."""
        if self.view.window is None:
            self.say("All of the run is in view; + zooms in")
            return
        x0, x1 = self.view.window
        self._look(x0 + way * (x1 - x0) / 4, x1 - x0)

    def _look(self, x0: float, size: float) -> None:
        low, high = self.chart.whole()
        x0 = max(low, min(x0, high - size))
        if self.view.along == "step":
            x0 = float(round(x0))
        self.view.window = (x0, x0 + size)
        if self.view.cursor is not None and not x0 <= self.view.cursor <= x0 + size:
            self.view.cursor = None
        self.redraw_charts()

    def action_whole(self) -> None:
        """Show the whole run, from its lowest to its highest value."""
        self.view.window = None
        for chart in self.all_charts():
            chart.whole_y()
        self.redraw_charts()

    def action_zoom_y(self, factor: float) -> None:
        """Show less of the y axis, or more, around what is read or told last."""
        for chart in self.all_charts():
            chart.zoom_y(factor)
        self.redraw_charts()

    def action_outliers(self) -> None:
        """Let the y axis hold a few values that flatten all others, or not."""
        self.view.outliers = not self.view.outliers
        for chart in self.all_charts():
            chart.whole_y()
        self.redraw_charts()
        if self.view.outliers:
            self.say("The y axis holds every value")
        elif any(chart.left_out for chart in self.all_charts()):
            self.say("The y axis leaves out values that flatten all others")
        else:
            self.say("No value flattens the others")

    # The cursor

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what makes sense now."""
        if action == "no_cursor":
            return self.view.cursor is not None
        return super().check_action(action, parameters)

    def action_cursor(self, way: int) -> None:
        """Read the values one measurement further."""
        chart = self.chart
        axes = chart.axes
        if axes is None or not chart.curves:
            self.say("There is nothing to read yet")
            return
        x = self.view.cursor
        if x is None:
            x = axes.x1 if way < 0 else axes.x0
            ends = next_position(chart.curves, axes, x + (1 if way < 0 else -1), 10**9, way)
            x = ends
            way -= 1 if way > 0 else -1
        for _ in range(abs(way)):
            x = next_position(chart.curves, axes, x, chart.columns, 1 if way > 0 else -1)
        self.view.cursor = x
        self.refresh_bindings()
        self.redraw_charts()

    def action_no_cursor(self) -> None:
        """Put the cursor away."""
        self.view.cursor = None
        self.refresh_bindings()
        self.redraw_charts()
