"""The charts of the live panel: which numbers, how they are looked at, and the keys for it."""

from __future__ import annotations

import math
from itertools import zip_longest
from typing import ClassVar

from textual import getters, work
from textual.binding import Binding, BindingType

from tui.run.measures import Measure, measures_of
from tui.run.state import RunState
from tui.screens.chart_keys import ChartKeys
from tui.screens.panel_base import PanelBase
from widgets.chart_data import GUEST_KEYS, KEYS, signs
from widgets.chart_grid import COUNTS, ChartGrid
from widgets.chart_view import Curve, Marks, Place, View
from widgets.loss_chart import LossChart
from widgets.numbers import counted


class Guest:
    """Another run laid over this one.

    Attributes:
        state: What is known of it.
        name: Its name for people; not cleaned.
    """

    def __init__(self, state: RunState, name: str) -> None:
        self.state = state
        self.name = name


class PanelCharts(PanelBase, ChartKeys):
    """The part of the panel that draws; :class:`tui.screens.job.JobScreen` fills `state`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "smooth(1)", "smooth", id="job.smooth", tooltip="Smooth the lines more"),
        Binding(
            "S", "smooth(-1)", "smooth less", id="job.rough", tooltip="Smooth less", show=False
        ),
        Binding("y", "log", "log y", id="job.log", tooltip="Logarithmic y, or linear", show=False),
        Binding("m", "measures", "metrics", id="job.measures", tooltip="Choose what is charted"),
        Binding(
            "v",
            "count",
            "charts",
            id="job.count",
            tooltip="More charts, up to twelve where there is room, or one again",
            show=False,
        ),
        Binding(
            "plus,equals_sign",
            "zoom(0.5)",
            "zoom",
            key_display="+",
            id="job.zoom",
            tooltip="Zoom in, around the cursor if there is one",
        ),
        Binding("minus", "zoom(2)", "zoom out", id="job.out", tooltip="Zoom out", show=False),
        Binding("0", "whole", "whole", id="job.whole", tooltip="The whole run", show=False),
        Binding(
            "K,ctrl+up",
            "zoom_y(0.5)",
            "zoom y",
            id="job.y_zoom",
            tooltip="Zoom into the y axis, around what the cursor reads or the last value",
            show=False,
        ),
        Binding(
            "J,ctrl+down",
            "zoom_y(2)",
            "zoom y out",
            id="job.y_out",
            tooltip="Zoom out of the y axis; 0 shows all of it",
            show=False,
        ),
        Binding(
            "Y",
            "outliers",
            "outliers",
            id="job.outliers",
            tooltip="Fit the y axis to outliers too, or leave them out (arrows show where)",
            show=False,
        ),
        Binding(
            "less_than_sign,shift+left",
            "pan(-1)",
            "pan left",
            key_display="<",
            id="job.left",
            tooltip="Pan to earlier steps",
            show=False,
        ),
        Binding(
            "greater_than_sign,shift+right",
            "pan(1)",
            "pan right",
            key_display=">",
            id="job.right",
            tooltip="Pan to later steps",
            show=False,
        ),
        Binding(
            "left",
            "cursor(-1)",
            "read",
            id="job.back",
            tooltip="Read the values at a cursor, which goes to the left",
        ),
        Binding(
            "right",
            "cursor(1)",
            "read",
            id="job.on",
            tooltip="Read the values at a cursor, which goes to the right",
            show=False,
        ),
        Binding(
            "ctrl+left,H",
            "cursor(-10)",
            "far left",
            key_display="H",
            id="job.far_back",
            tooltip="The cursor ten readings to the left",
            show=False,
        ),
        Binding(
            "ctrl+right,L",
            "cursor(10)",
            "far right",
            key_display="L",
            id="job.far_on",
            tooltip="The cursor ten readings to the right",
            show=False,
        ),
        Binding(
            "escape",
            "no_cursor",
            "no cursor",
            id="job.no_cursor",
            tooltip="Put the cursor away",
            show=False,
        ),
        Binding(
            "b",
            "style",
            "style",
            id="job.style",
            tooltip="Draw in braille, in blocks, or in ASCII",
            show=False,
        ),
        Binding(
            "a",
            "align",
            "align",
            id="job.align",
            tooltip="The x axis in steps, in tokens, or in time",
            show=False,
        ),
    ]

    grid = getters.query_one("#charts", ChartGrid)
    chart = getters.query_one("#chart", LossChart)

    def __init__(self) -> None:
        super().__init__()
        self.view = View(factor=0.6)
        self.guests: list[Guest] = []
        self.chosen: list[str] = []
        self._curves: dict[tuple[str, str, str], Curve] = {}
        self._charted: tuple[object, ...] = ()

    # What is drawn

    def measures(self) -> tuple[Measure, ...]:
        """What can be charted, the most telling first."""
        return measures_of(self.state.metrics)

    def shown_measures(self) -> list[Measure]:
        """What is charted: what was chosen, then the most telling, as many as there are charts."""
        known = {measure.name: measure for measure in self.measures()}
        first = [known[name] for name in self.chosen if name in known]
        rest = [measure for measure in known.values() if measure not in first]
        return (first + rest)[: self.grid.count]

    def draw_charts(self, *, now: bool = False) -> None:
        """Give each chart its curves; with ``now`` draw them at once, as a key asked for it."""
        if not self.held:
            version = (self.state.version, *(guest.state.version for guest in self.guests))
            seen = (version, self.state.last_step, self.state.checkpoints, self.grid.count)
            if seen == self._charted and not now:
                return
            self._charted = seen
        shown = self.shown_measures()
        for chart, measure in zip_longest(self.grid, shown):
            if measure is None:
                chart.follow((), title="", now=now)
            elif not (self.held and chart.curves and not now):
                chart.follow(
                    self._lines(measure),
                    title=measure.title,
                    total=self._total(),
                    marks=self._marks(measure),
                    now=now,
                )

    def _total(self) -> float | None:
        totals = [
            last * place.factor
            for state, place in ((each, self.place_of(each)) for each in self.charted())
            if (last := state.last_step)
        ]
        return max(totals) if totals and self.view.along != "time" else None

    def charted(self) -> list[RunState]:
        """Return this run and those laid over it."""
        return [self.state, *(guest.state for guest in self.guests)]

    def _lines(self, measure: Measure) -> list[Curve]:
        found = signs([part.points for part in measure.parts])
        place = self.place_of(self.state)
        lines = [
            self._curve(self.state, "", part.name, part.label, key, sign, part.points, place)
            for part, key, sign in zip(measure.parts, KEYS, found, strict=False)
        ]
        for guest, key in zip(self.guests, GUEST_KEYS, strict=False):
            place = self.place_of(guest.state)
            theirs = next((m for m in measures_of(guest.state.metrics) if m == measure), None)
            theirs = theirs or next(
                (m for m in measures_of(guest.state.metrics) if m.name == measure.name), None
            )
            for part in theirs.parts[:2] if theirs else ():
                letter = key if part.points else key.lower()
                label = f"{guest.name} {part.label}" if part.points else guest.name
                curve = self._curve(
                    guest.state, guest.name, part.name, label, key, letter, part.points, place
                )
                curve.guest = True
                lines.append(curve)
        return lines

    def _curve(
        self,
        state: RunState,
        run: str,
        name: str,
        label: str,
        key: str,
        sign: str,
        points: bool,
        place: Place,
    ) -> Curve:
        at = (run, state.job_id, name)
        curve = self._curves.get(at)
        track = state.metrics[name]
        if curve is None or (curve.track is not track and not self.held):
            curve = self._curves[at] = Curve(track, label, key, sign, points)
        curve.label, curve.key, curve.sign, curve.place = label, key, sign, place
        return curve

    def _marks(self, measure: Measure) -> Marks:
        state = self.state
        epochs = tuple(self._x(step) for step in state.epoch_ends())
        kept = tuple(self._x(c.step) for c in state.checkpoints if c.step is not None)
        best = state.best
        if best is None or best[0] not in [part.name for part in measure.parts]:
            return Marks(epochs, kept)
        return Marks(epochs, kept, (self._x(best[1]), best[2]))

    def _x(self, step: float) -> float:
        """Where a step of this run lies on the x axis; NaN where that is not known."""
        place = self.place_of(self.state)
        if place.along != "time":
            return place.position(step)
        longest = max(self.state.metrics.values(), key=len, default=None)
        at = longest.at(step) if longest is not None else None
        if longest is None or at is None:
            return math.nan
        return longest.times[at] - place.origin

    # While the view is held, the charts are drawn from copies.

    def freeze_charts(self, held: bool) -> None:
        """Hold what the charts are drawn from, or let it go on."""
        for curve in self._curves.values():
            if held:
                curve.hold()
        if not held:
            self._curves.clear()
            self._charted = ()

    # Keys

    def redraw_charts(self) -> None:
        """Draw the charts now."""
        self.draw_charts(now=True)

    def all_charts(self) -> list[LossChart]:
        """Return every chart in view."""
        return self.grid.charts

    def realign_charts(self) -> None:
        """Draw the charts now, on new scales."""
        for chart in self.grid:
            chart.refit()
        self.draw_charts(now=True)

    def put_cursor(self, step: float) -> None:
        """Read the values at a step."""
        self.view.cursor = self._x(step)
        window = self.view.window
        if window is not None and not window[0] <= self.view.cursor <= window[1]:
            size = window[1] - window[0]
            self._look(self.view.cursor - size / 2, size)
        self.refresh_bindings()
        self.draw_charts(now=True)

    def cursor_step(self) -> int | None:
        """The step at the cursor; ``None`` without one."""
        if self.view.cursor is None:
            return None
        steps = [
            curve.track.steps[place]
            for curve in self.chart.curves
            if not curve.guest and (place := curve.place_at(self.view.cursor)) is not None
        ]
        return int(max(steps)) if steps else None

    @work(group="grid", exclusive=True, exit_on_error=False)
    async def action_count(self) -> None:
        """Show more charts, or one again."""
        there = len(self.measures())
        count, most = self.grid.count, self.grid.most()
        # The first that holds all of them is the last that shows more.
        larger = [n for n in COUNTS if count < n <= most] if count < there else []
        await self.set_charts(larger[0] if larger else 1)
        if there < 2:
            self.say("This run tells one number only")
        elif not larger and count < there:
            self.say(f"Room for {counted(count, 'chart')}; m chooses which")

    async def set_charts(self, count: int) -> None:
        """Show as many charts."""
        await self.grid.set_count(count)
        self.set_class(count > 1, "-many")
        self.call_after_refresh(self.draw_charts, now=True)

    @work(group="grid", exclusive=True, exit_on_error=False)
    async def action_measures(self) -> None:
        """Choose what is charted."""
        from tui.screens.panel_choose import ChooseScreen, Option

        found = self.measures()
        if not found:
            self.say("No number has arrived yet")
            return
        options = [
            Option(each.name, each.title, ", ".join(part.name for part in each.parts))
            for each in found
        ]
        shown = [measure.name for measure in self.shown_measures()]
        title = f"Chart which of {len(found)} metrics"
        chosen = await self.app.push_screen_wait(
            ChooseScreen(title, options, shown, most=COUNTS[-1])
        )
        if chosen:
            self.chosen = chosen
            await self.set_charts(next((n for n in COUNTS if n >= len(chosen)), COUNTS[-1]))
