"""Keys that change how charts of runs are looked at, the same wherever there are charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from tui.run.state import RunState
from tui.screens.base import DeckScreen
from widgets.chart_view import FACTORS, MARKERS, Along, Place, View
from widgets.text import ascii_only

_ALONG: tuple[Along, ...] = get_args(Along)


class ChartKeys(DeckScreen):
    """A screen with charts.

    Attributes:
        view: How they are looked at.
    """

    view: View

    def charted(self) -> Sequence[RunState]:
        """Return the runs that are drawn."""
        raise NotImplementedError

    def redraw_charts(self) -> None:
        """Draw them now, as they are looked at in another way."""
        raise NotImplementedError

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
